"""Cuts an item's own words into sentences with offsets, skipping what others wrote or what repeats.

Pure rules for English and German; no model. Which zones count is a table here; what a sentence means is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from store.records import Element, ElementKind

# Text that the author of this item says himself, once. Quoted mail belongs to its own item.
SPOKEN = frozenset((ElementKind.PARAGRAPH, ElementKind.LIST_ITEM))
OWN = SPOKEN | {ElementKind.TITLE, ElementKind.TABLE, ElementKind.CAPTION, ElementKind.CODE}

_ABBREVIATION = re.compile(
    r"(?:\b(?:Mrs?|Ms|Dr|Prof|Hr|Fr|Frl|St|Str|Nr|No|Art|Abs|Abb|Tel|Fa|Ing|Dipl|Jr|Sr|Inc|Ltd|Co|Corp|vs"
    r"|approx|ca|bzw|ggf|evtl|inkl|exkl|zzgl|vgl|sog|max|min|gem|lt|vol|pp?|Fig|Ref|ext|dept|attn|[A-Za-zÄÖÜäöü])"
    r"|\b[zZ]\.\s?[BbTtHh]|\b[uUdDoOiI]\.\s?[aAhHÄägGeE])\.$"
)
_MONTH_ABBREVIATED = re.compile(
    r"\b(?:Jan|Feb|Mär|Mar|Apr|Jun|Jul|Aug|Sept?|O[ck]t|Nov|De[cz]|Mon|Tue|Wed|Thu|Fri)\.$"
)
_ORDINAL = re.compile(r"(?:^|\s)\d{1,2}\.$")
_ORDINAL_BEFORE = re.compile(
    r"(?:^|\b(?:am|vom|zum|der|die|das|den|dem|des|bis|im|ab|seit|beim|und|oder|[A-Z][a-z]+tag,?)\s+)\d{1,2}\.$"
)
_ORDINAL_AFTER = re.compile(
    r"\s+(?:Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez|Quartal|Stock|Etage|OG|Ober|Unter|Jahrh|Klasse|Halb)"
)
_STOP = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)")
_LINE = re.compile(r"\n+")
_BULLET = re.compile(r"\s*(?:[-*•–—·]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+")
_WRAPPED = 45  # a line at least this long is taken to go on in the next one
_GREETING_WORDS = 6


class Sentence(NamedTuple):
    """One sentence; `text == item_text[start:end]`, without white space or a bullet around it."""

    start: int
    end: int
    text: str


def sentences(
    text: str, elements: Sequence[Element], kinds: frozenset[ElementKind] = SPOKEN
) -> Iterator[Sentence]:
    """The sentences of the elements of these kinds, in reading order."""
    for element in elements:
        if element.kind in kinds:
            yield from split(text, element.start, element.end)


def split(text: str, start: int, end: int) -> Iterator[Sentence]:
    """The sentences of `text[start:end]`."""
    for line_start, line_end in _lines(text, start, end):
        at = line_start
        for stop in _STOP.finditer(text, line_start, line_end):
            if _ends_sentence(text, at, stop):
                yield from _trimmed(text, at, stop.end())
                at = stop.end()
        yield from _trimmed(text, at, line_end)


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Stretches that belong together although wrapped; greetings, bullets and short lines stand alone."""
    at = line = start
    for newline in _LINE.finditer(text, start, end):
        if _breaks(text, line, newline, end):
            yield at, newline.start()
            at = newline.end()
        line = newline.end()
    yield at, end


def _breaks(text: str, line: int, newline: re.Match[str], end: int) -> bool:
    after = newline.end()
    if len(newline[0]) > 1 or after >= end or _BULLET.match(text, after, end):
        return True
    before = text[line : newline.start()].rstrip()
    if before.endswith((",", "!")) and len(before.split()) <= _GREETING_WORDS:
        return True
    return len(before) < _WRAPPED and not text[after].islower()


def _ends_sentence(text: str, at: int, stop: re.Match[str]) -> bool:
    following = text[stop.end() : stop.end() + 40]
    if stop[0].startswith("."):
        so_far = text[max(at, stop.start() - 24) : stop.start() + 1]
        if _ABBREVIATION.search(so_far):
            return False
        if _MONTH_ABBREVIATED.search(so_far) and following.lstrip()[:1].isdigit():
            return False
        if _ORDINAL.search(so_far) and (_ORDINAL_BEFORE.search(so_far) or _ORDINAL_AFTER.match(following)):
            return False
    return not following.lstrip()[:1].islower()


def _trimmed(text: str, start: int, end: int) -> Iterator[Sentence]:
    bullet = _BULLET.match(text, start, end)
    if bullet:
        start = bullet.end()
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield Sentence(start, end, text[start:end])
