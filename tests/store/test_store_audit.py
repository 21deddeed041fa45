"""The audit log shows roll-back, truncation and edits, and raises no alarm when it was only killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from store.audit import append
from store.database import Connection, connect
from store.keys import open_keys
from store.vault import Vault
from tests.support.homes import PASSPHRASE, fast_folder, make_home, open_vault, put

Harm = Callable[[Path], None]


@pytest.fixture
def home() -> Path:  # type: ignore[misc]
    with fast_folder() as folder:
        vault = open_vault(make_home(folder / "home"))
        for number in range(3):
            put(vault, b"%d" % number, str(number))
        vault.close()
        yield folder / "home"


def in_catalog(home: Path) -> Connection:
    return connect(home / "catalog.db", open_keys(home / "keys", PASSPHRASE).catalog)


def run(home: Path, *statements: str) -> None:
    connection = in_catalog(home)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def problems(home: Path) -> list[str]:
    vault = open_vault(home)
    found = [problem for problem in vault.verify().problems if problem.startswith("audit")]
    vault.close()
    return found


def test_every_deed_is_an_entry_and_the_chain_holds(home: Path) -> None:
    vault = open_vault(home)
    receipt = vault.delete(vault.catalog.items()[0].id)
    entries = vault.audit.entries()
    assert [entry.event for entry in entries] == ["deleted", "stored", "stored", "stored", "created"]
    assert [entry.number for entry in entries] == [5, 4, 3, 2, 1]
    assert vault.audit.entries(limit=1, before=4)[0].number == 3
    assert vault.audit.head() == entries[0].hash == receipt.audit_head
    assert vault.audit.check() == []
    vault.close()
    assert problems(home) == []


def killed_at_work(home: Path) -> tuple[bytes, Path]:
    """The home as a kill leaves it after a document was stored, and the head from before that."""
    vault = open_vault(home)
    before = (home / "audit.head").read_bytes()
    put(vault, b"another", "later")
    killed = shutil.copytree(home, home.with_name("killed"))
    vault.close()
    return before, killed


def cut(home: Path) -> None:
    run(home, "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)")


def edit_newest(home: Path) -> None:
    run(home, "UPDATE audit SET event = 'x' WHERE number = (SELECT max(number) FROM audit)")


def edit_old(home: Path) -> None:
    run(home, "UPDATE audit SET item = 'x' WHERE number = 2")


def remove_old(home: Path) -> None:
    run(home, "DELETE FROM audit WHERE number = 2")


def rechain(home: Path) -> None:
    """Someone with the catalog's key rewrites the newest entry and its hash."""
    connection = in_catalog(home)
    connection.execute(
        "UPDATE audit SET hash = randomblob(32) WHERE number = (SELECT max(number) FROM audit)"
    )
    connection.close()


def append_anew(home: Path) -> None:
    """Someone with the catalog's key puts a right entry of his own in the newest one's place."""
    cut(home)
    append_one(home)


def append_beyond(home: Path) -> None:
    """The same, and goes on beyond where the head is."""
    append_anew(home)
    append_one(home)


def append_one(home: Path) -> None:
    connection = in_catalog(home)
    append(connection, "stored", item="0123456789abcdef")
    connection.close()


def reorder(home: Path) -> None:
    run(
        home,
        "UPDATE audit SET number = 99 WHERE number = 2",
        "UPDATE audit SET number = 2 WHERE number = 3",
        "UPDATE audit SET number = 3 WHERE number = 99",
    )


def drop_head(home: Path) -> None:
    (home / "audit.head").unlink()


def zero_head(home: Path) -> None:
    (home / "audit.head").write_bytes(bytes(8192))


def roll_back(home: Path) -> None:
    shutil.copyfile(home / "catalog.db", home / "kept")
    vault = open_vault(home)
    put(vault, b"another", "later")
    vault.close()
    shutil.move(home / "kept", home / "catalog.db")


def break_newest_slot(home: Path) -> None:
    head = bytearray((home / "audit.head").read_bytes())
    newest = max((0, 4096), key=lambda at: head[at : at + 8])
    head[newest + 3 : newest + 40] = bytes(37)
    (home / "audit.head").write_bytes(head)


def roll_back_and_break_a_slot(home: Path) -> None:
    roll_back(home)
    break_newest_slot(home)


def foreign_head(home: Path) -> None:
    other = make_home(home.with_name("other"))
    shutil.copyfile(other / "audit.head", home / "audit.head")


HARMS: list[Harm] = [cut, edit_newest, edit_old, remove_old, rechain, append_anew, append_beyond, reorder]
HARMS += [drop_head, zero_head, roll_back, roll_back_and_break_a_slot, foreign_head]


@pytest.mark.parametrize("was_killed", [False, True], ids=["closed", "killed"])
@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_tampering_shows_and_goes_on_showing(home: Path, harm: Harm, was_killed: bool) -> None:
    if was_killed:  # then no digest of the closed catalog helps
        _, home = killed_at_work(home)
    harm(home)
    assert problems(home) != []
    assert problems(home) != []  # the alarm is part of the chain now
    vault = open_vault(home)
    put(vault, b"life goes on", "on")
    vault.close()
    assert problems(home) != []


def test_after_a_roll_back_the_originals_it_forgot_are_kept(home: Path) -> None:
    roll_back(home)
    vault = open_vault(home)
    assert vault.catalog.count() == 3
    assert len(list(home.glob("blobs/*/*"))) == 4
    vault.close()


def test_a_head_that_lags_is_no_alarm(home: Path) -> None:
    lagging, killed = killed_at_work(home)
    (killed / "audit.head").write_bytes(lagging)  # as between the commit and the head
    assert problems(killed) == []
    vault = open_vault(killed)
    assert (killed / "audit.head").read_bytes() != lagging
    vault.close()


def test_a_torn_slot_is_no_alarm_since_the_chain_goes_beyond_the_other(home: Path) -> None:
    _, killed = killed_at_work(home)
    break_newest_slot(killed)
    assert problems(killed) == []
    assert problems(killed) == []


def test_an_alarm_says_what_was_seen(home: Path) -> None:
    roll_back(home)
    vault: Vault = open_vault(home)
    assert vault.audit.alarms() == [
        "the catalog ends at entry 4, its head outside is at 5: rolled back or cut"
    ]
    assert vault.audit.entries()[0].event == "alarm"
    vault.close()
