"""The audit log: a hash chain in the catalog, whose head is also written outside of it, so that truncation,
roll-back and edits show.

The chain: entry n's hash is SHA-256 over entry n-1's hash and entry n, so the newest hash vouches for all.
It is not keyed: whoever is given an export can check it. Forging is what the head outside is for
(`store/head.py`), which also says what the closed catalog was.

The order, and why a kill is no false alarm: *the catalog's commit comes first, durably; then the head.* So
the head can never be ahead of an honest catalog. Killed between the two, the catalog is ahead of the head;
that is allowed at open, if the entry that the head names is there with the same hash, and the head catches
up. A catalog that is behind the head, or has another entry in that place, was rolled back, cut or edited.

The head is handed to the kernel before the caller is answered, so it survives a killed process. It is not
fsynced each time (that would be a quarter of the cost of storing a letter): a power cut may take the last
seconds of it back, and an older head is the allowed case again. An attacker gains at most those seconds.

A power cut may also tear a slot that was being written; the two slots take turns. But a slot is only ever
written after a later commit *did* reach the disk. So one bad slot is forgiven only if the chain goes beyond
the good one; otherwise breaking a slot would be a way to hide a roll-back by one. (Two slots torn by the same
power cut would be a false alarm; a slot is 72 bytes in one sector, which disks write whole or not at all.)

What this cannot show: the whole home, catalog and head together, put back to an older state. Only something
kept elsewhere can (compare the head that `strongroom audit` prints, or keep receipts).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from policy.redact import Private
from store.database import Connection, Database
from store.errors import StoreError
from store.head import Head, Slot
from store.records import Record

log = logging.getLogger("strongroom.store")

_START = bytes(32)  # the hash before the first entry
_LARGEST = (1 << 62) - 1


class Entry(Record, frozen=True, kw_only=True):
    """One line of the log. `hash` is hex."""

    number: int
    at: float
    event: str  # created, stored, deleted, token made, alarm, …
    item: str | None
    detail: str
    hash: str


def append(connection: Connection, event: str, *, item: str | None = None, detail: str = "") -> bytes:
    """Add an entry in the caller's transaction, which is opened with `audited=True`; returns its hash."""
    number, previous = _last(connection)
    entry = (number + 1, time.time(), event, item, detail)
    digest = _hash(previous, entry)
    connection.execute("INSERT INTO audit (number, at, event, item, detail, hash) VALUES (?, ?, ?, ?, ?, ?)",
                       (*entry, digest))  # fmt: skip
    return digest


