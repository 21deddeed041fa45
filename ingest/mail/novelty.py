"""Finds what a message repeats of its parents, whether or not it is marked as a quotation. Pure: the texts
come from whoever knows the store (`ingest/relatives.py`); marks are read by `zones`.

Both texts become streams of words, so quote marks, wrapping and spacing do not matter. Of a parent every
fourth shingle of eight words is remembered; where the message holds one, the common run is followed in both
directions. So a common run of eleven words is always met, and one of sixteen is a repetition.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from store.records import Element, ElementKind

# Letters of scripts without spaces are words of their own.
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[^\W{_IDEOGRAPHS}]+|[{_IDEOGRAPHS}]")
_SHINGLE = 8
_STEP = 4
_RUN_WORDS = 16  # longer than any polite formula: those may be said twice
_RUN_CHARS = 40
_SCRAP_WORDS = 4  # a change as short as this, inside a line that is repeated, is not worth a vector
_MOST_CHARS = 1_000_000  # compared of one message and of all its parents together

_FIXED = frozenset(
    {
        ElementKind.TITLE,
        ElementKind.QUOTED,
        ElementKind.SIGNATURE,
        ElementKind.DISCLAIMER,
        ElementKind.FORWARDED,
    }
)

Span = tuple[int, int]


class _Place(NamedTuple):
    words: list[str]
    at: int


_Index = dict[tuple[str, ...], _Place]


def relabel(text: str, elements: Sequence[Element], parents: Sequence[str]) -> list[Element] | None:
    """Make quoted what the new text of a message has in common with its parents.

    Args:
        text: the message's whole text.
        elements: its elements, cutting `text`, in order.
        parents: whole texts of earlier messages, nearest first.

    Returns:
        The elements, those that hold repeated text cut at its borders; None when nothing is repeated.
        Telling it twice changes nothing.
    """
    if not any(parents) or all(element.kind in _FIXED for element in elements):
        return None
    index = _remember(parents)
    repeated = [span for stretch in _stretches(text, elements) for span in _repeats(text, stretch, index)]
    if not repeated:
        return None
    told: list[Element] = []
    for element in elements:
        told.extend([element] if element.kind in _FIXED else _cut(text, element, repeated))
    return told if told != list(elements) else None


def _remember(parents: Sequence[str]) -> _Index:
    index: _Index = {}
    room = _MOST_CHARS
    for parent in parents:
        words = _WORD.findall(parent[:room])
        for at in range(0, len(words) - _SHINGLE + 1, _STEP):
            index.setdefault(tuple(words[at : at + _SHINGLE]), _Place(words, at))
        room -= len(parent)
        if room <= 0:
            break
    return index


def _stretches(text: str, elements: Sequence[Element]) -> Iterator[list[Span]]:
    """The words of elements that follow one another; a run never reaches across other zones."""
    words: list[Span] = []
    room = _MOST_CHARS
    for element in elements:
        if element.kind in _FIXED:
            if len(words) >= _RUN_WORDS:
                yield words
            words = []
        elif room > 0:
            words.extend(
                match.span()
                for match in _WORD.finditer(text, element.start, min(element.end, element.start + room))
            )
            room -= element.end - element.start
    if len(words) >= _RUN_WORDS:
        yield words


def _repeats(text: str, spans: list[Span], index: _Index) -> Iterator[Span]:
    """The repeated stretches among these words, as offsets into the text, apart and in order."""
    words = [text[start:end] for start, end in spans]
    before: Span | None = None
    for first, last in _runs(words, index):
        start, end = spans[first][0], spans[last - 1][1]
        if end - start < _RUN_CHARS:
            continue
        if before is not None:
            between = first - before[1]
            gap_start = spans[before[1] - 1][1]
            if between < _SCRAP_WORDS and text.count("\n", gap_start, start) < 2:
                start, first = gap_start, before[1]
        yield (
            _open(text, spans[first - 1][1], start) if first else start,
            _close(text, end, spans[last][0]) if last < len(spans) else end,
        )
        before = first, last


def _runs(words: list[str], index: _Index) -> Iterator[Span]:
    """Runs of words that stand so in a parent, as (first, after the last), apart and in order."""
    at = done = 0
    while at <= len(words) - _SHINGLE:
        place = index.get(tuple(words[at : at + _SHINGLE]))
        if place is None:
            at += 1
            continue
        theirs, there = place
        first, there_first = at, there
        while first > done and there_first > 0 and words[first - 1] == theirs[there_first - 1]:
            first, there_first = first - 1, there_first - 1
        last, there_last = at + _SHINGLE, there + _SHINGLE
        while last < len(words) and there_last < len(theirs) and words[last] == theirs[there_last]:
            last, there_last = last + 1, there_last + 1
        if last - first >= _RUN_WORDS:
            yield first, last
            at = done = last
        else:
            at += 1


def _open(text: str, before: int, start: int) -> int:
    """Where a run begins: with its line, or with the marks right before its first word."""
    gap = text[before:start]
    line = gap.rfind("\n")
    return before + 1 + (line if line >= 0 else max(gap.rfind(" "), gap.rfind("\t"), len(gap) - 1))


def _close(text: str, end: int, after: int) -> int:
    """Where a run ends: with its line, or with the marks right after its last word."""
    gap = text[end:after]
    line = gap.find("\n")
    return end + (line if line >= 0 else max(gap.find(" "), 0))


def _cut(text: str, element: Element, repeated: Sequence[Span]) -> Iterator[Element]:
    """An element in pieces, the repeated ones quoted; what has no word in it goes with its neighbour."""
    pieces: list[tuple[int, int, bool]] = []
    at = element.start
    for number in range(bisect_right(repeated, at, key=_end), len(repeated)):
        start, end = repeated[number]
        if start >= element.end:
            break
        start, end = max(start, at), min(end, element.end)
        if _WORD.search(text, at, start):
            pieces.append((at, start, False))
            at = start
        pieces.append((at, end, True))
        at = end
    if not pieces:
        yield element
        return
    if _WORD.search(text, at, element.end):
        pieces.append((at, element.end, False))
    else:
        pieces[-1] = (pieces[-1][0], element.end, True)
    for start, end, quoted in _joined(pieces):
        start, end = _strip(text, start, end)
        kind = ElementKind.QUOTED if quoted else element.kind
        yield msgspec.structs.replace(element, kind=kind, start=start, end=end)


def _joined(pieces: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    joined = pieces[:1]
    for start, end, quoted in pieces[1:]:
        if quoted and joined[-1][2]:
            joined[-1] = (joined[-1][0], end, True)
        else:
            joined.append((start, end, quoted))
    return joined


def _strip(text: str, start: int, end: int) -> Span:
    """The same stretch without white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _end(span: Span) -> int:
    return span[1]
