// Parts that every list is drawn with. Whatever comes from a document is set as text, never as markup.

export const byId = (id) => document.getElementById(id);

export function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

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

export const day = (seconds) => new Date(seconds * 1000).toLocaleDateString();

// A button that opens an item, where it is to be read; the reader listens.
export function opener(text, item, place) {
  const button = element("button", text, "open");
  const detail = { item, start: place?.start, end: place?.end };
  button.addEventListener("click", () => document.dispatchEvent(new CustomEvent("open-item", { detail })));
  return button;
}

export function problem(error) {
  byId("summary").replaceChildren(element("span", error.message, "problem"));
}
