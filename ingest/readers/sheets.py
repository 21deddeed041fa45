"""Excel (xlsx, its templates, with macros or without): one walk over the rows of each sheet as it is parsed.

Rows without a gap between them are one table; two that stand side by side are told apart by their rows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

from lxml import etree

from ingest.readers.delimited import names_columns
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.grids import Cell, spread
from ingest.readers.office_drawings import (
    R,
    add_chart,
    add_diagram,
    add_embedded,
    add_pictures,
    described,
    paragraphs,
)
from ingest.readers.package import Package, blocks, describe, local, usual_names
from ingest.readers.sheets_formats import built_in, shown

S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ROW, _VALUE, _INLINE, _FORMULA = f"{S}row", f"{S}v", f"{S}is", f"{S}f"
_RICH, _TEXT, _READING_AID = f"{S}r", f"{S}t", f"{S}rPh"
_RUNNING = tuple(f"{S}{which}{what}" for what in ("Header", "Footer") for which in ("odd", "even", "first"))
_TOGETHER = 1_000  # rows of one table; a longer one goes on in another
_COLUMNS = 16_384
_GAP = 4  # columns from one to the next with something in it, within a table
_STRINGS = 3_000_000
_COVERED = 200_000  # cells of one sheet that merged cells cover
_MERGED = re.compile(rb"mergeCell\s[^>]*?ref=\"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})\"")
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_CODES = re.compile(r'&(?:"[^"]*"|\d{1,3}|K[0-9A-F]{6}|K\d\d[+-]\d{3}|[A-Z])')

Row = dict[int, str]  # cells that hold something, by column from 1


def read_xlsx(document: Document, draft: Draft) -> None:
    """All sheets, hidden ones too, each with its comments and with what is drawn on it."""
    package = Package(document.stream)
    describe(package.optional("docProps/core.xml", draft), draft)
    main = package.main("xl/workbook.xml")
    if main not in package:
        raise UnreadableDocument(Why.TRUNCATED, "the part that lists its sheets is missing")
    _Book(package, draft, main).run()
    if not draft.elements:
        add_pictures(package, "xl/media/", draft)


class _Book:
    """The reading of one workbook: what its sheets share."""

    def __init__(self, package: Package, draft: Draft, main: str) -> None:
        self._package, self._draft, self._main = package, draft, main
        self._links = package.relations(main)
        self._codes = self._formats()
        self._strings: list[str] = []
        self._rows = self._filled = 0

    def run(self) -> None:
        """Every sheet, in the workbook's order."""
        book = self._package.tree(self._main)
        if book is None:
            return
        settings = book.find(f"{S}workbookPr")
        self._since_1904 = settings is not None and settings.get("date1904") in ("1", "true")
        self._strings = self._shared()
        sheets = {sheet.get(f"{R}id", ""): sheet for sheet in book.iter(f"{S}sheet")}  # each part once
        self._draft.pages = len(sheets) or None
        for page, (name, sheet) in enumerate(sheets.items(), 1):
            link = self._links.get(name)
            if link is None or link.outside or link.target not in self._package:
                self._draft.missing.append("a sheet is missing")
                continue
            first = len(self._draft.elements)
            self._draft.add(Kind.TITLE, sheet.get("name", ""), page=page, level=1)
            self._add_sheet(link.target, page)
            if len(self._draft.elements) == first + 1:  # an empty sheet says nothing by its name
                self._draft.elements.pop()

    def _shared(self) -> list[str]:
        part = next((link.target for link in self._links.values() if link.kind == "sharedStrings"), "")
        strings: list[str] = []
        for entry in self._package.blocks(part, 1, f"{S}si") if part else ():
            strings.append(_string(entry))
            if len(strings) % 10_000 == 0:
                self._draft.tick(0)
                if len(strings) >= _STRINGS:
                    self._draft.missing.append(f"only the first {_STRINGS:,} texts of its cells were read")
                    break
        return strings

    def _formats(self) -> list[str]:
        """The code of the number format of each cell style."""
        part = next((link.target for link in self._links.values() if link.kind == "styles"), "")
        tree = self._package.optional(part, self._draft) if part else None
        if tree is None:
            return []
        own = {code.get("numFmtId"): code.get("formatCode", "") for code in tree.iter(f"{S}numFmt")}
        formats = tree.find(f"{S}cellXfs")
        numbers = [style.get("numFmtId", "0") for style in formats] if formats is not None else []
        return [
            own[number] if number in own else built_in(int(number)) if number.isdecimal() else ""
            for number in numbers
        ]

    def _add_sheet(self, part: str, page: int) -> None:
        content = usual_names(self._package.read(part))
        links = self._package.relations(part)
        tables = [link.target for link in links.values() if link.kind == "table"]
        writer = Tables(self._draft, page, _covered(content), self._defined(tables))
        for element in blocks(io.BytesIO(content), 2, _ROW, *_RUNNING):
            if element.tag != _ROW:
                kind = Kind.HEADER if element.tag.endswith("Header") else Kind.FOOTER
                self._draft.add(kind, " ".join(_CODES.sub(" ", element.text or "").split()), page=page)
                continue
            number = element.get("r", "")
            cells = self._cells(element)
            writer.add(int(number) if number.isdecimal() and len(number) < 8 else None, cells)
            self._rows += 1
            self._filled += bool(cells)
            if self._rows % 1000 == 0:
                self._draft.tick(self._filled // 1000)
        writer.close()
        for link in links.values():
            if link.kind == "drawing":
                self._add_drawing(link.target, page)
            elif link.kind in ("oleObject", "package") and not link.outside:
                add_embedded(self._package, link.target, self._draft)
        self._add_comments({link.kind: link.target for link in links.values()}, page)

    def _defined(self, parts: Sequence[str]) -> dict[tuple[int, int], int]:
        """How many header rows the tables have that are defined as such, by the place of their first cell."""
        found: dict[tuple[int, int], int] = {}
        for part in parts:
            tree = self._package.optional(part, self._draft)
            reference = _REFERENCE.match(tree.get("ref", "")) if tree is not None else None
            if tree is not None and reference:
                heads = tree.get("headerRowCount", "1")
                place = int(reference[2]), column_of(reference[1])
                found[place] = min(int(heads), 1) if heads.isdecimal() else 1
        return found

    def _cells(self, row: etree._Element) -> Row:
        """The cells of a row that hold something."""
        found: Row = {}
        column = 0
        for cell in row:
            reference = cell.get("r")
            column = column_of(reference.rstrip("0123456789")) if reference else column + 1
            if len(cell) and (text := self._text(cell)) and column <= _COLUMNS:
                found[column] = text
        return found

    def _text(self, cell: etree._Element) -> str:
        """What a cell shows; of a formula that was never computed, the formula."""
        value = formula = ""
        for part in cell:
            tag = part.tag
            if tag == _VALUE:
                value = part.text or ""
            elif tag == _INLINE:
                return _string(part)
            elif tag == _FORMULA:
                formula = part.text or ""
        if not value:
            return f"={formula}" if formula else ""
        kind = cell.get("t", "n")
        if kind == "s":
            return self._strings[int(value)] if value.isdecimal() and int(value) < len(self._strings) else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "d":
            return value.removesuffix("T00:00:00").replace("T", " ")
        if kind != "n":
            return value
        style = cell.get("s", "0")
        code = self._codes[int(style)] if style.isdecimal() and int(style) < len(self._codes) else ""
        if not code and value.isdecimal():
            return value
        return shown(value, code, since_1904=self._since_1904)

    def _add_comments(self, links: dict[str, str], page: int) -> None:
        """Notes and comments, each after the cell that it is about."""
        kind = "threadedComment" if "threadedComment" in links else "comments"
        tree = self._package.optional(links[kind], self._draft) if kind in links else None
        for comment in tree.iter(f"{S}comment", "{*}threadedComment") if tree is not None else ():
            text = comment.find(f"{S}text")
            words = _string(text) if text is not None else comment.findtext("{*}text") or ""
            cell = comment.get("ref", "")
            self._draft.add(Kind.PARAGRAPH, f"{cell}: {words}" if words.strip() else "", page=page)

    def _add_drawing(self, part: str, page: int) -> None:
        """Text boxes, charts, diagrams and the descriptions of pictures that lie on a sheet."""
        root = self._package.optional(part, self._draft)
        links = self._package.relations(part)
        for element in root.iter() if root is not None else ():
            name = local(element)
            if name == "txBody":
                self._draft.add(Kind.PARAGRAPH, paragraphs(element), page=page)
            elif name == "cNvPr":
                self._draft.add(Kind.CAPTION, described(element), page=page)
            elif name == "chart" and (link := links.get(element.get(f"{R}id", ""))):
                add_chart(self._package, link.target, self._draft, page)
            elif name == "relIds" and (link := links.get(element.get(f"{R}dm", ""))):
                add_diagram(self._package, link.target, self._draft, page)


class Tables:
    """Takes the rows of one sheet and writes them as tables."""

    def __init__(
        self,
        draft: Draft,
        page: int,
        covered: dict[tuple[int, int], tuple[int, int]],
        defined: dict[tuple[int, int], int],
    ) -> None:
        self._draft, self._page = draft, page
        self._covered, self._defined = covered, defined
        self._starts = {row for row, _ in defined}
        self._rows: list[tuple[int, Row]] = []
        self._last = 0

    def add(self, number: int | None, row: Row) -> None:
        """Take a row, which may have no number of its own."""
        number = self._last + 1 if number is None else number
        self._last = number
        if not row:
            return
        if self._rows and (
            number != self._rows[-1][0] + 1 or number in self._starts or len(self._rows) >= _TOGETHER
        ):
            self.close()
        self._rows.append((number, row))

    def close(self) -> None:
        """Write the rows that were taken; what stands alone in a row above others is their title."""
        while len(self._rows) > 1 and len(self._rows[0][1]) == 1 < len(self._rows[1][1]):
            if self._rows[0][0] in self._starts:
                break
            self._draft.add(Kind.PARAGRAPH, "".join(self._rows.pop(0)[1].values()), page=self._page)
        for low, high in _groups(self._rows):
            rows = [(number, row) for number, row in self._rows if any(low <= at <= high for at in row)]
            self._write(rows, low, high)
        self._rows = []

    def _write(self, rows: list[tuple[int, Row]], low: int, high: int) -> None:
        cells = [text for _, row in rows for at, text in row.items() if low <= at <= high]
        if len(cells) == 1:
            self._draft.add(Kind.PARAGRAPH, cells[0], page=self._page)
            return
        table = [[row.get(at, "") for at in range(low, high + 1)] for _, row in rows]
        heads = self._defined.get((rows[0][0], low))
        if heads is None:
            heads = int(low < high and names_columns(table[:20]))
        if any((number, at) in self._covered for number, row in rows for at in row if low <= at <= high):
            table = spread([self._line(number, row, low, high) for number, row in rows], heads)
        self._draft.add_table(table, header_rows=heads, page=self._page)

    def _line(self, number: int, row: Row, low: int, high: int) -> list[Cell]:
        """The cells of a row, without those that others cover."""
        line = []
        for at in range(low, high + 1):
            across, down = self._covered.get((number, at), (1, 1))
            if across:
                line.append(Cell(row.get(at, ""), min(across, high + 1 - at), down))
        return line


def _groups(rows: Sequence[tuple[int, Row]]) -> Iterator[tuple[int, int]]:
    """The columns that a table begins and ends with, for each that stands in these rows.

    An empty column parts two tables only where one begins or ends in another row: else it is a mere gap.
    """
    seen: dict[int, tuple[int, int]] = {}
    for number, row in rows:
        for at in row:
            first, _ = seen.get(at, (number, number))
            seen[at] = first, number
    groups: list[tuple[int, int, int, int]] = []
    for at in sorted(seen):
        first, last = seen[at]
        if groups and groups[-1][1] == at - 1:
            low, _, begin, end = groups.pop()
            groups.append((low, at, min(begin, first), max(end, last)))
        else:
            groups.append((at, at, first, last))
    merged: list[tuple[int, int, int, int]] = []
    for group in groups:
        if merged and merged[-1][2:] == group[2:] and group[0] - merged[-1][1] <= _GAP:
            low, _, begin, end = merged.pop()
            merged.append((low, group[1], begin, end))
        else:
            merged.append(group)
    yield from ((low, high) for low, high, _, _ in merged)


def _covered(content: bytes) -> dict[tuple[int, int], tuple[int, int]]:
    """What merged cells cover: (columns, rows) for the first cell of each, (0, 0) for the others."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for match in _MERGED.finditer(content, max(content.rfind(b"sheetData"), 0)):
        left, right = column_of(match[1].decode()), column_of(match[3].decode())
        top, bottom = int(match[2]), int(match[4])
        if len(found) + (right - left + 1) * (bottom - top + 1) > _COVERED:
            continue
        found.update(((row, at), (0, 0)) for row in range(top, bottom + 1) for at in range(left, right + 1))
        found[top, left] = right - left + 1, bottom - top + 1
    return found


_NUMBERS: dict[str, int] = {}


def column_of(letters: str) -> int:
    """The number of a column, from 1; beyond the last for what names none."""
    number = _NUMBERS.get(letters)
    if number is None:
        if not (0 < len(letters) <= 3 and letters.isascii() and letters.isalpha()):
            return _COLUMNS + 1
        number = 0
        for letter in letters.upper():
            number = number * 26 + ord(letter) - 64
        _NUMBERS[letters] = number
    return number


def _string(entry: etree._Element) -> str:
    """A string that may be set in several fonts; how East Asian words are read aloud is left out."""
    parts: list[str] = []
    for part in entry:
        if part.tag == _TEXT:
            parts.append(part.text or "")
        elif part.tag == _RICH:
            parts.append(part.findtext(_TEXT) or "")
    return "".join(parts)
