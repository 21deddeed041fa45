"""The core's side of one splitter: start it, give it its job, check every word it says, end it.

What is done with the messages is left to `source.py`.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

import msgspec

from ingest.errors import SplitterGone
from ingest.importer.messages import (
    FRAME_BYTES,
    KEY_CHARS,
    SLICE_BYTES,
    Finished,
    Going,
    Job,
    Large,
    LargeEnd,
    Ready,
    Several,
    Skipped,
    Slice,
    Told,
)
from policy import children
from policy.errors import ConfinementError
from policy.limits import Limits
from policy.wire import Wire, WireError

_SCHEMA: type[Told] = Told  # type: ignore[assignment]  # a union is no type to the checker, but to msgspec
_STEP_S = 0.25
_START_S = 60.0
_WHY_CHARS = 300
_ROOM_BYTES = 64 << 20  # that come out of a file however small it is, as of an archive
_LEAST_BYTES = 256  # what a message, or one that is skipped, counts for beyond its length
_MOST_FOREIGN = 1 << 31


class Splitter:
    """One life of a splitter. Not thread-safe.

    Args:
        job: what it is to do.
        container: descriptor of the file, read only; stays the caller's.
        module: the splitter's program; another one only in tests.

    Raises:
        ConfinementError: it cannot be confined on this machine.
        SplitterGone: it did not start.
    """

    def __init__(
        self,
        job: Job,
        container: int,
        limits: Limits,
        *,
        watched: bool = False,
        module: str = "ingest.importer.worker",
    ) -> None:
        self._silence_s = limits.import_silence_s
        self._account = Account(job.position, os.fstat(container).st_size, limits)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wire = Wire(ours, FRAME_BYTES)
        arguments = (msgspec.json.encode(limits).decode(),)
        try:
            self._process = children.spawn(module, wires=(theirs,), arguments=arguments, watched=watched)
        except OSError as error:
            ours.close()
            raise SplitterGone(f"the splitter cannot be started ({error.strerror})") from error
        try:
            self.layers = self._begin(job, container)
        except BaseException:
            self.close()
            raise

    def _begin(self, job: Job, container: int) -> tuple[str, ...]:
        self._wire.sock.settimeout(_START_S)
        ready = self._receive()
        if not isinstance(ready, Ready):
            raise SplitterGone("the splitter did not say that it is confined")
        if ready.refused is not None:
            raise ConfinementError(ready.refused, remedy=ready.remedy)
        self._wire.sock.settimeout(self._silence_s)
        try:
            self._wire.send(job, (container,))
        except WireError as error:
            raise SplitterGone("the splitter ended before its job") from error
        return ready.layers

    def hear(self, stop: threading.Event) -> Told | None:
        """The next thing it tells, checked; None when `stop` is set meanwhile.

        Raises:
            SplitterGone: it died, lied, or was silent for too long.
        """
        until = time.monotonic() + self._silence_s
        while not select.select([self._wire.sock], [], [], _STEP_S)[0]:
            if stop.is_set():
                return None
            if time.monotonic() > until:
                raise SplitterGone(f"the splitter was silent for {self._silence_s:.0f} s")
        untrusted_told = self._receive()
        self._account.check(untrusted_told)
        return untrusted_told

    def _receive(self) -> Told:
        try:
            return self._wire.receive_alone(_SCHEMA)
        except WireError as error:
            raise SplitterGone(f"the splitter ended: {error.what}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._wire.close()
        self._process.kill()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:  # the kernel has it; it can do no more harm
            return


class Account:
    """What a splitter has told so far, and whether an honest one could go on so.

    Args:
        position: where it began.
        size: of the container, in bytes.
    """

    def __init__(self, position: int, size: int, limits: Limits) -> None:
        self._position = position
        self._size = size
        self._in_message = False
        self._room = _ROOM_BYTES + limits.unpack_ratio * size  # what may still come out of it

    def check(self, untrusted_told: Told) -> None:
        """Take the next thing down.

        Raises:
            SplitterGone: no honest splitter says this now.
        """
        match untrusted_told:
            case Several(found=found, position=position, read=read):
                for each in found:
                    self._check_key(each.key)
                    self._check_room(len(each.content))
                self._check_order(inside=False)
                self._check_place(position, read)
            case Large(key=key):
                self._check_key(key)
                self._check_order(inside=False)
                self._in_message = True
            case Slice(content=content):
                self._check_order(inside=True)
                if len(content) > SLICE_BYTES:
                    raise SplitterGone("the splitter sent too long a slice")
                self._check_room(len(content))
            case LargeEnd(position=position, read=read):
                self._check_order(inside=True)
                self._check_place(position, read)
                self._in_message = False
            case Skipped(key=key, why=why, position=position):
                self._check_key(key)
                self._check_room(0)
                if len(why) > _WHY_CHARS or not why.isprintable():
                    raise SplitterGone("the splitter sent a reason that is none")
                self._check_place(position, 0)
                self._in_message = False
            case Finished(position=position, failed=failed, foreign=foreign):
                if not 0 <= foreign <= _MOST_FOREIGN:
                    raise SplitterGone("the splitter counted more files than there can be")
                if failed is not None and (len(failed) > _WHY_CHARS or not failed.isprintable()):
                    raise SplitterGone("the splitter sent a reason that is none")
                self._check_place(position, 0)
            case Going(read=read):
                self._check_place(self._position, read)
            case Ready():
                raise SplitterGone("the splitter began twice")

    def _check_key(self, key: str) -> None:
        if not 0 < len(key) <= KEY_CHARS or not key.isprintable():
            raise SplitterGone("the splitter named a message as none can be named")

    def _check_room(self, size: int) -> None:
        self._room -= size + _LEAST_BYTES
        if self._room < 0:
            raise SplitterGone("the splitter told more than can be in the file")

    def _check_order(self, *, inside: bool) -> None:
        if self._in_message is not inside:
            raise SplitterGone("the splitter lost its thread")

    def _check_place(self, position: int, read: int) -> None:
        if not self._position <= position < 1 << 62 or not 0 <= read <= self._size:
            raise SplitterGone("the splitter went backwards or beyond the end")
        self._position = position
