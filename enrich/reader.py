"""The reader protocol, and the built-in reader that needs no download.

What is read when, and what happens when a reader fails, stands in `enrich/refresh.py`; the rules stand in
`tags.py`, `actions.py` and `projects.py`, what the owner taught in `taught.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from enrich.actions import find_actions
from enrich.document import Document
from enrich.evidence import proven
from enrich.mentions import find_mentions
from enrich.projects import find_links
from enrich.schema import SUMMARY_CHARS, Vocabulary, fingerprint
from enrich.tags import Meaning, describe, find_tags
from enrich.taught import Taught, teach_links, teach_tags
from index.embed import Embedder
from policy.errors import StrongroomError
from store.records import Findings, Link, Tag

log = logging.getLogger("strongroom.enrich")

_VERSION = 4  # of the rules and heads: a higher one reads what is stored anew
_SUMMARY_WORDS = 6  # shorter sentences greet, or head a list


class Reader(Protocol):
    """Says what a document means. Never raises for content; abstains instead."""

    name: str  # as in Run.reader: "builtin" or "llm:<file name>"
    version: str
    at_once: int  # how many documents it is best given side by side

    def read(self, document: Document) -> Findings:
        """The findings, each with evidence from `document.text`.

        Raises:
            EnrichError: the reader itself failed (a model died); the document is read again later.
        """
        ...


class BuiltinReader:
    """Rules over the item's own words, and what the owner taught; the embedder, where there is one, decides
    close cases of tags.

    Args:
        taught: what was learned from the owner up to now; None while he said nothing.
    """

    name = "builtin"
    version: str
    at_once = 1

    def __init__(
        self,
        vocabulary: Vocabulary,
        embedder: Embedder | None = None,
        taught: Callable[[], Taught | None] = lambda: None,
    ) -> None:
        self.version = f"{_VERSION}-{fingerprint(vocabulary)}"
        self._vocabulary = vocabulary
        self._embedder = embedder
        self._taught = taught
        self._tag_vectors: npt.NDArray[np.float32] | None = None

    def read(self, document: Document) -> Findings:
        """See `Reader.read`; raises nothing."""
        taught = self._taught()
        findings = Findings(
            tags=self.tags(document, taught),
            actions=find_actions(document),
            links=self.links(document, taught),
            mentions=find_mentions(document),
            summary=first_sentence(document),
        )
        return proven(document.text, findings)

    def tags(self, document: Document, taught: Taught | None) -> tuple[Tag, ...]:
        """The tags of the owner's list that the item shows, the surest first."""
        found = find_tags(self._vocabulary.tags, document, self._meaning(document))
        return teach_tags(found, taught, document) if taught is not None else found

    def links(self, document: Document, taught: Taught | None) -> tuple[Link, ...]:
        """Links to the owner's projects, the surest first."""
        found = find_links(self._vocabulary.projects, document)
        return teach_links(found, taught, document) if taught is not None else found

    def _meaning(self, document: Document) -> Meaning | None:
        """Similarities of passages and tags; None without an embedder, or while it is down."""
        if not document.vectors or not self._vocabulary.tags or self._embedder is None:
            return None
        if self._tag_vectors is None:
            try:
                rows = [self._embedder.embed_query(describe(tag)) for tag in self._vocabulary.tags]
            except StrongroomError as error:
                log.warning("tags are read without the embedder: %s", type(error).__name__)
                return None
            self._tag_vectors = np.stack(rows)
        return Meaning(self._tag_vectors, document.passages, document.vectors)


def first_sentence(document: Document) -> str | None:
    """The item's own first sentence of some length, verbatim."""
    for sentence in document.said:
        if len(sentence.text.split()) >= _SUMMARY_WORDS:
            return sentence.text if len(sentence.text) <= SUMMARY_CHARS else None
    return None
