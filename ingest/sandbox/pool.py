"""The parser pool as the core sees it: documents and jobs in, untrusted replies or a classified error out.

Workers read one document after the other and are replaced after a failure, after many documents, and when
they have grown. What a reply says is checked in `ingest/parse.py`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import resource
import select
import signal
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.errors import ParserCrash, ParserLied, ParserTimeout, PoolDown
from ingest.sandbox.control import Ended
from ingest.sandbox.messages import Job, Jobs, Reply
from ingest.sandbox.zygote import Birth, Zygote
from policy.errors import EXIT_CONFIG, ConfinementError, StrongroomError
from policy.limits import MIB, Limits
from policy.wire import Wire, WireError, close_all

_log = logging.getLogger("strongroom.ingest")

WORKER_RSS = 320 * MIB  # grown beyond it, a worker is replaced: with the next document it stays below 400
TOGETHER_WALL_S = 10.0  # for small documents, read in milliseconds: whatever takes longer is read by itself
_LAST_WORDS_S = 1.0  # between hanging up and ending; a worker that takes longer has not died, it lies
_BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)


@dataclass(frozen=True)
class WorkerStatus:
    """One worker as the owner sees it."""

    pid: int
    rss: int  # bytes
    documents: int  # read so far
    busy_since: float | None  # UTC seconds since the epoch


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
        self._slots: queue.LifoQueue[_Worker | None] = queue.LifoQueue()  # the one just used is the warmest
        for _ in range(self.size):
            self._slots.put(None)  # a worker to be
        self._alive: dict[int, _Worker] = {}
        self._zygote: Zygote | None = None
        self._zygote_lock = threading.Lock()
        self._falls = 0  # zygotes lost since a document was last read

    def start(self) -> None:
        """Bring every worker up, which the first readings would do otherwise (seconds: imports).

        Raises:
            ConfinementError: it cannot be confined on this machine.
            PoolDown: it did not start.
        """
        ready: list[_Worker] = []
        try:
            while len(ready) < self.size:
                ready.append(self._take())
        finally:
            for worker in ready:
                self._slots.put(worker)

    def close(self) -> None:
        """End all workers; readings under way fail with PoolDown."""
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                worker = self._slots.get_nowait()
                if worker is not None:
                    self._bury(worker)
        with self._zygote_lock:
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None
        self._slots.put(None)  # whoever waits for a worker learns of it

    def workers(self) -> list[WorkerStatus]:
        """The living workers, oldest first."""
        return [w.status() for w in list(self._alive.values())]

    def read(self, job: Job, document: int, children: int, *, ocr: bool = False) -> Reply:
        """Have one document read; waits for a free worker.

        Args:
            document: descriptor of a sealed memfd at offset 0; stays the caller's.
            children: descriptor of an empty memfd for the bytes of children; stays the caller's.
            ocr: the document may need text recognition, which is allowed more time.

        Returns:
            The worker's answer, of the right schema and nothing else: a stranger's data.

        Raises:
            ParserCrash, ParserTimeout, ParserLied: over this document.
            PoolDown: not this document's doing.
            ConfinementError: the parser cannot be confined (any more).
        """
        wall_s = self._limits.parse_wall_ocr_s if ocr else self._limits.parse_wall_s
        return self._read((job,), (children, document), wall_s)[0]

    def read_together(self, jobs: Sequence[Job], children: int) -> list[Reply]:
        """Have small documents read, each in its job, by one worker and with one answer.

        Args:
            children: as for `read`; those of each document begin where those of the one before it end.

        Raises:
            ParserError: one of them is to blame; which one shows when each is read by itself.
            PoolDown, ConfinementError: as `read`.
        """
        return self._read(tuple(jobs), (children,), min(TOGETHER_WALL_S, self._limits.parse_wall_s))

    def _read(self, jobs: tuple[Job, ...], descriptors: tuple[int, ...], wall_s: float) -> list[Reply]:
        worker = self._take()
        kept: _Worker | None = None
        try:
            untrusted_replies = worker.read(jobs, descriptors, wall_s)
            self._falls = 0
            if not (worker.worn() or self._closed.is_set()):
                kept = worker
            return untrusted_replies
        except WireError as error:
            raise worker.autopsy(wall_s) from error
        finally:
            if kept is None:
                self._bury(worker)
            self._slots.put(kept)

    def _take(self) -> _Worker:
        worker = self._slots.get()
        try:
            if worker is not None and worker.silent():
                return worker
            if worker is not None:  # it died idle, or speaks out of turn
                _log.warning("a parser worker was replaced between documents")
                self._bury(worker)
            return self._fork()
        except StrongroomError:
            self._slots.put(None)
            raise

    def _fork(self) -> _Worker:
        """A fresh worker; where the zygote is gone, of a fresh zygote."""
        for attempt in (1, 2):
            zygote = self._warm_zygote()
            try:
                worker = _Worker(zygote, zygote.fork(), self._limits)
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

    def _bury(self, worker: _Worker) -> None:
        self._alive.pop(worker.pid, None)
        worker.end()


class _TimedSocket(socket.socket):
    """A socket on which a whole answer must be in by one moment, however slowly the peer drips."""

    deadline = 0.0  # time.monotonic()

    def recv(self, *arguments: int) -> bytes:
        """As `socket.recv`, up to the deadline."""
        self.settimeout(max(0.001, self.deadline - time.monotonic()))
        return super().recv(*arguments)


class _Worker:
    """One worker's life. Used by one thread at a time."""

    def __init__(self, zygote: Zygote, birth: Birth, limits: Limits) -> None:
        self.pid = birth.pid
        self._zygote = zygote
        self._pidfd = birth.pidfd
        self._socket = _TimedSocket(fileno=birth.end.detach())
        self._wire = Wire(self._socket, limits.frame_bytes)
        self._limits = limits
        self._documents = 0
        self._busy_since: float | None = None
        self._ended: Ended | None = None
        self._buried = False

    def read(self, jobs: tuple[Job, ...], descriptors: tuple[int, ...], wall_s: float) -> list[Reply]:
        """Some documents.

        Raises:
            WireError: it did not answer as it must, or not in time: see `autopsy`.
        """
        self._busy_since = time.time()
        self._socket.deadline = time.monotonic() + wall_s
        self._socket.settimeout(wall_s)
        self._wire.send(Jobs(jobs=jobs), descriptors)
        untrusted_replies, strangers = self._wire.receive(list[Reply])
        close_all(strangers)
        if strangers or len(untrusted_replies) != len(jobs) or not self.silent():
            raise WireError("the parser sent something else than its answer")
        self._documents += len(jobs)
        self._busy_since = None
        return untrusted_replies

    def silent(self) -> bool:
        """Whether it has neither said anything nor hung up, as it must between documents."""
        return not _events(self._socket.fileno(), 0.0)

    def status(self) -> WorkerStatus:
        """For the owner."""
        return WorkerStatus(self.pid, self._usage()[0], self._documents, self._busy_since)

    def worn(self) -> bool:
        """Whether the next document deserves a fresh worker."""
        rss, cpu_s = self._usage()
        return (
            self._documents >= self._limits.documents_per_worker
            or rss > WORKER_RSS
            or cpu_s >= self._limits.parse_cpu_s  # as much again is left until RLIMIT_CPU
        )

    def end(self) -> None:
        """Kill it if it lives, and let it go; twice is once."""
        if self._buried:
            return
        self._buried = True
        # A pid could be another process's by now; a pidfd cannot. Nor is the pid given again before the
        # zygote reaps it, which it does for this request only.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)
        self._wire.close()
        with contextlib.suppress(PoolDown):
            self._ended = self._zygote.reap(self.pid)

    def autopsy(self, wall_s: float) -> StrongroomError:
        """End it and say why its document was not read."""
        late = time.monotonic() >= self._socket.deadline
        if not late and _events(self._socket.fileno(), 0.0) & select.POLLHUP:
            _events(self._pidfd, _LAST_WORDS_S)
        alive = not _events(self._pidfd, 0.0)
        self.end()
        if self._ended is None:
            return PoolDown("the parser process went while a document was being read")
        return verdict(self._ended, late=late, alive=alive, wall_s=wall_s, limits=self._limits)

    def _usage(self) -> tuple[int, float]:
        """Resident bytes and processor seconds."""
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as stat:
                fields = stat.read().rsplit(b")", 1)[1].split()
        except OSError:
            return 0, 0.0
        cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return int(fields[21]) * resource.getpagesize(), cpu_s


