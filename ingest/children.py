"""Stores what was found inside a document: attachments, members of archives, as items of their own.

A document inside a document is limited as a whole: how deep, how many and how much may come out of the
topmost one. What that leaves out is said to the owner.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from ingest.reading import Child
from policy.limits import MIB, Limits
from store.errors import ItemTooLarge
from store.records import Item, Origin
from store.vault import Vault

_SMALL = 64 * 1024  # bytes: stored together with others
_TOGETHER_BYTES = 8 * MIB  # held in memory for one batch
_TREES = 256  # topmost items whose count is remembered


@dataclass
class _Tree:
    """What came out of a topmost item so far, or more: bytes that came out of it twice may count twice."""

    items: int
    size: int
    turn: threading.Lock = field(default_factory=threading.Lock)  # one reading at a time adds to it


class Children:
    """Stores children, all of a reading before the reading itself. Thread-safe.

    Killed anywhere it is called again with the same children, and storing them twice is storing them once.
    """

    def __init__(self, vault: Vault, limits: Limits) -> None:
        self._vault = vault
        self._limits = limits
        self._trees: dict[str, _Tree] = {}
        self._lock = threading.Lock()

    def store(self, item: Item, children: Sequence[Child], descriptor: int, start: int) -> str | None:
        """Store the children of an item.

        Args:
            descriptor: what their bytes are in; sealed, so that they cannot change any more.
            start: where in it those of this item begin.

        Returns:
            what was left out, for the owner.
        """
        if not children:
            return None
        above = self._vault.catalog.ancestry(item.id)
        if len(above) >= self._limits.depth:
            return f"the files in it are more than {self._limits.depth} levels deep and were left out"
        root = above[-1] if above else item.id
        tree = self._tree(root)
        with tree.turn:
            if not self._fits(tree, len(children), sum(child.length for child in children)):
                tree.items, tree.size = self._vault.catalog.descendants(root, besides=item.id)
            kept: list[tuple[Child, Origin]] = []
            for child, origin in _places(item, children):
                if self._fits(tree, 1, child.length):
                    kept.append((child, origin))
                    tree.items += 1
                    tree.size += child.length
            left_out = self._put(item, kept, descriptor, start)
        if len(kept) < len(children):
            left_out.append(
                f"{len(children) - len(kept):,} of the {len(children):,} files in it were left out: at most"
                f" {self._limits.descendants:,} files and {self._limits.descendant_bytes // MIB:,} MiB may"
                " come out of one document"
            )
        return "; ".join(left_out) or None

    def _tree(self, root: str) -> _Tree:
        """The tree below a topmost item; one that is not known counts as full, and so is looked up."""
        with self._lock:
            tree = self._trees.pop(root, None) or _Tree(self._limits.descendants, 0)
            self._trees[root] = tree  # the last used stands last
            if len(self._trees) > _TREES:
                del self._trees[next(iter(self._trees))]
            return tree

    def _fits(self, tree: _Tree, items: int, size: int) -> bool:
        limits = self._limits
        return tree.items + items <= limits.descendants and tree.size + size <= limits.descendant_bytes

    def _put(
        self, item: Item, children: Sequence[tuple[Child, Origin]], descriptor: int, start: int
    ) -> list[str]:
        """Store them in their order, which is how they are listed; returns what could not be stored."""
        too_large = itself = 0
        small: list[tuple[bytes, Origin]] = []
        held = 0

        def flush() -> int:
            stored = self._vault.put_many(small, parent=item.id)
            small.clear()
            return sum(each.above for each in stored)

        for child, origin in children:
            at = start + child.offset
            if child.length <= min(_SMALL, self._limits.item_bytes):
                small.append((os.pread(descriptor, child.length, at), origin))
                held += child.length
                if held > _TOGETHER_BYTES:
                    itself += flush()
                    held = 0
                continue
            itself += flush()
            held = 0
            with io.BufferedReader(_Stretch(descriptor, at, child.length), 1 << 16) as stretch:
                try:
                    itself += self._vault.put(cast(BinaryIO, stretch), origin, parent=item.id).above
                except ItemTooLarge:
                    too_large += 1
        itself += flush()
        left_out = [f"{too_large:,} files in it are too large"] if too_large else []
        return [*left_out, "it holds itself"] if itself else left_out


def _places(item: Item, children: Sequence[Child]) -> Iterator[tuple[Child, Origin]]:
    """Each child and its place in the item. What another reading finds at the same path has the same place,
    whatever else that reading finds.
    """
    seen: dict[str, int] = {}
    for child in children:
        seen[child.path] = number = seen.get(child.path, 0) + 1
        locator = f"{item.id}/{number}/{child.path}"
        yield child, Origin(source="attachment", locator=locator, name=child.name, size=child.length)


class _Stretch(io.RawIOBase):
    """A part of a descriptor as a file of its own."""

    def __init__(self, descriptor: int, offset: int, length: int) -> None:
        self._descriptor = descriptor
        self._at = offset
        self._end = offset + length

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """As `io.RawIOBase`."""
        count = os.preadv(self._descriptor, [memoryview(buffer)[: self._end - self._at]], self._at)
        self._at += count
        return count
