// Action items: what is to be done by whom, and what the owner says of it. What a later message says of it is
// only shown: the owner closes.

import { look } from "./column.js";
import {
  button, changed, day, element, facts, latest, line, opener, person, problem, quoted, refill, tell,
} from "./drawing.js";
import { call } from "./service.js";

const SAID = { open: "To do again", accepted: "Accepted", done: "Done", rejected: "Rejected" };
const ACCEPT = ["Accept", "accepted"], DONE = ["Done", "done"], REJECT = ["Reject", "rejected"];
const MOVES = {
  open: [ACCEPT, DONE, REJECT], accepted: [DONE, REJECT], done: [["Reopen", "open"]], rejected: [["Reopen", "open"]],
};
const SHOWN = 100;

async function say(action, words, told) {
  const before = Object.fromEntries(Object.keys(words).map((key) => [key, action[key] ?? ""]));
  const send = async (body) => {
    await call("POST", `/v1/actions/${action.id}`, body);
    changed();
  };
  await send(words);
  tell(`${told}: ${words.what ?? action.what}`, () => send(before));
}

export function showAction(action) {
  const { item, evidence, closing, status } = action;
  const toDo = status === "open" || status === "accepted";
  const late = toDo && action.due && action.due < day(Date.now() / 1000);
  const { owner, owed_to: other } = action;
  const who = other ? `${owner ? person(owner) : "?"} → ${person(other)}` : person(owner ?? "");
  const said = facts(action.due && `${late ? "overdue since" : "due"} ${action.due}`, who, status !== "open" && status,
    action.repeats && `said again: ${action.repeats}`);
  said.title = [owner, other].filter(Boolean).join(" → ");
  said.classList.toggle("late", Boolean(late));
  const own = action.what !== evidence.text.split(/\s+/).join(" ").trim();
  const shown = line(opener(action.what, item, evidence), own && facts(quoted(evidence)), said);
  if (closing) shown.append("Perhaps done: ", opener(quoted(closing.evidence), closing.item, closing.evidence));
  const moves = element("p", "", "moves");
  for (const [label, to] of closing ? [["Still to do", "accepted"], DONE, REJECT] : MOVES[status])
    moves.append(button(label, () => say(action, { status: to }, SAID[to]), `${label}: ${action.what}`));
  if (toDo) moves.append(button("Edit", async () => edit(action, shown, moves), `Edit: ${action.what}`));
  shown.append(moves);
  return shown;
}

function field(label, input, value) {
  const whole = element("label", label);
  input.value = value ?? "";
  whole.append(input);
  return whole;
}

// In place of the buttons: what is to be done, by whom, by when.
function edit(action, shown, moves) {
  const [form, what, owner, due] = ["form", "textarea", "input", "input"].map((name) => element(name));
  form.className = "edit";
  what.required = true;
  what.rows = 3;
  what.maxLength = owner.maxLength = 1000;
  due.type = "date";
  const close = () => {
    form.replaceWith(moves);
    moves.lastChild.focus();
  };
  const ends = element("p", "", "moves");
  ends.append(element("button", "Save", "move"), button("Cancel", async () => close()));
  form.append(field("What", what, action.what), field("Who", owner, action.owner), field("Due", due, action.due), ends);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = Object.entries({ what: what.value.trim(), owner: owner.value.trim(), due: due.value });
    const words = Object.fromEntries(given.filter(([key, value]) => value !== (action[key] ?? "")));
    if (!Object.keys(words).length) return close();
    say(action, words, "Changed").then(close).catch(problem);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // it leaves the form, and not the reader
    close();
  });
  moves.replaceWith(form);
  form.scrollIntoView({ block: "nearest" });
  what.focus({ preventScroll: true });
}

function choice(options) {
  const made = element("select");
  for (const [value, text] of options) {
    const one = element("option", text);
    one.value = value;
    made.append(one);
  }
  return made;
}

// All of them, by what the owner asks for.
export async function showActions() {
  const [form, owner, before, list, note] = ["form", "input", "input", "ul", "p"].map((name) => element(name));
  const projects = (await call("GET", "/v1/projects")).map(({ name }) => [name, name]);
  const status = choice([["", "to do"], ...Object.keys(SAID).map((name) => [name, name]), ["all", "all"]]);
  const project = choice([["", "any"], ...projects]);
  before.type = "date";
  form.className = "filters";
  form.append(field("Which", status, ""), field("Whose", owner, ""), field("Due before", before, ""),
    field("Project", project, ""));
  const fetched = () => {
    const asked = { owner: owner.value.trim(), due_before: before.value, project: project.value };
    asked[status.value === "all" ? "all" : "status"] = status.value === "all" ? "true" : status.value;
    const given = Object.entries(asked).filter(([, value]) => value);
    return call("GET", `/v1/actions?${new URLSearchParams([...given, ["limit", SHOWN]])}`);
  };
  const draw = latest(fetched, (found) => {
    refill(list, found.map(showAction));
    note.textContent = found.length === SHOWN ? `the first ${SHOWN}` : found.length ? "" : "none";
  });
  form.addEventListener("input", () => draw().catch(problem));
  form.addEventListener("submit", (event) => event.preventDefault());
  await look("To do", [form, list, note], draw);
}
