"""A headless Chromium, driven over a pipe, for the tests of the page; what it asks for and complains of."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 30.0
# Its ends of the pipe are 3 and 4: https://chromedevtools.github.io/devtools-protocol
_START = (
    "import fcntl, os, sys\n"
    "ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD_CLOEXEC, 10) for end in sys.argv[1:3]]\n"
    "os.dup2(ends[0], 3), os.dup2(ends[1], 4), os.execvp(sys.argv[3], sys.argv[3:])\n"
)
_QUIET = (
    "--remote-debugging-pipe", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}


class Browser:
    """One page in a browser of its own.

    Args:
        profile: an empty folder.
    """

    def __init__(self, command: str, profile: Path) -> None:
        self.asked: list[str] = []  # addresses
        self.complaints: list[str] = []  # errors of scripts, and what the page's policy refused
        theirs, self._out = os.pipe()
        self._in, their_out = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(theirs), str(their_out),
             command, *_QUIET, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(theirs, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        os.close(their_out)
        self._held = b""
        self._number = 0
        self._session: dict[str, str] = {}
        page = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, address: str, width: int = 1200, height: int = 900) -> None:
        """Load a page in a window of this size, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        self._call("Page.navigate", url="about:blank")  # else only the fragment might be another
        self._call("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page, as JSON has it; a promise is waited for."""
        told = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, (script, told["exceptionDetails"])
        return told["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < deadline, (script, self.complaints, self.run("document.body.innerText"))
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """One key, as the keyboard gives it."""
        what = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", **what, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", **what)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            os.write(self._out, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._out, json.dumps(asked).encode() + b"\0")
        while (told := self._next()).get("id") != self._number:
            self._note(told.get("method", ""), told.get("params", {}))
        assert "error" not in told, (method, told["error"])
        result: dict[str, Any] = told["result"]
        return result

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._held:
            ready, _, _ = select.select([self._in], [], [], PATIENCE_S)
            piece = os.read(self._in, 1 << 16) if ready else b""
            assert piece, "the browser says nothing"
            self._held += piece
        message, _, self._held = self._held.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told


@contextlib.contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A browser that is ended afterwards; the test is skipped where none is installed."""
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if command is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    browser = Browser(command, profile)
    try:
        yield browser
    finally:
        browser.close()
