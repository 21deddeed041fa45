// The page of the appliance: what is to be done, what came in, how the service is.

import { byId, element, opener, problem } from "./drawing.js";
import { showKept } from "./searching.js";
import { call } from "./service.js";
import "./reader.js";

// What is to be done. That a later message says it is done is only shown: the owner closes.
function showAction(action) {
  const line = element("li", "");
  const who = [action.owner, action.owed_to && `→ ${action.owed_to}`].filter(Boolean).join(" ");
  const facts = [action.due && `due ${action.due}`, who, action.status === "accepted" && "accepted",
    action.repeats && `said again: ${action.repeats}`].filter(Boolean).join(" · ");
  line.append(opener(action.what, action.item, action.evidence), element("p", facts, "facts"));
  const claim = action.closing;
  if (claim) line.append(element("span", "Perhaps done: ", "facts"), opener(`“${claim.evidence.text}”`, claim.item, claim.evidence));
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

showKept().catch(problem);
overview().catch(problem);
showDigest().catch(problem);
