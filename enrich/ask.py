"""Answers a question of the owner from passages that a search found, and from nothing else: every sentence
comes with a citation that stands in its document, or there is no answer.

Where there is a language model it puts the answer into words, and code looks each of its quotations up. Else
the answer consists of sentences of the documents themselves (`enrich/extract.py`).
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from importlib import resources
from string import Template
from threading import Event
from typing import Annotated

import msgspec
from msgspec import Meta

from enrich import evidence
from enrich.errors import EnrichError
from enrich.extract import Extractor
from enrich.llm import GenerateRequest, Llm
from enrich.schema import Json
from index.query import Query
from index.search import Searcher
from store.records import Item, Passage, Record

PASSAGES = 8  # that an answer can rest on
MAX_SENTENCES = 5
_SENTENCE_CHARS = 400
_QUOTE_CHARS = 300
_ANSWER_TOKENS = 768
_ANSWER_SECONDS = 300.0
_QUOTE_WORDS = 3  # fewer prove nothing, unless there is a number among them
_NUMBER = re.compile(r"\w*\d[\w.,:/-]*")

Ground = tuple[Item, Passage]


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


class UntrustedSentence(msgspec.Struct, frozen=True):
    """A sentence as a model put it."""

    passage: Annotated[str, Meta(max_length=4)]
    quote: Annotated[str, Meta(max_length=_QUOTE_CHARS)]
    sentence: Annotated[str, Meta(max_length=_SENTENCE_CHARS)]


class UntrustedAnswer(msgspec.Struct, frozen=True):
    """An answer as a model put it, not yet compared with the passages."""

    sentences: Annotated[list[UntrustedSentence], Meta(max_length=MAX_SENTENCES)] = []


class Asker:
    """Answers questions. Thread-safe.

    Args:
        llm: None: answers consist of the documents' own sentences.
    """

    def __init__(self, searcher: Searcher, extractor: Extractor, llm: Llm | None) -> None:
        self._searcher = searcher
        self._extractor = extractor
        self._llm = llm
        self._marker = f"----- {secrets.token_hex(8)} -----"
        template = resources.files("enrich").joinpath("prompts/ask.txt").read_text(encoding="utf-8")
        self._head = Template(template).substitute(marker=self._marker, most=MAX_SENTENCES)

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
        if self._llm is not None and grounds:
            try:
                said = self._generated(self._llm, question, grounds, cancelled, urgent)
                reader = f"llm:{self._llm.name}"
            except (EnrichError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
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

    def _generated(
        self, llm: Llm, question: str, grounds: Sequence[Ground], cancelled: Event | None, urgent: bool
    ) -> list[Said]:
        """What a model answers, as far as it is proven.

        Raises:
            EnrichError: see `Llm.generate`.
            MsgspecError, UnicodeDecodeError, RecursionError: the answer does not fit its schema.
        """
        # The question is data too: it may have been copied from anywhere.
        told = [question, *(f"{number}: {_told(ground)}" for number, ground in enumerate(grounds, start=1))]
        reply = llm.generate(
            GenerateRequest(
                head=self._head,
                data=f"\n{self._marker}\n".join(told),
                tail=f"\n{self._marker}\nJSON:\n",
                schema=json.dumps(_schema(len(grounds))),
                max_tokens=_ANSWER_TOKENS,
                seconds=_ANSWER_SECONDS,
                urgent=urgent,
            ),
            cancelled,
        )
        untrusted = msgspec.json.decode(reply.text, type=UntrustedAnswer)
        return list(_proven(untrusted, question, grounds))


def _proven(untrusted: UntrustedAnswer, question: str, grounds: Sequence[Ground]) -> Iterator[Said]:
    """The sentences whose quotation stands in the passage that they name, and whose numbers do."""
    passages = {str(number): ground for number, ground in enumerate(grounds, start=1)}
    for one in untrusted.sentences:
        ground, text = passages.get(one.passage), " ".join(one.sentence.split())
        if ground is None or not text or not _proves(one.quote):
            continue
        item, passage = ground
        proof = evidence.locate(passage.text, one.quote)
        known = set(_NUMBER.findall(passage.text)) | set(_NUMBER.findall(question))
        if proof is not None and {_bare(number) for number in _NUMBER.findall(text)} <= set(
            map(_bare, known)
        ):
            yield Said(text=text, citation=_cited(item, passage, proof.start, proof.end))


def _proves(untrusted_quote: str) -> bool:
    return len(untrusted_quote.split()) >= _QUOTE_WORDS or _NUMBER.search(untrusted_quote) is not None


def _bare(number: str) -> str:
    """Without the end of its sentence."""
    return number.rstrip(".,:-/")


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


def _told(ground: Ground) -> str:
    """A passage, with what tells where it is from."""
    item, passage = ground
    when = time.strftime("%Y-%m-%d", time.gmtime(item.created_at)) if item.created_at else ""
    where = ", ".join(filter(None, (item.title or item.name, item.sender, when)))
    return f"{where}\n{passage.text}"


def _schema(passages: int) -> dict[str, Json]:
    numbers: list[Json] = [str(number) for number in range(1, passages + 1)]
    sentence: dict[str, Json] = {
        "passage": {"type": "string", "enum": numbers},
        "quote": {"type": "string", "maxLength": _QUOTE_CHARS},
        "sentence": {"type": "string", "maxLength": _SENTENCE_CHARS},
    }
    one: dict[str, Json] = {"type": "object", "properties": sentence}
    return {
        "type": "object",
        "properties": {"sentences": {"type": "array", "maxItems": MAX_SENTENCES, "items": one}},
    }
