"""Finds the action items of an item: the sentences that ask, promise or wait for an answer (`judge.py`), who
is to do it and by when. Only the author's own words are looked at (`sentences.SPOKEN`).
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

from enrich import evidence
from enrich.dates import find_due, full_date
from enrich.document import Document
from enrich.judge import CUES, THRESHOLD, Judgement, judge
from enrich.parties import GIVEN_NAME, Debt, Parties
from enrich.schema import MAX_ACTIONS
from enrich.sentences import Sentence
from store.records import Action, ActionKind, Item

_LONGEST = 600  # characters; longer "sentences" are tables and listings
_BULK_FACTOR = 0.5  # what a mailing asks of all its readers
_ASSIGNED = 0.65
# "Gerd, please …", after a label if need be: "Heating: Milan, could you …".
_VOCATIVE = re.compile(
    r"(?:[A-ZÄÖÜ][\w ]{1,20}: (?=[A-ZÄÖÜ]\w+, ))?"
    rf"(?P<said>(?:(?:Hi|Hello|Dear|Liebe[r]?|Hallo)\s+)?@?{GIVEN_NAME}(?:,| -| –|:)\s)"
)
_TASK = re.compile(rf"{GIVEN_NAME}(?: [A-ZÄÖÜ][\w-]+)? (?:to|will|is to|has to|needs to) (?:{CUES.verbs})\b")
_THIRD_PERSON = re.compile(
    rf"{GIVEN_NAME} (?!(?:dieses|ist|hat|steht|bleibt|gilt|liegt|kommt|this|its|his|is|was|has)\b)"
    r"(?:[a-zäöüß]+t|[a-z]+s|soll) "
)
_DATED_NAME = re.compile(r"20\d\d-\d\d-\d\d")
_HEAD = 500  # characters in which a letter says when it was written, on a line of its own
_HEAD_LINE = 100


def find_actions(document: Document) -> tuple[Action, ...]:
    """The action items of one item in reading order, each sentence once, at most `MAX_ACTIONS`."""
    context = _Context(document)
    found: dict[str, Action] = {}
    for sentence in document.said:
        action = _read(sentence, context)
        if action is not None:
            found.setdefault(action.what.lower(), action)
    surest = sorted(found.values(), key=lambda action: -action.confidence)[:MAX_ACTIONS]
    return tuple(sorted(surest, key=lambda action: action.evidence.start))


class _Context:
    """What the whole item tells about each of its sentences."""

    def __init__(self, document: Document) -> None:
        self.item = document.item
        self.text = document.text
        self.bulk = bool(CUES.bulk.search(document.text.lower()))
        self.written = written_on(document.item, document.text)
        self.parties = Parties(document)


def written_on(item: Item, text: str) -> date | None:
    """The day of the item's own date on its author's clock (UTC if that is unknown), else of its name or
    head.
    """
    if item.created_at is not None:
        zone = timezone(timedelta(minutes=item.zone or 0))
        return datetime.fromtimestamp(item.created_at, zone).date()
    named = _DATED_NAME.search(item.name)
    if named:
        return full_date(named[0])
    for line in text[:_HEAD].splitlines():
        if len(line) < _HEAD_LINE and (day := full_date(line)):
            return day
    return None


def _read(sentence: Sentence, context: _Context) -> Action | None:
    if len(sentence.text) > _LONGEST:
        return None
    named = _VOCATIVE.match(sentence.text)
    if named and named["name"].lower() not in CUES.nameless:
        name, at = named["name"], named.start("said")
        sentence = Sentence(sentence.start + at, sentence.end, sentence.text[at:])
    else:
        name = None
    verdict = judge(sentence.text)
    if verdict is None:
        return None
    judgement, ruled = verdict
    due = find_due(sentence.text, context.written)
    debt: Debt | None = None
    if ruled is None or ruled.confidence < _ASSIGNED:  # the head knows no names
        assigned = _assigned(sentence.text, due is not None)
        if assigned is not None:
            name, judgement = assigned
            debt = context.parties.of_task(sentence.text, name)
    if judgement is None:
        return None
    # A manual or a recipe is full of imperatives that are nobody's task: without a sender, somebody must be
    # named or a day.
    if context.item.sender is None and name is None and due is None:
        return None
    confidence = judgement.confidence * (_BULK_FACTOR if context.bulk else 1)
    if confidence < THRESHOLD:
        return None
    debt = debt or context.parties.of(judgement.kind, sentence.text, name)
    return Action(
        item=context.item.id,
        kind=judgement.kind,
        what=" ".join(sentence.text.split()),
        confidence=round(confidence, 2),
        evidence=evidence.cut(context.text, sentence.start, sentence.end),
        owner=debt.owner,
        owed_to=debt.owed_to,
        due=due.day.isoformat() if due else None,
        due_text=sentence.text[due.start : due.end] if due else None,
    )


def _assigned(sentence: str, has_due: bool) -> tuple[str, Judgement] | None:
    """ "Maria to check the roof", "Jonas bestellt bis zum 3. Juli …": minutes that give somebody a task."""
    found = _TASK.match(sentence) or (_THIRD_PERSON.match(sentence) if has_due else None)
    if found is None or found["name"].lower() in CUES.nameless:
        return None
    return found["name"], Judgement(ActionKind.COMMITMENT, _ASSIGNED)
