"""Tables of markup as grids. A cell that covers rows or columns is a label of them all: repeated in each row,
and above each column that it names. Any other stands once, and what it covers is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree

_COLUMNS = 1_000  # a row is not made wider than this by cells that span columns
_PADDING = 20_000  # cells of one table that others cover, beyond ten for each that is there
_LABEL_CHARS = 200  # what is longer is no label
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_PAGE = _HEADINGS | {"form", "nav", "article", "section", "textarea", "hr"}  # in a cell: it arranges a page
_LAYOUT_CHARS = 4_000  # no row of data is as long
_PARTS = frozenset(("thead", "tbody", "tfoot"))
_NONE = (-1, "")
_BESIDE = frozenset(("caption", "colgroup", "col", "script", "style", "template"))


@dataclass(frozen=True)
class Cell:
    """The text of a cell, and how many columns and rows it covers."""

    text: str
    across: int = 1
    down: int = 1


@dataclass(frozen=True)
class Grid:
    """The rows of a table, the first of them naming the columns."""

    rows: list[list[str]]
    header_rows: int


def spread(rows: Sequence[list[Cell]], header_rows: int) -> list[list[str]]:
    """Rows of cells, each in its column. A row of nothing but labels of those below it is left out."""
    covered: dict[int, tuple[int, str]] = {}  # column: the last row that a cell from above reaches, its text
    grid: list[list[str]] = []
    room = _PADDING
    for number, cells in enumerate(rows):
        line: list[str] = []
        for cell in cells:
            room -= _fill(line, covered, number, room)
            across = max(1, min(cell.across, _COLUMNS - len(line))) if room > cell.across else 1
            label = cell.text if len(cell.text) <= _LABEL_CHARS else ""
            beside = label if number < header_rows else ""
            if cell.down > 1:
                for column in range(len(line), len(line) + across):
                    shown = label if column == len(line) else beside
                    covered[column] = number + cell.down - 1, shown
            line.append(cell.text)
            line.extend([beside] * (across - 1))
            room += 11 - across
        if cells:
            room -= _fill(line, covered, number, room)
        below = number + 1 < len(rows) and rows[number + 1]
        grid.append([] if below and all(map(_is_label_of_rows, cells)) else line)
    return grid


def _fill(line: list[str], covered: dict[int, tuple[int, str]], number: int, room: int) -> int:
    """Write into a row what reaches it from above at this place; returns how many columns that are."""
    begin = len(line)
    while len(line) - begin < room and (above := covered.get(len(line), _NONE))[0] >= number:
        line.append(above[1])
    return len(line) - begin


def _is_label_of_rows(cell: Cell) -> bool:
    return cell.down > 1 and len(cell.text) <= _LABEL_CHARS


def html_grid(table: etree._Element, text_of: Callable[[etree._Element], str]) -> Grid | None:
    """A table of data; None for one that only arranges a page.

    Args:
        table: the element.
        text_of: gives the text of one cell.
    """
    if table.get("role") in ("presentation", "none") or table.find(".//table") is not None:
        return None
    marked = any(table.find(f".//{tag}") is not None for tag in ("th", "thead"))
    if not marked and any(table.find(f".//{tag}") is not None for tag in _PAGE):
        return None
    lines = _html_rows(table)
    if lines is None or (not marked and (len(lines) < 2 or max(len(line) for line, _ in lines) < 2)):
        return None
    rows = [
        [Cell(text_of(cell), _span(cell, "colspan"), _span(cell, "rowspan")) for cell in line]
        for line, _ in lines
    ]
    if not marked:
        told = [sum(len(cell.text) for cell in row) for row in rows]
        if sum(map(bool, told)) < 2 or max(told) >= _LAYOUT_CHARS:
            return None
    header_rows = _header_rows(lines)
    return Grid(spread(rows, header_rows), header_rows)


def _html_rows(table: etree._Element) -> list[tuple[list[etree._Element], bool]] | None:
    """The cells of each row, and whether it stands in a `thead`; None if there is text beside the rows."""
    rows: list[tuple[list[etree._Element], bool]] = []
    for part in (table, *(child for child in table if child.tag in _PARTS)):
        beside = [part.text, *(child.tail for child in part)]
        if any(text and not text.isspace() for text in beside):
            return None
    for child in table:
        if child.tag not in _PARTS and child.tag not in _BESIDE and child.tag != "tr":
            return None
        lines = child.iterchildren("tr") if child.tag in _PARTS else [child] if child.tag == "tr" else []
        for line in lines:
            rows.append(([cell for cell in line if cell.tag in ("td", "th")], child.tag == "thead"))
    return rows


def _header_rows(lines: list[tuple[list[etree._Element], bool]]) -> int:
    """How many rows, from the first, name the columns: those of the `thead`, or of `th` only."""
    count = 0
    for cells, in_head in lines:
        names = [cell for cell in cells if cell.tag == "th" and cell.get("scope") != "row"]
        if not in_head and (not cells or len(names) < len(cells) or (len(cells) == 1 and count)):
            break
        count += 1
    return count if count < len(lines) else min(1, len(lines) - 1)


def _span(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "").strip()
    return min(int(value), 65_534) if value.isascii() and value.isdigit() and len(value) < 9 else 1


def xml_grid(table: etree._Element, text_of: Callable[[etree._Element], str]) -> Grid | None:
    """A table of XML, after the model of HTML or of CALS (`row`, `entry`); None if it has no rows.

    Args:
        table: the element.
        text_of: gives the text of one cell.
    """
    rows: list[list[Cell]] = []
    columns: dict[str, int] = {}
    header_rows = 0
    for element in table.iter("{*}colspec", "{*}tr", "{*}row"):
        if _local(element) == "colspec":
            columns[element.get("colname", "")] = len(columns)
            continue
        cells = [cell for cell in element if _local(cell) in ("td", "th", "entry")]
        rows.append([_xml_cell(cell, columns, text_of(cell)) for cell in cells])
        parent = element.getparent()
        named = parent is not None and _local(parent) == "thead"
        if header_rows == len(rows) - 1 and (named or (cells and all(_local(c) == "th" for c in cells))):
            header_rows += 1
    return Grid(spread(rows, header_rows), header_rows) if any(rows) else None


def _xml_cell(cell: etree._Element, columns: dict[str, int], text: str) -> Cell:
    """A cell and what it covers; CALS names its first and last column and counts the further rows."""
    first, last = (columns.get(cell.get(name, ""), -1) for name in ("namest", "nameend"))
    across = last - first + 1 if 0 <= first <= last else _span(cell, "colspan")
    down = _span(cell, "morerows") + 1 if cell.get("morerows") else _span(cell, "rowspan")
    return Cell(text, across, down)


def _local(element: etree._Element) -> str:
    """The name of an element without its namespace; empty for what is no element."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
