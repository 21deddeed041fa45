"""The intake on a real vault: stored once, acknowledged only then; what goes wrong stops nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from ingest.intake import Intake
from ingest.source import Arrival, Source
from ingest.sources.drop_folder import FolderSource
from policy.admission import Admission
from policy.errors import ConfinementError
from policy.limits import MIB
from store.errors import DiskFault
from store.records import Item, Origin
from store.vault import Stored, Vault
from tests.support.homes import LIMITS, make_home, open_vault, throwaway_vault
from tests.support.sources import PATIENCE_S, MemoryFolder, MemorySource


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as vault:
        yield vault


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer waits, shortened."""
    monkeypatch.setattr("ingest.intake.PAUSE_S", 0.1)
    monkeypatch.setattr("ingest.sources.drop_folder.GONE_S", 0.6)
    monkeypatch.setattr("ingest.sources.whole.GONE_S", 0.6)


def drop(root: Path) -> FolderSource:
    return FolderSource("drop", root, consume=True)


def watch(root: Path, vault: Vault) -> FolderSource:
    def known() -> list[Origin]:
        return [origin for _, origin in vault.catalog.places("watch:docs")]

    return FolderSource("watch:docs", root, consume=False, known=known)


@contextlib.contextmanager
def running(intake: Intake, *sources: Source) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=intake.run, args=(source, stop)) for source in sources]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def items(vault: Vault) -> list[Item]:
    return vault.catalog.items(limit=1000, include_superseded=True)


def content(vault: Vault, item: str) -> bytes:
    with open(vault.original(item), "rb") as file:
        return file.read()


def contents(vault: Vault) -> list[bytes]:
    return sorted(content(vault, item.id) for item in items(vault))


def test_a_dropped_file_is_stored_and_only_then_removed(vault: Vault, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "letter.txt").write_bytes(b"dear all")
    intake = Intake(vault, LIMITS)
    with running(intake, drop(root)):
        until(lambda: not (root / "sub" / "letter.txt").exists())
    (item,) = items(vault)
    assert (item.name, item.source, content(vault, item.id)) == ("letter.txt", "drop", b"dear all")
    (origin,) = vault.catalog.origins(item.id)
    assert (origin.locator, origin.size) == ("sub/letter.txt", 8)
    assert intake.tally() == intake.tally().__class__(stored=1, duplicates=0, refused={})


