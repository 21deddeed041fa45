"""A tree of objects with the attributes of libpff's: no program but Outlook writes its stores."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class Entry:
    entry_type: int
    value_type: int
    data: bytes | None


@dataclass
class RecordSet:
    entries: list[Entry]


@dataclass
class Recipients:
    record_sets: list[RecordSet]


class Attachment:
    def __init__(self, content: bytes, properties: list[Entry], *, fails: bool = False) -> None:
        self.record_sets = [RecordSet(properties)]
        self.size = len(content)
        self._content, self._at, self._fails = content, 0, fails

    def seek_offset(self, offset: int, whence: int) -> None:
        self._at = offset

    def read_buffer(self, size: int) -> bytes:
        if self._fails:
            raise OSError("a damaged block")
        data = self._content[self._at : self._at + size]
        self._at += len(data)
        return data


@dataclass
class Item:
    identifier: int
    record_sets: list[RecordSet]
    attachments: Sequence[Attachment] = ()
    recipients: Recipients | None = None
    rtf_body: bytes | None = None


@dataclass
class Folder:
    name: str | None
    items: list[Item | None] = field(default_factory=list)  # None: damaged
    folders: list[Folder] = field(default_factory=list)

    @property
    def number_of_sub_messages(self) -> int:
        return len(self.items)

    @property
    def number_of_sub_folders(self) -> int:
        return len(self.folders)

    def get_sub_folder(self, index: int) -> Folder:
        return self.folders[index]

    def get_sub_message(self, index: int) -> Item:
        item = self.items[index]
        if item is None:
            raise OSError("a damaged block")
        return item


class Store:
    """What `pypff` and its `file()` are to the splitter."""

    ascii_codepage = b"cp1252"

    def __init__(self, root: Folder, orphans: Sequence[Item] = ()) -> None:
        names = struct.pack("<IHHIHH", 0x10, 1, 0, 0x820D, 0, 1)  # a string, then the start of an appointment
        self.name_to_id_map = item(0x61, raw(3, names))
        self.root_folder = root
        self._orphans = orphans
        self.number_of_orphan_items = len(orphans)

    def file(self) -> Store:
        return self

    def open_file_object(self, store: object) -> None:
        return None

    def get_orphan_item(self, index: int) -> Item:
        return self._orphans[index]


def text(key: int, value: str) -> Entry:
    return Entry(key, 0x1F, value.encode("utf-16-le"))


def old_text(key: int, value: bytes) -> Entry:
    return Entry(key, 0x1E, value)


def raw(key: int, value: bytes) -> Entry:
    return Entry(key, 0x102, value)


def number(key: int, value: int) -> Entry:
    return Entry(key, 3, value.to_bytes(4, "little", signed=True))


def when(key: int, value: datetime) -> Entry:
    ticks = int((value - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
    return Entry(key, 0x40, ticks.to_bytes(8, "little"))


def item(identifier: int, *properties: Entry, **more: object) -> Item:
    return Item(identifier, [RecordSet(list(properties))], **more)  # type: ignore[arg-type]


def property_context(*properties: Entry, outside: Sequence[int] = ()) -> bytes:
    """Properties as the content of an attached item: one block of a heap.

    Args:
        outside: numbers of properties whose values are said to lie in nodes of their own.
    """
    allocations: list[bytes] = [b"", b""]  # the head of the tree, then its leaves
    leaves = b""
    for each in sorted(properties, key=lambda entry: entry.entry_type):
        data = each.data or b""
        if each.value_type == 3:
            value = int.from_bytes(data, "little")
        elif each.entry_type in outside:
            value = 0x8025
        else:
            allocations.append(data)
            value = len(allocations) << 5
        leaves += struct.pack("<HHI", each.entry_type, each.value_type, value)
    allocations[:2] = [struct.pack("<BBBBI", 0xB5, 2, 6, 0, 2 << 5), leaves]
    ends = [12]
    for each_ in allocations:
        ends.append(ends[-1] + len(each_))
    head = struct.pack("<HBBI4x", ends[-1], 0xEC, 0xBC, 1 << 5)
    page_map = struct.pack("<HH", len(allocations), 0) + struct.pack(f"<{len(ends)}H", *ends)
    return head + b"".join(allocations) + page_map
