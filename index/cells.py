"""How the space of vectors is divided for a search that looks at a part of it: the cells that FAISS assigns
vectors to, and in how many of them the nearest are. Cells never change; others are trained in their place.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from index.errors import IndexDamaged

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]
Content = bytes | bytearray
Numbers = npt.NDArray[np.int64]

_HEADER = struct.Struct("<3q")  # cells, probes, trained on
_PER_CELL = 64  # vectors of the sample for each cell; FAISS asks for 39 to 256
_ROUNDS = 8  # of k-means; the eighth moves hardly anything
_SEED = 1


def one_core() -> None:
    """Let this thread's searches use one core, said anew because OpenMP keeps the number per thread.

    Two finish 50,000 passages no sooner when they are free, and when one is busy with a document the other
    waits for it: 3 ms became 16 in the middle of an intake.
    """
    import faiss

    faiss.omp_set_num_threads(1)


class Cells:
    """Some cells, each known by its centre.

    Args:
        centres: unit vectors (cells, dimension).
        probes: how many of the cells nearest to a vector hold its nearest, nearly always.
        trained_on: how many passages there were.
    """

    def __init__(self, centres: Single, probes: int, trained_on: int) -> None:
        import faiss

        self.quantizer = faiss.IndexFlatIP(centres.shape[1])
        self.quantizer.add(centres)
        self.probes = probes
        self.trained_on = trained_on
        self.name = secrets.token_hex(8)  # of this content, in snapshots

    @classmethod
    def undivided(cls, dimension: int) -> Cells:
        """One cell that holds everything: a search through it is exact."""
        return cls(np.zeros((1, dimension), np.float32), 1, 0)

    @classmethod
    def load(cls, content: Content, dimension: int, name: str) -> Cells:
        """What `dump` gave.

        Raises:
            IndexDamaged
        """
        try:
            count, probes, trained_on = _HEADER.unpack_from(content)
            centres = np.frombuffer(content, np.float32, offset=_HEADER.size).reshape(count, dimension)
        except (ValueError, struct.error) as error:
            raise IndexDamaged("the snapshot of the cells cannot be read") from error
        if not 1 <= probes <= count:
            raise IndexDamaged("the snapshot of the cells cannot be read")
        cells = cls(centres, probes, trained_on)
        cells.name = name
        return cells

    def dump(self) -> bytes:
        """Everything but the name."""
        centres: Single = self.quantizer.reconstruct_n(0, len(self))
        header = _HEADER.pack(len(self), self.probes, self.trained_on)
        return header + centres.astype("<f4").tobytes()

    def __len__(self) -> int:
        return int(self.quantizer.ntotal)

    def assign(self, vectors: Single) -> Numbers:
        """The cell of each vector (n, dimension)."""
        if len(self) == 1:
            return np.zeros(len(vectors), np.int64)
        one_core()
        cells: Numbers = self.quantizer.search(vectors, 1)[1][:, 0]
        return cells

    def probed(self, vector: Single, sizes: Numbers | None, total: int) -> Numbers:
        """The cells that are to be looked into for what is nearest to a vector, the nearest first.

        Args:
            sizes: how many of the wanted passages each cell holds, if not all are wanted. Cells are taken
                until as many passages are compared as without a filter: few are compared all, wherever they
                are; many cost no more than all.
            total: passages, wanted or not.
        """
        one_core()
        if sizes is None:
            return self._nearest(vector, self.probes)
        order = self._nearest(vector, len(self))
        order = order[sizes[order] > 0]
        compared = self.probes * total / len(self)
        enough = int(np.searchsorted(np.cumsum(sizes[order]), compared)) + 1
        return order[: max(enough, self.probes)]

    def _nearest(self, vector: Single, count: int) -> Numbers:
        nearest: Numbers = self.quantizer.search(vector.reshape(1, -1), count)[1][0]
        return nearest


def count_for(passages: int) -> int:
    """How many cells so many passages want: a power of two, about 2 √n.

    A search compares with all centres and then with the vectors of some cells; both parts together are
    smallest when the cells grow with the root of n. (FAISS's guidelines: 4 √n to 16 √n, when all are compared
    by many cores.)
    """
    return int(2 ** round(np.log2(2 * np.sqrt(passages))))


def sample_for(passages: int) -> int:
    """How many vectors `train` wants of so many."""
    return min(passages, _PER_CELL * count_for(passages))


def train(sample: Single, passages: int, stopped: Callable[[], bool]) -> Single | None:
    """The centres of cells for so many passages, by k-means with unit centres; None if it was stopped."""
    import faiss

    one_core()
    count = min(count_for(passages), len(sample))
    centres = None
    for _ in range(_ROUNDS):  # one by one, so that a stop does not wait for all
        if stopped():
            return None
        means = faiss.Kmeans(
            sample.shape[1], count, niter=1, spherical=True, seed=_SEED, min_points_per_centroid=1,
            max_points_per_centroid=2 * _PER_CELL,
        )  # fmt: skip
        means.train(sample, init_centroids=centres)
        centres = means.centroids
    return centres


def probes_for(centres: Single, asked: Iterable[tuple[Single, Single]], recall: float) -> int:
    """In how many of the nearest cells one must look to find a share of the true neighbours; in all for all.

    Args:
        asked: vectors (dimension,), each with its true nearest (k, dimension).
    """
    cells = Cells(centres, 1, 0)
    if recall >= 1:
        return len(cells)
    ranks: list[int] = []
    for vector, nearest in asked:
        order = cells._nearest(vector, len(cells))
        rank = np.empty(len(cells), np.int64)
        rank[order] = np.arange(len(cells))
        ranks += rank[cells.assign(nearest)].tolist()
    return int(np.quantile(ranks, recall, method="higher")) + 1 if ranks else len(cells)
