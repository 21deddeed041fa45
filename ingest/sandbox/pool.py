"""The parser pool as the core sees it: documents and jobs in, untrusted replies or a classified error out.

Every request has a worker of its own, forked for it and ended with it: what a document takes over has
nothing of another one, before it or after. What a reply says is checked in `ingest/parse.py`.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from ingest.errors import PageNotDrawn, ParserLied, PoolDown
from ingest.reading import line
from ingest.sandbox.handle import Tell, Worker, WorkerStatus, resident
from ingest.sandbox.messages import Draw, Job, Jobs, Reply
from ingest.sandbox.zygote import Zygote
from policy.limits import Limits
from policy.wire import WireError

_log = logging.getLogger("strongroom.ingest")

T = TypeVar("T")

_PATIENCE_S = 5.0  # that a page of a scan waits for documents before it is as eager as they are
_PICTURE_WIDTH, _PICTURE_PIXELS = 2_000, 8_000_000
_BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)


@dataclass(frozen=True)
class Picture:
    """One page as rows of pixels from the top, three bytes each: red, green, blue."""

    width: int
    height: int
    pixels: bytes


class Pool:
    """Confined workers of one warm parser process. Thread-safe.

    Args:
        size: how many documents are read at once; None for one per core.
        limits: time, memory and output of one document.
        watched: this process is under the egress watch.
        module: the parser's program; another one only in tests.
    """

    def __init__(
        self,
        size: int | None,
        limits: Limits,
        *,
        watched: bool = False,
        module: str = "ingest.sandbox.worker",
    ) -> None:
        self.size = size or len(os.sched_getaffinity(0))
        self.layers: tuple[str, ...] = ()  # of confinement, for the owner to see
        self._limits = limits
        self._watched = watched
        self._module = module
        self._closed = threading.Event()
        self._free = self.size  # places for a worker
        self._turn = threading.Condition()
        self._eager = 0  # how many wait for a place
        self._alive: dict[int, Worker] = {}
        self._zygote: Zygote | None = None
        self._zygote_lock = threading.Lock()
        self._falls = 0  # zygotes lost since a document was last read

    def start(self) -> None:
        """Bring the parser process up, which the first reading would do otherwise (seconds: imports).

        Raises:
            ConfinementError: it cannot be confined on this machine.
            PoolDown: it did not start.
        """
        self._warm_zygote()

    def close(self) -> None:
        """End the parser process and all workers with it; readings under way fail with PoolDown."""
        self._closed.set()
        with self._zygote_lock:
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None

    def workers(self) -> list[WorkerStatus]:
        """The living processes: the one that workers are forked from, then those that read, oldest first."""
        zygote = self._zygote
        idle = [] if zygote is None else [WorkerStatus(zygote.pid, resident(zygote.pid))]
        return idle + [worker.status() for worker in list(self._alive.values())]

    def read(
        self, job: Job, document: int, children: int, *, patient: bool = False, tell: Tell | None = None
    ) -> Reply:
        """Have one document read; waits for a free worker.

        Args:
            document: descriptor of a sealed memfd; stays the caller's.
            children: descriptor of an empty memfd for the bytes of children; stays the caller's.
            patient: it lets all others go first who wait for a worker, for some seconds.
            tell: hears how far the reading is, now and then.

        Returns:
            The worker's answer, of the right schema and nothing else: a stranger's data.

        Raises:
            ParserCrash, ParserTimeout, ParserLied: over this document.
            PoolDown: not this document's doing.
            ConfinementError: the parser cannot be confined (any more).
        """
        request, descriptors = Jobs(jobs=(job,)), (children, document)
        [untrusted] = self._with_worker(lambda it: it.read(request, descriptors, tell), patient=patient)
        return untrusted

    def read_together(self, jobs: Sequence[Job], children: int) -> list[Reply]:
        """Have small documents read, each in its job, by one worker and with one answer.

        Args:
            children: as for `read`; those of each document begin where those of the one before it end.

        Raises:
            ParserError: one of them is to blame; which one shows when each is read by itself.
            PoolDown, ConfinementError: as `read`.
        """
        request = Jobs(jobs=tuple(jobs))
        return self._with_worker(lambda it: it.read(request, (children,)))

    def picture(
        self, document: int, name: str, page: int, width: int, *, password: str | None = None
    ) -> Picture:
        """Have one page drawn.

        Args:
            document: as for `read`.
            name: the file's.
            width: pixels wanted; the height follows. A very long page comes out narrower.

        Raises:
            PageNotDrawn: the document has no such page, or none that can be seen.
            ParserCrash, ParserTimeout, ParserLied, PoolDown, ConfinementError: as `read`.
        """
        draw = Draw(name=name, page=page, width=min(width, _PICTURE_WIDTH), password=password)
        sheet = os.memfd_create("page", os.MFD_CLOEXEC)
        try:
            untrusted = self._with_worker(lambda it: it.draw(draw, (sheet, document)))
            if untrusted.reason is not None:
                why = line(untrusted.detail or untrusted.reason)
                raise PageNotDrawn(f"the page cannot be shown: {why}")
            width, height = untrusted.width, untrusted.height
            if not 0 < width <= _PICTURE_WIDTH or not 0 < width * height <= _PICTURE_PIXELS:
                raise ParserLied("the parser drew a page of a size that cannot be")
            if os.fstat(sheet).st_size != 3 * width * height:
                raise ParserLied("the parser drew another page than it says")
            pixels = os.pread(sheet, 3 * width * height, 0)
        finally:
            os.close(sheet)
        if len(pixels) != 3 * width * height:  # it was cut meanwhile
            raise ParserLied("the parser keeps drawing behind its answer")
        return Picture(width, height, pixels)

    def _with_worker(self, work: Callable[[Worker], T], *, patient: bool = False) -> T:
        with self._place(patient):
            worker = self._fork()
            try:
                untrusted = work(worker)
            except WireError as error:
                raise worker.autopsy() from error
            finally:
                self._alive.pop(worker.pid, None)
                worker.end()
            self._falls = 0
            return untrusted

    @contextmanager
    def _place(self, patient: bool) -> Iterator[None]:
        """One of the places, once it is free. The eager wake the patient when none of them is left."""
        with self._turn:
            if patient:
                self._turn.wait_for(lambda: self._free and not self._eager, _PATIENCE_S)
            self._eager += 1
            try:
                self._turn.wait_for(lambda: self._free)
                self._free -= 1
            finally:
                self._eager -= 1
                self._turn.notify_all()
        try:
            yield
        finally:
            with self._turn:
                self._free += 1
                self._turn.notify_all()

    def _fork(self) -> Worker:
        """A fresh worker; where the zygote is gone, of a fresh zygote."""
        for attempt in (1, 2):
            zygote = self._warm_zygote()
            try:
                worker = Worker(zygote, zygote.fork(), self._limits)
            except PoolDown:
                self._lose(zygote)
                if attempt == 2:
                    raise
            else:
                self._alive[worker.pid] = worker
                return worker
        raise AssertionError("unreachable")

    def _warm_zygote(self) -> Zygote:
        with self._zygote_lock:
            if self._zygote is None:
                self._closed.wait(_BACK_OFF_S[min(self._falls, len(_BACK_OFF_S) - 1)])
                if self._closed.is_set():
                    raise PoolDown("the parser pool is closed")
                self._falls += 1
                self._zygote = Zygote(self._module, self._limits, watched=self._watched)
                self.layers = self._zygote.layers
            return self._zygote

    def _lose(self, zygote: Zygote) -> None:
        with self._zygote_lock:
            if self._zygote is zygote:
                _log.warning("the parser process died and is started again")
                self._zygote = None
                zygote.close()
