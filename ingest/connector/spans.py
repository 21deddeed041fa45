"""Sets of UIDs as IMAP writes them, and as the wire carries them: pure, and small in memory for millions."""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ingest.connector.messages import UidRange

LAST_UID = 2**32 - 1

_NUMBER = re.compile(rb"\d+")
_RANGE = re.compile(rb"(\d+)(?::(\d+))?")
_ARRAY_HEAD = struct.Struct(">BI")  # msgpack's array32
_PAIR = struct.Struct(">BBIBI")  # an array of two uint32


class PackedUids(msgspec.Struct, frozen=True, tag="Uids"):
    """`Uids` whose ranges are msgpack already: a million tuples would need a hundred megabytes."""

    ranges: msgspec.Raw


def numbers(line: bytes) -> Iterator[UidRange]:
    """The numbers of a SEARCH answer, each as a range of one."""
    for found in _NUMBER.finditer(line):
        yield int(found[0]), int(found[0])


def ranges(line: bytes) -> Iterator[UidRange]:
    """The ranges of a sequence set, such as `1:5,9`; either end may come first."""
    for found in _RANGE.finditer(line):
        first, last = int(found[1]), int(found[2] or found[1])
        yield min(first, last), max(first, last)


class Spans:
    """UIDs from `first` on, gathered from ranges in any order."""

    def __init__(self, found: Iterable[UidRange], first: int = 1) -> None:
        self._starts, self._ends = array("I"), array("I")
        if not self._add(found, first):
            ordered = sorted(self)
            del self._starts[:], self._ends[:]
            self._add(ordered, first)

    def _add(self, found: Iterable[UidRange], first: int) -> bool:
        """Append ranges, joining those that touch; False: they do not rise."""
        starts, ends, rising = self._starts, self._ends, True
        for start, end in found:
            if end < first:
                continue
            start = max(start, first)
            if ends and starts[-1] <= start <= ends[-1] + 1:
                ends[-1] = max(ends[-1], end)
                continue
            rising = rising and not (ends and start < starts[-1])
            starts.append(start)
            ends.append(end)
        return rising

    def __iter__(self) -> Iterator[UidRange]:
        return zip(self._starts, self._ends, strict=True)

    def count(self) -> int:
        """How many UIDs."""
        return sum(self._ends) - sum(self._starts) + len(self._starts)

    def packed(self) -> PackedUids:
        """For the wire."""
        buffer = bytearray(_ARRAY_HEAD.pack(0xDD, len(self._starts)))
        for start, end in self:
            buffer += _PAIR.pack(0x92, 0xCE, start, 0xCE, end)
        return PackedUids(msgspec.Raw(buffer))


def written(uids: Sequence[int], most: int = 4000) -> Iterator[str]:
    """Sequence sets of rising UIDs for commands, each at most about `most` characters long."""
    text = ""
    for start, end in Spans((uid, uid) for uid in uids):
        text += f"{start}:{end}," if end > start else f"{start},"
        if len(text) > most:
            yield text[:-1]
            text = ""
    if text:
        yield text[:-1]
