// The owner's projects and tags: what belongs to one, and what may be one more.

import { showAction } from "./actions.js";
import { look, part } from "./column.js";
import {
  button, byId, changed, count, day, element, facts, latest, line, link, opener, problem, refill, tell,
} from "./drawing.js";
import { seek } from "./searching.js";
import { call } from "./service.js";

const NAMED = 3; // items of a proposal that are named

const fetchNames = () => Promise.all(["/v1/projects", "/v1/tags"].map((path) => call("GET", path)));

export const showNames = latest(fetchNames, ([projects, tags]) => {
  refill(byId("projects"), projects.map(({ name, items, closed }) => {
    const about = element("span", `${count(items)}${closed ? ", closed" : ""}`, "facts");
    return line(link(name, () => showProject(name)), " ", about);
  }));
  refill(byId("tags"), tags.map(({ name, items }) => {
    const find = async () => seek(`tag:"${name.replaceAll('"', " ")}"`);
    return line(link(name, find), " ", element("span", count(items), "facts"));
  }));
});

// What happened in a project, in order, and what is still to do.
async function showProject(name) {
  const place = `/v1/projects/${encodeURIComponent(name)}`;
  const [state, [toDo, actions], [past, entries]] = [element("div"), part("Still to do"), part("What happened", "ol")];
  const draw = latest(() => call("GET", place), (found) => {
    const [label, done] = found.closed ? ["Open it again", "Open again"] : ["Close it", "Closed"];
    const turn = async () => {
      await call("POST", place, { closed: !found.closed });
      changed();
      tell(`${done}: ${name}`);
    };
    const told = element("p", found.closed ? "Closed: nothing new is linked to it. " : `${count(found.entries.length)}. `);
    told.append(button(label, turn, `${label}: ${name}`));
    refill(state, [told]);
    refill(actions, found.actions.map(showAction));
    refill(entries, found.entries.map(({ item, link }) => showEntry(name, item, link)));
  });
  await look(name, [state, toDo, past], draw);
}

function showEntry(name, item, { evidence, reader, reason }) {
  const said = async (linked) => {
    await call("POST", `/v1/items/${item.id}/projects`, { name, linked });
    changed();
  };
  const own = reader === "owner";
  const title = item.title || item.name;
  const take = async () => {
    await said(false);
    tell(`Not of ${name}: ${title}`, () => said(own || null));
  };
  const places = evidence.text ? [evidence] : [];
  return line(opener(title, item.id, ...places), " ", button("×", take, `${title} does not belong here`),
    facts(day(item.created_at ?? item.stored_at), item.sender, own && "you said so", reason));
}

// Groups of items that are alike and have no name of the owner's. None is stored.
// Says that a proposal is none, and takes that back.
function dismissal(kind, name, items) {
  let dismissed = false;
  const made = button("Not this one", async () => {
    await call("POST", "/v1/proposals", { kind, items, dismissed: !dismissed });
    dismissed = !dismissed;
    made.textContent = dismissed ? "Undo" : "Not this one";
    made.setAttribute("aria-label", `${made.textContent}: ${name}`);
  }, `Not this one: ${name}`);
  return made;
}

export async function showProposed(kind) {
  const list = element("ul");
  const note = facts(`To make one yours, add a [[${kind}]] to strongroom.toml.`);
  await look(`What may be a ${kind}`, [list, note], async () => {
    const found = await call("GET", `/v1/proposals?kind=${kind}`);
    const lines = await Promise.all(found.map(async ({ name, items, reasons }) => {
      const named = items.slice(0, NAMED).map((id) => call("GET", `/v1/items/${id}`));
      const few = element("ul");
      few.append(...(await Promise.all(named)).map(({ item }) => line(opener(item.title || item.name, item.id))));
      return line(element("b", name), dismissal(kind, name, items), facts(count(items.length), ...reasons), few);
    }));
    refill(list, lines.length ? lines : [line("Nothing to propose.")]);
  });
}

document.addEventListener("changed", () => showNames().catch(problem));
for (const kind of ["project", "tag"])
  byId(`proposed-${kind}s`).addEventListener("click", () => showProposed(kind).catch(problem));
