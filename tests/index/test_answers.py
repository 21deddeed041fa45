"""Kept searches, what comes in anew, and what is like an item: real vault, real indexes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from index.allowed import Allowed
from index.answers import Answers
from index.errors import EmbedderDown, QueryError
from index.query import Filters, Mode, Query
from index.watch import Watcher
from store.records import State
from store.vault import Vault
from tests.support.findings import findings, start_run
from tests.support.homes import LIMITS, throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, read_in, until

ROOF = "The roof of Alder House leaks. Please send somebody to repair the slates before winter."
SLATES = "The slates of the roof were repaired before winter came to Alder House."
GARDEN = "The garden at Birch Lane needs a new fence."


class Desk:
    """A vault with its indexes, and what answers over them."""

    def __init__(self, vault: Vault, answers: Answers, watcher: Watcher, embedder: WordHashEmbedder) -> None:
        self.vault, self.answers, self.watcher, self.embedder = vault, answers, watcher, embedder

    def bring(self, text: str, name: str) -> str:
        item = read_in(self.vault, text, name)
        until(lambda: self.vault.catalog.item(item).state is State.INDEXED)
        return item

    def keep(self, name: str, query: str, mode: Mode = Mode.HYBRID, **filters: object) -> None:
        asked = Query(query=query, mode=mode, filters=Filters(**filters))  # type: ignore[arg-type]
        self.vault.catalog.keep_search(name, msgspec.json.encode(asked).decode(), 9)

    def told(self, name: str) -> list[str]:
        while self.watcher.step():
            pass
        return [item.id for item in self.vault.catalog.matches(name, 99, unseen=False)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    embedder = WordHashEmbedder()
    with throwaway_vault(tmp_path) as vault, indexing(vault, embedder, tmp_path / "index") as made:
        refresher, searcher = made
        answers = Answers(searcher, vault.catalog, refresher, embedder, LIMITS)
        yield Desk(vault, answers, Watcher(vault, answers.matching, refresher.flush), embedder)


def test_a_kept_search_tells_of_what_came_after_it_and_answers_it(desk: Desk) -> None:
    desk.bring(ROOF, "before.txt")
    desk.keep("roof", "roof slates winter")
    desk.keep("garden", "garden", Mode.KEYWORD)
    desk.keep("words", "roof garden", Mode.KEYWORD)
    roof, garden = desk.bring(SLATES, "roof.txt"), desk.bring(GARDEN, "garden.txt")
    assert desk.told("roof") == [roof]
    assert desk.told("garden") == [garden]
    assert desk.told("words") == []  # all words must stand together
    assert desk.vault.catalog.search_named("roof").unseen == 1


def test_conditions_alone_tell_of_all_that_meets_them_when_it_does(desk: Desk) -> None:
    desk.keep("invoices", "tag:invoice")
    desk.keep("texts", "type:text -from:ann")
    item = desk.bring("invoice of the roofer", "a.txt")
    assert desk.told("invoices") == []
    assert desk.told("texts") == [item]
    run = start_run(desk.vault)
    desk.vault.catalog.save_findings(item, run, findings(item, "invoice of the roofer"))
    assert desk.told("invoices") == [item]


def test_what_waits_for_the_model_is_told_when_it_is_back(desk: Desk) -> None:
    desk.keep("roof", "roof slates winter")
    item = desk.bring(SLATES, "roof.txt")
    desk.embedder.away = True
    with pytest.raises(EmbedderDown):
        desk.watcher.step()
    desk.embedder.away = False
    assert desk.told("roof") == [item]


def test_a_kept_search_that_is_no_longer_understood_stops_no_other(desk: Desk) -> None:
    desk.vault.catalog.keep_search("broken", '{"query": "\\"never closed"}', 9)
    desk.vault.catalog.keep_search("alien", '{"asked": 1}', 9)
    desk.keep("roof", "roof", Mode.KEYWORD)
    item = desk.bring(SLATES, "roof.txt")
    assert desk.told("roof") == [item]
    assert desk.told("broken") == []


def test_it_follows_the_ledger_until_it_is_stopped(desk: Desk) -> None:
    desk.keep("roof", "roof", Mode.KEYWORD)
    stop = threading.Event()
    thread = threading.Thread(target=desk.watcher.run, args=(stop,))
    thread.start()
    try:
        item = desk.bring(SLATES, "roof.txt")
        until(lambda: desk.vault.catalog.search_named("roof").unseen == 1)
        assert [each.id for each in desk.vault.catalog.matches("roof", 9, unseen=True)] == [item]
    finally:
        stop.set()
        desk.vault.ledger.poke()
        thread.join()


def test_news_are_the_newest_that_answer(desk: Desk) -> None:
    items = [desk.bring(f"{SLATES} Number {number}.", f"{number}.txt") for number in range(3)]
    desk.bring(GARDEN, "garden.txt")
    every = Allowed(desk.vault.catalog.numbers_after(0, 99))
    hits = desk.answers.news(Query(query="slates", mode=Mode.KEYWORD, limit=2), every)
    assert [hit.item for hit in hits] == [items[2], items[1]]
    assert "slates" in hits[0].snippet
    later = Allowed(desk.vault.catalog.numbers_after(desk.vault.catalog.item(items[1]).number, 99))
    assert [hit.item for hit in desk.answers.news(Query(query="slates"), later)] == [items[2]]
    assert desk.answers.news(Query(query="slates -number"), every) == ()
    desk.embedder.away = True
    assert [hit.item for hit in desk.answers.news(Query(query="slates"), later)] == [items[2]]
    with pytest.raises(QueryError):
        desk.answers.check(Query(query='"open'))


@pytest.mark.parametrize("embedded", [True, False])
def test_more_like_an_item_leaves_itself_and_its_versions_out(desk: Desk, embedded: bool) -> None:
    like = desk.bring(SLATES, "roof slates 2.txt")
    desk.bring(GARDEN, "garden.txt")
    if not embedded:
        desk.embedder.away = True
        item = read_in(desk.vault, ROOF, "roof slates.txt")
        until(lambda: desk.vault.catalog.unchunked(1) == [])
    else:
        former = desk.bring(ROOF, "roof slates.txt")
        item = read_in(desk.vault, ROOF + " Soon.", "roof slates.txt", new_version=True)
        until(lambda: desk.vault.catalog.item(item).state is State.INDEXED)
        assert desk.vault.catalog.item(item).family == desk.vault.catalog.item(former).family
    found = desk.answers.similar(desk.vault.catalog.item(item), 5)
    assert [hit.item for hit in found.hits][:1] == [like]
    assert item not in [hit.item for hit in found.hits]
    assert (found.mode is Mode.SEMANTIC) == embedded
