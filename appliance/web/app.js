// The page of the appliance. Whatever comes from a document is set as text, never as markup.
"use strict";

const byId = (id) => document.getElementById(id);
// The token comes in the address's fragment, which a browser never sends; it stays in this tab.
const token = location.hash.startsWith("#token=") ? location.hash.slice(7) : sessionStorage.getItem("token");
if (token) sessionStorage.setItem("token", token);
history.replaceState(null, "", location.pathname);

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { authorization: `Bearer ${token ?? ""}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (answer.ok) return answer;
  const told = await answer.json();
  throw new Error(told.remedy ? `${told.error} (${told.remedy})` : told.error);
}

const call = async (method, path, body) => (await ask(method, path, body)).json();

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Offsets count code points, JavaScript's strings UTF-16 units: so the text is cut as an array.
function marked(target, points, ranges, from = 0, to = points.length) {
  let at = from;
  for (const [start, end] of ranges) {
    const [first, last] = [Math.max(start, at), Math.min(end, to)];
    if (first >= last) continue;
    target.append(points.slice(at, first).join(""), element("mark", points.slice(first, last).join("")));
    at = last;
  }
  target.append(points.slice(at, to).join(""));
  return target;
}

const day = (seconds) => new Date(seconds * 1000).toLocaleDateString();

function showHit(hit) {
  const line = byId("hit").content.cloneNode(true);
  const facts = [hit.sender || hit.name, hit.page && `page ${hit.page}`, hit.sent_at && day(hit.sent_at),
    hit.more && `and ${hit.more} more like it`, hit.reason && `not read: ${hit.reason}`];
  line.querySelector(".open").textContent = hit.title || hit.name;
  line.querySelector(".open").addEventListener("click", () => openItem(hit.item, ...hit.offsets));
  line.querySelector(".facts").textContent = facts.filter(Boolean).join(" · ");
  marked(line.querySelector(".snippet"), Array.from(hit.snippet), hit.highlights);
  byId("hits").append(line);
}

async function openItem(item, start, end) {
  const [detail, text] = await Promise.all([call("GET", `/v1/items/${item}`), call("GET", `/v1/items/${item}/text`)]);
  byId("reader-title").textContent = detail.item.title || detail.item.name;
  byId("like").onclick = () => {
    byId("reader").close();
    list(`like “${detail.item.title || detail.item.name}”`, () => call("GET", `/v1/items/${item}/similar?limit=20`));
  };
  byId("related").onclick = () => showRelated(item).catch(problem);
  byId("reader-related").replaceChildren();
  byId("reader-marks").textContent = [...detail.item.marks, detail.item.partial].filter(Boolean).join(" · ");
  await showNames(detail);
  showMembers(detail);
  byId("reader-text").replaceChildren(...(detail.item.reason ? unread(detail.item) : []));
  showText(detail.item, text, start === undefined ? [] : [[start, end]]);
  if (!byId("reader").open) byId("reader").showModal();
  await showThread(detail.item);
  byId("reader-text").querySelector("mark")?.scrollIntoView({ block: "center" });
}

// Why an item could not be read; of one that is locked, where to give its password.
function unread(item) {
  const told = element("p", `${item.reason}: ${item.detail ?? ""}`, "problem");
  if (item.reason !== "NEEDS_PASSWORD") return [told];
  const [form, field] = [document.createElement("form"), document.createElement("input")];
  Object.assign(field, { type: "password", required: true, autocomplete: "off" });
  field.setAttribute("aria-label", "Password of the document");
  form.append(field, element("button", "Unlock"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    unlock(item.id, field.value).catch((error) => (told.textContent = error.message));
  });
  return [told, form];
}

async function unlock(item, password) {
  let now = await call("POST", `/v1/items/${item}/unlock`, { password });
  for (let tries = 0; now.state === "STORED" && tries < 100; tries++) {
    await new Promise((done) => setTimeout(done, 200));
    now = (await call("GET", `/v1/items/${item}`)).item;
  }
  await openItem(item);
}

// The tags and projects of an item, each with what proves it; the owner takes one away or adds another.
async function showNames(detail) {
  const item = detail.item.id;
  const kinds = [
    ["tags", "Add a tag", detail.tags.map((one) => [one.name, one]), (given) => ({ given })],
    ["projects", "Add to a project", detail.links.map((one) => [one.project, one]), (linked) => ({ linked })],
  ];
  const places = await Promise.all(kinds.map(async ([kind, invitation, found, said]) => {
    const say = async (name, holds) => {
      await call("POST", `/v1/items/${item}/${kind}`, { name, ...said(holds) });
      await showNames(await call("GET", `/v1/items/${item}`));
    };
    const lines = found.map(([name, one]) => {
      const [line, open, away] = [document.createElement("li"), element("button", name, "open"), element("button", "×")];
      const proof = one.evidence.text && `“${one.evidence.text}”`;
      open.title = [one.reader === "owner" && "you said so", one.reason, proof].filter(Boolean).join(" · ");
      open.addEventListener("click", () => openItem(item, one.evidence.start, one.evidence.end).catch(problem));
      away.setAttribute("aria-label", `${name} is wrong`);
      away.addEventListener("click", () => say(name, false).catch(problem));
      line.append(open, away);
      return line;
    });
    const had = new Set(found.map(([name]) => name));
    const names = (await call("GET", `/v1/${kind}`)).map((one) => one.name).filter((name) => !had.has(name));
    const [line, choice] = [document.createElement("li"), document.createElement("select")];
    choice.setAttribute("aria-label", invitation);
    choice.append(...[invitation, ...names].map((name) => element("option", name)));
    choice.addEventListener("change", () => say(choice.value, true).catch(problem));
    line.append(choice);
    return names.length ? [...lines, line] : lines;
  }));
  byId("reader-names").replaceChildren(...places.flat());
}

// What an item answers, mentions or shares numbers with, and what does so with it.
async function showRelated(item) {
  const found = await call("GET", `/v1/items/${item}/related`);
  byId("reader-related").replaceChildren(...found.map((one) => {
    const [line, open] = [document.createElement("li"), element("button", one.item.title || one.item.name, "open")];
    open.title = one.evidence.text;
    open.addEventListener("click", () => openItem(one.item.id).catch(problem));
    line.append(open, " ", element("span", one.reason, "facts"));
    return line;
  }));
  if (!found.length) byId("reader-related").append(element("li", "nothing that is here", "facts"));
}

// What an item was taken out of, and what was taken out of it.
function showMembers(detail) {
  const links = detail.children.map((one) => [one.id, one.path || one.name]);
  if (detail.item.parent) links.unshift([detail.item.parent, "↑ what it came in"]);
  byId("reader-members").replaceChildren(...links.map(([id, name]) => {
    const [place, link] = [document.createElement("li"), element("button", name, "open")];
    link.addEventListener("click", () => openItem(id).catch(problem));
    place.append(link);
    return place;
  }));
}

const DRAWN = 1500; // elements at a time: a book would take the browser seconds
const TAGS = { title: "h3", code: "pre", list_item: "p", caption: "figcaption" };

// The text of an item as it was built: headings, paragraphs, tables; from a little before the marked stretch.
function showText(item, text, ranges) {
  const points = Array.from(text.text);
  const found = ranges.length ? text.elements.findIndex((one) => one.end > ranges[0][0]) : 0;
  let [first, next] = [Math.max(0, found - 100), Math.max(0, found - 100)];
  const above = element("button", "What comes before"), below = element("button", "What comes next");
  const body = document.createElement("div");
  const draw = (from, to) => {
    const drawn = [];
    for (const [at, one] of text.elements.slice(from, to).entries()) {
      const before = text.elements[from + at - 1];
      if (one.page && one.page !== before?.page) drawn.push(pageButton(item, one.page));
      drawn.push(drawElement(one, points, ranges));
    }
    [above.hidden, below.hidden] = [first <= 0, next >= text.elements.length];
    return drawn;
  };
  const onward = () => body.append(...draw(next, (next += DRAWN)));
  above.addEventListener("click", () => {
    const last = first;
    body.prepend(...draw((first = Math.max(0, first - DRAWN)), last));
  });
  below.addEventListener("click", onward);
  onward();
  byId("reader-text").append(above, body, below);
}

function drawElement(one, points, ranges) {
  if (one.table) return drawTable(one.table, points, ranges);
  const drawn = element(TAGS[one.kind] ?? "p", "", one.kind);
  if (one.kind === "list_item") drawn.style.marginInlineStart = `${Math.min(one.level ?? 1, 8)}em`;
  return marked(drawn, points, ranges, one.start, one.end);
}

function drawTable(table, points, ranges) {
  const drawn = document.createElement("table");
  table.rows.forEach((spans, number) => {
    const row = drawn.insertRow();
    for (let at = 0; at < spans.length; at += 2) {
      const cell = document.createElement(number < table.header ? "th" : "td");
      row.append(marked(cell, points, ranges, spans[at], spans[at + 1]));
    }
  });
  return drawn;
}

// A page's number; pressed, it shows the page as it looks.
function pageButton(item, number) {
  const button = element("button", `Page ${number}`, "page");
  if (!/^image\/|^application\/pdf$/.test(item.media_type)) button.disabled = true;
  button.addEventListener("click", async () => {
    if (button.nextSibling?.tagName === "IMG") return button.nextSibling.remove();
    button.disabled = true;
    try {
      const image = document.createElement("img");
      image.src = URL.createObjectURL(await (await ask("GET", `/v1/items/${item.id}/pages/${number}?width=1400`)).blob());
      image.onload = () => URL.revokeObjectURL(image.src);
      image.alt = `Page ${number} as it looks`;
      button.after(image);
    } catch (error) {
      button.textContent = error.message;
    }
    button.disabled = false;
  });
  return button;
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

// Shows what a search finds; `what` says of what, where it is not the query above it.
async function list(what, found) {
  try {
    const answer = await found();
    byId("hits").replaceChildren();
    answer.hits.forEach(showHit);
    const note = answer.degraded ? ` — ${answer.degraded}` : "";
    byId("summary").textContent =
      `${answer.hits.length} of ${answer.total} ${what} in ${Math.round(answer.took_ms)} ms${note}`;
    byId("keep").hidden = what !== "";
  } catch (error) {
    problem(error);
  }
}

const typed = () => byId("query").value.trim();

function search(event) {
  event.preventDefault();
  if (typed()) list("", () => call("POST", "/v1/search", { query: typed(), limit: 20 }));
}

// An answer's sentences, each with the place where it is said.
async function answer() {
  if (!typed()) return;
  byId("keep").hidden = byId("answer").disabled = true;
  byId("summary").textContent = "Looking for an answer…";
  try {
    const said = await call("POST", "/v1/ask", { question: typed() });
    byId("hits").replaceChildren(...said.sentences.map(({ text, citation }) => {
      const [line, open] = [element("li", text), element("button", citation.title, "open")];
      open.addEventListener("click", () => openItem(citation.item, citation.start, citation.end).catch(problem));
      const quoted = citation.text === text ? "" : `“${citation.text}”`;
      const facts = [citation.page && `page ${citation.page}`, quoted].filter(Boolean).join(" · ");
      line.append(document.createElement("br"), open, " ", element("span", facts, "facts"));
      return line;
    }));
    const found = said.sentences.length ? "What your documents say:" : "Not found in your documents.";
    byId("summary").textContent = [found, said.degraded].filter(Boolean).join(" ");
  } catch (error) {
    problem(error);
  }
  byId("answer").disabled = false;
}

async function keep() {
  try {
    await call("POST", "/v1/searches", { name: typed().replaceAll("/", " ").slice(0, 100), query: { query: typed() } });
    byId("keep").hidden = true;
    await showKept();
  } catch (error) {
    problem(error);
  }
}

// What came in since a search was kept and answers it.
async function showNews(kept) {
  const place = `/v1/searches/${encodeURIComponent(kept.name)}`;
  const items = await call("GET", `${place}/matches?all=1`);
  byId("hits").replaceChildren(...items.map((item) => {
    const [line, open] = [document.createElement("li"), element("button", item.title || item.name, "open")];
    open.addEventListener("click", () => openItem(item.id).catch(problem));
    line.append(open, " ", element("span", [item.sender || item.name, day(item.stored_at)].join(" · "), "facts"));
    return line;
  }));
  byId("summary").textContent = `${items.length} came in since ${day(kept.created_at)}: ${kept.query.query}`;
  byId("keep").hidden = true;
  await call("POST", `${place}/seen`);
  await showKept();
}

async function showKept() {
  const searches = await call("GET", "/v1/searches");
  byId("kept").replaceChildren(...searches.map((kept) => {
    const news = kept.unseen ? `${kept.name}: ${kept.unseen} new` : kept.name;
    const [line, show] = [document.createElement("li"), element("button", news, "open")];
    const forget = element("button", "Forget");
    show.addEventListener("click", () => showNews(kept).catch(problem));
    forget.addEventListener("click", () => {
      ask("DELETE", `/v1/searches/${encodeURIComponent(kept.name)}`).then(showKept).catch(problem);
    });
    line.append(show, forget);
    return line;
  }));
  byId("kept").parentElement.hidden = !searches.length;
}

// A line of a document, which opens at its place.
function proof(item, evidence, text) {
  const opener = element("button", text, "open");
  opener.addEventListener("click", () => openItem(item, evidence.start, evidence.end).catch(problem));
  return opener;
}

// What is to be done. That a later message says it is done is only shown: the owner closes.
function showAction(action) {
  const line = element("li", "");
  const who = [action.owner, action.owed_to && `→ ${action.owed_to}`].filter(Boolean).join(" ");
  const facts = [action.due && `due ${action.due}`, who, action.status === "accepted" && "accepted",
    action.repeats && `said again: ${action.repeats}`].filter(Boolean).join(" · ");
  line.append(proof(action.item, action.evidence, action.what), element("p", facts, "facts"));
  const claim = action.closing;
  if (claim) line.append(element("span", "Perhaps done: ", "facts"), proof(claim.item, claim.evidence, `“${claim.evidence.text}”`));
  const moves = [["Done", "done"], ["Reject", "rejected"]];
  if (claim || action.status === "open") moves.unshift([claim ? "Still to do" : "Accept", "accepted"]);
  line.append(...moves.map(([label, status]) => {
    const button = element("button", label, "move");
    button.addEventListener("click", () => {
      call("POST", `/v1/actions/${action.id}`, { status }).then(overview).catch(problem);
    });
    return button;
  }));
  return line;
}

async function overview() {
  const [actions, projects, status, accounts, imports] = await Promise.all(
    ["/v1/actions?limit=12", "/v1/projects", "/v1/status", "/v1/mail", "/v1/imports?running=true"].map(
      (path) => call("GET", path)));
  byId("actions").replaceChildren(...actions.map(showAction));
  byId("projects").replaceChildren(...projects.map((one) => element("li", `${one.name}: ${one.items} items`)));
  showMail(accounts, imports);
  const counts = Object.entries(status.items).filter(([, count]) => count);
  byId("status").replaceChildren(
    ...counts.map(([state, count]) => element("li", `${count} ${state.toLowerCase()}`)),
    element("li", `${status.egress ? status.egress.total : "?"} attempts to reach a network`));
}

// What was asked before, and answers it now.
function showChanged(asked) {
  const line = element("li", `${asked.question} `);
  line.append(...asked.answer_now.map((one) => proof(one.item, one.evidence, one.evidence.text)));
  if (!asked.answer_now.length) line.append(element("span", "not found any more", "facts"));
  return line;
}

// What the last night brought; what is still to be done stands below it.
async function showDigest() {
  const found = await call("GET", "/v1/digest");
  const lines = [["came in", found.arrived], ["overdue", found.overdue.length], ["new to do", found.new_actions.length],
    ["due within a week", found.due_soon.length], ...found.projects.map((one) => [`for ${one.project}`, one.items.length]),
    ["say the same as another", found.duplicates.length], ["could not be read", found.unread.length]]
    .filter(([, count]) => count).map(([what, count]) => element("li", `${count} ${what}`));
  lines.push(...found.answers.map(showChanged));
  byId("digest").replaceChildren(...lines);
  byId("digest").parentElement.hidden = !lines.length;
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
byId("answer").addEventListener("click", answer);
byId("keep").addEventListener("click", keep);
showKept().catch(problem);
overview().catch(problem);
showDigest().catch(problem);
