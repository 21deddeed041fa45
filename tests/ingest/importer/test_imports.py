"""Imports into a real vault, by real splitters: complete, once, and on from where they were cut."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.errors import ImportFailed
from ingest.importer.imports import Imports, ImportStatus, Stage
from ingest.intake import Intake
from ingest.sources.drop_folder import FolderSource
from policy.limits import Limits
from store.vault import Vault
from tests.support.homes import fast_folder, make_home, open_vault
from tests.support.mailboxes import message, write_mbox

LIMITS = Limits(free_disk_bytes=0, item_bytes=3 << 20)
PATIENCE_S = 60.0
MESSAGES = [message(number, [b"line %d" % number] * 20) for number in range(900)]


@pytest.fixture
def vault() -> Iterator[Vault]:
    with fast_folder() as folder:
        vault = open_vault(make_home(folder / "home"), LIMITS)
        yield vault
        vault.close()


@contextlib.contextmanager
def running(vault: Vault, module: str = "ingest.importer.worker") -> Iterator[Imports]:
    imports = Imports(vault, Intake(vault, LIMITS), LIMITS, module=module)
    stop = threading.Event()
    thread = threading.Thread(target=imports.run, args=(stop,))
    thread.start()
    try:
        yield imports
    finally:
        stop.set()
        vault.ledger.poke()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def ended(imports: Imports) -> ImportStatus:
    wait_for(lambda: imports.status()[0].stage not in (Stage.WAITING, Stage.RUNNING))
    return imports.status()[0]


def stored(vault: Vault) -> dict[str, str]:
    """Digest of each item's bytes -> its id."""
    found = {}
    for item in vault.catalog.items(limit=100_000):
        with open(vault.original(item.id), "rb") as content:
            found[hashlib.sha256(content.read()).hexdigest()] = item.id
    return found


def digests(messages: list[bytes]) -> set[str]:
    return {hashlib.sha256(each).hexdigest() for each in messages}


def test_a_mailbox_once(vault: Vault, tmp_path: Path) -> None:
    large = message(5_000, [b"z" * 75] * 30_000)
    too_large = message(5_001, [b"z" * 75] * 60_000)
    path = tmp_path / "Inbox"
    path.write_bytes(write_mbox([*MESSAGES[:500], large, too_large, *MESSAGES[500:]]))
    with running(vault) as imports:
        imports.start(path)
        status = ended(imports)
        assert (status.stage, status.messages, status.missed) == (Stage.DONE, 901, 1)
        assert status.position == status.size == path.stat().st_size
        assert status.duplicates == 0
        (why,) = status.skipped.values()
        assert "limit" in why
        assert stored(vault).keys() == digests([*MESSAGES, large])
        (_, origin), *_ = vault.catalog.places("import:Inbox")
        assert origin.source == "import:Inbox"

        again = imports.start(path)
        assert again.source == status.source
        assert ended(imports).messages == 901
        assert vault.catalog.count() == 901

        path.write_bytes(write_mbox([*MESSAGES, large, message(9_999)]))
        imports.start(path)
        status = ended(imports)
        assert (status.messages, status.duplicates, status.missed) == (902, 901, 0)
        assert vault.catalog.count() == 902


def test_two_files_of_one_name_keep_their_places(vault: Vault, tmp_path: Path) -> None:
    with running(vault) as imports:
        for number, folder in enumerate(("a", "b")):
            path = tmp_path / folder / "Inbox"
            path.parent.mkdir()
            path.write_bytes(write_mbox([message(number), message(number + 10)]))
            imports.start(path)
            assert ended(imports).stage is Stage.DONE
    assert len(vault.catalog.places("import:Inbox")) == 2
    assert len(vault.catalog.places("import:Inbox (2)")) == 2


