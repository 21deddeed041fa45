"""Fifty thousand passages: the queries that stages ask all the time use an index, and a replay streams."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from store.database import Connection
from store.records import NewPassage
from store.vault import Vault
from tests.support.findings import MODEL, store_read
from tests.support.homes import fast_folder, throwaway_vault

PER_ITEM, ITEMS = 1000, 50


@pytest.fixture(scope="module")
def bulk() -> Iterator[Vault]:
    with fast_folder() as folder, throwaway_vault(folder) as vault:
        fill(vault)
        yield vault


def fill(vault: Vault) -> None:
    text = "some words of a passage that is about as long as they are, with number {} in it " * 3
    for number in range(ITEMS):
        item = store_read(vault, f"item {number}", str(number))
        ids = vault.catalog.save_passages(
            item,
            [NewPassage(start=at, end=at + 240, text=text.format(at, at, at)) for at in range(PER_ITEM)],
        )
        vault.catalog.save_vectors(MODEL, [(id, bytes(768)) for id in ids[10:]])


def plans(connection: Connection, statements: list[str]) -> list[str]:
    rows = [
        row for query in statements for row in connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    ]
    return [row[3] for row in rows]


def test_what_is_asked_all_the_time_is_indexed(bulk: Vault) -> None:
    catalog, asked = bulk.catalog, list[str]()
    with bulk._database.read() as connection:
        connection.set_trace_callback(asked.append)
    mark = catalog.generation()
    for _ in range(2):  # the same idle reader serves them all
        bulk.ledger.counts()
        bulk.ledger.pending(catalog.items(limit=1)[0].state, 5)
        catalog.unchunked(5)
        catalog.unembedded(MODEL, 64)
        catalog.passages([1, 2, 3])
        list(catalog.passages_since(mark))
        list(catalog.vectors_since(MODEL, mark))
        catalog.removed_since(mark)
        catalog.find_origin("drop", "1")
    with bulk._database.read() as connection:
        connection.set_trace_callback(None)
        queries = [query for query in dict.fromkeys(asked) if query.startswith("SELECT")]
        found = plans(connection, queries)
    assert len(queries) >= 10
    scans = [
        step for step in found if step.startswith("SCAN") and "INDEX" not in step and "CONST" not in step
    ]
    allowed = {"SCAN receipts", "SCAN u", "SCAN items"}  # counted whole; read from the newest to the limit
    assert set(scans) <= allowed
    assert [step for step in found if "TEMP B-TREE" in step and "LAST TERM" not in step] == []


def test_a_replay_streams(bulk: Vault) -> None:
    tracemalloc.start()
    passages = sum(1 for _ in bulk.catalog.passages_since(0))
    vectors = sum(len(vector) for _, vector in bulk.catalog.vectors_since(MODEL, 0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert passages == PER_ITEM * ITEMS
    assert vectors == (PER_ITEM - 10) * ITEMS * 768
    assert peak < 16 << 20  # of the 38 MB of vectors and 12 MB of text that went through
    assert bulk.catalog.unembedded_count() == 10 * ITEMS
    newest = bulk.catalog.unembedded(MODEL, 15)
    assert [passage.start for passage in newest] == [*range(10), *range(5)]
    assert newest[0].item == bulk.catalog.items(limit=1)[0].id