def _events(descriptor: int, timeout_s: float) -> int:
    """What is ready on a descriptor within the time; 0 for nothing."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return sum(events for _, events in poll.poll(timeout_s * 1000))


def verdict(ended: Ended, *, late: bool, alive: bool, wall_s: float, limits: Limits) -> StrongroomError:
    """Why a worker failed, from how it ended.

    Args:
        late: the wall clock ran out.
        alive: it had to be killed: whatever was wrong with its answer was no accident of dying.
    """
    if late:
        return ParserTimeout(f"it was not read within {wall_s:g} s")
    if alive:
        return ParserLied("the parser's answer broke the protocol")
    if ended.code == EXIT_CONFIG:
        return ConfinementError("a parser worker could not be confined", remedy="run `strongroom doctor`")
    if ended.code == -signal.SIGKILL and ended.cpu_s >= 2 * limits.parse_cpu_s - 1:
        # RLIMIT_CPU's hard limit comes as a plain SIGKILL; only the time used tells it from others.
        return ParserTimeout(f"reading it took more than {limits.parse_cpu_s} s of processor time")
    if ended.code == -signal.SIGKILL:
        return ParserCrash("the parser was killed while reading it, perhaps for want of memory")
    if ended.code < 0:
        return ParserCrash(f"the parser died of {signal.Signals(-ended.code).name} while reading it")
    if ended.code == 0:
        return ParserLied("the parser left without an answer")
    return ParserCrash(f"the parser ended with code {ended.code} while reading it")
