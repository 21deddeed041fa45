"""Single bits that turn anywhere in a home: each is seen, none brings the store down or makes it say what was
never stored.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.damage import Answers, Verdict, answers, closed_home, examine, killed_home
from tests.support.homes import fast_folder, open_vault

PARTS = {
    "catalog": "catalog.db",
    "blobs": "blobs/*/*",
    "snapshots": "snapshots/*",
    "head": "audit.head",
    "keys": "keys",
}
SHORT = {"catalog": 90, "blobs": 50, "snapshots": 40, "head": 40, "keys": 40}
LONG = {"catalog": 4000, "blobs": 2500, "snapshots": 1500, "head": 1200, "keys": 800}


class Homes:
    """A closed home and one that was killed at work, with what each of them answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.closed = closed_home(folder / "closed")
        self.killed = killed_home(folder / "killed", self.closed)
        self.owners = dict[str, str]()  # of the blobs
        self.truth = {home: self._answers(home) for home in (self.closed, self.killed)}

    def _answers(self, home: Path) -> Answers:
        vault = open_vault(shutil.copytree(home, self.folder / "copy"))
        found = answers(vault)
        assert vault.verify().problems == []
        with vault._database.read() as connection:
            self.owners.update(connection.execute("SELECT blob, id FROM items").fetchall())
        vault.close()
        shutil.rmtree(self.folder / "copy")
        return found

    def flipped(self, home: Path, pattern: str, dice: random.Random) -> tuple[str, int, Verdict]:
        """Turn one bit in a copy: which file, which bit, and what is said of it."""
        copy = shutil.copytree(home, self.folder / "copy")
        path = dice.choice(sorted(copy.glob(pattern)))
        content = bytearray(path.read_bytes())
        bit = dice.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        verdict = examine(copy, self.truth[home])
        shutil.rmtree(copy)
        return path.name, bit, verdict


@pytest.fixture(scope="module")
def homes() -> Iterator[Homes]:
    with fast_folder() as folder:
        yield Homes(folder)


def each_is_seen(homes: Homes, part: str, count: int) -> None:
    dice = random.Random(f"flips in {part}")
    unseen, wrong = list[tuple[str, int]](), list[tuple[str, int]]()
    for _ in range(count):
        name, bit, verdict = homes.flipped(homes.closed, PARTS[part], dice)
        unseen += [] if verdict.said else [(name, bit)]
        wrong += [(name, bit)] if verdict.is_wrong else []
        if part == "blobs":
            assert any(line.startswith(f"verify: {homes.owners[name]}: ") for line in verdict.said)
    assert (unseen, wrong) == ([], [])


@pytest.mark.parametrize("part", PARTS)
def test_a_flipped_bit_is_seen(homes: Homes, part: str) -> None:
    each_is_seen(homes, part, SHORT[part])


@pytest.mark.nightly
@pytest.mark.parametrize("part", PARTS)
def test_ten_thousand_flipped_bits_are_seen(homes: Homes, part: str) -> None:
    each_is_seen(homes, part, LONG[part])


def killed_flips(homes: Homes, count: int) -> None:
    """After a kill no digest of the catalog stands, and pages lie in its log. A bit may then turn where it
    means nothing: in a page that the log holds anew, or behind the log's end. Nothing else changes then.
    """
    dice = random.Random("flips after a kill")
    truth, seen = homes.truth[homes.killed], 0
    for _ in range(count):
        name, bit, verdict = homes.flipped(homes.killed, dice.choice(["catalog.db", "catalog.db-wal"]), dice)
        assert not verdict.is_wrong, (name, bit)
        assert verdict.said or verdict.answers == truth, (name, bit)
        seen += bool(verdict.said)
    assert seen > count / 2


def test_a_flipped_bit_after_a_kill_is_seen_or_means_nothing(homes: Homes) -> None:
    killed_flips(homes, 40)


@pytest.mark.nightly
def test_two_thousand_flipped_bits_after_a_kill(homes: Homes) -> None:
    killed_flips(homes, 2000)
