"""Remembered questions: what answered them then and now, how many there may be, and what goes with what."""

from __future__ import annotations

from datetime import date

import pytest

from store.errors import NoSuchQuestion
from store.questions import Cited, Question
from store.records import Evidence
from store.vault import Vault
from tests.support.findings import span, store_read

FIRST, SECOND = date(2026, 3, 10), date(2026, 3, 11)
TEXT = "The quokkafern is green. It wants water."


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says; the last one."""
    said = [1000.0]
    monkeypatch.setattr("store.questions.time.time", lambda: said[-1])
    return said


def cited(item: str, part: str, text: str = TEXT) -> Cited:
    return Cited(item=item, title=f"{item[:4]}.txt", evidence=span(text, part))


def said(answer: list[Cited]) -> list[tuple[str, Evidence]]:
    return [(one.item, one.evidence) for one in answer]


def only(vault: Vault) -> Question:
    (question,) = vault.catalog.questions()
    return question


def test_a_question_is_remembered_with_what_answered_it(vault: Vault, times: list[float]) -> None:
    item = store_read(vault, TEXT, "fern.txt")
    answer = [cited(item, "It wants water."), cited(item, "The quokkafern is green.")]
    vault.catalog.remember_question("how is it", answer, 9)
    found = only(vault)
    assert (found.question, found.asked_at, found.found) == ("how is it", 1000.0, 2)
    assert said(found.answer) == said(answer)
    assert {one.title for one in found.answer} == {"fern.txt"}
    assert (found.looked_at, found.changed, found.answer_now) == (None, None, [])


def test_what_is_asked_once_more_has_its_last_answer_only(vault: Vault, times: list[float]) -> None:
    item = store_read(vault, TEXT, "fern.txt")
    vault.catalog.remember_question("how is it", [cited(item, "It wants water.")], 9)
    before = only(vault)
    vault.catalog.asked_again(before, FIRST, changed=FIRST, answer=[cited(item, "The quokkafern")])
    times.append(2000.0)
    vault.catalog.remember_question("how is it", [], 9)
    found = only(vault)
    assert (found.id, found.asked_at, found.found, found.answer) == (before.id, 2000.0, 0, [])
    assert (found.looked_at, found.changed, found.answer_now) == (None, None, [])


def test_the_last_ones_stay_whatever_the_clock_does(vault: Vault, times: list[float]) -> None:
    for number, at in enumerate((10.0, 30.0, 20.0, 5.0)):
        times.append(at)
        vault.catalog.remember_question(f"question {number}", [], 2)
    assert [one.question for one in vault.catalog.questions()] == ["question 1", "question 3"]


def test_each_is_to_be_asked_again_once_a_morning(vault: Vault, times: list[float]) -> None:
    for name in ("one", "two"):
        times.append(times[-1] + 1)
        vault.catalog.remember_question(name, [], 9)
    two, one = vault.catalog.unasked_questions(FIRST)
    assert (two.question, one.question) == ("two", "one")
    vault.catalog.asked_again(two, FIRST, changed=None)
    assert [each.question for each in vault.catalog.unasked_questions(FIRST)] == ["one"]
    assert [each.question for each in vault.catalog.unasked_questions(SECOND)] == ["two", "one"]


def test_a_changed_answer_stands_beside_the_first_until_it_is_as_it_was(vault: Vault) -> None:
    item = store_read(vault, TEXT, "fern.txt")
    vault.catalog.remember_question("how is it", [cited(item, "It wants water.")], 9)
    vault.catalog.asked_again(only(vault), FIRST, changed=FIRST, answer=[cited(item, "The quokkafern")])
    found = only(vault)
    assert (found.changed, found.found) == ("2026-03-10", 1)
    assert [one.evidence.text for one in found.answer] == ["It wants water."]
    assert [one.evidence.text for one in found.answer_now] == ["The quokkafern"]
    assert vault.catalog.questions(changed=FIRST) == [found]
    assert vault.catalog.questions(changed=SECOND) == []
    vault.catalog.asked_again(found, SECOND, changed=None)
    again = only(vault)
    assert (again.changed, again.answer_now, again.answer) == (None, [], found.answer)


@pytest.mark.parametrize("meanwhile", ["asked", "forgotten"])
def test_what_happened_while_it_was_asked_again_stands(
    vault: Vault, times: list[float], meanwhile: str
) -> None:
    item = store_read(vault, TEXT, "fern.txt")
    vault.catalog.remember_question("how is it", [], 9)
    old = only(vault)
    times.append(2000.0)
    if meanwhile == "asked":
        vault.catalog.remember_question("how is it", [], 9)
    else:
        vault.catalog.forget_question(old.id)
    before = vault.catalog.questions()
    vault.catalog.asked_again(old, FIRST, changed=FIRST, answer=[cited(item, "It wants water.")])
    assert vault.catalog.questions() == before


def test_nothing_of_a_deleted_item_is_left_in_an_answer(vault: Vault) -> None:
    gone, stays = store_read(vault, TEXT, "fern.txt"), store_read(vault, TEXT + " Too.", "copy.txt")
    answer = [cited(gone, "It wants water."), cited(stays, "It wants water.")]
    vault.catalog.remember_question("how is it", answer, 9)
    vault.catalog.asked_again(only(vault), FIRST, changed=FIRST, answer=[cited(gone, "The quokkafern")])
    receipt = vault.delete(gone)
    assert (receipt.removed["cited"], receipt.residue["cited"]) == (2, 0)
    found = only(vault)
    assert (said(found.answer), found.found, found.answer_now) == (said(answer[1:]), 2, [])
    vault.catalog.remember_question("how is it", answer, 9)
    assert said(only(vault).answer) == said(answer[1:])  # it went before the answer could be remembered


def test_a_question_is_forgotten_with_its_answers(vault: Vault) -> None:
    item = store_read(vault, TEXT, "fern.txt")
    vault.catalog.remember_question("how is it", [cited(item, "It wants water.")], 9)
    vault.catalog.forget_question(only(vault).id)
    with vault._database.read() as connection:
        for table in ("questions", "cited"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    with pytest.raises(NoSuchQuestion, match="strongroom questions"):
        vault.catalog.forget_question(1)
