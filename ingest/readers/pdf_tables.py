"""Tables on a page: those with ruled lines by their grid, those without where their columns are beyond doubt.

Pure. Where there is doubt, text stays text in reading order.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.readers.pdf_glyphs import Box, Line, Word
from ingest.readers.pdf_graphics import Graphics

_NEAR = 3.0  # points between lines that meet, and between edges that are one
_OVER = 12.0  # points; lines that reach further over the last that they meet end a row or column of their own
_MAX_LINES = 2_000  # ruled lines of a page; more are a drawing
_MAX_CELLS = 20_000
_CELL_CHARS = 1_500  # a cell with more is a part of the page's layout
_GAP = 0.55  # times the size of the letters: what separates columns in every row
_MIN_ROWS = 3
_NUMBER = re.compile(
    r"[\s(+\-–−~<>≤≥±$€£¥%]*\d[\d.,:/'’ \-–%€$)*†‡]*[A-Za-z]{0,3}\.?|[-–—]|n/?a", re.IGNORECASE
)
_LEADER = re.compile(r"(?:\.\s?){4,}|…{2,}|_{4,}")

Cells = list[list[str]]


@dataclass(frozen=True)
class Grid:
    """A table, as something that stands on a page."""

    rows: Cells
    header_rows: int
    left: float
    right: float
    bottom: float
    top: float

    @property
    def middle(self) -> float:
        """Half its height."""
        return (self.bottom + self.top) / 2

    @property
    def text(self) -> str:
        """Its beginning: enough to tell its script."""
        return " ".join(self.rows[0])


def ruled(lines: Sequence[Line], graphics: Graphics) -> tuple[list[Grid], list[Line]]:
    """The tables whose cells are drawn, and the lines that are in none."""
    rest = list(lines)
    grids: list[Grid] = []
    if not 5 <= len(graphics.across) + len(graphics.upright) <= _MAX_LINES:
        return grids, rest
    for mesh in _meshes(graphics):
        inside = [line for line in rest if mesh.holds(line)]
        grid = mesh.grid(inside)
        if grid is not None:
            finer = aligned(_rows(inside))  # some draw lines between groups of columns only
            if finer is not None and len(finer.rows[0]) > len(grid.rows[0]):
                grid = finer
            grids.append(grid)
            taken = set(map(id, inside))
            rest = [line for line in rest if id(line) not in taken]
    return grids, rest


class _Step:
    """What stands between two ruled lines: a row whose cells may have several lines, or several rows."""

    def __init__(self, columns: int) -> None:
        self._cells: list[dict[int, list[str]]] = [{} for _ in range(columns)]  # by height
        self._bold = True

    def add(self, column: int, word: Word, line: Line) -> None:
        """Take a word in."""
        heights = self._cells[column]
        height = next((at for at in heights if abs(at - line.middle) < line.size / 2), round(line.middle))
        heights.setdefault(height, []).append(word.text)
        self._bold &= line.bold

    def rows(self) -> list[tuple[list[str], bool]]:
        """The rows, each with whether it is bold; none where nothing stands."""
        filled = [heights for heights in self._cells if heights]
        if not filled:
            return []
        most = max(filled, key=len)
        if len(most) > 1 and self._are_rows(filled, most):
            tops = sorted(most, reverse=True)
            table = [[""] * len(self._cells) for _ in tops]
            for column, heights in enumerate(self._cells):
                for height, words in heights.items():
                    row = min(range(len(tops)), key=lambda at: abs(tops[at] - height))
                    table[row][column] = f"{table[row][column]} {' '.join(words)}".strip()
            return [(row, self._bold) for row in table]
        cells = [" ".join(word for words in heights.values() for word in words) for heights in self._cells]
        return [(cells, self._bold)]

    def _are_rows(self, filled: list[dict[int, list[str]]], most: dict[int, list[str]]) -> bool:
        """Whether most columns have as many lines, at the same heights, and figures among them."""
        alike = [
            heights
            for heights in filled
            if len(heights) == len(most)
            and all(abs(one - other) <= _NEAR for one, other in zip(heights, most, strict=True))
        ]
        cells = [" ".join(words) for heights in alike for words in heights.values()]
        return (
            len(alike) > 1 and 2 * len(alike) > len(filled) and 3 * sum(map(is_number, cells)) >= len(cells)
        )


@dataclass
class _Mesh:
    """Ruled lines that meet, and with them the edges of cells."""

    across: list[Box]
    upright: list[Box]
    xs: list[float]  # edges from left to right
    ys: list[float]  # edges from bottom to top

    def holds(self, line: Line) -> bool:
        """Whether a line of text stands in it."""
        middle = (line.left + line.right) / 2
        return self.xs[0] < middle < self.xs[-1] and self.ys[0] < line.middle < self.ys[-1]

    def grid(self, lines: list[Line]) -> Grid | None:
        """The table; None if this is a frame, a drawing, or the layout of a page."""
        columns, rows = len(self.xs) - 1, len(self.ys) - 1
        if columns < 2 or rows < 1 or columns * rows > _MAX_CELLS:
            return None
        steps: list[_Step] = [_Step(columns) for _ in range(rows)]
        for line in sorted(lines, key=lambda line: (-round(line.middle), line.left)):
            for word in line.words:
                row, column = self._cell(word, line.middle)
                steps[row].add(column, word, line)
        shown = [row for step in steps for row in step.rows()]
        texts, bold = [row for row, _ in shown], [heavy for _, heavy in shown]
        filled = sum(bool(text) for row in texts for text in row)
        full_rows = sum(sum(map(bool, row)) > 1 for row in texts)
        if full_rows < 2 or 4 * filled < columns * len(texts):
            return None
        if max(len(text) for row in texts for text in row) > _CELL_CHARS:
            return None
        return Grid(texts, header_of(texts, bold), self.xs[0], self.xs[-1], self.ys[0], self.ys[-1])

    def _cell(self, word: Word, height: float) -> tuple[int, int]:
        """Row from the top and column of a word; of joined cells the first."""
        middle = (word.left + word.right) / 2
        column = min(max(bisect_right(self.xs, middle) - 1, 0), len(self.xs) - 2)
        step = min(max(bisect_right(self.ys, height) - 1, 0), len(self.ys) - 2)
        while column and not any(_spans(line, 0, self.xs[column], 1, height) for line in self.upright):
            column -= 1
        middle = (self.xs[column] + self.xs[column + 1]) / 2
        while step < len(self.ys) - 2 and not any(
            _spans(line, 1, self.ys[step + 1], 0, middle) for line in self.across
        ):
            step += 1
        return len(self.ys) - 2 - step, column


def _spans(line: Box, axis: int, edge: float, along: int, at: float) -> bool:
    """Whether a ruled line lies on an edge and passes a point of it."""
    near = abs((line[axis] + line[axis + 2]) / 2 - edge) <= _NEAR
    return near and line[along] - _NEAR <= at <= line[along + 2] + _NEAR


def _meshes(graphics: Graphics) -> list[_Mesh]:
    """Ruled lines grouped by what they meet."""
    boxes = [*graphics.across, *graphics.upright]
    group = list(range(len(boxes)))

    def root(at: int) -> int:
        while group[at] != at:
            group[at] = group[group[at]]
            at = group[at]
        return at

    ordered = sorted(range(len(boxes)), key=lambda at: boxes[at][0])
    for position, at in enumerate(ordered):
        for other in ordered[position + 1 :]:
            if boxes[other][0] > boxes[at][2] + _NEAR:
                break
            if boxes[other][1] <= boxes[at][3] + _NEAR and boxes[other][3] >= boxes[at][1] - _NEAR:
                group[root(other)] = root(at)
    met: dict[int, list[int]] = {}
    for at in range(len(boxes)):
        met.setdefault(root(at), []).append(at)
    meshes: list[_Mesh] = []
    for members in met.values():
        across = [boxes[at] for at in members if at < len(graphics.across)]
        upright = [boxes[at] for at in members if at >= len(graphics.across)]
        if not across or not upright:
            continue
        xs = _edges([(box[0] + box[2]) / 2 for box in upright], across, 0)
        ys = _edges([(box[1] + box[3]) / 2 for box in across], upright, 1)
        if len(xs) > 2:
            meshes.append(_Mesh(across, upright, xs, ys))
    return meshes


def _edges(places: list[float], others: list[Box], along: int) -> list[float]:
    """Places that are nearly one, taken for one; and where lines of the other direction end beyond them."""
    ends = [min(box[along] for box in others), max(box[along + 2] for box in others)]
    edges: list[float] = []
    for place in sorted(
        places + [end for end in ends if not min(places) - _OVER < end < max(places) + _OVER]
    ):
        if not edges or place > edges[-1] + _NEAR:
            edges.append(place)
    return edges


def aligned(rows: Sequence[Sequence[Line]]) -> Grid | None:
    """The table that these rows of a column make: the same gaps go through all of them.

    Args:
        rows: consecutive ones, from the top, each with two stretches of text or more but for a few.
    """
    lines = [line for row in rows for line in row]
    if any(_LEADER.search(line.text) for line in lines):
        return None
    size = max(line.size for line in lines)
    starts = _starts(rows, _GAP * size)
    if len(starts) < 2 or len(rows) < _MIN_ROWS:
        return None
    table: Cells = []
    for row in rows:
        cells: list[list[str]] = [[] for _ in starts]
        for line in row:
            for word in line.words:
                cells[max(bisect_right(starts, word.left + _NEAR / 2) - 1, 0)].append(word.text)
        table.append([" ".join(cell) for cell in cells])
    if not _certain(table):
        return None
    header = header_of(table, [all(line.bold for line in row) for row in rows])
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    return Grid(table, header, left, right, lines[-1].bottom, lines[0].top)


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines beside each other, put together."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -line.middle):
        if rows and rows[-1][0].middle - line.middle < line.size / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _starts(rows: Sequence[Sequence[Line]], gap: float) -> list[float]:
    """Where the columns begin: behind the gaps that all rows with several stretches share."""
    words = [word for row in rows if len(row) > 1 for line in row for word in line.words]
    words.sort(key=lambda word: word.left)
    starts = [words[0].left]
    end = words[0].right
    for word in words[1:]:
        if word.left > end + gap:
            starts.append(word.left)
        end = max(end, word.right)
    return starts


def _certain(table: Cells) -> bool:
    """Whether this is a table and nothing else: most cells are filled, short, and some are numbers."""
    columns = list(zip(*table, strict=True))
    filled = [sum(map(bool, column)) for column in columns]
    if any(2 * count < len(table) for count in filled):
        return False
    texts = [text for row in table for text in row if text]
    if sum(map(len, texts)) > 30 * len(texts) or len(texts) < 0.7 * len(table) * len(columns):
        return False
    numeric = [sum(is_number(text) for text in column) >= 0.6 * len(column) for column in columns]
    return sum(numeric) >= 1 and (len(columns) > 2 or len(table) > 3)


def header_of(table: Cells, bold: Sequence[bool]) -> int:
    """How many rows name the columns: words over numbers, or bold over plain."""
    if len(table) < 2 or any(map(is_number, filter(None, table[0]))) or sum(map(bool, table[0])) < 2:
        return 0
    heavy = bold[0] and not bold[1]
    below = [cell for row in table[1:] for cell in row if cell]
    numbers = sum(map(is_number, below))
    return int(heavy or 4 * numbers >= len(below) or (all(table[0]) and len(table) > 2))


def is_number(text: str) -> bool:
    """Whether a cell holds a figure."""
    return bool(_NUMBER.fullmatch(text))


def tables_in(rows: Sequence[Sequence[Line]]) -> list[tuple[int, int, Grid]]:
    """The tables without ruled lines among the rows of a column: (first row, row behind the last, table)."""
    found: list[tuple[int, int, Grid]] = []
    at = 0
    while at < len(rows):
        end = at
        while end < len(rows) and len(rows[end]) > 1 and (end == at or _close(rows[end - 1], rows[end])):
            end += 1
        if end - at >= _MIN_ROWS:
            for first in range(at, min(at + 3, end - _MIN_ROWS + 1)):
                if grid := aligned(rows[first:end]):
                    found.append((first, end, grid))
                    break
        at = max(end, at + 1)
    return found


def _close(above: Sequence[Line], row: Sequence[Line]) -> bool:
    """Whether two rows are near enough to belong to one table."""
    return above[0].middle - row[0].middle < 3.5 * max(line.size for line in row)
