"""What a Word paragraph's style makes of it, and the number that Word shows before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_VAL = f"{W}val"
_LEVELS = 9
_CHAIN = 20  # styles that rest on one another; a loop ends here
_HEADING = re.compile(r"heading ?([1-9])", re.IGNORECASE)
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_BODY = 9  # the outline level of what is no heading


@dataclass(frozen=True)
class Style:
    """What matters of a paragraph style, inherited where it says nothing itself."""

    name: str = ""  # in English and lower case, where it is one of Word's own
    outline: int | None = None  # 0 for a heading of the first level, 9 for text
    number: str | None = None  # id of its numbering
    level: int | None = None


class Styles:
    """The paragraph styles of a document."""

    def __init__(self, tree: etree._Element | None) -> None:
        self._found = {
            style.get(f"{W}styleId", ""): style
            for style in (tree.iterfind(f"{W}style") if tree is not None else ())
        }
        self._known: dict[str, Style] = {}
        self.default = next(
            (
                name
                for name, style in self._found.items()
                if style.get(f"{W}default") in ("1", "true", "on") and style.get(f"{W}type") == "paragraph"
            ),
            "",
        )

    def __getitem__(self, name: str) -> Style:
        if name not in self._known:
            self._known[name] = self._resolve(name)
        return self._known[name]

    def _resolve(self, name: str) -> Style:
        """A style with what it inherits: the nearest in the chain that says something decides."""
        said = ""
        outline = level = None
        number: str | None = None
        wanted = name
        for _ in range(_CHAIN):
            style = self._found.get(wanted)
            if style is None:
                said = said or wanted
                break
            called = value(style, "name").lower()
            said = said or called
            heading = _HEADING.fullmatch(called)
            if outline is None:
                outline = number_of(style, "pPr/outlineLvl")
                outline = int(heading[1]) - 1 if outline is None and heading else outline
            if number is None:
                number = value(style, "pPr/numPr/numId") or None
            if level is None:
                level = number_of(style, "pPr/numPr/ilvl")
            wanted = value(style, "basedOn")
            if not wanted:
                break
        heading = _HEADING.fullmatch(said)
        return Style(said, int(heading[1]) - 1 if outline is None and heading else outline, number, level)


@dataclass
class _Level:
    """One level of a list."""

    start: int = 1
    kind: str = "decimal"
    text: str = ""
    restart: int | None = None  # the level after which it begins anew; None: any above it, 0: never
    legal: bool = False
    style: str = ""


class Numbering:
    """The lists of a document. Labels must be asked for in the order of the text: each counts on."""

    def __init__(self, tree: etree._Element | None) -> None:
        self._abstract: dict[str, dict[int, _Level]] = {}
        self._linked: dict[str, str] = {}  # an abstract list that is another's, named by a style
        self._by_style: dict[str, str] = {}
        self._lists: dict[str, tuple[str, dict[int, int], dict[int, _Level]]] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._begun: set[tuple[str, int]] = set()
        for entry in tree if tree is not None else ():
            if entry.tag == f"{W}abstractNum":
                self._add_abstract(entry)
            elif entry.tag == f"{W}num":
                self._add_list(entry)

    def level_of(self, number: str, style: str) -> int:
        """The level of a list that a style stands for."""
        levels = self._levels(number)
        return next((depth for depth, level in levels.items() if style and level.style == style), 0)

    def label(self, number: str, depth: int) -> str:
        """The label of the next paragraph on a level: "2.1", "a)", "iv."; empty for a bullet."""
        levels = self._levels(number)
        level = levels.get(depth)
        if level is None:
            return ""
        counts = self._counts.setdefault(self._lists[number][0], [None] * _LEVELS)
        self._count(number, levels, counts, depth)
        if level.kind in ("bullet", "none", ""):
            return ""

        def shown(match: re.Match[str]) -> str:
            other = int(match[1]) - 1
            named = levels.get(other, _Level())
            count = counts[other]
            return numeral(named.start if count is None else count, "decimal" if level.legal else named.kind)

        return re.sub(r"%([1-9])", shown, level.text).strip()

    def _count(self, number: str, levels: dict[int, _Level], counts: list[int | None], depth: int) -> None:
        """Count one more on a level; levels below begin anew, levels above that were skipped have begun."""
        starts = self._lists[number][1]
        if depth in starts and (number, depth) not in self._begun:
            self._begun.add((number, depth))
            counts[depth] = starts[depth]
        else:
            count = counts[depth]
            counts[depth] = levels[depth].start if count is None else count + 1
        for above in range(depth):
            if counts[above] is None:
                counts[above] = starts.get(above, levels[above].start if above in levels else 1)
        for below in range(depth + 1, _LEVELS):
            restart = levels[below].restart if below in levels else None
            if restart is None or restart > depth:
                counts[below] = None

    def _levels(self, number: str) -> dict[int, _Level]:
        found = self._lists.get(number)
        if found is None:
            return {}
        abstract, _, own = found
        for _ in range(_CHAIN):
            style = self._linked.get(abstract)
            following = self._by_style.get(style) if style else None
            if following is None:
                break
            abstract = following
        return {**self._abstract.get(abstract, {}), **own} if own else self._abstract.get(abstract, {})

    def _add_abstract(self, entry: etree._Element) -> None:
        name = entry.get(f"{W}abstractNumId", "")
        self._abstract[name] = _read_levels(entry)
        if style := value(entry, "numStyleLink"):
            self._linked[name] = style
        if style := value(entry, "styleLink"):
            self._by_style[style] = name

    def _add_list(self, entry: etree._Element) -> None:
        starts: dict[int, int] = {}
        own: dict[int, _Level] = {}
        for change in entry.iterfind(f"{W}lvlOverride"):
            depth = _depth(change)
            start = number_of(change, "startOverride")
            if start is not None:
                starts[depth] = start
            own.update(_read_levels(change))
        self._lists[entry.get(f"{W}numId", "")] = value(entry, "abstractNumId"), starts, own


def _read_levels(entry: etree._Element) -> dict[int, _Level]:
    return {
        _depth(level): _Level(
            start=number_of(level, "start") or 0,  # ISO 29500 17.9.25: zero where it is left out
            kind=value(level, "numFmt") or "decimal",
            text=value(level, "lvlText"),
            restart=number_of(level, "lvlRestart"),
            legal=is_on(level.find(f"{W}isLgl")),
            style=value(level, "pStyle"),
        )
        for level in entry.iterfind(f"{W}lvl")
    }


def _depth(entry: etree._Element) -> int:
    depth = entry.get(f"{W}ilvl", "0")
    return min(int(depth), _LEVELS - 1) if depth.isdecimal() else 0


@cache
def _full(path: str) -> str:
    return "/".join(W + name for name in path.split("/"))


def value(element: etree._Element, path: str) -> str:
    """The value of an element at a path of unprefixed names; empty when there is none."""
    found = element.find(_full(path))
    return found.get(_VAL, "") if found is not None else ""


def number_of(element: etree._Element, path: str) -> int | None:
    """As `value`, a number."""
    text = value(element, path)
    return int(text) if text.isdecimal() and len(text) < 10 else None


def is_on(switch: etree._Element | None) -> bool:
    """Whether a property that is on or off is there and on."""
    return switch is not None and switch.get(_VAL, "1") not in ("0", "false", "off")


def numeral(count: int, kind: str) -> str:
    """A number as a list shows it."""
    if kind in ("lowerLetter", "upperLetter") and 0 < count <= 1000:
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letter if kind == "lowerLetter" else letter.upper()
    if kind in ("lowerRoman", "upperRoman") and 0 < count < 4000:
        roman = ""
        for size, sign in _ROMAN:
            roman += sign * (count // size)
            count %= size
        return roman if kind == "lowerRoman" else roman.upper()
    if kind in ("bullet", "none"):
        return ""
    if kind == "ordinal":
        ending = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
        return f"{count}{ending}"
    return f"{count:02}" if kind == "decimalZero" else str(count)
