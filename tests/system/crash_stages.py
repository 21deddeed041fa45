"""The stages above the store, killed at each touch of disk and catalog: intake from a folder, reading, mail,
both indexes, the file of accounts. What is in the store has its own scenarios.

    python -m tests.system.crash_stages FOLDER MOST [SCENARIO ...]
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from appliance import account_file
from appliance.errors import SettingsError
from index.keepers import TextKeeper, VectorKeeper
from ingest.intake import Intake
from ingest.mail.account import MailAccount
from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from ingest.source import Source
from ingest.sources import whole
from ingest.sources.drop_folder import FolderSource
from ingest.sources.imap import SMALL_BYTES, MailboxSource
from store.records import State
from store.vault import Vault
from tests.store.crash_points import run
from tests.support.crashing import Bench, Scenario, open_again
from tests.support.homes import LIMITS, make_home, open_vault, put
from tests.support.indexing import WordHashEmbedder, read_in
from tests.support.mail_server import MemoryRemote, MemoryServer

ACCOUNT = MailAccount(name="m", host="localhost", user="u")
WATCHED = ("watch:docs", "watched")
PATIENCE_S = 20.0


def prepare(folder: Path) -> None:
    """A home, and beside it a drop folder and a watched one, of which the home knows an older state."""
    vault = open_vault(make_home(folder / "home"))
    for name, content in (("same.txt", b"unchanged"), ("new.txt", b"version 1"), ("gone.txt", b"vanished")):
        file(folder / "watched" / name, content, at=1)
    take(vault, watched(folder, vault), threading.Event(), lambda: len(vault.catalog.places(WATCHED[0])) == 3)
    read_in(vault, "a text of two words", "words.txt")
    vault.close()
    file(folder / "watched" / "new.txt", b"version 2", at=2)
    (folder / "watched" / "gone.txt").unlink()
    file(folder / "drop" / "a.txt", b"plain words", at=4)
    file(folder / "drop" / "below" / "b.txt", b"child attached", at=3)
    file(folder / "drop" / "below" / "same.txt", b"unchanged", at=2)


def file(path: Path, content: bytes, *, at: int) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at, at))


def files(name: str) -> Callable[[Path], dict[str, object]]:
    """What is in a folder beside the home; hidden names too."""

    def told(home: Path) -> dict[str, object]:
        root = home.parent / name
        return {f"{name}: {path.relative_to(root)}": path.is_file() and path.read_bytes()
                for path in sorted(root.rglob("*")) if path.is_file()}  # fmt: skip

    return told


# -------------------- what is done


def take(vault: Vault, source: Source, stop: threading.Event, done: Callable[[], bool]) -> None:
    """Run an intake until it is done."""

    def watch() -> None:
        until = time.monotonic() + PATIENCE_S
        while not done() and time.monotonic() < until:
            time.sleep(0.005)
        stop.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    Intake(vault, LIMITS).run(source, stop)
    watcher.join()


def drop(vault: Vault) -> None:
    """The files of the drop folder are stored, and only then taken away."""
    root = vault.home.parent / "drop"
    source = FolderSource("drop", root, consume=True)
    take(vault, source, threading.Event(), lambda: not any(path.is_file() for path in root.rglob("*")))


def watched(folder: Path, vault: Vault) -> FolderSource:
    def known() -> list[object]:
        return [origin for _, origin in vault.catalog.places(WATCHED[0])]

    return FolderSource(WATCHED[0], folder / WATCHED[1], consume=False, known=known)  # type: ignore[arg-type]


def watch(vault: Vault) -> None:
    """Of the watched folder: one file changed, one vanished."""

    def done() -> bool:
        places = {origin.locator: origin.size for _, origin in vault.catalog.places(WATCHED[0])}
        return set(places) == {"same.txt", "new.txt"} and vault.catalog.count() == 5

    take(vault, watched(vault.home.parent, vault), threading.Event(), done)


def read(vault: Vault) -> None:
    """What is stored is read in a worker; one document has an attachment, two are read together."""
    if not [item for item in vault.catalog.items() if item.name == "letter"]:
        put(vault, b"child attached", "letter")
    pool = Pool(1, LIMITS, module="tests.support.evil_worker")
    stage = ParseStage(vault, pool, LIMITS)
    while waiting := vault.ledger.pending(State.STORED, 9):
        if len(waiting) > 1:
            stage.step_together(waiting[:2])
        for item in vault.ledger.pending(State.STORED, 1):
            stage.step(item)
    pool.close()


class Remote(MemoryRemote):
    """A connection that ends the sync where it would wait."""

    def __init__(self, server: MemoryServer, stop: threading.Event) -> None:
        super().__init__(server)
        self._ended = stop

    def idle(self, seconds: float) -> bool:
        self._ended.set()
        return False


def mail(vault: Vault) -> None:
    """A mailbox comes in: small messages together, a large one alone, one that lies in two folders."""
    server = MemoryServer()
    server.create("Archive")
    for number in range(5):
        server.deliver(b"Subject: %d\n\nall is well" % number)
    server.deliver(b"Subject: 1\n\nall is well", "Archive")
    server.deliver(b"Subject: large\n\n" + b"x" * (2 * SMALL_BYTES), "Archive")
    stop = threading.Event()
    source = MailboxSource(ACCOUNT, vault.catalog, LIMITS, lambda: Remote(server, stop))
    Intake(vault, LIMITS).run(source, stop)


def words(vault: Vault) -> None:
    """Passages are cut and indexed, and a snapshot is written."""
    cut(vault).settle()


def cut(vault: Vault) -> TextKeeper:
    folder = vault.home.parent / "ram"
    folder.mkdir(exist_ok=True)
    keeper = TextKeeper(vault, folder)
    while keeper.step():
        pass
    return keeper


def meanings(vault: Vault) -> None:
    """They are embedded as well."""
    text = cut(vault)
    keeper = VectorKeeper(vault, WordHashEmbedder(), lambda: None)
    while keeper.step():
        pass
    text.settle()
    keeper.settle()


def covered(home: Path) -> dict[str, object]:
    """Whether the snapshots are whole and cover everything."""
    vault = open_again(home)
    found = {name: vault.snapshots.load(name) for name in ("text", "vectors")}
    generation = vault.catalog.generation()
    vault.close()
    return {name: one and one[0] == generation for name, one in found.items()}


FOLDERS = frozenset({"snapshots", "snapshot_files", "snapshots/", "facts"})
SCENARIOS: Mapping[str, Scenario] = {
    "drop": Scenario(drop, at_once=False, world=files("drop")),
    "watch": Scenario(watch, at_once=False, world=files("watched")),
    "read": Scenario(read, at_once=False),
    "mail": Scenario(mail, at_once=False),
    "words": Scenario(words, at_once=False, world=covered, untold=FOLDERS),
    "meanings": Scenario(meanings, at_once=False, world=covered, untold=FOLDERS),
    "account": Scenario(
        closed=lambda home: account_file.add(home, ACCOUNT), over=(SettingsError,), at_once=False
    ),
}


def main() -> None:
    whole.QUIET_S = 0.005  # patience is tested elsewhere
    whole.GONE_S = 0.01
    folder, most = Path(sys.argv[1]), int(sys.argv[2])
    (folder / "template").mkdir()
    prepare(folder / "template")
    for name in [name for name in SCENARIOS if name in sys.argv[3:] or not sys.argv[3:]]:
        bench = Bench(SCENARIOS[name], folder / "template", folder)
        print(json.dumps({"scenario": name, **run(bench, most)}), flush=True)


if __name__ == "__main__":
    main()
