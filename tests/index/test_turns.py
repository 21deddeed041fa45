"""Background work rests while many items wait to be found by word, and only then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.turns import crowded, give_way
from store.records import NewPassage, Origin, Reading
from store.vault import Vault
from tests.support.homes import throwaway_vault


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as vault:
        yield vault


def fill(vault: Vault, count: int) -> list[str]:
    documents = [
        (b"%d" % number, Origin(source="drop", locator=str(number), name=str(number)))
        for number in range(count)
    ]
    return [stored.item for stored in vault.put_many(documents)]


def rested(vault: Vault, worked_s: float, stop: threading.Event) -> float:
    began = time.monotonic()
    give_way(vault.ledger, worked_s, stop)
    return time.monotonic() - began


def test_some_items_make_no_crowd_and_nobody_rests(vault: Vault) -> None:
    fill(vault, 15)
    assert not crowded(vault.ledger)
    assert rested(vault, 60.0, threading.Event()) < 1.0


def test_a_crowd_of_unread_or_uncut_items_is_given_way_to_but_not_for_ever(vault: Vault) -> None:
    for item in fill(vault, 20):
        reading = Reading(media_type="text/plain", text="a text", elements=())
        vault.catalog.save_reading(item, reading)
    assert crowded(vault.ledger)
    assert vault.ledger.waiting(100) == 20
    assert 0.2 <= rested(vault, 0.05, threading.Event()) < 20.0


def test_the_rest_ends_with_the_crowd_or_when_all_ends(vault: Vault) -> None:
    items = fill(vault, 16)
    stop = threading.Event()
    stop.set()
    assert rested(vault, 60.0, stop) < 1.0

    def take_one() -> None:
        vault.catalog.save_reading(items[0], Reading(media_type="text/plain", text="a text", elements=()))
        vault.catalog.save_passages(items[0], [NewPassage(start=0, end=6, text="a text")])

    timer = threading.Timer(0.2, take_one)
    timer.start()
    assert rested(vault, 60.0, threading.Event()) < 4.5
    timer.join()
