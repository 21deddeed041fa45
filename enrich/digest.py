"""The digest of a day: what came in since the morning before, what is to be done, moved, and needs a look.

It is asked of the catalog anew each time and stored nowhere, so that nothing of a deleted item stays in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

from store.catalog import Catalog
from store.records import Action, ActionStatus, Item, Mention, MentionKind, Record, State

SOON = timedelta(days=7)
MOST = 200  # items of one day that are looked at one by one
_LISTED = 20  # of each kind
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


def last_morning(now: datetime, at: time) -> date:
    """The day of the last digest that is ready."""
    return now.date() if now.time() >= at else now.date() - timedelta(days=1)


def make_digest(catalog: Catalog, day: date, at: time, like: Callable[[Item], Sequence[Item]]) -> Digest:
    """The digest that is ready on the morning of a day, at that hour of this machine's time.

    Args:
        like: the items that are most like one.
    """
    until = datetime.combine(day, at).timestamp()
    since = datetime.combine(day - timedelta(days=1), at).timestamp()
    news = catalog.arrived(since, until, MOST)
    came = {item.id for item in news}
    every = catalog.actions(among=(ActionStatus.OPEN, ActionStatus.ACCEPTED), limit=10_000)
    dated = [(date.fromisoformat(action.due), action) for action in every if action.due]
    overdue = [action for due, action in dated if due < day]
    moved = catalog.moved(since, until)
    linked = catalog.items_by_id({item for items in moved.values() for item in items})
    return Digest(
        since=since,
        until=until,
        arrived=catalog.arrived_count(since, until),
        unread=catalog.arrived(since, until, _LISTED, state=State.QUARANTINED),
        new_actions=[action for action in every if action.item in came and action not in overdue],
        overdue=overdue,
        due_soon=[action for due, action in dated if day <= due <= day + SOON and action.item not in came],
        projects=[
            Moved(project=project, items=[linked[item] for item in items if item in linked])
            for project, items in moved.items()
        ],
        people=catalog.named_first(MentionKind.PERSON, since, until, _LISTED),
        amounts=catalog.named_first(MentionKind.AMOUNT, since, until, _LISTED),
        duplicates=list(_duplicates(catalog, news, like))[:_LISTED],
    )


def _duplicates(
    catalog: Catalog, news: Sequence[Item], like: Callable[[Item], Sequence[Item]]
) -> Iterator[Duplicate]:
    """Two bills that differ in a number are never the same."""
    for item in news:
        if item.state in (State.INDEXED, State.ENRICHED) and (own := catalog.text(item.id)):
            for other in like(item):
                if other.number < item.number and _same(own, catalog.text(other.id)):
                    yield Duplicate(item=item, same_as=other)
                    break


def _same(text: str, other: str) -> bool:
    if _NUMBER.findall(text) != _NUMBER.findall(other):
        return False
    one, two = _triples(text), _triples(other)
    return len(one & two) >= _ALIKE * len(one | two)


def _triples(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[n : n + 3]) for n in range(max(1, len(words) - 2))}
