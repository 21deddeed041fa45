"""Takes an Outlook store (.pst, .ost) apart, by libpff: every folder, every item, and what lies in none."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import BinaryIO

from ingest.importer.messages import SMALL_BYTES
from ingest.importer.outlook import Dialect, Rebuilt
from ingest.importer.pieces import Broken, End, Lost, Part, Pieces, Start, Whole

# What libpff and the reading of damaged properties raise.
_ERRORS = (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, struct.error)
_DEPTH = 64
_ORPHANS = "(in no folder)"


@cache
def pypff() -> ModuleType:
    """The one place that imports libpff."""
    import pypff as module

    return module  # type: ignore[no-any-return]


def split_pst(store: BinaryIO, start: int, leave_out: int) -> Pieces:
    """The items from a position on, which counts the items of the store in the order of its folders.

    Args:
        leave_out: as many from there on are not touched.
    """
    file = pypff().file()
    try:
        file.open_file_object(store)
        root = file.root_folder
        dialect = Dialect.of(_codepage(file.ascii_codepage), file.name_to_id_map)
    except _ERRORS as error:
        raise Broken("it is no Outlook store, or a damaged one") from error
    position = 0
    for place, holder, count in _holders(file, root):
        if position + count <= start:
            position += count
            continue
        for index in range(count):
            position += 1
            if position > start + leave_out:
                yield from _item(place, holder, index, dialect, position)


class _Orphans:
    """Items that lie in no folder."""

    def __init__(self, file: object) -> None:
        self._file = file

    def get_sub_message(self, index: int) -> object:
        return self._file.get_orphan_item(index)  # type: ignore[attr-defined]


def _holders(file: object, root: object) -> Iterator[tuple[str, object, int]]:
    """Folders by their paths, and how many items each has."""
    folders = [("", root, 0)]
    while folders:
        place, folder, depth = folders.pop()
        try:
            count = folder.number_of_sub_messages  # type: ignore[attr-defined]
            yield place, folder, count
            below = range(folder.number_of_sub_folders) if depth < _DEPTH else range(0)  # type: ignore[attr-defined]
        except _ERRORS:
            continue
        found = []
        for index in below:
            try:
                each = folder.get_sub_folder(index)  # type: ignore[attr-defined]
                name = (each.name or "unnamed").replace("/", "\N{DIVISION SLASH}")
            except _ERRORS:
                continue
            found.append((f"{place}{name}/", each, depth + 1))
        folders += reversed(found)
    try:
        orphans = file.number_of_orphan_items or 0  # type: ignore[attr-defined]
    except _ERRORS:
        return
    yield f"{_ORPHANS}/", _Orphans(file), orphans


def _item(place: str, holder: object, index: int, dialect: Dialect, position: int) -> Pieces:
    key = f"{place}item {index + 1}"
    begun = False
    try:
        item = holder.get_sub_message(index)  # type: ignore[attr-defined]
        identifier = item.identifier or 0
        key = f"{place}{identifier}"
        message = Rebuilt(item, hash_of=b"%d" % identifier, dialect=dialect)
        if what := message.foreign():
            yield Lost(key, what, position, missed=False)
            return
        held = bytearray()
        for part in message.parts():
            if begun:
                yield Part(part)
                continue
            held += part
            if len(held) > SMALL_BYTES:
                begun = True
                yield Start(key)
                yield Part(bytes(held))
        yield End(position) if begun else Whole(key, bytes(held), position)
    except _ERRORS as error:
        yield Lost(key, f"the item is damaged ({type(error).__name__})", position)
        return
    if message.missing:
        yield Lost(f"{key}/attachments", "; ".join(message.missing)[:250], position)


def _codepage(name: object) -> str:
    text = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)
    try:
        return codecs.lookup(text).name
    except LookupError:
        return "cp1252"
