"""Whole pieces of a home exchanged, put back to an earlier state, or taken from another home: each piece is
genuine by itself, and yet each exchange is seen, with a line that says what.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from store.database import connect
from store.keys import open_keys
from store.records import ActionStatus
from tests.support.damage import Answers, answers, closed_home, examine, killed_home, letter
from tests.support.findings import store_indexed
from tests.support.homes import PASSPHRASE, fast_folder, open_vault, put

PAGE = 4096
SNAPSHOTS = {"words": {"meta": b"later " * 900}, "vectors": {"faiss": b"as late " * 900}}


class Homes(NamedTuple):
    """States of one home, and another home."""

    before: Path  # closed, some time ago
    now: Path  # closed later
    killed: Path  # killed while it was at work after `before`
    other: Path
    truth: Answers  # of `now`


def work_on(home: Path) -> None:
    """What an owner does between two stops: all kinds of changes, not all of them in the audit log."""
    vault = open_vault(home)
    store_indexed(vault, letter(7), "later.txt")
    put(vault, letter(8).encode(), "0.txt", new_version=True)
    again = next(item.id for item in vault.catalog.items() if item.name == "3.txt")
    vault.delete(again)
    store_indexed(vault, letter(3), "3.txt")  # the same bytes, another item
    vault.catalog.change_action(vault.catalog.actions()[0].id, status=ActionStatus.DONE)
    for name, files in SNAPSHOTS.items():
        vault.snapshots.save(name, vault.catalog.generation(), files)
    vault.close()


@pytest.fixture(scope="module")
def homes() -> Iterator[Homes]:
    with fast_folder() as folder:
        before = closed_home(folder / "before")
        now = shutil.copytree(before, folder / "now")
        work_on(now)
        killed = killed_home(folder / "killed", before)
        vault = open_vault(shutil.copytree(now, folder / "asked"))
        truth = answers(vault)
        vault.close()
        yield Homes(before, now, killed, closed_home(folder / "other"), truth)


@pytest.fixture
def home(homes: Homes, tmp_path: Path) -> Iterator[Path]:
    """A copy of `now` to be harmed."""
    with fast_folder() as folder:
        yield shutil.copytree(homes.now, folder / "home")


def rows(home: Path, query: str) -> list[tuple[str, ...]]:
    """Ask the catalog of a home that is closed, through a copy: to open it changes its head."""
    with fast_folder() as folder:
        copy = shutil.copytree(home, folder / "asked")
        connection = connect(copy / "catalog.db", open_keys(copy / "keys", PASSPHRASE).catalog)
        found = connection.execute(query).fetchall()
        connection.close()
        return found


def blob_of(home: Path, name: str) -> Path:
    ((blob,),) = rows(home, f"SELECT blob FROM items WHERE name = '{name}' AND NOT superseded")
    return home / "blobs" / blob[:2] / blob


def exchange(one: Path, two: Path) -> None:
    kept = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(kept)


# ------------------------------------------------------------------ what is done to it


def blobs_of_two_items(home: Path, homes: Homes) -> None:
    exchange(blob_of(home, "1.txt"), blob_of(home, "2.txt"))


def blobs_with_their_keys(home: Path, homes: Homes) -> None:
    """By someone who can write the catalog: each row now has the other's original and data key."""
    connection = connect(home / "catalog.db", open_keys(home / "keys", PASSPHRASE).catalog)
    (one, two) = connection.execute("SELECT seq, blob, data_key FROM items ORDER BY seq LIMIT 2").fetchall()
    connection.execute("UPDATE items SET blob = 'x' WHERE seq = ?", (one[0],))
    connection.execute("UPDATE items SET blob = ?, data_key = ? WHERE seq = ?", (*one[1:], two[0]))
    connection.execute("UPDATE items SET blob = ?, data_key = ? WHERE seq = ?", (*two[1:], one[0]))
    connection.close()


def blob_by_its_former_version(home: Path, homes: Homes) -> None:
    shutil.copyfile(blob_of(homes.before, "0.txt"), blob_of(home, "0.txt"))


def blob_of_a_deleted_item_of_the_same_bytes(home: Path, homes: Homes) -> None:
    old, new = blob_of(homes.before, "3.txt"), blob_of(home, "3.txt")
    assert old.name == new.name
    shutil.copyfile(old, new)


def blob_of_another_home(home: Path, homes: Homes) -> None:
    shutil.copyfile(blob_of(homes.other, "2.txt"), blob_of(home, "2.txt"))


def whole_catalog(home: Path, homes: Homes) -> None:
    shutil.copyfile(homes.before / "catalog.db", home / "catalog.db")


def whole_catalog_that_lacks_only_what_is_no_audit_entry(home: Path, homes: Homes) -> None:
    kept = (home / "catalog.db").read_bytes()
    vault = open_vault(home)
    vault.catalog.change_action(vault.catalog.actions()[0].id, status=ActionStatus.REJECTED)
    vault.close()
    (home / "catalog.db").write_bytes(kept)


def catalog_of_another_home(home: Path, homes: Homes) -> None:
    shutil.copyfile(homes.other / "catalog.db", home / "catalog.db")


def keys_of_another_home(home: Path, homes: Homes) -> None:
    shutil.copyfile(homes.other / "keys", home / "keys")


