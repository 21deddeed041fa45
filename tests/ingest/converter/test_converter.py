"""Old office documents through the real LibreOffice, and converters that hang, die and lie."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest.converter import libreoffice
from ingest.converter.convert import Converter
from ingest.errors import (
    ConversionFailed,
    ConverterUnavailable,
    ParserCrash,
    ParserError,
    ParserLied,
    ParserTimeout,
)
from policy.limits import Limits
from tests.support.confined import ROOT
from tests.support.old_office import made
from tests.support.reading_whole import read_whole

EVIL = "tests.support.evil_converter"
PATIENT = Limits(convert_wall_s=120.0)  # the machine may be busy


@pytest.fixture
def converter(tmp_path: Path) -> Iterator[Converter]:
    yield Converter(tmp_path, PATIENT)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[Converter]:
    yield Converter(tmp_path, PATIENT, module=EVIL)
    assert list(tmp_path.iterdir()) == []
    assert not converters()


def converters() -> list[str]:
    """The command lines of this process's children that are converters."""
    found = []
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            pids = Path(f"/proc/self/task/{task}/children").read_text().split()
            found += [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    return [name for name in found if "converter" in name]


@contextmanager
def opened(content: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("document")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


def convert(converter: Converter, content: bytes, kind: str, password: str | None = None) -> bytes:
    with opened(content) as document:
        result = converter.convert(document, kind, password)
    try:
        with pytest.raises(PermissionError):
            os.write(result, b"more")
        return os.read(result, 1 << 24)
    finally:
        os.close(result)


def words(content: bytes, name: str) -> str:
    reply = read_whole(content, name)
    assert reply.reason is None
    return " ".join(
        " ".join(cell for row in element.rows or [] for cell in row) + element.text
        for element in reply.elements
    )


def test_a_word_document_comes_back_with_its_heading_table_and_comment(converter: Converter) -> None:
    converted = convert(converter, made("doc"), "doc")
    found = words(converted, "a.docx")
    for expected in ("Der Leuchtturm", "Linse", "1.250 €", "Bitte nachrechnen", "Monat", "März", "412"):
        assert expected in found
    assert read_whole(converted, "a.docx").title == "Tagebuch"
    assert {"Landlock", "seccomp", "no capabilities"} <= set(converter.layers)


def test_a_presentation_comes_back_with_its_slides(converter: Converter) -> None:
    reply = read_whole(convert(converter, made("ppt"), "ppt"), "a.pptx")
    assert [(e.page, e.text) for e in reply.elements if e.text] == [
        (1, "Harbour survey"),
        (2, "Three buoys drifted"),
    ]


def test_a_password_opens_what_it_locks(converter: Converter) -> None:
    assert "Leuchtturm" in words(convert(converter, made("doc", "geheim"), "doc", "geheim"), "a.docx")
    with pytest.raises(ConversionFailed):
        convert(converter, made("doc", "geheim"), "doc", 'a"b\n')


def test_what_is_no_such_document_is_said_to_be_damaged(converter: Converter) -> None:
    noise = random.Random(1).randbytes(20_000)
    for content in (noise, b"plain words", made("ppt"), made("doc")[:3000]):
        with pytest.raises(ConversionFailed, match="LibreOffice cannot convert it"):
            convert(converter, content, "doc")
    with pytest.raises(ConversionFailed):
        convert(converter, made("ppt"), "ppt", "it is not locked")


@pytest.mark.parametrize(
    "count", [pytest.param(3, id="3"), pytest.param(300, id="300", marks=pytest.mark.nightly)]
)
def test_damaged_documents_end_with_words_or_a_reason(converter: Converter, count: int) -> None:
    for seed in range(count):
        rng = random.Random(seed)
        kind = rng.choice(["doc", "ppt"])
        content = bytearray(made(kind))
        for _ in range(rng.randint(1, 40)):
            content[rng.randrange(512, len(content))] = rng.randrange(256)
        try:
            converted = convert(converter, bytes(content), kind)
        except (ConversionFailed, ParserError) as error:
            print(f"seed {seed}, {kind}: {error}")
        else:
            assert converted.startswith(b"PK")


def test_two_at_once_do_not_meet(converter: Converter) -> None:
    converted: dict[str, bytes] = {}
    threads = [
        threading.Thread(
            target=lambda kind=kind: converted.update({kind: convert(converter, made(kind), kind)})
        )
        for kind in ("doc", "ppt")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "Leuchtturm" in words(converted["doc"], "a.docx")
    assert "buoys" in words(converted["ppt"], "a.pptx")


def test_where_libreoffice_is_not_installed_that_is_said(
    converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libreoffice, "PROGRAM", Path("/nonexistent"))
    with pytest.raises(ConverterUnavailable, match=r"an old Word document.*libreoffice-writer-nogui"):
        convert(converter, b"", "doc")


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """LibreOffice looks installed: the programs that pretend to be converters need none."""
    folder = tmp_path_factory.mktemp("program")
    for name in ("libmergedlo.so", "libswlo.so"):
        (folder / name).touch()
    monkeypatch.setattr(libreoffice, "PROGRAM", folder)


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize("order", ["hang", "trickle"])
def test_a_converter_that_hangs_is_ended_and_leaves_nothing(tmp_path: Path, order: str) -> None:
    converter = Converter(tmp_path, Limits(convert_wall_s=2.0), module=EVIL)
    began = time.monotonic()
    with pytest.raises(ParserTimeout, match="not converted within 2 s"):
        convert(converter, order.encode(), "doc")
    assert time.monotonic() - began < 20
    assert list(tmp_path.iterdir()) == []
    assert not converters()


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize(
    ("order", "error", "says"),
    [
        ("abort", ParserCrash, "died of SIGABRT"),
        ("killed", ParserCrash, "was killed"),
        ("leave 3", ParserCrash, "code 3"),
        ("leave 0", ParserCrash, "code 0"),
        ("lie", ParserLied, "broke the protocol"),
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


@pytest.mark.usefixtures("pretended")
def test_descriptors_that_nobody_asked_for_are_closed(evil: Converter) -> None:
    before = len(os.listdir("/proc/self/fd"))
    assert convert(evil, b"strangers", "doc") == b"made"
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("pretended")
def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = f"""
import os, sys, threading, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from ingest.converter import libreoffice
from ingest.converter.convert import Converter
from policy.limits import Limits
libreoffice.PROGRAM = Path({str(libreoffice.PROGRAM)!r})
document = os.memfd_create("document")
os.write(document, b"hang"); os.lseek(document, 0, 0)
converter = Converter(Path({str(tmp_path)!r}), Limits(), module={EVIL!r})
threading.Thread(target=converter.convert, args=(document, "doc"), daemon=True).start()
while not list(Path({str(tmp_path)!r}).glob("*/profile/left")):
    time.sleep(0.01)
for task in os.listdir("/proc/self/task"):
    print(open(f"/proc/self/task/{{task}}/children").read(), end=" ")
print(flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        (pid,) = parent.stdout.readline().split()
    ended = os.pidfd_open(int(pid))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    try:
        assert select.select([ended], [], [], 20)[0]
    finally:
        os.close(ended)
