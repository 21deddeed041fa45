"""Styles of OpenDocument: what a paragraph's style rests on, and the numbers of lists and headings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from ingest.readers.package import local
from ingest.readers.word_numbering import numeral

_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_LEVELS = 10
_CHAIN = 20
_TITLES = {"title": 1, "subtitle": 2}


def attribute(element: etree._Element, name: str) -> str:
    """An attribute by its name in whatever namespace; empty when there is none."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return ""


def number(element: etree._Element, name: str, otherwise: int) -> int:
    """An attribute as a positive number."""
    value = attribute(element, name)
    return max(int(value), 1) if value.isdecimal() and len(value) < 10 else otherwise


@dataclass(frozen=True)
class _Level:
    """How one level of a list is numbered; without a format it has bullets or nothing."""

    format: str
    prefix: str
    suffix: str
    shown: int  # how many levels a number shows
    start: int


@dataclass
class Styles:
    """The styles of one document, those of its content and those that it shares with others."""

    _parents: dict[str, str] = field(default_factory=dict)
    _lists: dict[str, dict[int, _Level]] = field(default_factory=dict)
    _outline: dict[int, _Level] = field(default_factory=dict)

    def learn(self, tree: etree._Element | None) -> None:
        """Take in every style below an element."""
        for style in tree.iter("{*}style", "{*}list-style", "{*}outline-style") if tree is not None else ():
            name, kind = attribute(style, "name"), local(style)
            if kind == "style":
                self._parents[name] = attribute(style, "parent-style-name")
            elif kind == "list-style":
                self._lists[name] = _levels(style)
            else:
                self._outline = _levels(style)

    def title_level(self, style: str) -> int | None:
        """The level of a paragraph that its style makes the title of the document."""
        for _ in range(_CHAIN):
            if level := _TITLES.get(style.lower()):
                return level
            style = self._parents.get(style, "")
        return None

    def list_levels(self, style: str) -> dict[int, _Level]:
        """The levels of a list style."""
        return self._lists.get(style, {})

    @property
    def outline(self) -> dict[int, _Level]:
        """The numbering of headings."""
        return self._outline


def _levels(style: etree._Element) -> dict[int, _Level]:
    return {
        number(level, "level", 1): _Level(
            format=_FORMATS.get(attribute(level, "num-format"), ""),
            prefix=attribute(level, "num-prefix"),
            suffix=attribute(level, "num-suffix"),
            shown=number(level, "display-levels", 1),
            start=number(level, "start-value", 1),
        )
        for level in style
        if local(level) in ("list-level-style-number", "outline-level-style")
    }


class Counter:
    """Counts the items of one list, or the headings."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def label(self, levels: dict[int, _Level], depth: int, start: int | None = None) -> str:
        """The number of the next item on a level from 1; empty where it has none.

        Args:
            start: the number that the item itself asks for.
        """
        depth = min(depth, _LEVELS)
        level = levels.get(depth)
        first = level.start if level else 1
        self._counts[depth] = start if start is not None else self._counts.get(depth, first - 1) + 1
        for below in [other for other in self._counts if other > depth]:
            del self._counts[below]
        if level is None or not level.format:
            return ""
        numbers = _numbers(levels, self._counts, range(max(depth - level.shown, 0) + 1, depth + 1))
        return f"{level.prefix}{'.'.join(numbers)}{level.suffix}".strip()


def _numbers(levels: dict[int, _Level], counts: dict[int, int], places: Iterable[int]) -> list[str]:
    found = []
    for place in places:
        level = levels.get(place)
        if level is not None and level.format:
            found.append(numeral(counts.get(place, level.start), level.format))
    return found
