"""Cuts an item's text into passages of about 200 tokens, at its structure. Pure: text and elements in,
offsets out; it knows no tokenizer, no store and no model.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from index.worth import is_prose, patches
from store.outline import HEADING_CHARS, heading_paths, heading_words
from store.records import NOT_EMBEDDED, Element, ElementKind, NewPassage

TARGET_TOKENS = 200  # a passage stops growing here
MAX_TOKENS = 240  # and is never longer; the embedded model reads 254 and drops the rest
_SMALL_TOKENS = 40  # a rest as short as this joins the passage before it; and is embedded whatever it is
_COLUMNS_CHARS = HEADING_CHARS  # of the names of a table's columns
_LINE_CHARS = 1_000  # looked at for them
_BAR = " | "  # between the cells of a table

_LINES = frozenset({ElementKind.TABLE, ElementKind.CODE, ElementKind.SIGNATURE, ElementKind.FORWARDED})

# One branch per way that WordPiece cuts: Latin words into pieces of about four letters, digits in pairs,
# punctuation singly; other scripts, and what follows an accented letter in its word, letter by letter. Within
# 5 % on average over mail and office text, and rather too many than too few, because what the model would
# truncate could not be found by meaning.
_PIECES = re.compile(r"[A-Za-z]{1,4}|\d{1,2}|[^\w\s]|_")
_LETTERS = re.compile(r"[^\W\d_A-Za-z][^\W\d_]*")
_SURELY_LONG = 8 * TARGET_TOKENS  # characters

_LINE = re.compile(r"\S(?:[^\n]*\S)?")
_SENTENCE = re.compile(r"\S(?:[^.!?…。\n]++|[.!?…](?=\S))*+[.!?…。]*")
_WORD = re.compile(r"\S+")
_SLICE = re.compile(r"(?s).{1,100}")

Span = tuple[int, int]


class _Unit(NamedTuple):
    """A stretch that is not cut further: `tokens` is an estimate."""

    start: int
    end: int
    tokens: int
    page: int | None
    heading: str | None
    embed: bool
    is_title: bool
    columns: str | None  # what the table's columns are called, where it goes on below their names
    language: str | None
    around: str | None = None  # the language of the long stretch that it stands in


def chunk(text: str, elements: Sequence[Element]) -> list[NewPassage]:
    """Passages in reading order; they never overlap, and each holds `text == item_text[start:end]`.

    Args:
        text: the item's whole text.
        elements: its pieces in reading order, cutting `text`; none means that the text is one paragraph.
    """
    if not elements:
        elements = [Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text))]
    groups: list[list[_Unit]] = []
    for unit in _stretches(_units(text, elements)):
        if groups and _joins(groups[-1], unit):
            groups[-1].append(unit)
        else:
            groups.append([unit])
    return [_passage(text, group) for group in _without_small_rests(groups)]


def estimate_tokens(text: str) -> int:
    """About how many tokens an uncased WordPiece vocabulary makes of `text`."""
    if text.isascii():
        return len(_PIECES.findall(text))
    rest = _LETTERS.sub("", text)
    return len(_PIECES.findall(rest)) + len(text) - len(rest)


def _units(text: str, elements: Sequence[Element]) -> Iterator[_Unit]:
    borders = list(patches(text))
    done = 0
    for element, above in zip(elements, heading_paths(text, elements), strict=True):
        start, end = _strip(text, max(element.start, done), min(element.end, len(text)))
        if start >= end:
            continue
        done = end
        is_title = element.kind is ElementKind.TITLE
        own = heading_words(text, element) if is_title else ""
        path = " › ".join(filter(None, (*above, own))) or None
        named, columns = _columns(text, element)
        for part_start, part_end, in_patch in _split(text, start, end, borders):
            embed = element.kind not in NOT_EMBEDDED and not in_patch
            cutters = _CUTTERS if element.kind in _LINES or in_patch else _CUTTERS[1:]
            for piece_start, piece_end, tokens in _cut(text, part_start, part_end, cutters):
                yield _Unit(
                    piece_start,
                    piece_end,
                    tokens,
                    element.page,
                    path,
                    embed,
                    is_title,
                    columns if piece_start >= named else None,
                    element.language,
                )


def _columns(text: str, element: Element) -> tuple[int, str | None]:
    """Where a table's rows begin and what its columns are called; of what else there is, nothing."""
    rows, cells = element.end, list[str]()
    if element.table is not None:
        header = element.table.rows[: element.table.header]
        cells = [text[start:end] for row in header for start, end in zip(row[::2], row[1::2], strict=True)]
        rows = header[-1][-1] if header and header[-1] else rows
    elif element.kind is ElementKind.TABLE and (first := text.find("\n", element.start, element.end)) > 0:
        # Too large to be kept cell by cell: a first line without any number most likely names the columns.
        line = text[element.start : min(first, element.start + _LINE_CHARS)]
        rows, cells = first, [] if any(map(str.isdigit, line)) else line.split(_BAR)
    names = _BAR.join(dict.fromkeys(filter(None, cells)))
    return rows, names[:_COLUMNS_CHARS].rstrip(_BAR) or None


