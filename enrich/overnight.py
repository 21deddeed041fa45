"""What is done while nobody waits: what the owner asked is asked again, and the morning's digest is made and
kept.

The clock may jump and the machine may sleep, so nothing is timed far ahead: once a minute it is seen which
morning is the next, and whether its digest is there. After an absence, however long, there is one digest.
Each goes on where the one before it ended.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from time import monotonic

import msgspec

from enrich.digest import Digest, from_kept, last_morning, make_digest, to_keep
from enrich.memory import Memory
from index.errors import EmbedderDown, IndexClosed, QueryError
from index.search import Indexes
from index.turns import give_way
from store.questions import Question
from store.records import Item, State
from store.vault import Vault

log = logging.getLogger("strongroom.enrich")

KEPT = 30  # digests
_NIGHT = timedelta(hours=3)  # before a morning: then questions are asked again
_PATIENCE = timedelta(hours=2)  # so long a digest waits for questions, and for what came in to be read
_AGAIN = timedelta(minutes=30)  # after a question could not be answered as it should
_LOOK_S = 60.0
_OPENING_S = 2.0
_UNREAD = (State.STORED, State.PARSED, State.INDEXED)


class Overnight:
    """Keeps the digests of the last mornings. `run` wants a thread of its own.

    Args:
        indexes: questions wait for both.
        at: when morning is, by this machine's time.
        like: the items that are most like one.
        clock: what that time is now.
    """

    def __init__(
        self,
        vault: Vault,
        memory: Memory,
        indexes: Indexes,
        at: time,
        like: Callable[[Item], Sequence[Item]],
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._vault = vault
        self._catalog = vault.catalog
        self._memory = memory
        self._indexes = indexes
        self._at = at
        self._like = like
        self._clock = clock
        self._night = _Night(date.min)

    def digest(self, day: date | None = None) -> Digest:
        """Of a morning, as it was kept; where none is, as it is told by what is known now. None: of the last
        morning.
        """
        day = day or last_morning(self._clock(), self._at)
        if (kept := self._catalog.kept_digest(day)) is not None:
            try:
                return from_kept(kept)
            except msgspec.ValidationError:
                log.warning("a kept digest is not understood by this version; it is made anew")
        return make_digest(self._catalog, day, self._at, self._like)

    def run(self, stop: threading.Event) -> None:
        """Do what is due until `stop` is set."""
        while not stop.is_set():
            stop.wait(self.step(stop))

    def step(self, stop: threading.Event) -> float:
        """Do one thing that is due; in how many seconds to look again."""
        now = self._clock()
        day = last_morning(now + _NIGHT, self._at)
        if self._catalog.has_digest(day):
            return _LOOK_S
        if self._night.day != day:
            self._night = _Night(day)
        unasked = self._catalog.unasked_questions(day)
        if now >= datetime.combine(day, self._at) and self._ready(now, day, unasked):
            self._keep(day)
            return 0.0
        due = [asked for asked in unasked if self._night.not_before.get(asked.id, now) <= now]
        if not due:
            return _LOOK_S
        if self._indexes.text is None or self._indexes.vectors is None:
            return _OPENING_S
        self._ask_again(due[0], day, now, stop)
        return 0.0

    def _ready(self, now: datetime, day: date, unasked: Sequence[Question]) -> bool:
        """Whether a digest is not to wait any longer. What fails holds nothing up."""
        waits_since = self._night.waits_since = self._night.waits_since or now
        if not waits_since <= now < waits_since + _PATIENCE:
            return True
        if any(asked.id not in self._night.not_before for asked in unasked):
            return False
        since, until = self._hours(day)
        return not any(self._catalog.arrived(since, until, 1, state=state) for state in _UNREAD)

    def _ask_again(self, asked: Question, day: date, now: datetime, stop: threading.Event) -> None:
        began, done = monotonic(), False
        with contextlib.suppress(QueryError, EmbedderDown, IndexClosed):
            done = self._memory.ask_again(asked, day)
        if not done:
            self._night.not_before[asked.id] = now + _AGAIN
        give_way(self._vault.ledger, monotonic() - began, stop)

    def _keep(self, day: date) -> None:
        since, _ = self._hours(day)
        made = make_digest(self._catalog, day, self._at, self._like, since)
        self._catalog.keep_digest(day, to_keep(made), KEPT)
        log.info("a digest is kept")

    def _hours(self, day: date) -> tuple[float, float]:
        """From where the last digest ended to this morning."""
        until = datetime.combine(day, self._at).timestamp()
        day_before = datetime.combine(day - timedelta(days=1), self._at).timestamp()
        return self._catalog.told_until(until) or day_before, until


class _Night:
    """What is remembered until a digest is made."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.not_before: dict[int, datetime] = {}  # questions that could not be answered
        self.waits_since: datetime | None = None  # the digest, for what is still to be done
