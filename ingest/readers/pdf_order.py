"""The order in which what stands on a page is read: columns one after the other, else row by row.

Pure: it knows places only. What the rows mean is the business of `pdf_blocks` and `pdf_tables`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Protocol

from ingest.readers.pdf_glyphs import is_right_to_left

_SLACK = 2.0  # points; edges of lines that are nearer are one
_OVERHANG = 0.4  # times the height of a line: so far a quotation mark or a stop hangs over its column's edge
_LABEL = (":", "\uff1a")
_OPENING = (
    '"',
    "'",
    "\u2018",
    "\u201c",
    "\u201e",
    "\xab",
    "(",
    "[",
    "\u2022",
    "-",
    "\u2013",
    "*",
    "\u2217",
    "\u2020",
)
_CLOSING = ('"', "'", "\u2019", "\u201d", "\xbb", ".", ",", ";", ":", "-", "\u2010", "\u2013")
_CANDIDATES = 8  # edges at which a column may begin that are looked at
_DEPTH = 4
_PROSE_CHARS = 18  # a line of a column of prose has at least so many, on the average
_MAX_LINES = 3_000  # a page with more is drawn, not written: it is read row by row


class Placed(Protocol):
    """Something with words that stands on a page; coordinates in points, upwards and rightwards."""

    @property
    def left(self) -> float:
        """Its left edge."""

    @property
    def right(self) -> float:
        """Its right edge."""

    @property
    def bottom(self) -> float:
        """Its lower edge."""

    @property
    def top(self) -> float:
        """Its upper edge."""

    @property
    def middle(self) -> float:
        """Half its height."""

    @property
    def text(self) -> str:
        """Its words."""


Row = list[Placed]  # what stands beside each other, in reading order


def columns(lines: Sequence[Placed]) -> list[list[Row]]:
    """The columns of a page in reading order, each as rows from top to bottom.

    Args:
        lines: in the order of the file, which tells columns from tables where looks allow both.
    """
    backwards = is_right_to_left(" ".join(line.text for line in lines[:200]))
    numbered = [_Numbered(number, line) for number, line in enumerate(lines)]
    depth = _DEPTH if len(lines) <= _MAX_LINES else 0
    return [_rows(part, backwards) for part in _parts(numbered, depth, backwards)]


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A line and its place in the file."""

    number: int
    line: Placed


