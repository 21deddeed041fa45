"""The vectors of all passages in memory, searched exactly. It knows numbers only; text, models and disks are
others' concern.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.allowed import Allowed, Owners
from index.errors import IndexDamaged

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]

_FILES = ("vectors", "passages", "owners")


class VectorIndex(Protocol):
    """Nearest passages by inner product."""

    def add(self, ids: Sequence[int], items: Sequence[int], vectors: Half) -> None:
        """Add passages, the numbers of their items and unit vectors (n, dimension); an id that is in is
        replaced.
        """

    def remove(self, ids: Collection[int]) -> None:
        """Remove passages; ids that are not in are passed over."""

    def search(self, vector: Single, limit: int, allowed: Allowed | None = None) -> list[tuple[int, float]]:
        """The `limit` nearest passages (id, cosine), best first; of the allowed items only, if given."""

    def get(self, ids: Collection[int]) -> dict[int, Half]:
        """The vectors of those passages that are in."""

    def __len__(self) -> int: ...


class FaissIndex:
    """Exact search over half-precision vectors. Thread-safe: one call at a time, each of a few milliseconds.

    Memory: 2 bytes per dimension and 12 more per passage. Half precision loses nothing: the catalog holds the
    vectors so too.

    The passage ids stand in an array beside the index and not in FAISS's IDMap2, whose hash map costs more
    than 50 bytes per passage; and the filter is a bitmap over positions, not a hash set.
    """

    def __init__(self, dimension: int) -> None:
        import faiss

        self._faiss = faiss
        self._lock = threading.Lock()
        self._index = faiss.IndexScalarQuantizer(
            dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._passages: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._owners: Owners = np.empty(0, np.int32)

    @classmethod
    def load(cls, files: Mapping[str, bytes], dimension: int) -> FaissIndex:
        """What `dump` gave.

        Raises:
            IndexDamaged: the parts do not fit together or have another dimension.
        """
        index = cls(dimension)
        try:
            vectors, passages, owners = (files[name] for name in _FILES)
            index._index = index._faiss.deserialize_index(np.frombuffer(vectors, np.uint8))
            index._passages = np.frombuffer(passages, np.int64).copy()
            index._owners = np.frombuffer(owners, np.int32).copy()
        except (KeyError, ValueError, RuntimeError) as error:
            raise IndexDamaged("the snapshot of the vectors cannot be read") from error
        sizes = {index._index.ntotal, len(index._passages), len(index._owners)}
        if len(sizes) != 1 or index._index.d != dimension:
            raise IndexDamaged("the parts of the snapshot of the vectors do not fit together")
        return index

    def add(self, ids: Sequence[int], items: Sequence[int], vectors: Half) -> None:
        """See VectorIndex."""
        with self._lock:
            self._remove(ids)
            self._index.add(np.ascontiguousarray(vectors, np.float32))
            self._passages = np.concatenate([self._passages, np.asarray(ids, np.int64)])
            self._owners = np.concatenate([self._owners, np.asarray(items, np.int32)])

    def remove(self, ids: Collection[int]) -> None:
        """See VectorIndex."""
        with self._lock:
            self._remove(ids)

    def search(self, vector: Single, limit: int, allowed: Allowed | None = None) -> list[tuple[int, float]]:
        """See VectorIndex."""
        with self._lock:
            # One core, said anew because OpenMP keeps the number per thread. Two finish 50,000 passages no
            # sooner when they are free, and when one is busy with a document the other waits for it: 3 ms
            # became 16 in the middle of an intake.
            self._faiss.omp_set_num_threads(1)
            parameters = None
            if allowed is not None:
                bitmap = np.packbits(allowed.hold(self._owners), bitorder="little")
                selector = self._faiss.IDSelectorBitmap(bitmap)
                parameters = self._faiss.SearchParameters(sel=selector)
            limit = min(limit, len(self._passages))
            if limit == 0:
                return []
            scores, positions = self._index.search(vector.reshape(1, -1), limit, params=parameters)
            found = positions[0] >= 0  # FAISS fills up with -1
            ids = self._passages[positions[0][found]]
            return list(zip(ids.tolist(), scores[0][found].tolist(), strict=True))

    def get(self, ids: Collection[int]) -> dict[int, Half]:
        """See VectorIndex."""
        with self._lock:
            positions = np.flatnonzero(np.isin(self._passages, np.fromiter(ids, np.int64, len(ids))))
            return {
                int(self._passages[position]): self._index.reconstruct(int(position)).astype(np.float16)
                for position in positions
            }

    def __len__(self) -> int:
        return len(self._passages)

    def dump(self) -> dict[str, bytes]:
        """Everything, as named byte strings."""
        with self._lock:
            vectors = self._faiss.serialize_index(self._index).tobytes()
            return dict(zip(_FILES, (vectors, self._passages.tobytes(), self._owners.tobytes()), strict=True))

    def _remove(self, ids: Collection[int]) -> None:
        out = np.isin(self._passages, np.fromiter(ids, np.int64, len(ids)))
        if not out.any():
            return
        # FAISS closes the gaps and keeps the order, so the arrays beside it are cut in the same way.
        self._index.remove_ids(self._faiss.IDSelectorBatch(np.flatnonzero(out)))
        self._passages, self._owners = self._passages[~out], self._owners[~out]
