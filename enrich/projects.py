"""Links an item to the owner's projects by what its text names, with the parties of a mail and the other
messages of its conversation as support.

Names, aliases and keywords are looked for in the item's own words; people by their addresses as sender or
recipient. Reasons add up as independent chances do: 1 − ∏(1 − p). Parties alone are enough only when two of a
project's people meet in one mail, and the proof is then the line of the text that names one of them: a header
is not part of the text, so without such a line nothing is proposed. A message in a conversation of the
project is proven by its own first sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.utils import parseaddr
from typing import NamedTuple

from enrich import evidence
from enrich.document import Document
from enrich.schema import MAX_LINKS, ProjectSpec
from enrich.sentences import Sentence
from enrich.words import word_pattern
from store.records import Item, Link
from store.subjects import plain_subject

THRESHOLD = 0.5
NAME, ALIAS, KEYWORD, PERSON = 0.85, 0.8, 0.55, 0.3  # chance that such a reason is right, taken alone
CONVERSATION = 0.7  # and that of a message whose conversation holds one that surely is of the project
SURE = ALIAS  # what follows from another message's conversation is never as sure, so it leads no further


class Reason(NamedTuple):
    """One thing that speaks for a link; `sentence` shows it, unless only a header does."""

    words: str
    chance: float
    sentence: Sentence | None


def find_links(projects: Sequence[ProjectSpec], document: Document) -> tuple[Link, ...]:
    """Proposed links, the surest first, at most `MAX_LINKS`."""
    item, own, conversation = document.item, document.own, document.conversation
    found: list[Link] = []
    for project in projects:
        reasons = [*_mentions(project, own), *_parties(project, projects, item, own)]
        if document.said and project.name in conversation:
            chance = CONVERSATION * conversation[project.name]
            reasons.append(Reason(_place(item), chance, document.said[0]))
        shown = max((r for r in reasons if r.sentence is not None), key=lambda r: r.chance, default=None)
        confidence = 1.0
        for reason in reasons:
            confidence *= 1 - reason.chance
        confidence = round(1 - confidence, 2)
        if shown is None or shown.sentence is None or confidence < THRESHOLD:
            continue
        found.append(
            Link(
                item=item.id,
                project=project.name,
                reason=", ".join(reason.words for reason in reasons),
                confidence=confidence,
                evidence=evidence.cut(document.text, shown.sentence.start, shown.sentence.end),
            )
        )
    return tuple(sorted(found, key=lambda link: -link.confidence)[:MAX_LINKS])


def _place(item: Item) -> str:
    """How an item stands in its conversation."""
    subject, replies = plain_subject(item.title or "")
    return f"reply to ‘{subject}’" if replies and subject else "in a conversation of it"


def _mentions(project: ProjectSpec, own: Sequence[Sentence]) -> Iterator[Reason]:
    """Each name, alias and keyword that occurs, with the first sentence in which it does."""
    terms = [(project.name, NAME), *((alias, ALIAS) for alias in project.aliases)]
    for term, chance in [*terms, *((keyword, KEYWORD) for keyword in project.keywords)]:
        pattern = word_pattern(term)
        for sentence in own:
            if pattern.search(sentence.text):
                yield Reason(f"mentions ‘{term}’", chance, sentence)
                break


def _parties(
    project: ProjectSpec, projects: Sequence[ProjectSpec], item: Item, own: Sequence[Sentence]
) -> Iterator[Reason]:
    """The project's people among sender and recipients; one who is in several projects counts for less."""
    people = {person.lower() for person in project.people}
    for role, written in (("from", item.sender), *(("to", one) for one in item.recipients)):
        name, address = parseaddr(written or "")
        if address.lower() in people:
            shared = sum(address.lower() in map(str.lower, other.people) for other in projects)
            yield Reason(f"{role} {name or address}", PERSON / shared, _naming(name, own))


def _naming(name: str, own: Sequence[Sentence]) -> Sentence | None:
    """The first sentence that holds a word of the person's name."""
    words = [re.escape(word) for word in name.split() if len(word) > 2]
    if not words:
        return None
    pattern = re.compile(rf"\b(?:{'|'.join(words)})\b")
    return next((sentence for sentence in own if pattern.search(sentence.text)), None)
