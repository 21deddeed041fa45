"""The parse stage: takes stored items from the ledger and has the parser pool read them.

It is the border: what comes back is checked by `ingest/reading.py` before anything of it is kept.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from ingest.children import Children
from ingest.errors import ParserError, ParserLied, ParserTimeout, PoolDown
from ingest.reading import Accepted, Refused, check
from ingest.relatives import Relatives
from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool
from policy.errors import ConfinementError
from policy.limits import Limits
from store.errors import BlobDamaged, IllegalStep, NoSuchItem, StoreError
from store.records import Item, Reading, Reason, State
from store.vault import Vault

_log = logging.getLogger("strongroom.ingest")

_TOGETHER = 32  # small documents of one request: 50 ms of work, so newer ones wait no longer
_SMALL = 64 * 1024  # bytes
_AGAIN_S = 2.0  # after a failure that was not the document's
_IDLE_S = 5.0  # how long `stop` may go unnoticed while there is nothing to do; `Ledger.poke` is at once
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8", b"BM", b"RIFF")


class ParseStage:
    """Moves items from STORED to PARSED or QUARANTINED, on as many threads as the pool has workers.

    Small texts (mails above all) are read many at a time: what that costs is shared. If anything at all goes
    wrong with such a batch, nothing of it is used and each document is read by itself, where the failure is
    its own.

    Killed anywhere, it is run again: an item's children are stored before its own step is taken, and storing
    them twice is storing them once.
    """

    def __init__(
        self, vault: Vault, pool: Pool, limits: Limits, *, ocr_languages: tuple[str, ...] = ("eng",)
    ) -> None:
        self.stopped: str | None = None  # why nothing is read any more: confinement is missing
        self._vault = vault
        self._relatives = Relatives(vault.catalog)
        self._children = Children(vault, limits)
        self._pool = pool
        self._limits = limits
        self._languages = ocr_languages
        self._lock = threading.Lock()
        self._oldest = True  # where the next claim does not begin
        self._claimed: set[str] = set()
        self._alone: set[str] = set()  # small, and to be read by itself all the same
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

    def step_together(self, items: Sequence[Item]) -> None:
        """Read small items as `step` does. Those that cannot be read together are left for `step`.

        Raises:
            PoolDown, StoreError, ConfinementError: as `step`.
        """
        contents = self._vault.contents([item.id for item in items])
        batch = [item for item in items if _is_text(contents.get(item.id))]
        left = {item.id for item in items}
        try:
            if batch:
                self._read_together(batch, [contents[item.id] for item in batch])
                left -= {item.id for item in batch}
        except (ParserError, NoSuchItem, IllegalStep):
            pass  # one of them is to blame, or is gone
        finally:
            with self._lock:
                self._alone |= left

    def _work(self, stop: threading.Event) -> None:
        ledger = self._vault.ledger
        while not stop.is_set() and self.stopped is None:
            seen = ledger.sequence
            with self._claim() as items:
                if items:
                    self._try(items, stop)
                    continue
            while not stop.is_set() and ledger.wait(seen, _IDLE_S) == seen:
                pass

    def _try(self, items: Sequence[Item], stop: threading.Event) -> None:
        try:
            if len(items) == 1:
                self.step(items[0])
            else:
                self.step_together(items)
        except ConfinementError as error:
            if self.stopped is None:
                self.stopped = str(error)
                _log.error("nothing is read: %s", error)
            self._vault.ledger.poke()  # the other threads
        except PoolDown as error:
            _log.warning("%s", error)
            stop.wait(_AGAIN_S)
        except StoreError as error:
            _log.warning("%s was not read now: %s", items[0].id, type(error).__name__)
            if not error.retryable and len(items) == 1:
                self._aside.add(items[0].id)
            stop.wait(_AGAIN_S)
        except Exception as error:  # noqa: BLE001 the thread's rim: one document never stops the others
            _log.error("%s was not read: %s", items[0].id, type(error).__name__)
            if len(items) == 1:
                self._aside.add(items[0].id)

    @contextmanager
    def _claim(self) -> Iterator[list[Item]]:
        """A stored item that no other thread has, and if it is small what else is; for as long as the block
        lasts. From both ends by turns: what has just come is read at once, and of a mailbox that is coming in
        the newest mail, which came first, does not wait for ten years of history.
        """
        with self._lock:
            taken = self._claimed | self._aside
            self._oldest = not self._oldest
            items = self._first(
                self._vault.ledger.pending(State.STORED, _TOGETHER, exclude=taken, oldest=self._oldest)
            )
            self._claimed.update(item.id for item in items)
        try:
            yield items
        finally:
            with self._lock:
                self._claimed.difference_update(item.id for item in items)
                if len(items) == 1:
                    self._alone.discard(items[0].id)

    def _first(self, items: list[Item]) -> list[Item]:
        """What is to be read first of the given items."""
        small = [
            item for item in items if item.size <= _SMALL and not item.attempts and item.id not in self._alone
        ]
        return small if small[:1] == items[:1] else items[:1]

    def _read(self, item: Item) -> None:
        job = Job(name=item.name, ocr_languages=self._languages)
        with _closing(self._vault.original(item.id)) as document, _closing(_memfd()) as children:
            ocr = _may_need_ocr(os.pread(document, 1024, 0))
            untrusted_reply = self._pool.read(job, document, children, ocr=ocr)
            self._take([item], [untrusted_reply], children)

    def _read_together(self, items: Sequence[Item], contents: Sequence[bytes]) -> None:
        jobs = [
            Job(name=item.name, ocr_languages=self._languages, content=content)
            for item, content in zip(items, contents, strict=True)
        ]
        with _closing(_memfd()) as children:
            self._take(items, self._pool.read_together(jobs, children), children)

    def _take(self, items: Sequence[Item], untrusted_replies: Sequence[Reply], children: int) -> None:
        """Check all replies, and only then keep what they say."""
        _seal(children)
        written = os.fstat(children).st_size
        outcomes: list[tuple[Item, Accepted | Refused, int]] = []
        start = 0  # of the children of a document
        for item, untrusted_reply in zip(items, untrusted_replies, strict=True):
            outcome = check(untrusted_reply, self._limits, written - start)
            outcomes.append((item, outcome, start))
            if isinstance(outcome, Accepted) and outcome.children:
                start += outcome.children[-1].offset + outcome.children[-1].length
        readings = [
            (item.id, self._with_children(item, outcome, children, start))
            for item, outcome, start in outcomes
            if isinstance(outcome, Accepted)
        ]
        if readings:
            self._relatives.save(readings)
        for item, outcome, _ in outcomes:
            if isinstance(outcome, Refused):
                self._quarantine(item, outcome.reason, outcome.detail)

    def _with_children(self, item: Item, accepted: Accepted, children: int, start: int) -> Reading:
        """The reading to save once the children are stored."""
        reading = accepted.reading
        left_out = self._children.store(item, accepted.children, children, start)
        if left_out:
            partial = "; ".join(part for part in (reading.partial, left_out) if part)
            reading = msgspec.structs.replace(reading, partial=partial)
        return reading

    def _quarantine(self, item: Item, reason: Reason, detail: str | None) -> None:
        _log.info("%s is quarantined: %s", item.id, reason)
        self._vault.ledger.quarantine(item.id, reason, detail or "")


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


def _is_text(content: bytes | None) -> bool:
    """Whether a document is text, which never takes much to read. None: it is not there."""
    return content is not None and b"\0" not in content and not _may_need_ocr(content[:1024])


def _may_need_ocr(head: bytes) -> bool:
    """Whether a document may hold pictures of text, whose recognition is allowed more time."""
    return head.startswith(_PICTURES) or b"%PDF-" in head
