"""How fused passages become hits, without any index: dates, names, groups, copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.arrange import Found, apart, arrange, identifiers, only_codes, unread_first
from index.fuse import Fused, Part
from index.query import Piece, Wanted
from store.records import Item, Reason, State

NOW = 1.9e9
DAY = 86_400.0


def an_item(id: str, **fields: object) -> Item:
    given: dict[str, object] = {
        "id": id, "name": f"{id}.txt", "state": State.INDEXED, "size": 1, "stored_at": NOW, "family": id,
    }  # fmt: skip
    return Item(**(given | fields))  # type: ignore[arg-type]


def arranged(items: list[Item], points: list[float] | None = None, question: str = "roof") -> list[Found]:
    """Passage n is of item n; all have one point unless it is said."""
    fused = Fused(range(len(items)))
    given = np.array(points or [1.0] * len(items), np.float32)
    fused.give(Part.WORDS, given, given)
    return arrange(
        fused,
        {number: number for number in range(len(items))},
        dict(enumerate(items)),
        wanted=Wanted(words=tuple(question.split()), plain=question),
        held={},
        now=NOW,
        versions=False,
    )


def ids(found: list[Found]) -> list[str]:
    return [hit.item.id for hit in found]


def test_of_equal_ones_the_fresh_is_first_and_one_without_a_date_in_the_middle() -> None:
    old, new = an_item("old", created_at=NOW - 4000 * DAY), an_item("new", created_at=NOW - DAY)
    future = an_item("future", created_at=NOW + 900 * DAY)
    assert ids(arranged([old, an_item("undated"), new, future])) == ["future", "new", "undated", "old"]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.data())
def test_a_date_never_outweighs_a_tenth_of_a_point(tenths: list[int], data: st.DataObject) -> None:
    ages = data.draw(st.lists(st.integers(-10, 5000), min_size=len(tenths), max_size=len(tenths)))
    items = [an_item(str(number), created_at=NOW - age * DAY) for number, age in enumerate(ages)]
    points = [1 + tenth * 0.101 for tenth in tenths]
    order = [points[int(id)] for id in ids(arranged(items, points))]
    assert order == sorted(points, reverse=True)


def test_without_any_dates_nothing_changes() -> None:
    points = [0.5, 0.51, 0.49]
    assert ids(arranged([an_item(id) for id in "abc"], points)) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("question", "called"),
    [
        ("the roof", True),
        ("The Roof", True),
        ("re: the roof", True),
        ("roof", False),
        ("the roof plan", False),
    ],
)
def test_an_item_that_is_called_so_is_first(question: str, called: bool) -> None:
    items = [an_item("a"), an_item("b"), an_item("c", title="Re: The roof"), an_item("d", name="plan.pdf")]
    assert (ids(arranged(items, [9, 8, 1, 1], question))[0] == "c") is called
    assert ids(arranged(items, [9, 8, 1, 1], "plan.pdf"))[0] == "d"
    assert ids(arranged(items, [9, 8, 1, 1], "Plan"))[0] == "d"


def test_a_conversation_and_a_family_are_one_hit_each_by_its_best() -> None:
    items = [
        an_item("a", thread="t"), an_item("b", thread="t"), an_item("c", family="c"),
        an_item("d", family="c"), an_item("e"), an_item("f", superseded=True),
    ]  # fmt: skip
    found = arranged(items, [1, 3, 2, 1, 2.5, 9])
    assert [(hit.item.id, hit.passage, hit.more) for hit in found] == [("b", 1, 1), ("e", 4, 0), ("c", 2, 1)]


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 6))
def test_copies_go_behind_the_page_and_nothing_is_lost(kinds: list[int], page: int) -> None:
    found = [Found(an_item(str(number)), number, 0) for number in range(len(kinds))]
    vectors = {number: np.eye(4, dtype=np.float16)[kind] for number, kind in enumerate(kinds)}
    order = apart(found, vectors, page)
    assert sorted(hit.passage for hit in order) == list(range(len(kinds)))
    distinct = sum(min(2, kinds.count(kind)) for kind in set(kinds))
    first = [kinds[hit.passage] for hit in order[: min(page, distinct)]]
    assert max((first.count(kind) for kind in first), default=0) <= 2
    assert apart(found, {}, page) == found


def test_what_counts_as_an_identifier() -> None:
    words = (
        "INV-2024-0093",
        "TH/26/0392",
        "4711",
        "2024",
        "ww1",
        "BA2177X",
        "café",
        "A-12",
        "free-flight",
        "v1.2",
    )
    assert identifiers(Wanted(words=words)) == ["INV-2024-0093", "TH/26/0392", "BA2177X", "A-12", "v1.2"]
    assert only_codes(Wanted(words=("4711", "A-12")))
    assert not only_codes(Wanted(words=("4711", "invoice")))
    assert only_codes(Wanted(required=((Piece("2024 17"),),)))
    assert not only_codes(Wanted())


def test_what_could_not_be_read_is_first_where_it_is_first_by_word() -> None:
    items = {
        11: an_item("a", reason=Reason.ENCRYPTED),
        12: an_item("b"),
        13: an_item("c", reason=Reason.EMPTY),
    }
    owners = {1: 11, 2: 12, 3: 13}
    assert unread_first([1, 2, 3], owners, items) == {1}
    assert unread_first([2, 1, 3], owners, items) == set()
