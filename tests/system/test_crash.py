"""Killed at random points while it takes documents in, again and again: nothing is lost, nothing doubled."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.records import State
from store.vault import Vault
from tests.support.homes import make_home, open_vault

REPOSITORY = Path(__file__).parents[2]
FILES = 300
PATIENCE_S = 120.0


class Papers:
    """Three hundred small files, two thirds dropped and one third in a watched folder; some are alike."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.drop, self.watched = folder / "drop", folder / "watched"
        self.drop.mkdir()
        self.watched.mkdir()
        self._chance = chance
        self.written: dict[tuple[str, str], bytes] = {}  # source, locator -> content

    def write(self, upto: int) -> None:
        """Bring in the next ones, until there have been so many."""
        for n in range(len(self.written), upto):
            source, root = ("watch:docs", self.watched) if n % 3 == 0 else ("drop", self.drop)
            paper = self._chance.randrange(FILES * 2)
            words = f"paper {paper} " + "and so on " * (paper * 5)
            content = (f"child attached to {n}" if n % 10 == 9 else words).encode()
            locator = f"{n % 7}/{n}.txt" if n % 2 else f"{n}.txt"
            path = root / locator
            path.parent.mkdir(exist_ok=True)
            path.with_suffix(".part").write_bytes(content)
            path.with_suffix(".part").rename(path)
            self.written[source, locator] = content

    def taken(self) -> int:
        """How many files the drop folder has lost to the store."""
        dropped = sum(source == "drop" for source, _ in self.written)
        return dropped - sum(path.is_file() for path in self.drop.rglob("*"))


@contextlib.contextmanager
def intake(home: Path, papers: Papers) -> Iterator[subprocess.Popen[bytes]]:
    """A running intake, killed at the end of the block if it still runs."""
    places = (str(home), str(papers.drop), str(papers.watched), str(FILES))
    process = subprocess.Popen([sys.executable, "-m", "tests.support.intake_driver", *places], cwd=REPOSITORY)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kill_again_and_again(home: Path, papers: Papers, kills: int, chance: random.Random) -> None:
    """Kill one intake after the other, most of them soon after it has begun to take documents.

    How soon is such that the documents last for all kills; one kill in five comes at any time at all.
    """
    busy = 0
    for killed in range(kills):
        papers.write(FILES // 2 + FILES // 3 * killed // kills)
        with intake(home, papers) as process:
            before, begun = papers.taken(), time.monotonic()
            if chance.random() < 0.2:
                time.sleep(chance.uniform(0.0, 1.5))
            else:
                while papers.taken() == before and time.monotonic() < begun + 5.0:
                    time.sleep(0.001)
                time.sleep(chance.uniform(0.0, 4.0 / kills))
            assert process.poll() is None, "it ended by itself"
        busy += papers.taken() > before
    print(f"{kills} kills, {busy} of them between two documents")
    assert busy > kills / 4, "the kills come too early or too late to prove anything"


def finish(home: Path, papers: Papers) -> None:
    papers.write(FILES)
    with intake(home, papers) as process:
        assert process.wait(PATIENCE_S) == 0


def everything(vault: Vault) -> dict[str, tuple[bytes, State, list[tuple[str, str]]]]:
    found = {}
    for item in vault.catalog.items(limit=10 * FILES, include_superseded=True):
        with open(vault.original(item.id), "rb") as original:
            places = [(origin.source, origin.locator) for origin in vault.catalog.origins(item.id)]
            found[item.id] = (original.read(), item.state, places)
    return found


def check(home: Path, papers: Papers) -> dict[str, tuple[bytes, State, list[tuple[str, str]]]]:
    """Every file is there once, with its bytes and every place it came from; and nothing else is."""
    vault = open_vault(home)
    try:
        assert vault.verify().problems == []
        found = everything(vault)
        attached = [item.id for item in vault.catalog.items(limit=10 * FILES) if item.parent]
    finally:
        vault.close()
    dropped = set(papers.written.values())
    children = {content.removeprefix(b"child ") for content in dropped if content.startswith(b"child ")}
    assert Counter(content for content, _, _ in found.values()) == Counter(dropped | children)
    assert {found[item][0] for item in attached} == children
    places = [(place, content) for content, _, places in found.values() for place in places]
    from_folders = [(place, content) for place, content in places if place in papers.written]
    assert sorted(from_folders) == sorted(papers.written.items())
    assert len(places) == len(papers.written) + len(children)
    assert {state for _, state, _ in found.values()} == {State.PARSED}
    assert not [path for path in papers.drop.rglob("*") if path.is_file()]
    kept = {str(path.relative_to(papers.watched)) for path in papers.watched.rglob("*") if path.is_file()}
    assert kept == {locator for source, locator in papers.written if source == "watch:docs"}
    return found


def killed_often(folder: Path, kills: int) -> None:
    seed = int(os.environ.get("STRONGROOM_CRASH_SEED", random.randrange(1 << 30)))
    print(f"STRONGROOM_CRASH_SEED={seed}")
    chance = random.Random(seed)
    home, papers = make_home(folder / "home"), Papers(folder, chance)
    kill_again_and_again(home, papers, kills, chance)
    finish(home, papers)
    first = check(home, papers)
    finish(home, papers)  # once more: nothing changes
    assert check(home, papers) == first


def test_fifteen_kills(tmp_path: Path) -> None:
    killed_often(tmp_path, 15)


@pytest.mark.nightly
def test_two_hundred_kills(tmp_path: Path) -> None:
    killed_often(tmp_path, 200)
