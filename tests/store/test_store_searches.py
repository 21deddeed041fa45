"""Kept searches: which items they are to be asked of, what answered them, and what the owner has seen."""

from __future__ import annotations

import pytest

from store.errors import NoSuchSearch, StoreError
from store.records import Reason
from store.vault import Vault
from tests.support.findings import findings, start_run, store_indexed
from tests.support.homes import put


def number(vault: Vault, item: str) -> int:
    return vault.catalog.item(item).number


def test_kept_searches_are_asked_of_what_came_after_them(vault: Vault) -> None:
    old = store_indexed(vault, "old", "a")
    kept = vault.catalog.keep_search("roof", '{"query": "roof"}', most=5)
    assert (kept.name, kept.query, kept.unseen) == ("roof", '{"query": "roof"}', 0)
    vault.ledger.retry(old)
    assert vault.catalog.unwatched(10) == {}
    new = store_indexed(vault, "new", "b")
    assert list(vault.catalog.unwatched(10).values()) == [number(vault, new)]


def test_nothing_is_noted_without_a_kept_search(vault: Vault) -> None:
    store_indexed(vault, "new", "b")
    assert vault.catalog.unwatched(10) == {}


@pytest.mark.parametrize("what", ["findings", "quarantine"])
def test_what_becomes_known_while_they_are_asked_is_asked_again(vault: Vault, what: str) -> None:
    vault.catalog.keep_search("roof", "{}", most=5)
    if what == "findings":
        item = store_indexed(vault, "new words", "b")
        asked = vault.catalog.unwatched(10)
        vault.catalog.save_findings(item, start_run(vault), findings(item, "new words"))
    else:
        item = put(vault, b"x", "bad").item
        asked = vault.catalog.unwatched(10)
        vault.ledger.quarantine(item, Reason.PARSER_CRASH, "it crashed")
    vault.catalog.save_matches(asked, {})
    again = vault.catalog.unwatched(10)
    assert list(again.values()) == [number(vault, item)]
    vault.catalog.save_matches(again, {})
    assert vault.catalog.unwatched(10) == {}


def test_a_match_is_told_once_until_it_is_seen(vault: Vault) -> None:
    kept = vault.catalog.keep_search("roof", "{}", most=5)
    one, two = store_indexed(vault, "one", "a"), store_indexed(vault, "two", "b")
    for _ in range(2):
        vault.catalog.save_matches([], {kept.id: [number(vault, one), number(vault, two)], 99: [1]})
    assert [item.id for item in vault.catalog.matches("roof", 10, unseen=True)] == [two, one]
    assert vault.catalog.search_named("roof").unseen == 2
    vault.catalog.mark_seen("roof")
    assert vault.catalog.matches("roof", 10, unseen=True) == []
    assert [item.id for item in vault.catalog.matches("roof", 1, unseen=False)] == [two]
    vault.catalog.save_matches([], {kept.id: [number(vault, one)]})
    assert vault.catalog.search_named("roof").unseen == 0
    vault.delete(two)
    assert [item.id for item in vault.catalog.matches("roof", 10, unseen=False)] == [one]


def test_names_are_told_apart_and_bounded(vault: Vault) -> None:
    vault.catalog.keep_search("a", "{}", most=2)
    with pytest.raises(StoreError, match="a search of this name"):
        vault.catalog.keep_search("a", "{}", most=2)
    vault.catalog.keep_search("b", "{}", most=2)
    with pytest.raises(StoreError, match="2 kept searches"):
        vault.catalog.keep_search("c", "{}", most=2)
    vault.catalog.forget_search("a")
    assert [kept.name for kept in vault.catalog.searches()] == ["b"]
    for ask in (vault.catalog.search_named, vault.catalog.forget_search, vault.catalog.mark_seen):
        with pytest.raises(NoSuchSearch, match="strongroom searches"):
            ask("a")
