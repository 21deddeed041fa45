"""Killed at any point, a home needs no repair: every touch of disk and catalog in every commit path, then at
random.
"""

from __future__ import annotations

import ast
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.crash_points import SCENARIOS
from tests.support.crashing import scenarios_by, told_by
from tests.support.homes import make_home, open_vault, put

ROOT = Path(__file__).parents[2]
POINTS = int(os.environ.get("STRONGROOM_CRASH_POINTS", "1"))  # of each scenario; 0: all
# The longest way of each kind; all of them are done undisturbed, to see what they visit.
ALWAYS = (
    *("put", "batch", "version", "delete", "snapshot", "unlock"),
    *("read", "cut", "say", "passphrase", "create", "migrate"),
)
KILLS = int(os.environ.get("STRONGROOM_CRASH_KILLS", "5"))

# What a function does that changes the disk, by the names of what it calls and by its SQL.
_CHANGING = {
    *("rename", "replace", "unlink", "mkdir", "rmdir", "fsync", "pwrite", "write_bytes", "write_text"),
    *("chmod", "copyfile", "ftruncate", "executescript"),
}
_SQL = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|BEGIN EXCLUSIVE|PRAGMA wal_checkpoint)\b")

WRITER = """
import os, sys
from pathlib import Path
from tests.support.homes import open_vault, put
vault = open_vault(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 100_000):
    put(vault, b"document %d " % number * (number % 50 + 1), f"{number}.txt")
    os.write(1, b"%d\\n" % number)
"""


def killed(points: int, *scenarios: str) -> dict[str, dict[str, Any]]:
    results = told_by(scenarios_by("tests.store.crash_points", str(points), *scenarios))
    tried, count = (sum(result.get(what, 0) for result in results.values()) for what in ("tried", "points"))
    print(f"{len(results)} scenarios, {count} points, {tried} of them tried")
    return results


def test_killed_at_some_touches_of_disk_or_catalog_nothing_is_lost_or_doubled() -> None:
    for name, result in killed(POINTS, *ALWAYS).items():
        assert result["wrong"] == {}, name


@pytest.mark.nightly
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_each_touch_of_disk_or_catalog_nothing_is_lost_or_doubled(scenario: str) -> None:
    result = killed(0, scenario)[scenario]
    assert result["wrong"] == {}
    assert result["killed"] == result["tried"] == result["points"] >= 30
    # To open a home finishes what was begun, so before and after are the same.
    assert result["changes"] or scenario in ("recover", "alarm", "migrate")


def test_no_commit_path_is_in_no_scenario() -> None:
    visited = {function for result in killed(-1).values() for function in result["visited"]}
    changing = set(functions_that_change_the_disk(ROOT / "store"))
    assert len(changing) > 90
    assert changing - visited == set()


def functions_that_change_the_disk(room: Path) -> Iterator[str]:
    """FILE:QUALIFIED NAME of each function of a room in whose body such a call or such SQL stands."""
    for path in room.rglob("*.py"):
        for name, function in functions(ast.parse(path.read_text("utf-8")), ""):
            if any(changes_the_disk(node) for node in ast.walk(function)):
                yield f"{path}:{name}"


def functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield prefix + child.name, child
        name = f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix
        yield from functions(child, name)


def changes_the_disk(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _SQL.match(node.value) is not None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        called, by = node.func.attr, ast.unparse(node.func.value)
        if called == "replace" and by != "os" and (len(node.args) != 1 or node.keywords):
            return False  # of a text, or of a record's fields
        return called in _CHANGING or (called == "write" and by.endswith("atabase"))
    return False


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
