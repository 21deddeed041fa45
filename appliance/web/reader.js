// One item in a window of its own: what is known of it, each finding with its place, and its text.

import { showAction } from "./actions.js";
import {
  byId, button, changed, day, element, facts, latest, line, opener, person, problem, proven, quoted, refill, tell,
} from "./drawing.js";
import { list } from "./searching.js";
import { call } from "./service.js";
import { showText } from "./text.js";

const KINDS = { person: "reader-people", date: "reader-days", amount: "reader-amounts" };
let shown = null; // the item and its text

document.addEventListener("open-item", ({ detail }) => openItem(detail.item, detail.places).catch(problem));
document.addEventListener("changed", () => {
  if (byId("reader").open) showKnown(shown.item.id).catch(problem);
});
byId("like").addEventListener("click", () => {
  const { id, title, name } = shown.item;
  byId("reader").close();
  list(`like “${title || name}”`, () => call("GET", `/v1/items/${id}/similar?limit=20`));
});

async function openItem(id, places = []) {
  if (!byId("reader").open || shown.item.id !== id) await showItem(id);
  byId("reader-text").replaceChildren(...(shown.item.reason ? unread(shown.item) : []));
  showText(shown.item, shown.text, places);
  byId("reader-text").querySelector("mark")?.scrollIntoView({ block: "center" });
}

async function showItem(id) {
  const [known, text] = await Promise.all([fetchKnown(id), call("GET", `/v1/items/${id}/text`)]);
  const [detail] = known;
  const { item } = detail;
  const thread = item.thread ? await call("GET", `/v1/threads/${item.thread}`) : { messages: [] };
  shown = { item, text };
  byId("reader-title").textContent = item.title || item.name;
  for (const place of ["reader-told", "reader-actions"]) byId(place).replaceChildren();
  byId("reader-related").replaceChildren(line(button("Look for it", () => showRelated(id))));
  draw(...known);
  showMembers(detail);
  showThread(item, thread.messages);
  byId("reader-known").open = matchMedia("(min-width: 45rem)").matches; // else it hides the text
  if (!byId("reader").open) byId("reader").showModal();
  for (const scrolled of document.querySelectorAll("#reader :is(.columns, .columns > *)")) scrolled.scrollTop = 0;
  byId("reader-title").focus();
}

// Why an item could not be read; of one that is locked, where to give its password.
function unread(item) {
  const told = element("p", `${item.reason}: ${item.detail ?? ""}`, "problem");
  if (item.reason !== "NEEDS_PASSWORD") return [told];
  const [form, field] = [element("form"), element("input")];
  Object.assign(field, { type: "password", required: true, autocomplete: "off" });
  field.setAttribute("aria-label", "Password of the document");
  form.append(field, element("button", "Unlock"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    unlock(item.id, field.value).catch((error) => (told.textContent = error.message));
  });
  return [told, form];
}

async function unlock(id, password) {
  let now = await call("POST", `/v1/items/${id}/unlock`, { password });
  for (let tries = 0; now.state === "STORED" && tries < 100; tries++) {
    await new Promise((done) => setTimeout(done, 200));
    now = (await call("GET", `/v1/items/${id}`)).item;
  }
  byId("reader").close();
  await openItem(id);
}

const fetchKnown = (id) =>
  Promise.all([`/v1/items/${id}`, "/v1/tags", "/v1/projects"].map((path) => call("GET", path)));

const showKnown = latest(fetchKnown, (known, id) => {
  if (shown.item.id === id) draw(...known);
});

function draw({ item, summary, tags, links, actions, mentions }, ownTags, ownProjects) {
  const about = [item.sender, item.title && item.name, day(item.created_at ?? item.stored_at), ...item.marks, item.partial];
  byId("reader-facts").replaceChildren(facts(...about));
  byId("reader-summary").textContent = summary ?? "";
  const projects = links.map((one) => ({ ...one, name: one.project }));
  refill(byId("reader-tags"), named(item.id, "tags", tags, ownTags, (given) => ({ given })));
  refill(byId("reader-projects"), named(item.id, "projects", projects, ownProjects, (linked) => ({ linked })));
  refill(byId("reader-actions"), actions.map(showAction));
  for (const [kind, place] of Object.entries(KINDS)) {
    const [these, values] = [mentions.filter((one) => one.kind === kind), new Map()];
    for (const one of these) values.set(one.value, [...(values.get(one.value) ?? []), one.evidence]);
    refill(byId(place), [...values].map(([value, places]) => line(opener(value, item.id, ...places))));
  }
}

// The tags or projects of an item, each with what proves it; the owner takes one away or adds another.
function named(item, kind, found, every, said) {
  const send = async (name, holds) => {
    await call("POST", `/v1/items/${item}/${kind}`, { name, ...said(holds) });
    changed();
  };
  const lines = found.map((one) => {
    const own = one.reader === "owner";
    const take = async () => {
      await send(one.name, false);
      tell(`Taken away: ${one.name}`, () => send(one.name, own || null));
    };
    return line(proven(one.name, item, one.evidence), button("×", take, `${one.name} is wrong`),
      facts(own && "you said so", one.reason, !one.reason && quoted(one.evidence)));
  });
  const had = new Set(found.map((one) => one.name));
  const others = every.map((one) => one.name).filter((name) => !had.has(name));
  if (!others.length) return lines;
  const choice = element("select");
  choice.setAttribute("aria-label", `One of your ${kind}`);
  const none = element("option", "another …");
  none.value = "";
  choice.append(none, ...others.map((name) => element("option", name)));
  const add = async () => {
    const name = choice.value;
    if (!name) return choice.focus();
    await send(name, true);
    tell(`Added: ${name}`, () => send(name, null));
  };
  return [...lines, line(choice, " ", button("Add", add, `Add to its ${kind}`))];
}

// What an item answers, mentions or shares numbers with, and what does so with it.
async function showRelated(id) {
  const found = await call("GET", `/v1/items/${id}/related`);
  const lines = found.map(({ item, reason, evidence }) => {
    const proof = evidence.text && opener(quoted(evidence), id, evidence);
    return line(opener(item.title || item.name, item.id), facts(reason), proof);
  });
  refill(byId("reader-related"), lines.length ? lines : [line(facts("nothing that is here"))]);
}

// What an item was taken out of, and what was taken out of it.
function showMembers({ item, children }) {
  const members = children.map((one) => line(opener(one.path || one.name, one.id)));
  if (item.parent) members.unshift(line(opener("↑ what it came in", item.parent)));
  byId("reader-members").replaceChildren(...members);
}

// The conversation that a message belongs to, as the tree that it is; gaps are messages that never came here.
function showThread(item, messages) {
  byId("reader-thread").replaceChildren(...(messages.length < 2 ? [] : messages.map((one) => {
    const about = [one.sent_at && day(one.sent_at), one.sender && person(one.sender)];
    const told = about.filter(Boolean).join(" · ") || "(unnamed)";
    const here = one.item === item.id && element("b", told);
    const gone = element("span", "a message that is not here", "facts");
    const place = line(here || (one.item ? opener(told, one.item) : gone));
    place.style.marginInlineStart = `${Math.min(one.depth, 8)}em`;
    if (here) place.setAttribute("aria-current", "true");
    return place;
  })));
}
