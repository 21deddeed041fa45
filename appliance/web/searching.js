// What a search, a question or a kept search finds.

import { show } from "./column.js";
import {
  button, byId, day, element, facts, latest, line, link, marked, opener, problem, quoted, refill, tell,
} from "./drawing.js";
import { ask, call } from "./service.js";

const ASKED = 8; // questions that are shown

const typed = () => byId("query").value.trim();

function showHit(hit) {
  const said = facts(hit.sender || hit.name, hit.page && `page ${hit.page}`, hit.sent_at && day(hit.sent_at),
    hit.more && `and ${hit.more} more like it`, hit.reason && `not read: ${hit.reason}`);
  const snippet = marked(element("p", "", "snippet"), Array.from(hit.snippet), hit.highlights);
  const [start, end] = hit.offsets;
  return line(opener(hit.title || hit.name, hit.item, { start, end }), said, snippet);
}

function showLines(summary, lines) {
  const shown = element("ol", "", "hits");
  shown.append(...lines);
  show(summary, shown);
}

const showFound = latest((what, found) => found(), (answer, what) => {
  const note = answer.degraded ? ` — ${answer.degraded}` : "";
  const count = answer.hits.length ? `${answer.hits.length} of ${answer.total}` : "Nothing found";
  const found = [count, what, `in ${Math.round(answer.took_ms)} ms${note}`].filter(Boolean).join(" ");
  showLines(found, answer.hits.map(showHit));
  byId("keep").hidden = what !== "";
});

// Shows what a search finds; `what` says of what, where it is not the query above it.
export const list = (what, found) => showFound(what, found).catch(problem);

// Searches for something as if it had been typed.
export function seek(query) {
  byId("query").value = query;
  if (typed()) list("", () => call("POST", "/v1/search", { query: typed(), limit: 20 }));
}

// An answer's sentences, each with the place where it is said.
async function answer() {
  if (!typed()) return byId("query").focus();
  show("Looking for an answer…");
  byId("answer").disabled = true;
  try {
    const said = await call("POST", "/v1/ask", { question: typed() });
    const found = said.sentences.length ? "What your documents say:" : "Not found in your documents.";
    showLines([found, said.degraded].filter(Boolean).join(" "), said.sentences.map(({ text, citation }) =>
      line(element("p", text, "said"), opener(citation.title, citation.item, citation),
        facts(citation.page && `page ${citation.page}`, citation.text !== text && quoted(citation)))));
  } catch (error) {
    show("");
    problem(error);
  }
  byId("answer").disabled = false;
  await showAsked();
}

// What was asked before, to be asked again.
export async function showAsked() {
  const questions = await call("GET", "/v1/questions");
  refill(byId("asked"), questions.slice(0, ASKED).map(({ id, question, changed }) => {
    const again = async () => {
      byId("query").value = question;
      await answer();
    };
    const forget = async () => {
      await ask("DELETE", `/v1/questions/${id}`);
      tell(`Forgotten: ${question}`);
      await showAsked();
    };
    return line(link(question, again), button("×", forget, `Forget: ${question}`),
      changed && facts(`answered anew since ${changed}`));
  }));
}

async function keep() {
  const name = typed().replaceAll("/", " ").slice(0, 100);
  await call("POST", "/v1/searches", { name, query: { query: typed() } });
  byId("keep").hidden = true;
  await showKept();
}

// What came in since a search was kept and answers it.
async function showNews(kept) {
  const place = `/v1/searches/${encodeURIComponent(kept.name)}`;
  const items = await call("GET", `${place}/matches?all=1`);
  showLines(`${items.length} came in since ${day(kept.created_at)}: ${kept.query.query}`, items.map((item) =>
    line(opener(item.title || item.name, item.id), facts(item.sender || item.name, day(item.stored_at)))));
  await call("POST", `${place}/seen`);
  await showKept();
}

export async function showKept() {
  const searches = await call("GET", "/v1/searches");
  refill(byId("kept"), searches.map((kept) => {
    const forget = async () => {
      await ask("DELETE", `/v1/searches/${encodeURIComponent(kept.name)}`);
      tell(`Forgotten: ${kept.name}`);
      await showKept();
    };
    const news = kept.unseen ? `${kept.name}: ${kept.unseen} new` : kept.name;
    return line(link(news, () => showNews(kept)), " ", button("×", forget, `Forget: ${kept.name}`));
  }));
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  seek(byId("query").value);
});
byId("answer").addEventListener("click", () => answer().catch(problem));
byId("keep").addEventListener("click", () => keep().catch(problem));
