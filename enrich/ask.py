"""Answers a question of the owner from passages that a search found, and from nothing else: every sentence
comes with a citation that stands in its document, or there is no answer.

Where there is a language model it puts the answer into words, and code looks each of its quotations up
(`enrich/llm_answer.py`). Else the answer consists of sentences of the documents themselves
(`enrich/extract.py`).
"""

from __future__ import annotations

import time
from threading import Event

from enrich.errors import EnrichError
from enrich.extract import Extractor
from enrich.llm import Llm
from enrich.llm_answer import LlmAnswers
from index.query import Query
from index.search import Searcher
from store.records import Item, Passage, Record

PASSAGES = 8  # that an answer can rest on


class Citation(Record, frozen=True, kw_only=True):
    """Where it is said: `item_text[start:end] == text`."""

    item: str
    title: str
    start: int
    end: int
    text: str
    page: int | None = None


class Said(Record, frozen=True, kw_only=True):
    """One sentence of an answer."""

    text: str
    citation: Citation


class Answer(Record, frozen=True, kw_only=True):
    """What the documents say to a question; without sentences, it is not found in them."""

    sentences: tuple[Said, ...]
    reader: str  # who answered: "builtin" or "llm:<file name>"
    passages: int  # that were looked at
    took_ms: float
    degraded: str | None = None  # why less was done than asked


class Asker:
    """Answers questions. Thread-safe.

    Args:
        llm: None: answers consist of the documents' own sentences.
    """

    def __init__(self, searcher: Searcher, extractor: Extractor, llm: Llm | None) -> None:
        self._searcher = searcher
        self._extractor = extractor
        self._answers = LlmAnswers(llm) if llm is not None else None

    def ask(self, question: str, cancelled: Event | None = None, *, urgent: bool = True) -> Answer:
        """The answer. Conditions can be written into a question as into a query.

        Args:
            cancelled: set, nobody waits for the answer any more.
            urgent: somebody waits for it.

        Raises:
            QueryError, IndexClosed: as `Searcher.search`.
        """
        began = time.perf_counter()
        grounds, degraded = self._searcher.passages(Query(query=question, limit=PASSAGES))
        said, reader = None, "builtin"
        if self._answers is not None and grounds:
            try:
                proven = self._answers.answer(question, grounds, cancelled, urgent=urgent)
                said = [Said(text=text, citation=_cited(*proof)) for text, proof in proven]
                reader = self._answers.name
            except EnrichError as error:
                degraded = f"answered without the language model ({type(error).__name__})"
        if said is None:
            found = self._extractor.sentences(question, grounds)
            cited = [_cited(one.item, one.passage, one.start, one.end) for one in found]
            said = [Said(text=citation.text, citation=citation) for citation in cited]
        return Answer(
            sentences=tuple(said),
            reader=reader,
            passages=len(grounds),
            took_ms=round((time.perf_counter() - began) * 1000, 2),
            degraded=degraded,
        )


def _cited(item: Item, passage: Passage, start: int, end: int) -> Citation:
    """The citation of `passage.text[start:end]`."""
    return Citation(
        item=item.id,
        title=item.title or item.name,
        start=passage.start + start,
        end=passage.start + end,
        text=passage.text[start:end],
        page=passage.page,
    )
