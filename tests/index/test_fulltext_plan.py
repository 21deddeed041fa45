"""The k best whatever is asked beside the words: against a ranking of everything, sorted out by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from index import plan
from index.allowed import Allowed
from index.fulltext import TantivyIndex
from index.lexicon import TextDocument
from index.query import Wanted
from tests.support.asking import read

COUNT = 6_000
# A word's share of the passages; "late" and "even" tell of the number.
SHARES = {"common": 0.9, "usual": 0.5, "some": 0.2, "few": 0.02, "rare": 0.001}


@pytest.fixture(scope="module")
def texts() -> dict[int, str]:
    chance = random.Random(3)
    texts = {}
    for number in range(1, COUNT + 1):
        words = [word for word, share in SHARES.items() if chance.random() < share]
        words += chance.choices(["common", "usual", "other"], k=chance.randrange(12))
        words += ["even"] * (number % 2 == 0) + ["late"] * (number > COUNT - 300)
        chance.shuffle(words)
        texts[number] = " ".join(words)
    return texts


@pytest.fixture(scope="module")
def index(texts: dict[int, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[TantivyIndex]:
    index = TantivyIndex(tmp_path_factory.mktemp("index"))
    for first in range(1, COUNT, 1_500):
        index.add(
            TextDocument(
                passage=number, item=number, text=texts[number], name="",
                heading=None, title=None, sender=None,
                language="de" if number % 10 == 0 else "en",
            )
            for number in range(first, first + 1_500)
        )  # fmt: skip
        index.commit()
    yield index
    index.close()


def _filters() -> dict[str, set[int]]:
    chance = random.Random(4)
    everything = range(1, COUNT + 1)
    return {
        "one": {17},
        "some": set(chance.sample(everything, 40)),
        "many": set(chance.sample(everything, 1_500)),
        "most": set(chance.sample(everything, 5_500)),
        "odd": {number for number in everything if number % 2},
        "early": {number for number in everything if number <= COUNT - 300},
    }


FILTERS = _filters()


@pytest.mark.parametrize("query", ["common few", "rare some", "late", "even", "usual few late -rare"])
@pytest.mark.parametrize("allowed", FILTERS)
def test_under_a_filter_the_best_of_the_allowed_are_found(
    index: TantivyIndex, query: str, allowed: str
) -> None:
    passing = FILTERS[allowed]
    wanted = read(query)
    expected = [score for passage, score in index.search(wanted, COUNT) if passage in passing][:20]
    found = index.search(wanted, 20, Allowed(list(passing)))
    assert {passage for passage, _ in found} <= passing
    assert [score for _, score in found] == pytest.approx(expected)


def test_nothing_allowed_is_nothing_found(index: TantivyIndex) -> None:
    assert index.search(read("common"), 5, Allowed(())) == []


@pytest.mark.parametrize("few", [20_000, 100])
@pytest.mark.parametrize("allowed", [None, "some", "many", "odd"])
@pytest.mark.parametrize(
    "query",
    ['"usual common"', '"usual common" few', '"rare common"', "even OR late", "com* OR rare", "few* -even"],
)
def test_what_is_required_holds_and_no_passage_is_lost(
    index: TantivyIndex,
    texts: dict[int, str],
    query: str,
    allowed: str | None,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "_FEW_PASSAGES", few)  # of more, the newest come first
    passing = {number for number in texts if allowed is None or number in FILTERS[allowed]}
    wanted = read(query)
    holding = {number for number in passing if _holds(texts[number], wanted)}
    limit = Allowed(list(passing)) if allowed else None
    found = [passage for passage, _ in index.search(wanted, 30, limit)]
    assert len(set(found)) == len(found) == min(30, len(holding))
    assert set(found) <= holding
    assert index.keep(list(texts)[:500], wanted) == {
        number for number in list(texts)[:500] if _holds(texts[number], wanted)
    }


def _holds(text: str, wanted: Wanted) -> bool:
    def stands(piece: object) -> bool:
        written = getattr(piece, "text", "")
        return (
            f" {written}" in f" {text}" if getattr(piece, "prefix", False) else f" {written} " in f" {text} "
        )

    return all(any(map(stands, group)) for group in wanted.required) and not any(map(stands, wanted.without))


def test_of_very_frequent_phrases_the_newest_passages_are_found(
    index: TantivyIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_FEW_PASSAGES", 100)
    assert all(passage > COUNT // 2 for passage, _ in index.search(read('"common usual"'), 10))