class Audit:
    """The chain of one catalog and its head outside. Thread-safe."""

    def __init__(self, database: Database, head: Path, key: Private[bytes]) -> None:
        self._database = database
        self._head = Head(head, key)
        self._lock = threading.Lock()
        self._checked = False
        self._newest, self._half = self._newest_half()
        database.on_audited = self.publish

    @staticmethod
    def begin(database: Database, head: Path, key: Private[bytes], vault: str) -> None:
        """Write the first entry and the head file of a new home."""
        with database.write() as connection:
            digest = append(connection, "created", detail=vault)
        Head(head, key).replace(Slot(1, digest))

    def record(self, event: str, *, item: str | None = None, detail: str = "") -> str:
        """Add an entry by itself; returns its hash in hex. It is durable, and so is the head."""
        with self._database.write(audited=True) as connection:
            return append(connection, event, item=item, detail=detail).hex()

    def publish(self) -> None:
        """Write the newest committed entry into the head outside, if it is not there yet."""
        with self._lock:
            with self._database.read() as connection:
                number, digest = _last(connection)
            if number > self._newest.number:
                slot, half = Slot(number, digest), 1 - self._half
                self._head.advance(half, slot)
                self._newest, self._half = slot, half

    def entries(self, *, limit: int = 50, before: int | None = None) -> list[Entry]:
        """The newest entries first; `before` is the number of the last one of the page before."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT number, at, event, item, detail, hash FROM audit WHERE number < ?"
                " ORDER BY number DESC LIMIT ?",
                (before if before is not None else _LARGEST, limit),
            ).fetchall()
        return [
            Entry(number=r[0], at=r[1], event=r[2], item=r[3], detail=r[4], hash=r[5].hex()) for r in rows
        ]

    def head(self) -> str:
        """The newest hash in hex. Kept elsewhere, it proves later that nothing before it was changed."""
        with self._database.read() as connection:
            return _last(connection)[1].hex()

    def alarms(self) -> list[str]:
        """What was found wrong at some start of this home, the newest first. Part of the chain themselves."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT detail FROM audit WHERE event = 'alarm' ORDER BY number DESC"
            ).fetchall()
        return [row[0] for row in rows]

    def check_at_open(self, problem: str | None = None) -> None:
        """Compare catalog and head. A contradiction becomes an entry `alarm` in the chain, for good;
        otherwise the head catches up with what was committed just before a kill.

        Args:
            problem: what `Head.reopen` found wrong.
        """
        problem = self._contradiction() or problem
        if problem is None:
            self.publish()
        else:
            self._raise_alarm(problem)
        self._checked = True

    def close(self) -> None:
        """Note what the closed catalog is. Of one that was not compared before, nothing is said."""
        if self._checked:
            self._checked = False
            with contextlib.suppress(StoreError):  # as after a kill then: less is known at the next open
                self._head.close(self._database.path, self._newest.number, self._newest.digest)

    def check(self) -> list[str]:
        """Recompute the whole chain and compare it with the head. Empty: all is well."""
        problems = list[str]()
        previous, expected = _START, 1
        while True:
            with self._database.read() as connection:
                rows = connection.execute(
                    "SELECT number, at, event, item, detail, hash FROM audit WHERE number >= ?"
                    " ORDER BY number LIMIT 2000",
                    (expected,),
                ).fetchall()
            for *entry, digest in rows:
                if entry[0] != expected:
                    problems.append(f"audit: entry {expected} is missing")
                elif _hash(previous, entry) != digest:
                    problems.append(f"audit: entry {expected} was changed")
                previous, expected = digest, entry[0] + 1
            if not rows:
                break
        with self._lock:  # nobody moves the head while it is compared
            if contradiction := self._contradiction():
                problems.append(f"audit: {contradiction}")
        return problems

    def _raise_alarm(self, problem: str) -> None:
        log.error("the audit log contradicts its head outside: %s", problem)
        with self._database.write() as connection:
            append(connection, "alarm", detail=problem)
        with self._lock:
            with self._database.read() as connection:
                self._newest, self._half = Slot(*_last(connection)), 0
            self._head.replace(self._newest)

    def _contradiction(self) -> str | None:
        slots = self._head.slots()
        heads = [slot for slot in slots if slot is not None]
        if not heads:
            return "its head outside is missing or damaged"
        number, digest, _ = max(heads)
        with self._database.read() as connection:
            last, _ = _last(connection)
            row = connection.execute("SELECT hash FROM audit WHERE number = ?", (number,)).fetchone()
        if row is None:
            return f"the catalog ends at entry {last}, its head outside is at {number}: rolled back or cut"
        if row[0] != digest:
            return f"entry {number} is not the one that the head outside names"
        if len(heads) < len(slots) and last <= number:
            return "half of its head outside was damaged"
        return None

    def _newest_half(self) -> tuple[Slot, int]:
        halves = [slot or Slot(0, _START) for slot in self._head.slots()]
        return max(halves), halves.index(max(halves))


def _last(connection: Connection) -> tuple[int, bytes]:
    row = connection.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    return (int(row[0]), row[1]) if row else (0, _START)


def _hash(previous: bytes, entry: Sequence[object]) -> bytes:
    # msgpack gives each value its type and length, so no two entries have the same bytes.
    return hashlib.sha256(previous + msgspec.msgpack.encode(tuple(entry))).digest()
