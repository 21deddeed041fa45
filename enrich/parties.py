"""Who owes what an action item asks or promises, and to whom; as far as the item says it, else nobody.

Pure rules for English and German. What kind of action item a sentence is stands in `judge.py`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from enrich.document import Document
from enrich.words import plain
from store.records import ActionKind

GIVEN_NAME = r"(?P<name>[A-ZÄÖÜ][a-zäöüßé]+)"
_GREETING = re.compile(
    rf"(?:Hi|Hello|Dear|Hey|Liebe[r]?|Hallo|Guten \w+|Moin|Sehr geehrte[r]?)\s+"
    rf"(?:(?:Mrs?|Ms|Dr|Prof|Frau|Herr|Miss)\.?\s+)*{GIVEN_NAME}"
)
_SEVERAL = re.compile(r"\b(?:and|und|all|alle|both|beide|everyone|team)\b|&")
_TOGETHER = re.compile(
    r"\b(?:let's|let us|shall we|we(?:'ll| all)? (?:should|need to|have to|must|ought to)|lass(?:t|en)? uns"
    r"|wir (?:sollten|müssen|müssten|sollen)|(?:sollten|müssen|wollen) wir)\b"
)
_ANYBODY = re.compile(
    r"(?<!have )(?<!ask )(?<!get )(?<!find )\b(?:someone|somebody|anyone|anybody)\b"
    r"|\b(?:everyone|everybody|one of you|all of you|you all|jemand|irgendwer|einer von|eine von|alle)\b"
)
_OWN_PLAN = re.compile(
    r"\b(?:i|we)(?:'d| would)? (?:need|have|want|must|should|plan|intend|hope|like)\b(?: to)?"
    r"|\b(?:ich|wir) (?:muss|müssen|möchten?|will|wollen|sollten?|planen?|habe vor|haben vor)\b"
)
_TO_READER = re.compile(r"\b(?:you|your|ihnen|ihre?[nmrs]?|dir|dich|deine?[nmrs]?|euch|eure?[nmrs]?|sie)\b")
_TO_AUTHOR = re.compile(r"\b(?:me|us|my|our|mir|mich|uns|meine?[nmrs]?|unsere?[nmrs]?)\b")


class Debt(NamedTuple):
    """Who is to do something, and whom he owes it to, as their addresses are written where they are known."""

    owner: str | None
    owed_to: str | None


class Parties:
    """The people of one item: who speaks, and to whom."""

    def __init__(self, document: Document) -> None:
        item = document.item
        self._recipients = item.recipients
        self.author = item.sender or item.author
        self.reader = self._only_reader(document)

    def person(self, name: str) -> str | None:
        """The one recipient of that name, as his address is written."""
        having = [one for one in self._recipients if re.search(rf"\b{re.escape(name)}\b", one, re.IGNORECASE)]
        return having[0] if len(having) == 1 else None

    def of_request(self, sentence: str, addressed: str | None) -> Debt:
        """Of what the author asks: the reader owes it to him, or whoever is addressed by name."""
        text = plain(sentence)
        if addressed is None and _TOGETHER.search(text):
            return Debt(None, None)
        if addressed is not None:
            return _between(self.person(addressed) or addressed, self.author)
        return _between(None if _ANYBODY.search(text) else self.reader, self.author)

    def of_promise(self, sentence: str, addressed: str | None) -> Debt:
        """Of what the author says that he does: he owes it to the reader, unless it is only his own plan."""
        text = plain(sentence)
        if addressed is None and _TOGETHER.search(text):
            return Debt(None, None)
        if _OWN_PLAN.search(text) and not _TO_READER.search(text):
            return Debt(self.author, None)
        hearer = self.person(addressed) or addressed if addressed is not None else self.reader
        return _between(self.author, hearer)

    def of_task(self, sentence: str, name: str) -> Debt:
        """Of what somebody is given to do by name: "Maria to check the roof"."""
        text = plain(sentence)
        owner = self.person(name) or name
        if _TO_AUTHOR.search(text):
            return _between(owner, self.author)
        return _between(owner, self.reader if _TO_READER.search(text) else None)

    def of(self, kind: ActionKind, sentence: str, addressed: str | None) -> Debt:
        """Of a sentence of this kind, said to whom it addresses by name, if it does."""
        if kind is ActionKind.COMMITMENT:
            return self.of_promise(sentence, addressed)
        return self.of_request(sentence, addressed)

    def _only_reader(self, document: Document) -> str | None:
        """Whom "you" means: the one recipient, or the one that the salutation names."""
        if len(self._recipients) == 1:
            return self._recipients[0]
        for sentence in document.said[:2]:
            greeted = _GREETING.match(sentence.text)
            if greeted and not _SEVERAL.search(sentence.text):
                return self.person(greeted["name"])
        return None


def _between(owner: str | None, owed_to: str | None) -> Debt:
    return Debt(owner, owed_to if owed_to != owner else None)
