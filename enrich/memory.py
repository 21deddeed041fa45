"""A memory of what the owner asked: every question with the sentences of the documents that answered it, and
whether other ones answer it now.

An answer is another one when it rests on a sentence on which it did not rest before, or when nothing answers
any more. Sentences are compared by their words: the same ones in a copy, in a new version of a document, or
in another order are the same answer; so is one of several sentences less.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence, Set
from datetime import date
from threading import Event

from enrich.ask import Answer, Asker, Citation
from enrich.sentences import split
from policy.limits import Limits
from store.catalog import Catalog
from store.errors import NoSuchItem, StoreError
from store.questions import Cited, Question
from store.records import Evidence

log = logging.getLogger("strongroom.enrich")

_AROUND = 1_000  # characters before and after a citation in which its sentence begins and ends


class Memory:
    """Asks, remembers, asks again. Thread-safe."""

    def __init__(self, catalog: Catalog, asker: Asker, limits: Limits) -> None:
        self._catalog = catalog
        self._asker = asker
        self._limits = limits

    def ask(self, question: str, cancelled: Event) -> Answer:
        """As `Asker.ask`; question and answer are remembered, unless nobody waits for it any more."""
        answer = self._asker.ask(question, cancelled)
        asked = " ".join(question.split())
        if asked and not cancelled.is_set():
            try:
                self._catalog.remember_question(asked, self._cited(answer), self._limits.kept_questions)
            except StoreError as error:  # the answer is there all the same
                log.warning("a question could not be remembered: %s", type(error).__name__)
        return answer

    def ask_again(self, asked: Question, morning: date) -> bool:
        """Answer a question anew for the digest of a morning, while nobody waits. False: it could not be
        answered as it should be, so nothing is said of it.

        Raises:
            QueryError, IndexClosed, EmbedderDown: as `Asker.ask`.
        """
        answer = self._asker.ask(asked.question, urgent=False)
        if answer.degraded is not None:
            return False
        now = self._cited(answer)
        if not is_another(asked, now):
            self._catalog.asked_again(asked, morning, changed=None)
        elif asked.changed is not None and _words(now) == _words(asked.answer_now):
            since = date.fromisoformat(asked.changed)
            self._catalog.asked_again(asked, morning, changed=since, answer=now)
        else:
            self._catalog.asked_again(asked, morning, changed=morning, answer=now)
        return True

    def _cited(self, answer: Answer) -> list[Cited]:
        """The whole sentences on which an answer rests: a model quotes now more, now less of one."""
        found = {
            (one.item, one.evidence.start): one
            for said in answer.sentences
            for one in self._around(said.citation)
        }
        return list(found.values())

    def _around(self, citation: Citation) -> Iterator[Cited]:
        try:
            text = self._catalog.text(citation.item)
        except NoSuchItem:  # deleted meanwhile
            return
        if text[citation.start : citation.end] == citation.text:  # else it was read anew meanwhile
            before = text.rfind("\n\n", max(0, citation.start - _AROUND), citation.start)
            after = text.find("\n\n", citation.end, citation.end + _AROUND)
            begin = max(0, citation.start - _AROUND) if before < 0 else before
            end = min(len(text), citation.end + _AROUND) if after < 0 else after
            for one in split(text, begin, end):
                if one.start < citation.end and citation.start < one.end:
                    evidence = Evidence(start=one.start, end=one.end, text=one.text)
                    yield Cited(item=citation.item, title=citation.title, evidence=evidence)


def is_another(asked: Question, now: Sequence[Cited]) -> bool:
    """Whether an answer is another one than that which the owner got."""
    return not _words(now) <= _words(asked.answer) if now else asked.found > 0


def _words(answer: Sequence[Cited]) -> Set[str]:
    return {" ".join(one.evidence.text.split()).casefold() for one in answer}
