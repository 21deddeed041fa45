"""The program of the parser process: a warm zygote, and the workers that it forks, one for each request.

It holds no keys, no paths of the store and no network; it is given descriptors and answers with a `Reply`,
which the core takes for a stranger's. What the formats are is the business of `ingest/readers`.
"""

from __future__ import annotations

import ctypes
import gc
import io
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from ingest.sandbox.control import Ended, Forked, Order, Ready
from ingest.sandbox.messages import REQUEST, Confined, Draw, Drawn, Job, Jobs, Progress, Reply
from policy import children
from policy.confine import confine
from policy.errors import EXIT_CONFIG, ConfinementError
from policy.limits import Limits
from policy.priority import INTAKE, lower
from policy.wire import PeerClosed, Wire, WireError

EXIT_CRASH = 70  # the worker itself failed, not its reader

_HUGE = 2 << 20  # bytes
_MADV_COLLAPSE = 25  # since Linux 6.1

Tell = Callable[[int, int | None], None]  # how much is done, of how much


@dataclass(frozen=True)
class Program:
    """What a worker does with documents; another one only in tests."""

    read: Callable[[BinaryIO, Job, BinaryIO, Limits, Tell | None], Reply]  # document, job, children
    draw: Callable[[BinaryIO, Draw, BinaryIO, Limits], Drawn]  # document, order, pixels
    warm: Callable[[], None]  # imports and tries what all workers share


