"""An error that nobody caught, a warning, a library's log: none of them writes what it quotes."""

from __future__ import annotations

import subprocess
import sys

import pytest

SECRET = "quokkafern"
FAILURES = {
    "main": ("raise ValueError(secret)", "ValueError"),
    "cause": ("try: int(secret)\nexcept ValueError as e: raise KeyError(secret) from e", "KeyError"),
    "thread": (
        "import threading\ndef f(): raise OSError(secret)\n"
        "t = threading.Thread(target=f); t.start(); t.join()",
        "OSError",
    ),
    "finalizer": (
        "class A:\n    def __del__(self): raise LookupError(secret)\nA()",
        "LookupError",
    ),
    "warning": ("import warnings\nwarnings.warn(secret)", "UserWarning"),
    "library": ("import logging\nlogging.getLogger('lib').error('%s', secret)", "lib: error"),
    "library's traceback": (
        "import logging\ntry: int(secret)\nexcept ValueError: logging.getLogger('lib').exception(secret)",
        "lib: error (ValueError < ",
    ),
    "task": (
        "import asyncio, gc\nasync def g(): raise EOFError(secret)\n"
        "async def f():\n    asyncio.create_task(g()); await asyncio.sleep(0.01); gc.collect()\n"
        "asyncio.run(f())",
        "asyncio: error (EOFError < ",
    ),
}


def said(failure: str, discreet: bool = True) -> str:
    """What a process writes that meets such a failure."""
    begin = "from policy.last_words import log_discreetly\nlog_discreetly()\n" if discreet else ""
    code = f"{begin}secret = {SECRET[::-1]!r}[::-1]\n{failure}"
    done = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("name", FAILURES)
def test_only_its_kind_and_place_are_told(name: str) -> None:
    failure, kind = FAILURES[name]
    told = said(failure)
    assert kind in told
    assert SECRET not in told
    assert SECRET in said(failure, discreet=False)  # the control


def test_our_own_lines_are_told_in_full_and_interruptions_in_silence() -> None:
    assert "strongroom.x: 3 files\n" in said(
        "import logging; logging.getLogger('strongroom.x').info('3 files')"
    )
    assert said("raise KeyboardInterrupt") == ""
