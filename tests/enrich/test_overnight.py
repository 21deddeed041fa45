"""Nights under a clock that the test moves: one digest a morning, whatever clock and machine do, and every
question asked again before it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from enrich.overnight import KEPT, Overnight
from index.errors import EmbedderDown, QueryError
from store.questions import Cited, Question
from store.records import Evidence, Item, Reason, State
from store.vault import Vault
from tests.support.findings import findings, start_run, store_indexed, store_read
from tests.support.homes import throwaway_vault

SIX = time(6)
DAY = date(2026, 3, 10)
MORNING = datetime.combine(DAY, SIX)
HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
STOP = threading.Event()


class Answering:
    """Stands in for the memory: notes what it is asked; what answers when, the test says."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.asked: list[tuple[str, date]] = []
        self.answers: dict[str, list[Cited]] = {}  # that changed
        self.failing: dict[str, Exception | None] = {}  # None: it is answered by less than there is

    def ask_again(self, asked: Question, morning: date) -> bool:
        self.asked.append((asked.question, morning))
        if asked.question in self.failing:
            error = self.failing[asked.question]
            if error is not None:
                raise error
            return False
        answer = self.answers.get(asked.question)
        changed = None if answer is None else morning
        self.vault.catalog.asked_again(asked, morning, changed=changed, answer=answer or ())
        return True


class Opened:
    """Indexes that are there, or are being opened."""

    def __init__(self) -> None:
        self.text: Any = object()
        self.vectors: Any = object()


