"""What the learned heads look at in an item: its words, parties, conversation, build and meaning.

Pure. What is learned from it stands in `learned.py`.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from email.utils import parseaddr
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.embed import Single
from store.records import Element, ElementKind, Item

Ids = npt.NDArray[np.uint32]

# How much a word counts by where it stands. What a mail repeats of others shows what it is about as well as
# its own words; a signature tells the sender's house.
_ELSEWHERE = 0.5
_WEIGHTS = {ElementKind.TITLE: 2.0, ElementKind.SIGNATURE: _ELSEWHERE,
            ElementKind.FORWARDED: _ELSEWHERE, ElementKind.DISCLAIMER: 0.0, ElementKind.FOOTER: 0.0,
            ElementKind.HEADER: 0.0}  # fmt: skip
_WORD = re.compile(r"[^\W_](?:[\w'’.-]*[^\W_])?")
_SHORTEST = 2
_MOST_WORDS = 20_000  # of one item, from its beginning


class Traits(NamedTuple):
    """An item as the heads see it."""

    ids: Ids  # of its traits, ascending, each once
    weights: Single  # as many: 1 + log of how often
    vector: Single | None  # unit length: the mean of its passages'; None if nothing of it is embedded


def words(text: str) -> list[str]:
    """The words of a text as traits: lower case, at least two characters."""
    return [word for word in _WORD.findall(text.lower()) if len(word) >= _SHORTEST]


def trait_ids(traits: Iterable[str]) -> Ids:
    """The numbers by which traits are known."""
    return np.fromiter((zlib.crc32(trait.encode("utf-8", "surrogatepass")) for trait in traits), np.uint32)


def traits(item: Item, text: str, elements: Sequence[Element], vectors: Iterable[Single]) -> Traits:
    """All traits of one item; `vectors` are those of its passages."""
    counts: dict[str, float] = defaultdict(float)
    left = _MOST_WORDS
    for element in elements:
        weight = _WEIGHTS.get(element.kind, 1.0)
        if weight and left > 0:
            found = words(text[element.start : element.end])[:left]
            left -= len(found)
            for word in found:
                counts[word] += weight
    counts |= dict.fromkeys([*parties(item), *_build(elements)], 1.0)
    ids, first = np.unique(trait_ids(counts), return_index=True)  # of two traits with one number the first
    weights = 1 + np.log(np.maximum(np.fromiter(counts.values(), np.float32), _ELSEWHERE))
    return Traits(ids, weights[first], _mean(vectors))


def parties(item: Item) -> Iterable[str]:
    """Sender and recipients by address and by house, and the conversation."""
    for role, written in (("from", item.sender), *(("to", one) for one in item.recipients)):
        address = parseaddr(written or "")[1].lower()
        if address:
            yield f"{role}:{address}"
            yield f"at:{address.rpartition('@')[2]}"
    if item.thread:
        yield f"thread:{item.thread}"


def _build(elements: Sequence[Element]) -> Iterable[str]:
    """Which kinds of elements there are, and about how much of what the author himself says."""
    kinds = {element.kind for element in elements}
    yield from (f"has:{kind}" for kind in kinds)
    own = sum(e.end - e.start for e in elements if e.kind is ElementKind.PARAGRAPH)
    yield f"own:{own.bit_length()}"


def _mean(vectors: Iterable[Single]) -> Single | None:
    rows = list(vectors)
    if not rows:
        return None
    mean = np.mean(rows, axis=0, dtype=np.float32)
    length = np.float32(np.linalg.norm(mean))
    return np.asarray(mean / length, np.float32) if length else None
