"""Gives an item tags of the owner's closed list, by the words that show a tag; meaning only helps to decide.

One word alone proves little ("the train of thought"): it counts in the title, repeated, as a phrase,
or where its passage's meaning is nearer to this tag than to the others. Meaning alone gives no tag: on what
we measured, no threshold on the similarity of descriptions was right in more than six of ten cases.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from enrich import evidence
from enrich.document import Document
from enrich.schema import MAX_TAGS, TagSpec
from enrich.sentences import Sentence
from enrich.words import word_pattern
from index.embed import Single
from store.records import ElementKind, Item, Passage, Tag

MARGIN = 0.13  # cosine: how much nearer than to the median tag a passage must be for one word to count
_REPLY = re.compile(r"\s*(?:re|aw|fwd?|wg|antw)\s*:", re.IGNORECASE)


class Hit(NamedTuple):
    """One of a tag's words, where it stands."""

    word: str
    start: int
    sentence: Sentence
    in_title: bool


class Meaning:
    """How near the passages of one item are to each tag.

    Args:
        tag_vectors: (tags, dimension), unit length, in the order of the vocabulary.
        passages: the item's passages.
        vectors: unit vectors by passage id.
    """

    def __init__(
        self, tag_vectors: npt.NDArray[np.float32], passages: Sequence[Passage], vectors: Mapping[int, Single]
    ) -> None:
        self._margins: list[tuple[Passage, Single]] = []
        for passage in passages:
            if passage.id in vectors and len(tag_vectors):
                similarities = tag_vectors @ vectors[passage.id]
                self._margins.append((passage, similarities - np.median(similarities)))

    def margin(self, tag: int, start: int) -> float:
        """How much nearer the passage at `start` is to this tag than to the median one; 0 if not known."""
        for passage, margins in self._margins:
            if passage.start <= start < passage.end:
                return float(margins[tag])
        return 0.0


def describe(tag: TagSpec) -> str:
    """The text whose vector stands for the tag."""
    return f"{tag.name}: {tag.description} {', '.join(tag.words)}"


def find_tags(tags: Sequence[TagSpec], document: Document, meaning: Meaning | None) -> tuple[Tag, ...]:
    """The tags that the item shows, the surest first, at most `MAX_TAGS`."""
    item, first = document.item, document.elements[:1]
    title_end = first[0].end if first and first[0].kind is ElementKind.TITLE else 0
    found: list[Tag] = []
    for number, tag in enumerate(tags):
        hits = list(_hits(tag, document.own, title_end))
        confidence = _confidence(hits, item, number, meaning)
        if confidence:
            shown = max(hits, key=lambda hit: (not hit.in_title, " " in hit.word, -hit.start))
            proof = evidence.cut(document.text, shown.sentence.start, shown.sentence.end)
            found.append(Tag(item=item.id, name=tag.name, confidence=confidence, evidence=proof))
    return tuple(sorted(found, key=lambda tag: -tag.confidence)[:MAX_TAGS])


def _hits(tag: TagSpec, own: Sequence[Sentence], title_end: int) -> Iterator[Hit]:
    for word in tag.words or (tag.name,):
        pattern = word_pattern(word)
        for sentence in own:
            for match in pattern.finditer(sentence.text):
                start = sentence.start + match.start()
                yield Hit(word.lower(), start, sentence, start < title_end)


def _confidence(hits: Sequence[Hit], item: Item, number: int, meaning: Meaning | None) -> float:
    """0: abstain. The title of a reply says what the thread was about, not this message."""
    body = Counter(hit.word for hit in hits if not hit.in_title)
    titled = any(hit.in_title for hit in hits)
    if body and (titled or len(body) > 2):
        return 0.9
    if len(body) == 2:
        return 0.8
    if titled and not _REPLY.match(item.title or ""):
        return 0.7
    if not body:
        return 0.0
    ((word, count),) = body.items()
    if count > 1 or " " in word:
        return 0.6
    near = meaning.margin(number, hits[0].start) if meaning else 0.0
    return 0.55 if near >= MARGIN else 0.0
