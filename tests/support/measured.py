"""What reading a document cost: its end, its time, and the most memory that its worker had."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from ingest.errors import ParserCrash, ParserError, ParserOverMemory, ParserTimeout
from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool
from policy.limits import MIB
from tests.support.bomb import CHILDREN, SCANS, TEXT
from tests.support.parsing import memfd


@dataclass(frozen=True)
class Cost:
    """Of one reading by the pool."""

    ends: tuple[str, ...]  # as `tests/support/bomb.py` calls them; with pages, that of each page behind it
    detail: str
    seconds: float
    peak_mib: float


def read_costly(pool: Pool, name: str, content: bytes, *, pages: int = 1) -> Cost:
    """Have a document read, and as many of its pages as pictures.

    Args:
        pool: whose workers read at least two documents, so that the one that read this can be asked.
    """
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, *(peak_mib(worker.pid) for worker in pool.workers()), 0.0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        with memfd(content) as document:
            first, detail = _read(pool, Job(name=name), document)
            ends = [_end(first)]
            slowest = time.monotonic() - began
            scans = [] if isinstance(first, str) else first.scans[:pages]
            for number in scans:
                began = time.monotonic()
                page, more = _read(pool, Job(name=name, pages=(number,)), document)
                ends.append(_end(page))
                detail += f"; page {number}: {more}"
                slowest = max(slowest, time.monotonic() - began)
    finally:
        done.set()
        watcher.join()
    return Cost(tuple(ends), detail, slowest, max(peak, *(peak_mib(w.pid) for w in pool.workers()), 0.0))


def _read(pool: Pool, job: Job, document: int) -> tuple[Reply | str, str]:
    with memfd() as children:
        try:
            reply = pool.read(job, document, children)
        except ParserTimeout as error:
            return "TIMEOUT", error.what
        except ParserOverMemory as error:
            return "TOO_LARGE", error.what
        except ParserCrash as error:
            return "PARSER_CRASH", error.what
        except ParserError as error:
            return type(error).__name__, error.what
    return reply, reply.detail or reply.partial or ""


def _end(reply: Reply | str) -> str:
    if isinstance(reply, str):
        return reply
    if reply.reason is not None:
        return reply.reason
    return TEXT if reply.elements else CHILDREN if reply.children else SCANS if reply.scans else "NOTHING"


def peak_mib(pid: int) -> float:
    """The most memory that a process ever had resident, in MiB; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / MIB
    except (OSError, StopIteration):
        return 0.0
