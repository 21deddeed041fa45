"""Spreadsheets of OpenDocument (ods): one walk over the rows as they are parsed, into tables as of Excel."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from lxml import etree

from ingest.readers.draft import Draft, Kind
from ingest.readers.opendocument_lists import attribute, number
from ingest.readers.package import blocks, local
from ingest.readers.sheets import Row, Tables

_REPEATED = 100  # how often a row or a cell with text is repeated at most
_COLUMNS = 16_384
_COVERED = 100_000

AddFrame = Callable[[etree._Element, int], None]


def read_sheets(source: IO[bytes], draft: Draft, add_frame: AddFrame) -> None:
    """All sheets.

    Args:
        source: the part that holds the text.
        add_frame: adds what is drawn on a sheet, which has this number.
    """
    reading = _Reading(draft, add_frame)
    for element in blocks(source, 12, "{*}table-row", "{*}shapes", "{*}table"):
        reading.take(element)
    reading.close()


class _Reading:
    """The state of one reading: which sheet, which row."""

    def __init__(self, draft: Draft, add_frame: AddFrame) -> None:
        self._draft, self._add_frame = draft, add_frame
        self._sheet: etree._Element | None = None
        self._page = self._number = self._rows = self._filled = 0
        self._named = False
        self._covered: dict[tuple[int, int], tuple[int, int]] = {}
        self._tables = Tables(draft, 1, {}, {})
        self._notes: list[str] = []
        self._frames: list[etree._Element] = []

    def take(self, element: etree._Element) -> None:
        """A row, the shapes of a sheet, or the end of one."""
        name = local(element)
        sheet = element if name == "table" else next(element.iterancestors("{*}table"), None)
        if sheet is None or (
            name == "table" and next(element.iterancestors("{*}table-row"), None) is not None
        ):
            return
        if sheet is not self._sheet:
            self._open(sheet)
        if name == "table-row":
            self._take_row(element)
        elif name == "shapes":
            self._frames.extend(element)
        else:
            self.close()
            self._sheet = None

    def _open(self, sheet: etree._Element) -> None:
        self.close()
        self._sheet, self._named = sheet, False
        self._page += 1
        self._number = 0
        self._draft.pages = self._page
        self._covered = {}
        self._tables = Tables(self._draft, self._page, self._covered, {})

    def close(self) -> None:
        """Write what is left of a sheet: its last rows, then comments and drawings."""
        if self._sheet is None:
            return
        if self._notes or self._frames:
            self._name()
        self._tables.close()
        for note in self._notes:
            self._draft.add(Kind.PARAGRAPH, note, page=self._page)
        for frame in self._frames:
            self._add_frame(frame, self._page)
        self._notes, self._frames = [], []

    def _name(self) -> None:
        if not self._named and self._sheet is not None:
            self._named = True
            self._draft.add(Kind.TITLE, attribute(self._sheet, "name"), page=self._page, level=1)

    def _take_row(self, row: etree._Element) -> None:
        self._rows += 1
        if self._rows % 1000 == 0:
            self._draft.tick(self._filled // 1000)
        times = number(row, "number-rows-repeated", 1)
        found = self._cells(row)
        if found:
            self._filled += 1
            self._name()
        for step in range(1, min(times, _REPEATED) + 1 if found else 1):
            self._tables.add(self._number + step, dict(found))
        self._number += times

    def _cells(self, row: etree._Element) -> Row:
        found: Row = {}
        column = 0
        for cell in row:
            if local(cell) not in ("table-cell", "covered-table-cell"):
                continue
            times = number(cell, "number-columns-repeated", 1)
            text = self._text(cell, column + 1) if len(cell) else attribute(cell, "value")
            if text and column < _COLUMNS:
                found.update((column + step, text) for step in range(1, min(times, _REPEATED) + 1))
                self._cover(cell, column + 1)
            column += times
        return found

    def _cover(self, cell: etree._Element, column: int) -> None:
        across, down = number(cell, "number-columns-spanned", 1), number(cell, "number-rows-spanned", 1)
        if (across > 1 or down > 1) and len(self._covered) + across * down <= _COVERED:
            top = self._number + 1
            for row in range(top, top + down):
                self._covered.update(((row, at), (0, 0)) for at in range(column, column + across))
            self._covered[top, column] = across, down

    def _text(self, cell: etree._Element, column: int) -> str:
        lines: list[str] = []
        for child in list(cell):
            name = local(child)
            if name == "p":
                lines.append(_line(child))
            elif name == "annotation":
                note = "\n".join(_line(part) for part in child.iter("{*}p"))
                self._notes.append(f"{letters(column)}{self._number + 1}: {note}" if note.strip() else "")
            elif name in ("frame", "custom-shape", "g", "rect"):
                self._frames.append(_kept(child))
        return "\n".join(lines)


def _kept(element: etree._Element) -> etree._Element:
    """An element that outlives the row that it stands in."""
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
    return element


def _line(paragraph: etree._Element) -> str:
    """The text of a paragraph in a cell."""
    if not len(paragraph):
        return paragraph.text or ""
    parts: list[str] = [paragraph.text or ""]
    for child in paragraph:
        name = local(child)
        parts.append(" " if name in ("s", "tab", "line-break") else _line(child))
        parts.append(child.tail or "")
    return "".join(parts)


def letters(column: int) -> str:
    """The name of a column, from 1."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name
