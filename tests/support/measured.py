"""What reading a document cost: its end, its time, and the most memory that its worker had."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ingest.errors import ParserCrash, ParserError, ParserOverMemory, ParserTimeout
from ingest.sandbox.control import Ended
from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool
from ingest.sandbox.zygote import Zygote
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
    """Have a document read, and as many of its pages as pictures."""
    began = time.monotonic()
    with endings() as ended, memfd(content) as document:
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
    return Cost(tuple(ends), detail, slowest, max(each.peak for each in ended) / MIB)


@contextmanager
def endings() -> Iterator[list[Ended]]:
    """How the workers ended that ended meanwhile."""
    ended: list[Ended] = []
    reap = Zygote.reap

    def noted(zygote: Zygote, pid: int) -> Ended:
        ended.append(reap(zygote, pid))
        return ended[-1]

    Zygote.reap = noted  # type: ignore[method-assign]
    try:
        yield ended
    finally:
        Zygote.reap = reap  # type: ignore[method-assign]


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
