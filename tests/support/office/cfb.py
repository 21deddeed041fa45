"""Writes compound files ([MS-CFB], version 3): the containers of .msg files and of encrypted Office files.

Streams under 4096 bytes go into the mini stream, as the format demands. Room for small files only: the whole
allocation table must be named in the header (about 7 MB).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SECTOR, _MINI, _CUTOFF = 512, 64, 4096
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NONE = 0xFFFFFFFF
_STORAGE, _STREAM, _ROOT = 1, 2, 5

Tree = dict[str, "bytes | Tree"]


@dataclass
class _Entry:
    """One row of the directory."""

    name: str
    kind: int
    content: bytes = b""
    left: int = _NONE
    right: int = _NONE
    child: int = _NONE
    start: int = _END
    size: int = 0

    def order(self) -> tuple[int, str]:
        """Siblings are sorted by length, then by upper-case name."""
        return len(self.name), self.name.upper()

    def packed(self, class_id: bytes) -> bytes:
        """The 128 bytes of the row."""
        name = self.name.encode("utf-16-le") + b"\0\0"
        black = 1
        return struct.pack(
            "<64sHBBIII16sIQQIQ",
            name,
            len(name),
            self.kind,
            black,
            self.left,
            self.right,
            self.child,
            class_id if self.kind == _ROOT else bytes(16),
            0,
            0,
            0,
            self.start,
            self.size,
        )


def container(tree: Tree, class_id: bytes = bytes(16)) -> bytes:
    """A compound file that holds the tree: bytes are streams, dictionaries are storages."""
    entries = [_Entry("Root Entry", _ROOT)]
    _add(entries, 0, tree)
    sectors: list[bytes] = []
    fat: list[int] = []
    mini = b""
    mini_fat: list[int] = []
    for entry in entries:
        if entry.kind != _STREAM or not entry.content:
            continue
        entry.size = len(entry.content)
        if entry.size >= _CUTOFF:
            entry.start = _append(sectors, fat, entry.content)
        else:
            entry.start = len(mini_fat)
            count = -(-entry.size // _MINI)
            mini += entry.content.ljust(count * _MINI, b"\0")
            mini_fat += [*range(entry.start + 1, entry.start + count), _END]
    entries[0].size = len(mini)
    entries[0].start = _append(sectors, fat, mini) if mini else _END
    table = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    mini_start = _append(sectors, fat, table, pad=b"\xff") if table else _END
    rows = b"".join(entry.packed(class_id) for entry in entries)
    rows += _Entry("", 0).packed(class_id) * (-len(entries) % 4)
    directory = _append(sectors, fat, rows)
    return _join(sectors, fat, directory, mini_start, -(-len(table) // _SECTOR))


def _join(sectors: list[bytes], fat: list[int], directory: int, mini_start: int, mini_count: int) -> bytes:
    fat_count = 1
    while fat_count * (_SECTOR // 4) < len(sectors) + fat_count:
        fat_count += 1
    assert fat_count <= 109, "a file of this size needs more of the format than is written here"
    where = list(range(len(sectors), len(sectors) + fat_count))
    fat = [*fat, *[_FAT] * fat_count]
    fat += [_FREE] * (fat_count * (_SECTOR // 4) - len(fat))
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIII109I",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        bytes(16),
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        bytes(6),
        0,
        fat_count,
        directory,
        0,
        _CUTOFF,
        mini_start,
        mini_count,
        _END,
        0,
        *where,
        *[_FREE] * (109 - fat_count),
    )
    return header + b"".join(sectors) + struct.pack(f"<{len(fat)}I", *fat)


def _append(sectors: list[bytes], fat: list[int], content: bytes, pad: bytes = b"\0") -> int:
    start = len(sectors)
    count = -(-len(content) // _SECTOR)
    sectors += [content[n * _SECTOR : (n + 1) * _SECTOR].ljust(_SECTOR, pad) for n in range(count)]
    fat += [*range(start + 1, start + count), _END]
    return start


def _add(entries: list[_Entry], parent: int, tree: Tree) -> None:
    numbers = []
    for name, content in tree.items():
        numbers.append(len(entries))
        if isinstance(content, bytes):
            entries.append(_Entry(name, _STREAM, content))
        else:
            entries.append(_Entry(name, _STORAGE))
            _add(entries, numbers[-1], content)
    numbers.sort(key=lambda number: entries[number].order())
    entries[parent].child = _balance(entries, numbers)


def _balance(entries: list[_Entry], numbers: list[int]) -> int:
    """Hang sorted siblings into a search tree; returns its top."""
    if not numbers:
        return _NONE
    middle = len(numbers) // 2
    top = numbers[middle]
    entries[top].left = _balance(entries, numbers[:middle])
    entries[top].right = _balance(entries, numbers[middle + 1 :])
    return top
