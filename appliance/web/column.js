// The wide column of the page: what it shows now, and how that is drawn anew when the owner says something.

import { byId, element, problem } from "./drawing.js";

let again = null;

document.addEventListener("changed", () => again?.().catch(problem));

// What was found; nothing that the owner says changes it.
export function show(summary, ...drawn) {
  again = null;
  byId("summary").textContent = summary;
  byId("keep").hidden = true;
  byId("shown").replaceChildren(...drawn);
  byId("summary").scrollIntoView({ block: "nearest" });
}

// Something with a title; `draw` fills its parts, now and whenever something changed.
export async function look(title, parts, draw) {
  const heading = element("h2", title);
  heading.tabIndex = -1;
  show("", heading, ...parts);
  again = draw;
  heading.focus();
  await draw();
}

// A part with a title of its own, which is not seen while it is empty.
export function part(title, name = "ul") {
  const [whole, list] = [element("section"), element(name)];
  whole.append(element("h3", title), list);
  return [whole, list];
}
