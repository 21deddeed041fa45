"""The digest of a day: what came in since the morning before, what is to be done, moved, and needs a look.

A digest is kept line by line, each with the items whose words it holds, so that nothing of a deleted one
stays. When that is done is the business of `enrich/overnight.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from store.catalog import Catalog
from store.digests import KeptDigest, Line
from store.questions import Question
from store.records import Action, ActionStatus, Item, Mention, MentionKind, Record, State

SOON = timedelta(days=7)
MOST = 200  # items of one day that are compared with others one by one
_LISTED = 20  # of each kind
_MOST_LINES = 500  # of each kind that can be long
_ALIKE = 0.9  # share of the word triples of both that they have in common
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


class Moved(Record, frozen=True, kw_only=True):
    """A project to which something came in."""

    project: str
    items: list[Item]  # the newest first


class Duplicate(Record, frozen=True, kw_only=True):
    """Something that came in and says the same as another item, down to each number."""

    item: Item
    same_as: Item


class Digest(Record, frozen=True, kw_only=True):
    """One day, from one morning to the next."""

    since: float
    until: float
    arrived: int
    unread: list[Item]  # what could not be read, with its reason
    overdue: list[Action]
    new_actions: list[Action]  # that are not overdue already
    due_soon: list[Action]  # within `SOON`, and not among the new ones
    projects: list[Moved]
    people: list[Mention]  # named for the first time
    amounts: list[Mention]
    duplicates: list[Duplicate]
    answers: list[Question]  # to what the owner asked, that became others


def last_morning(now: datetime, at: time) -> date:
    """The day of the last digest that is ready."""
    return now.date() if now.time() >= at else now.date() - timedelta(days=1)


def make_digest(
    catalog: Catalog,
    day: date,
    at: time,
    like: Callable[[Item], Sequence[Item]],
    since: float | None = None,
) -> Digest:
    """The digest that is ready on the morning of a day, at that hour of this machine's time.

    Args:
        like: the items that are most like one.
        since: where the one before ended; None: the morning before.
    """
    until = datetime.combine(day, at).timestamp()
    if since is None:
        since = datetime.combine(day - timedelta(days=1), at).timestamp()
    came = catalog.came(since, until)
    every = catalog.actions(among=(ActionStatus.OPEN, ActionStatus.ACCEPTED), limit=10_000)
    dated = [(date.fromisoformat(action.due), action) for action in every if action.due]
    overdue = [action for due, action in dated if due < day]
    late = {action.id for action in overdue}
    new = [action for action in every if action.item in came and action.id not in late]
    soon = [action for due, action in dated if day <= due <= day + SOON and action.item not in came]
    moved = {name: items[:_MOST_LINES] for name, items in catalog.moved(since, until).items()}
    linked = catalog.items_by_id({item for items in moved.values() for item in items})
    return Digest(
        since=since,
        until=until,
        arrived=len(came),
        unread=catalog.arrived(since, until, _LISTED, state=State.QUARANTINED),
        new_actions=new[:_MOST_LINES],
        overdue=overdue[-_MOST_LINES:],
        due_soon=soon[:_MOST_LINES],
        projects=[
            Moved(project=project, items=[linked[item] for item in items if item in linked])
            for project, items in moved.items()
        ],
        people=catalog.named_first(MentionKind.PERSON, since, until, _LISTED),
        amounts=catalog.named_first(MentionKind.AMOUNT, since, until, _LISTED),
        duplicates=list(islice(_duplicates(catalog, catalog.arrived(since, until, MOST), like), _LISTED)),
        answers=catalog.questions(changed=day),
    )


def _duplicates(
    catalog: Catalog, news: Sequence[Item], like: Callable[[Item], Sequence[Item]]
) -> Iterator[Duplicate]:
    """Two bills that differ in a number are never the same."""
    for item in news:
        if item.state in (State.INDEXED, State.ENRICHED) and (text := catalog.text(item.id)):
            own = _Traits.of(text)
            for other in like(item):
                if other.number < item.number and own.same(catalog.text(other.id)):
                    yield Duplicate(item=item, same_as=other)
                    break


class _Traits(NamedTuple):
    """By what a text is told from others."""

    numbers: list[str]  # in order
    triples: set[tuple[str, ...]]  # of words

    @classmethod
    def of(cls, text: str) -> _Traits:
        words = _WORD.findall(text.lower())
        triples = {tuple(words[n : n + 3]) for n in range(max(1, len(words) - 2))}
        return cls(_NUMBER.findall(text), triples)

    def same(self, text: str) -> bool:
        if self.numbers != _NUMBER.findall(text):  # of most texts this is all that is looked at
            return False
        other = _Traits.of(text).triples
        return len(self.triples & other) >= _ALIKE * len(self.triples | other)


# -------------------- as it is kept

Told = Item | Action | Moved | Mention | Duplicate | Question
_PARTS = [field.name for field in msgspec.structs.fields(Digest)][3:]  # after its time and its count


def to_keep(digest: Digest) -> KeptDigest:
    """A digest as lines, each of which can go by itself."""
    moved = [Moved(project=one.project, items=[item]) for one in digest.projects for item in one.items]
    every = {part: getattr(digest, part) for part in _PARTS} | {"projects": moved}
    lines = [
        Line(part, msgspec.json.encode(one).decode(), frozenset(_sources(one)), _question(one))
        for part, told in every.items()
        for one in told
    ]
    return KeptDigest(digest.since, digest.until, digest.arrived, lines)


def from_kept(kept: KeptDigest) -> Digest:
    """The digest of its lines.

    Raises:
        ValidationError: a version of this program made it that told other things.
    """
    told: dict[str, list[Any]] = {part: [] for part in _PARTS}
    for line in kept.lines:
        told.setdefault(line.part, []).append(msgspec.json.decode(line.content))
    facts = {"since": kept.since, "until": kept.until, "arrived": kept.arrived}
    digest = msgspec.convert(facts | told, Digest)
    moved = [
        Moved(project=project, items=[item for one in some for item in one.items])
        for project, some in groupby(digest.projects, key=attrgetter("project"))
    ]
    return msgspec.structs.replace(digest, projects=moved)


def _sources(told: Told) -> Iterator[str]:
    """The items whose words it holds."""
    match told:
        case Item():
            yield told.id
        case Moved():
            yield from (item.id for item in told.items)
        case Duplicate():
            yield from (told.item.id, told.same_as.id)
        case Question():
            yield from (one.item for one in (*told.answer, *told.answer_now))
        case Action():
            closing = told.closing.item if told.closing else None
            yield from filter(None, (told.item, told.again, closing))
        case Mention():
            yield told.item


def _question(told: Told) -> int | None:
    return told.id if isinstance(told, Question) else None
