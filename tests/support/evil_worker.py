"""A parser program whose reader does what the document's first word says: mostly harm."""

from __future__ import annotations

import sys
from typing import BinaryIO

from ingest.sandbox import worker
from ingest.sandbox.messages import Job, ReadElement, Reply


def read(document: BinaryIO, job: Job, children: BinaryIO) -> Reply:
    order, _, text = document.read().decode().partition(" ")
    return Reply(media_type="text/plain", elements=[ReadElement(kind="paragraph", text=text or order)])


def warm() -> None:
    pass


if __name__ == "__main__":
    sys.exit(worker.main(read, warm))
