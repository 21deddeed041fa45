"""The parse stage: takes stored items from the ledger, newest first, and has the parser pool read them.

It is the border: what comes back is checked by `ingest/reading.py` before anything of it is kept.
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import msgspec

from ingest.errors import ParserError, ParserLied, ParserTimeout, PoolDown
from ingest.reading import Accepted, Child, Refused, check
from ingest.sandbox.messages import Job
from ingest.sandbox.pool import Pool
from policy.errors import ConfinementError
from policy.limits import Limits
from store.errors import BlobDamaged, IllegalStep, ItemTooLarge, NoSuchItem, StoreError
from store.records import Item, Origin, Reason, State
from store.vault import Vault

_log = logging.getLogger("strongroom.ingest")

_AGAIN_S = 2.0  # after a failure that was not the document's
_IDLE_S = 5.0  # how long `stop` may go unnoticed while there is nothing to do; `Ledger.poke` is at once
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8", b"BM", b"RIFF")


class ParseStage:
    """Moves items from STORED to PARSED or QUARANTINED, as many at once as the pool has workers.

    Killed anywhere, it is run again: an item's children are stored before its own step is taken, and storing
    them twice is storing them once.
    """

    def __init__(
        self, vault: Vault, pool: Pool, limits: Limits, *, ocr_languages: tuple[str, ...] = ("eng",)
    ) -> None:
        self.stopped: str | None = None  # why nothing is read any more: confinement is missing
        self._vault = vault
        self._pool = pool
        self._limits = limits
        self._languages = ocr_languages
        self._lock = threading.Lock()
        self._claimed: set[str] = set()
        self._aside: set[str] = set()  # the store cannot serve them; tried again at the next start

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set (then `Ledger.poke`) or confinement fails; see `stopped`."""
        threads = [
            threading.Thread(target=self._work, args=(stop,), name=f"parse-{n}")
            for n in range(self._pool.size)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def step(self, item: Item) -> None:
        """Read one stored item and take it to its next state, or count a failed attempt.

        Raises:
            PoolDown, StoreError: not the document's doing; it stays STORED.
            ConfinementError: nothing may be read.
        """
        try:
            try:
                self._read(item)
            except ParserError as error:
                if self._vault.ledger.failed_attempt(item.id) >= self._limits.parse_attempts:
                    timeout = isinstance(error, ParserTimeout)
                    self._quarantine(item, Reason.TIMEOUT if timeout else Reason.PARSER_CRASH, error.what)
            except BlobDamaged as error:
                self._quarantine(item, Reason.TRUNCATED, error.what)
        except (NoSuchItem, IllegalStep):
            _log.info("%s went or moved on while it was read", item.id)

    def _work(self, stop: threading.Event) -> None:
        ledger = self._vault.ledger
        while not stop.is_set() and self.stopped is None:
            seen = ledger.sequence
            with self._claim() as item:
                if item is not None:
                    self._try(item, stop)
                    continue
            while not stop.is_set() and ledger.wait(seen, _IDLE_S) == seen:
                pass

    def _try(self, item: Item, stop: threading.Event) -> None:
        try:
            self.step(item)
        except ConfinementError as error:
            if self.stopped is None:
                self.stopped = str(error)
                _log.error("nothing is read: %s", error)
            self._vault.ledger.poke()  # the other threads
        except PoolDown as error:
            _log.warning("%s", error)
            stop.wait(_AGAIN_S)
        except StoreError as error:
            _log.warning("%s was not read now: %s", item.id, type(error).__name__)
            if not error.retryable:
                self._aside.add(item.id)
            stop.wait(_AGAIN_S)
        except Exception as error:  # noqa: BLE001 the thread's rim: one document never stops the others
            _log.error("%s was not read: %s", item.id, type(error).__name__)
            self._aside.add(item.id)

    @contextmanager
    def _claim(self) -> Iterator[Item | None]:
        """The newest stored item that no other thread has, for as long as the block lasts."""
        with self._lock:
            taken = self._claimed | self._aside
            item = next(iter(self._vault.ledger.pending(State.STORED, 1, exclude=taken)), None)
            if item is not None:
                self._claimed.add(item.id)
        try:
            yield item
        finally:
            if item is not None:
                with self._lock:
                    self._claimed.discard(item.id)

    def _read(self, item: Item) -> None:
        job = Job(name=item.name, ocr_languages=self._languages)
        with _closing(self._vault.original(item.id)) as document, _closing(_memfd()) as children:
            ocr = _may_need_ocr(os.pread(document, 1024, 0))
            untrusted_reply = self._pool.read(job, document, children, ocr=ocr)
            _seal(children)
            outcome = check(untrusted_reply, self._limits, os.fstat(children).st_size)
            if isinstance(outcome, Refused):
                self._quarantine(item, outcome.reason, outcome.detail)
            else:
                self._accept(item, outcome, children)

    def _accept(self, item: Item, accepted: Accepted, children: int) -> None:
        """Store the children, then the reading."""
        reading = accepted.reading
        left_out = self._store_children(item, accepted.children, children)
        if left_out:
            partial = "; ".join(part for part in (reading.partial, left_out) if part)
            reading = msgspec.structs.replace(reading, partial=partial)
        self._vault.catalog.save_reading(item.id, reading)

    def _store_children(self, item: Item, children: tuple[Child, ...], descriptor: int) -> str | None:
        """Returns what was left out, for the owner."""
        if children and self._depth(item) >= self._limits.depth:
            return f"attachments more than {self._limits.depth} levels deep were left out"
        too_large = 0
        for position, child in enumerate(children, 1):
            origin = Origin(
                source="attachment",
                locator=f"{item.id}/{position}/{child.name}",
                name=child.name,
                size=child.length,
            )
            stretch = io.BufferedReader(_Stretch(descriptor, child.offset, child.length), 1 << 16)
            with stretch:
                try:
                    self._vault.put(cast(BinaryIO, stretch), origin, parent=item.id)
                except ItemTooLarge:
                    too_large += 1
        return f"{too_large} attachments are too large" if too_large else None

    def _depth(self, item: Item) -> int:
        depth = 0
        while item.parent is not None and depth < self._limits.depth:
            item = self._vault.catalog.item(item.parent)
            depth += 1
        return depth

    def _quarantine(self, item: Item, reason: Reason, detail: str | None) -> None:
        _log.info("%s is quarantined: %s", item.id, reason)
        self._vault.ledger.quarantine(item.id, reason, detail or "")


class _Stretch(io.RawIOBase):
    """A part of a descriptor as a file of its own."""

    def __init__(self, descriptor: int, offset: int, length: int) -> None:
        self._descriptor = descriptor
        self._at = offset
        self._end = offset + length

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """As `io.RawIOBase`."""
        count = os.preadv(self._descriptor, [memoryview(buffer)[: self._end - self._at]], self._at)
        self._at += count
        return count


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _memfd() -> int:
    return os.memfd_create("children", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _seal(children: int) -> None:
    """Make the children's bytes final: the worker may still hold the descriptor and go on writing."""
    try:
        fcntl.fcntl(children, fcntl.F_ADD_SEALS, _SEALS)
    except OSError as error:  # it keeps a writable mapping
        raise ParserLied("the parser keeps writing behind its answer") from error


def _may_need_ocr(head: bytes) -> bool:
    """Whether a document may hold pictures of text, whose recognition is allowed more time."""
    return head.startswith(_PICTURES) or b"%PDF-" in head