@dataclass
class _Band:
    """What stands between two lines that reach over a gutter."""

    left: list[_Numbered]
    right: list[_Numbered]
    across: list[_Numbered]

    def in_columns(self) -> bool:
        """Whether its two sides are read one after the other."""
        fewer = min(len(self.left), len(self.right))
        if fewer < 2 or not _overlap(self.left, self.right) or _labelled(self.left, self.right):
            return False
        if _is_form(self.left) and _is_form(self.right):
            return True
        sides = sorted(
            [(item.number, False) for item in self.left] + [(item.number, True) for item in self.right]
        )
        changes = sum(1 for one, other in pairwise(sides) if one[1] != other[1])
        prose = _prose(self.left) + _prose(self.right)
        if changes <= max(2, fewer // 4):  # the file has one side after the other
            return prose > 0 or not _aligned(self.left, self.right)
        return prose == 2 and changes >= fewer

    def weight(self) -> int:
        """How much text stands in columns here."""
        if not self.in_columns():
            return 0
        return min(sum(len(item.line.text) for item in side) for side in (self.left, self.right))


def _parts(lines: list[_Numbered], depth: int, backwards: bool) -> list[list[_Numbered]]:
    """Cut a page at its best gutter, and the parts again."""
    if depth == 0 or not _any_beside(lines):
        return [lines] if lines else []
    best: list[_Band] = []
    most = 0
    downwards = sorted(lines, key=lambda item: -item.line.middle)
    for edge in _edges(lines):
        bands = _bands(downwards, edge)
        weight = sum(band.weight() for band in bands)
        if weight > most:
            best, most = bands, weight
    if not best:
        return [lines]
    parts: list[list[_Numbered]] = []
    for split, group in groupby(best, key=_Band.in_columns):
        if split:
            for band in group:
                sides = (band.right, band.left) if backwards else (band.left, band.right)
                for side in sides:
                    parts += _parts(side, depth - 1, backwards)
        else:
            rest = [item for band in group for item in (*band.left, *band.right, *band.across)]
            parts += _parts(sorted(rest, key=lambda item: item.number), depth - 1, backwards)
    return parts


def _edges(lines: list[_Numbered]) -> list[float]:
    """Where a second column may begin: edges that several lines share."""
    shared = Counter(round(item.line.left / _SLACK) for item in lines)
    first = min(shared)
    frequent = [edge for edge, count in shared.most_common(_CANDIDATES + 1) if edge != first and count > 1]
    return [edge * _SLACK - _SLACK for edge in frequent]


def _bands(downwards: list[_Numbered], edge: float) -> list[_Band]:
    """The bands of a page, from top to bottom; what reaches over the gutter makes bands of its own."""
    bands: list[_Band] = []
    for item in downwards:
        line = item.line
        is_left, is_right = line.right <= edge + _SLACK, line.left >= edge - _SLACK
        crosses = not (is_left or is_right or _hanging(line, edge))
        if not bands or bool(bands[-1].across) != crosses:
            bands.append(_Band([], [], []))
        band = bands[-1]
        (band.across if crosses else band.left if line.left + line.right < 2 * edge else band.right).append(
            item
        )
    return bands


def _hanging(line: Placed, edge: float) -> bool:
    """Whether a line reaches over a gutter by no more than a quotation mark or a stop, with one."""
    most = _OVERHANG * (line.top - line.bottom)
    if line.left >= edge - most:
        return line.text.startswith(_OPENING)
    return line.right <= edge + most and line.text.endswith(_CLOSING)


def _any_beside(lines: list[_Numbered]) -> bool:
    """Whether any two lines stand beside each other."""
    ordered = sorted((item.line for item in lines), key=lambda line: -line.top)
    lowest = ordered[0] if ordered else None
    for line in ordered[1:]:
        assert lowest is not None
        if line.middle > lowest.bottom and (line.left >= lowest.right or line.right <= lowest.left):
            return True
        lowest = min(lowest, line, key=lambda line: line.bottom)
    return False


def _overlap(left: list[_Numbered], right: list[_Numbered]) -> bool:
    """Whether two sides stand beside each other for a part of their height."""
    top = min(max(item.line.top for item in side) for side in (left, right))
    bottom = max(min(item.line.bottom for item in side) for side in (left, right))
    return top > bottom


def _labelled(left: list[_Numbered], right: list[_Numbered]) -> bool:
    """Whether many lines of the right side have a label of their own beside them: a form, read in rows."""
    labels = 0
    for item in right:
        middle = item.line.middle
        beside = [other.line for other in left if other.line.bottom < middle < other.line.top]
        labels += bool(beside) and max(beside, key=lambda line: line.right).text.endswith(_LABEL)
    return 4 * labels > len(right)


def _is_form(side: list[_Numbered]) -> bool:
    """Whether nearly all that stands at the left edge of a side are labels, and they have what they label."""
    edge = min(item.line.left for item in side)
    labels = [item for item in side if item.line.left < edge + _SLACK]
    values = [item for item in side if item.line.left >= edge + _SLACK]
    named = sum(item.line.text.endswith(_LABEL) for item in labels)
    return named > 1 and 5 * named >= 4 * len(labels) and bool(values) and _labelled(labels, values)


def _prose(side: list[_Numbered]) -> bool:
    return sum(len(item.line.text) for item in side) >= _PROSE_CHARS * len(side)


def _aligned(left: list[_Numbered], right: list[_Numbered]) -> bool:
    """Whether nearly all lines of the shorter side stand on the base line of one of the other: a table."""
    short, long = sorted((left, right), key=len)
    bases = {round(item.line.bottom) + near for item in long for near in (-1, 0, 1)}
    found = sum(round(item.line.bottom) in bases for item in short)
    return 5 * found >= 4 * len(short)


def _rows(part: list[_Numbered], backwards: bool) -> list[Row]:
    """What stands beside each other, put together."""
    rows: list[Row] = []
    for line in sorted((item.line for item in part), key=lambda line: -line.middle):
        if rows and _same_row(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    for row in rows:
        row.sort(key=lambda line: -line.right if backwards else line.left)
    return rows


def _same_row(first: Placed, line: Placed) -> bool:
    shared = min(first.top, line.top) - max(first.bottom, line.bottom)
    return 2 * shared > min(first.top - first.bottom, line.top - line.bottom)
