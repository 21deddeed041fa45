"""The vectors once more on a GPU, where FAISS has one: in half precision, compared all. Which searches go
there and when the copy is made is decided in `index/vectors.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

import numpy as np

from index.cells import Half, Numbers, Single

log = logging.getLogger("strongroom.index")


class Flat(Protocol):
    """What is needed of a FAISS index that compares with all."""

    ntotal: int

    def add(self, x: Single) -> None:
        """Append vectors (n, dimension)."""

    def search(self, x: Single, k: int) -> tuple[Single, Numbers]:
        """Cosines and positions of the nearest to vectors (n, dimension), each (n, k)."""


MakeFlat = Callable[[int], Flat]  # from a dimension


def flat_on_gpu(faiss: ModuleType) -> MakeFlat | None:
    """How to make an empty index on the first GPU; None if there is none or this FAISS is not built for it.

    The package is `faiss-gpu` in place of `faiss-cpu`: one module, the same interface.
    """
    try:
        if not hasattr(faiss, "GpuIndexFlatIP") or not faiss.get_num_gpus():
            return None
        resources = faiss.StandardGpuResources()
    except RuntimeError as error:  # how FAISS reports CUDA's errors
        log.warning("there is a GPU and FAISS cannot use it (%s)", type(error).__name__)
        return None

    def make(dimension: int) -> Flat:
        config = faiss.GpuIndexFlatConfig()
        config.useFloat16 = True
        flat: Flat = faiss.GpuIndexFlatIP(resources, dimension, config)
        return flat

    return make


class Mirror:
    """Passages in the order of adding. Not thread-safe.

    FAISS has neither removal nor filters on a GPU: it passes over a selector without a word. So there are
    none here, and a mirror out of which something is to be removed is thrown away.
    """

    def __init__(self, flat: Flat) -> None:
        self._flat = flat
        self._passages: Numbers = np.empty(0, np.int64)

    def add(self, passages: Numbers, vectors: Half) -> None:
        """Add passages that are not in."""
        self._flat.add(np.ascontiguousarray(vectors, np.float32))
        self._passages = np.concatenate([self._passages, passages])

    def search(self, vector: Single, limit: int) -> tuple[Numbers, Single]:
        """The nearest passages and their cosines, best first."""
        scores, positions = self._flat.search(vector.reshape(1, -1), min(limit, self._flat.ntotal))
        return self._passages[positions[0]], scores[0]
