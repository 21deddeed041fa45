"""The parse stage: takes stored items from the ledger and has the parser pool read them.

It is the border: what comes back is checked by `ingest/reading.py` before anything of it is kept.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from ingest.children import Children
from ingest.claims import Claims
from ingest.converter.convert import Converter
from ingest.converter.through import read_converted
from ingest.errors import ParserError, ParserLied, ParserOverMemory, ParserTimeout, PoolDown
from ingest.reading import Accepted, Refused, check
from ingest.relatives import Relatives
from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool
from ingest.scans import read_scans
from policy.admission import Admission
from policy.errors import ConfinementError
from policy.limits import Limits
from policy.wire import seal
from store.errors import BlobDamaged, IllegalStep, NoSuchItem, StoreError
from store.records import Glimpse, Item, Reading, Reason, State
from store.vault import Vault

_log = logging.getLogger("strongroom.ingest")

_AGAIN_S = 2.0  # after a failure that was not the document's
_IDLE_S = 5.0  # how long `stop` may go unnoticed while there is nothing to do; `Ledger.poke` is at once


@dataclass(frozen=True)
class UnderWay:
    """A document that is being read."""

    item: str
    done: int  # pages, slides, sheets, thousands of rows; of a scan the pages without text of their own
    total: int | None
    since: float  # UTC seconds since the epoch: when the first of them was begun


class _Stopping(Exception):
    """The service stops: a long document stays STORED, and is read from its beginning another time."""


class ParseStage:
    """Moves items from STORED to PARSED or QUARANTINED.

    Small texts (mails above all) are read many at a time: what that costs is shared. If anything at all goes
    wrong with such a batch, nothing of it is used and each document is read by itself, where the failure is
    its own.

    Text in pictures is read page by page, and between two pages all documents go first that wait for a
    worker. So there are twice as many threads as workers: half of them may be with a scan (`Claims.long`),
    and the other half is there for whatever comes meanwhile.

    Killed anywhere, it is run again: an item's children are stored before its own step is taken, and storing
    them twice is storing them once. The pages of a scan are kept in memory until the last of them is read.
    """

    def __init__(
        self,
        vault: Vault,
        pool: Pool,
        limits: Limits,
        *,
        converter: Converter | None = None,
        ocr_languages: tuple[str, ...] = ("eng",),
        admission: Admission | None = None,
    ) -> None:
        self._vault = vault
        self._admission = admission or Admission()
        self._relatives = Relatives(vault.catalog)
        self._children = Children(vault, limits)
        self._pool = pool
        self._converter = converter
        self._limits = limits
        self._languages = ocr_languages
        self._claims = Claims(vault.ledger, pool.size)
        self._stop = threading.Event()
        self._under_way: dict[str, UnderWay] = {}

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set (then `Ledger.poke`) or confinement fails, which shuts the admission."""
        self._stop = stop
        threads = [
            threading.Thread(target=self._work, args=(stop,), name=f"parse-{n}")
            for n in range(2 * self._pool.size)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def reading(self) -> list[UnderWay]:
        """The documents that tell how far they are, in the order in which they were begun."""
        return sorted(self._under_way.values(), key=lambda each: each.since)

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
                # A crash may have had another cause; what took all its time would only take it again.
                timeout = isinstance(error, ParserTimeout)
                if timeout or self._vault.ledger.failed_attempt(item.id) >= self._limits.parse_attempts:
                    self._quarantine(item, _reason(error), error.what)
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
            self._claims.leave_alone(left)

    def _work(self, stop: threading.Event) -> None:
        ledger = self._vault.ledger
        while not stop.is_set() and self._admission.refusal is None:
            seen = ledger.sequence
            with self._claims.claim() as items:
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
        except _Stopping:
            pass
        except ConfinementError as error:
            self._admission.shut(error)
            self._vault.ledger.poke()  # the other threads
        except PoolDown as error:
            _log.warning("%s", error)
            stop.wait(_AGAIN_S)
        except StoreError as error:
            _log.warning("%s was not read now: %s", items[0].id, type(error).__name__)
            if not error.retryable and len(items) == 1:
                self._claims.set_aside(items[0].id)
            stop.wait(_AGAIN_S)
        except Exception as error:  # noqa: BLE001 the thread's rim: one document never stops the others
            _log.error("%s was not read: %s", items[0].id, type(error).__name__)
            if len(items) == 1:
                self._claims.set_aside(items[0].id)

    def _read(self, item: Item) -> None:
        password = self._vault.catalog.item_password(item.id)
        job = Job(
            name=item.name,
            ocr_languages=self._languages,
            password=password.reveal() if password else None,
        )
        with _closing(self._vault.original(item.id)) as document, _closing(_memfd()) as children:
            try:
                tell = self._teller(item)
                untrusted_reply = self._pool.read(job, document, children, tell=tell)
                if self._converter and untrusted_reply.convert is not None:
                    untrusted_reply = read_converted(
                        self._converter,
                        untrusted_reply,
                        job,
                        document,
                        lambda job, converted: self._pool.read(job, converted, children, tell=tell),
                    )
                if untrusted_reply.scans:
                    with self._claims.long(item.id) as granted:
                        if not granted:
                            return
                        untrusted_reply = self._read_scans(item, job, untrusted_reply, document)
                self._take([item], [untrusted_reply], children)
            finally:
                self._under_way.pop(item.id, None)

    def _read_scans(self, item: Item, job: Job, untrusted_first: Reply, document: int) -> Reply:
        """The first reply, and what is in the pictures of its pages. One page that cannot be read, perhaps
        for a reason of before, has a second chance.
        """
        chances = self._limits.parse_attempts - 1
        tell = self._teller(item)
        begun = 0

        def ask(number: int) -> Reply:
            nonlocal chances, begun
            tell(begun, len(untrusted_first.scans))
            begun += 1
            while True:
                self._check_wanted(item)
                try:
                    with _closing(_memfd()) as nothing:
                        page = msgspec.structs.replace(job, pages=(number,))
                        return self._pool.read(page, document, nothing, patient=True)
                except (ParserError, PoolDown) as error:
                    if chances:
                        chances -= 1
                    elif isinstance(error, PoolDown):
                        raise
                    else:
                        return Reply(reason=_reason(error), detail=error.what)

        return read_scans(untrusted_first, ask, self._limits)

    def _check_wanted(self, item: Item) -> None:
        """Go on with a long document only while it is to be read."""
        if self._stop.is_set():
            raise _Stopping
        state = self._vault.catalog.item(item.id).state
        if state is not State.STORED:
            raise IllegalStep(f"it is {state} now", item=item.id)

    def _teller(self, item: Item) -> Callable[[int, int | None], None]:
        since = time.time()

        def tell(done: int, total: int | None) -> None:
            self._under_way[item.id] = UnderWay(item.id, done, total, since)

        return tell

    def _read_together(self, items: Sequence[Item], contents: Sequence[bytes]) -> None:
        jobs = [
            Job(name=item.name, ocr_languages=self._languages, content=content)
            for item, content in zip(items, contents, strict=True)
        ]
        with _closing(_memfd()) as children:
            untrusted_replies = self._pool.read_together(jobs, children)
            if any(untrusted_reply.scans for untrusted_reply in untrusted_replies):
                raise ParserError("one of them is to be read page by page")
            self._take(items, untrusted_replies, children)

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
                self._quarantine(item, outcome.reason, outcome.detail, outcome.seen)

    def _with_children(self, item: Item, accepted: Accepted, children: int, start: int) -> Reading:
        """The reading to save once the children are stored."""
        reading = accepted.reading
        left_out = self._children.store(item, accepted.children, children, start)
        if left_out:
            partial = "; ".join(part for part in (reading.partial, left_out) if part)
            reading = msgspec.structs.replace(reading, partial=partial)
        return reading

    def _quarantine(
        self, item: Item, reason: Reason, detail: str | None, seen: Glimpse | None = None
    ) -> None:
        _log.info("%s is quarantined: %s", item.id, reason)
        self._vault.ledger.quarantine(item.id, reason, detail or "", seen)


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
        seal(children)
    except OSError as error:  # it keeps a writable mapping
        raise ParserLied("the parser keeps writing behind its answer") from error


def _is_text(content: bytes | None) -> bool:
    """Whether a document is text, which never takes much to read. None: it is not there."""
    return content is not None and b"\0" not in content and b"%PDF-" not in content[:1024]


def _reason(error: ParserError) -> Reason:
    if isinstance(error, ParserTimeout):
        return Reason.TIMEOUT
    return Reason.TOO_LARGE if isinstance(error, ParserOverMemory) else Reason.PARSER_CRASH