def test_a_file_that_the_store_refuses_stays_and_is_tried_again(
    vault: Vault, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put, failures = vault.put, []

    def faulty(source: BinaryIO, origin: Origin, *, new_version: bool = False) -> Stored:
        if origin.name == "cursed.txt" and len(failures) < 2:
            failures.append(origin)
            raise DiskFault("the disk refused: Input/output error")
        return put(source, origin, new_version=new_version)

    monkeypatch.setattr(vault, "put", faulty)
    for name in ("a.txt", "cursed.txt", "z.txt"):
        (root / name).write_bytes(name.encode())
    intake = Intake(vault, LIMITS)
    with caplog.at_level(logging.INFO), running(intake, drop(root)):
        until(lambda: len(items(vault)) == 2)
        assert intake.tally().refused == {"drop: cursed.txt": "the disk refused: Input/output error"}
        assert (root / "cursed.txt").exists()
        until(lambda: not list(root.iterdir()))
    assert contents(vault) == [b"a.txt", b"cursed.txt", b"z.txt"]
    assert intake.tally().refused == {}
    assert len(failures) == 2
    assert caplog.text.count("the disk refused") == 1
    assert "cursed" not in caplog.text


def test_a_file_that_is_too_large_stays_where_it_is_and_is_told_once(
    vault: Vault, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "large.bin").write_bytes(b"x" * 3000)
    (root / "small.txt").write_bytes(b"small")
    intake = Intake(vault, dataclasses.replace(LIMITS, item_bytes=2000))
    with running(intake, drop(root)):
        until(lambda: intake.tally().refused and not (root / "small.txt").exists())
        (root / "large.bin").chmod(0o600)
        time.sleep(1.0)
        assert intake.tally().refused == {
            "drop: large.bin": "TOO_LARGE: 3000 bytes, the limit is 2000 (split it)"
        }
        assert caplog.text.count("TOO_LARGE") == 1
        (root / "large.bin").write_bytes(b"shorter")
        until(lambda: not (root / "large.bin").exists())
    assert intake.tally().refused == {}
    assert contents(vault) == [b"shorter", b"small"]


def test_a_refused_file_that_its_owner_removes_is_no_longer_told(vault: Vault, root: Path) -> None:
    (root / "large.bin").write_bytes(b"x" * 3000)
    intake = Intake(vault, dataclasses.replace(LIMITS, item_bytes=2000))
    with running(intake, drop(root)):
        until(lambda: intake.tally().refused)
        (root / "large.bin").unlink()
        until(lambda: not intake.tally().refused)
    assert items(vault) == []


def test_the_same_bytes_twice_are_one_item_with_two_origins(vault: Vault, root: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "b.txt").write_bytes(b"same")
    (root / "a.txt").write_bytes(b"same")
    intake = Intake(vault, LIMITS)
    with running(intake, drop(root), watch(tmp_path / "docs", vault)):
        until(lambda: intake.tally().stored + intake.tally().duplicates == 2)
    (item,) = items(vault)
    assert {origin.source for origin in vault.catalog.origins(item.id)} == {"drop", "watch:docs"}
    assert (intake.tally().stored, intake.tally().duplicates) == (1, 1)


def test_a_later_drop_of_the_same_name_is_another_document(vault: Vault, root: Path) -> None:
    with running(Intake(vault, LIMITS), drop(root)):
        for text in (b"first scan", b"second scan"):
            (root / "scan.pdf").write_bytes(text)
            until(lambda: not (root / "scan.pdf").exists())
    second, first = items(vault)
    assert first.family != second.family
    assert not first.superseded


def test_a_watched_file_that_changes_is_a_new_version_and_stays(vault: Vault, root: Path) -> None:
    (root / "plan.txt").write_bytes(b"plan one")
    with running(Intake(vault, LIMITS), watch(root, vault)):
        until(lambda: len(items(vault)) == 1)
        (root / "plan.txt").write_bytes(b"plan two, longer")
        until(lambda: len(items(vault)) == 2)
        (root / "plan.txt").unlink()
        until(lambda: vault.catalog.find_origin("watch:docs", "plan.txt") is None)
    second, first = items(vault)
    assert (first.family, first.version, first.superseded) == (second.family, 1, True)
    assert (second.version, content(vault, second.id)) == (2, b"plan two, longer")


def test_what_happened_while_it_was_off_is_caught_up_with(
    vault: Vault, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("same", "touched", "changed", "gone"):
        (root / name).write_bytes(name.encode())
    with running(Intake(vault, LIMITS), watch(root, vault)):
        until(lambda: len(items(vault)) == 4)
    (root / "changed").write_bytes(b"changed since")
    os.utime(root / "touched", ns=(1, 1))
    (root / "gone").unlink()
    (root / "new").write_bytes(b"new")
    put, read = vault.put, []

    def counted(source: BinaryIO, origin: Origin, *, new_version: bool = False) -> Stored:
        read.append(origin.locator)
        return put(source, origin, new_version=new_version)

    monkeypatch.setattr(vault, "put", counted)
    with running(Intake(vault, LIMITS), watch(root, vault)):
        until(lambda: len(items(vault)) == 6 and len(vault.catalog.places("watch:docs")) == 4)
    assert sorted(read) == ["changed", "new", "touched"]
    with running(Intake(vault, LIMITS), watch(root, vault)):
        time.sleep(1.0)
    assert len(read) == 3
    assert len(items(vault)) == 6


def test_stored_but_not_acknowledged_before_a_restart_is_there_once(vault: Vault, root: Path) -> None:
    (root / "a.txt").write_bytes(b"once")
    source = drop(root)
    news = next(iter(source.arrivals(threading.Event())))
    assert isinstance(news, Arrival)
    with source.open(news) as opened:
        vault.put(opened, news.origin)  # and here it is killed
    intake = Intake(vault, LIMITS)
    with running(intake, drop(root)):
        until(lambda: not (root / "a.txt").exists())
    (item,) = items(vault)
    assert len(vault.catalog.origins(item.id)) == 1
    assert (intake.tally().stored, intake.tally().duplicates) == (0, 1)


class Meddler:
    """Reads through, and rewrites the file after the first piece."""

    def __init__(self, inner: BinaryIO, path: Path) -> None:
        self._inner, self._path = inner, path

    def read(self, count: int = -1) -> bytes:
        piece = self._inner.read(count)
        if self._path is not None:
            with self._path.open("r+b") as file:
                file.seek(2 * MIB)
                file.write(b"changed")
            self._path = None
        return piece


def test_a_file_rewritten_while_it_is_read_is_never_stored_half_old_half_new(
    vault: Vault, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "big.bin").write_bytes(os.urandom(3 * MIB))
    put, meddled = vault.put, []

    def meddling(source: BinaryIO, origin: Origin, *, new_version: bool = False) -> Stored:
        if not meddled:
            meddled.append(True)
            source = Meddler(source, root / "big.bin")  # type: ignore[assignment]
        return put(source, origin, new_version=new_version)

    monkeypatch.setattr(vault, "put", meddling)
    with running(Intake(vault, LIMITS), watch(root, vault)):
        until(lambda: items(vault))
    assert meddled
    assert contents(vault) == [(root / "big.bin").read_bytes()]
    assert list((vault.home / "blobs").rglob("*.incoming")) == []


def test_many_sources_at_once(vault: Vault) -> None:
    folders = [MemoryFolder() for _ in range(4)]
    sources = [MemorySource(f"memory{n}", folder, consume=True) for n, folder in enumerate(folders)]
    for n, folder in enumerate(folders):
        for m in range(20):
            folder.write(f"{m}", b"%d" % ((n + m) % 30))
    intake = Intake(vault, LIMITS)
    with running(intake, *sources):
        until(lambda: not any(folder.files for folder in folders))
    assert contents(vault) == sorted(b"%d" % n for n in range(23))
    assert intake.tally().stored == 23
    assert intake.tally().duplicates == 80 - 23


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root may mount a small disk")
    command = [mount, "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_where_confinement_is_missing_nothing_is_taken(vault: Vault, root: Path) -> None:
    (root / "a.txt").write_text("a letter")
    admission = Admission(ConfinementError("no Landlock"))
    intake = Intake(vault, LIMITS, admission)
    with running(intake, drop(root)):
        until(lambda: intake.paused)
        assert intake.paused == "no Landlock"
    assert (root / "a.txt").exists()
    assert vault.catalog.count() == 0


@pytest.mark.parametrize("reserve", [0, 8 * MIB])
def test_a_full_disk_pauses_the_intake_and_loses_nothing(
    small_disk: Path, root: Path, reserve: int, caplog: pytest.LogCaptureFixture
) -> None:
    limits = dataclasses.replace(LIMITS, free_disk_bytes=reserve)
    vault = open_vault(make_home(small_disk / "home"), limits)
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * (20 * MIB - reserve))
    files = {f"{n}.bin": os.urandom(MIB) for n in range(6)}
    for name, data in files.items():
        (root / name).write_bytes(data)
    intake = Intake(vault, limits)
    try:
        with caplog.at_level(logging.INFO), running(intake, drop(root)):
            until(lambda: intake.paused)
            left = len(list(root.iterdir()))
            assert left > 0
            assert intake.paused is not None
            assert "full" in intake.paused
            time.sleep(0.5)
            assert len(list(root.iterdir())) == left
            filler.unlink()
            until(lambda: not list(root.iterdir()))
        assert intake.paused is None
        assert contents(vault) == sorted(files.values())
        assert [caplog.text.count(line) for line in ("intake pauses", "intake goes on")] == [1, 1]
        assert intake.tally().refused == {}
    finally:
        vault.close()


def test_a_pause_does_not_hold_up_the_end(vault: Vault, root: Path) -> None:
    (root / "a.txt").write_bytes(b"a")
    vault.close()
    vault = open_vault(vault.home, dataclasses.replace(LIMITS, free_disk_bytes=1 << 60))
    intake = Intake(vault, LIMITS)
    with running(intake, drop(root)):
        until(lambda: intake.paused)
    assert (root / "a.txt").exists()
    vault.close()
