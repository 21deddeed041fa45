"""A document read as the parse stage reads it, but in this process: the first pass, each of its pictures, and
both put together.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from ingest.readers import table
from ingest.sandbox.messages import Job, Reply
from ingest.scans import read_scans
from policy.limits import Limits


def read_whole(
    content: bytes, name: str, *, limits: Limits | None = None, children: BinaryIO | None = None, **job: Any
) -> Reply:
    """All that is read of a document.

    Args:
        children: takes the bytes of attachments and members.
        job: further fields of `Job`.
    """
    limits = limits or Limits()
    first = table.read(io.BytesIO(content), Job(name=name, **job), children or io.BytesIO(), limits)

    def ask(number: int) -> Reply:
        page = Job(name=name, **{**job, "pages": (number,)})
        return table.read(io.BytesIO(content), page, io.BytesIO(), limits)

    return read_scans(first, ask, limits) if first.scans else first
