"""A converter for tests: the real launcher in place of the guard, the core's side as it is."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from ingest.converter.convert import Converter
from ingest.converter.launch import Launcher
from policy import box
from policy.egress import Watch
from policy.limits import Limits
from tests.support.confined import ROOT

HONEST = "ingest.converter.worker"
EVIL = "tests.support.evil_converter"

# Runs a program as somebody without any right of root's, whoever we are and wherever the interpreter lies.
AS_PLAIN_USER = (
    *(box.PROGRAM, "--dev-bind", "/", "/", "--unshare-user", "--uid", "12345", "--gid", "12345"),
    *("--cap-drop", "ALL", "--die-with-parent", "--"),
)


class Converting(NamedTuple):
    """A converter and what stands behind it."""

    converter: Converter
    launcher: Launcher
    watch: Watch


@contextmanager
def converting(home: Path, limits: Limits, module: str = HONEST) -> Iterator[Converting]:
    """Everything that it takes to convert; nothing of it is left afterwards."""
    watch = Watch()
    reads = (str(ROOT / "tests"),) if module != HONEST else ()
    launcher = Launcher(watch, home, limits, module=module, reads=reads)
    try:
        yield Converting(Converter(launcher.start, limits), launcher, watch)
        assert not running()
        assert not launcher._folder.exists()
    finally:
        launcher.end()
        watch.close()


@pytest.fixture(scope="module", autouse=True)
def needs_a_box() -> None:
    """For files of tests to import: skips them all where none can be made."""
    refusal = box.refusal()
    if refusal is not None:
        pytest.skip(str(refusal))


def running(below: int | None = None) -> list[int]:
    """The processes of converters below a process, this one if none is named: their boxes and themselves."""
    found, left = [], [below or os.getpid()]
    while left:
        pid = left.pop()
        with contextlib.suppress(OSError):  # it has just ended
            for task in os.listdir(f"/proc/{pid}/task"):
                left += [int(p) for p in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
            command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if any(module in command for module in (HONEST, EVIL)):
                found.append(pid)
    return found


@contextmanager
def opened(content: bytes) -> Iterator[int]:
    """A document's descriptor."""
    descriptor = os.memfd_create("document")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


def convert(converter: Converter, content: bytes, kind: str, password: str | None = None) -> bytes:
    """What it becomes."""
    with opened(content) as document:
        result = converter.convert(document, kind, password)
    try:
        try:
            os.write(result, b"more")
        except PermissionError:
            return os.read(result, 1 << 24)
        raise AssertionError("it can be written yet")
    finally:
        os.close(result)


def told_by(code: str, *, plain: bool) -> dict[str, object]:
    """What a program leaves in `told`, which has `converting`, `convert` and `EVIL`.

    Args:
        plain: run it as somebody who is not root.
    """
    script = f"""
import json, os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from policy.limits import Limits
from tests.support.converting import EVIL, convert, converting
told = {{}}
{code}
print(json.dumps(told))
"""
    command = [*(AS_PLAIN_USER if plain else ()), sys.executable, "-I", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told
