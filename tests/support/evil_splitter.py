"""A splitter that dies over, or lies about, messages which say so. Otherwise the real one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ingest.importer import worker
from ingest.importer.messages import Job
from ingest.importer.pieces import File, Piece, Whole
from ingest.importer.split import split


def evil(container: File, job: Job) -> Iterator[Piece]:
    left_out = job.leave_out
    for piece in split(container, job):
        if isinstance(piece, Whole) and left_out:
            left_out -= 1
            continue
        if isinstance(piece, Whole):
            if b"die now" in piece.content:
                os._exit(1)
            if b"lie now" in piece.content:
                piece = Whole(piece.key, piece.content, 1 << 62)
            if b"key now" in piece.content:
                piece = Whole("a\x07b", piece.content, piece.position)
        yield piece
        if isinstance(piece, Whole) and piece.position == 1 << 62:
            return


if __name__ == "__main__":
    worker.split = evil  # type: ignore[assignment]
    worker._fit = lambda key: key
    os._exit(worker.main())