def main(program: Program) -> int:
    """Be the zygote until the core hangs up.

    Confinement comes before the libraries are imported: what they do at import is refused like anything else.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_THREAD_LIMIT"):
        os.environ[name] = "1"  # a worker per core; and a fork takes no thread along
    given = children.inherited()
    lower(INTAKE)
    limits = msgspec.json.decode(given.arguments[0], type=Limits)
    control = Wire(given.wires[0], limits.frame_bytes)
    null = os.open(os.devnull, os.O_RDWR)
    try:
        layers = confine("zygote", limits, watched=given.watched)
    except ConfinementError as error:
        control.send(Ready(refused=error.what, remedy=error.remedy))
        return EXIT_CONFIG
    heard = os.dup(2)
    os.dup2(null, 2)  # Tesseract has remarks on the samples
    try:
        program.warm()
    finally:
        os.dup2(heard, 2)
        os.close(heard)
    gc.collect()
    gc.freeze()  # a collection in a worker must not touch, and so copy, every page that it shares
    _in_huge_pages()
    control.send(Ready(layers))
    while True:
        try:
            order, descriptors = control.receive(Order)
        except PeerClosed:
            return 0
        if order.reap is not None:
            _, status, usage = os.wait4(order.reap, 0)
            code = os.waitstatus_to_exitcode(status)
            control.send(Ended(code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10))
            continue
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            control.close()
            code = EXIT_CRASH
            try:
                code = _worker(zygote, descriptors[0], null, program, limits, given.watched)
            finally:  # whatever was raised, this process is not the zygote
                os._exit(code)
        os.close(descriptors[0])
        pidfd = os.pidfd_open(pid)
        control.send(Forked(pid), (pidfd,))
        os.close(pidfd)


def _in_huge_pages() -> None:
    """Have the kernel put this process's memory into pages of 2 MiB, as far as it will: a fork then copies
    a five-hundredth of the page tables, which is most of what a worker costs. Older kernels decline.
    """
    libc = ctypes.CDLL(None)
    with open("/proc/self/maps") as maps:
        stretches = [(line.split("-", 1)[0], *line.split()[:2]) for line in maps]
    for first, both, access in stretches:
        start, end = -(-int(first, 16) // _HUGE) * _HUGE, int(both.split("-")[1], 16) // _HUGE * _HUGE
        if access == "rw-p" and start < end:
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_COLLAPSE)


def _worker(zygote: int, descriptor: int, null: int, program: Program, limits: Limits, watched: bool) -> int:
    """Do one request, answer, and be gone; returns the exit code."""
    for standard in (0, 1, 2):  # a library's complaint may quote the document
        os.dup2(null, standard)
    os.close(null)
    children.die_with(zygote)
    try:
        confine("parser", limits, watched=watched)
    except ConfinementError:
        return EXIT_CONFIG
    wire = Wire(socket.socket(fileno=descriptor), limits.frame_bytes)
    wire.send(Confined())
    desk = _Desk(program, limits, wire)
    try:
        request, descriptors = wire.receive(REQUEST)
    except PeerClosed:
        return 0
    if isinstance(request, Draw):
        wire.send(desk.draw(request, *descriptors))
    elif not _sent(wire, desk.read(request, descriptors)):
        return EXIT_CRASH
    return 0


def _sent(wire: Wire, replies: Sequence[msgspec.Raw]) -> bool:
    """Send them; False when they are too long. Which of them it is shows when each is read by itself."""
    try:
        wire.send(replies)
    except WireError:
        if len(replies) > 1:
            return False
        wire.send([Reply(reason="TOO_LARGE", detail="its text is larger than one message may be")])
    return True


class _Desk:
    """Where a worker's requests are done. Whatever a document does to a reader ends here."""

    def __init__(self, program: Program, limits: Limits, wire: Wire) -> None:
        self._program = program
        self._limits = limits
        self._wire = wire

    def read(self, request: Jobs, descriptors: Sequence[int]) -> list[msgspec.Raw]:
        """The replies, encoded. Each document's children begin where those of the one before it end."""
        sink, *documents = descriptors
        tell = self._tell if len(request.jobs) == 1 else None
        replies: list[msgspec.Raw] = []
        end = 0
        for job in request.jobs:
            reply = self._read(job, documents, sink, end, tell)
            try:
                replies.append(msgspec.Raw(msgspec.msgpack.encode(reply)))
            except UnicodeEncodeError:  # lone surrogates: not text
                replies.append(msgspec.Raw(msgspec.msgpack.encode(_failed("the text read is not Unicode"))))
                continue
            end += sum(child.length for child in reply.children)
        return replies

    def draw(self, request: Draw, sheet: int, document: int) -> Drawn:
        """One page as a picture."""
        try:
            with _opened(None, [document]) as source, open(sheet, "wb", closefd=False) as pixels:
                return self._program.draw(source, request, pixels, self._limits)
        except MemoryError:
            return Drawn(reason="TOO_LARGE", detail="drawing it needs more memory than is allowed")
        except Exception as error:  # noqa: BLE001 the process's rim: only the class may leave
            return Drawn(reason="PARSER_CRASH", detail=f"drawing it failed with {type(error).__name__}")

    def _read(self, job: Job, documents: Sequence[int], sink: int, end: int, tell: Tell | None) -> Reply:
        try:
            with _opened(job.content, documents) as source, open(sink, "wb", closefd=False) as children:
                children.seek(end)
                return self._program.read(source, job, children, self._limits, tell)
        except MemoryError:
            mib = self._limits.parse_memory >> 20
            return Reply(reason="TOO_LARGE", detail=f"reading it needs more than {mib} MiB of memory")
        except Exception as error:  # noqa: BLE001 the process's rim: only the class may leave
            return _failed(f"the reader failed with {type(error).__name__}")

    def _tell(self, done: int, total: int | None) -> None:
        self._wire.send(Progress(done, total))


def _opened(content: bytes | None, documents: Sequence[int]) -> BinaryIO:
    if content is not None:
        return io.BytesIO(content)
    os.lseek(documents[0], 0, os.SEEK_SET)  # from where another worker left it that read the same document
    return open(documents[0], "rb", closefd=False)


def _failed(detail: str) -> Reply:
    return Reply(reason="PARSER_CRASH", detail=detail)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from ingest.readers import drawing, table

    # Without the libraries' own goodbyes: Tesseract has things to say then.
    os._exit(main(Program(table.read, drawing.draw, table.warm)))
