"""Fusion: a better rank never lowers a score, agreement wins, order does not depend on chance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from index.fuse import fuse

_RANKING = st.lists(st.integers(0, 30), unique=True, max_size=20)
_RANKINGS = st.lists(st.tuples(st.floats(0.1, 3), _RANKING), max_size=4)


@given(_RANKINGS)
def test_every_id_comes_once_and_the_best_first(rankings: list[tuple[float, list[int]]]) -> None:
    fused = fuse(rankings)
    assert sorted(id for id, _ in fused) == sorted({id for _, ranking in rankings for id in ranking})
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


@given(_RANKING, st.floats(0.1, 3))
def test_one_ranking_keeps_its_order(ranking: list[int], weight: float) -> None:
    assert [id for id, _ in fuse([(weight, ranking)])] == ranking


@given(_RANKINGS, st.integers(31, 40))
def test_who_is_first_everywhere_is_first(rankings: list[tuple[float, list[int]]], best: int) -> None:
    assert fuse([(weight, [best, *ranking]) for weight, ranking in rankings] or [(1.0, [best])])[0][0] == best


@given(_RANKINGS)
def test_the_order_of_rankings_does_not_matter(rankings: list[tuple[float, list[int]]]) -> None:
    forward, backward = dict(fuse(rankings)), dict(fuse(reversed(rankings)))
    assert forward.keys() == backward.keys()
    assert all(abs(score - backward[id]) < 1e-12 for id, score in forward.items())
