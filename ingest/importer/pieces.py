"""What a container is taken apart into, and the streams that it is read by: no format is known here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

CHUNK = 1 << 20


@dataclass(frozen=True)
class Whole:
    """A message in one piece. `position`: where to go on after it, here and below."""

    key: str
    content: bytes
    position: int


@dataclass(frozen=True)
class Start:
    """A message whose parts follow, until `End`."""

    key: str


@dataclass(frozen=True)
class Part:
    """The next stretch of the message that was started."""

    content: bytes


@dataclass(frozen=True)
class End:
    """The end of the message that was started."""

    position: int


@dataclass(frozen=True)
class Lost:
    """Something that is not a message of the owner's, or cannot be read."""

    key: str
    why: str
    position: int
    missed: bool = True


@dataclass(frozen=True)
class Foreign:
    """A member of an archive that is not mail."""


Piece = Whole | Start | Part | End | Lost | Foreign
Pieces = Iterator[Piece]


class Broken(Exception):
    """The container ends before its time: cut off, damaged, locked. The text is for the owner."""


class Stream(Protocol):
    """Bytes that are read from their beginning, or from a later place."""

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end.

        Raises:
            Broken: what is there cannot be read.
        """
        ...

    def seek(self, offset: int) -> None:
        """Go forward to an offset; by reading, where there is no other way."""
        ...

    def peek(self, offset: int, count: int) -> bytes | None:
        """Bytes at an offset without going there; None where that cannot be done."""
        ...


class File:
    """A file that is read by its descriptor.

    Args:
        tick: called with the number of bytes before the place reached, as often as something is read.
    """

    def __init__(self, descriptor: int, tick: Callable[[int], None]) -> None:
        self.size = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._tick = tick
        self._at = 0
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def read(self, count: int) -> bytes:
        """See Stream."""
        data = self.peek(self._at, count)
        self._at += len(data)
        self._tick(self._at)
        return data

    def seek(self, offset: int) -> None:
        """See Stream."""
        self._at = offset

    def peek(self, offset: int, count: int) -> bytes:
        """See Stream."""
        try:
            return os.pread(self._descriptor, count, offset)
        except OSError as error:
            raise Broken(f"it cannot be read ({error.strerror})") from error
