"""Where the words of a query stand in a passage, for highlights."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from index.lexicon import Lexicon
from index.query import Piece, Wanted

if TYPE_CHECKING:
    import tantivy

Span = tuple[int, int]


def matches(lexicon: Lexicon, text: str, language: str | None, wanted: Wanted) -> list[Span]:
    """Where the wanted words and pieces stand in a text: (start, end), ascending, not overlapping."""
    pieces = [*map(Piece, wanted.words), *chain.from_iterable(wanted.required)]
    pieces = [piece for piece in pieces if not piece.subject]
    phrases = {lexicon.stems(piece.text, language) for piece in pieces if not piece.prefix} - {()}
    found = _phrases(lexicon.stem_places(text, language), phrases)
    beginnings = [tokens for piece in pieces if piece.prefix and (tokens := lexicon.plain(piece.text))]
    if beginnings:
        whole = {token for tokens in beginnings for token in tokens[:-1]}
        begun = tuple(tokens[-1] for tokens in beginnings)
        found += [
            (token.char_offset_from, token.char_offset_to)
            for token in lexicon.plain_places(text)
            if token.text in whole or token.text.startswith(begun)
        ]
    return _apart(sorted(found))


def _phrases(tokens: Sequence[tantivy.Token], phrases: Collection[tuple[str, ...]]) -> list[Span]:
    """The places of phrases, of those that begin at one word the longest."""
    words = [token.text for token in tokens]
    longest = max(map(len, phrases), default=0)
    first = {phrase[0] for phrase in phrases}
    found: list[Span] = []
    end = 0  # of the last one
    for at in [at for at, word in enumerate(words) if word in first]:  # few
        lengths = range(min(longest, len(words) - at), 0, -1)
        length = next((n for n in lengths if tuple(words[at : at + n]) in phrases), 0)
        if length and at >= end:
            end = at + length
            found.append((tokens[at].char_offset_from, tokens[end - 1].char_offset_to))
    return found


def _apart(spans: Sequence[Span]) -> list[Span]:
    """Without those that begin within the one before."""
    found: list[Span] = []
    for span in spans:
        if not found or span[0] >= found[-1][1]:
            found.append(span)
    return found