def _stretches(units: Iterator[_Unit]) -> Iterator[_Unit]:
    """Tell units the language around them: a few words of another one are no stretch of their own."""
    around, waiting = None, list[_Unit]()
    known = False
    for _, run in groupby(units, key=lambda unit: unit.language):
        same = list(run)
        if sum(unit.tokens for unit in same) > _SMALL_TOKENS:
            around, known = same[0].language, True
        if not known:
            waiting += same
            continue
        yield from (unit._replace(around=around) for unit in (*waiting, *same))
        waiting.clear()
    yield from waiting


def _split(text: str, start: int, end: int, inside: Sequence[Span]) -> Iterator[tuple[int, int, bool]]:
    """Cut a stretch where it enters or leaves one of some others: (start, end, whether it is in one)."""
    at = start
    for first, last in inside[bisect_left(inside, start, key=lambda span: span[1]) :]:
        if first >= end:
            break
        for piece_start, piece_end, is_in in (
            (at, max(at, first), False),
            (max(at, first), min(last, end), True),
        ):
            piece_start, piece_end = _strip(text, piece_start, piece_end)
            if piece_start < piece_end:
                yield piece_start, piece_end, is_in
        at = min(last, end)
    at, end = _strip(text, at, end)
    if at < end:
        yield at, end, False


def _joins(group: list[_Unit], unit: _Unit) -> bool:
    last = group[-1]
    if unit.embed != last.embed or unit.page != last.page or unit.around != last.around:
        return False
    # A heading opens a passage, unless all that came before it are headings too: "Report", "1 Scope", text.
    if unit.is_title and not all(before.is_title for before in group):
        return False
    return sum(before.tokens for before in group) + unit.tokens <= TARGET_TOKENS


def _without_small_rests(groups: list[list[_Unit]]) -> list[list[_Unit]]:
    merged: list[list[_Unit]] = []
    for group in groups:
        tokens = sum(unit.tokens for unit in group)
        before = merged[-1] if merged else None
        if (
            before
            and tokens <= _SMALL_TOKENS
            and before[-1].heading == group[-1].heading
            and before[-1].page == group[0].page
            and before[-1].embed == group[0].embed
            and before[-1].around == group[0].around
            and sum(unit.tokens for unit in before) + tokens <= MAX_TOKENS
        ):
            before.extend(group)
        else:
            merged.append(group)
    return merged


def _passage(text: str, group: list[_Unit]) -> NewPassage:
    start, end = group[0].start, group[-1].end
    passage = text[start:end]
    long = sum(unit.tokens for unit in group) > _SMALL_TOKENS
    return NewPassage(
        start=start,
        end=end,
        text=passage,
        page=group[0].page,
        heading=" › ".join(filter(None, (group[-1].heading, group[0].columns))) or None,
        embed=group[0].embed and not (long and not is_prose(passage)),
        language=_language(group),
    )


def _language(group: list[_Unit]) -> str | None:
    """That of most characters."""
    chars = Counter[str | None]()
    for unit in group:
        chars[unit.language] += unit.end - unit.start
    return chars.most_common(1)[0][0]


def _cut(text: str, start: int, end: int, cutters: Sequence[_Cutter]) -> Iterator[tuple[int, int, int]]:
    """Cut a stretch into pieces of at most TARGET_TOKENS, at the coarsest boundary that is fine enough."""
    if end - start <= _SURELY_LONG or not cutters:  # of what is longer the parts are counted, once
        tokens = estimate_tokens(text[start:end])
        if tokens <= TARGET_TOKENS or not cutters:
            yield start, end, tokens
            return
    open_start, open_end, open_tokens = start, start, 0
    for atom_start, atom_end in cutters[0](text, start, end):
        atom_tokens = estimate_tokens(text[atom_start:atom_end])
        if open_tokens and open_tokens + atom_tokens > TARGET_TOKENS:
            yield open_start, open_end, open_tokens
            open_tokens = 0
        if atom_tokens > TARGET_TOKENS:
            yield from _cut(text, atom_start, atom_end, cutters[1:])
            continue
        if not open_tokens:
            open_start = atom_start
        open_end = atom_end
        open_tokens += atom_tokens
    if open_tokens:
        yield open_start, open_end, open_tokens


_Cutter = Callable[[str, int, int], Iterator[Span]]


def _at(pattern: re.Pattern[str]) -> _Cutter:
    def cutter(text: str, start: int, end: int) -> Iterator[Span]:
        for match in pattern.finditer(text, start, end):
            atom_start, atom_end = match.span()
            if text[atom_start].isspace() or text[atom_end - 1].isspace():
                atom_start, atom_end = _strip(text, atom_start, atom_end)
            if atom_start < atom_end:
                yield atom_start, atom_end

    return cutter


_CUTTERS: tuple[_Cutter, ...] = (_at(_LINE), _at(_SENTENCE), _at(_WORD), _at(_SLICE))


def _strip(text: str, start: int, end: int) -> Span:
    """The same stretch without white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