def test_folders_of_every_kind(vault: Vault, tmp_path: Path) -> None:
    root = tmp_path / "Mail"
    files = {
        "cur/1.M1.host:2,S": MESSAGES[0],
        "new/2.M1.host": MESSAGES[1],
        "tmp/3.M1.host": MESSAGES[2],
        "dovecot.index": b"\0\1\2",
        ".Sent/cur/4.M1.host:2,RS": MESSAGES[3],
        ".Sent/new/.keep": b"",
        ".git/config": MESSAGES[4],
        "mh/1": MESSAGES[5],
        "mh/2": MESSAGES[6],
        "loose/a.eml": MESSAGES[7],
        "loose/large.eml": message(1, [b"z" * 75] * 30_000),
        "loose/notes.txt": b"no mail",
        "Thunderbird/Inbox": write_mbox(MESSAGES[8:20]),
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    for folder in ("tmp", ".Sent/new", ".Sent/cur"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    expected = digests([*MESSAGES[:2], MESSAGES[3], *MESSAGES[5:20], files["loose/large.eml"]])
    with running(vault) as imports:
        imports.start(root)
        wait_for(lambda: len(imports.status()) == 2 and ended(imports).stage is Stage.DONE)
        assert stored(vault).keys() == expected
        (root / "cur/1.M1.host:2,S").rename(root / "cur/1.M1.host:2,FS")
        imports.start(root)
        wait_for(lambda: all(each.stage is Stage.DONE for each in imports.status()))
    assert stored(vault).keys() == expected
    assert {origin.locator for _, origin in vault.catalog.places("import:Mail")} == {
        *("1.M1.host", "2.M1.host", ".Sent/4.M1.host", "mh/1", "mh/2", "loose/a.eml", "loose/large.eml")
    }


def test_what_was_queued_is_known_after_a_restart(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(write_mbox(MESSAGES[:5]))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.eml").write_bytes(MESSAGES[6])
    (tmp_path / "folder" / "Archive").write_bytes(write_mbox(MESSAGES[10:15]))
    waiting = Imports(vault, Intake(vault, LIMITS), LIMITS)  # never run
    for name in ("box", "folder"):
        assert waiting.start(tmp_path / name).stage is Stage.WAITING
    with running(vault) as imports:
        wait_for(lambda: [each.stage for each in imports.status()] == [Stage.DONE] * 3)
    assert vault.catalog.count() == 11
    with running(vault) as imports:
        time.sleep(0.3)
        assert imports.status() == []


def test_what_holds_no_mail_is_refused(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    with running(vault) as imports:
        for name in ("a.pdf", "missing"):
            with pytest.raises(ImportFailed):
                imports.start(tmp_path / name)
        (tmp_path / "junk.pst").write_bytes(b"!BDN" + os.urandom(10_000))
        imports.start(tmp_path / "junk.pst")
        assert "Outlook" in (ended(imports).error or "")
        (tmp_path / "cut.mbox.gz").write_bytes(gzip.compress(write_mbox(MESSAGES))[:-3_000])
        imports.start(tmp_path / "cut.mbox.gz")
        status = ended(imports)
    assert "cut off" in (status.error or "")
    assert 0 < status.messages < len(MESSAGES)


@pytest.mark.parametrize("trick", [b"die", b"lie", b"key"])
def test_splitters_that_die_or_lie(vault: Vault, tmp_path: Path, trick: bytes) -> None:
    path = tmp_path / "box"
    path.write_bytes(write_mbox([*MESSAGES[:50], message(1, [trick + b" now"]), *MESSAGES[50:60]]))
    with running(vault, "tests.support.evil_splitter") as imports:
        imports.start(path)
        status = ended(imports)
    assert (status.stage, status.messages, status.missed) == (Stage.DONE, 60, 1)
    assert stored(vault).keys() == digests(MESSAGES[:60])


def test_a_splitter_that_never_gets_further(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "box"
    path.write_bytes(write_mbox([*MESSAGES[:50], message(1, [b"die now"] * 3), message(2, [b"die now"])]))
    with running(vault, "tests.support.evil_splitter") as imports:
        imports.start(path)
        status = ended(imports)
        assert status.stage is Stage.FAILED
        assert "beyond" in (status.error or "")
    assert stored(vault).keys() == digests(MESSAGES[:50])


def test_a_file_that_changes_meanwhile(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "box"
    path.write_bytes(write_mbox(MESSAGES) * 20)
    with running(vault) as imports:
        imports.start(path)
        wait_for(lambda: imports.status()[0].messages > 0)
        with path.open("ab") as file:
            file.write(write_mbox([message(1)]))
        status = ended(imports)
        assert status.stage is Stage.FAILED
        assert "changed" in (status.error or "")
        imports.start(path)
        imports.cancel(path)
        assert ended(imports).stage is Stage.CANCELLED
    assert vault.catalog.imports() == []


def test_killed_splitters_and_cores_lose_and_double_nothing() -> None:
    assert _killed_again_and_again(times=4, number=1_500) >= 2


@pytest.mark.nightly
def test_killed_a_hundred_times() -> None:
    assert _killed_again_and_again(times=100, number=60_000) > 50


def _killed_again_and_again(times: int, number: int) -> int:
    """Import a mailbox in a process that is killed; every other time its splitter is killed first."""
    with fast_folder() as folder:
        home, path = make_home(folder / "home"), folder / "box"
        messages = [message(each, [b"line %d" % each] * 20) for each in range(number)]
        messages[3:3] = [message(-1 - each, [b"large"] * 300_000) for each in range(3)]
        path.write_bytes(write_mbox(messages))
        kills, driver = 0, [sys.executable, "-m", "tests.support.import_driver", home, path]
        while kills < times:
            with subprocess.Popen(driver, stdout=subprocess.PIPE) as process:
                assert process.stdout
                # By progress: no two machines are as fast.
                due = len(messages) * (kills + 1) // (times + 1)
                reached = any(int(line) >= due for line in process.stdout)
                if reached and kills % 2:
                    _kill_children(process.pid)
                    time.sleep(0.05)
                process.kill()
            if not reached:
                break
            kills += 1
        assert subprocess.run(driver, stdout=subprocess.DEVNULL).returncode == 0
        vault = open_vault(home, LIMITS)
        try:
            (row,) = vault.catalog.imports()
            assert row.done
            assert row.missed == 0
            assert vault.catalog.count() == len(messages)
            assert len(vault.catalog.places("import:box")) == len(messages)
            if number < 10_000:
                assert stored(vault).keys() == digests(messages)
        finally:
            vault.close()
        return kills


def _kill_children(pid: int) -> None:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                os.kill(int(child), signal.SIGKILL)


@pytest.mark.parametrize("consume", [True, False])
def test_mailboxes_in_folders(vault: Vault, tmp_path: Path, consume: bool) -> None:
    box, root = write_mbox(MESSAGES[:30]), tmp_path / "folder"
    root.mkdir()
    intake = Intake(vault, LIMITS)
    imports = Imports(vault, intake, LIMITS)
    source = FolderSource("drop" if consume else "watch:x", root, consume=consume, importer=imports)
    stop = threading.Event()
    threads = [threading.Thread(target=imports.run, args=(stop,))]
    threads.append(threading.Thread(target=intake.run, args=(source, stop)))
    for thread in threads:
        thread.start()
    try:
        (root / "Inbox").write_bytes(box)
        (root / "one.eml").write_bytes(message(4_000))
        (root / "not mail.zip").write_bytes(_zip({"a.txt": b"text"}))
        (root / "some mail.zip").write_bytes(_zip({"a.eml": message(4_004), "a.txt": b"text"}))
        (root / "some.mbox").write_bytes(write_mbox([message(4_001), message(4_002, [b"z" * 75] * 60_000)]))
        wait_for(lambda: vault.catalog.count() == 35)
        wait_for(lambda: all(each.stage is Stage.DONE for each in imports.status()))
        wait_for(lambda: not [each for each in imports.status() if each.path.endswith("not mail.zip")])
        if consume:
            wait_for(lambda: {path.name for path in root.iterdir()} == {"some.mbox"})
        else:
            assert len(list(root.iterdir())) == 5
            with (root / "Inbox").open("ab") as file:
                file.write(write_mbox([message(4_003)]))
            wait_for(lambda: vault.catalog.count() == 36)
        name = "drop" if consume else "watch:x"
        documents = {"one.eml", "not mail.zip", "some mail.zip"}  # not all of the last is mail
        assert {origin.locator for _, origin in vault.catalog.places(name)} == documents
    finally:
        stop.set()
        vault.ledger.poke()
        for thread in threads:
            thread.join(PATIENCE_S)


def _zip(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return sink.getvalue()