def former_head(home: Path, homes: Homes) -> None:
    shutil.copyfile(homes.before / "audit.head", home / "audit.head")


def log_beside_a_closed_catalog(home: Path, homes: Homes) -> None:
    """SQLite would take it for the newest commits: its pages would replace those of the catalog."""
    shutil.copyfile(homes.killed / "catalog.db-wal", home / "catalog.db-wal")


def snapshot_of_a_former_generation(home: Path, homes: Homes) -> None:
    now, before = (sorted((each / "snapshots").iterdir()) for each in (home, homes.before))
    shutil.copyfile(before[0], now[0])


def snapshot_of_another_home(home: Path, homes: Homes) -> None:
    other = sorted((homes.other / "snapshots").iterdir())
    shutil.copyfile(other[0], sorted((home / "snapshots").iterdir())[0])


Harm = Callable[[Path, Homes], None]
AS_CLOSED = "audit: at an earlier start: the catalog is not as it was closed"
TABLE: dict[Harm, str] = {
    blobs_of_two_items: r"[0-9a-f]{16}: a frame fails its authentication",
    blobs_with_their_keys: r"[0-9a-f]{16}: its data key does not open",
    blob_by_its_former_version: r"[0-9a-f]{16}: a frame fails its authentication",
    blob_of_a_deleted_item_of_the_same_bytes: r"[0-9a-f]{16}: a frame fails its authentication",
    blob_of_another_home: r"[0-9a-f]{16}: a frame fails its authentication",
    whole_catalog: r"audit: at an earlier start: the catalog ends at entry \d+, its head outside is at \d+",
    whole_catalog_that_lacks_only_what_is_no_audit_entry: AS_CLOSED,
    catalog_of_another_home: "open: the catalog is damaged or belongs to other keys",
    keys_of_another_home: "open: the catalog is damaged or belongs to other keys",
    former_head: AS_CLOSED,
    log_beside_a_closed_catalog: "audit: at an earlier start: a write-ahead log lay beside the closed",
    snapshot_of_a_former_generation: "snapshot .*: not whole",
    snapshot_of_another_home: "snapshot .*: not whole",
}


@pytest.mark.parametrize("harm", TABLE, ids=lambda harm: harm.__name__)
def test_what_was_exchanged_is_seen(homes: Homes, home: Path, harm: Harm) -> None:
    harm(home, homes)
    verdict = examine(home, homes.truth, SNAPSHOTS)
    assert [line for line in verdict.said if re.search(TABLE[harm], line)], verdict.said
    assert not verdict.is_wrong or "catalog" in harm.__name__  # an earlier one tells what was true then


def test_both_owners_of_exchanged_blobs_are_named(homes: Homes, home: Path) -> None:
    blobs_of_two_items(home, homes)
    said = examine(home, homes.truth).said
    assert len([line for line in said if "authentication" in line]) == 2


def replayed(homes: Homes, folder: Path, pages: list[int]) -> list[int]:
    """Put single pages of the earlier catalog into their old places; which of them nobody saw."""
    former, unseen = (homes.before / "catalog.db").read_bytes(), list[int]()
    for number in pages:
        home = shutil.copytree(homes.now, folder / "home")
        content = bytearray((home / "catalog.db").read_bytes())
        content[number * PAGE : (number + 1) * PAGE] = former[number * PAGE : (number + 1) * PAGE]
        (home / "catalog.db").write_bytes(content)
        unseen += [] if examine(home, homes.truth).said else [number]
        shutil.rmtree(home)
    return unseen


def changed_pages(homes: Homes) -> list[int]:
    one, two = ((home / "catalog.db").read_bytes() for home in (homes.before, homes.now))
    pages = range(min(len(one), len(two)) // PAGE)
    return [n for n in pages if one[n * PAGE : (n + 1) * PAGE] != two[n * PAGE : (n + 1) * PAGE]]


def test_a_page_of_an_earlier_catalog_is_seen(homes: Homes) -> None:
    with fast_folder() as folder:
        assert replayed(homes, folder, changed_pages(homes)[::4]) == []


@pytest.mark.nightly
def test_each_page_of_an_earlier_catalog_is_seen(homes: Homes) -> None:
    assert len(changed_pages(homes)) > 20
    with fast_folder() as folder:
        assert replayed(homes, folder, changed_pages(homes)) == []


@pytest.mark.parametrize("part", [0, 0.3, 0.7])
def test_a_log_that_was_cut_is_seen(homes: Homes, part: float) -> None:
    with fast_folder() as folder:
        home = shutil.copytree(homes.killed, folder / "home")
        log = home / "catalog.db-wal"
        log.write_bytes(log.read_bytes()[: int(log.stat().st_size * part)])
        said = examine(home, {}).said
    assert [line for line in said if "rolled back or cut" in line], said


def test_a_log_of_another_home_is_seen(homes: Homes) -> None:
    with fast_folder() as folder:
        home = shutil.copytree(homes.killed, folder / "home")
        stranger = killed_home(folder / "stranger", homes.other)
        shutil.copyfile(stranger / "catalog.db-wal", home / "catalog.db-wal")
        assert examine(home, {}).said
