"""One parser worker as the core holds it: its one request and its answer, how it is, and why it failed.

How many there are at once is left to `ingest/sandbox/pool.py`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from ingest.errors import ParserCrash, ParserLied, ParserOverMemory, ParserTimeout, PoolDown
from ingest.sandbox.control import Ended
from ingest.sandbox.messages import ANSWER, Answer, Confined, Draw, Drawn, Jobs, Progress, Reply, Request
from ingest.sandbox.weight import weigh
from ingest.sandbox.zygote import Birth, Zygote
from policy.errors import EXIT_CONFIG, ConfinementError, StrongroomError
from policy.limits import Limits
from policy.wire import Wire, WireError

TOGETHER_WALL_S = 10.0  # for small documents, read in milliseconds: whatever takes longer is read by itself
_LAST_WORDS_S = 1.0  # between hanging up and ending; a worker that takes longer has not died, it lies
_BURIAL_S = 5.0  # between being killed and being dead; whose zygote is gone may take so long to be noticed
_WORDS_PER_S = 10  # of progress; an honest worker says half as many
_MOST = 1 << 40  # of what can be counted in a document
_NEARLY = 0.9  # of the memory that a worker may have: what is larger than the rest is not given

Tell = Callable[[int, int | None], None]  # how much is done, of how much


def _to_nobody(_done: int, _total: int | None) -> None:
    """What is said of progress where nobody wants to hear it."""


@dataclass(frozen=True)
class WorkerStatus:
    """One process of the parser as the owner sees it."""

    pid: int
    rss: int  # bytes
    busy_since: float | None = None  # UTC seconds since the epoch
    done: int = 0  # of the document that it reads: pages, slides, sheets, thousands of rows
    total: int | None = None


class _TimedSocket(socket.socket):
    """A socket on which a whole answer must be in by one moment, however slowly the peer drips."""

    deadline = 0.0  # time.monotonic()

    def recv(self, *arguments: int) -> bytes:
        """As `socket.recv`, up to the deadline."""
        self.settimeout(max(0.001, self.deadline - time.monotonic()))
        return super().recv(*arguments)

    def recvmsg(self, *arguments: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
        """As `socket.recvmsg`, up to the deadline."""
        self.settimeout(max(0.001, self.deadline - time.monotonic()))
        return super().recvmsg(*arguments)


class Worker:
    """One worker's life, which is one request: what a document makes of it, no other document meets. Used by
    one thread.
    """

    def __init__(self, zygote: Zygote, birth: Birth, limits: Limits) -> None:
        self.pid = birth.pid
        self._zygote = zygote
        self._pidfd = birth.pidfd
        self._socket = _TimedSocket(fileno=birth.end.detach())
        self._wire = Wire(self._socket, limits.frame_bytes)
        self._limits = limits
        self._busy_since = time.time()
        self._confined = False
        self._progress = Progress(0)
        self._wall_s = 0.0  # that the answer may take
        self._ended: Ended | None = None
        self._buried = False

    def read(self, jobs: Jobs, descriptors: tuple[int, ...], tell: Tell | None = None) -> list[Reply]:
        """Some documents.

        Args:
            tell: hears how far the reading is, when it is a single one.

        Raises:
            WireError: it did not answer as it must, or not in time: see `autopsy`.
        """
        if len(jobs.jobs) == 1:
            untrusted = self._ask(jobs, descriptors, self._limits.wall_s(0), tell or _to_nobody)
        else:
            untrusted = self._ask(jobs, descriptors, min(TOGETHER_WALL_S, self._limits.wall_s(0)))
        if not isinstance(untrusted, list) or len(untrusted) != len(jobs.jobs):
            raise WireError("the parser sent something else than its replies")
        return untrusted

    def draw(self, draw: Draw, descriptors: tuple[int, ...]) -> Drawn:
        """One page as a picture.

        Raises:
            WireError: as `read`.
        """
        untrusted = self._ask(draw, descriptors, self._limits.wall_s(0))
        if not isinstance(untrusted, Drawn):
            raise WireError("the parser sent something else than a picture")
        return untrusted

    def _ask(
        self, request: Request, descriptors: tuple[int, ...], wall_s: float, tell: Tell | None = None
    ) -> Drawn | list[Reply]:
        """The one answer to a request. With `tell` it may be preceded by progress, which makes it later."""
        began = time.monotonic()
        self._allow(began, wall_s)
        self._wire.receive_alone(Confined)
        self._confined = True
        self._socket.settimeout(wall_s)
        self._wire.send(request, descriptors)
        words = 0
        while isinstance(untrusted := self._answer(), Progress):
            words += 1
            too_fast = words > _WORDS_PER_S * (1 + time.monotonic() - began)
            if tell is None or too_fast or not self._progress.done <= untrusted.done <= _MOST:
                raise WireError("the parser told of a progress that cannot be")
            if untrusted.total is not None and not 0 <= untrusted.total <= _MOST:
                raise WireError("the parser told of a progress that cannot be")
            self._progress = untrusted
            self._allow(began, self._limits.wall_s(untrusted.done))
            tell(untrusted.done, untrusted.total)
        if self._says_more():
            raise WireError("the parser sent more than its answer")
        return untrusted

    def _allow(self, began: float, wall_s: float) -> None:
        self._wall_s = wall_s
        self._socket.deadline = began + wall_s

    def _answer(self) -> Answer:
        untrusted = self._wire.receive_alone(msgspec.Raw)
        weigh(untrusted, self._limits)
        try:
            return msgspec.msgpack.decode(untrusted, type=ANSWER)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise WireError("the parser sent something else than its answer") from error

    def _says_more(self) -> bool:
        """Whether anything lies behind its answer. It may have hung up, as it must."""
        try:
            return bool(_events(self._socket.fileno(), 0.0) and self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def status(self) -> WorkerStatus:
        """For the owner."""
        now = self._progress
        return WorkerStatus(self.pid, resident(self.pid), self._busy_since, now.done, now.total)

    def end(self) -> None:
        """Kill it if it lives, and let it go; twice is once."""
        if self._buried:
            return
        self._buried = True
        # A pid could be another process's by now; a pidfd cannot. Nor is the pid given again before the
        # zygote reaps it, which it does for this request only.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._wire.close()
        _events(self._pidfd, _BURIAL_S)  # here, where only this document waits, and not in the zygote
        os.close(self._pidfd)
        with contextlib.suppress(PoolDown):
            self._ended = self._zygote.reap(self.pid)

    def autopsy(self) -> StrongroomError:
        """End it and say why its document was not read."""
        late = time.monotonic() >= self._socket.deadline
        if not late and _events(self._socket.fileno(), 0.0) & select.POLLHUP:
            _events(self._pidfd, _LAST_WORDS_S)
        alive = not _events(self._pidfd, 0.0)
        self.end()
        if self._ended is None:
            return PoolDown("the parser process went while a document was being read")
        return verdict(
            self._ended,
            late=late,
            alive=alive,
            confined=self._confined,
            wall_s=self._wall_s,
            limits=self._limits,
        )


def resident(pid: int) -> int:
    """Bytes of memory that a process has; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _events(descriptor: int, timeout_s: float) -> int:
    """What is ready on a descriptor within the time; 0 for nothing."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return sum(events for _, events in poll.poll(timeout_s * 1000))


def verdict(
    ended: Ended, *, late: bool, alive: bool, confined: bool, wall_s: float, limits: Limits
) -> StrongroomError:
    """Why a worker failed, from how it ended.

    Args:
        late: the wall clock ran out.
        alive: it had to be killed: whatever was wrong with its answer was no accident of dying.
        confined: it said so. Then it may have been given a document, and is no witness of confinement.
    """
    if late:
        return ParserTimeout(f"it was not read within {wall_s:g} s")
    if alive:
        return ParserLied("the parser's answer broke the protocol")
    if ended.code == EXIT_CONFIG and not confined:
        return ConfinementError("a parser worker could not be confined", remedy="run `strongroom doctor`")
    if ended.code == -signal.SIGKILL and ended.cpu_s >= limits.parse_cpu_s - 1:
        # RLIMIT_CPU's hard limit comes as a plain SIGKILL; only the time used tells it from others.
        return ParserTimeout(f"reading it took more than {limits.parse_cpu_s} s of processor time")
    if ended.code < 0 and ended.peak >= _NEARLY * limits.parse_memory:
        return ParserOverMemory("reading it takes more memory than is allowed")
    if ended.code == -signal.SIGKILL:
        return ParserCrash("the parser was killed while reading it, perhaps for want of memory")
    if ended.code < 0:
        return ParserCrash(f"the parser died of {signal.Signals(-ended.code).name} while reading it")
    if ended.code == 0:
        return ParserLied("the parser left without an answer")
    return ParserCrash(f"the parser ended with code {ended.code} while reading it")
