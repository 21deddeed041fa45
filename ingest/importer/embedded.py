"""The properties of a message that is attached to another one in an Outlook store.

libpff gives such an attachment as the bytes of its property context: a heap on a node with a tree of
properties (MS-PST 2.3.1 to 2.3.3). What lies outside the heap (above about 3.5 KB) cannot be reached there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK_BYTES = 8176  # all blocks but the last are full
_HEAP, _PROPERTIES, _TREE = 0xEC, 0xBC, 0xB5
_INLINE = {0x02: 2, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 1}  # types whose value stands in the tree -> bytes
_LEVELS = 4


@dataclass(frozen=True)
class Entry:
    """One property, as libpff would give it; without data where it cannot be reached."""

    entry_type: int
    value_type: int
    data: bytes | None


@dataclass(frozen=True)
class RecordSet:
    """As libpff would give it."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Embedded:
    """An attached item, with the attributes of one of libpff's."""

    record_sets: tuple[RecordSet, ...]


def embedded_item(untrusted: bytes) -> Embedded:
    """The item in the content of an attachment.

    Raises:
        ValueError, struct.error: it is none.
    """
    if len(untrusted) < 12 or (untrusted[2], untrusted[3]) != (_HEAP, _PROPERTIES):
        raise ValueError("no property context")
    (root,) = struct.unpack_from("<I", untrusted, 4)
    kind, key_bytes, entry_bytes, levels, top = struct.unpack("<BBBBI", _allocation(untrusted, root)[:8])
    if (kind, key_bytes, entry_bytes) != (_TREE, 2, 6) or levels > _LEVELS:
        raise ValueError("no tree of properties")
    entries = [
        Entry(number, value_type, _value(untrusted, value_type, value))
        for number, value_type, value in _leaves(untrusted, top, levels)
    ]
    return Embedded((RecordSet(tuple(entries)),))


def _leaves(heap: bytes, top: int, levels: int) -> Iterator[tuple[int, int, int]]:
    if not top:
        return
    records = _allocation(heap, top)
    if levels == 0:
        yield from struct.iter_unpack("<HHI", records[: len(records) // 8 * 8])
        return
    for _, below in struct.iter_unpack("<HI", records[: len(records) // 6 * 6]):
        yield from _leaves(heap, below, levels - 1)


def _value(heap: bytes, value_type: int, value: int) -> bytes | None:
    if value_type in _INLINE:
        return value.to_bytes(4, "little")[: _INLINE[value_type]]
    if value == 0:
        return b""
    if value & 0x1F:  # the number of a node of its own
        return None
    return _allocation(heap, value)


def _allocation(heap: bytes, identifier: int) -> bytes:
    """What lies in the heap under an identifier: 5 bits of type (0), 11 of index, 16 of block."""
    index, start = (identifier >> 5 & 0x7FF) - 1, (identifier >> 16) * _BLOCK_BYTES
    block = heap[start : start + _BLOCK_BYTES]
    (page_map,) = struct.unpack_from("<H", block, 0)
    (count,) = struct.unpack_from("<H", block, page_map)
    if not 0 <= index < count:
        raise ValueError("nothing is in the heap there")
    begin, end = struct.unpack_from("<HH", block, page_map + 4 + 2 * index)
    if not begin <= end <= page_map:
        raise ValueError("the heap is damaged")
    return block[begin:end]
