"""Finds what a message repeats of its parents, whether or not it is marked as a quotation. Pure: the texts
come from whoever knows the store (`ingest/relatives.py`); marks are read by `zones`.

Both texts become streams of words, so quote marks, wrapping and spacing do not matter. Of a parent every
fourth shingle of eight words is remembered; where the message holds one, the common run is followed in both
directions. So a common run of eleven words is always met, and one of sixteen is a repetition.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

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
_MOST_CHARS = 1_000_000  # compared of one text

FIXED = frozenset(
    {
        ElementKind.TITLE,
        ElementKind.QUOTED,
        ElementKind.SIGNATURE,
        ElementKind.DISCLAIMER,
        ElementKind.FORWARDED,
    }
)

Span = tuple[int, int]

# Of ASCII text the same words, found several times faster: all that is no part of a word becomes a space.
_BORDERS = {code: " " for code in range(128) if not _WORD.match(chr(code))}


def _words(text: str) -> list[str]:
    return text.translate(_BORDERS).split() if text.isascii() else _WORD.findall(text)


def _hashes(words: list[str], step: int) -> Iterator[int]:
    """Of the shingles that begin at every so many words."""
    return map(hash, zip(*(words[first::step] for first in range(_SHINGLE)), strict=False))


class Memory:
    """The words of one text, made to be compared with."""

    def __init__(self, text: str) -> None:
        self.words = _words(text[:_MOST_CHARS])
        # Hash of a shingle -> where one of its kind stands.
        self.anchors = dict(zip(_hashes(self.words, _STEP), range(0, len(self.words), _STEP), strict=False))


class Fresh:
    """The new words of one message: in stretches, since a run never reaches across another zone."""

    def __init__(self, text: str, elements: Sequence[Element]) -> None:
        self._text = text
        self._elements = elements
        self._stretches = [_Stretch(spans, words) for spans, words in _stretches(text, elements)]
        self.hashes = frozenset(chain.from_iterable(stretch.hashes for stretch in self._stretches))

    def against(self, parents: Iterable[Memory]) -> list[Element] | None:
        """The elements, those that hold what stands in a parent cut at its borders; None if nothing does."""
        meant = [memory for memory in parents if not self.hashes.isdisjoint(memory.anchors)]
        repeated = [span for stretch in self._stretches for span in stretch.repeats(self._text, meant)]
        if not repeated:
            return None
        told: list[Element] = []
        for element in self._elements:
            told.extend([element] if element.kind in FIXED else _cut(self._text, element, repeated))
        return told if told != list(self._elements) else None


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
    return Fresh(text, elements).against(map(Memory, parents))


def _stretches(text: str, elements: Sequence[Element]) -> Iterator[tuple[list[Span], list[str]]]:
    """The elements that follow one another with nothing else between, and their words."""
    spans: list[Span] = []
    words: list[str] = []
    room = _MOST_CHARS
    for element in elements:
        if element.kind in FIXED:
            if len(words) >= _RUN_WORDS:
                yield spans, words
            spans, words = [], []
        elif room > 0:
            end = min(element.end, element.start + room)
            spans.append((element.start, end))
            words += _words(text[element.start : end])
            room -= end - element.start
    if len(words) >= _RUN_WORDS:
        yield spans, words


class _Stretch:
    """New text that nothing else interrupts."""

    def __init__(self, spans: list[Span], words: list[str]) -> None:
        self._spans = spans
        self._words = words
        self.hashes = list(_hashes(words, 1))

    def repeats(self, text: str, parents: Sequence[Memory]) -> Iterator[Span]:
        """Its repeated parts, as offsets into the text, in order."""
        runs = list(self._runs(parents))
        if not runs:
            return
        at = [match.span() for start, end in self._spans for match in _WORD.finditer(text, start, end)]
        before = 0  # the word after the run before
        for first, last in runs:
            start, end = at[first][0], at[last - 1][1]
            if end - start < _RUN_CHARS:
                continue
            if before and first - before < _SCRAP_WORDS and text.count("\n", at[before - 1][1], start) < 2:
                first, start = before, at[before - 1][1]
            yield (
                _open(text, at[first - 1][1], start) if first else start,
                _close(text, end, at[last][0]) if last < len(at) else end,
            )
            before = last

    def _runs(self, parents: Sequence[Memory]) -> Iterator[Span]:
        """Runs of words that stand so in a parent, as (first, after the last), apart and in order."""
        done = 0
        for at, value in enumerate(self.hashes if parents else ()):
            if at < done:
                continue
            for parent in parents:
                there = parent.anchors.get(value)
                if there is None:
                    continue
                first, last = _common(self._words, at, done, parent.words, there)
                if last - first >= _RUN_WORDS:
                    yield first, last
                    done = last
                    break


def _common(words: list[str], at: int, least: int, theirs: list[str], there: int) -> Span:
    """How far two texts agree around a place in each; nothing where only the hash does."""
    first, last, offset = at, at, there - at
    while first > least and first + offset > 0 and words[first - 1] == theirs[first - 1 + offset]:
        first -= 1
    while last < len(words) and last + offset < len(theirs) and words[last] == theirs[last + offset]:
        last += 1
    return first, last


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
