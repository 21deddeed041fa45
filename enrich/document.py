"""All that a reader may look at of one item. It is loaded in `documents.py`; readers say what it means."""

from __future__ import annotations

from functools import cached_property

import msgspec

from enrich.sentences import OWN, Sentence, sentences
from enrich.traits import Traits, traits
from index.embed import Single
from store.records import Element, Item, Passage


class Document(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An item with its text; offsets count characters of `text`."""

    item: Item
    text: str
    elements: tuple[Element, ...]
    passages: tuple[Passage, ...] = ()
    vectors: dict[int, Single] = {}  # passage id -> unit vector; passages without one are not embedded
    conversation: dict[str, float] = {}  # project -> how surely another message of the conversation is of it

    @cached_property
    def said(self) -> tuple[Sentence, ...]:
        """The sentences that the author says himself, in reading order: of `sentences.SPOKEN`."""
        return tuple(sentences(self.text, self.elements))

    @cached_property
    def own(self) -> tuple[Sentence, ...]:
        """These, and those of titles, tables and captions: of `sentences.OWN`."""
        return tuple(sentences(self.text, self.elements, OWN))

    @cached_property
    def traits(self) -> Traits:
        """What the learned heads look at."""
        return traits(self.item, self.text, self.elements, self.vectors.values())
