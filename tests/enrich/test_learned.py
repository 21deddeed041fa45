"""Heads learn a name from a few examples, say so of what is like them, and can say by which words."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.learned import Heads, Space, Sparse, learn
from enrich.traits import Traits, trait_ids, words

TOPICS = {
    "roof": ["slates", "gutter", "ridge", "tiles", "rafters", "roofer", "ladder", "chimney"],
    "bread": ["flour", "yeast", "oven", "dough", "sourdough", "crust", "baker", "rye"],
    "sea": ["harbour", "sail", "keel", "rudder", "anchor", "tide", "skipper", "mast"],
}
USUAL = [f"usual{number}" for number in range(60)]


def item(topic: str, chance: random.Random, *, vector: bool = True) -> Traits:
    """An item with three words of its topic among usual ones."""
    its = {*chance.sample(TOPICS[topic], 3), *chance.sample(USUAL, 15)}
    ids = np.unique(trait_ids(its))
    direction = np.array([chance.gauss(2.0 * (topic == name), 0.7) for name in TOPICS], np.float32)
    weights = np.ones(len(ids), np.float32)
    return Traits(ids, weights, direction / np.linalg.norm(direction) if vector else None)


@pytest.fixture(params=[True, False], ids=["meaning", "words only"])
def pool(request: pytest.FixtureRequest) -> list[tuple[str, Traits]]:
    chance = random.Random(1)
    topics = list(TOPICS) * 40
    return [(topic, item(topic, chance, vector=request.param)) for topic in topics]


Pool = list[tuple[str, Traits]]


def learned(pool: Pool, said: dict[int, dict[str, bool]], *, exclusive: bool = False) -> Heads:
    heads = learn(Space([seen for _, seen in pool]), said, list(TOPICS), exclusive=exclusive)
    assert heads is not None
    return heads


def judged(pool: Pool, heads: Heads) -> list[dict[str, float]]:
    """What is said of the last items."""
    space = Space([seen for _, seen in pool])
    return heads.chances(space.points([seen for _, seen in pool[60:]]))


def topics(pool: Pool, count: int) -> dict[int, dict[str, bool]]:
    """The first items, each with its topic for a name."""
    return {place: {topic: True} for place, (topic, _) in enumerate(pool[:count])}


def right(pool: Pool, heads: Heads) -> float:
    """How many of the last items have their topic as the likeliest name."""
    found = [max(chances, key=chances.__getitem__) for chances in judged(pool, heads)]
    return sum(name == topic for name, (topic, _) in zip(found, pool[60:], strict=True)) / len(found)


def test_a_few_examples_are_enough_and_more_are_better(pool: Pool) -> None:
    assert 0.6 < right(pool, learned(pool, topics(pool, 9))) < right(pool, learned(pool, topics(pool, 60)))


def test_heads_that_exclude_one_another_teach_themselves_from_what_nobody_named(pool: Pool) -> None:
    alone, further = (right(pool, learned(pool, topics(pool, 6), exclusive=more)) for more in (False, True))
    assert further > alone


def test_one_name_with_no_counter_example_is_not_given_to_everything(pool: Pool) -> None:
    said = {place: of for place, of in topics(pool, 15).items() if "roof" in of}
    chances = judged(pool, learned(pool, said))
    given = [topic for (topic, _), of in zip(pool[60:], chances, strict=True) if of["roof"] >= 0.5]
    assert given.count("roof") >= 0.7 * len(given) > 0


def test_what_is_of_no_name_is_given_none_where_names_exclude_one_another(pool: Pool) -> None:
    said = {place: of for place, of in topics(pool, 24).items() if "sea" not in of}
    given = [max(of.values()) >= 0.5 for of in judged(pool, learned(pool, said, exclusive=True))]
    at_sea = [its for its, (topic, _) in zip(given, pool[60:], strict=True) if topic == "sea"]
    assert sum(at_sea) / len(at_sea) <= 0.2
    assert (sum(given) - sum(at_sea)) / (len(given) - len(at_sea)) >= 0.6


def test_what_is_refused_becomes_less_likely(pool: Pool) -> None:
    name = pool[60][0]
    before, after = (
        judged(pool, learned(pool, topics(pool, 9) | refused))[0][name]
        for refused in ({}, {60: {name: False}})
    )
    assert after < before


def test_the_words_of_a_topic_speak_for_it_and_unknown_ones_say_nothing(pool: Pool) -> None:
    heads = learned(pool, topics(pool, 30))
    roof = heads.speak("roof", [*TOPICS["roof"], "neverseen"])
    assert roof[:-1].mean() > 0 == roof[-1]
    assert heads.speak("roof", TOPICS["bread"]).mean() < 0


def test_without_an_item_that_has_a_name_nothing_is_learned(pool: Pool) -> None:
    space = Space([seen for _, seen in pool])
    assert learn(space, {0: {"roof": False}}, ["roof"], exclusive=False) is None
    assert learn(space, {0: {"roof": True}}, ["bread"], exclusive=True) is None


@given(st.lists(st.lists(st.integers(0, 6), unique=True), min_size=1, max_size=5))
def test_sparse_rows_multiply_as_dense_ones(rows: list[list[int]]) -> None:
    dense = np.zeros((len(rows), 7), np.float32)
    for number, columns in enumerate(rows):
        dense[number, columns] = np.arange(1, len(columns) + 1)
    starts = np.cumsum([0, *map(len, rows)])
    columns = np.array([column for row in rows for column in row], np.intp)
    sparse = Sparse(starts, columns, dense[np.repeat(np.arange(len(rows)), np.diff(starts)), columns], 7)
    other = np.arange(14, dtype=np.float32).reshape(7, 2)
    weights = np.arange(2 * len(rows), dtype=np.float32).reshape(len(rows), 2)
    assert np.allclose(sparse.times(other), dense @ other)
    assert np.allclose(sparse.collected(weights), dense.T @ weights)
    assert np.allclose(sparse.gram(), dense @ dense.T)


def test_common_and_rare_columns_make_one_gram() -> None:
    chance = np.random.default_rng(2)
    often = np.array([0.9, 0.7, 0.5, 0.05, 0.03, 0.0])  # of 150 rows; the first three are common
    dense = (chance.random((150, 6)) < often) * chance.normal(size=(150, 6)).astype(np.float32)
    rows, columns = np.nonzero(dense)
    starts = np.searchsorted(rows, np.arange(151))
    assert np.allclose(Sparse(starts, columns, dense[rows, columns], 6).gram(), dense @ dense.T, atol=1e-5)


def test_words_are_lower_case_and_keep_what_joins_them() -> None:
    assert words("Ben's Roof-tiles, 3 a.m.; x@y.example!") == ["ben's", "roof-tiles", "a.m", "y.example"]
