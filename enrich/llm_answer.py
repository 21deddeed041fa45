"""Answers a question by a language model, and believes a sentence only where its quotation stands in the
passage that it names.

Passages that do not fit into the model's context together are read part by part (map). Then the sentences of
the documents that prove what was said are read once more, by themselves (reduce), until one part holds them
all: what is read again is never a model's own words, so every place stays one in the passage.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from string import Template
from threading import Event
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from enrich import evidence
from enrich.errors import ModelFailed
from enrich.llm import GenerateRequest, Llm
from enrich.schema import Json
from enrich.sentences import split
from enrich.windows import again_from
from store.records import Item, Passage

MAX_SENTENCES = 5
PARTS = 16  # that are read for one answer, again or for the first time
_SENTENCE_CHARS = 400
_QUOTE_CHARS = 300
_ANSWER_TOKENS = 768  # to each part
_ANSWER_SECONDS = 300.0  # to all of them
_QUOTE_WORDS = 3  # fewer prove nothing, unless there is a number among them
_NUMBER = re.compile(r"\w*\d[\w.,:/-]*")


class Stretch(NamedTuple):
    """`passage.text[start:end]`."""

    item: Item
    passage: Passage
    start: int
    end: int

    @property
    def place(self) -> tuple[int, int, int]:
        """Tells it from others."""
        return self.passage.id, self.start, self.end

    @property
    def text(self) -> str:
        """Verbatim."""
        return self.passage.text[self.start : self.end]


class Proven(NamedTuple):
    """A sentence of an answer, and what was quoted for it."""

    text: str
    proof: Stretch


class UntrustedSentence(msgspec.Struct, frozen=True):
    """A sentence as a model put it."""

    passage: Annotated[str, Meta(max_length=4)]
    quote: Annotated[str, Meta(max_length=_QUOTE_CHARS)]
    sentence: Annotated[str, Meta(max_length=_SENTENCE_CHARS)]


class UntrustedAnswer(msgspec.Struct, frozen=True):
    """An answer as a model put it, not yet compared with the passages."""

    sentences: Annotated[list[UntrustedSentence], Meta(max_length=MAX_SENTENCES)] = []


class LlmAnswers:
    """Asks a model. Thread-safe."""

    def __init__(self, llm: Llm) -> None:
        self.name = f"llm:{llm.name}"
        self._llm = llm
        self._marker = f"----- {secrets.token_hex(8)} -----"
        template = resources.files("enrich").joinpath("prompts/ask.txt").read_text(encoding="utf-8")
        self._head = Template(template).substitute(marker=self._marker, most=MAX_SENTENCES)

    def answer(
        self,
        question: str,
        grounds: Iterable[tuple[Item, Passage]],
        cancelled: Event | None = None,
        *,
        urgent: bool = True,
    ) -> list[Proven]:
        """What it answers from these passages, as far as that is proven; at most `MAX_SENTENCES`.

        Raises:
            EnrichError: see `Llm.generate`; or an answer did not fit its schema, or the passages the model.
        """
        asked = _Asked(question, time.monotonic() + _ANSWER_SECONDS, cancelled, urgent)
        told = [Stretch(item, passage, 0, len(passage.text)) for item, passage in grounds if passage.text]
        while True:
            before, said = asked.parts, self._read(asked, told)
            proofs = {stretch.place: stretch for stretch in (_sentences(one.proof) for one in said)}.values()
            if asked.parts - before <= 1 or _length(proofs) >= _length(told):
                return said[:MAX_SENTENCES]
            told = list(proofs)

    def _read(self, asked: _Asked, told: Sequence[Stretch]) -> list[Proven]:
        """What is said of some stretches, in as many parts as they take; of each quotation once."""
        left, said = list(told), dict[tuple[int, int, int], Proven]()
        while left:
            untrusted, seen = self._part(asked, left)
            for one in _proven(untrusted, asked.question, seen):
                said.setdefault(one.proof.place, one)
            whole = sum(part.end == each.end for part, each in zip(seen, left, strict=False))
            if whole == 0:  # longer than the context
                part = seen[0]
                left[0] = part._replace(
                    start=again_from(part.passage.text, part.start, part.end), end=left[0].end
                )
            left = left[whole:]
        return list(said.values())

    def _part(self, asked: _Asked, told: Sequence[Stretch]) -> tuple[UntrustedAnswer, list[Stretch]]:
        """One answer, and the stretches as far as the model took them in."""
        # The question is data too: it may have been copied from anywhere.
        data, starts = asked.question, list[int]()
        for number, stretch in enumerate(told, start=1):
            data += f"\n{self._marker}\n{number}: {_where(stretch.item)}\n"
            starts.append(len(data))
            data += stretch.text
        reply = self._llm.generate(
            GenerateRequest(
                head=self._head,
                data=data,
                tail=f"\n{self._marker}\nJSON:\n",
                schema=json.dumps(_schema(len(told))),
                max_tokens=_ANSWER_TOKENS,
                seconds=asked.next_part(self._llm.name),
                urgent=asked.urgent,
            ),
            asked.cancelled,
        )
        ends = (stretch.start + reply.read - start for start, stretch in zip(starts, told, strict=True))
        seen = [
            stretch._replace(end=min(end, stretch.end))
            for end, stretch in zip(ends, told, strict=True)
            if end > stretch.start
        ]
        if not seen:
            raise ModelFailed("no passage fits into its context beside the question", item=self._llm.name)
        try:
            return msgspec.json.decode(reply.text, type=UntrustedAnswer), seen
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ModelFailed("an answer does not fit its schema", item=self._llm.name) from error


class _Asked:
    """One question on its way."""

    def __init__(self, question: str, until: float, cancelled: Event | None, urgent: bool) -> None:
        self.question = question
        self.cancelled = cancelled
        self.urgent = urgent
        self.parts = 0
        self._until = until

    def next_part(self, model: str) -> float:
        """The seconds that are left for it."""
        self.parts += 1
        left = self._until - time.monotonic()
        if self.parts > PARTS or left <= 0:
            told = f"no whole answer within {_ANSWER_SECONDS:g} s and {PARTS} parts"
            raise ModelFailed(told, item=model)
        return left


def _proven(untrusted: UntrustedAnswer, question: str, seen: Sequence[Stretch]) -> Iterator[Proven]:
    """The sentences whose quotation stands in the passage that they name, and whose numbers do."""
    numbered = {str(number): stretch for number, stretch in enumerate(seen, start=1)}
    for one in untrusted.sentences:
        stretch, text = numbered.get(one.passage), " ".join(one.sentence.split())
        if stretch is None or not text or not _proves(one.quote):
            continue
        proof = evidence.locate(stretch.passage.text, one.quote, stretch.start, stretch.end)
        known = _numbers(stretch.passage.text) | _numbers(question)
        if proof is not None and _numbers(text) <= known:
            yield Proven(text, stretch._replace(start=proof.start, end=proof.end))


def _proves(untrusted_quote: str) -> bool:
    return len(untrusted_quote.split()) >= _QUOTE_WORDS or _NUMBER.search(untrusted_quote) is not None


def _numbers(text: str) -> set[str]:
    """Without the end of their sentence."""
    return {number.rstrip(".,:-/") for number in _NUMBER.findall(text)}


def _sentences(proof: Stretch) -> Stretch:
    """The whole sentences that a quotation is of."""
    text = proof.passage.text
    touched = [one for one in split(text, 0, len(text)) if one.start < proof.end and proof.start < one.end]
    start = min([proof.start, *(one.start for one in touched)])
    return proof._replace(start=start, end=max([proof.end, *(one.end for one in touched)]))


def _length(stretches: Iterable[Stretch]) -> int:
    return sum(stretch.end - stretch.start for stretch in stretches)


def _where(item: Item) -> str:
    """What tells where a passage is from."""
    when = time.strftime("%Y-%m-%d", time.gmtime(item.created_at)) if item.created_at else ""
    return ", ".join(filter(None, (item.title or item.name, item.sender, when)))


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
