// Parts that all lists are drawn with. Whatever comes from a document is set as text, never as markup.

export const byId = (id) => document.getElementById(id);

export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

export function line(...parts) {
  const made = document.createElement("li");
  made.append(...parts.filter(Boolean));
  return made;
}

// In elements of their own, so that a name which turns the direction of writing turns its own only.
export function facts(...parts) {
  const made = element("p", "", "facts");
  for (const part of parts.filter(Boolean)) made.append(made.firstChild ? " · " : "", element("bdi", part));
  return made;
}

export const count = (items) => (items === 1 ? "1 item" : `${items} items`);

// "Ann Lee <ann@example.org>" by the name alone.
export const person = (who) => who.replace(/^(.*\S)\s*<[^<>]*>$/, "$1");

// Of this machine's zone, as the service writes days.
export const day = (seconds) => new Date(seconds * 1000).toLocaleDateString("sv");

// Offsets count code points, JavaScript's strings UTF-16 units: so the text is cut as an array.
export function marked(target, points, ranges, from = 0, to = points.length) {
  let at = from;
  for (const [start, end] of ranges) {
    const [first, last] = [Math.max(start, at), Math.min(end, to)];
    if (first >= last) continue;
    target.append(points.slice(at, first).join(""), element("mark", points.slice(first, last).join("")));
    at = last;
  }
  target.append(points.slice(at, to).join(""));
  return target;
}

// A button that does what may fail; many of a list have the same label, so each is named in full.
export function button(label, act, name = label) {
  const made = element("button", label, "move");
  made.type = "button";
  made.setAttribute("aria-label", name);
  made.addEventListener("click", () => act().catch(problem));
  return made;
}

// One that looks like a link, since it shows something and changes nothing.
export const link = (label, show) => Object.assign(button(label, show), { className: "open" });

// A button that opens an item, where it says so; the reader listens.
export function opener(text, item, ...places) {
  const made = element("button", text, "open");
  made.type = "button";
  const detail = { item, places: places.map((place) => [place.start, place.end]).sort((a, b) => a[0] - b[0]) };
  made.addEventListener("click", () => document.dispatchEvent(new CustomEvent("open-item", { detail })));
  return made;
}

// A finding: it opens what proves it. The owner's own word needs no proof.
export const proven = (text, item, evidence) => (evidence.text ? opener(text, item, evidence) : element("b", text));

export const quoted = (evidence) => evidence.text && `“${evidence.text}”`;

// New lines in place of others; the keyboard stays in the line where it was, and so does what is being edited.
export function refill(place, lines) {
  if (place.querySelector("form")) return;
  const held = document.activeElement.closest("li") ?? document.activeElement.closest("p");
  const alike = () => [...place.querySelectorAll(held?.tagName ?? "li")];
  const at = alike().indexOf(held);
  place.replaceChildren(...lines);
  if (at >= 0) alike().slice(0, at + 1).at(-1)?.querySelector("button")?.focus();
}

// Fetches and draws; what comes late, since it was fetched again meanwhile, is not drawn over what is newer.
export function latest(fetched, draw) {
  let last = 0;
  return async (...given) => {
    const mine = ++last;
    const found = await fetched(...given);
    if (mine === last) draw(found, ...given);
  };
}

// Says what was done, with the way back; in the reader's window while that covers the page.
export function tell(text, undo) {
  const away = button("×", async () => told().replaceChildren(), "Away with this message");
  const back = undo && button("Undo", async () => {
    told().replaceChildren();
    await undo();
  });
  told().replaceChildren(...[element("span", text), back, away].filter(Boolean));
}

export function problem(error) {
  tell(error.message);
  told().firstChild.className = "problem";
}

const told = () => byId(byId("reader").open ? "reader-told" : "told");

// The owner said something: whatever shows it is to be drawn anew.
export const changed = () => document.dispatchEvent(new CustomEvent("changed"));
