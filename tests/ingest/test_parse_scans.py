"""The parse stage and documents whose pages are pictures: each page is a reading of its own, and nothing else
waits for them.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from policy.limits import MIB, Limits
from store.records import Item, Reason, State
from store.vault import Vault
from tests.support.homes import put as put_bytes
from tests.support.homes import throwaway_vault

EVIL = "tests.support.evil_worker"
LIMITS = Limits(parse_memory=600 * MIB)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path, LIMITS) as opened:
        yield opened


@contextmanager
def pool_of(size: int, limits: Limits = LIMITS) -> Iterator[Pool]:
    started = Pool(size, limits, module=EVIL)
    started.start()
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with pool_of(1) as started:
        yield started


@contextmanager
def running(stage: ParseStage, vault: Vault) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=stage.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        vault.ledger.poke()
        thread.join(20)
        assert not thread.is_alive()


def put(vault: Vault, content: str, name: str = "a.pdf") -> Item:
    return vault.catalog.item(put_bytes(vault, content.encode(), f"{content[:100]}/{name}").item)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_pages_are_read_one_by_one_and_put_together(vault: Vault, pool: Pool) -> None:
    stage = ParseStage(vault, pool, LIMITS)
    item = put(vault, "pages 0 one two three")
    stage.step(item)
    after = vault.catalog.item(item.id)
    assert (after.state, after.pages, after.partial) == (State.PARSED, 3, None)
    assert vault.catalog.text(item.id) == "one\n\ntwo\n\nthree"
    assert [element.page for element in vault.catalog.elements(item.id)] == [1, 2, 3]
    assert stage.reading() == []


def test_a_page_that_cannot_be_read_costs_that_page(vault: Vault, pool: Pool) -> None:
    item = put(vault, "pages 0 one segfault three eat")
    ParseStage(vault, pool, LIMITS).step(item)
    after = vault.catalog.item(item.id)
    assert (after.state, after.attempts) == (State.PARSED, 0)
    assert vault.catalog.text(item.id) == "one\n\nthree"
    assert "page 2 could not be read (the parser died of SIGSEGV" in str(after.partial)
    assert "page 4 could not be read (reading it needs more than 600 MiB" in str(after.partial)


def test_a_page_that_takes_too_long_costs_that_page(vault: Vault) -> None:
    limits = Limits(parse_wall_s=0.3)
    with pool_of(1, limits) as pool:
        item = put(vault, "pages 0 one sleep three")
        ParseStage(vault, pool, limits).step(item)
        alone = put(vault, "pages 0 sleep")
        ParseStage(vault, pool, limits).step(alone)
    after = vault.catalog.item(item.id)
    assert after.partial == "page 2 could not be read (it was not read within 0.3 s)"
    assert vault.catalog.item(alone.id).reason is Reason.TIMEOUT


def test_a_page_has_a_second_chance(vault: Vault) -> None:
    limits = Limits(parse_wall_s=0.5)
    with pool_of(1, limits) as pool:
        # It answers for the first page and sleeps then, so that it is the next page that comes too late.
        item = put(vault, "pages 0 sleep_behind_the_answer two three")
        ParseStage(vault, pool, limits).step(item)
    assert vault.catalog.text(item.id) == "two\n\nthree"
    assert vault.catalog.item(item.id).partial == "no words were found on page 1"


def test_a_letter_with_a_scanned_page_is_read_whole(vault: Vault) -> None:
    whole = io.BytesIO()
    page = Image.new("L", (1_240, 1_754), "white")
    ImageDraw.Draw(page).text((150, 200), "The ferry leaves at seven", fill="black", font_size=60)
    page.save(
        whole, "PDF", resolution=150, save_all=True, append_images=[Image.new("L", (1_240, 1_754), "white")]
    )
    pool = Pool(1, Limits())
    pool.start()
    item = vault.catalog.item(put_bytes(vault, whole.getvalue(), "scan.pdf").item)
    ParseStage(vault, pool, Limits()).step(item)
    pool.close()
    after = vault.catalog.item(item.id)
    assert (after.state, after.pages) == (State.PARSED, 2)
    assert "ferry leaves at seven" in vault.catalog.text(item.id)
    assert {element.page for element in vault.catalog.elements(item.id)} == {1}
    assert after.partial == "no words were found on page 2"


def test_pages_that_are_not_there_are_a_lie(vault: Vault, pool: Pool) -> None:
    stage = ParseStage(vault, pool, LIMITS)
    item = put(vault, "bad_scans")
    stage.step(item)
    stage.step(item)
    after = vault.catalog.item(item.id)
    assert (after.state, after.reason) == (State.QUARANTINED, Reason.PARSER_CRASH)
    assert "pages that are not there" in str(after.detail)


def test_a_small_scan_is_no_part_of_a_batch(vault: Vault, pool: Pool) -> None:
    stage = ParseStage(vault, pool, LIMITS)
    items = [put(vault, text) for text in ("one", "pages 0 two three", "four")]
    stage.step_together(items)
    assert {vault.catalog.item(item.id).state for item in items} == {State.STORED}
    with running(stage, vault):
        until(lambda: not vault.ledger.pending(State.STORED, 1))
    assert [vault.catalog.text(item.id) for item in items] == ["one", "two\n\nthree", "four"]


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_waits_for_long_scans(vault: Vault, workers: int) -> None:
    page_s, words = 0.25, " ".join(f"word{n}" for n in range(200))
    with pool_of(workers) as pool:
        stage = ParseStage(vault, pool, LIMITS)
        scans = [put(vault, f"pages {page_s} {words} {n}") for n in range(workers + 2)]
        with running(stage, vault):
            until(lambda: len([each for each in stage.reading() if each.done > 1]) == workers)
            waited = []
            for number in range(4):
                letter = put(vault, f"letter {number}", "a.txt")
                began = time.monotonic()
                until(lambda letter=letter: vault.catalog.item(letter.id).state is State.PARSED)  # type: ignore[misc]
                waited.append(time.monotonic() - began)
            under_way = stage.reading()
        # On a quiet machine each waits for less than one page; a scan takes 200 of them.
        assert sorted(waited)[1] < 8 * page_s
        assert len(under_way) == workers
        assert all(1 < each.done < 200 and each.total == 201 for each in under_way)
    # All of them can be read again another time, from their beginning.
    assert {vault.catalog.item(scan.id).state for scan in scans} == {State.STORED}


def test_scans_that_wait_for_scans_are_read_after_them(vault: Vault, pool: Pool) -> None:
    stage = ParseStage(vault, pool, LIMITS)
    scans = [put(vault, f"pages 0.02 one two three {n}") for n in range(8)]
    with running(stage, vault):
        until(lambda: not vault.ledger.pending(State.STORED, 1))
    assert {vault.catalog.item(scan.id).state for scan in scans} == {State.PARSED}


def test_a_scan_that_is_deleted_is_not_read_on(vault: Vault, pool: Pool) -> None:
    stage = ParseStage(vault, pool, LIMITS)
    scan = put(vault, "pages 0.1 " + " ".join(f"word{n}" for n in range(300)))
    with running(stage, vault):
        until(lambda: any(each.done for each in stage.reading()))
        vault.delete(scan.id)
        until(lambda: not stage.reading())
    assert vault.ledger.counts()[State.STORED] == 0
