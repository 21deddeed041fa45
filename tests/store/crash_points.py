"""Runs one action of the store again and again, killed at one more point each time, and checks what is left.

A program of its own, so that it can fork before any thread exists:

    python -m tests.store.crash_points SCENARIO FOLDER STRIDE

A point is the moment before or after any call that touches the disk or the catalog. Prints one JSON line:
how many points there were, and what was wrong after which of them.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from policy.redact import Private
from store.database import connect
from store.keys import open_keys
from store.migrate import migrate, packaged_steps
from store.records import NewPassage, Origin, Reading
from store.vault import Vault
from tests.support.homes import CHEAP_KDF, LIMITS, PASSPHRASE, make_home, open_vault, put

ON_DISK = {"open", "write", "pwrite", "flush", "fsync", "rename", "replace", "unlink", "mkdir"}
TOUCHING = ON_DISK | {"execute", "executemany", "executescript"}
OLD, NEW = b"the letter that was there before", b"the letter that is being stored"
OTHER = Private(b"another passphrase")
STEPS = [*packaged_steps(), "CREATE TABLE later (x); INSERT INTO later SELECT id FROM items;"]


def kill_at(point: int) -> None:
    """Arrange that this process dies at its `point`-th touch of the disk or catalog from here."""
    touches = 0

    def watch(_frame: FrameType, event: str, function: object) -> None:
        nonlocal touches
        if event in ("c_call", "c_return") and getattr(function, "__name__", "") in TOUCHING:
            touches += 1
            if touches == point:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


# ---------------------------------------------------------------- scenarios: prepare, act, check


def prepare(home: Path) -> None:
    """A home with a letter, its attachment, passages, and a snapshot that covers them."""
    vault = open_vault(make_home(home))
    first = put(vault, OLD, "old.txt").item
    put(vault, b"attached", "a.bin", source="attachment", parent=first)
    vault.catalog.save_reading(first, Reading(media_type="text/plain", text="a text", elements=()))
    ids = vault.catalog.save_passages(first, [NewPassage(start=0, end=6, text="a text")])
    vault.catalog.save_vectors("m", [(ids[0], b"\0\0")])
    vault.snapshots.save("index", vault.catalog.generation(), {"f": b"first", "same": b"same"})
    vault.close()


def act_put(home: Path) -> None:
    put(open_vault(home), NEW, "new.txt")


def check_put(home: Path, done: bool) -> list[str]:
    vault = open_vault(home)
    items = vault.catalog.items()
    problems = [] if len(items) == 3 or not done else ["an acknowledged document is lost"]
    again = put(vault, NEW, "new.txt")
    if again.created != (len(items) == 2) or vault.catalog.count() != 3:
        problems.append("it is there twice or not at all")
    return problems + sound(vault)


def batch() -> list[tuple[bytes, Origin]]:
    """What is there already, what is not, and one of these twice."""
    contents = (OLD, NEW, b"another one", NEW)
    return [
        (content, Origin(source="mail:a", locator=f"INBOX;UID={uid}", name=f"{uid}.eml"))
        for uid, content in enumerate(contents)
    ]


def act_batch(home: Path) -> None:
    open_vault(home).put_many(batch())


def check_batch(home: Path, done: bool) -> list[str]:
    vault = open_vault(home)
    if vault.catalog.count() not in ([4] if done else [2, 4]):
        return ["a batch is lost or half there"]
    created = [stored.created for stored in vault.put_many(batch())]
    problems = ["an acknowledged document is lost"] if done and any(created) else []
    if vault.catalog.count() != 4 or len(vault.catalog.places("mail:a")) != 4:
        problems.append("something is there twice or not at all")
    return problems + sound(vault)


def act_version(home: Path) -> None:
    put(open_vault(home), NEW, "old.txt", new_version=True)


def check_version(home: Path, done: bool) -> list[str]:
    vault = open_vault(home)
    current = vault.catalog.find_origin("drop", "old.txt")
    assert current is not None
    versions = vault.catalog.versions(vault.catalog.item(current[0]).family)
    problems = [] if len(versions) == 2 or not done else ["an acknowledged version is lost"]
    if [item.superseded for item in versions] != [False, True][: len(versions)]:
        problems.append("the versions contradict each other")
    return problems + sound(vault)


def act_delete(home: Path) -> None:
    vault = open_vault(home)
    vault.delete(vault.catalog.items(limit=9)[-1].id)


def check_delete(home: Path, done: bool) -> list[str]:
    vault = open_vault(home)
    left = vault.catalog.items()
    if not left:
        receipts = [entry.item for entry in vault.audit.entries() if entry.event == "deleted"]
        receipt = vault.receipt(receipts[0] or "")
        if receipt is None or any(receipt.residue.values()) or list((home / "blobs").glob("*/*")):
            return ["a deletion is half done"]
        if vault.snapshots.load("index") is not None:
            return ["a snapshot still holds what was deleted"]
    elif done or len(left) != 2 or vault.snapshots.load("index") is None:
        return ["a deletion was acknowledged and undone, or half done"]
    return sound(vault)


def act_snapshot(home: Path) -> None:
    vault = open_vault(home)
    vault.snapshots.save(
        "index", vault.catalog.generation(), {"f": b"second", "same": b""}, immutable=["same"]
    )


def check_snapshot(home: Path, done: bool) -> list[str]:
    vault = open_vault(home)
    found = vault.snapshots.load("index")
    allowed = [b"second"] if done else [b"first", b"second"]
    problems = [] if found and found[1]["f"] in allowed and found[1]["same"] == b"same" else ["not whole"]
    if len(list((home / "snapshots").iterdir())) != 2:
        problems.append("files of no snapshot are left")
    return problems + sound(vault)


def act_passphrase(home: Path) -> None:
    open_vault(home).change_passphrase(PASSPHRASE, OTHER, kdf=CHEAP_KDF)


def check_passphrase(home: Path, done: bool) -> list[str]:
    opened = []
    for passphrase in (PASSPHRASE, OTHER):
        try:
            open_keys(home / "keys", passphrase)
            opened.append(passphrase)
        except Exception as error:  # noqa: BLE001 - whatever it is, this passphrase does not open the home
            print(type(error).__name__, file=sys.stderr)
    if len(opened) != 1 or (done and opened != [OTHER]):
        return [f"{len(opened)} passphrases open the home"]
    return sound(Vault.open(home, opened[0], limits=LIMITS))


def act_create(home: Path) -> None:
    make_home(home / "fresh")


def check_create(home: Path, done: bool) -> list[str]:
    fresh = home / "fresh"
    if not (fresh / "keys").exists():
        if done:
            return ["an acknowledged home is lost"]
        make_home(fresh)
    return sound(open_vault(fresh))


def act_migrate(home: Path) -> None:
    migrate(home / "catalog.db", open_keys(home / "keys", PASSPHRASE).catalog, STEPS)


def check_migrate(home: Path, done: bool) -> list[str]:
    act_migrate(home)
    key = open_keys(home / "keys", PASSPHRASE).catalog
    connection = connect(home / "catalog.db", key)
    rows = connection.execute("SELECT count(*) FROM later").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    left = list(home.glob("catalog.*.new*"))
    return [] if (rows, version, left) == (2, len(STEPS), []) else [f"{rows} rows, version {version}, {left}"]


def sound(vault: Vault) -> list[str]:
    """What is wrong with a home, whatever was done to it."""
    problems = vault.verify().problems
    blobs, incoming = list(vault.home.glob("blobs/*/*")), list((vault.home / "incoming").iterdir())
    if len(blobs) != vault.catalog.count() or incoming:
        problems.append(f"{len(blobs)} blobs, {vault.catalog.count()} items, {len(incoming)} incoming")
    for item in vault.catalog.items():
        descriptor = vault.original(item.id)
        with io.FileIO(descriptor) as file:
            problems += [] if len(file.read()) == item.size else ["an original is short"]
    vault.close()
    return problems


class Scenario(NamedTuple):
    act: Callable[[Path], None]
    check: Callable[[Path, bool], list[str]]
    recovers: bool = True  # opening the home finishes what was interrupted, and may be killed as well


SCENARIOS = {
    "put": Scenario(act_put, check_put),
    "batch": Scenario(act_batch, check_batch),
    "version": Scenario(act_version, check_version),
    "delete": Scenario(act_delete, check_delete),
    "snapshot": Scenario(act_snapshot, check_snapshot),
    "passphrase": Scenario(act_passphrase, check_passphrase, recovers=False),
    "create": Scenario(act_create, check_create, recovers=False),
    "migrate": Scenario(act_migrate, check_migrate, recovers=False),
}


def survive(scenario: Scenario, template: Path, home: Path, point: int) -> tuple[bool, list[str]]:
    """Kill the action at one point; returns whether it was over before, and what is wrong afterwards."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(template, home)
    done = killed_at(point, scenario.act, home) == 0
    if scenario.recovers and not done:
        killed_at(1 + point * 37 % 120, open_vault, home)
    return done, scenario.check(home, done)


def killed_at(point: int, act: Callable[[Path], object], home: Path) -> int:
    """Do something in a child that dies at a point; returns its exit status: 0 if it was done before."""
    child = os.fork()
    if child == 0:
        kill_at(point)
        act(home)
        sys.setprofile(None)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    scenario, folder, stride = SCENARIOS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3])
    template = folder / "template"
    prepare(template)
    point, wrong, done = 1, dict[int, list[str]](), False
    while not done:
        done, problems = survive(scenario, template, folder / "home", point)
        if problems:
            wrong[point] = problems
        point += stride
    print(json.dumps({"points": point - 1, "wrong": wrong}))


if __name__ == "__main__":
    main()
