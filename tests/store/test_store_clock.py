"""The clock is moved ten years forward, back, and back again: nothing goes, nothing comes twice, what was
stored last is listed first, and the audit log holds.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from ingest.mail.cursor import Cursor
from store.mailboxes import Import, Refusal
from store.records import Reason, State
from store.vault import Vault
from tests.support.crashing import Scenario, difference, told_state
from tests.support.findings import store_indexed
from tests.support.homes import make_home, open_vault, put

TEN_YEARS_S = 10 * 366 * 86_400.0
MOVES = (0.0, TEN_YEARS_S, -TEN_YEARS_S, 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The number in it is added to the time."""
    moved, real = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: real() + moved[0])
    return moved


def pages(vault: Vault, size: int, **conditions: State) -> list[str]:
    """The names of all items, as a page lists them."""
    names, before = list[str](), None
    while found := vault.catalog.items(limit=size, before=before, **conditions):  # type: ignore[arg-type]
        names += [item.name for item in found]
        before = found[-1].stored_at
    return names


def test_what_was_stored_last_is_listed_first_and_nothing_is_left_out(
    tmp_path: Path, clock: list[float]
) -> None:
    vault, stored = open_vault(make_home(tmp_path / "home")), list[str]()
    for move, moved in enumerate(MOVES):
        clock[0] = moved
        for number in range(5):
            stored.append(f"{move} {number}")
            put(vault, stored[-1].encode(), stored[-1])
    newest_first = stored[::-1]
    for size in (1, 3, 50):
        assert pages(vault, size) == newest_first
        assert pages(vault, size, state=State.STORED) == newest_first
    assert [item.name for item in vault.ledger.pending(State.STORED, 50)] == newest_first
    assert [item.name for item in vault.ledger.pending(State.STORED, 50, oldest=True)] == stored
    third = vault.catalog.items(limit=3)[-1]
    vault.delete(third.id)
    assert [item.name for item in vault.catalog.items(before=third.stored_at)][-1] == stored[0]
    vault.close()


def test_a_home_that_lives_through_it_is_the_one_that_it_would_have_been(
    tmp_path: Path, clock: list[float]
) -> None:
    homes = [make_home(tmp_path / "moved"), tmp_path / "steady"]
    shutil.copytree(homes[0], homes[1])  # the same keys give the same names
    for home, moves in zip(homes, (MOVES, [0.0] * len(MOVES)), strict=True):
        for number, moved in enumerate(moves):
            clock[0] = moved
            vault = open_vault(home)
            live(vault, number)
            vault.close()
    one, other = (told_state(home, Scenario()) for home in homes)
    # Times that their callers give, and what tells of deleted items by their random ids.
    untold = {"imports", "mail_refused", "audit", "receipts"}
    assert difference(*({key: state[key] for key in state.keys() - untold} for state in (one, other))) == ""
    events = []
    for home in homes:
        vault = open_vault(home)
        assert vault.verify().problems == []
        events.append([entry.event for entry in vault.audit.entries(limit=99)])
        assert len(vault.catalog.imports()) == len(MOVES)
        vault.close()
    assert events[0] == events[1]


def live(vault: Vault, number: int) -> None:
    """Some of everything that notes the time, or may ask for it."""
    catalog = vault.catalog
    store_indexed(vault, f"a text {number}", f"{number}.txt")
    put(vault, b"a text %d" % number, f"{number}.txt")  # again: nothing new
    put(vault, b"the same", "same.txt")
    locked = put(vault, b"locked %d" % number, f"{number}.zip").item
    vault.ledger.failed_attempt(locked)
    vault.ledger.quarantine(locked, Reason.PARSER_CRASH, "it crashed")
    if number:
        vault.ledger.retry(locked)
    vault.delete(put(vault, b"gone %d" % number, f"{number}.gone").item)
    token = catalog.create_token(f"phone {number}", ("read",))
    assert catalog.token_scopes(token) == ("read",)
    vault.snapshots.save("index", catalog.generation(), {"f": b"%d" % number})
    assert vault.snapshots.load("index") is not None
    now = time.time()
    refusal = Refusal(uid=number + 1, reason="NO_BODY", detail="", attempts=2, at=now)
    catalog.refuse_mail("a", "INBOX", 7, refusal)
    catalog.save_import(
        Import(source="import:x", locator=f"{number}", size=1, mtime_ns=1, position=0, messages=0,
               done=False, started_at=now)
    )  # fmt: skip


def test_a_refused_message_is_tried_again_when_the_clock_goes_back(clock: list[float]) -> None:
    cursor = Cursor("INBOX")
    clock[0] = TEN_YEARS_S
    cursor.refuse(Refusal(uid=1, reason="NO_BODY", detail="", attempts=9, at=time.time()))
    cursor.revive(time.time())
    assert cursor.waiting == []
    clock[0] = 0.0
    cursor.revive(time.time())
    assert cursor.waiting == [1]
