// The text of an item as it was built, and its pages as they look.

import { byId, element, marked } from "./drawing.js";
import { ask } from "./service.js";

const DRAWN = 1500; // elements at a time: a book would take the browser seconds
const TAGS = { title: "h3", code: "pre", list_item: "p", caption: "figcaption" };

// The text of an item as it was built: headings, paragraphs, tables; from a little before the marked stretch.
export function showText(item, text, ranges) {
  const points = Array.from(text.text);
  const found = ranges.length ? text.elements.findIndex((one) => one.end > ranges[0][0]) : 0;
  let [first, next] = [Math.max(0, found - 100), Math.max(0, found - 100)];
  const above = element("button", "What comes before"), below = element("button", "What comes next");
  const body = document.createElement("div");
  const draw = (from, to) => {
    const drawn = [];
    for (const [at, one] of text.elements.slice(from, to).entries()) {
      const before = text.elements[from + at - 1];
      if (one.page && one.page !== before?.page) drawn.push(pageButton(item, one.page));
      drawn.push(drawElement(one, points, ranges));
    }
    [above.hidden, below.hidden] = [first <= 0, next >= text.elements.length];
    return drawn;
  };
  const onward = () => body.append(...draw(next, (next += DRAWN)));
  above.addEventListener("click", () => {
    const last = first;
    body.prepend(...draw((first = Math.max(0, first - DRAWN)), last));
  });
  below.addEventListener("click", onward);
  onward();
  above.type = below.type = "button";
  byId("reader-text").append(above, body, below);
}

function drawElement(one, points, ranges) {
  if (one.table) return drawTable(one.table, points, ranges);
  const drawn = element(TAGS[one.kind] ?? "p", "", one.kind);
  if (one.kind === "list_item") drawn.style.marginInlineStart = `${Math.min(one.level ?? 1, 8)}em`;
  return marked(drawn, points, ranges, one.start, one.end);
}

function drawTable(table, points, ranges) {
  const drawn = document.createElement("table");
  table.rows.forEach((spans, number) => {
    const row = drawn.insertRow();
    for (let at = 0; at < spans.length; at += 2) {
      const cell = document.createElement(number < table.header ? "th" : "td");
      row.append(marked(cell, points, ranges, spans[at], spans[at + 1]));
    }
  });
  return drawn;
}

// A page's number; pressed, it shows the page as it looks.
function pageButton(item, number) {
  const button = element("button", `Page ${number}`, "page");
  if (!/^image\/|^application\/pdf$/.test(item.media_type)) button.disabled = true;
  button.addEventListener("click", async () => {
    if (button.nextSibling?.tagName === "IMG") return button.nextSibling.remove();
    button.disabled = true;
    try {
      const image = document.createElement("img");
      image.src = URL.createObjectURL(await (await ask("GET", `/v1/items/${item.id}/pages/${number}?width=1400`)).blob());
      image.onload = () => URL.revokeObjectURL(image.src);
      image.alt = `Page ${number} as it looks`;
      button.after(image);
    } catch (error) {
      button.textContent = error.message;
    }
    button.disabled = false;
  });
  return button;
}
