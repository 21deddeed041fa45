"""How the space of vectors is divided for a search that looks at a part of it: the cells that FAISS assigns
vectors to, and in how many of them the nearest are. Cells never change; others are trained in their place.

The last list of trained cells holds what is far from every centre, and each search looks into it. Centres lie
where the many are; of a few thousand mails among a million passages of another kind the nearest are in cells
that say nothing of them: 32 cells held 0.82 of the nearest, 400 held 0.96. With the farthest 1, 2 or 3 % in a
list of their own, 32 cells and that list hold 0.983, 0.986 and 0.995.
"""

from __future__ import annotations

import math
import secrets
import struct
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from index.errors import IndexDamaged

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]
Content = bytes | bytearray
Numbers = npt.NDArray[np.int64]
Held = npt.NDArray[np.bool_]  # for each cell

DEPTHS = (10, 100, 1000)  # how many of the nearest are wanted: ten of all, of a tenth, of a hundredth
_HEADER = struct.Struct("<5qd")  # centres, trained on, probes for each depth, least cosine
_PER_CELL = 40  # vectors of the sample for each cell; FAISS asks for 39 to 256
_ROUNDS = 6  # of k-means; later ones move hardly anything
_FAR = 0.02  # share of the passages that belong to no centre
_LEAST = 4_096  # passages compared at least beside those
_STRIPES = 32  # into which what is not divided is dealt, so that it too can be copied piece by piece
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
        probes: how many of the cells nearest to a vector hold nearly all of its nearest, for each of
            `DEPTHS`.
        trained_on: how many passages there were; none if it is `undivided`.
        least: cosine of a passage to its centre, below which it is far from all.
    """

    def __init__(self, centres: Single, probes: Sequence[int], trained_on: int, least: float = -1.0) -> None:
        import faiss

        self.quantizer = faiss.IndexFlatIP(centres.shape[1])
        self.quantizer.add(centres)
        self.probes = probes
        self.trained_on = trained_on
        self.least = least
        self.name = secrets.token_hex(8)  # of this content, in snapshots

    @classmethod
    def undivided(cls, dimension: int) -> Cells:
        """Cells that passages are dealt into by turns. A search looks into all: it is exact."""
        return cls(np.zeros((_STRIPES, dimension), np.float32), [_STRIPES] * len(DEPTHS), 0)

    @classmethod
    def load(cls, content: Content, dimension: int, name: str) -> Cells:
        """What `dump` gave.

        Raises:
            IndexDamaged
        """
        try:
            count, trained_on, *probes, least = _HEADER.unpack_from(content)
            centres = np.frombuffer(content, np.float32, offset=_HEADER.size).reshape(count, dimension)
        except (ValueError, struct.error) as error:
            raise IndexDamaged("the snapshot of the cells cannot be read") from error
        if not all(1 <= each <= count for each in probes):
            raise IndexDamaged("the snapshot of the cells cannot be read")
        cells = cls(centres, probes, trained_on, least)
        cells.name = name
        return cells

    def dump(self) -> bytes:
        """Everything but the name."""
        count = self.quantizer.ntotal
        centres: Single = self.quantizer.reconstruct_n(0, count)
        header = _HEADER.pack(count, self.trained_on, *self.probes, self.least)
        return header + centres.astype("<f4").tobytes()

    def __len__(self) -> int:
        """How many lists there are."""
        return int(self.quantizer.ntotal) + bool(self.trained_on)

    def assign(self, vectors: Single) -> Numbers:
        """The cell of each vector (n, dimension)."""
        if not self.trained_on:
            return np.arange(len(vectors)) % len(self)
        one_core()
        cosines, nearest = self.quantizer.search(vectors, 1)
        cells: Numbers = np.where(cosines[:, 0] < self.least, len(self) - 1, nearest[:, 0])
        return cells

    def probed(self, vector: Single, held: Held | None, wanted: int, total: int) -> Numbers:
        """The cells that are to be looked into for the ten nearest to a vector, ascending: so they lie in
        memory, and to look into many takes half as long.

        Args:
            held: which cells hold any of the wanted passages, if not all are wanted. The ten nearest of a
                tenth are among the hundred nearest of all, if they lie like the others; and if they lie in
                few cells, those are looked into that hold any. Less than a hundredth is compared wholly.
            wanted: how many passages are.
            total: passages, wanted or not.
        """
        if not self.trained_on:
            return np.arange(len(self))
        one_core()
        far = len(self) - 1
        least = math.ceil(_LEAST * far / max(1, total))
        if held is None:
            return np.append(np.sort(self._nearest(vector, min(max(self.probes[0], least), far))), far)
        if DEPTHS[-1] * wanted <= DEPTHS[0] * total:
            return np.flatnonzero(held)
        depth = math.log(DEPTHS[0] * total / wanted)
        probes = math.ceil(np.interp(depth, np.log(DEPTHS), self.probes))
        order = self._nearest(vector, far)
        return np.append(np.sort(order[held[order]][: max(probes, least)]), far)

    def _nearest(self, vector: Single, count: int) -> Numbers:
        nearest: Numbers = self.quantizer.search(vector.reshape(1, -1), count)[1][0]
        return nearest


def count_for(passages: int) -> int:
    """How many cells so many passages want: a power of two between 4 √n and 8 √n, as FAISS's guidelines say.

    A search compares with all centres and then with the vectors of some cells; both parts together are
    smallest when the cells grow with the root of n.
    """
    return 1 << math.ceil(math.log2(4 * math.sqrt(passages)))


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


def least_cosine(centres: Single, sample: Single) -> float:
    """The cosine to its centre that all but the farthest of a sample have."""
    cosines = Cells(centres, [1] * len(DEPTHS), 0).quantizer.search(sample, 1)[0]
    return float(np.quantile(cosines, _FAR))


def probes_for(
    centres: Single, least: float, asked: Iterable[tuple[Single, Single]], recall: float
) -> list[int]:
    """In how many of the nearest cells one must look to find a share of the true neighbours, for each of
    `DEPTHS`; in all for all.

    Args:
        least: see `Cells`.
        asked: vectors (dimension,), each with its true nearest (k, dimension), best first.
    """
    count = len(centres)
    cells = Cells(centres, [1] * len(DEPTHS), count, least)
    if recall >= 1:
        return [count] * len(DEPTHS)
    ranks: list[Numbers] = []
    for vector, nearest in asked:
        rank = np.zeros(len(cells), np.int64)  # what is far is always found
        rank[cells._nearest(vector, count)] = np.arange(count)
        ranks.append(rank[cells.assign(nearest)])
    return [_share([each[:depth] for each in ranks], recall, count) for depth in DEPTHS]


def _share(ranks: Sequence[Numbers], recall: float, most: int) -> int:
    return int(np.quantile(np.concatenate(ranks), recall, method="higher")) + 1 if ranks else most
