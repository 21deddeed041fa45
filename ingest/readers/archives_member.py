"""What every kind of archive is taken apart into, and why a member cannot be had. No format is known here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ingest.packed import PIECE, Damaged

CUT = "the archive is damaged or cut off"
Meter = Callable[[Iterator[bytes]], Iterator[bytes]]  # sees pieces go by, and ends them


@dataclass(frozen=True)
class Member:
    """A file in an archive. Its content must be read before the next member is asked for.

    The pieces raise `Damaged`, `NeedsMemory`, `Locked` or `Foreign`.
    """

    path: str  # as the archive says; leads nowhere
    size: int | None  # as the archive says: no more than a claim
    pieces: Iterable[bytes]


class Locked(Exception):
    """It is protected by a password.

    Args:
        given: a password was given, and does not open it.
    """

    def __init__(self, *, given: bool) -> None:
        super().__init__()
        self.given = given


class Foreign(Exception):
    """It is packed or locked in a way that is not known here; the text says in which, for the owner."""


def stretch(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    """A part of a file, in pieces; it may be read along with others.

    Raises:
        Damaged: the file ends before it.
    """
    while length > 0:
        file.seek(start)
        piece = file.read(min(length, PIECE))
        if not piece:
            raise Damaged
        start += len(piece)
        length -= len(piece)
        yield piece
