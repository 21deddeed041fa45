"""The clock is moved ten years forward and back while files come in, between restarts and within a run: each
is stored once and read, and nothing of what was there goes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from store.records import State
from tests.support.homes import make_home, open_vault

ROOT = Path(__file__).parents[2]
TEN_YEARS_S = 10 * 366 * 86_400
PATIENCE_S = 60.0
DRIVER = "tests.support.intake_driver"


class Papers:
    """Files that come in by the drop folder and a watched one, each bearing the time of its day."""

    def __init__(self, folder: Path) -> None:
        self.drop, self.watched, self.offset = folder / "drop", folder / "watched", folder / "offset"
        self.drop.mkdir()
        self.watched.mkdir()
        self.home = make_home(folder / "home")
        self.count = 0

    def move_clock(self, seconds: int) -> None:
        begun = self.offset.with_suffix(".new")
        begun.write_text(f"{seconds:+d}")
        begun.rename(self.offset)

    def bring(self, number: int) -> None:
        """So many into each folder."""
        for _ in range(number):
            self.count += 1
            for root in (self.drop, self.watched):
                begun = root / f"{self.count}.part"
                begun.write_text(f"paper {self.count} in {root.name}")
                begun.rename(root / f"{self.count}.txt")

    def taken(self) -> bool:
        return not any(path.is_file() for path in self.drop.iterdir())

    def check(self) -> None:
        vault = open_vault(self.home)
        names = sorted(item.name for item in vault.catalog.items(limit=1000, include_superseded=True))
        assert names == sorted(f"{number + 1}.txt" for number in range(self.count) for _ in range(2))
        assert vault.ledger.counts()[State.PARSED] == 2 * self.count
        assert vault.verify().problems == []
        numbers = [int(item.name.removesuffix(".txt")) for item in vault.catalog.items(limit=1000)]
        vault.close()
        kept = sorted(path.name for path in self.watched.iterdir())
        assert kept == sorted(set(names))
        assert set(numbers[:8]) == set(
            range(self.count - 3, self.count + 1)
        )  # what came last is listed first


def started(papers: Papers, expected: int) -> subprocess.Popen[bytes]:
    places = [str(papers.home), str(papers.drop), str(papers.watched), str(2 * expected)]
    command = [sys.executable, "-m", "tests.support.moved_clock", str(papers.offset), DRIVER, *places]
    return subprocess.Popen(command, cwd=ROOT)


def test_ten_years_forward_and_back(tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    # Between two starts …
    papers.move_clock(TEN_YEARS_S)
    papers.bring(4)
    assert started(papers, 4).wait(PATIENCE_S) == 0
    papers.check()
    papers.move_clock(0)
    # … and within one run.
    running = started(papers, 12)
    try:
        for moved in (-TEN_YEARS_S, TEN_YEARS_S):
            papers.bring(4)
            until = time.monotonic() + PATIENCE_S
            while not papers.taken() and time.monotonic() < until:
                time.sleep(0.02)
            papers.move_clock(moved)
        assert running.wait(PATIENCE_S) == 0
    finally:
        running.kill()
        running.wait()
    papers.check()
    papers.move_clock(-TEN_YEARS_S)
    assert started(papers, 12).wait(PATIENCE_S) == 0  # once more: nothing changes
    papers.check()
