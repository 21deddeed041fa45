"""The contract of the vector index, on both of its stages: all compared, and divided into cells of which all
are looked into; and with a copy elsewhere, as on a GPU. Exact, exact under filters too, and the same after a
snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import faiss
import msgspec
import numpy as np
import pytest

from index.allowed import Allowed
from index.cells import Half, Numbers, Single
from index.errors import IndexDamaged
from index.gpu import MakeFlat, flat_on_gpu
from index.vectors import MUTABLE, FaissIndex, Growth

DIMENSION = 32
EXACT = Growth(exact=1 << 30, segment=1000)
GROWN = Growth(exact=0, segment=1000, recall=1, asked=16)
Filled = Callable[[int], tuple[FaissIndex, Half, list[int]]]


def _vectors(count: int, seed: int = 0) -> Half:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    units: Half = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    return units


def _items(count: int) -> list[int]:
    return [number // 3 + 1 for number in range(count)]


@pytest.fixture(params=["exact", "grown", "mirrored"])
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def growth(stage: str) -> Growth:
    return EXACT if stage == "exact" else GROWN


@pytest.fixture
def gpu(stage: str) -> MakeFlat | None:
    """In place of the GPU's index the one of which FAISS makes that: it compares with all, in memory."""
    return faiss.IndexFlatIP if stage == "mirrored" else None


@pytest.fixture
def filled(growth: Growth, gpu: MakeFlat | None) -> Filled:
    """Makes an index of so many passages, half of them added after it grew."""

    def fill(count: int) -> tuple[FaissIndex, Half, list[int]]:
        index, vectors, items = FaissIndex(DIMENSION, growth, gpu), _vectors(count), _items(count)
        half = count // 2
        index.add(range(1, half + 1), items[:half], vectors[:half])
        assert index.outgrown or growth is EXACT
        index.grow()
        assert (index.cells > 1) == (growth is GROWN)
        assert not index.outgrown
        index.add(range(half + 1, count + 1), items[half:], vectors[half:])
        return index, vectors, items

    return fill


def test_the_nearest_come_first_with_their_cosine(filled: Filled) -> None:
    index, vectors, _ = filled(3000)
    question = _vectors(1, seed=1)[0].astype(np.float32)
    exact = vectors.astype(np.float32) @ question
    best = (np.argsort(-exact)[:10] + 1).tolist()
    found = index.search(question, 10)
    assert [id for id, _ in found] == best
    assert all(abs(score - exact[id - 1]) < 1e-3 for id, score in found)


@pytest.mark.parametrize("share", [2, 100, 900])
def test_a_narrow_filter_gives_the_k_best_inside_it(filled: Filled, share: int) -> None:
    index, vectors, items = filled(3000)
    allowed = set(items[:: 3 * share])
    question = _vectors(1, seed=2)[0].astype(np.float32)
    exact = vectors.astype(np.float32) @ question
    inside = [number for number in np.argsort(-exact) if items[number] in allowed]
    found = index.search(question, 5, Allowed(list(allowed)))
    assert [id for id, _ in found] == [int(number) + 1 for number in inside[:5]]


def test_a_filter_that_holds_nothing_finds_nothing(filled: Filled) -> None:
    index, vectors, _ = filled(30)
    assert index.search(vectors[0].astype(np.float32), 5, Allowed([])) == []
    assert index.search(vectors[0].astype(np.float32), 5, Allowed([900])) == []


def test_what_is_removed_is_never_found_again(filled: Filled) -> None:
    index, vectors, items = filled(300)
    index.remove([7, 100, 300, 12_345])
    assert len(index) == 297
    for gone in (7, 100, 300):
        question = vectors[gone - 1].astype(np.float32)
        assert gone not in [id for id, _ in index.search(question, 300)]
        assert gone not in [id for id, _ in index.search(question, 300, Allowed(items))]
    assert index.search(vectors[7].astype(np.float32), 1)[0][0] == 8


def test_the_numbers_of_what_is_removed_leave_the_memory(filled: Filled) -> None:
    index, vectors, _ = filled(300)
    lists = [
        (segment._lists.get_codes(cell), segment._lists.list_size(cell) * segment._width)
        for segment in index._segments
        for cell in range(len(segment.cells))
    ]

    def memory() -> bytes:
        return b"".join(faiss.rev_swig_ptr(codes, size).tobytes() for codes, size in lists if size)

    assert all(vector.tobytes() in memory() for vector in vectors)
    index.remove(range(50, 150))
    assert [vector.tobytes() in memory() for vector in vectors].count(True) == 200
    assert not any(vector.tobytes() in memory() for vector in vectors[49:149])


def test_adding_again_replaces(filled: Filled) -> None:
    index, _, items = filled(10)
    index.add([3], [items[2]], _vectors(1, seed=9))
    assert len(index) == 10
    assert index.search(_vectors(1, seed=9)[0].astype(np.float32), 1)[0][0] == 3
    index.remove([3])
    assert index.get([3]) == {}


def test_vectors_are_given_back_as_they_came(filled: Filled) -> None:
    index, vectors, _ = filled(20)
    index.remove([4])
    given = index.get([2, 4, 20, 99])
    assert given.keys() == {2, 20}
    assert np.array_equal(given[2], vectors[1])
    assert np.array_equal(given[20], vectors[19])


