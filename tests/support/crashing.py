"""Does one thing to a home in a child that dies in the midst of it, and compares what is left with what must
be: the state before or the state after, never anything else; and after the last run nothing changes any more.

What is done, and to what, is the scenarios' business (`tests/store/crash_points.py`).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import mmap
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from policy.errors import StrongroomError
from policy.redact import Private
from store.database import connect
from store.keys import open_keys
from store.vault import Vault
from tests.support.homes import LIMITS, PASSPHRASE, fast_folder

ROOMS = Path(__file__).parents[2]
ON_DISK = {
    *("open", "write", "pwrite", "flush", "fsync", "rename", "replace", "unlink", "mkdir", "rmdir", "close"),
    *("copy_file_range", "sendfile", "ftruncate", "truncate"),
}
TOUCHING = ON_DISK | {"execute", "executemany", "executescript"}
OTHER = Private(b"another passphrase")

# What is random, or says when. (Names of items stand in for their ids, so these need not be left out.)
_VOLATILE = {
    "items": {"data_key", "stored_at"},
    "audit": {"at", "hash"},
    "receipts": {"deleted_at", "audit_hash"},
    "snapshot_files": {"file", "data_key"},
    "tokens": {"digest", "created_at"},
    "searches": {"created_at"},
    "matches": {"found_at"},
    "mail_folders": {"checked_at"},
    "closed_projects": {"closed_at"},
    "questions": {"asked_at", "looked_at"},
}
_UNTOLD = re.compile(r"catalog\.db(-wal|-shm)?|lock|audit\.head")  # the same content has other bytes

State = dict[str, Any]


class Scenario(NamedTuple):
    """One thing that is done to a home."""

    act: Callable[[Vault], object] = lambda vault: (
        None
    )  # done twice, the second time changes nothing, or raises `over`
    over: tuple[type[StrongroomError], ...] = ()  # what the second time may say
    at_once: bool = True  # what a kill leaves is the state before or the state after
    setup: Callable[[Path], None] | None = None  # to the copy of the prepared home, before it is opened
    closed: Callable[[Path], object] | None = None  # instead of `act`: on a home that is not open
    world: Callable[[Path], State] = lambda home: {}  # what else is compared: folders beside the home
    untold: frozenset[str] = frozenset()  # tables that may differ from one run to the next


class Outcome(NamedTuple):
    """How a child fared."""

    acknowledged: bool
    status: int  # 0: it did everything; -9: killed
    said: str  # the error that it met


def raw_state(home: Path) -> State:
    """Everything that is in a home, as it is."""
    if not (home / "keys").exists():
        return {}
    state: State = {"opened by": []}
    for passphrase in (PASSPHRASE, OTHER):
        with contextlib.suppress(StrongroomError):
            keys = open_keys(home / "keys", passphrase)
            state["opened by"].append(passphrase.reveal())
    state["vault"] = keys.vault
    connection = connect(home / "catalog.db", keys.catalog)
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (table,) in tables:
        found = connection.execute(f'SELECT * FROM "{table}"')
        columns = [column[0] for column in found.description]
        state[table] = sorted(([*zip(columns, row, strict=True)] for row in found.fetchall()), key=repr)
    connection.close()
    for path in sorted(home.rglob("*")):
        if path.is_file() and not _UNTOLD.fullmatch(path.name):
            state[str(path.relative_to(home))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return state


def told_state(home: Path, scenario: Scenario) -> State:
    """The same without what differs from one run to the next: keys, times, random names."""
    return _told(raw_state(home), scenario) | scenario.world(home)


def _told(raw: State, scenario: Scenario) -> State:
    names = {dict(row)["id"]: f"<{dict(row)['name']}>" for row in raw.get("items", ())}
    names[raw.get("vault", "no home")] = "<vault>"
    pattern = re.compile("|".join(names))

    def told(value: object) -> object:
        return pattern.sub(lambda found: names[found[0]], value) if isinstance(value, str) else value

    state: State = {}
    for name, content in raw.items():
        if name in scenario.untold or name == "vault":
            continue
        if isinstance(content, str):  # a file
            folder = name.partition("/")[0]
            key = name if folder in ("blobs", "incoming") else f"{folder}/"
            state[key] = state.get(key, 0) + 1
        else:
            left_out = _VOLATILE.get(name, set())
            rows = (
                [(column, told(value)) for column, value in row if column not in left_out]
                if isinstance(row, list)
                else row
                for row in content
            )
            state[name] = sorted(rows, key=repr)
    return state


def difference(one: State, other: State) -> str:
    """Where two states differ, for who reads the failure."""
    parts = []
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) != other.get(key):
            left, right = one.get(key), other.get(key)
            if isinstance(left, list) and isinstance(right, list):
                left, right = [x for x in left if x not in right], [x for x in right if x not in left]
            parts.append(f"{key}: {str(left)[:300]} | {str(right)[:300]}")
    return "; ".join(parts)


def open_again(home: Path) -> Vault:
    """Open a home by whichever passphrase opens it."""
    try:
        return Vault.open(home, PASSPHRASE, limits=LIMITS)
    except StrongroomError:
        with contextlib.suppress(StrongroomError):
            return Vault.open(home, OTHER, limits=LIMITS)
        raise


def in_child(
    scenario: Scenario, home: Path, arm: Callable[[], None], *, disarm: Callable[[], None] = lambda: None
) -> Outcome:
    """Do it in a child of ours: open, `arm`, act, say that it is done, close."""
    shared = mmap.mmap(-1, 4096)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _act(scenario, home, arm, shared)
            disarm()
            status = 0
        except BaseException as error:  # noqa: BLE001 - told to the parent
            disarm()
            said = f"{type(error).__name__}: {error}".encode()[:4000]
            shared[1 : 1 + len(said)] = said
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Outcome(shared[0] == 1, status, shared[1:].rstrip(b"\0").decode(errors="replace"))


def _act(scenario: Scenario, home: Path, arm: Callable[[], None], shared: mmap.mmap) -> None:
    if scenario.closed is not None:
        arm()
        scenario.closed(home)
        shared[0] = 1
        return
    vault = open_again(home)
    arm()
    scenario.act(vault)
    shared[0] = 1
    vault.close()


class Points:
    """Counts the touches of disk and catalog in this process, and kills it at one of them."""

    def __init__(self, kill_at: int = 0) -> None:
        self.touches = 0
        self.visited = set[str]()  # functions
        self._kill_at = kill_at
        self._counter = itertools.count(1)  # no lock: a process that is forked off would wait for it for ever
        self._process = 0

    def arm(self) -> None:
        """From here on, in all threads that begin from here on, too."""
        self._process = os.getpid()
        threading.setprofile(self._watch)
        sys.setprofile(self._watch)

    def _watch(self, frame: FrameType, event: str, function: object) -> None:
        if event in ("c_call", "c_return"):
            if getattr(function, "__name__", "") in TOUCHING:
                self.touches = next(self._counter)
                if self.touches == self._kill_at and os.getpid() == self._process:
                    os.kill(self._process, signal.SIGKILL)
        elif event == "call" and not self._kill_at:
            self.visited.add(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")


def disarm() -> None:
    """Watch no longer."""
    threading.setprofile(None)
    sys.setprofile(None)


def scenarios_by(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of scenarios on a folder of its own."""
    # A kill is survived by what the kernel was given, so memory serves as a disk here, and is faster.
    with fast_folder() as folder:
        command = [sys.executable, "-m", module, str(folder), *arguments]
        return subprocess.run(command, cwd=ROOMS, capture_output=True, text=True, check=False)


