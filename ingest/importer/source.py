"""One file of messages as a source: what a splitter tells of it becomes news for the intake.

Where it stands is saved only after what came before is durable. Queueing, naming and the catalog are left to
`imports.py`.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ingest.errors import ImportFailed, NotWhole, SplitterGone
from ingest.importer.kinds import Kind
from ingest.importer.messages import (
    Finished,
    Going,
    Job,
    Large,
    LargeEnd,
    Ready,
    Several,
    Skipped,
    Slice,
    Told,
)
from ingest.importer.splitter import Splitter
from ingest.source import Arrival, Batch, Document, News, offered
from policy.limits import Limits
from store.mailboxes import Import
from store.records import Origin

NAMED_MOST = 200  # of those skipped, as many are named
_SAVE_S = 1.0
_MESSAGE_NAMES = (".eml", ".msg")


@dataclass
class Progress:
    """How far an import is. Written by one thread, read by others."""

    size: int = 0
    read: int = 0  # bytes of the file
    position: int = 0
    messages: int = 0  # stored, or known to be
    missed: int = 0  # not stored though it should be
    foreign: int = 0  # files in an archive that are not mail
    skipped: dict[str, str] = field(default_factory=dict)  # key -> why; NAMED_MOST of them
    finished: bool = False
    failed: str | None = None  # it ended before its time


class ImportSource:
    """The messages of one file.

    Args:
        state: as it was saved last; `state.source` is the name of the source.
        kind: of the file.
        container: its descriptor, which stays the caller's.
        prefix: what the places of its messages begin with.
        save: writes the state into the catalog.
        module: the splitter's program; another one only in tests.
    """

    def __init__(
        self,
        state: Import,
        kind: Kind,
        container: int,
        limits: Limits,
        *,
        save: Callable[[Import], None],
        prefix: str = "",
        watched: bool = False,
        module: str = "ingest.importer.worker",
    ) -> None:
        self.name = state.source
        self.cancelled = threading.Event()
        self.progress = Progress(
            size=state.size, position=state.position, messages=state.messages, missed=state.missed
        )
        self._state = state
        self._kind = kind
        self._container = container
        self._limits = limits
        self._save = save
        self._prefix = prefix
        self._watched = watched
        self._module = module
        self._saved_at = 0.0
        self._splitter: Splitter | None = None
        self._large: _Large | None = None  # the large message that is being told
        self._stop = threading.Event()
        self._acknowledged: set[str] = set()  # of the news just told

    def arrivals(self, stop: threading.Event) -> Iterator[News]:
        """See Source. Ends with the file.

        Raises:
            ImportFailed: it changed meanwhile, or its splitter cannot get past a place.
        """
        self._stop = stop
        falls = 0
        try:
            while not self.progress.finished and not self._is_over():
                before = self.progress.position
                try:
                    self._start(falls)
                    yield from self._told()
                except SplitterGone as error:
                    falls = falls + 1 if self.progress.position == before else 1
                    if falls > 2:
                        text = f"it cannot be read beyond {before} ({error.what})"
                        raise ImportFailed(text, remedy="what came before is stored") from error
                    if falls == 2:
                        self._skip(f"after {before}", "reading it ended its reader", missed=True)
        finally:
            self._end()
            self._keep(done=self.progress.finished)

    def open(self, arrival: Arrival) -> BinaryIO:
        """See Source. When it is opened again, another splitter starts at the place before."""
        if self._large is None or self._large.begun:
            self._large = self._begin_again(arrival.origin.locator)
        return io.BufferedReader(self._large)

    def acknowledge(self, news: News) -> None:
        """See Source."""
        self._acknowledged.update(origin.locator for origin in offered(news))

    def defer(self, news: News) -> None:
        """See Source. What is not acknowledged is named as skipped: a file of messages is read once."""

    def _told(self) -> Iterator[News]:
        while not self.progress.finished and (told := self._hear()) is not None:
            match told:
                case Several(found=found, position=position, read=read):
                    yield from self._offer(tuple(self._document(each.key, each.content) for each in found))
                    self._advance(position, read)
                case Large(key=key):
                    self._large = _Large(self._hear)
                    self._acknowledged.clear()
                    yield Arrival(origin=self._origin(key, None))
                    self._end_large(key, self._large)
                case Skipped(key=key, why=why, position=position, lost=lost):
                    self._skip(key, why, missed=lost)
                    self._advance(position, 0)
                case Going(read=read):
                    self._advance(self.progress.position, read)
                case Finished():
                    self._finish(told)
                case Ready() | Slice() | LargeEnd():
                    raise SplitterGone("the splitter lost its thread")

    def _offer(self, documents: tuple[Document, ...]) -> Iterator[News]:
        self._acknowledged.clear()
        yield Batch(documents)
        for document in documents:
            if document.origin.locator in self._acknowledged:
                self.progress.messages += 1
            elif not self._is_over():
                self._skip(document.origin.locator, "it could not be stored", missed=True)

    def _end_large(self, key: str, large: _Large) -> None:
        """After a large message was offered: go to its end."""
        large = self._large or large  # it may have been begun again
        large.drain()
        match large.end:
            case LargeEnd(position=position, read=read):
                if self._acknowledged:
                    self.progress.messages += 1
                else:
                    limit = self._limits.item_bytes
                    self._skip(key, f"it could not be stored; the limit is {limit} bytes", missed=True)
                self._advance(position, read)
            case Skipped(key=key, why=why, position=position):
                self._skip(key, why, missed=True)
                self._advance(position, 0)
            case Finished(failed=failed):
                self._skip(key, failed or "it has no end", missed=True)
                self._finish(large.end)
            case _:
                if not self._is_over():
                    raise SplitterGone("the splitter lost its thread")
        self._large = None

    def _finish(self, told: Finished) -> None:
        self.progress.foreign = told.foreign
        self.progress.failed = told.failed
        self._advance(told.position, self.progress.size)
        self.progress.finished = True

    def _begin_again(self, locator: str) -> _Large:
        self._start(0)
        while (told := self._hear()) is not None and not isinstance(told, Finished):
            if isinstance(told, Large) and self._locator(told.key) == locator:
                return _Large(self._hear)
        raise NotWhole("it is not there any more")

    def _hear(self) -> Told | None:
        if self._splitter is None:
            raise SplitterGone("the splitter is gone")
        return None if self._is_over() else self._splitter.hear(self._stop)

    def _start(self, falls: int) -> None:
        self._end()
        self._require_unchanged()
        job = Job(
            kind=self._kind,
            name=self._state.locator.rpartition("/")[2],
            position=self.progress.position,
            careful=falls > 0,
            leave_out=int(falls > 1),
            most_bytes=self._limits.item_bytes,
        )
        self._splitter = Splitter(
            job, self._container, self._limits, watched=self._watched, module=self._module
        )

    def _end(self) -> None:
        if self._splitter is not None:
            self._splitter.close()
        self._splitter = self._large = None

    def _advance(self, position: int, read: int) -> None:
        self._require_unchanged()
        self.progress.position = position
        self.progress.read = max(self.progress.read, read)
        if time.monotonic() - self._saved_at > _SAVE_S:
            self._keep(done=False)

    def _keep(self, *, done: bool) -> None:
        self._saved_at = time.monotonic()
        at = self.progress
        self._state = Import(
            source=self._state.source,
            locator=self._state.locator,
            size=self._state.size,
            mtime_ns=self._state.mtime_ns,
            position=at.position,
            messages=at.messages,
            done=done,
            started_at=self._state.started_at,
            missed=at.missed + at.foreign + (at.failed is not None),
        )
        self._save(self._state)

    def _require_unchanged(self) -> None:
        status = os.fstat(self._container)
        if (status.st_size, status.st_mtime_ns) != (self._state.size, self._state.mtime_ns):
            raise ImportFailed("it changed while it was imported", remedy="start it again when it is whole")

    def _skip(self, key: str, why: str, *, missed: bool) -> None:
        self.progress.missed += missed
        if len(self.progress.skipped) < NAMED_MOST:
            self.progress.skipped[key] = why

    def _is_over(self) -> bool:
        return self._stop.is_set() or self.cancelled.is_set()

    def _locator(self, key: str) -> str:
        return f"{self._prefix}{key}"

    def _origin(self, key: str, size: int | None) -> Origin:
        name = key.rpartition("/")[2] or key
        if not name.lower().endswith(_MESSAGE_NAMES):
            name = f"{name}.eml"
        return Origin(source=self.name, locator=self._locator(key), name=name, size=size)

    def _document(self, key: str, content: bytes) -> Document:
        return Document(self._origin(key, len(content)), content)


class _Large(io.RawIOBase):
    """A large message as the splitter tells it, in slices.

    Reading raises SourceError (and NotWhole) where it does not come to its end.
    """

    def __init__(self, hear: Callable[[], Told | None]) -> None:
        self._hear = hear
        self._rest = memoryview(b"")
        self.begun = False
        self.end: Told | None = None  # what came after the last slice
        self._gone: SplitterGone | None = None
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self.begun = True
        if not self._rest:
            self._rest = memoryview(self._next())
        if not self._rest and not isinstance(self.end, LargeEnd):
            raise NotWhole("it ends before its time")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def drain(self) -> None:
        """Read and forget the rest.

        Raises:
            SplitterGone: now, or when it was read.
        """
        while self._next():
            pass
        if self._gone is not None:
            raise self._gone

    def _next(self) -> bytes:
        """The next slice; empty at the end, of whatever kind."""
        while not self._over:
            try:
                told = self._hear()
            except SplitterGone as error:
                self._gone, self._over = error, True
                break
            if isinstance(told, Slice) and told.content:
                return told.content
            if not isinstance(told, Going | Slice):
                self.end, self._over = told, True
        return b""