def test_an_empty_index_answers(growth: Growth) -> None:
    index = FaissIndex(DIMENSION, growth)
    index.grow()
    assert index.search(np.zeros(DIMENSION, np.float32), 5) == []
    again = FaissIndex.load(index.dump(), DIMENSION, growth)
    assert again.search(np.zeros(DIMENSION, np.float32), 5, Allowed([1])) == []
    assert len(again) == 0


# ------------------------------------------------------------------ snapshots


def test_a_snapshot_gives_the_same_answers(filled: Filled) -> None:
    index, vectors, items = filled(2500)
    index.remove([5, 6, 2400])
    again = FaissIndex.load(index.dump(), DIMENSION, index._growth)
    question = _vectors(1, seed=3)[0].astype(np.float32)
    allowed = Allowed(items[:100])
    assert again.search(question, 20) == index.search(question, 20)
    assert again.search(question, 20, allowed) == index.search(question, 20, allowed)
    again.add([2900], [1 << 30], vectors[:1])
    assert len(again) == 2498
    assert len(again.get([2399, 2900, 2400])) == 2


def test_only_the_parts_that_changed_have_new_names(filled: Filled) -> None:
    index, vectors, _ = filled(5000)
    before = set(index.dump())
    assert set(index.dump()) == before
    index.add([9000], [1], vectors[:1])
    added = set(index.dump())
    assert len(added - before) == 1
    index.remove([1])
    assert len(set(index.dump()) - added) == 1
    again = FaissIndex.load(index.dump(), DIMENSION, index._growth)
    assert set(again.dump()) == set(index.dump())


def test_a_snapshot_that_does_not_fit_is_refused(filled: Filled) -> None:
    files = dict(filled(10)[0].dump())
    meta = msgspec.json.decode(files[MUTABLE])
    part, cells = meta["segments"][0][0], meta["cells"][0]
    lacking = {name: content for name, content in files.items() if name != part}
    for broken in (
        {},
        lacking,
        {**files, MUTABLE: b"nonsense"},
        {**files, part: files[part][:-4]},
        {**files, part: b"\xff" * len(files[part])},
        {**files, part: b""},
        {**files, cells: files[cells][:-4]},
        {**files, cells: b"\xff" * len(files[cells])},
    ):
        with pytest.raises(IndexDamaged):
            FaissIndex.load(broken, DIMENSION)
    with pytest.raises(IndexDamaged):
        FaissIndex.load(files, DIMENSION + 1)


# ------------------------------------------------------------------ on a GPU


def _built_for_gpu(count: int) -> ModuleType:
    """FAISS as it looks where it is built for GPUs, and CUDA finds so many."""
    module = ModuleType("faiss")
    module.get_num_gpus = lambda: count  # type: ignore[attr-defined]
    module.StandardGpuResources = object  # type: ignore[attr-defined]
    module.GpuIndexFlatIP = object  # type: ignore[attr-defined]
    return module


def test_a_gpu_is_used_where_faiss_finds_one() -> None:
    assert flat_on_gpu(_built_for_gpu(1)) is not None
    assert flat_on_gpu(_built_for_gpu(0)) is None


def test_without_a_build_for_gpus_or_a_working_driver_memory_serves() -> None:
    without = _built_for_gpu(1)
    del without.GpuIndexFlatIP
    assert flat_on_gpu(without) is None

    def broken() -> None:
        raise RuntimeError("CUDA error 35")

    driverless = _built_for_gpu(1)
    driverless.StandardGpuResources = broken  # type: ignore[attr-defined]
    assert flat_on_gpu(driverless) is None


def test_a_gpu_that_is_too_small_is_left_alone() -> None:
    def make(dimension: int) -> faiss.IndexFlatIP:
        raise RuntimeError("out of memory")

    index = FaissIndex(DIMENSION, EXACT, make)
    index.add([1], [1], _vectors(1))
    index.grow()
    assert not index.outgrown
    assert [id for id, _ in index.search(_vectors(1)[0].astype(np.float32), 3)] == [1]


def test_the_copy_answers_without_a_filter_until_something_is_removed() -> None:
    asked = list[int]()

    class Watched(faiss.IndexFlatIP):  # type: ignore[misc]
        def search(self, x: Single, k: int) -> tuple[Single, Numbers]:
            asked.append(k)
            found: tuple[Single, Numbers] = super().search(x, k)
            return found

    index, vectors = FaissIndex(DIMENSION, EXACT, Watched), _vectors(50)
    index.add(range(1, 41), _items(40), vectors[:40])
    question = vectors[0].astype(np.float32)
    plain = index.search(question, 50)
    index.grow()
    assert [id for id, _ in index.search(question, 50)] == [id for id, _ in plain]
    assert asked == [40]
    index.add(range(41, 51), _items(10), vectors[40:])
    assert len(index.search(question, 50)) == 50
    index.search(question, 50, Allowed([1]))
    assert asked == [40, 50]
    index.remove([1])
    assert 1 not in [id for id, _ in index.search(question, 50)]
    assert asked == [40, 50]
    index.grow()
    assert 1 not in [id for id, _ in index.search(question, 50)]
    assert asked == [40, 50, 49]
