"""The reader that asks a local language model, and believes it only where its quotations are in the text.

The text is handed over between markers that it cannot guess, as data; what comes back is a bounded JSON
object of names from the owner's lists and of quotations. Nothing else of the answer is kept.

A text longer than the model's context is read in windows that overlap, each answer is kept, and what several
windows say is put together.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources
from string import Template
from typing import Protocol, TypeVar

import msgspec

from enrich import evidence
from enrich.actions import written_on
from enrich.dates import find_due
from enrich.document import Document
from enrich.errors import ModelFailed
from enrich.llm import GenerateReply, GenerateRequest, Llm
from enrich.mentions import find_mentions
from enrich.parties import Parties
from enrich.reader import first_sentence
from enrich.schema import (
    MAX_ACTIONS,
    MAX_LINKS,
    MAX_TAGS,
    UntrustedFindings,
    Vocabulary,
    json_schema,
)
from enrich.sentences import OWN
from enrich.windows import again_from
from index.model import AT_ONCE
from store.answers import ModelAnswer
from store.records import Action, ActionKind, Element, Evidence, Findings, Link, Tag

_VERSION = 3  # of what is believed of an answer
CONFIDENCE = 0.7  # a model's own opinion of its certainty is not asked for: it is not worth much
WINDOW_CHARS = 12_000  # handed over at a time; the model takes what fits its context
MAX_WINDOWS = 16  # of one item; a book is not read to its end
ANSWER_TOKENS = 1024
ANSWER_SECONDS = 180.0
_KINDS = frozenset(kind.value for kind in ActionKind)
_SHORTEST_NAME = 3

Named = TypeVar("Named", Tag, Link)


class Answers(Protocol):
    """Where answers are kept: see `store.answers.AnswerTable`."""

    def model_answer(self, item: str, prompt: bytes, stretch: bytes) -> ModelAnswer | None: ...

    def save_model_answer(self, item: str, prompt: bytes, stretch: bytes, answer: ModelAnswer) -> None: ...


class LlmReader:
    """Fills the same schema as the built-in reader by constrained generation. Thread-safe."""

    version: str  # another as soon as anything that decides an answer is another
    at_once = AT_ONCE

    def __init__(self, llm: Llm, vocabulary: Vocabulary, answers: Answers) -> None:
        self.name = f"llm:{llm.name}"
        self._llm = llm
        self._vocabulary = vocabulary
        self._answers = answers
        self._schema = json.dumps(json_schema(vocabulary))
        marker = f"----- {secrets.token_hex(8)} -----"
        self._head = instructions(vocabulary, marker)
        self._tail = f"\n{marker}\nJSON:\n"
        # All that decides an answer beside the text, without the marker, which is another at each start.
        asked = (llm.identity, instructions(vocabulary, ""), self._schema, str(ANSWER_TOKENS))
        self._prompt = _digest(json.dumps(asked))
        self.version = f"{_VERSION}-{self._prompt.hex()[:8]}"

    def read(self, document: Document) -> Findings:
        """See `Reader.read`.

        Raises:
            ModelRefused, ModelFailed, ModelAway: as the model does, or its answer did not fit the schema.
            NoSuchItem: the item was deleted meanwhile.
        """
        tags, actions, links = list[Tag](), list[Action](), list[Link]()
        summary = None
        for window, untrusted in self._windows(document):
            summary = summary or window.summary(untrusted)
            tags += {tag.name: tag for tag in window.tags(untrusted, self._vocabulary)}.values()
            links += {link.project: link for link in window.links(untrusted, self._vocabulary)}.values()
            actions += window.actions(untrusted)
        findings = Findings(
            tags=tuple(_most_said(tags, lambda tag: tag.name)[:MAX_TAGS]),
            actions=tuple(_once(actions)[:MAX_ACTIONS]),
            links=tuple(_most_said(links, lambda link: link.project)[:MAX_LINKS]),
            # By rule, as the built-in reader does: what a model says a day or an amount is, code must check.
            mentions=find_mentions(document),
            summary=summary or first_sentence(document),
        )
        return evidence.proven(document.text, findings)

    def _windows(self, document: Document) -> Iterator[tuple[_Window, UntrustedFindings]]:
        """One answer for each stretch of the text that the model was able to take in."""
        text, start = document.text, 0
        others = [element for element in document.elements if element.kind not in OWN]
        parties = Parties(document)
        for _ in range(MAX_WINDOWS):
            if start >= len(text):
                return
            untrusted, read = self._answer(document.item.id, text[start : start + WINDOW_CHARS])
            end = start + read
            yield _Window(document, others, parties, start, end), untrusted
            start = end if end == len(text) else again_from(text, start, end)

    def _answer(self, item: str, stretch: str) -> tuple[UntrustedFindings, int]:
        """What is said of a stretch of text, by the answer that is kept or a new one, and how much of it was
        read.
        """
        digest = _digest(stretch)
        kept = self._answers.model_answer(item, self._prompt, digest)
        if kept is not None:
            return self._parsed(kept.text), kept.read
        reply = self._asked(stretch)
        untrusted = self._parsed(reply.text)
        answer = ModelAnswer(text=reply.text, read=reply.read)
        self._answers.save_model_answer(item, self._prompt, digest, answer)
        return untrusted, reply.read

    def _parsed(self, untrusted_text: str) -> UntrustedFindings:
        try:
            return msgspec.json.decode(untrusted_text, type=UntrustedFindings)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ModelFailed("an answer does not fit its schema", item=self._llm.name) from error

    def _asked(self, stretch: str) -> GenerateReply:
        reply = self._llm.generate(
            GenerateRequest(
                head=self._head,
                data=stretch,
                tail=self._tail,
                schema=self._schema,
                max_tokens=ANSWER_TOKENS,
                seconds=ANSWER_SECONDS,
            )
        )
        if not 0 < reply.read <= len(stretch):
            raise ModelFailed("none of the text fits its context", item=self._llm.name)
        return reply


class _Window:
    """Compares one answer with the stretch of text that it is about."""

    def __init__(
        self, document: Document, others: Sequence[Element], parties: Parties, start: int, end: int
    ) -> None:
        self._document = document
        self._others = others  # what is not the author's own words
        self._parties = parties
        self._start = start
        self._end = end

    def tags(self, untrusted: UntrustedFindings, vocabulary: Vocabulary) -> Iterator[Tag]:
        """Tags of the owner's list with a quotation that is there."""
        names = {tag.name for tag in vocabulary.tags}
        for tag in untrusted.tags:
            proof = self._located(tag.quote)
            if proof is not None and tag.name in names:
                yield Tag(item=self._document.item.id, name=tag.name, confidence=CONFIDENCE, evidence=proof)

    def links(self, untrusted: UntrustedFindings, vocabulary: Vocabulary) -> Iterator[Link]:
        """Links to the owner's projects with a quotation that is there."""
        names = {project.name for project in vocabulary.projects}
        for link in untrusted.links:
            proof = self._located(link.quote)
            if proof is not None and link.project in names:
                yield Link(
                    item=self._document.item.id,
                    project=link.project,
                    reason="read as being about it",
                    confidence=CONFIDENCE,
                    evidence=proof,
                )

    def actions(self, untrusted: UntrustedFindings) -> Iterator[Action]:
        """Action items whose sentence is there; the day is resolved by rule, never by the model."""
        for action in untrusted.actions:
            proof = self._located(action.quote)
            if proof is None or action.kind not in _KINDS:
                continue
            due = (
                find_due(proof.text, written_on(self._document.item, self._document.text))
                if action.due
                else None
            )
            yield Action(
                item=self._document.item.id,
                kind=ActionKind(action.kind),
                what=" ".join(proof.text.split()),
                confidence=CONFIDENCE,
                evidence=proof,
                owner=self._owner(action.owner),
                owed_to=self._parties.of(ActionKind(action.kind), proof.text, None).owed_to,
                due=due.day.isoformat() if due else None,
                due_text=proof.text[due.start : due.end] if due else None,
            )

    def summary(self, untrusted: UntrustedFindings) -> str | None:
        """The text's own sentence that was given for it, on one line."""
        proof = self._located(untrusted.summary)
        return " ".join(proof.text.split()) if proof else None

    def _located(self, untrusted_quote: str) -> Evidence | None:
        """The quotation in this stretch of the text, unless it is what somebody else wrote earlier."""
        proof = evidence.locate(self._document.text, untrusted_quote, self._start, self._end)
        if proof is None or any(e.start < proof.end and proof.start < e.end for e in self._others):
            return None
        return proof

    def _owner(self, untrusted_name: str) -> str | None:
        """A party of the mail, else a name that the text itself has."""
        name = untrusted_name.strip()
        if len(name) < _SHORTEST_NAME:
            return None
        item = self._document.item
        for party in (item.sender, *item.recipients):
            if party and name.lower() in party.lower():
                return party
        found = evidence.locate(self._document.text, name)
        return found.text if found else None


def instructions(vocabulary: Vocabulary, marker: str) -> str:
    """The prompt up to the document, the same for every document: a model evaluates it once."""
    template = resources.files("enrich").joinpath("prompts/read.txt").read_text(encoding="utf-8")
    return Template(template).substitute(
        marker=marker,
        tags="\n".join(f"- {tag.name}: {tag.description}" for tag in vocabulary.tags) or "(none)",
        projects="\n".join(
            f"- {', '.join((project.name, *project.aliases))}" for project in vocabulary.projects
        )
        or "(none)",
    )


def _most_said(found: Iterable[Named], name: Callable[[Named], str]) -> list[Named]:
    """Of each name the first, those first that most windows said."""
    first, count = dict[str, Named](), Counter[str]()
    for one in found:
        first.setdefault(name(one), one)
        count[name(one)] += 1
    return sorted(first.values(), key=lambda one: -count[name(one)])


def _once(found: Iterable[Action]) -> list[Action]:
    """Each action item once, in the text's order: windows that overlap say it twice, or part of it."""
    kept = list[Action]()
    for one in sorted(found, key=lambda action: (action.evidence.start, -action.evidence.end)):
        if not kept or one.evidence.end > kept[-1].evidence.end:
            kept.append(one)
    return kept


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()
