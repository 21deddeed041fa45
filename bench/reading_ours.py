"""Our side of `bench/reading.py`: a document through the real pool and back, its scanned pages one by one, and
what came of it. Nothing is stored.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from ingest.errors import ParserError, PoolDown
from ingest.readers.table import FORMATS
from ingest.reading import Refused, check
from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool
from policy.limits import Limits
from store.records import Reading, Reason

UNCLASSIFIED = "the reader failed with"  # a detail that begins so names an exception nobody thought of
_FORMAT_NAMES = {row.media_type: row.name for row in reversed(FORMATS)}


@dataclass(frozen=True)
class Result:
    """What became of one document."""

    name: str
    kind: str  # the format's name; of what is on no row, its ending
    ended: str  # "read", "partly", "children", a reason, "CRASH" (the worker died) or "POOL"
    detail: str = ""
    seconds: float = 0.0
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
        """Whether nobody knows why it could not be read."""
        return UNCLASSIFIED in self.detail


class Ours:
    """A pool and what it takes to use it; thread-safe."""

    def __init__(self, workers: int) -> None:
        self.limits = Limits()
        self.pool = Pool(workers, self.limits)
        self.peak_rss = 0  # bytes, of the largest worker so far
        self.peak_name = ""
        self._lock = threading.Lock()

    def __enter__(self) -> Ours:
        self.pool.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.close()

    def read(self, name: str, content: bytes, *, ocr: bool = True) -> Result:
        """Read one document as the parse stage does, without storing it.

        Args:
            ocr: read pages that are pictures too.
        """
        began = time.perf_counter()
        reply = Reply()
        try:
            with _memfd(content) as document, _memfd() as children:
                reply = self.pool.read(Job(name=name), document, children, ocr=ocr)
                found = check(reply, self.limits, os.fstat(children).st_size)
                seconds = time.perf_counter() - began
                self._measure(name)
                if isinstance(found, Refused):
                    return Result(name, _kind(reply, name), found.reason.value, found.detail or "", seconds)
                members = tuple((c.name, os.pread(children, c.length, c.offset)) for c in found.children)
        except PoolDown as error:
            return Result(name, _kind(reply, name), "POOL", error.what, time.perf_counter() - began)
        except ParserError as error:
            ended = Reason.TIMEOUT.value if type(error).__name__ == "ParserTimeout" else "CRASH"
            return Result(name, _kind(reply, name), ended, error.what, time.perf_counter() - began)
        reading = found.reading
        ended = "partly" if reading.partial else "read" if reading.elements else "children"
        return Result(name, _kind(reply, name), ended, reading.partial or "", seconds, reading, members)

    def _measure(self, name: str) -> None:
        for worker in self.pool.workers():
            peak = _peak_rss(worker.pid)
            with self._lock:
                if peak > self.peak_rss:
                    self.peak_rss, self.peak_name = peak, name


def _kind(reply: Reply, name: str) -> str:
    return _FORMAT_NAMES.get(reply.media_type) or f"?{Path(name).suffix.lower()}"


def _peak_rss(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(row.split()[1]) << 10 for row in status.splitlines() if row.startswith("VmHWM")), 0)


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
