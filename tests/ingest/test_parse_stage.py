"""The parse stage on a real vault and real workers, honest and taken over."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.claims import Claims
from ingest.errors import PoolDown
from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from policy.admission import Admission
from policy.errors import ConfinementError
from policy.limits import MIB, Limits
from store.records import ElementKind, Item, Origin, Reason, State
from store.vault import Vault
from tests.support.homes import put as put_bytes
from tests.support.homes import throwaway_vault

EVIL = "tests.support.evil_worker"
LIMITS = Limits(parse_wall_s=20.0, parse_memory=600 * MIB, depth=2, children=3)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path, LIMITS) as opened:
        yield opened


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(2, LIMITS, module=EVIL)
    started.start()
    yield started
    started.close()


@pytest.fixture
def stage(vault: Vault, pool: Pool) -> ParseStage:
    return ParseStage(vault, pool, LIMITS)


def put(vault: Vault, content: str, name: str = "a.txt") -> Item:
    return vault.catalog.item(put_bytes(vault, content.encode(), f"{content}/{name}").item)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_document_is_read_and_its_text_is_true(vault: Vault, stage: ParseStage) -> None:
    item = put(vault, "hello world")
    stage.step(item)
    assert vault.catalog.item(item.id).state is State.PARSED
    text = vault.catalog.text(item.id)
    assert text == "hello world"
    [element] = vault.catalog.elements(item.id)
    assert (element.kind, text[element.start : element.end]) == (ElementKind.PARAGRAPH, "hello world")


def test_a_reason_quarantines_at_once(vault: Vault, stage: ParseStage) -> None:
    item = put(vault, "eat")
    stage.step(item)
    after = vault.catalog.item(item.id)
    assert (after.state, after.reason, after.attempts) == (State.QUARANTINED, Reason.TOO_LARGE, 0)
    assert "600 MiB" in str(after.detail)


@pytest.mark.parametrize(
    ("deed", "reason", "says"),
    [
        ("segfault", Reason.PARSER_CRASH, "SIGSEGV"),
        ("wrong_schema", Reason.PARSER_CRASH, "protocol"),
        ("bad_child", Reason.PARSER_CRASH, "not there"),
    ],
)
def test_a_failure_is_tried_once_more_then_quarantined(
    vault: Vault, stage: ParseStage, deed: str, reason: Reason, says: str
) -> None:
    item = put(vault, deed)
    stage.step(item)
    after = vault.catalog.item(item.id)
    assert (after.state, after.attempts) == (State.STORED, 1)
    stage.step(item)
    after = vault.catalog.item(item.id)
    assert (after.state, after.reason) == (State.QUARANTINED, reason)
    assert says in str(after.detail)
    vault.ledger.retry(item.id)
    assert vault.catalog.item(item.id).attempts == 0


def test_a_timeout_is_called_one_and_not_repeated(vault: Vault) -> None:
    limits = Limits(parse_wall_s=0.3, parse_attempts=2)
    pool = Pool(1, limits, module=EVIL)
    pool.start()
    item = put(vault, "sleep")
    ParseStage(vault, pool, limits).step(item)
    pool.close()
    assert vault.catalog.item(item.id).reason is Reason.TIMEOUT


def test_children_are_items_of_their_own(vault: Vault, stage: ParseStage) -> None:
    item = put(vault, "child the attachment", "mail.eml")
    stage.step(item)
    [child] = vault.catalog.children(item.id)
    assert (child.state, child.parent, child.name, child.size) == (State.STORED, item.id, "child.txt", 14)
    [origin] = vault.catalog.origins(child.id)
    assert (origin.source, origin.locator) == ("attachment", f"{item.id}/1/child.txt")
    stage.step(child)
    assert vault.catalog.text(child.id) == "the attachment"


def test_children_stored_before_a_kill_are_there_once(vault: Vault, stage: ParseStage) -> None:
    item = put(vault, "child the attachment")
    origin = Origin(source="attachment", locator=f"{item.id}/1/child.txt", name="child.txt", size=14)
    vault.put(io.BytesIO(b"the attachment"), origin, parent=item.id)
    stage.step(item)
    assert len(vault.catalog.children(item.id)) == 1
    assert vault.catalog.item(item.id).state is State.PARSED


def test_children_end_at_a_depth_and_the_owner_is_told(vault: Vault, stage: ParseStage) -> None:
    item = put(vault, "child child child child deep")
    for _ in range(LIMITS.depth):
        stage.step(item)
        [item] = vault.catalog.children(item.id)
    stage.step(item)
    after = vault.catalog.item(item.id)
    assert after.state is State.PARSED
    assert not vault.catalog.children(item.id)
    assert "2 levels" in str(after.partial)


def test_small_documents_are_read_together_each_with_its_children(vault: Vault, stage: ParseStage) -> None:
    texts = ["one", "child of two", "eat", "child of four", "five"]
    items = [put(vault, text) for text in texts]
    stage.step_together(items)
    states = [vault.catalog.item(item.id).state for item in items]
    assert states == [State.PARSED, State.PARSED, State.QUARANTINED, State.PARSED, State.PARSED]
    assert [vault.catalog.text(item.id) for item in items] == ["one", "", "", "", "five"]
    children = [vault.catalog.children(item.id) for item in items]
    assert [len(some) for some in children] == [0, 1, 0, 1, 0]
    stage.step_together([some[0] for some in children if some])
    assert [vault.catalog.text(some[0].id) for some in children if some] == ["of two", "of four"]


def test_only_what_came_by_the_same_way_is_read_together(vault: Vault) -> None:
    for number in range(12):
        source = ("drop", "mail:office", "attachment")[number % 3]
        put_bytes(vault, f"{number}".encode(), source=source)
    claims = Claims(vault.ledger, 1)
    seen: list[set[str]] = []
    with contextlib.ExitStack() as stack:
        while items := stack.enter_context(claims.claim()):
            seen.append({item.source for item in items})
            assert len(items) == 4
    assert sorted(map(sorted, seen)) == [["attachment"], ["drop"], ["mail:office"]]


@pytest.mark.parametrize("deed", ["segfault", "bad_child", "too_many", "answer_twice", "leave 0"])
def test_one_bad_document_of_a_batch_costs_the_others_nothing(
    vault: Vault, stage: ParseStage, deed: str
) -> None:
    items = [put(vault, text) for text in ("one", "child of two", deed, "four")]
    stage.step_together(items)
    for item in items:
        after = vault.catalog.item(item.id)
        assert (after.state, after.attempts) == (State.STORED, 0)
    assert vault.catalog.count() == 4
    for item in items:
        stage.step(item)
    states = [vault.catalog.item(item.id).state for item in items]
    assert states == [State.PARSED, State.PARSED, State.STORED, State.PARSED]
    assert vault.catalog.item(items[2].id).attempts == 1


def test_a_batch_leaves_alone_what_is_no_text_damaged_or_gone(vault: Vault, stage: ParseStage) -> None:
    contents = [b"text", b"%PDF-1.7 and more", b"with a \0 in it", b"damaged", b"gone"]
    items = [vault.catalog.item(put_bytes(vault, content, repr(content)).item) for content in contents]
    vault.delete(items[4].id)
    for path in vault.home.glob("blobs/*/*"):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        if not vault.contents([items[3].id]):
            break
        path.write_bytes(whole)
    stage.step_together(items)
    assert vault.catalog.item(items[0].id).state is State.PARSED
    for item in items[1:4]:
        assert vault.catalog.item(item.id).state is State.STORED
    stage.step(items[3])
    assert vault.catalog.item(items[3].id).reason is Reason.TRUNCATED


def test_an_item_deleted_meanwhile_is_no_trouble(vault: Vault, stage: ParseStage) -> None:
    item = put(vault, "hello")
    vault.delete(item.id)
    stage.step(item)
    item = put(vault, "segfault")
    vault.ledger.quarantine(item.id, Reason.EMPTY, "")
    stage.step(item)
    assert vault.catalog.item(item.id).state is State.QUARANTINED


def test_one_bad_document_among_many_stops_nobody(vault: Vault, pool: Pool, stage: ParseStage) -> None:
    bad = ["segfault", "abort", "flood", "leave 0", "answer_twice"]
    items = [put(vault, text) for text in [*bad, *(f"document {n}" for n in range(60))]]
    stop = threading.Event()
    thread = threading.Thread(target=stage.run, args=(stop,))
    thread.start()
    until(lambda: not vault.ledger.pending(State.STORED, 1))
    late = put(vault, "one more")
    until(lambda: vault.catalog.item(late.id).state is not State.STORED)
    stop.set()
    vault.ledger.poke()
    thread.join(20)
    assert not thread.is_alive()
    states = [vault.catalog.item(item.id).state for item in items]
    assert states[len(bad) :] == [State.PARSED] * 60
    assert states[: len(bad)] == [State.QUARANTINED] * len(bad)


def test_of_a_long_queue_neither_end_waits_for_the_other(vault: Vault, pool: Pool, stage: ParseStage) -> None:
    origins = [Origin(source="mail:a", locator=f"{number}", name="a.eml") for number in range(400)]
    stored = vault.put_many([(b"number %s" % origin.locator.encode(), origin) for origin in origins])
    stop = threading.Event()
    thread = threading.Thread(target=stage.run, args=(stop,))
    thread.start()
    until(lambda: vault.ledger.counts()[State.PARSED] >= 160)
    states = [vault.catalog.item(each.item).state for each in (stored[0], stored[-1])]
    stop.set()
    vault.ledger.poke()
    thread.join(20)
    assert states == [State.PARSED, State.PARSED]


def test_a_dying_parser_process_costs_no_document_an_attempt(
    vault: Vault, stage: ParseStage, pool: Pool
) -> None:
    item = put(vault, "sleep")
    zygote = pool.workers()[0].pid
    killer = threading.Timer(0.1, os.kill, (zygote, signal.SIGKILL))
    killer.start()
    with pytest.raises(PoolDown):
        stage.step(item)
    killer.join()
    after = vault.catalog.item(item.id)
    assert (after.state, after.attempts) == (State.STORED, 0)


def test_without_confinement_nothing_is_read(vault: Vault) -> None:
    item = put(vault, "hello")
    broken = Pool(2, LIMITS, module=EVIL, watched=True)  # a watch that is not there
    with pytest.raises(ConfinementError):
        broken.start()
    admission = Admission()
    stage = ParseStage(vault, broken, LIMITS, admission=admission)
    stage.run(threading.Event())
    broken.close()
    assert "was not refused" in str(admission.refusal)
    assert vault.catalog.item(item.id).state is State.STORED
