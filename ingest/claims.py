"""Which thread of the parse stage reads what: every stored item by one thread, what has just come first, and
never so many long ones at once that nothing else is read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from store.ledger import Ledger
from store.records import Item, State

_TOGETHER = 32  # small documents of one request: 50 ms of work, so newer ones wait no longer
SMALL = 64 * 1024  # bytes


class Claims:
    """Thread-safe. An item whose pages are pictures is *long*: it may keep a thread for hours.

    Args:
        long_at_once: how many long items are read at the same time; more threads than that ask for claims.
    """

    def __init__(self, ledger: Ledger, long_at_once: int) -> None:
        self._ledger = ledger
        self._long_at_once = long_at_once
        self._lock = threading.Lock()
        self._oldest = True  # where the next claim does not begin
        self._claimed: set[str] = set()
        self._alone: set[str] = set()  # small, and to be read by itself all the same
        self._aside: set[str] = set()  # the store cannot serve them; tried again at the next start
        self._long: set[str] = set()  # being read
        self._later: set[str] = set()  # known to be long, and waiting for others that are

    @contextmanager
    def claim(self) -> Iterator[list[Item]]:
        """A stored item that no other thread has, and if it is small what else is; for as long as the block
        lasts. From both ends by turns: what has just come is read at once, and of a mailbox that is coming in
        the newest mail, which came first, does not wait for ten years of history.
        """
        with self._lock:
            taken = self._claimed | self._aside
            if len(self._long) >= self._long_at_once:
                taken |= self._later
            self._oldest = not self._oldest
            items = self._first(
                self._ledger.pending(State.STORED, _TOGETHER, exclude=taken, oldest=self._oldest)
            )
            self._claimed.update(item.id for item in items)
            for item in items:
                if item.id in self._later:
                    self._later.discard(item.id)
                    self._long.add(item.id)
        try:
            yield items
        finally:
            with self._lock:
                self._claimed.difference_update(item.id for item in items)
                if len(items) == 1:
                    self._alone.discard(items[0].id)
                    self._long.discard(items[0].id)
                left = not self._alone.isdisjoint(item.id for item in items)
            if left:
                self._ledger.poke()  # to be read by as many threads as are free

    @contextmanager
    def long(self, item: str) -> Iterator[bool]:
        """Whether an item that turned out to be long may be read now, for as long as the block lasts. If not,
        it is claimed again when another one is done.
        """
        with self._lock:
            granted = item in self._long or len(self._long) < self._long_at_once
            (self._long if granted else self._later).add(item)
        try:
            yield granted
        finally:
            with self._lock:
                self._long.discard(item)
                wake = bool(self._later)
            if wake:
                self._ledger.poke()

    def leave_alone(self, items: Iterable[str]) -> None:
        """Claim these by themselves next time."""
        with self._lock:
            self._alone.update(items)

    def set_aside(self, item: str) -> None:
        """Claim this one no more."""
        with self._lock:
            self._aside.add(item)

    def _first(self, items: list[Item]) -> list[Item]:
        """What is to be read first of the given items.

        Documents of one request are read by one worker, where the first could falsify those behind it. So
        only what came by the same way is read together: nobody's mail together with the owner's files.
        """
        single = self._alone | self._later
        small = [
            item
            for item in items
            if item.size <= SMALL
            and not item.attempts
            and item.id not in single
            and item.source == items[0].source
        ]
        return small if small[:1] == items[:1] else items[:1]
