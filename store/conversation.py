"""The tree of a conversation: Jamie Zawinski's algorithm (https://www.jwz.org/doc/threading.html). Pure, and
the same whatever the order in which its mails came.

His steps, and where this differs: (1) every mail has a container by its Message-ID; what a mail says of *its
own* parent is believed before what others' References say of it, and those are gone through in the order of
the mails' dates, so that the outcome does not depend on the order of arrival. A link that would close a loop
is refused. (4) A placeholder stays where a mail answers it directly, to show that something is missing;
chains of placeholders that nobody answers are cut out. (5) Which replies are gathered by subject, the caller
says. Copies with one Message-ID (the same mail by two lists) stand side by side, and what answers them hangs
below the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Mail(NamedTuple):
    """What the tree is made from."""

    key: int  # the caller's name for it
    order: tuple[float, int, int]  # date first; settles every "which comes first"
    message_id: str | None
    parents: Sequence[str]  # message ids that it names, the nearest first
    gathered: int | None = None  # key of the mail that it answers by subject


class Place(NamedTuple):
    """A mail, or a placeholder for one that is not here, in the tree."""

    key: int | None
    message_id: str | None
    parent: int | None  # index of its parent's place
    depth: int


def arrange(mails: Sequence[Mail]) -> list[Place]:
    """The conversation in reading order: parents before children, siblings by date."""
    ordered = sorted(mails, key=lambda mail: (mail.order, mail.key))
    forest = _Forest(ordered)
    for number, mail in enumerate(ordered):
        if mail.parents:
            forest.link(number, forest.container(mail.parents[0]))
    for mail in ordered:
        for child, parent in pairwise(mail.parents):
            forest.link(forest.container(child), forest.container(parent))
    by_key = {mail.key: number for number, mail in enumerate(ordered)}
    for number, mail in enumerate(ordered):
        if mail.gathered in by_key:
            forest.link(forest.top(number), by_key[mail.gathered])
    return forest.places()


class _Forest:
    """Containers, numbered: first the mails, then placeholders as they are named."""

    def __init__(self, mails: Sequence[Mail]) -> None:
        self._mails = mails
        self._names: list[str | None] = [mail.message_id for mail in mails]
        self._parents: list[int | None] = [None] * len(mails)
        self._above = list(range(len(mails)))  # towards the top of the tree, with short cuts
        self._by_id: dict[str, int] = {}
        for number, mail in enumerate(mails):
            if mail.message_id:
                self._by_id.setdefault(mail.message_id, number)

    def container(self, message_id: str) -> int:
        number = self._by_id.setdefault(message_id, len(self._parents))
        if number == len(self._parents):
            self._parents.append(None)
            self._names.append(message_id)
            self._above.append(number)
        return number

    def top(self, number: int) -> int:
        while self._above[number] != number:
            self._above[number] = self._above[self._above[number]]
            number = self._above[number]
        return number

    def link(self, child: int, parent: int) -> None:
        """Unless the child has a parent, or is above it."""
        if self._parents[child] is None and self.top(parent) != child:
            self._parents[child] = self._above[child] = parent

    def places(self) -> list[Place]:
        children: list[list[int]] = [[] for _ in self._parents]
        roots: list[int] = []
        for number, parent in enumerate(self._parents):
            (roots if parent is None else children[parent]).append(number)
        first = self._prune(children, roots)
        return self._written(children, sorted(self._kept(roots, children), key=first.__getitem__))

    def _prune(self, children: list[list[int]], roots: list[int]) -> list[tuple[tuple[float, int, int], int]]:
        """Cut out idle placeholders, from the leaves up; returns when each tree begins, to sort by."""
        downwards, at = list(roots), 0
        while at < len(downwards):
            downwards += children[downwards[at]]
            at += 1
        late = ((float("inf"), 0, 0), 0)
        first = [(mail.order, mail.key) for mail in self._mails]
        first += [late] * (len(self._parents) - len(first))
        for number in reversed(downwards):
            children[number] = sorted(self._kept(children[number], children), key=first.__getitem__)
            if number >= len(self._mails) and children[number]:
                first[number] = first[children[number][0]]
        return first

    def _kept(self, numbers: Sequence[int], children: list[list[int]]) -> list[int]:
        kept: list[int] = []
        for number in numbers:
            below = children[number]
            answered = any(child < len(self._mails) for child in below)
            # What is below was pruned before, so an idle placeholder stands for at most one other.
            kept += [number] if number < len(self._mails) or answered or len(below) > 1 else below
        return kept

    def _written(self, children: list[list[int]], roots: list[int]) -> list[Place]:
        places: list[Place] = []
        waiting: list[tuple[int, int | None, int]] = [(root, None, 0) for root in reversed(roots)]
        while waiting:
            number, parent, depth = waiting.pop()
            key = self._mails[number].key if number < len(self._mails) else None
            places.append(Place(key, self._names[number], parent, depth))
            here = len(places) - 1
            waiting += [(child, here, depth + 1) for child in reversed(children[number])]
        return places
