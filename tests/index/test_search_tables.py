"""Rows of long tables are found by the names of their columns, passages by the words of their language."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.query import Mode, Query
from index.search import Searcher
from store.records import Element, ElementKind, Reading, State, Table
from store.vault import Vault
from tests.support.homes import put, throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, until


def _sheet(vault: Vault, name: str, columns: str, odd: str) -> str:
    """A sheet of two columns and a thousand rows, one of which says something odd."""
    lines = [columns, *(f"Person {chr(97 + n % 26)}{chr(97 + n // 26)} | {n}.50" for n in range(600))]
    lines[400] = f"{odd} | 12.00"
    at, rows = 0, list[tuple[int, ...]]()
    for line in lines:
        bar = line.index(" | ")
        rows.append((at, at + bar, at + bar + 3, at + len(line)))
        at += len(line) + 1
    text = "\n".join(lines)
    table = Element(kind=ElementKind.TABLE, start=0, end=len(text), table=Table(rows=tuple(rows), header=1))
    item = put(vault, name.encode(), name).item
    vault.catalog.save_reading(
        item, Reading(media_type="text/csv", text=text, elements=(table,), language="en")
    )
    return item


def _first(searcher: Searcher, query: str) -> tuple[str, str]:
    hit = searcher.search(Query(query=query, mode=Mode.KEYWORD)).hits[0]
    return hit.item, hit.snippet


@pytest.mark.parametrize(("query", "wanted"), [("tenant quint", 0), ("supplier quint", 1)])
def test_a_row_is_found_by_its_column(tmp_path: Path, query: str, wanted: int) -> None:
    with throwaway_vault(tmp_path) as vault:
        sheets = [
            _sheet(vault, "one.csv", "Tenant | Rent", "Zelma Quint"),
            _sheet(vault, "two.csv", "Supplier | Price", "Zelma Quint"),
        ]
        with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
            until(lambda: vault.ledger.counts()[State.INDEXED] == 2)
            item, snippet = _first(searcher, query)
            assert item == sheets[wanted]
            assert "Zelma Quint" in snippet


def test_a_passage_is_found_by_the_stems_of_its_own_language(tmp_path: Path) -> None:
    english = "The minutes of the meeting follow, and the letter that was read out in it. " * 4
    german = "Die Rechnungen der Handwerker sind bis zum Monatsende zu bezahlen, sagte er. " * 4
    text = f"{english}\n\n{german}"
    elements = (
        Element(kind=ElementKind.PARAGRAPH, start=0, end=len(english)),
        Element(kind=ElementKind.PARAGRAPH, start=len(english) + 2, end=len(text), language="de"),
    )
    with throwaway_vault(tmp_path) as vault:
        item = put(vault, text.encode(), "minutes.txt").item
        reading = Reading(media_type="text/plain", text=text, elements=elements, language="en")
        vault.catalog.save_reading(item, reading)
        with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
            until(lambda: vault.ledger.counts()[State.INDEXED] == 1)
            for query, word in (("rechnung", "Rechnungen"), ("meetings", "meeting")):
                (hit,) = searcher.search(Query(query=query, mode=Mode.KEYWORD)).hits
                start, end = hit.highlights[0]
                assert hit.snippet[start:end] == word
        assert [passage.language for passage in vault.catalog.passages_of(item)] == [None, "de"]
