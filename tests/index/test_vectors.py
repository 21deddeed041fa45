"""The vector index: exact, exact under filters too, and the same after a snapshot."""

from __future__ import annotations

import numpy as np
import pytest

from index.allowed import Allowed
from index.errors import IndexDamaged
from index.vectors import FaissIndex, Half

DIMENSION = 32


def _vectors(count: int, seed: int = 0) -> Half:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def _items(count: int) -> list[int]:
    return [number // 3 + 1 for number in range(count)]


def _filled(count: int = 3000) -> tuple[FaissIndex, Half, list[int]]:
    index, vectors, items = FaissIndex(DIMENSION), _vectors(count), _items(count)
    index.add(range(1, count + 1), items, vectors)
    return index, vectors, items


def test_the_nearest_come_first_with_their_cosine() -> None:
    index, vectors, _ = _filled()
    question = _vectors(1, seed=1)[0].astype(np.float32)
    exact = vectors.astype(np.float32) @ question
    best = (np.argsort(-exact)[:10] + 1).tolist()
    found = index.search(question, 10)
    assert [id for id, _ in found] == best
    assert all(abs(score - exact[id - 1]) < 1e-3 for id, score in found)


@pytest.mark.parametrize("share", [2, 100, 900])
def test_a_narrow_filter_gives_the_k_best_inside_it(share: int) -> None:
    index, vectors, items = _filled()
    allowed = set(items[:: 3 * share])
    question = _vectors(1, seed=2)[0].astype(np.float32)
    exact = vectors.astype(np.float32) @ question
    inside = [number for number in np.argsort(-exact) if items[number] in allowed]
    found = index.search(question, 5, Allowed(list(allowed)))
    assert [id for id, _ in found] == [int(number) + 1 for number in inside[:5]]


def test_what_is_removed_is_never_found_again() -> None:
    index, vectors, _ = _filled(300)
    index.remove([7, 100, 300, 12_345])
    assert len(index) == 297
    for gone in (7, 100, 300):
        found = index.search(vectors[gone - 1].astype(np.float32), 297)
        assert gone not in [id for id, _ in found]
    assert index.search(vectors[7].astype(np.float32), 1)[0][0] == 8


def test_adding_again_replaces() -> None:
    index, _, items = _filled(10)
    index.add([3], [items[2]], _vectors(1, seed=9))
    assert len(index) == 10
    assert index.search(_vectors(1, seed=9)[0].astype(np.float32), 1)[0][0] == 3


def test_a_snapshot_gives_the_same_answers() -> None:
    index, vectors, items = _filled(500)
    index.remove([5, 6])
    again = FaissIndex.load(index.dump(), DIMENSION)
    question = _vectors(1, seed=3)[0].astype(np.float32)
    allowed = Allowed(items[:100])
    assert again.search(question, 20) == index.search(question, 20)
    assert again.search(question, 20, allowed) == index.search(question, 20, allowed)
    again.add([900], [1 << 30], vectors[:1])
    assert len(again) == 499


def test_a_snapshot_that_does_not_fit_is_refused() -> None:
    files = _filled(10)[0].dump()
    for broken in ({}, {**files, "owners": files["owners"][:-4]}, {**files, "vectors": b"nonsense"}):
        with pytest.raises(IndexDamaged):
            FaissIndex.load(broken, DIMENSION)
    with pytest.raises(IndexDamaged):
        FaissIndex.load(files, DIMENSION + 1)


def test_an_empty_index_answers() -> None:
    index = FaissIndex(DIMENSION)
    assert index.search(np.zeros(DIMENSION, np.float32), 5) == []
    assert FaissIndex.load(index.dump(), DIMENSION).search(np.zeros(DIMENSION, np.float32), 5) == []


def test_vectors_are_given_back_as_they_came() -> None:
    index, vectors, _ = _filled(20)
    index.remove([4])
    given = index.get([2, 4, 20, 99])
    assert given.keys() == {2, 20}
    assert np.array_equal(given[2], vectors[1])
    assert np.array_equal(given[20], vectors[19])