def told_by(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """What such a program told of each scenario."""
    assert done.returncode == 0, done.stderr
    return {result.pop("scenario"): result for result in map(json.loads, done.stdout.splitlines())}


class Bench:
    """A prepared home, the states before and after, and fresh copies of it."""

    def __init__(self, scenario: Scenario, template: Path, folder: Path) -> None:
        self.scenario = scenario
        self._template = template
        self._copy, self.home = folder / "copy", folder / "copy" / "home"
        self.before: State = {}
        self.after: State = {}
        self.points, self.visited = 0, set[str]()

    def measure(self) -> None:
        """Learn what is before and what is after, and how many points are between."""
        home = self.fresh()
        if (home / "keys").exists():
            open_again(home).close()  # it finishes what the set-up left undone
        self.before = told_state(home, self.scenario)
        self.visit()
        open_again(home).close()
        self.after = told_state(home, self.scenario)
        self._usual = sound(home)  # what `verify` says of it, an alarm if there was one

    def fresh(self) -> Path:
        """A copy of the template, in the place of the one before."""
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._template, self._copy, symlinks=True)
        if self.scenario.setup is not None:
            self.scenario.setup(self.home)
        return self.home

    def visit(self) -> None:
        """Do it once, undisturbed, and note how many points there are, and which functions are visited."""
        home, points, log = self.fresh(), Points(), self._copy.with_name("visited")

        def end() -> None:
            disarm()
            log.write_text("\n".join([str(points.touches), *points.visited]))

        outcome = in_child(self.scenario, home, points.arm, disarm=end)
        if outcome.status:
            raise AssertionError(f"undisturbed it fails: {outcome.said}")
        number, *visited = log.read_text().splitlines()
        self.points, self.visited = int(number), set(visited)

    def check(self, outcome: Outcome) -> list[str]:
        """What is wrong with a home after a child died in the midst of it; it is finished by this."""
        try:
            return self._check(outcome)
        except StrongroomError as error:
            return [f"it is broken: {type(error).__name__}: {error}"]

    def _check(self, outcome: Outcome) -> list[str]:
        home, problems = self.home, list[str]()
        if (home / "keys").exists() or self.before:
            open_again(home).close()
            found = told_state(home, self.scenario)
            allowed = [self.after] if outcome.acknowledged else [self.before, self.after]
            if (self.scenario.at_once or outcome.acknowledged) and found not in allowed:
                word = "what was acknowledged is lost: " if outcome.acknowledged else "half done: "
                problems.append(word + difference(found, allowed[-1]))
        problems += self.finish()
        settled = raw_state(home)
        if (found := _told(settled, self.scenario) | self.scenario.world(home)) != self.after:
            problems.append("finished, it is not what it should be: " + difference(found, self.after))
        problems += self.finish()
        if (once_more := raw_state(home)) != settled:
            problems.append("once more, and something changed: " + difference(once_more, settled))
        verdict = sound(home)
        return problems + (verdict if verdict != self._usual else [])

    def finish(self) -> list[str]:
        """Do it again from the start, undisturbed; in a child, since it may begin threads."""
        act, closed, over = self.scenario.act, self.scenario.closed, self.scenario.over

        def tolerant(vault: Vault) -> None:
            with contextlib.suppress(*over):
                act(vault)

        def tolerant_closed(home: Path) -> None:
            with contextlib.suppress(*over):
                assert closed is not None
                closed(home)

        again = self.scenario._replace(act=tolerant, closed=closed and tolerant_closed)
        outcome = in_child(again, self.home, lambda: None)
        return [f"it cannot be finished: {outcome.said}"] if outcome.status else []


def sound(home: Path) -> list[str]:
    """What is wrong with a home, whatever was done to it."""
    vault = open_again(home)
    # An alarm whose writing is interrupted is given once more at the next start: rather twice than not.
    problems = sorted({text.partition("at an earlier start:")[0] for text in vault.verify().problems})
    blobs, incoming = list(home.glob("blobs/*/*")), list((home / "incoming").iterdir())
    if len(blobs) != vault.catalog.count() or incoming:
        problems.append(f"{len(blobs)} blobs, {vault.catalog.count()} items, {len(incoming)} incoming")
    for item in vault.catalog.items(limit=1000, include_superseded=True):
        with io.FileIO(vault.original(item.id)) as file:
            problems += [] if len(file.read()) == item.size else ["an original is short"]
    vault.close()
    return problems


def spread(count: int, most: int) -> Iterable[int]:
    """At most so many of 1 to `count`, evenly."""
    step = max(1.0, count / most)
    return sorted({1 + int((index + 0.5) * step) % count for index in range(min(count, most))})
