// The page of the appliance. Whatever comes from a document is set as text, never as markup.
"use strict";

const byId = (id) => document.getElementById(id);
// The token comes in the address's fragment, which a browser never sends; it stays in this tab.
const token = location.hash.startsWith("#token=") ? location.hash.slice(7) : sessionStorage.getItem("token");
if (token) sessionStorage.setItem("token", token);
history.replaceState(null, "", location.pathname);

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { authorization: `Bearer ${token ?? ""}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.remedy ? `${told.error} (${told.remedy})` : told.error);
  return told;
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Offsets count code points, JavaScript's strings UTF-16 units: so the text is cut as an array.
function marked(target, text, ranges) {
  const points = Array.from(text);
  let at = 0;
  for (const [start, end] of ranges) {
    target.append(points.slice(at, start).join(""), element("mark", points.slice(start, end).join("")));
    at = end;
  }
  target.append(points.slice(at).join(""));
}

const day = (seconds) => new Date(seconds * 1000).toLocaleDateString();

function showHit(hit) {
  const line = byId("hit").content.cloneNode(true);
  const facts = [hit.sender || hit.name, hit.page && `page ${hit.page}`, hit.sent_at && day(hit.sent_at)];
  line.querySelector(".open").textContent = hit.title || hit.name;
  line.querySelector(".open").addEventListener("click", () => openItem(hit.item, ...hit.offsets));
  line.querySelector(".facts").textContent = facts.filter(Boolean).join(" · ");
  marked(line.querySelector(".snippet"), hit.snippet, hit.highlights);
  byId("hits").append(line);
}

async function openItem(item, start, end) {
  const [detail, text] = await Promise.all([call("GET", `/v1/items/${item}`), call("GET", `/v1/items/${item}/text`)]);
  byId("reader-title").textContent = detail.item.title || detail.item.name;
  byId("reader-marks").textContent = detail.item.marks.join(" · ");
  byId("reader-text").replaceChildren();
  marked(byId("reader-text"), text.text, start === undefined ? [] : [[start, end]]);
  if (!byId("reader").open) byId("reader").showModal();
  await showThread(detail.item);
  byId("reader-text").querySelector("mark")?.scrollIntoView({ block: "center" });
}

// The conversation that a message belongs to, as the tree that it is; gaps are messages that never came here.
async function showThread(item) {
  const thread = item.thread ? await call("GET", `/v1/threads/${item.thread}`) : { messages: [] };
  byId("reader-thread").replaceChildren(...(thread.messages.length < 2 ? [] : thread.messages.map((one) => {
    const facts = [one.sent_at && day(one.sent_at), one.sender].filter(Boolean).join(" · ");
    const line = one.item ? element("button", facts || "(unnamed)") : element("span", "a message that is not here");
    line.style.marginInlineStart = `${Math.min(one.depth, 8)}em`;
    line.disabled = one.item === item.id;
    if (one.item) line.addEventListener("click", () => openItem(one.item).catch(problem));
    const place = document.createElement("li");
    place.append(line);
    return place;
  })));
}

function problem(error) {
  byId("summary").replaceChildren(element("span", error.message, "problem"));
}

async function search(event) {
  event.preventDefault();
  const query = byId("query").value.trim();
  if (!query) return;
  try {
    const found = await call("POST", "/v1/search", { query, limit: 20 });
    byId("hits").replaceChildren();
    found.hits.forEach(showHit);
    const note = found.degraded ? ` — ${found.degraded}` : "";
    byId("summary").textContent = `${found.hits.length} of ${found.total} in ${Math.round(found.took_ms)} ms${note}`;
  } catch (error) {
    problem(error);
  }
}

async function overview() {
  const [actions, projects, status, accounts, imports] = await Promise.all(
    ["/v1/actions?limit=12", "/v1/projects", "/v1/status", "/v1/mail", "/v1/imports?running=true"].map(
      (path) => call("GET", path)));
  byId("actions").replaceChildren(...actions.map((action) => {
    const line = element("li", action.evidence.text);
    if (action.due) line.prepend(element("strong", `${action.due} `));
    line.addEventListener("click", () => openItem(action.item, action.evidence.start, action.evidence.end));
    return line;
  }));
  byId("projects").replaceChildren(...projects.map((one) => element("li", `${one.name}: ${one.items} items`)));
  showMail(accounts, imports);
  const counts = Object.entries(status.items).filter(([, count]) => count);
  byId("status").replaceChildren(
    ...counts.map(([state, count]) => element("li", `${count} ${state.toLowerCase()}`)),
    element("li", `${status.egress ? status.egress.total : "?"} attempts to reach a network`));
}

const left = (one) => (one.eta_s ? `, about ${Math.ceil(one.eta_s / 60)} min left` : "");

function showMail(accounts, imports) {
  const lines = accounts.map((one) => {
    const waiting = one.to_fetch ? `, ${one.to_fetch} to fetch${left(one)}` : "";
    const line = element("li", `${one.name}: ${one.stored} stored${waiting}`);
    if (one.trouble) line.append(document.createElement("br"), element("span", one.trouble, "problem"));
    return line;
  });
  lines.push(...imports.map((one) => element("li", `${one.path}: ${one.messages} messages${left(one)}`)));
  byId("mail").replaceChildren(...lines);
  byId("mail").parentElement.hidden = !lines.length;
}

byId("ask").addEventListener("submit", search);
overview().catch(problem);
