// What the last night brought, counted beside the wide column and told in it.

import { showAction } from "./actions.js";
import { look, part } from "./column.js";
import { button, byId, element, facts, latest, line, opener, quoted, refill } from "./drawing.js";
import { call } from "./service.js";

const SHOWN = 8; // of each kind, before the owner asks for the rest

const showItem = (item) => line(opener(item.title || item.name, item.id), facts(item.sender, item.reason));
const showMention = (one) => line(opener(one.value, one.item, one.evidence));
const showDuplicate = ({ item, same_as }) =>
  line(opener(item.name, item.id), " as ", opener(same_as.title || same_as.name, same_as.id));

// What was asked before, and answers it now.
const showAnswer = ({ question, answer_now: now }) =>
  line(element("p", question), ...now.flatMap((one) => [opener(quoted(one.evidence), one.item, one.evidence), " "]),
    !now.length && facts("not found any more"));

// Its parts in order: title, what there is, how one is drawn.
const parts = (found) => [
  ["overdue", found.overdue, showAction],
  ["new to do", found.new_actions, showAction],
  ["due within a week", found.due_soon, showAction],
  ...found.projects.map((one) => [`came in for ${one.project}`, one.items, showItem]),
  ["answered anew", found.answers, showAnswer],
  ["named for the first time", found.people, showMention],
  ["amounts", found.amounts, showMention],
  ["say the same as another", found.duplicates, showDuplicate],
  ["could not be read", found.unread, showItem],
];

const fetched = () => call("GET", "/v1/digest");

export const showDigest = latest(fetched, (found) => {
  const counts = [["came in", { length: found.arrived }], ...parts(found)].filter(([, some]) => some.length);
  refill(byId("digest"), counts.map(([title, some]) => line(`${some.length} ${title}`)));
});

export async function readDigest() {
  const body = element("div");
  const whole = new Set(); // parts of which all is shown
  const draw = latest(fetched, (found) => {
    const drawn = parts(found).filter(([, some]) => some.length).map(([title, some, show], at) => {
      const [section, list] = part(`${some.length} ${title}`);
      const shown = whole.has(title) ? some : some.slice(0, SHOWN);
      list.append(...shown.map(show));
      const all = async () => {
        whole.add(title);
        await draw();
        body.querySelectorAll("section")[at].querySelectorAll("li")[SHOWN].querySelector("button").focus();
      };
      if (shown.length < some.length) section.append(button(`${some.length - shown.length} more`, all, `More: ${title}`));
      return section;
    });
    refill(body, [element("p", found.arrived ? `${found.arrived} came in.` : "Nothing came in."), ...drawn]);
  });
  await look("This morning", [body], draw);
}
