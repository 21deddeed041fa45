// The page of the appliance: what is to be done, what came in, how the service is.

import { showAction, showActions } from "./actions.js";
import { readDigest, showDigest } from "./digest.js";
import { byId, element, latest, line, problem, refill } from "./drawing.js";
import { showNames } from "./projects.js";
import { showAsked, showKept } from "./searching.js";
import { call } from "./service.js";
import "./reader.js";

const showFirstActions = latest(() => call("GET", "/v1/actions?limit=6"), (found) => {
  refill(byId("actions"), found.length ? found.map(showAction) : [line("Nothing is to be done.")]);
});

async function showState() {
  const [status, accounts, imports] = await Promise.all(
    ["/v1/status", "/v1/mail", "/v1/imports?running=true"].map((path) => call("GET", path)));
  showMail(accounts, imports);
  const counts = Object.entries(status.items).filter(([, count]) => count);
  byId("status").replaceChildren(
    ...counts.map(([state, count]) => line(`${count} ${state.toLowerCase()}`)),
    line(`${status.egress ? status.egress.total : "?"} attempts to reach a network`));
}

const left = (one) => (one.eta_s ? `, about ${Math.ceil(one.eta_s / 60)} min left` : "");

function showMail(accounts, imports) {
  const lines = accounts.map((one) => {
    const waiting = one.to_fetch ? `, ${one.to_fetch} to fetch${left(one)}` : "";
    return line(`${one.name}: ${one.stored} stored${waiting}`, one.trouble && element("p", one.trouble, "problem"));
  });
  lines.push(...imports.map((one) => line(`${one.path}: ${one.messages} messages${left(one)}`)));
  byId("mail").replaceChildren(...lines);
}

byId("all-actions").addEventListener("click", () => showActions().catch(problem));
byId("whole-digest").addEventListener("click", () => readDigest().catch(problem));
document.addEventListener("changed", () => Promise.all([showFirstActions(), showDigest()]).catch(problem));
readDigest().then(() => byId("query").focus()).catch(problem);
for (const part of [showKept, showAsked, showDigest, showFirstActions, showNames, showState]) part().catch(problem);
