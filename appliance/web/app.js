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
  const facts = [hit.name, hit.page && `page ${hit.page}`, hit.sent_at && day(hit.sent_at), hit.sender];
  line.querySelector(".open").textContent = hit.title || hit.name;
  line.querySelector(".open").addEventListener("click", () => openItem(hit.item, ...hit.offsets));
  line.querySelector(".facts").textContent = facts.filter(Boolean).join(" · ");
  marked(line.querySelector(".snippet"), hit.snippet, hit.highlights);
  byId("hits").append(line);
}

async function openItem(item, start, end) {
  const [detail, text] = await Promise.all([call("GET", `/v1/items/${item}`), call("GET", `/v1/items/${item}/text`)]);
  byId("reader-title").textContent = detail.item.title || detail.item.name;
  byId("reader-text").replaceChildren();
  marked(byId("reader-text"), text.text, [[start, end]]);
  byId("reader").showModal();
  byId("reader-text").querySelector("mark")?.scrollIntoView({ block: "center" });
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
  const [actions, projects, status] = await Promise.all(
    ["/v1/actions?limit=12", "/v1/projects", "/v1/status"].map((path) => call("GET", path)));
  byId("actions").replaceChildren(...actions.map((action) => {
    const line = element("li", action.evidence.text);
    if (action.due) line.prepend(element("strong", `${action.due} `));
    line.addEventListener("click", () => openItem(action.item, action.evidence.start, action.evidence.end));
    return line;
  }));
  byId("projects").replaceChildren(...projects.map((one) => element("li", `${one.name}: ${one.items} items`)));
  const counts = Object.entries(status.items).filter(([, count]) => count);
  byId("status").replaceChildren(
    ...counts.map(([state, count]) => element("li", `${count} ${state.toLowerCase()}`)),
    element("li", `${status.egress ? status.egress.total : "?"} attempts to reach a network`));
}

byId("ask").addEventListener("submit", search);
overview().catch(problem);
