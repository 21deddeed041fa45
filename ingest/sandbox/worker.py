"""The program of the parser process: a warm zygote, and the workers that it forks to read documents.

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
from typing import BinaryIO

import msgspec

from ingest.sandbox.control import Ended, Forked, Order, Ready
from ingest.sandbox.messages import Job, Jobs, Reply
from policy import children
from policy.confine import confine
from policy.errors import EXIT_CONFIG, ConfinementError
from policy.limits import Limits
from policy.wire import PeerClosed, Wire, WireError

EXIT_CRASH = 70  # the worker's own loop failed

Reader = Callable[[BinaryIO, Job, BinaryIO, Limits], Reply]


def main(read: Reader, warm: Callable[[], None]) -> int:
    """Be the zygote until the core hangs up.

    Confinement comes before the libraries are imported: what they do at import is refused like anything else.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_THREAD_LIMIT"):
        os.environ[name] = "1"  # a worker per core; and a fork takes no thread along
    given = children.inherited()
    limits = msgspec.json.decode(given.arguments[0], type=Limits)
    control = Wire(given.wires[0], limits.frame_bytes)
    null = os.open(os.devnull, os.O_RDWR)
    try:
        layers = confine("zygote", limits, watched=given.watched)
    except ConfinementError as error:
        control.send(Ready(refused=error.what, remedy=error.remedy))
        return EXIT_CONFIG
    warm()
    gc.collect()
    gc.freeze()  # a collection in a worker must not touch, and so copy, every page that it shares
    control.send(Ready(layers))
    while True:
        try:
            order, descriptors = control.receive(Order)
        except PeerClosed:
            return 0
        if order.reap is not None:
            _, status, usage = os.wait4(order.reap, 0)
            code = os.waitstatus_to_exitcode(status)
            control.send(Ended(code, usage.ru_utime + usage.ru_stime))
            continue
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            control.close()
            code = EXIT_CRASH
            try:
                code = _worker(zygote, descriptors[0], null, read, limits, given.watched)
            finally:  # whatever was raised, this process is not the zygote
                os._exit(code)
        os.close(descriptors[0])
        pidfd = os.pidfd_open(pid)
        control.send(Forked(pid), (pidfd,))
        os.close(pidfd)


def _worker(zygote: int, descriptor: int, null: int, read: Reader, limits: Limits, watched: bool) -> int:
    """Read documents, one after the other, until the core hangs up; returns the exit code."""
    for standard in (0, 1, 2):  # a library's complaint may quote the document
        os.dup2(null, standard)
    os.close(null)
    children.die_with(zygote)
    try:
        confine("parser", limits, watched=watched)
    except ConfinementError:
        return EXIT_CONFIG
    wire = Wire(socket.socket(fileno=descriptor), limits.frame_bytes)
    libc = ctypes.CDLL(None)
    while True:
        try:
            request, descriptors = wire.receive(Jobs)
        except PeerClosed:
            return 0
        replies = _read_all(read, request.jobs, descriptors, limits)
        try:
            wire.send(replies)
        except WireError:
            if len(replies) > 1:  # which of them is too long shows when each is read by itself
                return EXIT_CRASH
            reply = Reply(reason="TOO_LARGE", detail="its text is larger than one message may be")
            wire.send([reply])
        del replies
        libc.malloc_trim(0)  # give a large document's memory back


def _read_all(
    read: Reader, jobs: Sequence[Job], descriptors: Sequence[int], limits: Limits
) -> list[msgspec.Raw]:
    """The replies, encoded. Each document's children begin where those of the one before it end."""
    children, *documents = descriptors
    replies: list[msgspec.Raw] = []
    end = 0
    for job in jobs:
        reply = _read(read, job, documents, children, end, limits)
        try:
            replies.append(msgspec.Raw(msgspec.msgpack.encode(reply)))
        except UnicodeEncodeError:  # lone surrogates: not text
            replies.append(msgspec.Raw(msgspec.msgpack.encode(_failed("the text read is not Unicode"))))
            continue
        end += sum(child.length for child in reply.children)
    for descriptor in descriptors:
        os.close(descriptor)
    return replies


def _read(read: Reader, job: Job, documents: Sequence[int], children: int, end: int, limits: Limits) -> Reply:
    try:
        with _opened(job, documents) as source, open(children, "wb", closefd=False) as sink:
            sink.seek(end)
            return read(source, job, sink, limits)
    except MemoryError:
        mib = limits.parse_memory >> 20
        return Reply(reason="TOO_LARGE", detail=f"reading it needs more than {mib} MiB of memory")
    except Exception as error:  # noqa: BLE001 the process's rim: only the class may leave
        return _failed(f"the reader failed with {type(error).__name__}")


def _opened(job: Job, documents: Sequence[int]) -> BinaryIO:
    return io.BytesIO(job.content) if job.content is not None else open(documents[0], "rb", closefd=False)


def _failed(detail: str) -> Reply:
    return Reply(reason="PARSER_CRASH", detail=detail)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from ingest.readers import table

    # Without the libraries' own goodbyes: Tesseract has things to say then.
    os._exit(main(table.read, table.warm))
