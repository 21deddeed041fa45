"""What could not be read is found by its name, its folders and what was seen of it, until it is read or
deleted; and names never push texts aside.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from index.keepers import TextKeeper
from index.query import Filters, Mode, Query
from index.search import Hit, Searcher
from store.records import Glimpse, Reading, Reason, State
from store.vault import Vault
from tests.support.homes import fast_folder, make_home, open_vault, put, throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, read_in, until

FILM = Glimpse(
    media_type="video/mp4", title="Voyage to the glacier", author="Imke Osterloh", created_at=1.7e9, pages=3
)


@pytest.fixture
def vault() -> Iterator[Vault]:
    with fast_folder() as folder, throwaway_vault(folder) as vault:
        yield vault


@pytest.fixture
def embedder() -> WordHashEmbedder:
    return WordHashEmbedder()


def unread(
    vault: Vault, locator: str, reason: Reason = Reason.UNSUPPORTED, seen: Glimpse | None = None
) -> str:
    item = put(vault, locator.encode(), locator).item
    vault.ledger.quarantine(item, reason, "it cannot be read", seen)
    return item


def ask(searcher: Searcher, query: str, mode: Mode = Mode.HYBRID, **filters: object) -> list[Hit]:
    asked = Query(query=query, mode=mode, filters=Filters(**filters))  # type: ignore[arg-type]
    return list(searcher.search(asked).hits)


def items(searcher: Searcher, query: str, mode: Mode = Mode.HYBRID) -> list[str]:
    return [hit.item for hit in ask(searcher, query, mode)]


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_leaves_an_item_to_be_found(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path, reason: Reason
) -> None:
    item = unread(vault, "Travels/Iceland2024/glacier_walk-part2.mp4", reason, FILM)
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        until(lambda: items(searcher, "glacier") == [item])
        for query in ("glacier walk", "Iceland", "iceland2024", "travel 2024", "voyage", "osterloh", "film"):
            assert items(searcher, query) == [item], query
        for query in ('"glacier walk"', "glacier_walk-part2.mp4", '"imke osterloh"', "mp4 -roof"):
            assert items(searcher, query, Mode.KEYWORD) == [item], query
        assert items(searcher, "glacier -walk") == []
        (hit,) = ask(searcher, "glacier", types=("video",), after=1.6e9)
        assert (hit.reason, hit.snippet, hit.offsets) == (reason, "glacier_walk-part2.mp4", (0, 0))
        assert [hit.snippet[start:end] for start, end in hit.highlights] == ["glacier"]
        assert (hit.title, hit.sent_at, hit.media_type) == ("Voyage to the glacier", 1.7e9, "video/mp4")
    assert vault.catalog.text(item) == ""
    assert vault.catalog.elements(item) == []
    assert vault.ledger.counts()[State.QUARANTINED] == 1
    assert vault.ledger.waiting(9) == 0
    assert vault.verify().problems == []


def test_from_quarantine_to_a_reading_and_to_its_deletion(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    item = unread(vault, "Plans/attic.pdf", Reason.NEEDS_PASSWORD, FILM)
    with indexing(vault, embedder, tmp_path / "index") as (refresher, searcher):
        until(lambda: items(searcher, "attic") == [item])
        vault.ledger.retry(item)
        assert items(searcher, "attic") == [item], "it is found while it waits"
        reading = Reading(media_type="application/pdf", text="The rafters are sound.", elements=())
        vault.catalog.save_reading(item, reading)
        until(lambda: items(searcher, "rafters", Mode.KEYWORD) == [item])
        until(lambda: vault.ledger.counts()[State.INDEXED] == 1)
        (hit,) = ask(searcher, "attic plans", Mode.KEYWORD)
        assert (hit.item, hit.reason, hit.snippet) == (item, None, "The rafters are sound.")
        assert items(searcher, "voyage", Mode.KEYWORD) == [], "the reading says what it is called"
        assert len(vault.catalog.passages_of(item)) == vault.catalog.passage_count() == 1
        receipt = vault.delete(item)
        refresher.forget()
        assert not any(receipt.residue.values())
        assert items(searcher, "attic rafters") == []
        assert refresher.text is not None
        assert len(refresher.text) == 0  # type: ignore[arg-type]


def test_a_name_that_says_it_all_is_not_buried_by_neighbours_in_meaning(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    """The vectors rank every passage there is, and an item without text is in none of them."""
    item = unread(vault, "salaries locked.pdf", Reason.NEEDS_PASSWORD)
    for number in range(30):
        read_in(vault, f"Paper number {number} about tiles, rafters and the weather.", f"{number}.txt")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        until(lambda: item in items(searcher, "locked salaries", Mode.KEYWORD))
        until(lambda: vault.ledger.counts()[State.INDEXED] == 30)
        assert items(searcher, "locked salaries")[0] == item


def test_a_deleted_one_is_found_by_nothing(vault: Vault, embedder: WordHashEmbedder, tmp_path: Path) -> None:
    item = unread(vault, "quuxberry.mp3", seen=FILM)
    with indexing(vault, embedder, tmp_path / "index") as (refresher, searcher):
        until(lambda: items(searcher, "quuxberry") == [item])
        receipt = vault.delete(item)
        refresher.forget()
        assert not any(receipt.residue.values())
        assert receipt.removed["passages"] == 1
        assert items(searcher, "quuxberry voyage") == []


def test_a_second_refusal_is_found_by_what_was_seen_then(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    item = unread(vault, "a.bin", Reason.TIMEOUT)
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        until(lambda: items(searcher, "bin") == [item])
        vault.ledger.retry(item)
        vault.ledger.quarantine(item, Reason.IMAGE_ONLY, "it holds pictures only", FILM)
        until(lambda: items(searcher, "voyage") == [item])
        assert [hit.reason for hit in ask(searcher, "bin")] == [Reason.IMAGE_ONLY]
        assert vault.catalog.passage_count() == 1


def test_what_was_read_once_keeps_its_text_when_a_second_reading_fails(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    item = read_in(vault, "The roof leaks.", "roof.txt")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        until(lambda: vault.ledger.counts()[State.INDEXED] == 1)
        vault.ledger.advance(item, State.STORED)
        vault.ledger.quarantine(item, Reason.PARSER_CRASH, "it died")
        (hit,) = ask(searcher, "leaks")
        assert (hit.item, hit.snippet, hit.reason) == (item, "The roof leaks.", Reason.PARSER_CRASH)


def test_a_reading_without_text_is_found_by_its_name(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    item = put(vault, b"x", "Holiday/slides.key").item
    vault.catalog.save_reading(item, Reading(media_type="application/zip", text="", elements=()))
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        until(lambda: items(searcher, "holiday slides") == [item])
        assert ask(searcher, "holiday")[0].reason is None
        assert vault.ledger.counts()[State.INDEXED] == 1


def test_members_are_found_by_their_folders_and_say_where_they_lie(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    archive = read_in(vault, "Members of the archive.", "all.zip")
    member = put(
        vault, b"x", f"{archive}/7/2026/Invoices/DepotKöln.pdf", source="attachment", parent=archive
    ).item
    vault.ledger.quarantine(member, Reason.IMAGE_ONLY, "it holds pictures only")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        for query in ("invoices", "invoice depot", "koln", "2026"):
            until(lambda query=query: items(searcher, query) == [member])  # type: ignore[misc]
        assert items(searcher, archive, Mode.KEYWORD) == []
    assert vault.catalog.item(member).path == "2026/Invoices/DepotKöln.pdf"
    assert vault.catalog.item(archive).path is None
    assert [child.path for child in vault.catalog.children(archive)] == ["2026/Invoices/DepotKöln.pdf"]


def test_snapshots_and_rebuilding_keep_them(tmp_path: Path, embedder: WordHashEmbedder) -> None:
    home = make_home(tmp_path / "home")
    with closing(open_vault(home)) as vault:
        first = unread(vault, "Music/overture.mp3", seen=FILM)
        with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
            until(lambda: items(searcher, "overture") == [first])
        assert vault.snapshots.load("text") is not None
    with closing(open_vault(home)) as vault:
        second = unread(vault, "Music/finale.mp3")
        with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
            until(lambda: set(items(searcher, "music")) == {first, second})
        vault.snapshots.discard("text")
        with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
            assert set(items(searcher, "music")) == {first, second}
            assert items(searcher, "voyage film") == [first]


def test_texts_come_before_names_that_say_as_much(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    text = "We met about the drainage of the orchard and agreed on a plan. The drainage is to be laid in May."
    read = read_in(vault, text, "minutes.txt")
    for number in range(20):
        read_in(
            vault, f"Another letter about matter {number}, which is of no interest here.", f"{number}.txt"
        )
    named = [unread(vault, f"drainage/orchard {number}.dwg") for number in range(5)]
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        until(lambda: vault.ledger.counts()[State.INDEXED] == 21)
        for mode in (Mode.KEYWORD, Mode.HYBRID):
            for query in ("drainage orchard", "drainage", "orchard", "plan for the drainage"):
                found = items(searcher, query, mode)
                assert found[0] == read, (mode, query)
        assert set(named) <= set(items(searcher, "drainage orchard", Mode.KEYWORD))


def test_it_is_found_by_word_at_once_among_much_that_waits(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    keeper = TextKeeper(vault, tmp_path / "index")
    for number in range(40):
        unread(vault, f"{number}.bin")
    assert vault.ledger.waiting(100) == 40
    while keeper.step():
        keeper.rest(threading.Event())
    assert vault.ledger.waiting(100) == 0
    assert keeper.index is not None
    assert len(keeper.index) == 40
