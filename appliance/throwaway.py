"""A home for once, with a random passphrase, and the real service on it: for the demonstration and for the
observed run of `strongroom doctor --egress`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from appliance.client import Client
from appliance.errors import ServiceUnavailable
from appliance.settings import FILE_NAME, SOCKET_NAME

PATIENCE_S = 900  # without any progress
_START_S = 120.0
_LOOK_S = 0.5
_LISTEN = '[service]\nlisten = "127.0.0.1:0"\n'

Json = dict[str, Any]


class Standing(NamedTuple):
    """How far the service is with what it was given."""

    status: Json
    ended: int  # items that are read, indexed and enriched, or quarantined
    total: int  # with the files that wait to be taken
    seconds: float


class Throwaway:
    """A home in a folder of the caller's, who removes it.

    Args:
        environment: of the service.
    """

    def __init__(self, workplace: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.home = workplace / "home"
        self.key_file = workplace / "passphrase"
        self.log = workplace / "service.log"
        self.passphrase = secrets.token_hex(24)
        self.client = Client(self.home / SOCKET_NAME)
        self._environment = environment

    def prepare(self, configuration: str = "") -> None:
        """Make the home, served on a port that is free; `configuration` is all of it but [service]."""
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(self.passphrase)
        subprocess.run(
            [*_command("init"), *self._arguments()],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (self.home / FILE_NAME).write_text(_LISTEN + configuration)

    @contextlib.contextmanager
    def service(self) -> Iterator[None]:
        """The service, running; it is stopped and waited for at the end.

        Raises:
            ServiceUnavailable: it did not start; the message ends with its last line.
        """
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                [*_command("serve"), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
            )
        try:
            self._wait_until_ready(process)
            yield
        finally:
            process.terminate()
            process.wait(60)

    def wait(self, tell: Callable[[Standing], None], patience: float = PATIENCE_S) -> Standing:
        """Until every item has ended, or nothing moves any more.

        Args:
            tell: hears how it stands, again and again.
            patience: seconds without any progress.
        """
        started = last_change = time.monotonic()
        before: Json = {}
        while True:
            now: Json = self.client.call("GET", "/v1/status")
            if now["items"] != before:
                before, last_change = now["items"], time.monotonic()
            waiting = sum(path.is_file() for path in (self.home / "drop").rglob("*"))
            ended = now["items"].get("ENRICHED", 0) + now["items"].get("QUARANTINED", 0)
            total = sum(now["items"].values()) + waiting
            standing = Standing(now, ended, total, time.monotonic() - started)
            tell(standing)
            if (total and ended == total) or time.monotonic() - last_change > patience:
                return standing
            time.sleep(_LOOK_S)

    def items(self) -> Iterator[Json]:
        """All of them, newest first."""
        before = None
        while True:
            page = self.client.call("GET", "/v1/items", limit=200, before=before)
            yield from page["items"]
            before = page["before"]
            if before is None:
                return

    def _arguments(self) -> list[str]:
        return ["--home", str(self.home), "--passphrase-file", str(self.key_file)]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_S
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(ServiceUnavailable):
                self.client.call("GET", "/v1/status")
                return
            time.sleep(0.2)
        lines = self.log.read_text(errors="replace").splitlines()
        raise ServiceUnavailable("the service did not start: " + (lines[-1] if lines else "it says nothing"))


def progress(standing: Standing) -> None:
    """Show how it stands."""
    left = standing.total - standing.ended
    rate = standing.ended / standing.seconds if standing.seconds else 0.0
    eta = f", about {left / rate:.0f} s left" if rate else ""
    over(f"{standing.ended} of {standing.total} items, {rate:.1f} a second{eta}", standing.seconds)


def over(line: str, seconds: float) -> None:
    """Show a line in place of the one before; where nobody looks, every ten seconds."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
    elif int(seconds / _LOOK_S) % 20 == 0:
        sys.stderr.write(f"{line}\n")


def _command(name: str) -> list[str]:
    return [sys.executable, "-I", "-m", "appliance.cli", name]
