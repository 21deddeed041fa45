"""Killed at any point, a home needs no repair: every touch of disk and catalog in turn, then at random."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.homes import fast_folder, make_home, open_vault, put

ROOT = Path(__file__).parents[2]
STRIDE = int(os.environ.get("STRONGROOM_CRASH_STRIDE", "5"))  # 1: every point
KILLS = int(os.environ.get("STRONGROOM_CRASH_KILLS", "8"))

WRITER = """
import os, sys
from pathlib import Path
from tests.support.homes import open_vault, put
vault = open_vault(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 100_000):
    put(vault, b"document %d " % number * (number % 50 + 1), f"{number}.txt")
    os.write(1, b"%d\\n" % number)
"""


@pytest.mark.parametrize(
    "scenario", ["put", "batch", "version", "delete", "snapshot", "passphrase", "create", "migrate"]
)
def test_killed_at_each_touch_of_disk_or_catalog_nothing_is_lost_or_doubled(scenario: str) -> None:
    # A kill is survived by what the kernel was given, so memory serves as a disk here, and is faster.
    with fast_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.store.crash_points", scenario, str(folder), str(STRIDE)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["wrong"] == {}
    assert result["points"] > 50


def test_killed_at_random_while_storing_every_acknowledged_document_is_there_once(tmp_path: Path) -> None:
    home, acknowledged = make_home(tmp_path / "home"), set[int]()
    for _ in range(KILLS):
        begin = max(acknowledged, default=-1) + 1
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(home), str(begin)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        first = writer.stdout.readline()  # it is at work
        time.sleep(random.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        acknowledged |= {int(line) for line in (first + writer.stdout.read()).splitlines()}
        writer.wait()
        writer.stdout.close()
        check(home, acknowledged)


def check(home: Path, acknowledged: set[int]) -> None:
    vault = open_vault(home)
    names = [item.name for item in vault.catalog.items(limit=100_000)]
    assert len(names) == len(set(names))
    assert {f"{number}.txt" for number in acknowledged} <= set(names)
    assert len(names) <= len(acknowledged) + KILLS  # stored, and killed before it could say so
    assert vault.verify().problems == []
    assert len(list(home.glob("blobs/*/*"))) == len(names)
    before = put(vault, b"document 0 ", "0.txt")
    assert (before.created, before.origin_added) == (False, False)
    vault.close()
