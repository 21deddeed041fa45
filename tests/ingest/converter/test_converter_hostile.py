"""Converters that hang, die, lie, flood and fill: each has its verdict, and nothing of it is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.converter import libreoffice
from ingest.converter.convert import Converter
from ingest.errors import (
    ConversionFailed,
    ConverterUnavailable,
    ParserCrash,
    ParserLied,
    ParserTimeout,
)
from policy.limits import Limits
from tests.support.confined import ROOT
from tests.support.converting import (
    EVIL,
    convert,
    converting,
    needs_a_box,  # noqa: F401 a fixture
    running,
)

PATIENT = Limits(convert_wall_s=120.0)  # the machine may be busy


@pytest.fixture(autouse=True)
def pretended(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """LibreOffice looks installed: the programs that pretend to be converters need none."""
    folder = tmp_path_factory.mktemp("program")
    for name in ("libmergedlo.so", "libswlo.so"):
        (folder / name).touch()
    monkeypatch.setattr(libreoffice, "PROGRAM", folder)


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[Converter]:
    with converting(tmp_path, PATIENT, EVIL) as made:
        yield made.converter


@pytest.mark.parametrize("order", ["hang", "trickle"])
def test_a_converter_that_hangs_is_ended_and_leaves_nothing(tmp_path: Path, order: str) -> None:
    with converting(tmp_path, Limits(convert_wall_s=2.0), EVIL) as made:
        began = time.monotonic()
        with pytest.raises(ParserTimeout, match="not converted within 2 s"):
            convert(made.converter, order.encode(), "doc")
        assert time.monotonic() - began < 30
        assert not running()
        assert not made.launcher.processes()


@pytest.mark.parametrize(
    ("order", "error", "says"),
    [
        ("abort", ParserCrash, "died of SIGABRT"),
        ("killed", ParserCrash, "was killed"),
        ("leave 3", ParserCrash, "code 3"),
        ("leave 0", ParserCrash, "code 0"),
        ("leave 255", ParserCrash, "died of signal 127"),
        ("lie", ParserLied, "broke the protocol"),
        ("flood", ParserLied, "broke the protocol"),
        ("again", ParserCrash, "code 0"),
        ("nothing", ParserLied, "made nothing"),
        ("failed", ConversionFailed, "cannot convert it"),
        ("unusable", ConverterUnavailable, "does not start"),
    ],
)
def test_a_converter_that_fails_leaves_nothing(
    evil: Converter, order: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        convert(evil, order.encode(), "doc")
    assert not running()


@pytest.mark.parametrize("order", ["strangers", "mapped", "nag", "deaf"])
def test_what_nobody_asked_for_is_closed_or_not_heard(evil: Converter, order: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        assert convert(evil, order.encode(), "doc") == b"made"
    deadline = time.monotonic() + 20  # the watch lets go of a listener when its last process is gone
    while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) == before


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = f"""
import os, sys, threading, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from ingest.converter import libreoffice
from policy.limits import Limits
from tests.support.converting import EVIL, converting
libreoffice.PROGRAM = Path({str(libreoffice.PROGRAM)!r})
document = os.memfd_create("document")
os.write(document, b"hang"); os.lseek(document, 0, 0)
with converting(Path({str(tmp_path)!r}), Limits(), EVIL) as made:
    threading.Thread(target=made.converter.convert, args=(document, "wpd"), daemon=True).start()
    while not made.converter.layers:  # then it has its task, and only being killed ends it
        time.sleep(0.01)
    time.sleep(0.2)
    print(flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        parent.stdout.readline()
        below = running(parent.pid)
    assert len(below) == 3, "bubblewrap outside and inside, and the converter"
    ended = [os.pidfd_open(pid) for pid in below]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    try:
        for each in ended:
            assert select.select([each], [], [], 20)[0]
    finally:
        for each in ended:
            os.close(each)
