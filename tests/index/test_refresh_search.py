"""From the ledger to the hit: real vault, real indexes; what is found, forgotten, replayed and said when less
than was asked could be done.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from index.errors import EmbedderDown, IndexDamaged, QueryError
from index.fulltext import TantivyIndex
from index.keepers import TextKeeper
from index.query import Filters, Mode, Query
from index.search import Hit, Searcher
from store.records import Address, MailHeader, Reading, State
from store.vault import Vault
from tests.support.asking import read
from tests.support.homes import make_home, open_vault, throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, read_in, until

ROOF = "The roof of Alder House leaks.\n\nPlease send somebody to repair the slates before winter."
GARDEN = "The garden at Birch Lane needs a new fence.\n\nThe old fence fell in the storm."


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as vault:
        yield vault


@pytest.fixture
def embedder() -> WordHashEmbedder:
    return WordHashEmbedder()


def _hits(searcher: Searcher, query: str, mode: Mode = Mode.HYBRID, **filters: object) -> list[Hit]:
    return list(searcher.search(Query(query=query, mode=mode, filters=Filters(**filters))).hits)  # type: ignore[arg-type]


def _items(searcher: Searcher, query: str, mode: Mode = Mode.HYBRID, **filters: object) -> set[str]:
    return {hit.item for hit in _hits(searcher, query, mode, **filters)}


def _indexed(vault: Vault, count: int) -> None:
    until(lambda: vault.ledger.counts()[State.INDEXED] == count)


def test_a_document_is_found_and_every_claim_opens_at_its_offset(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    item = read_in(vault, ROOF, "roof.txt", title="Letter about the roof", created_at=1.7e9)
    read_in(vault, GARDEN, "garden.txt")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        _indexed(vault, 2)
        for mode in Mode:
            hit = _hits(searcher, "somebody repair slates winter", mode)[0]
            assert hit.item == item
            text = vault.catalog.text(item)
            assert text[slice(*hit.offsets)] == vault.catalog.passages([hit.passage])[hit.passage].text
            assert text[hit.snippet_start : hit.snippet_start + len(hit.snippet)] == hit.snippet
            assert {hit.snippet[start:end] for start, end in hit.highlights} == {
                "somebody",
                "repair",
                "slates",
                "winter",
            }
            assert (hit.title, hit.name, hit.sent_at) == ("Letter about the roof", "roof.txt", 1.7e9)
            assert 0 < hit.score <= 1


def test_words_are_found_while_the_embedder_is_busy(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    embedder.gate = threading.Event()
    read_in(vault, GARDEN, "garden.txt")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        until(lambda: bool(_items(searcher, "fence", Mode.KEYWORD)))
        late = read_in(vault, ROOF, "roof.txt")
        until(lambda: late in _items(searcher, "slates", Mode.KEYWORD))
        assert vault.ledger.counts()[State.INDEXED] == 0
        embedder.gate.set()
        _indexed(vault, 2)


def test_a_dead_model_leaves_search_by_word_and_says_so(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    item = read_in(vault, ROOF, "roof.txt")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        _indexed(vault, 1)
        embedder.away = True
        results = searcher.search(Query(query="slates"))
        assert [hit.item for hit in results.hits] == [item]
        assert results.mode is Mode.KEYWORD
        assert results.degraded is not None
        with pytest.raises(EmbedderDown):
            searcher.search(Query(query="slates", mode=Mode.SEMANTIC))
        late = read_in(vault, GARDEN, "garden.txt")
        until(lambda: late in _items(searcher, "fence"))
        embedder.away = False
        _indexed(vault, 2)


def test_what_is_deleted_is_found_by_nothing_at_once(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    gone, stays = read_in(vault, ROOF, "roof.txt"), read_in(vault, GARDEN, "garden.txt")
    with indexing(vault, embedder, tmp_path / "index") as (refresher, searcher):
        _indexed(vault, 2)
        vault.delete(gone)
        refresher.forget()
        text, vectors = refresher.text, refresher.vectors
        assert text is not None
        assert vectors is not None
        assert len(text) == len(vectors) == len(vault.catalog.passages_of(stays))
        for mode in Mode:
            assert gone not in _items(searcher, "repair the slates", mode)


def test_what_is_deleted_while_it_is_embedded_is_not_taken_in(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    embedder.gate = threading.Event()
    gone = read_in(vault, ROOF, "roof.txt")
    with indexing(vault, embedder, tmp_path / "index") as (refresher, searcher):
        until(lambda: bool(_items(searcher, "slates", Mode.KEYWORD)))
        vault.delete(gone)
        refresher.forget()
        embedder.gate.set()
        read_in(vault, GARDEN, "garden.txt")
        _indexed(vault, 1)
        vectors = refresher.vectors
        assert vectors is not None
        assert len(vectors) == vault.catalog.passage_count()


def test_the_same_words_are_embedded_once_even_if_one_of_them_is_deleted(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    first = read_in(vault, ROOF, "roof.txt")
    with indexing(vault, embedder, tmp_path / "index") as (refresher, searcher):
        _indexed(vault, 1)
        count = embedder.embedded
        second = read_in(vault, ROOF, "copy.txt")
        _indexed(vault, 2)
        assert embedder.embedded == count
        assert _items(searcher, "slates before winter", Mode.SEMANTIC) == {first, second}
        for item in (first, second):
            vault.delete(item)
            refresher.forget()
        third = read_in(vault, ROOF, "again.txt")
        _indexed(vault, 1)
        assert embedder.embedded == 2 * count
        assert _items(searcher, "slates before winter", Mode.SEMANTIC) == {third}


def test_deleted_words_leave_the_segments_and_the_snapshot(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    gone = read_in(vault, "A word that stands nowhere else: quuxberry.", "secret.txt")
    read_in(vault, GARDEN, "garden.txt")
    with indexing(vault, embedder, tmp_path / "index") as (refresher, _):
        _indexed(vault, 2)
        assert _known_to_segments(refresher.text, "quuxberri")  # as it is stemmed
        vault.delete(gone)
        refresher.forget()
        assert _known_to_segments(refresher.text, "quuxberri"), "the test is blind: removal alone was enough"
    assert not _known_to_segments(refresher.text, "quuxberri")
    snapshot = vault.snapshots.load("text")
    assert snapshot is not None
    (tmp_path / "again").mkdir()
    again = TantivyIndex.restore(tmp_path / "again", snapshot[1])
    assert len(again) == 1
    assert not _known_to_segments(again, "quuxberri")


def _known_to_segments(index: object, term: str) -> bool:
    """Whether a word stands in the term dictionaries, of removed passages too."""
    assert isinstance(index, TantivyIndex)
    return index._index.searcher().doc_freq("all_en", term) > 0


def test_snapshots_are_loaded_and_replayed_forward(tmp_path: Path, embedder: WordHashEmbedder) -> None:
    home = make_home(tmp_path / "home")
    with closing(open_vault(home)) as vault:
        roof, gone = read_in(vault, ROOF, "roof.txt"), read_in(vault, "Soon gone: slates.", "gone.txt")
        with indexing(vault, embedder, tmp_path / "index"):
            _indexed(vault, 2)
        assert vault.snapshots.load("text") is not None
        assert vault.snapshots.load("vectors") is not None
        garden = read_in(vault, GARDEN, "garden.txt")
        vault.delete(gone)
    with closing(open_vault(home)) as vault:
        count = embedder.embedded
        with indexing(vault, embedder, tmp_path / "index") as (refresher, searcher):
            _indexed(vault, 2)
            assert _items(searcher, "slates", Mode.KEYWORD) == {roof}
            assert garden in _items(searcher, "fence", Mode.SEMANTIC)
            assert refresher.vectors is not None
            assert len(refresher.vectors) == vault.catalog.passage_count()
        assert embedder.embedded - count == len(vault.catalog.passages_of(garden)), (
            "nothing is embedded twice"
        )


def test_without_snapshots_everything_is_rebuilt_from_the_catalog(
    tmp_path: Path, embedder: WordHashEmbedder
) -> None:
    home = make_home(tmp_path / "home")
    with closing(open_vault(home)) as vault:
        roof = read_in(vault, ROOF, "roof.txt")
        with indexing(vault, embedder, tmp_path / "index"):
            _indexed(vault, 1)
        for name in ("text", "vectors"):
            vault.snapshots.discard(name)
        count = embedder.embedded
        with indexing(vault, embedder, tmp_path / "index") as (refresher, searcher):
            until(lambda: refresher.vectors is not None)
            for mode in Mode:
                assert _items(searcher, "roof leaks", mode) == {roof}
        assert embedder.embedded == count


def test_an_item_that_is_read_again_is_found_by_its_new_text_only(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    item = read_in(vault, ROOF, "roof.txt")
    with indexing(vault, embedder, tmp_path / "index") as (refresher, searcher):
        _indexed(vault, 1)
        vault.ledger.advance(item, State.STORED)
        text = "It speaks of gutters."
        vault.catalog.save_reading(item, Reading(media_type="text/plain", text=text, elements=()))
        until(lambda: item in _items(searcher, "gutters", Mode.KEYWORD))
        _indexed(vault, 1)
        assert _items(searcher, "slates", Mode.KEYWORD) == set()
        assert refresher.vectors is not None
        assert len(refresher.vectors) == vault.catalog.passage_count() == 1


def test_filters_hold_in_every_mode(vault: Vault, embedder: WordHashEmbedder, tmp_path: Path) -> None:
    header = MailHeader(subject="Slates", sender=Address(name="Ada Brown", email="ada@example.org"))
    mail = read_in(vault, ROOF, "1.eml", mail=header, media_type="message/rfc822", created_at=2e9)
    for number in range(80):
        read_in(vault, f"{ROOF}\n\nCopy {number} of the slates.", f"{number}.txt", created_at=1e9 + number)
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        _indexed(vault, 81)
        for mode in Mode:
            assert _items(searcher, "slates", mode, sender="ada@") == {mail}
            assert _items(searcher, "slates", mode, types=("message",)) == {mail}
            assert len(_items(searcher, "slates", mode, after=1e9 + 70, before=1.5e9)) == 10
            assert _items(searcher, "slates", mode, language="de") == set()
        assert len(searcher.search(Query(query="slates", limit=60)).hits) == 60


def test_only_the_current_version_is_shown(vault: Vault, embedder: WordHashEmbedder, tmp_path: Path) -> None:
    old = read_in(vault, ROOF, "roof.txt")
    new = read_in(vault, ROOF + "\n\nSecond version.", "roof.txt", new_version=True)
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        _indexed(vault, 2)
        for mode in Mode:
            assert _items(searcher, "slates", mode) == {new}
            assert _items(searcher, "slates", mode, include_superseded=True) == {old, new}


def test_phrases_and_exclusions_hold_whichever_index_found_it(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    roof, garden = read_in(vault, ROOF, "roof.txt"), read_in(vault, GARDEN, "garden.txt")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        _indexed(vault, 2)
        for mode in Mode:
            assert _items(searcher, '"alder house" roof garden', mode) == {roof}
            assert _items(searcher, "roof garden fence house -alder", mode) == {garden}


@pytest.mark.parametrize(
    "query", ["", "-" * 50, '"""""', "x" * 100_000, "\ud800", "\0", "-a -b", "(((", "* ? ~ ^ :", "AND OR NOT"]
)
def test_hostile_queries_are_answered_or_refused(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path, query: str
) -> None:
    read_in(vault, ROOF, "roof.txt")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        _indexed(vault, 1)
        with suppress(QueryError):
            searcher.search(Query(query=query))
        many = " ".join(f"word{number}" for number in range(400))
        assert searcher.search(Query(query=many, mode=Mode.KEYWORD)).hits == ()


