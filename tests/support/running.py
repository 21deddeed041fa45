"""A real service on a throw-away home, started and stopped as a user would, for the tests of the whole."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from appliance.client import Client
from appliance.errors import ServiceUnavailable
from appliance.settings import FILE_NAME, SOCKET_NAME
from tests.support.homes import PASSPHRASE, make_home

T = TypeVar("T")

PATIENCE_S = 120.0


class Running:
    """One home and the service on it.

    Args:
        around: what is put before the service's command: it must end in starting that in its own place.
    """

    def __init__(self, folder: Path, configuration: str = "", around: Sequence[str] = ()) -> None:
        self.around = around
        self.home = folder / "home"
        self.key_file = folder / "passphrase"
        self.key_file.touch(mode=0o600)
        self.key_file.write_bytes(PASSPHRASE.reveal())
        self.log = folder / "service.log"
        self.drop = self.home / "drop"
        make_home(self.home)
        (self.home / FILE_NAME).write_text('[service]\nlisten = "127.0.0.1:0"\n' + configuration)
        self.drop.mkdir(mode=0o700)
        self.client = Client(self.home / SOCKET_NAME)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the service and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                # With a lowered priority, as people start such services: none of its processes may need more.
                [
                    *self.around,
                    "nice",
                    "-n",
                    "1",
                    *command("serve", "--home", str(self.home), *self._passphrase()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.until(self._answers, "the service to answer")

    def _passphrase(self) -> tuple[str, str]:
        return "--passphrase-file", str(self.key_file)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(ServiceUnavailable):
            self.client.call("GET", "/v1/status")
            return True
        return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self.process = None
        return code

    def until(self, condition: Callable[[], T], what: str) -> T:
        """Wait for a condition to be true and return what it gave."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError(f"waited {PATIENCE_S} s for {what}\n{self.log.read_text()}")

    def settled(self, items: int) -> dict[str, int]:
        """Wait until so many items have ended, each enriched or quarantined."""

        def ended() -> dict[str, int] | None:
            counts: dict[str, int] = self.client.call("GET", "/v1/status")["items"]
            del counts["DELETED"]
            done = counts.get("ENRICHED", 0) + counts.get("QUARANTINED", 0)
            return counts if done == sum(counts.values()) >= items else None

        return self.until(ended, f"{items} items to end")

    def upload(self, path: Path) -> str:
        """Add one file; the id of its item."""
        with path.open("rb") as content:
            return str(self.client.upload(path.name, content)["item"])

    def search(self, query: str, **more: Any) -> list[dict[str, Any]]:
        """The hits of a query."""
        hits: list[dict[str, Any]] = self.client.call("POST", "/v1/search", {"query": query, **more})["hits"]
        return hits

    def http(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """A request over loopback as another tool would make it: status and decoded answer."""
        host, port = self.client.call("GET", "/v1/status")["url"].removeprefix("http://").rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        try:
            content = (
                body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
            )
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            content = response.read()
            is_json = response.getheader("content-type") == "application/json"
            return response.status, json.loads(content) if is_json else content
        finally:
            connection.close()


def command(*arguments: str) -> list[str]:
    """The `strongroom` command of this environment, on this checkout's code."""
    return [sys.executable, "-I", "-m", "appliance.cli", *arguments]


def strongroom(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    environment = {**os.environ, "STRONGROOM_HOME": str(home)} if home else dict(os.environ)
    return subprocess.run(
        command(*arguments), env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@contextlib.contextmanager
def running(folder: Path, configuration: str = "", around: Sequence[str] = ()) -> Iterator[Running]:
    """A started service that is stopped at the end, whatever happened."""
    service = Running(folder, configuration, around)
    service.start()
    try:
        yield service
    finally:
        if service.process is not None:
            service.stop()
