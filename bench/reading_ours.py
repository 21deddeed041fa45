"""Our side of `bench/reading.py`: a document through the real pool and back, its scanned pages one by one,
and what came of it. Nothing is stored.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import msgspec

from ingest.converter.convert import Converter
from ingest.converter.launch import Launcher
from ingest.converter.through import read_converted
from ingest.errors import ParserError, ParserTimeout, PoolDown
from ingest.readers.formats import FORMATS
from ingest.reading import Refused, check
from ingest.sandbox.control import Ended
from ingest.sandbox.handle import Tell
from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool
from ingest.scans import read_scans
from policy.egress import Watch
from policy.limits import Limits
from store.records import Reading, Reason
from tests.support.measured import endings

UNCLASSIFIED = "the reader failed with"  # what names an exception that nobody thought of
CRASHED = "the worker died"
_FORMAT_NAMES = {row.media_type: row.name for row in reversed(FORMATS)}


@dataclass(frozen=True)
class Result:
    """What became of one document."""

    name: str
    kind: str  # the format's name; of what is on no row, its ending
    ended: str  # "read", "partly", "children", "scans" or a reason
    detail: str = ""
    seconds: float = 0.0
    first_s: float = 0.0  # of them, until all was read but the text in pictures
    reading: Reading | None = None
    children: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """All of it, as it would be stored."""
        return self.reading.text if self.reading else ""

    def shown_as(self, name: str) -> Result:
        """Under another name, and without what it took to go on from here."""
        return replace(self, name=name, children=())

    @property
    def unclassified(self) -> bool:
        """Whether nobody knows why some or all of it could not be read."""
        return UNCLASSIFIED in self.detail

    @property
    def crashed(self) -> bool:
        """Whether a worker died over it."""
        return CRASHED in self.detail


class Ours:
    """A pool and what it takes to use it; thread-safe."""

    def __init__(self, workers: int) -> None:
        self.limits = Limits()
        self.pool = Pool(workers, self.limits)
        self.peak_rss = 0  # bytes, of the largest worker so far
        self.peak_name = ""
        self._watch = Watch()
        self._launcher = Launcher(self._watch, Path("/nonexistent"), self.limits)
        self._converter = Converter(self._launcher.start, self.limits)
        self._ended: list[Ended] = []  # the workers, each of which read one thing
        self._counted = 0
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Ours:
        self._ended = self._stack.enter_context(endings())
        self.pool.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.close()
        self._stack.close()
        self._launcher.end()
        self._watch.close()

    def read(self, name: str, content: bytes, *, ocr: bool = True, tell: Tell | None = None) -> Result:
        """Read one document as the parse stage does, without storing it.

        Args:
            ocr: read pages that are pictures too; else a document that has no other pages ends as "scans".
            tell: hears how far the reading is.
        """
        began = time.perf_counter()
        with _memfd(content) as document, _memfd() as children:
            reply = self._ask(Job(name=name), document, children, tell)
            if reply.convert is not None:
                reply = self._converted(reply, Job(name=name), document, children)
            found = check(msgspec.structs.replace(reply, scans=[]), self.limits, os.fstat(children).st_size)
            first_s = time.perf_counter() - began
            if ocr and reply.scans:
                reply = read_scans(reply, lambda page: self._page(name, document, page), self.limits)
                found = check(reply, self.limits, os.fstat(children).st_size)
            self._measure(name)
            result = Result(
                name, _kind(reply, name), "scans", seconds=time.perf_counter() - began, first_s=first_s
            )
            if reply.scans and not reply.elements and not ocr:
                return result
            if isinstance(found, Refused):
                return replace(result, ended=found.reason.value, detail=found.detail or "")
            members = tuple((c.name, os.pread(children, c.length, c.offset)) for c in found.children)
        reading = found.reading
        ended = "partly" if reading.partial else "read" if reading.elements else "children"
        return replace(result, ended=ended, detail=reading.partial or "", reading=reading, children=members)

    def cpu_s(self) -> float:
        """Processor seconds so far of all workers and converters."""
        times = os.times()
        return sum(each.cpu_s for each in list(self._ended)) + times.children_user + times.children_system

    def _converted(self, first: Reply, job: Job, document: int, children: int) -> Reply:
        """What LibreOffice makes of it, read."""
        os.lseek(document, 0, os.SEEK_SET)
        try:
            return read_converted(
                self._converter, first, job, document, lambda job, made: self._ask(job, made, children)
            )
        except ParserTimeout as error:
            return Reply(reason=Reason.TIMEOUT.value, detail=error.what)
        except (ParserError, PoolDown) as error:
            return Reply(reason=Reason.PARSER_CRASH.value, detail=f"{CRASHED}: {error.what}")

    def _page(self, name: str, document: int, page: int) -> Reply:
        with _memfd() as nothing:
            return self._ask(Job(name=name, pages=(page,)), document, nothing)

    def _ask(self, job: Job, document: int, children: int, tell: Tell | None = None) -> Reply:
        """The pool's answer, or what it failed with as a reason."""
        os.lseek(document, 0, os.SEEK_SET)
        try:
            return self.pool.read(job, document, children, tell=tell)
        except ParserTimeout as error:
            return Reply(reason=Reason.TIMEOUT.value, detail=error.what)
        except (ParserError, PoolDown) as error:
            return Reply(reason=Reason.PARSER_CRASH.value, detail=f"{CRASHED}: {error.what}")

    def _measure(self, name: str) -> None:
        with self._lock:
            for each in self._ended[self._counted :]:
                self._counted += 1
                if each.peak > self.peak_rss:  # of several at a time, one of their names
                    self.peak_rss, self.peak_name = each.peak, name


def _kind(reply: Reply, name: str) -> str:
    return _FORMAT_NAMES.get(reply.media_type) or f"?{Path(name).suffix.lower()}"


@contextmanager
def _memfd(content: bytes = b"") -> Iterator[int]:
    descriptor = os.memfd_create("bench")
    try:
        with open(descriptor, "wb", closefd=False) as sink:
            sink.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
