"""Decides what to do in a mailbox: pure functions of what the ledger knows and what the server says.

The rule behind all of it: UIDNEXT and MODSEQ only save work. Whatever they say is held against EXISTS, the
number of messages in the folder, and where the two do not agree everything is listed anew. To speak to the
server and to write down what follows is left to `ingest/sources/imap.py`.

Why that suffices: a state is saved only when all that the ledger has of a folder was on the server then. So
where the ledger has as many messages as the saved state, it has the same ones; take away what vanished since,
add what came since, and if the result counts what EXISTS counts, it is what is there.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from ingest.connector.messages import Opened, UidRange
from store.mailboxes import FolderState, Refusal
from store.records import Record, State

BATCH = 100  # messages that are fetched together
TOO_LARGE = "TOO_LARGE"  # the reason of a refusal that is not tried again
TRIES = 3  # times that a message may break a connection while it alone is fetched
_RETRY_FIRST_S, _RETRY_FACTOR, _RETRY_MOST_S = 300.0, 4.0, 7 * 86_400.0


@dataclass(frozen=True)
class Look:
    """What to ask of a folder that was just opened, and what is known already."""

    gone: frozenset[int] = frozenset()  # known, and told to have vanished
    first: int | None = 1  # list from this UID on; None: nothing came


def judge(state: FolderState | None, known: AbstractSet[int], opened: Opened) -> Look:
    """Decide what to list.

    Args:
        state: what was true when the folder was last synced.
        known: the UIDs that the ledger has of it under that state's UIDVALIDITY, stored or refused.
        opened: what the server says now.
    """
    if state is None or opened.uidvalidity != state.uidvalidity or _went_back(state, opened):
        return Look()
    if len(known) != state.exists:
        return Look()
    gone = _inside(known, opened.vanished or ())
    if opened.uidnext is not None and opened.uidnext == state.uidnext:
        return Look(gone=gone, first=None) if len(known) - len(gone) == opened.exists else Look()
    return Look(gone=gone, first=state.uidnext or max(known, default=0) + 1)


def settle(
    known: AbstractSet[int], look: Look, listed: Sequence[int], exists: int
) -> AbstractSet[int] | None:
    """The UIDs that are on the server now; None if what it says does not agree.

    A whole listing with fewer messages than the folder has is no word on what vanished.
    """
    if look.first == 1:
        return frozenset(listed) if len(listed) >= exists else None
    if look.first is None and not look.gone:
        return known
    present = (known - look.gone) | set(listed)
    return present if len(present) == exists else None


def retry_at(refusal: Refusal) -> float | None:
    """When to try a refused message again, in seconds since the epoch; None: never."""
    if refusal.reason == TOO_LARGE:
        return None
    exponent = min(max(refusal.attempts - 1, 0), 10)
    return refusal.at + min(_RETRY_FIRST_S * _RETRY_FACTOR**exponent, _RETRY_MOST_S)


@dataclass
class Cursor:
    """What is on the server in one folder, and what of it is yet to be fetched."""

    name: str
    uidvalidity: int = 0
    listed: AbstractSet[int] | None = None  # None: not looked at since the connection was made
    waiting: list[int] = field(default_factory=list)  # rising; taken from the end, the newest first
    retries: dict[int, float] = field(default_factory=dict)  # refused -> when to try again
    refused: dict[int, Refusal] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)  # by the owner, here
    horizon: int = 0  # what has a higher UID arrived while we were connected
    size: int = BATCH  # messages to fetch together
    suspects: dict[int, int] = field(default_factory=dict)  # UID -> how often its fetch broke the connection
    stored: int = 0  # for the status
    trouble: str | None = None
    look_at: float = 0.0  # when to look next, in seconds of the monotonic clock
    list_at: float = 0.0  # when to list all of it, whatever it says
    served: int = 0  # batches fetched, so that folders take turns

    def renew(self, uidvalidity: int = 0) -> None:
        """Know nothing of the server any more: the connection is a new one, or the UIDs are."""
        self.listed, self.waiting, self.retries = None, [], {}
        if uidvalidity != self.uidvalidity and uidvalidity:
            self.uidvalidity, self.suspects = uidvalidity, {}

    def absorb(
        self,
        present: AbstractSet[int],
        stored: Collection[int],
        refused: Mapping[int, Refusal],
        deleted: Collection[int],
    ) -> None:
        """Take over what is on the server.

        Args:
            present: the UIDs there.
            stored: those that need not be fetched (of what was not listed before, if anything was).
            refused, deleted: likewise; of the refused it is known when to try again.
        """
        first = self.listed is None
        before = self.listed or frozenset()
        new = present if first else present - before
        gone = before - present
        if gone:
            self.waiting = [uid for uid in self.waiting if uid in present]
            for kept in (self.retries, self.refused):
                for uid in gone & kept.keys():
                    del kept[uid]
            self.deleted -= gone
        if first:
            self.refused, self.deleted, self.horizon = {}, set(), max(present, default=0)
        self.deleted |= present & set(deleted)
        for uid in new & refused.keys():
            self.refuse(refused[uid])
        wanted = new - set(stored) - self.deleted - self.refused.keys()
        if wanted:
            self.waiting = sorted({*self.waiting, *wanted})
        self.listed = present
        unstored = len({*self.waiting, *self.refused, *self.deleted})
        self.stored = len(present) - unstored

    def refuse(self, refusal: Refusal) -> None:
        """A message is not to be had now."""
        self.refused[refusal.uid] = refusal
        if (again := retry_at(refusal)) is not None:
            self.retries[refusal.uid] = again

    def keep(self, uids: Iterable[int]) -> list[int]:
        """These are stored; returns those that had been refused."""
        had_been = []
        for uid in uids:
            self.stored += 1
            self.suspects.pop(uid, None)
            self.retries.pop(uid, None)
            if self.refused.pop(uid, None) is not None:
                had_been.append(uid)
        return had_been

    def revive(self, now: float) -> None:
        """Let those be fetched again whose time has come, or is so far off that the clock was moved back."""
        due = {uid for uid, at in self.retries.items() if not now < at <= now + _RETRY_MOST_S}
        if due:
            self.waiting = sorted({*self.waiting, *due})
            for uid in due:
                del self.retries[uid]

    def peek(self) -> tuple[int, ...]:
        """What to fetch next, the newest first; one that broke a connection before goes alone."""
        batch = tuple(reversed(self.waiting[-self.size :]))
        for at, uid in enumerate(batch):
            if uid in self.suspects:
                return batch[:at] or batch[:1]
        return batch

    def take(self, uids: Sequence[int]) -> None:
        """What `peek` gave is being fetched."""
        del self.waiting[-len(uids) :]
        self.served += 1

    def blame(self, uids: Sequence[int]) -> int | None:
        """The fetch of these failed; returns the one to refuse: it was alone, and not for the first time."""
        if len(uids) > 1:
            self.size = max(1, len(uids) // 10)
            return None
        (uid,) = uids
        self.suspects[uid] = self.suspects.get(uid, 0) + 1
        return uid if self.suspects[uid] >= TRIES else None

    def grow(self) -> None:
        """The fetch went well: more at a time again."""
        self.size = min(BATCH, self.size * 2)

    @property
    def is_fresh(self) -> bool:
        """Whether something waits that arrived while we were connected."""
        return bool(self.waiting) and self.waiting[-1] > self.horizon


def choose(cursors: Iterable[Cursor], first: str | None) -> Cursor | None:
    """The folder to fetch from: what arrives goes before history; else they take turns, `first` leading."""
    waiting = [cursor for cursor in cursors if cursor.waiting]
    return min(
        waiting,
        key=lambda cursor: (not cursor.is_fresh, cursor.served // 5, cursor.name != first, cursor.name),
        default=None,
    )


class FolderBalance(Record, frozen=True, kw_only=True):
    """One folder, message by message: what is on the server against what became of it here."""

    folder: str
    on_server: int
    stored: int  # and read, or waiting to be
    quarantined: int  # stored, and cannot be read
    too_large: tuple[int, ...]  # UIDs: left on the server by policy
    refused: tuple[int, ...]  # UIDs: the server did not give them; they are tried again
    deleted_here: int  # by the owner, and not fetched again
    missing: tuple[int, ...]  # UIDs: on the server, and nothing became of them yet
    surplus: tuple[int, ...]  # UIDs: said to be there by us, and not by the server
    gone: int  # vanished from the server since they were stored; for information
    balanced: bool
    trouble: str | None = None  # why the server's side could not be seen


def balance(
    folder: str,
    present: AbstractSet[int],
    stored: Mapping[int, State],
    refused: Mapping[int, Refusal],
    deleted: AbstractSet[int],
    gone: int,
    trouble: str | None = None,
) -> FolderBalance:
    """Account for every message on the server; nothing is counted twice."""
    here = present & stored.keys()
    deleted = (deleted & present) - here
    left = {uid: refused[uid] for uid in (present & refused.keys()) - here - deleted}
    missing = present - here - deleted - left.keys()
    surplus = stored.keys() - present
    quarantined = sum(stored[uid] is State.QUARANTINED for uid in here)
    return FolderBalance(
        folder=folder,
        on_server=len(present),
        stored=len(here) - quarantined,
        quarantined=quarantined,
        too_large=tuple(sorted(uid for uid, refusal in left.items() if refusal.reason == TOO_LARGE)),
        refused=tuple(sorted(uid for uid, refusal in left.items() if refusal.reason != TOO_LARGE)),
        deleted_here=len(deleted),
        missing=tuple(sorted(missing)),
        surplus=tuple(sorted(surplus)),
        gone=gone,
        balanced=not missing and not surplus and trouble is None,
        trouble=trouble,
    )


def _went_back(state: FolderState, opened: Opened) -> bool:
    """Whether a number fell that never falls."""
    pairs = ((state.uidnext, opened.uidnext), (state.modseq, opened.modseq))
    return any(before is not None and now is not None and now < before for before, now in pairs)


def _inside(uids: AbstractSet[int], ranges: Sequence[UidRange]) -> frozenset[int]:
    """Those of some UIDs that lie in the ranges, which may be wide: a server says 1:* where all are gone."""
    if not ranges:
        return frozenset()
    rising, found = sorted(uids), list[int]()
    for first, last in ranges:
        found += rising[bisect.bisect_left(rising, first) : bisect.bisect_right(rising, last)]
    return frozenset(found)
