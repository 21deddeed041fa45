"""What is remembered of a question, and when its answer is another one: by the words of the documents,
whoever put the answer into his own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from appliance import render_search
from enrich.ask import Answer, Asker, Citation, Said
from enrich.extract import Extractor
from enrich.memory import Memory, is_another
from index.refresh import Refresher
from index.search import Searcher
from policy.limits import Limits
from store.errors import StoreFull
from store.questions import Cited, Question
from store.records import Evidence
from store.vault import Vault
from tests.support.homes import LIMITS, throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, read_in, until

FIRST, SECOND = date(2026, 3, 10), date(2026, 3, 11)
QUESTION = "when is the scaffold of the mill ordered"
ROOF = "The slater came on Monday. The scaffold of the mill is ordered by 13 March."
MOVED = "Dear Tom,\n\nthe scaffold of the mill is now ordered by 20 April."


class Home:
    """Documents that are asked, and remembered questions."""

    def __init__(self, vault: Vault, refresher: Refresher, searcher: Searcher) -> None:
        self.vault = vault
        self.embedder = WordHashEmbedder()
        self.refresher = refresher
        asker = Asker(searcher, Extractor(refresher, self.embedder, LIMITS), None)
        self.memory = Memory(vault.catalog, asker, LIMITS)

    def take_in(self, text: str, name: str) -> str:
        """Store a document and wait until it is found."""
        item = read_in(self.vault, text, name)
        catalog = self.vault.catalog
        until(lambda: not catalog.unchunked(9) and not catalog.unembedded(WordHashEmbedder.identity, 9))
        until(lambda: self.vault.catalog.passage_ids([item]) != [])
        self.refresher.flush()
        return item

    def ask(self, question: str = QUESTION) -> Answer:
        return self.memory.ask(question, threading.Event())

    def again(self, morning: date) -> Question:
        """Ask the one question again; how it stands then."""
        (asked,) = self.vault.catalog.questions()
        assert self.memory.ask_again(asked, morning)
        (asked,) = self.vault.catalog.questions()
        return asked


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with (
        throwaway_vault(tmp_path) as vault,
        indexing(vault, WordHashEmbedder(), tmp_path / "index") as (refresher, searcher),
    ):
        made = Home(vault, refresher, searcher)
        made.take_in("The swallows above the door are protected until the 20th of June.", "birds.txt")
        yield made


def words(answer: list[Cited]) -> list[str]:
    return [one.evidence.text for one in answer]


def test_an_answer_changes_when_a_document_arrives_and_back_when_it_goes(home: Home) -> None:
    assert home.ask().sentences == ()
    assert (home.again(FIRST).found, home.again(FIRST).changed) == (0, None)
    item = home.take_in(ROOF, "roof.txt")
    found = home.again(SECOND)
    assert (found.answer, found.changed) == ([], SECOND.isoformat())
    assert words(found.answer_now) == ["The scaffold of the mill is ordered by 13 March."]
    text = home.vault.catalog.text(item)
    evidence = found.answer_now[0].evidence
    assert text[evidence.start : evidence.end] == evidence.text
    home.vault.delete(item)
    home.refresher.forget()
    gone = home.again(SECOND)
    assert (gone.changed, gone.answer_now) == (None, [])


def test_what_was_found_and_is_no_more_is_told(home: Home) -> None:
    item = home.take_in(ROOF, "roof.txt")
    assert home.ask().sentences
    home.vault.delete(item)
    home.refresher.forget()
    found = home.again(FIRST)
    assert (found.found, found.answer, found.answer_now) == (1, [], [])
    assert found.changed == FIRST.isoformat()


def test_a_change_is_of_the_morning_that_found_it_until_it_changes_again(home: Home) -> None:
    home.take_in(ROOF, "roof.txt")
    home.ask()
    home.take_in(MOVED, "moved.txt")
    assert home.again(FIRST).changed == FIRST.isoformat()
    assert home.again(SECOND).changed == FIRST.isoformat()
    home.take_in("Tom says: the scaffold of the mill is ordered by 7 May, not before.", "third.txt")
    assert home.again(SECOND).changed == SECOND.isoformat()
    home.ask()
    asked = home.again(SECOND)
    assert (asked.changed, asked.answer_now) == (None, [])
    assert any("7 May" in one for one in words(asked.answer))


def test_a_copy_says_nothing_new(home: Home) -> None:
    home.take_in(ROOF, "roof.txt")
    home.ask()
    home.take_in("A copy of the letter.\n\n" + ROOF.replace("of the mill", "of the\nmill"), "copy.txt")
    assert home.again(FIRST).changed is None


def question(*texts: str, found: int | None = None) -> Question:
    answer = [one(text) for text in texts]
    return Question(
        id=1,
        question="?",
        asked_at=0.0,
        found=len(texts) if found is None else found,
        answer=answer,
        looked_at=None,
        changed=None,
        answer_now=[],
    )


def one(text: str, item: str = "a", start: int = 0) -> Cited:
    evidence = Evidence(start=start, end=start + len(text), text=text)
    return Cited(item=item, title=item, evidence=evidence)


@pytest.mark.parametrize(
    ("before", "now", "another"),
    [
        (question(), [], False),
        (question("It is red.", "It is old."), [one("It is old."), one("It is red.", "b", 7)], False),
        (question("It is red.", "It is old."), [one("it is\n RED.")], False),
        (question("It is red."), [one("It is red."), one("It is old.")], True),
        (question("It is red."), [one("It is blue.")], True),
        (question("It is red."), [], True),
        (question(), [one("It is red.")], True),
        (question(found=1), [], True),  # what answered it was deleted
    ],
)
def test_an_answer_is_another_one_by_what_it_says(before: Question, now: list[Cited], another: bool) -> None:
    assert is_another(before, now) is another


class Saying:
    """An asker that says what it is told to, in its own words."""

    def __init__(self, *cited: tuple[str, str, str], degraded: str | None = None) -> None:
        self.cited, self.degraded = cited, degraded
        self.urgent: list[bool] = []

    def ask(self, question: str, cancelled: object = None, *, urgent: bool = True) -> Answer:
        self.urgent.append(urgent)
        said = []
        for item, text, part in self.cited:
            start = text.index(part)
            citation = Citation(item=item, title="t", start=start, end=start + len(part), text=part)
            said.append(Said(text="Spoken freely.", citation=citation))
        return Answer(sentences=tuple(said), reader="llm:x", passages=1, took_ms=1, degraded=self.degraded)


def remembering(vault: Vault, saying: Saying) -> Memory:
    return Memory(vault.catalog, saying, Limits(kept_questions=2))  # type: ignore[arg-type]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as opened:
        yield opened


def test_whole_sentences_are_remembered_and_not_what_a_model_made_of_them(vault: Vault) -> None:
    item = read_in(vault, ROOF, "roof.txt")
    quotes = [(item, ROOF, "ordered by 13 March"), (item, ROOF, "The scaffold of the mill")]
    remembering(vault, Saying(*quotes)).ask(" when \n is it ", threading.Event())
    (asked,) = vault.catalog.questions()
    assert (asked.question, asked.found) == ("when is it", 1)
    assert words(asked.answer) == ["The scaffold of the mill is ordered by 13 March."]
    again = Saying((item, ROOF, "is ordered by 13"))
    assert remembering(vault, again).ask_again(asked, FIRST)
    assert again.urgent == [False]
    assert vault.catalog.questions()[0].changed is None


def test_an_answer_that_is_less_than_it_should_be_is_not_compared(vault: Vault) -> None:
    item = read_in(vault, ROOF, "roof.txt")
    remembering(vault, Saying((item, ROOF, "13 March"))).ask("when is it", threading.Event())
    (asked,) = vault.catalog.questions()
    assert not remembering(vault, Saying(degraded="searched by word only")).ask_again(asked, FIRST)
    assert vault.catalog.unasked_questions(FIRST) == [asked]


def test_what_nobody_waits_for_and_what_is_nothing_is_not_remembered(vault: Vault) -> None:
    gone = threading.Event()
    gone.set()
    remembering(vault, Saying()).ask("when is it", gone)
    remembering(vault, Saying()).ask(" \n", threading.Event())
    assert vault.catalog.questions() == []


def test_an_answer_comes_although_it_cannot_be_remembered_and_no_log_tells_of_it(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise StoreFull("the disk is full")

    monkeypatch.setattr(vault.catalog, "remember_question", full)
    with caplog.at_level(logging.DEBUG):
        answer = remembering(vault, Saying()).ask("where is the quokkafern", threading.Event())
    assert answer.reader == "llm:x"
    assert "StoreFull" in caplog.text
    assert "quokkafern" not in caplog.text


def test_what_was_asked_is_shown_inert_with_both_answers() -> None:
    changed = msgspec.structs.replace(
        question("It is\nred."), changed="2026-03-10", answer_now=[one("Blue\x07.")]
    )
    gone = msgspec.structs.replace(question(found=1), question="when\x1b[2J?")
    never = msgspec.structs.replace(question(), changed="2026-03-11", answer_now=[one("Old.")])
    told = render_search.questions(msgspec.to_builtins([changed, gone, never])).splitlines()
    assert [line.strip() for line in told] == [
        "1  1970-01-01  ?",
        "then: “It is red.”  a",
        "by 2026-03-10: “Blue.”  a",
        "1  1970-01-01  when[2J?",
        "only in what was deleted",
        "1  1970-01-01  ?",
        "then: not found in your documents",
        "by 2026-03-11: “Old.”  a",
    ]
