"""Lines of a page put together to paragraphs, list items, captions, code and what may be a heading.

Pure, and used for what OCR finds as well. Whether a block is a heading, and of which level, depends on the
whole document: that is told by `pdf_kinds`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.readers.draft import Kind
from ingest.readers.pdf_glyphs import Line, is_right_to_left
from ingest.readers.pdf_order import Row
from ingest.readers.pdf_tables import Grid, tables_in

SPLIT = "\x02"  # stands in a text where a word was cut at the end of a line

_GAP = 1.28  # times the usual step between two lines: a new paragraph
_LOOSE = 1.75  # the same, times the size of the letters, where too few lines tell what is usual
_BULLET = re.compile(r"[•‣◦▪▫●○■□◆◇►▶➢➤✓✔❖⁃∙·\uf0b7\uf0a7\uf0d8\uf076\uf0fc\uf0a8*–—-](?=\s|$)|o(?=\s+\w)")
_NUMBER = re.compile(r"\(?(?:(\d{1,3})|([a-z])|([ivx]{1,5}))[.)]\s", re.IGNORECASE)
_CAPTION = re.compile(
    r"(?:fig(?:ure|\.)?|tab(?:le|\.)?|abb(?:ildung|\.)?|tabelle|chart|exhibit|scheme|listing|algorithm|plate"
    r"|tableau|figura|tabla|tabella)\s+[\dIVX][\w.\-–]{0,6}?\s?[.:|–—](?:\s|$)",
    re.IGNORECASE,
)
_CJK = re.compile("[\u2e80-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_HYPHENS = ("-", "\u2010")


@dataclass(frozen=True, slots=True)
class Block:
    """One element of a page, but for the kind of what may be a heading."""

    page: int
    kind: Kind
    text: str
    size: float = 0.0
    bold: bool = False
    lines: int = 1
    bottom: float = 0.0
    top: float = 0.0
    rows: list[list[str]] | None = None
    header_rows: int = 0


def blocks_of(columns: Sequence[Sequence[Row]], page: int) -> Iterator[Block]:
    """The blocks of a page, from its columns in reading order."""
    for rows in columns:
        stretch: list[Sequence[Line]] = []
        for row in rows:
            lines = [item for item in row if isinstance(item, Line)]
            if lines:
                stretch.append(lines)
            grids = [item for item in row if isinstance(item, Grid)]
            if grids:
                yield from _stretch(stretch, page)
                stretch = []
                yield from (_table(grid, page) for grid in grids)
        yield from _stretch(stretch, page)


def _table(grid: Grid, page: int) -> Block:
    return Block(
        page,
        Kind.TABLE,
        "",
        bottom=grid.bottom,
        top=grid.top,
        rows=grid.rows,
        header_rows=grid.header_rows,
    )


def _stretch(rows: Sequence[Sequence[Line]], page: int) -> Iterator[Block]:
    """The blocks of rows between two drawn tables."""
    done = 0
    for first, end, grid in tables_in(rows):
        yield from _paragraphs(rows[done:first], page)
        yield _table(grid, page)
        done = end
    yield from _paragraphs(rows[done:], page)


def _paragraphs(rows: Sequence[Sequence[Line]], page: int) -> Iterator[Block]:
    if not rows:
        return
    column = _Column(rows)
    gathered: list[Line] = []
    item = False
    for row in rows:
        line = _joined(row)
        starts = column.starts_item(line, gathered if item else None)
        if gathered and (starts or column.apart(gathered[-1], line, item=item)):
            yield column.block(gathered, page, item=item)
            gathered = []
        if not gathered:
            item = starts
        gathered.append(line)
    yield column.block(gathered, page, item=item)


def _joined(row: Sequence[Line]) -> Line:
    """The stretches of one row as one line."""
    if len(row) == 1:
        return row[0]
    long = max(row, key=lambda line: len(line.text))
    return Line(
        tuple(word for line in row for word in line.words),
        min(line.bottom for line in row),
        max(line.top for line in row),
        long.size,
        all(line.bold for line in row),
        all(line.mono for line in row),
        row[-1].hyphen,
        gaps=True,
    )


class _Column:
    """What is usual in a column."""

    def __init__(self, rows: Sequence[Sequence[Line]]) -> None:
        lines = [line for row in rows for line in row]
        self.left = min(line.left for line in lines)
        self.right = max(line.right for line in lines)
        self.backwards = is_right_to_left(" ".join(line.text for line in lines[:50]))
        steps = Counter[float]()
        for above, below in pairwise(rows):
            step = above[0].bottom - below[0].bottom
            if 0 < step < 3 * below[0].size and abs(above[0].size - below[0].size) < 0.5:
                steps[round(step, 0)] += 1
        step, count = steps.most_common(1)[0] if steps else (0.0, 0)
        self._step = step if count >= 3 else 0.0

    def apart(self, above: Line, line: Line, *, item: bool) -> bool:
        """Whether a line begins a new block: a gap, other letters, or an indent says so."""
        size = max(above.size, line.size, 1.0)
        step = above.bottom - line.bottom
        if abs(above.size - line.size) > 0.12 * size or above.mono != line.mono:
            return True
        if above.bold != line.bold and (above.bold or len(line.text) < 100):
            return True
        limit = max(_GAP * self._step, 1.2 * size) if self._step else _LOOSE * size
        if step > limit or step < -size:
            return True
        if line.mono or item:
            return item and self._indent(line) < self._indent(above) - size and self._ends(above)
        indented = self._indent(line) > self._indent(above) + size
        return indented and self._indent(above) < size and self._ends(above)

    def _indent(self, line: Line) -> float:
        return self.right - line.right if self.backwards else line.left - self.left

    def _ends(self, line: Line) -> bool:
        return line.text[-1:] in '.!?:;"”»)' or self._room(line) > 0.15 * (self.right - self.left)

    def _room(self, line: Line) -> float:
        """How much is free behind a line."""
        return line.left - self.left if self.backwards else self.right - line.right

    def starts_item(self, line: Line, before: list[Line] | None) -> bool:
        """Whether a line begins an item of a list.

        Args:
            before: the lines of the item above it, if that is one.
        """
        if _BULLET.match(line.text):
            return len(line.text) > 2
        match = _NUMBER.match(line.text)
        if not match or not any(map(str.isalnum, _NUMBER.sub("", line.text))):
            return False
        if before is not None:
            return True
        return match[1] == "1" or match[2] in ("a", "A") or match[3] in ("i", "I") or match[0].startswith("(")

    def block(self, lines: list[Line], page: int, *, item: bool) -> Block:
        """One block."""
        kind = Kind.PARAGRAPH
        if all(line.mono for line in lines):
            kind = Kind.CODE
            text = "\n".join(self._indented(line) for line in lines)
        else:
            text = self._text(lines)
        if _CAPTION.match(text):
            kind = Kind.CAPTION
        elif item and kind is Kind.PARAGRAPH:
            kind = Kind.LIST_ITEM
        return Block(
            page,
            kind,
            text,
            0.0 if lines[0].turned else max(line.size for line in lines),
            all(line.bold for line in lines),
            len(lines),
            lines[-1].bottom,
            lines[0].top,
        )

    def _indented(self, line: Line) -> str:
        letters = sum(len(word.text) for word in line.words)
        width = sum(word.right - word.left for word in line.words) / max(letters, 1)
        if width <= 0:
            return line.text
        text, end = "", self.left
        for word in line.words:
            spaces = round((word.left - end) / width)
            text += " " * (min(spaces, 80) if not text else max(1, min(spaces, 80))) + word.text
            end = word.right
        return text

    def _text(self, lines: list[Line]) -> str:
        """Lines as one text: broken where the next word would have had room, and so a break was meant."""
        text = ""
        left, right = min(line.left for line in lines), max(line.right for line in lines)
        for above, line in pairwise(lines):
            text += above.text
            if above.hyphen:
                text += SPLIT
            elif text.endswith(_HYPHENS) and text[-2:-1].isalpha() and line.text[:1].islower():
                text = text[:-1] + SPLIT
            elif _CJK.match(line.text) and _CJK.match(above.text[-1:]):
                pass
            else:
                first = line.words[0]
                room = above.left - left if self.backwards else right - above.right
                meant = above.gaps or line.gaps or room > first.right - first.left + above.size
                text += "\n" if meant else " "
        return text + lines[-1].text + (SPLIT if lines[-1].hyphen else "")
