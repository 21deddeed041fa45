"""The reader that asks a local language model, and believes it only where its quotations are in the text.

The text is handed over between markers that it cannot guess, as data; what comes back is a bounded JSON
object of names from the owner's lists and of quotations. Nothing else of the answer is kept.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from importlib import resources
from string import Template

import msgspec

from enrich import evidence
from enrich.actions import written_on
from enrich.dates import find_due
from enrich.errors import ModelFailed
from enrich.llm import GenerateRequest, Llm
from enrich.reader import Document
from enrich.schema import (
    MAX_ACTIONS,
    MAX_LINKS,
    MAX_TAGS,
    UntrustedFindings,
    Vocabulary,
    json_schema,
)
from enrich.sentences import OWN
from store.records import Action, ActionKind, Evidence, Findings, Link, Tag

CONFIDENCE = 0.7  # a model's own opinion of its certainty is not asked for: it is not worth much
WINDOW_CHARS = 12_000  # handed over at a time; the model takes what fits its context
MAX_WINDOWS = 16  # of one item; a book is not read to its end
ANSWER_TOKENS = 1024
ANSWER_SECONDS = 180.0
_KINDS = frozenset(kind.value for kind in ActionKind)
_SHORTEST_NAME = 3


class LlmReader:
    """Fills the same schema as the built-in reader by constrained generation."""

    version = "1"

    def __init__(self, llm: Llm, vocabulary: Vocabulary) -> None:
        self.name = f"llm:{llm.name}"
        self._llm = llm
        self._vocabulary = vocabulary
        self._schema = json.dumps(json_schema(vocabulary))
        marker = f"----- {secrets.token_hex(8)} -----"
        self._head = _instructions(vocabulary, marker)
        self._tail = f"\n{marker}\nJSON:\n"

    def read(self, document: Document) -> Findings:
        """See `Reader.read`.

        Raises:
            ModelRefused, ModelFailed, ModelAway: as the model does, or its answer did not fit the schema.
        """
        tags: dict[str, Tag] = {}
        actions: dict[tuple[int, int], Action] = {}
        links: dict[str, Link] = {}
        for start, end, untrusted in self._answers(document):
            window = _Window(document, start, end)
            for tag in window.tags(untrusted, self._vocabulary):
                tags.setdefault(tag.name, tag)
            for action in window.actions(untrusted):
                actions.setdefault((action.evidence.start, action.evidence.end), action)
            for link in window.links(untrusted, self._vocabulary):
                links.setdefault(link.project, link)
        findings = Findings(
            tags=tuple(tags.values())[:MAX_TAGS],
            actions=tuple(actions.values())[:MAX_ACTIONS],
            links=tuple(links.values())[:MAX_LINKS],
        )
        return evidence.proven(document.text, findings)

    def _answers(self, document: Document) -> Iterator[tuple[int, int, UntrustedFindings]]:
        """One answer for each stretch of the text that the model was able to take in."""
        start = 0
        for _ in range(MAX_WINDOWS):
            if start >= len(document.text):
                return
            data = document.text[start : start + WINDOW_CHARS]
            reply = self._llm.generate(
                GenerateRequest(
                    head=self._head,
                    data=data,
                    tail=self._tail,
                    schema=self._schema,
                    max_tokens=ANSWER_TOKENS,
                    seconds=ANSWER_SECONDS,
                )
            )
            if not 0 < reply.read <= len(data):
                raise ModelFailed("none of the text fits its context", item=self._llm.name)
            try:
                untrusted = msgspec.json.decode(reply.text, type=UntrustedFindings)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise ModelFailed("an answer does not fit its schema", item=self._llm.name) from error
            yield start, start + reply.read, untrusted
            start += reply.read


class _Window:
    """Compares one answer with the stretch of text that it is about."""

    def __init__(self, document: Document, start: int, end: int) -> None:
        self._document = document
        self._start = start
        self._end = end
        self._others = [e for e in document.elements if e.kind not in OWN]

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
                due=due.day.isoformat() if due else None,
                due_text=proof.text[due.start : due.end] if due else None,
            )

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


def _instructions(vocabulary: Vocabulary, marker: str) -> str:
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