def test_a_damaged_index_is_built_anew(vault: Vault, embedder: WordHashEmbedder, tmp_path: Path) -> None:
    roof = read_in(vault, ROOF, "roof.txt")
    folder = tmp_path / "index"
    folder.mkdir()
    keeper = TextKeeper(vault, folder)
    assert keeper.step()
    assert keeper.index is not None
    shutil.rmtree(keeper.index.folder)
    garden = read_in(vault, GARDEN, "garden.txt")
    with pytest.raises(IndexDamaged):
        keeper.step()
    keeper.step()
    found = keeper.index.search(read("slates fence"), 10)
    assert {vault.catalog.passages([id])[id].item for id, _ in found} == {roof, garden}


def test_a_code_is_found_by_word_before_anything_that_is_only_near(
    vault: Vault, embedder: WordHashEmbedder, tmp_path: Path
) -> None:
    note = read_in(vault, "Our fee note TH/26/0392 of 400 pounds is enclosed.", "note.txt")
    for number in range(60):
        read_in(vault, f"Fee note of the {number}th matter, file TH/26.", f"{number}.txt")
    with indexing(vault, embedder, tmp_path / "index") as (_, searcher):
        _indexed(vault, 61)
        assert _hits(searcher, "0392")[0].item == note
        assert searcher.search(Query(query="0392")).mode is Mode.KEYWORD
        assert searcher.search(Query(query="fee note 0392")).mode is Mode.HYBRID
        assert searcher.search(Query(query="99999")).mode is Mode.HYBRID
