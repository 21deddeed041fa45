// What a search, a question or a kept search finds.

import { byId, day, element, marked, opener, problem } from "./drawing.js";
import { ask, call } from "./service.js";

function showHit(hit) {
  const line = byId("hit").content.cloneNode(true);
  const facts = [hit.sender || hit.name, hit.page && `page ${hit.page}`, hit.sent_at && day(hit.sent_at),
    hit.more && `and ${hit.more} more like it`, hit.reason && `not read: ${hit.reason}`];
  line.querySelector(".open").replaceWith(opener(hit.title || hit.name, hit.item, { start: hit.offsets[0], end: hit.offsets[1] }));
  line.querySelector(".facts").textContent = facts.filter(Boolean).join(" · ");
  marked(line.querySelector(".snippet"), Array.from(hit.snippet), hit.highlights);
  byId("hits").append(line);
}

// Shows what a search finds; `what` says of what, where it is not the query above it.
export async function list(what, found) {
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
      const line = element("li", text);
      const quoted = citation.text === text ? "" : `“${citation.text}”`;
      const facts = [citation.page && `page ${citation.page}`, quoted].filter(Boolean).join(" · ");
      line.append(document.createElement("br"), opener(citation.title, citation.item, citation), " ", element("span", facts, "facts"));
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
    const line = document.createElement("li");
    line.append(opener(item.title || item.name, item.id), " ", element("span", [item.sender || item.name, day(item.stored_at)].join(" · "), "facts"));
    return line;
  }));
  byId("summary").textContent = `${items.length} came in since ${day(kept.created_at)}: ${kept.query.query}`;
  byId("keep").hidden = true;
  await call("POST", `${place}/seen`);
  await showKept();
}

export async function showKept() {
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

byId("ask").addEventListener("submit", search);
byId("answer").addEventListener("click", answer);
byId("keep").addEventListener("click", keep);
