"""The program of a splitter: takes one file of messages apart and tells the core what is in it.

It is confined like the parser: no keys, no network, no other file than the one it was given. It lives for
that one file. What the formats are is left to the modules beside it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import msgspec

from ingest.importer.messages import (
    BATCH_BYTES,
    BATCH_COUNT,
    FRAME_BYTES,
    KEY_CHARS,
    SLICE_BYTES,
    Finished,
    Found,
    Going,
    Job,
    Large,
    LargeEnd,
    Ready,
    Several,
    Skipped,
    Slice,
)
from ingest.importer.pieces import Broken, End, File, Foreign, Lost, Part, Piece, Start, Whole
from ingest.importer.split import split, warm
from policy import children
from policy.confine import confine
from policy.errors import EXIT_CONFIG, ConfinementError
from policy.limits import Limits
from policy.wire import PeerClosed, Wire, WireError, close_all

_GOING_S = 2.0


def main() -> int:
    """Do one job."""
    given = children.inherited()
    limits = msgspec.json.decode(given.arguments[0], type=Limits)
    wire = Wire(given.wires[0], FRAME_BYTES)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # a library's complaint may quote a message
        os.dup2(null, standard)
    os.close(null)
    warm()
    try:
        layers = confine("importer", limits, watched=given.watched)
    except ConfinementError as error:
        wire.send(Ready(refused=error.what, remedy=error.remedy))
        return EXIT_CONFIG
    wire.send(Ready(layers=layers))
    try:
        job, descriptors = wire.receive(Job)
    except PeerClosed:
        return 0
    container, *more = descriptors
    close_all(more)
    try:
        _Teller(wire, job).tell(container)
    except WireError:  # the core has heard enough
        return 0
    return 0


class _Teller:
    """Puts pieces into frames."""

    def __init__(self, wire: Wire, job: Job) -> None:
        self._wire = wire
        self._job = job
        self._read = 0
        self._spoke = time.monotonic()
        self._found: list[Found] = []
        self._bytes = 0
        self._position = job.position
        self._foreign = 0

    def tell(self, container: int) -> None:
        """Tell all that is in the container, and how it ended."""
        failed: str | None = None
        try:
            self._run(split(File(container, self._tick), self._job))
        except Broken as error:
            failed = str(error)
        except MemoryError:
            failed = "reading it needs more memory than is allowed"
        self._flush()
        self._send(Finished(position=self._position, failed=failed, foreign=self._foreign))

    def _run(self, pieces: Iterator[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Whole(key, content, position):
                    self._add(Found(key=_fit(key), content=content), position)
                case Start(key):
                    self._flush()
                    self._stream(_fit(key), pieces)
                case Lost(key, why, position, missed):
                    self._flush()
                    self._position = position
                    self._send(Skipped(key=_fit(key), why=why, position=position, lost=missed))
                case Foreign():
                    self._foreign += 1
                case Part() | End():
                    raise AssertionError("a part without a start")

    def _add(self, found: Found, position: int) -> None:
        if len(found.content) > self._job.most_bytes:
            self._flush()
            self._position = position
            why = f"TOO_LARGE: {len(found.content)} bytes, the limit is {self._job.most_bytes}"
            self._send(Skipped(key=found.key, why=why, position=position))
            return
        if self._bytes + len(found.content) > BATCH_BYTES:
            self._flush()
        self._found.append(found)
        self._bytes += len(found.content)
        self._position = position
        if self._job.careful or len(self._found) >= BATCH_COUNT:
            self._flush()

    def _flush(self) -> None:
        if self._found:
            told = Several(found=tuple(self._found), position=self._position, read=self._read)
            self._found, self._bytes = [], 0
            self._send(told)

    def _stream(self, key: str, pieces: Iterator[Piece]) -> None:
        """A message in parts. One byte more than may be is enough to show that it is too large."""
        self._send(Large(key=key))
        left = self._job.most_bytes + 1
        for piece in pieces:
            match piece:
                case Part(content):
                    for at in range(0, min(len(content), left), SLICE_BYTES):
                        self._send(Slice(content=content[at : min(at + SLICE_BYTES, left)]))
                    left = max(0, left - len(content))
                case End(position):
                    self._position = position
                    self._send(LargeEnd(position=position, read=self._read))
                    return
                case Lost(_, why, position, _):  # it ended before its time
                    self._position = position
                    self._send(Skipped(key=key, why=why, position=position))
                    return
                case _:
                    raise AssertionError("a message within a message")

    def _tick(self, read: int) -> None:
        self._read = max(self._read, read)
        if time.monotonic() - self._spoke > _GOING_S:
            self._send(Going(read=self._read))

    def _send(self, message: object) -> None:
        self._wire.send(message)
        self._spoke = time.monotonic()


def _fit(key: str) -> str:
    """A key as text that the core takes: no surrogates, no controls, not too long."""
    text = key.encode("utf-8", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= KEY_CHARS else f"{text[: KEY_CHARS // 2]}…{text[-KEY_CHARS // 3 :]}"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os._exit(main())