class Nights:
    """A home, and a clock."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.now = MORNING - 5 * HOUR
        self.memory, self.indexes = Answering(vault), Opened()
        self.restart()

    def restart(self) -> None:
        """What was remembered in memory only is gone."""

        def like(item: Item) -> Sequence[Item]:
            return []

        self.overnight = Overnight(
            self.vault,
            self.memory,  # type: ignore[arg-type]
            self.indexes,
            SIX,
            like,
            lambda: self.now,
        )

    def until(self, moment: datetime) -> None:
        """Live to a moment, in steps as long as are asked for, and until nothing more is due then."""
        for steps in count():
            assert steps < 10_000
            pause = self.overnight.step(STOP)
            if pause and self.now >= moment:
                return
            self.now = min(max(moment, self.now), self.now + timedelta(seconds=pause))

    def jump(self, to: datetime) -> None:
        """The clock is moved, or the machine slept."""
        self.now = to
        self.until(to)

    def kept(self) -> list[date]:
        with self.vault._database.read() as connection:
            rows = connection.execute("SELECT day FROM digests ORDER BY id").fetchall()
        return [date.fromisoformat(day) for (day,) in rows]

    def stored(self, text: str, at: datetime) -> str:
        """A document that came in then and was read."""
        item = store_indexed(self.vault, text, f"{text}.txt")
        self.vault.catalog.save_findings(item, start_run(self.vault), findings(item, text))
        return self.came(item, at)

    def came(self, item: str, at: datetime) -> str:
        with self.vault._database.write() as connection:
            connection.execute("UPDATE items SET stored_at = ? WHERE id = ?", (at.timestamp(), item))
        return item


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with throwaway_vault(tmp_path) as vault:
        yield Nights(vault)


def items(actions: Sequence[Any]) -> list[str]:
    return [action.item for action in actions]


# -------------------- when


def test_each_morning_has_a_digest_at_its_hour(nights: Nights) -> None:
    nights.until(MORNING - timedelta(seconds=1))
    assert nights.kept() == [DAY - A_DAY]  # of the morning before the first start
    nights.until(MORNING)
    assert nights.kept() == [DAY - A_DAY, DAY]
    nights.until(MORNING + 2 * A_DAY)
    assert nights.kept() == [DAY + number * A_DAY for number in (-1, 0, 1, 2)]


def test_after_an_absence_there_is_one_that_tells_of_all_of_it(nights: Nights) -> None:
    nights.until(MORNING)
    before = nights.stored("Pay at once", MORNING + HOUR)
    nights.restart()
    nights.jump(MORNING + 9 * A_DAY + 3 * HOUR)
    assert nights.kept()[-2:] == [DAY, DAY + 9 * A_DAY]
    caught_up = nights.overnight.digest()
    assert caught_up.since == MORNING.timestamp()
    assert items(caught_up.new_actions) == [before]
    nights.until(MORNING + 10 * A_DAY)
    assert items(nights.overnight.digest().new_actions) == []


def test_a_clock_that_is_put_back_makes_nothing_twice(nights: Nights) -> None:
    nights.until(MORNING + 3 * A_DAY)
    kept = nights.kept()
    for back in (HOUR, 2 * A_DAY, 3 * A_DAY):
        nights.jump(MORNING + 3 * A_DAY - back)
        nights.restart()
        nights.jump(MORNING + 3 * A_DAY)
    assert nights.kept() == kept


def test_a_clock_that_ran_ahead_costs_no_morning(nights: Nights) -> None:
    nights.until(MORNING)
    nights.jump(MORNING + 3 * A_DAY + HOUR)  # it was wrong
    nights.jump(MORNING + HOUR)
    item = nights.stored("Pay at once", MORNING + 2 * A_DAY + HOUR)
    nights.until(MORNING + 4 * A_DAY)
    assert nights.kept()[-4:] == [DAY + number * A_DAY for number in (1, 2, 3, 4)]
    assert items(nights.overnight.digest(DAY + 3 * A_DAY).new_actions) == [item]
    assert nights.overnight.digest(DAY + 4 * A_DAY).since == (MORNING + 3 * A_DAY).timestamp()


def test_the_last_ones_are_kept(nights: Nights) -> None:
    for number in range(KEPT + 2):
        nights.jump(MORNING + number * A_DAY)
    assert nights.kept() == [DAY + number * A_DAY for number in range(2, KEPT + 2)]


# -------------------- what it tells


def test_a_kept_digest_stays_as_it_was_but_for_what_is_deleted(nights: Nights) -> None:
    one, two = (nights.stored(f"Pay {n}", MORNING - (n + 1) * HOUR) for n in range(2))
    live = nights.overnight.digest(DAY)
    nights.until(MORNING)
    assert nights.overnight.digest() == live
    nights.stored("Pay late", MORNING - 3 * HOUR)
    nights.vault.ledger.advance(one, State.STORED)
    assert nights.overnight.digest() == live
    nights.vault.delete(two)
    left = nights.overnight.digest()
    assert items(left.new_actions) == [one]
    assert [[item.id for item in moved.items] for moved in left.projects] == [[one]]
    assert two not in msgspec.json.encode(left).decode()
    assert left.arrived == 2


@pytest.mark.parametrize("ends", ["read", "quarantined"])
def test_it_waits_for_what_came_in_before_it(nights: Nights, ends: str) -> None:
    item = nights.came(store_read(nights.vault, "Pay at once", "a.txt"), MORNING - HOUR)
    nights.came(store_read(nights.vault, "Pay later", "b.txt"), MORNING + timedelta(seconds=1))
    nights.until(MORNING + HOUR)
    assert nights.kept()[-1] != DAY
    if ends == "read":
        nights.vault.ledger.advance(item, State.INDEXED)
        nights.vault.catalog.save_findings(item, start_run(nights.vault), findings(item, "Pay at once"))
    else:
        nights.vault.ledger.quarantine(item, Reason.PARSER_CRASH, "")
    nights.until(nights.now + timedelta(minutes=2))
    assert nights.kept()[-1] == DAY
    told = nights.overnight.digest()
    assert items(told.new_actions) == ([item] if ends == "read" else [])
    assert [one.id for one in told.unread] == ([] if ends == "read" else [item])


def test_it_does_not_wait_for_ever(nights: Nights) -> None:
    nights.came(store_read(nights.vault, "Pay at once", "a.txt"), MORNING - HOUR)
    nights.until(MORNING + 2 * HOUR - timedelta(minutes=1))
    assert nights.kept()[-1] != DAY
    nights.until(MORNING + 2 * HOUR + timedelta(minutes=1))
    assert nights.kept()[-1] == DAY


def test_what_another_version_kept_is_told_by_what_is_known_now(
    nights: Nights, caplog: pytest.LogCaptureFixture
) -> None:
    item = nights.stored("Pay the quokkafern", MORNING - HOUR)
    nights.until(MORNING)
    with nights.vault._database.write() as connection:
        connection.execute("UPDATE digest_lines SET content = '{\"quokkafern\": 1}'")
    assert items(nights.overnight.digest().new_actions) == [item]
    assert "not understood by this version" in caplog.text
    assert "quokkafern" not in caplog.text


# -------------------- questions


def remember(nights: Nights, *questions: str) -> None:
    for question in questions:
        nights.vault.catalog.remember_question(question, [], 99)


def test_questions_are_asked_again_in_the_night_once_each_the_last_first(nights: Nights) -> None:
    nights.until(MORNING - 4 * HOUR)
    remember(nights, "first", "second")
    nights.until(MORNING - 3 * HOUR - timedelta(minutes=1))
    assert nights.memory.asked == []
    nights.until(MORNING - 2 * HOUR)
    assert nights.memory.asked == [("second", DAY), ("first", DAY)]
    nights.until(MORNING + A_DAY)
    assert nights.memory.asked[2:] == [("second", DAY + A_DAY), ("first", DAY + A_DAY)]


def test_after_an_absence_they_are_asked_before_the_digest_once(nights: Nights) -> None:
    nights.until(MORNING - 4 * HOUR)
    remember(nights, "first", "second")
    nights.indexes.vectors = None
    nights.restart()
    nights.jump(MORNING + 5 * A_DAY)
    assert (nights.kept()[-1], nights.memory.asked) == (DAY - A_DAY, [])  # the model is not there yet
    nights.indexes.vectors = object()
    nights.until(nights.now + timedelta(minutes=1))
    assert nights.kept()[-1] == DAY + 5 * A_DAY
    assert nights.memory.asked == [("second", DAY + 5 * A_DAY), ("first", DAY + 5 * A_DAY)]


def test_a_restart_in_the_night_goes_on_where_it_was(nights: Nights) -> None:
    nights.until(MORNING - 4 * HOUR)
    remember(nights, "first", "second")
    nights.now = MORNING - 2 * HOUR
    nights.overnight.step(STOP)
    nights.restart()
    nights.until(MORNING)
    assert nights.memory.asked == [("second", DAY), ("first", DAY)]


@pytest.mark.parametrize("error", [None, QueryError("it is unknown"), EmbedderDown("it is away")])
def test_what_cannot_be_answered_holds_nothing_up_and_is_tried_again(
    nights: Nights, error: Exception | None
) -> None:
    nights.until(MORNING - 4 * HOUR)
    remember(nights, "good", "bad")
    nights.memory.failing["bad"] = error
    nights.until(MORNING)
    assert nights.kept()[-1] == DAY
    asked = [question for question, _ in nights.memory.asked]
    assert (asked[:2], asked.count("good")) == (["bad", "good"], 1)
    assert 3 <= asked.count("bad") <= 7
    del nights.memory.failing["bad"]
    nights.until(MORNING + A_DAY)
    assert nights.vault.catalog.unasked_questions(DAY + A_DAY) == []


def test_the_digest_tells_which_answers_changed_until_they_are_forgotten(nights: Nights) -> None:
    nights.until(MORNING - 4 * HOUR)
    item = nights.stored("The quokkafern is green", MORNING - 5 * HOUR)
    remember(nights, "what is red", "what is green")
    evidence = Evidence(start=0, end=14, text="The quokkafern")
    answer = Cited(item=item, title="The quokkafern is green.txt", evidence=evidence)
    nights.memory.answers["what is green"] = [answer]
    nights.until(MORNING)
    (told,) = nights.overnight.digest().answers
    assert (told.question, told.answer, told.answer_now) == ("what is green", [], [answer])
    nights.memory.answers.clear()
    nights.until(MORNING + A_DAY)
    assert nights.overnight.digest().answers == []
    assert nights.overnight.digest(DAY).answers == [told]
    nights.vault.catalog.forget_question(told.id)
    assert nights.overnight.digest(DAY).answers == []


@pytest.mark.parametrize("gone", ["item", "question"])
def test_nothing_is_told_of_an_answer_whose_document_is_deleted(nights: Nights, gone: str) -> None:
    nights.until(MORNING - 4 * HOUR)
    item = nights.stored("The quokkafern is green", MORNING - 5 * HOUR)
    remember(nights, "what is green")
    evidence = Evidence(start=0, end=14, text="The quokkafern")
    nights.memory.answers["what is green"] = [Cited(item=item, title="t", evidence=evidence)]
    nights.until(MORNING)
    if gone == "item":
        nights.vault.delete(item)
    else:
        nights.vault.catalog.forget_question(1)
    left = nights.overnight.digest(DAY)
    assert left.answers == []
    assert ("quokkafern" in msgspec.json.encode(left).decode()) == (gone == "question")
