"""The vector index under any sequence of changes, and while it grows: nothing is lost, nothing removed comes
back, and nobody waits for it.
"""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from index.allowed import Allowed
from index.cells import Half, Single
from index.keepers import VectorKeeper
from index.vectors import FaissIndex, Growth
from store.records import NewPassage
from store.vault import Vault
from tests.support.homes import make_home, open_vault
from tests.support.indexing import WordHashEmbedder, read_in

DIMENSION = 8
ALL_CELLS = Growth(exact=40, again=2, segment=50, recall=1, asked=8)


def _units(count: int, seed: int, dimension: int = DIMENSION) -> Half:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    units: Half = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    return units


class AsExact(RuleBasedStateMachine):
    """An index that looks into all of its cells, beside a dictionary."""

    @initialize()
    def empty(self) -> None:
        self.index = FaissIndex(DIMENSION, ALL_CELLS)
        self.truth = dict[int, tuple[int, Half]]()
        self.next = 1

    @rule(count=st.integers(1, 60), seed=st.integers(0, 1 << 30))
    def add(self, count: int, seed: int) -> None:
        ids, vectors = range(self.next, self.next + count), _units(count, seed)
        self.next += count
        self._add(ids, vectors)

    @rule(seed=st.integers(0, 1 << 30), data=st.data())
    def add_again(self, seed: int, data: st.DataObject) -> None:
        """Of those that are in or were removed."""
        ids = data.draw(st.lists(st.integers(1, self.next), max_size=5, unique=True))
        self.next = max([self.next, *(id + 1 for id in ids)])
        self._add(ids, _units(len(ids), seed))

    def _add(self, ids: range | list[int], vectors: Half) -> None:
        items = [id // 4 + 1 for id in ids]
        self.index.add(ids, items, vectors)
        self.truth.update(zip(ids, zip(items, vectors, strict=True), strict=True))

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        first = data.draw(st.integers(1, self.next))
        gone = range(first, first + data.draw(st.sampled_from([1, 5, 60])))
        self.index.remove(gone)
        for id in gone:
            self.truth.pop(id, None)

    @rule()
    def grow(self) -> None:
        self.index.grow()
        assert not self.index.outgrown

    @rule()
    def save_and_load(self) -> None:
        self.index = FaissIndex.load(dict(self.index.dump()), DIMENSION, ALL_CELLS)

    @rule(seed=st.integers(0, 1 << 30), limit=st.integers(1, 30), share=st.sampled_from([0.02, 0.3, 1]))
    def search_some(self, seed: int, limit: int, share: float) -> None:
        chance = np.random.default_rng(seed)
        items = [item for item in range(1, self.next // 4 + 2) if chance.random() < share]
        self._compare(_units(1, seed)[0].astype(np.float32), limit, set(items))

    @invariant()
    def all_is_found(self) -> None:
        self._compare(np.full(DIMENSION, DIMENSION**-0.5, np.float32), 1000, None)

    @invariant()
    def all_is_given_back(self) -> None:
        given = self.index.get(range(self.next + 1))
        assert given.keys() == self.truth.keys()
        assert all((vector == self.truth[id][1]).all() for id, vector in given.items())
        assert self.index.owners(given) == {id: item for id, (item, _) in self.truth.items()}
        assert len(self.index) == len(self.truth)

    def _compare(self, question: Single, limit: int, items: set[int] | None) -> None:
        inside = {
            id: float(vector.astype(np.float32) @ question)
            for id, (item, vector) in self.truth.items()
            if items is None or item in items
        }
        found = self.index.search(question, limit, None if items is None else Allowed(list(items)))
        assert len(found) == len({id for id, _ in found}) == min(limit, len(inside))
        assert {id for id, _ in found} <= inside.keys()
        best = sorted(inside.values(), reverse=True)[:limit]
        assert np.allclose([score for _, score in found], best, atol=1e-5)


TestAsExact = pytest.mark.filterwarnings("default")(AsExact.TestCase)
TestAsExact.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


def _filled(count: int, growth: Growth, dimension: int = DIMENSION) -> tuple[FaissIndex, Half]:
    index, vectors = FaissIndex(dimension, growth), _units(count, 1, dimension)
    index.add(range(1, count + 1), [id // 20 + 1 for id in range(1, count + 1)], vectors)
    return index, vectors


def test_many_cells_find_what_a_comparison_with_all_finds() -> None:
    """On what is hard to divide: vectors in all directions alike."""
    index, vectors = _filled(6000, Growth(exact=1000, segment=2000, asked=100), 24)
    index.grow()
    assert 1 < index._cells.probes[0] < index.cells
    single, found, filtered = vectors.astype(np.float32), 0, 0
    half = Allowed(list(range(1, 302, 2)))
    odd = np.arange(1, 6001) // 20 % 2 == 0
    for question in _units(60, 5, 24).astype(np.float32):
        scores = single @ question
        best = set((np.argsort(-scores)[:10] + 1).tolist())
        found += len(best & {id for id, _ in index.search(question, 10)})
        best = set((np.argsort(-np.where(odd, scores, -2))[:10] + 1).tolist())
        filtered += len(best & {id for id, _ in index.search(question, 10, half)})
    assert found >= 0.95 * 600
    assert filtered >= 0.95 * 600


def test_few_allowed_passages_are_all_compared_wherever_they_are() -> None:
    index, vectors = _filled(6000, Growth(exact=1000, segment=2000, asked=100), 24)
    index.grow()
    items = Allowed([3, 77, 150])
    inside = [id for id in range(1, 6001) if id // 20 + 1 in (3, 77, 150)]
    for question in _units(20, 6, 24).astype(np.float32):
        scores = vectors[np.array(inside) - 1].astype(np.float32) @ question
        best = [inside[place] for place in np.argsort(-scores)[:10]]
        assert [id for id, _ in index.search(question, 10, items)] == best


def test_growing_is_stopped_and_goes_on() -> None:
    index, _ = _filled(2000, Growth(exact=100, segment=200, recall=1, asked=4))
    index.grow(stopped=lambda: True)
    assert index.outgrown
    left = [14]

    def stopped() -> bool:
        left[0] -= 1
        return left[0] <= 0

    index.grow(stopped)
    assert index.outgrown
    assert len(index.search(_units(1, 3)[0].astype(np.float32), 2000)) == 2000
    again = FaissIndex.load(index.dump(), DIMENSION, index._growth)  # in the middle of it
    for each in (index, again):
        each.grow()
        assert not each.outgrown
        assert len(each.search(_units(1, 3)[0].astype(np.float32), 2000)) == 2000


@pytest.mark.parametrize("when", [1, 7, 12])
def test_all_that_is_removed_while_it_grows_leaves_an_empty_index(when: int) -> None:
    """Before a round of k-means, before a question that measures it, and before a segment moves."""
    index, _ = _filled(600, Growth(exact=100, segment=200, recall=0.9, asked=4))
    asked = list[int]()

    def stopped() -> bool:
        asked.append(1)
        if len(asked) == when:
            index.remove(range(1, 601))
        return False

    index.grow(stopped)
    assert len(asked) >= when
    assert len(index) == 0
    index.grow()
    assert index.search(_units(1, 3)[0].astype(np.float32), 5) == []


def test_searches_additions_and_removals_go_on_while_it_grows() -> None:
    growth = Growth(exact=500, again=1, segment=300, recall=1, asked=8)
    index, vectors = _filled(3000, growth)
    added = _units(1500, 7)
    gone, wrong, done = set[int](), list[object](), threading.Event()

    def search() -> None:
        while not done.is_set():
            before = frozenset(gone)
            hits = index.search(vectors[0].astype(np.float32), 5000)
            ids = [id for id, _ in hits]
            if before & set(ids) or len(ids) != len(set(ids)) or 1 not in ids:
                wrong.append(hits)

    def change() -> None:
        for step in range(0, 1500, 50):
            ids = range(3001 + step, 3051 + step)
            index.add(ids, [id // 20 + 1 for id in ids], added[step : step + 50])
            out = range(2 + step, 32 + step)
            index.remove(out)
            gone.update(out)

    def grow() -> None:
        while not done.is_set():
            index.grow()

    threads = [threading.Thread(target=each) for each in (search, search, grow)]
    for thread in threads:
        thread.start()
    change()
    done.set()
    for thread in threads:
        thread.join()
    index.grow()
    assert wrong == []
    kept = set(range(1, 4501)) - gone
    assert {id for id, _ in index.search(vectors[0].astype(np.float32), 5000)} == kept
    assert index.get(kept).keys() == kept


# ------------------------------------------------------------------ by its keeper

SMALL = Growth(exact=60, again=2, segment=50, recall=1, asked=8)


def _keeper(vault: Vault, embedder: WordHashEmbedder) -> VectorKeeper:
    return VectorKeeper(vault, embedder, lambda: None, SMALL)


def _read_in(vault: Vault, *numbers: int) -> list[str]:
    """Items of twenty passages each."""
    items = [read_in(vault, f"Letter {number}.", f"{number}.txt") for number in numbers]
    for number, item in zip(numbers, items, strict=True):
        texts = [f"It speaks of thing{number}x{part}." for part in range(20)]
        vault.catalog.save_passages(item, [NewPassage(start=0, end=len(text), text=text) for text in texts])
    return items


def _work(keeper: VectorKeeper) -> FaissIndex:
    """Until nothing is left to do."""
    while keeper.step() or (keeper.index is not None and keeper.index.outgrown):
        if keeper._growing is not None:
            keeper._growing.join()
    assert keeper.index is not None
    return keeper.index


def test_the_keeper_lets_the_index_grow_and_opens_it_grown(tmp_path: Path) -> None:
    home, embedder = make_home(tmp_path / "home"), WordHashEmbedder()
    with closing(open_vault(home)) as vault:
        _read_in(vault, *range(8))
        keeper = _keeper(vault, embedder)
        index = _work(keeper)
        assert index.cells > 1
        assert len(index) == vault.catalog.passage_count() == embedder.embedded == 160
        keeper.settle()
        files = set((home / "snapshots").iterdir())
        keeper.settle()
        assert set((home / "snapshots").iterdir()) == files, "nothing changed"
        _read_in(vault, 8)
        _work(keeper)
        keeper.settle()
        assert set((home / "snapshots").iterdir()) & files, "all was written again"
        _read_in(vault, 9)
    with closing(open_vault(home)) as vault:
        keeper = _keeper(vault, embedder)
        assert keeper.step()
        assert keeper.index is not None
        assert keeper.index.cells == index.cells
        assert len(keeper.index) == vault.catalog.passage_count() == 200
        assert embedder.embedded == 200, "nothing is embedded twice"
        _work(keeper)


def test_a_kill_while_it_grows_loses_nothing(tmp_path: Path) -> None:
    home, embedder = make_home(tmp_path / "home"), WordHashEmbedder()
    with closing(open_vault(home)) as vault:
        items = _read_in(vault, *range(6))
        keeper = _keeper(vault, embedder)
        while keeper.step():
            keeper.settle()  # at any time
        vault.delete(items[3])  # and nobody forgets it in the index
    with closing(open_vault(home)) as vault:
        index = _work(_keeper(vault, embedder))
        assert len(index) == vault.catalog.passage_count() == 100
        assert embedder.embedded == 120
        question = embedder.embed_query("thing4x2.")
        (passage,) = (id for id, _ in index.search(question, 1))
        assert vault.catalog.numbers_of([passage]) == {passage: vault.catalog.item(items[4]).number}


def test_what_is_deleted_while_it_grows_is_gone_at_once(tmp_path: Path) -> None:
    with closing(open_vault(make_home(tmp_path / "home"))) as vault:
        items = _read_in(vault, *range(10))
        embedder = WordHashEmbedder()
        keeper = _keeper(vault, embedder)
        while keeper.step():
            pass
        assert keeper.index is not None
        for item in items[:4]:
            passages = set(vault.catalog.passage_ids([item]))
            vault.delete(item)
            keeper.forget()
            assert not passages & {id for id, _ in keeper.index.search(embedder.embed_query("speaks"), 500)}
        assert len(_work(keeper)) == 120


def test_what_comes_in_after_cells_were_made_is_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """However otherwise it lies than what they were made of."""
    monkeypatch.setattr("index.cells._LEAST", 1)
    index = FaissIndex(16, Growth(exact=500, again=100, segment=1000, recall=0.5, asked=8))
    noise = np.random.default_rng(2).standard_normal((4000, 16)).astype(np.float32)
    clumped = _units(8, 1, 16)[np.arange(4000) % 8] + 0.02 * noise
    index.add(range(4000), range(4000), clumped.astype(np.float16))
    index.grow()
    assert index.cells > 1
    for start in range(5000, 5400, 100):
        index.add(range(start, start + 100), range(100), _units(100, start, 16))
        index.grow()
    for question in _units(20, 4, 16).astype(np.float32):
        compared = {passage for passage, _ in index.search(question, 5000)}
        assert compared >= set(range(5000, 5400))
        assert len(compared) < 4400


def test_what_is_far_from_all_cells_is_compared_by_every_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few passages of another kind than the many of which the cells were made."""
    monkeypatch.setattr("index.cells._LEAST", 1)
    index = FaissIndex(16, Growth(exact=500, segment=1000, recall=0.5, asked=8))
    noise = np.random.default_rng(2).standard_normal((4000, 16)).astype(np.float32)
    many = _units(400, 1, 16)[np.arange(4000) % 400] + 0.02 * noise
    index.add(range(5000, 5060), range(5000, 5060), _units(60, 9, 16))
    index.add(range(4000), range(4000), many.astype(np.float16))
    index.grow()
    index = FaissIndex.load(index.dump(), 16)
    for question in _units(20, 4, 16).astype(np.float32):
        compared = {passage for passage, _ in index.search(question, 5000)}
        assert len(compared & set(range(5000, 5060))) >= 30  # the others have cells of their own
        assert len(compared) < 1000
