"""The appliance as its owner runs it, in a throw-away home: started by its command, fed through its drop
folder, asked through its API, and watched from outside through /proc.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from appliance.client import Client
from appliance.errors import ServiceUnavailable
from appliance.settings import FILE_NAME, SOCKET_NAME
from bench import bare

_TICKS = os.sysconf("SC_CLK_TCK")
_LOADING_S = 120
_POLL_S = 0.1
_PATIENCE_S = 900  # without any change


class Box:
    """One home and its service.

    Args:
        workplace: a new folder for it.
        without: kinds of protection taken away (`bench/bare.py`).
    """

    def __init__(self, workplace: Path, without: Sequence[str] = ()) -> None:
        self.home = workplace / "home"
        self.key_file = workplace / "passphrase"
        self.client = Client(self.home / SOCKET_NAME)
        self.start_s = 0.0
        self.peaks: dict[str, float] = {}  # role -> MiB of the largest process of that role
        self._guard: subprocess.Popen[bytes] | None = None
        program = [str(bare.__file__), "appliance.cli"] if without else ["-m", "appliance.cli"]
        self._strongroom = [sys.executable, "-I", *program]
        self._environment = {**os.environ, **({bare.VARIABLE: ",".join(without)} if without else {})}

    def make(self) -> None:
        """A new home with a random passphrase, on a free port."""
        self.home.parent.mkdir(parents=True)
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(secrets.token_hex(24))
        self.command("init", "--passphrase-file", str(self.key_file))
        settings = self.home / FILE_NAME
        settings.write_text('[service]\nlisten = "127.0.0.1:0"\n')

    def command(self, *arguments: str) -> str:
        """Run `strongroom` with these arguments; returns what it said."""
        done = subprocess.run(
            [*self._strongroom, arguments[0], "--home", str(self.home), *arguments[1:]],
            env=self._environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The service, ready to answer; its processes are watched until the end."""
        began = time.perf_counter()
        with (self.home.parent / "service.log").open("wb") as log:
            serve = [*self._strongroom, "serve", "--home", str(self.home)]
            self._guard = subprocess.Popen(
                [*serve, "--passphrase-file", str(self.key_file)],
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended,))
        watcher.start()
        try:
            self._until_ready(self._guard)
            self.start_s = time.perf_counter() - began
            yield
        finally:
            ended.set()
            watcher.join()
            self._guard.terminate()
            self._guard.wait(120)

    def _until_ready(self, guard: subprocess.Popen[bytes]) -> None:
        """Until it answers and its model is loaded; what stays degraded is waited for no longer."""
        deadline = time.perf_counter() + _LOADING_S
        while guard.poll() is None:
            with contextlib.suppress(ServiceUnavailable):
                if not self.client.call("GET", "/v1/status")["degraded"] or time.perf_counter() > deadline:
                    return
            time.sleep(0.05)
        sys.exit("the service did not start:\n" + (self.home.parent / "service.log").read_text())

    def drop(self, files: Iterable[Path]) -> None:
        """Copy files into the drop folder."""
        for path in files:
            shutil.copyfile(path, self.home / "drop" / path.name)

    def wait(self) -> dict[str, float]:
        """Wait until everything dropped is done.

        Returns:
            Seconds from now until all was read, until all was found by meaning, and until all was enriched.
        """
        began = last_change = time.perf_counter()
        reached: dict[str, float] = {}
        before: Any = None
        while "enriched" not in reached:
            time.sleep(_POLL_S)
            now = self.client.call("GET", "/v1/status")
            moment = time.perf_counter()
            if (now["items"], now["unembedded"]) != before:
                before, last_change = (now["items"], now["unembedded"]), moment
            if moment - last_change > _PATIENCE_S:
                sys.exit(f"no progress for {_PATIENCE_S} s: {before}")
            for stage in self._reached(now):
                reached.setdefault(stage, moment - began)
        return reached

    def _reached(self, status: Any) -> Iterator[str]:
        states = {state for state, count in status["items"].items() if count}
        waiting = any(path.is_file() for path in (self.home / "drop").rglob("*"))
        if waiting or not states or "STORED" in states:
            return
        yield "read"
        if "PARSED" not in states and not status["unembedded"]:
            yield "found"
            if "INDEXED" not in states:
                yield "enriched"

    def processes(self) -> list[tuple[int, str]]:
        """Process id and name of the guard and all below it."""
        parents: dict[int, tuple[int, str]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (found := _stat(int(entry))):
                parents[int(entry)] = (int(found[1]), found[0])
        assert self._guard is not None
        family, size = {self._guard.pid}, 0
        while len(family) != size:
            size = len(family)
            family |= {pid for pid, (parent, _) in parents.items() if parent in family}
        return [
            (pid, "guard" if pid == self._guard.pid else parents[pid][1]) for pid in family if pid in parents
        ]

    def memory(self) -> dict[str, float]:
        """MiB resident now, of the largest process of each role."""
        return self._largest("VmRSS")

    def cpu_s(self) -> float:
        """CPU seconds used so far by all processes and those that they waited for."""
        stats = [found for pid, _ in self.processes() if (found := _stat(pid))]
        return sum(float(field) for found in stats for field in found[11:15]) / _TICKS

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(1.0):
            for role, size in self._largest("VmHWM").items():
                self.peaks[role] = max(size, self.peaks.get(role, 0.0))

    def _largest(self, line: str) -> dict[str, float]:
        sizes: dict[str, float] = {}
        for pid, name in self.processes():
            role = name.removeprefix("strong-")
            if role != name or role == "guard":  # others are on their way to a name
                sizes[role] = max(_mib(pid, line), sizes.get(role, 0.0))
        return dict(sorted(sizes.items()))


def _stat(pid: int) -> list[str] | None:
    """Name, parent and the further fields of /proc/PID/stat from the fourth on; None if it ended.

    Field 14 of proc(5), utime, is number 11 here.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    return [name, *rest.split()[1:]]


def _mib(pid: int, line: str) -> float:
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/status").read_text().splitlines():
            if entry.startswith(line):
                return int(entry.split()[1]) / 1024
    return 0.0
