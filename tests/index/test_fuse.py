"""Fusion: standing better never lowers, agreement wins, what resembles the first ones rises, chance never
orders, and what is explained adds up.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index.fuse import Fused, Half, Part, Ranking, Single, fuse, rerank

_SCORES = st.dictionaries(st.integers(1, 40), st.integers(1, 300).map(lambda n: n / 10), max_size=20)
_COSINES = st.dictionaries(st.integers(1, 40), st.integers(20, 100).map(lambda n: n / 100), max_size=20)
_NONE: dict[int, Half] = {}


def _ranking(scores: dict[int, float]) -> Ranking:
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def _order(fused: Fused) -> list[int]:
    return [fused.passages[row] for row in fused.order()]


def _unit(*numbers: float) -> Single:
    return np.array(numbers, np.float32) / np.float32(math.hypot(*numbers))


@given(_SCORES, _COSINES)
def test_every_passage_comes_once_and_the_best_first(
    words: dict[int, float], meaning: dict[int, float]
) -> None:
    fused = fuse(_ranking(words), _ranking(meaning), _NONE, _unit(1, 0))
    order = _order(fused)
    assert sorted(order) == sorted(words.keys() | meaning.keys())
    scores = [fused.score(passage) for passage in order]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1.0001 for score in scores)


@given(_SCORES, _COSINES)
def test_one_ranking_keeps_its_order(words: dict[int, float], meaning: dict[int, float]) -> None:
    by_word = _order(fuse(_ranking(words), None, _NONE, None))
    by_meaning = _order(fuse(None, _ranking(meaning), _NONE, _unit(1, 0)))
    assert [words[id] for id in by_word] == sorted(words.values(), reverse=True)
    assert [meaning[id] for id in by_meaning] == sorted(meaning.values(), reverse=True)


@given(_SCORES, _COSINES)
def test_who_is_first_in_both_is_first(words: dict[int, float], meaning: dict[int, float]) -> None:
    fused = fuse(_ranking(words | {99: 31.0}), _ranking(meaning | {99: 1.1}), _NONE, _unit(1, 0))
    assert _order(fused)[0] == 99
    assert fused.score(99) > 0.999


@given(_SCORES, _COSINES)
def test_the_says_of_a_passage_add_up(words: dict[int, float], meaning: dict[int, float]) -> None:
    fused = fuse(_ranking(words), _ranking(meaning), _NONE, _unit(1, 0))
    for passage in fused.passages:
        says = {say.part: say for say in fused.says(passage)}
        assert abs(sum(say.share for say in says.values()) - 1) < 0.001 or fused.score(passage) == 0
        assert (says[Part.WORDS].rank is None) == (passage not in words)
        assert (says[Part.MEANING].rank is None) == (passage not in meaning)
    if words:
        assert min(fused.says(id)[0].rank or 99 for id in words) == 1


def test_what_stands_out_in_one_part_beats_what_is_middling_in_both() -> None:
    words = [(1, 30.0), *((passage, 5.0 - passage / 10) for passage in range(2, 12))]
    meaning = [(1, 0.45), *((passage, 0.5 - passage / 100) for passage in range(2, 12))]
    assert _order(fuse(words, meaning, _NONE, _unit(1, 0)))[0] == 1


def test_a_passage_that_only_words_found_is_compared_with_the_question_all_the_same() -> None:
    vectors = {1: _unit(1, 0.1).astype(np.float16), 2: _unit(0, 1).astype(np.float16)}
    words, meaning = [(1, 3.0), (2, 3.0)], [(3, 0.4)]
    says = {id: fuse(words, meaning, vectors, _unit(1, 0)).says(id)[1] for id in (1, 2, 3)}
    assert [says[id].rank for id in (1, 3, 2)] == [1, 2, 3]


def test_what_resembles_the_first_ones_rises() -> None:
    middle = _unit(1, 1, 0)
    vectors = {
        1: _unit(1, 1.2, 0).astype(np.float16),  # the first
        2: _unit(1, 0, 0.9).astype(np.float16),  # as near to the question as 3
        3: _unit(1, 0.9, 0.4).astype(np.float16),  # and like the first
        4: _unit(0, 0, 1).astype(np.float16),
    }
    words, meaning = [(1, 9.0)], [(1, 0.9), (2, 0.601), (3, 0.6), (4, 0.2)]
    assert _order(fuse(words, meaning, _NONE, middle)) == [1, 2, 3, 4]
    fused = fuse(words, meaning, vectors, middle)
    assert _order(fused) == [1, 3, 2, 4]
    assert [say.part for say in fused.says(3)] == [Part.WORDS, Part.MEANING, Part.FEEDBACK]


@given(_SCORES, _COSINES, st.dictionaries(st.integers(1, 40), st.floats(-20, 20, width=32), max_size=20))
def test_a_cross_encoder_only_adds_and_only_to_what_it_read(
    words: dict[int, float], meaning: dict[int, float], read: dict[int, float]
) -> None:
    plain = fuse(_ranking(words), _ranking(meaning), _NONE, _unit(1, 0))
    fused = fuse(_ranking(words), _ranking(meaning), _NONE, _unit(1, 0))
    rerank(fused, read)
    gained = dict(zip(fused.passages, (fused.totals - plain.totals).tolist(), strict=True))
    assert all(gain >= 0 for gain in gained.values())
    assert all(gain == 0 for passage, gain in gained.items() if passage not in read)
    order = sorted((passage for passage in fused.passages if passage in read), key=lambda id: read[id])
    gains = [gained[passage] for passage in order]
    assert all(later >= earlier - 1e-4 for earlier, later in itertools.pairwise(gains))
    ranks = {id: {say.part: say.rank for say in fused.says(id)}[Part.RERANKED] for id in fused.passages}
    assert all((ranks[id] is None) == (id not in read) for id in fused.passages)


def test_a_cross_encoder_turns_over_what_all_others_say() -> None:
    words, meaning = [(1, 5.0), (2, 4.0), (3, 3.0)], [(1, 0.5), (2, 0.4), (3, 0.3)]
    fused = fuse(words, meaning, _NONE, _unit(1, 0))
    rerank(fused, {1: -8.0, 2: -7.0, 3: 6.0})
    assert _order(fused)[0] == 3


def test_nothing_found_is_nothing() -> None:
    fused = fuse([], [], _NONE, _unit(1, 0))
    assert fused.order() == []
    assert fused.perfect() == 0
