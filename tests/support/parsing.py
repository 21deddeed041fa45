"""Documents as the pool takes them: memfds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool


@contextmanager
def memfd(content: bytes = b"") -> Iterator[int]:
    """A memfd that holds `content`, at offset 0."""
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def read(
    pool: Pool,
    content: str | bytes,
    *,
    name: str = "a.txt",
    patient: bool = False,
    tell: Callable[[int, int | None], None] | None = None,
) -> Reply:
    """Have one document read, by its first pass."""
    data = content.encode() if isinstance(content, str) else content
    with memfd(data) as document, memfd() as children:
        return pool.read(Job(name=name), document, children, patient=patient, tell=tell)


def text_of(reply: Reply) -> str:
    """All text of a reply."""
    return "\n\n".join(element.text for element in reply.elements)
