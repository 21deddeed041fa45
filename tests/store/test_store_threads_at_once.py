"""Readers and writers at once: nobody waits for a reader, sees half a transaction, or puts anything twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from store.errors import NoSuchItem
from store.records import NewPassage, State
from store.vault import Vault
from tests.support.findings import MODEL, VECTOR, reading, store_read
from tests.support.homes import put

THREADS = 6


def together(*works: Callable[[], object]) -> list[object]:
    """Run all at once; raises what any of them raised."""
    gate = threading.Barrier(len(works))

    def start(work: Callable[[], object]) -> object:
        gate.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(start, works))


def test_the_same_bytes_from_all_sides_at_once_are_one_item(vault: Vault) -> None:
    for number in range(5):
        content = b"the same %d" % number * 1000
        stored = together(*(partial(put, vault, content, f"{n}.txt") for n in range(THREADS)))
        assert len({getattr(each, "item", None) for each in stored}) == 1
        assert sum(bool(getattr(each, "created", False)) for each in stored) == 1
    assert vault.catalog.count() == len(list(vault.home.glob("blobs/*/*"))) == 5
    assert vault.verify().problems == []


def test_a_reader_sees_all_of_a_transaction_or_nothing(vault: Vault) -> None:
    items = [store_read(vault, f"{n}", f"{n}") for n in range(40)]
    done = threading.Event()
    half: list[tuple[str, int]] = []

    def write() -> None:
        for item in items:
            ids = vault.catalog.save_passages(item, [NewPassage(start=0, end=1, text="x")] * 20)
            vault.catalog.save_vectors(MODEL, [(id, VECTOR) for id in ids])
        done.set()

    def read() -> None:
        while not done.is_set():
            for item in items[:: THREADS + 1]:
                count = len(vault.catalog.passages_of(item))
                if count not in (0, 20):
                    half.append((item, count))
                if (
                    vault.catalog.item(item).state is State.INDEXED
                    and len(vault.catalog.passages_of(item)) != 20
                ):
                    half.append((item, -1))

    together(write, *[read] * 3)
    assert half == []
    assert vault.ledger.counts()[State.INDEXED] == 40


def test_stages_work_side_by_side_while_items_are_deleted(vault: Vault) -> None:
    stop = threading.Event()

    def intake() -> None:
        for number in range(60):
            put(vault, b"document %d" % number, str(number))
        stop.set()

    def stage(work: Callable[[], bool]) -> Callable[[], None]:
        def run() -> None:
            while work() or not stop.is_set():
                vault.ledger.wait(vault.ledger.sequence, 0.001)

        return run

    def parse() -> bool:
        for item in vault.ledger.pending(State.STORED, 5):
            try:
                vault.catalog.save_reading(item.id, reading(f"text of {item.name}"))
            except NoSuchItem:
                continue
        return bool(vault.ledger.pending(State.STORED, 1))

    def index() -> bool:
        for item in vault.catalog.unchunked(5):
            try:
                vault.catalog.save_passages(item.id, [NewPassage(start=0, end=4, text="text")])
            except NoSuchItem:
                continue
        rows = [(passage.id, VECTOR) for passage in vault.catalog.unembedded(MODEL, 7)]
        vault.catalog.save_vectors(MODEL, rows)
        return bool(rows) or bool(vault.ledger.pending(State.PARSED, 1))

    deleted: list[str] = []

    def delete() -> None:
        while not stop.is_set():
            for item in vault.catalog.items(limit=1):
                vault.delete(item.id)
                deleted.append(item.id)

    together(intake, stage(parse), stage(index), delete)
    stage(parse)()
    stage(index)()
    counts = vault.ledger.counts()
    assert counts[State.DELETED] == len(deleted) == len(set(deleted))
    assert counts[State.INDEXED] == 60 - len(deleted)
    assert sorted(vault.catalog.removed_since(0)) == sorted(set(vault.catalog.removed_since(0)))
    assert vault.verify().problems == []


def test_a_reader_in_the_way_does_not_stop_a_writer(vault: Vault) -> None:
    store_read(vault, "text", "a")
    with vault._database.read() as connection:
        before = connection.execute("SELECT count(*) FROM items").fetchone()[0]
        put(vault, b"while somebody reads", "b")
        assert connection.execute("SELECT count(*) FROM items").fetchone()[0] == before
    assert vault.catalog.count() == before + 1
