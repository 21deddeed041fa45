// One item in a window of its own: what is known of it, and its text.

import { byId, day, element, opener, problem } from "./drawing.js";
import { list } from "./searching.js";
import { call } from "./service.js";
import { showText } from "./text.js";

document.addEventListener("open-item", ({ detail }) => openItem(detail.item, detail.start, detail.end).catch(problem));

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
      const [line, open, away] = [document.createElement("li"), opener(name, item, one.evidence), element("button", "×")];
      const proof = one.evidence.text && `“${one.evidence.text}”`;
      open.title = [one.reader === "owner" && "you said so", one.reason, proof].filter(Boolean).join(" · ");
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
    const [line, open] = [document.createElement("li"), opener(one.item.title || one.item.name, one.item.id)];
    open.title = one.evidence.text;
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
    const place = document.createElement("li");
    place.append(opener(name, id));
    return place;
  }));
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
