"""Puts together what the rules found in an item and what was learned from the owner; each with its sentence.

A head that the owner taught may add a name or take it away. What it adds is proven by the sentence whose
words speak most for it; where none does, nothing is added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from enrich import evidence
from enrich.document import Document
from enrich.learned import Heads, Space
from enrich.schema import MAX_LINKS, MAX_TAGS
from enrich.sentences import Sentence
from enrich.traits import parties, words
from store.records import Evidence, Item, Link, Tag

GIVEN = 0.5  # chance from which a head gives a name
REFUSED = 0.2  # and below which it takes away what a rule gave
_TOLD = 3  # words of a sentence that are given as the reason
_MOST_CHARS = 600  # longer "sentences" are tables and listings


_T = TypeVar("_T")


class Taught(NamedTuple):
    """What the owner taught."""

    space: Space
    tags: Heads | None  # None: nothing of any
    projects: Heads | None


class _Shown(NamedTuple):
    """What a head gives an item."""

    name: str
    chance: float
    reason: str
    evidence: Evidence


def teach_tags(found: Sequence[Tag], taught: Taught, document: Document) -> tuple[Tag, ...]:
    """The tags of an item, the surest first; `found` are those that the rules gave."""
    kept, shown = _judged({tag.name: tag for tag in found}, taught.space, taught.tags, document)
    new = [
        Tag(item=document.item.id, name=one.name, confidence=one.chance, evidence=one.evidence)
        for one in shown
    ]
    return tuple(sorted([*kept, *new], key=lambda tag: -tag.confidence)[:MAX_TAGS])


def teach_links(found: Sequence[Link], taught: Taught, document: Document) -> tuple[Link, ...]:
    """The links of an item, the surest first; `found` are those that the rules gave."""
    kept, shown = _judged({link.project: link for link in found}, taught.space, taught.projects, document)
    new = [
        Link(
            item=document.item.id,
            project=one.name,
            reason=one.reason,
            confidence=one.chance,
            evidence=one.evidence,
        )
        for one in shown
    ]
    return tuple(sorted([*kept, *new], key=lambda link: -link.confidence)[:MAX_LINKS])


def _judged(
    found: Mapping[str, _T], space: Space, heads: Heads | None, document: Document
) -> tuple[list[_T], list[_Shown]]:
    """What the rules gave and is not taken away, and what is given besides."""
    if heads is None:
        return list(found.values()), []
    (chances,) = heads.chances(space.points([document.traits]))
    kept = [given for name, given in found.items() if chances.get(name, 1.0) >= REFUSED]
    new = {name: chance for name, chance in chances.items() if chance >= GIVEN and name not in found}
    return kept, list(_shown(new, heads, document)) if new else []


def _shown(chances: Mapping[str, float], heads: Heads, document: Document) -> Iterator[_Shown]:
    """Those of the names for which a sentence speaks."""
    own = [one for one in document.own if len(one.text) <= _MOST_CHARS]
    said = [list(dict.fromkeys(words(one.text))) for one in own]
    for name, chance in chances.items():
        best = _loudest(heads, name, own, said)
        if best is not None:
            sentence, told = best
            spoken = f"words {', '.join(f'‘{word}’' for word in told)}"
            reason = ", ".join([*_company(heads, name, document.item), spoken])
            proof = evidence.cut(document.text, sentence.start, sentence.end)
            yield _Shown(name, round(chance, 2), reason, proof)


def _loudest(
    heads: Heads, name: str, own: Sequence[Sentence], said: Sequence[Sequence[str]]
) -> tuple[Sentence, list[str]] | None:
    """The sentence whose words speak most for a name, and those words."""
    best: tuple[float, Sentence, list[str]] | None = None
    for sentence, its in zip(own, said, strict=True):
        says = heads.speak(name, its)
        total = float(np.maximum(says, 0).sum())
        if total > (best[0] if best else 0.0):
            loudest = np.argsort(-says, kind="stable")[:_TOLD]
            best = total, sentence, [its[at] for at in loudest if says[at] > 0]
    return best[1:] if best else None


def _company(heads: Heads, name: str, item: Item) -> Iterator[str]:
    """What else than words speaks for a name."""
    of = list(parties(item))
    says = dict(zip(of, heads.speak(name, of), strict=True))
    if any(said > 0 for trait, said in says.items() if trait.startswith("thread:")):
        yield "same conversation"
    if any(said > 0 for trait, said in says.items() if trait.startswith(("from:", "to:"))):
        yield "same parties"
