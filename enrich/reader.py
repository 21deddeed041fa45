"""The reader protocol, everything that a reader may look at, and the built-in reader that needs no download.

The stage (`enrich/refresh.py`) decides what is read when; the rules stand in `tags`, `actions`, `projects`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from index.embed import Single
from store.records import Element, Findings, Item, Passage


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """All that a reader may look at; offsets count characters of `text`."""

    item: Item
    text: str
    elements: tuple[Element, ...]
    passages: tuple[Passage, ...] = ()
    vectors: dict[int, Single] = {}  # passage id -> unit vector; passages without one are not embedded


class Reader(Protocol):
    """Says what a document means. Never raises for content; abstains instead."""

    name: str  # as in Run.reader: "builtin" or "llm:<file name>"
    version: str

    def read(self, document: Document) -> Findings:
        """The findings, each with evidence from `document.text`.

        Raises:
            EnrichError: the reader itself failed (a model died); the document is read again later.
        """
        ...
