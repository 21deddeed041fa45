"""Memory and speed of an import: flat, whatever the size of the file; and files that are nothing but size."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ingest.importer.kinds import HEAD_BYTES, Kind, container_kind
from ingest.importer.messages import Finished, Job, Large, LargeEnd, Several, Slice
from ingest.importer.splitter import Splitter
from policy.limits import MIB, Limits
from tests.support.homes import fast_folder, make_home, open_vault
from tests.support.mailboxes import POSTMARK, message, write_mbox

LIMITS = Limits()


class Heard:
    """What a splitter told of a file, and what it took."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.messages = self.bytes = self.peak = 0
        descriptor, began = os.open(path, os.O_RDONLY), time.perf_counter()
        with Splitter(
            Job(kind=kind, name=path.name, most_bytes=LIMITS.item_bytes), descriptor, LIMITS
        ) as splitter:
            while True:
                told = splitter.hear(threading.Event())
                match told:
                    case Several(found=found):
                        self.messages += len(found)
                        self.bytes += sum(len(each.content) for each in found)
                    case Slice(content=content):
                        self.bytes += len(content)
                    case Large() | LargeEnd():
                        self.messages += isinstance(told, Large)
                    case Finished():
                        self.failed = told.failed
                        break
                self.peak = max(self.peak, _memory(splitter._process.pid))
        os.close(descriptor)
        self.rate = path.stat().st_size / (time.perf_counter() - began) / 1e6


def _memory(pid: int) -> int:
    with open(f"/proc/{pid}/statm", "rb") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _mailbox(path: Path, size: int) -> int:
    """Write a mailbox of mails of many sizes; returns how many are in it."""
    lines = [os.urandom(54).hex().encode() for _ in range(2_000)]
    count = 0
    with path.open("wb") as file:
        while file.tell() < size:
            length = (3, 20, 60, 400, 1_800)[count % 5] * (12 if count % 97 == 0 else 1)
            file.write(write_mbox([message(count, (lines[(count + n) % 2_000] for n in range(length)))]))
            count += 1
    return count


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "box"
    count = _mailbox(path, 60 * MIB)
    heard = Heard(path, Kind.MBOX)
    assert heard.messages == count
    assert heard.peak < 80 * MIB


def test_core_and_splitter_stay_small() -> None:
    _import_whole(30 * MIB)


@pytest.mark.nightly
def test_core_and_splitter_stay_small_with_a_large_mailbox() -> None:
    _import_whole(1 << 30)


def _import_whole(size: int) -> None:
    """Import a mailbox into a real vault, and watch the memory of the two processes."""
    with fast_folder() as folder:
        home, path = make_home(folder / "home"), folder / "box"
        count, began, peak = _mailbox(path, size), time.perf_counter(), 0
        process = subprocess.Popen([sys.executable, "-m", "tests.support.import_driver", home, path])
        while process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                children = "".join(
                    task.read_text() for task in Path(f"/proc/{process.pid}/task").glob("*/children")
                )
                peak = max(peak, sum(_memory(pid) for pid in (process.pid, *map(int, children.split()))))
            time.sleep(0.01)
        took = time.perf_counter() - began
        assert process.returncode == 0
        print(f"{count} messages, {path.stat().st_size >> 20} MiB in {took:.0f} s: {peak >> 20} MiB together")
        assert peak < 300 * MIB
        vault = open_vault(home)
        assert vault.catalog.count() == count
        vault.close()


def test_nothing_but_zeros_behind_a_beginning(tmp_path: Path) -> None:
    path = tmp_path / "box"
    path.write_bytes(POSTMARK + b"\n" + message(1))
    os.truncate(path, 600 * MIB)
    heard = Heard(path, Kind.MBOX)
    assert heard.messages == 1
    assert heard.bytes == LIMITS.item_bytes + 1  # as much as shows that it is too large
    assert heard.peak < 80 * MIB


def test_nothing_but_zeros(tmp_path: Path) -> None:
    path = tmp_path / "zeros.mbox"
    path.touch()
    os.truncate(path, 10 << 30)
    with path.open("rb") as file:
        assert container_kind(file.read(HEAD_BYTES), path.name) is None


@pytest.mark.nightly
def test_a_large_mailbox(tmp_path: Path) -> None:
    path = tmp_path / "box"
    count = _mailbox(path, 1 << 30)
    heard = Heard(path, Kind.MBOX)
    print(f"{count} messages, {path.stat().st_size >> 20} MiB: {heard.rate:.0f} MB/s, {heard.peak >> 20} MiB")
    assert heard.messages == count
    assert heard.peak < 80 * MIB


@pytest.mark.nightly
def test_ten_gigabytes_of_zeros(tmp_path: Path) -> None:
    path = tmp_path / "box"
    path.write_bytes(POSTMARK + b"\n" + message(1))
    os.truncate(path, 10 << 30)
    heard = Heard(path, Kind.MBOX)
    assert heard.messages == 1
    assert heard.peak < 80 * MIB
