"""A bounded number of passages with their vectors, in the lists of one FAISS index. What all segments hold
together, and who may touch them when, is the matter of `index/vectors.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.allowed import Allowed
from index.cells import Cells, Content, Half, Held, Numbers, Single
from index.errors import IndexDamaged

Mask = npt.NDArray[np.bool_]

_GONE = np.iinfo(np.int64).max  # owner of a row that was removed: no filter holds it


class Rows(NamedTuple):
    """Some passages, their items, and their vectors in half precision."""

    passages: Numbers
    owners: Numbers
    vectors: Half

    @classmethod
    def joined(cls, some: list[Rows]) -> Rows:
        """All of them, one after the other."""
        passages, owners, vectors = zip(*some, strict=True)
        return cls(np.concatenate(passages), np.concatenate(owners), np.concatenate(vectors))


class Segment:
    """Not thread-safe.

    A row is a passage's place in the order of adding, and its id in FAISS's lists; a removed row stays empty.
    The lists hold half precision, which loses nothing: the catalog holds the vectors so too.
    """

    def __init__(self, cells: Cells) -> None:
        import faiss

        self._faiss = faiss
        self.cells = cells
        dimension = cells.quantizer.d
        self._index = faiss.IndexIVFScalarQuantizer(
            cells.quantizer, dimension, len(cells), faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT, False,
        )  # fmt: skip
        self._index.is_trained = True  # half precision has nothing to learn
        self._lists = self._index.invlists
        self._width: int = self._index.code_size
        self._passages: Numbers = np.empty(0, np.int64)
        self._owners: Numbers = np.empty(0, np.int64)
        self._cell: Numbers = np.empty(0, np.int64)
        self._place: Numbers = np.empty(0, np.int64)  # in the list of its cell
        self._sizes: Numbers = np.zeros(len(cells), np.int64)  # of the lists
        self._order: Numbers | None = None  # of the rows by passage, if nothing was added since
        self._largest = -1
        self.loose = False  # its lists have room that nothing needs
        self.name = secrets.token_hex(8)  # of its present content, in snapshots

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def rows(self) -> int:
        """With those that were removed."""
        return len(self._passages)

    def add(self, rows: Rows) -> None:
        """Add passages that are not in; as its cells are undivided, they get them by turns."""
        numbers = np.arange(self.rows, self.rows + len(rows.passages))
        cells = numbers % len(self.cells)
        vectors = np.ascontiguousarray(rows.vectors, np.float32)
        pointer = self._faiss.swig_ptr
        self._index.add_core(len(numbers), pointer(vectors), pointer(numbers), pointer(cells), None)
        self._append(rows.passages, rows.owners, cells)
        self.loose = True

    def fill(self, rows: Rows, cells: Numbers) -> None:
        """Fill an empty segment: its lists get as long as they must be and no longer."""
        order = np.argsort(cells, kind="stable")
        in_order = bool((order[1:] > order[:-1]).all())
        ends = np.cumsum(np.bincount(cells, minlength=len(self.cells)))
        pointer = self._faiss.swig_ptr
        for cell, (first, last) in enumerate(pairwise([0, *ends.tolist()])):
            if first < last:
                numbers = order[first:last]
                vectors = rows.vectors[first:last] if in_order else rows.vectors[numbers]
                codes = pointer(vectors.view(np.uint8))
                self._lists.add_entries(cell, last - first, pointer(numbers), codes)
        self._index.ntotal = len(order)
        self._append(rows.passages, rows.owners, cells)

    def _append(self, passages: Numbers, owners: Numbers, cells: Numbers) -> None:
        self._passages = np.concatenate([self._passages, passages])
        self._owners = np.concatenate([self._owners, owners])
        self._cell = np.concatenate([self._cell, cells])
        self._place = np.concatenate([self._place, self._sizes[cells] + _turns(cells)])
        self._sizes += np.bincount(cells, minlength=len(self._sizes))
        self._order = None
        self._largest = max(self._largest, int(passages.max(initial=-1)))
        self.name = secrets.token_hex(8)

    def remove(self, passages: Numbers) -> bool:
        """Remove those that are in, and their numbers from memory; whether any was."""
        rows = self._find(passages)[0]
        if not len(rows):
            return False
        gone = np.zeros(self.rows, np.bool_)
        gone[rows] = True
        touched = np.unique(self._cell[rows]).tolist()
        before = self._sizes[touched].tolist()
        bitmap = np.packbits(gone, bitorder="little")
        self._index.remove_ids(self._faiss.IDSelectorBitmap(bitmap))
        for cell, size in zip(touched, before, strict=True):
            # FAISS moves the last of a list to where one was removed, and leaves what stands behind the new
            # end. The list's memory still reaches as far as it did.
            codes = self._faiss.rev_swig_ptr(self._lists.get_codes(cell), size * self._width)
            left = self._sizes[cell] = self._lists.list_size(cell)
            codes[left * self._width :] = 0
            self._place[self._list(cell)[0]] = np.arange(left)
        self._owners[rows] = _GONE
        self.name = secrets.token_hex(8)
        return True

    def get(self, passages: Numbers) -> Iterator[tuple[int, Half]]:
        """The vectors of those that are in."""
        rows, ids = self._find(passages)
        lists: dict[int, Half] = {}
        columns = (ids, self._cell[rows], self._place[rows])
        for id, cell, place in zip(*(column.tolist() for column in columns), strict=True):
            if cell not in lists:
                lists[cell] = self._list(cell)[1]
            yield id, lists[cell][place].copy()

    def owners(self, passages: Numbers) -> Iterator[tuple[int, int]]:
        """The items of those that are in."""
        rows, ids = self._find(passages)
        return zip(ids.tolist(), self._owners[rows].tolist(), strict=True)

    def held(self, allowed: Allowed) -> Mask:
        """For each row whether its item is allowed."""
        return allowed.hold(self._owners)

    def cells_of(self, mask: Mask, step: int) -> Held:
        """Which cells hold any row of a mask, by a look at every one or every second, third… row."""
        rows = self._cell[::step][mask[::step]]
        return np.bincount(rows, minlength=len(self.cells)) > 0

    def search(
        self, vector: Single, limit: int, probed: Numbers, mask: Mask | None
    ) -> tuple[Numbers, Single]:
        """The nearest passages in some cells and their cosines; only rows of the mask, if there is one."""
        limit = min(limit, len(self))
        scores, rows = np.empty(limit, np.float32), np.empty(limit, np.int64)
        if not limit or not len(probed):
            return rows[:0], scores[:0]
        selector = None
        if mask is not None:
            bitmap = np.packbits(mask, bitorder="little")
            selector = self._faiss.IDSelectorBitmap(bitmap)
        parameters = self._faiss.SearchParametersIVF(nprobe=len(probed), sel=selector)
        ignored = np.zeros(
            len(probed), np.float32
        )  # cosines to the centres: vectors are not held as residuals
        pointer = self._faiss.swig_ptr
        self._index.search_preassigned_c(
            1, pointer(vector), limit, pointer(probed), pointer(ignored), pointer(scores), pointer(rows),
            False, parameters,
        )  # fmt: skip
        found = rows >= 0  # FAISS fills up with -1
        return self._passages[rows[found]], scores[found]

    def lists(self, first: int, last: int) -> tuple[Rows, Numbers]:
        """What is in some cells, in their order, and how much in each."""
        parts = [self._list(cell) for cell in range(first, min(last, len(self.cells)))]
        sizes = np.array([len(numbers) for numbers, _ in parts], np.int64)
        rows = np.concatenate([numbers for numbers, _ in parts])
        vectors = np.concatenate([vectors for _, vectors in parts])
        return Rows(self._passages[rows], self._owners[rows], vectors), sizes

    @classmethod
    def load(cls, content: Content, cells: Cells, name: str) -> Segment:
        """A segment from `sizes`, passages, owners and vectors, as `index/vectors.py` wrote them.

        Raises:
            IndexDamaged
        """
        segment = cls(cells)
        dimension = cells.quantizer.d
        try:
            sizes = np.frombuffer(content, "<i8", len(cells))
            count, at = int(sizes.sum()), sizes.nbytes
            passages = np.frombuffer(content, "<i8", count, at)
            owners = np.frombuffer(content, "<i8", count, at + passages.nbytes)
            vectors = np.frombuffer(content, "<f2", offset=at + passages.nbytes + owners.nbytes)
            rows = Rows(passages, owners, vectors.reshape(count, dimension))
        except ValueError as error:
            raise IndexDamaged("a part of the snapshot of the vectors cannot be read") from error
        if (sizes < 0).any():
            raise IndexDamaged("a part of the snapshot of the vectors cannot be read")
        segment.fill(rows, np.repeat(np.arange(len(sizes)), sizes))
        segment.name = name
        return segment

    def _list(self, cell: int) -> tuple[Numbers, Half]:
        """Views of FAISS's own memory: rows and vectors."""
        size = int(self._sizes[cell])
        dimension = self._width // 2
        if not size:
            return np.empty(0, np.int64), np.empty((0, dimension), np.float16)
        numbers = self._faiss.rev_swig_ptr(self._lists.get_ids(cell), size)
        codes = self._faiss.rev_swig_ptr(self._lists.get_codes(cell), size * self._width)
        return numbers, codes.view(np.float16).reshape(size, dimension)

    def _find(self, passages: Numbers) -> tuple[Numbers, Numbers]:
        """The rows of those passages that are in, and which they are."""
        nothing = passages[:0]
        if not self.rows or not len(passages) or passages.min() > self._largest:
            return nothing, nothing
        if self._order is None:
            self._order = np.argsort(self._passages, kind="stable")
        # The last of several: one that was removed and came again.
        at = np.searchsorted(self._passages, passages, side="right", sorter=self._order) - 1
        rows = self._order[np.maximum(at, 0)]
        found = (self._passages[rows] == passages) & (self._owners[rows] != _GONE)
        return rows[found], passages[found]


def _turns(cells: Numbers) -> Numbers:
    """For each how many before it have the same cell."""
    order = np.argsort(cells, kind="stable")
    sizes = np.bincount(cells)
    begins = np.cumsum(sizes) - sizes
    turns = np.empty(len(cells), np.int64)
    turns[order] = np.arange(len(cells)) - begins[cells[order]]
    return turns
