"""Kept digests: as they were made, the last ones, and without a word of what was deleted or forgotten."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from store.digests import KeptDigest, Line
from store.vault import Vault
from tests.support.findings import store_read

DAY = date(2026, 3, 10)


def keep(vault: Vault, *lines: Line, day: date = DAY, most: int = 9) -> None:
    until = float(day.toordinal())
    vault.catalog.keep_digest(day, KeptDigest(until - 1, until, 7, lines), most)


def told(vault: Vault, day: date = DAY) -> list[tuple[str, str]]:
    kept = vault.catalog.kept_digest(day)
    assert kept is not None
    return [(line.part, line.content) for line in kept.lines]


def test_a_digest_comes_back_as_it_was_kept(vault: Vault) -> None:
    item = store_read(vault, "Fern", "fern.txt")
    keep(vault, Line("people", '"b"', frozenset({item})), Line("actions", '"a"', frozenset({item})))
    kept = vault.catalog.kept_digest(DAY)
    assert kept is not None
    assert (kept.since, kept.until, kept.arrived) == (DAY.toordinal() - 1, DAY.toordinal(), 7)
    assert told(vault) == [("people", '"b"'), ("actions", '"a"')]
    assert vault.catalog.kept_digest(DAY - timedelta(days=1)) is None


def test_a_line_goes_with_each_whose_words_it_holds(vault: Vault) -> None:
    one, two, three = (store_read(vault, f"Fern {n}", f"{n}.txt") for n in range(3))
    keep(
        vault,
        Line("a", "1", frozenset({one})),
        Line("a", "12", frozenset({one, two})),
        Line("a", "23", frozenset({two, three})),
    )
    receipt = vault.delete(one)
    assert told(vault) == [("a", "23")]
    assert receipt.removed["digest_lines"] == 2
    assert (receipt.residue["digest_sources"], receipt.residue["digest_lines"]) == (0, 0)
    vault.delete(three)
    assert told(vault) == []
    with vault._database.read() as connection:
        assert connection.execute("SELECT count(*) FROM digest_lines").fetchone() == (0,)


def test_a_line_goes_with_the_question_that_it_tells_of(vault: Vault) -> None:
    vault.catalog.remember_question("what is the quokkafern", [], 9)
    (asked,) = vault.catalog.questions()
    keep(vault, Line("answers", "q", question=asked.id))
    vault.catalog.forget_question(asked.id)
    assert told(vault) == []


def test_what_went_while_a_digest_was_made_is_left_out(vault: Vault) -> None:
    gone, stays = store_read(vault, "Fern", "a.txt"), store_read(vault, "Moss", "b.txt")
    vault.delete(gone)
    keep(
        vault,
        Line("a", "1", frozenset({gone, stays})),
        Line("a", "2", frozenset({stays})),
        Line("a", "3", frozenset({stays}), question=8),
    )
    assert told(vault) == [("a", "2")]


def test_the_last_ones_stay(vault: Vault) -> None:
    days = [DAY + timedelta(days=number) for number in range(4)]
    for day in days:
        keep(vault, day=day, most=2)
    assert [day for day in days if vault.catalog.kept_digest(day)] == days[2:]
    assert vault.catalog.told_until(days[3].toordinal()) == days[2].toordinal()
    assert vault.catalog.told_until(days[2].toordinal()) is None


@pytest.mark.parametrize("wrong", [5, -40])
def test_one_that_a_wrong_clock_made_does_not_count(vault: Vault, wrong: int) -> None:
    """Of two that were made in the wrong order the one of the later day is made anew when it is due."""
    keep(vault, day=DAY)
    keep(vault, day=DAY + timedelta(days=wrong))
    if wrong > 0:
        assert vault.catalog.has_digest(DAY + timedelta(days=wrong))
        keep(vault, day=DAY + timedelta(days=1))
    late = DAY + timedelta(days=max(wrong, 0))
    assert not vault.catalog.has_digest(late)
    assert vault.catalog.kept_digest(late) is not None
    keep(vault, day=late)
    assert vault.catalog.has_digest(late)
