"""Never silently empty, never an exception: damage of every kind ends as text or as a true reason."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.readers.draft import Kind
from ingest.readers.errors import Why
from ingest.readers.samples import documents, pack
from ingest.readers.table import FORMATS, read
from ingest.sandbox.messages import Job, Reply
from policy.limits import Limits
from store.records import ElementKind, Reason

ROOT = Path(__file__).parents[3]
SAMPLES = dict(documents())


def read_bytes(content: bytes, name: str, limits: Limits | None = None) -> Reply:
    return read(io.BytesIO(content), Job(name=name), io.BytesIO(), limits)


def assert_true(reply: Reply) -> None:
    """Either text, documents or pages to look at, or a reason with its sentence; and it crosses the wire."""
    assert bool(reply.elements or reply.children or reply.scans) != bool(reply.reason)
    assert bool(reply.reason) == bool(reply.detail)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=Reply) == reply


def test_words_are_those_of_the_records() -> None:
    assert {kind.value for kind in Kind} == {kind.value for kind in ElementKind}
    assert {why.value for why in Why} <= {reason.value for reason in Reason}
    assert len({row.name for row in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_read(name: str) -> None:
    reply = read_bytes(SAMPLES[name], name)
    assert_true(reply)
    assert reply.media_type != "application/octet-stream"
    if reply.reason:  # pictures, where no Tesseract is installed
        assert reply.reason == "UNSUPPORTED"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EMPTY"),
        (b" \r\n\t\n", "EMPTY"),
        (b"<html><body></body></html>", "EMPTY"),
        (random.Random(7).randbytes(5000), "UNSUPPORTED"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "UNSUPPORTED"),
        (b"\x1f\x8b\x08\x00rest", "TRUNCATED"),
        (SAMPLES["a.docx"][:-30], "TRUNCATED"),
        (SAMPLES["a.odt"][:-30], "TRUNCATED"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(300), "TRUNCATED"),
        (b"%PDF-1.7\n", "TRUNCATED"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "TRUNCATED"),
        (pack({"mimetype": "application/epub+zip", "META-INF/container.xml": "<a/>"}), "TRUNCATED"),
    ],
)
def test_what_gives_no_text_says_why(content: bytes, reason: str) -> None:
    reply = read_bytes(content, "thing.txt")
    assert_true(reply)
    assert reply.reason == reason


def test_a_zip_that_unpacks_to_far_more_is_refused() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        package.writestr("word/document.xml", bytes(100 * 1024 * 1024))
    assert read_bytes(bomb.getvalue(), "a.docx").reason == "TOO_LARGE"


def test_text_over_the_limit_is_kept_as_far_as_it_goes() -> None:
    reply = read_bytes(b"word " * 1000 + b"\n\nmore", "a.txt", Limits(text_chars=100))
    assert sum(len(element.text) for element in reply.elements) <= 100
    assert reply.partial is not None
    reply = read_bytes(b"a\n\nb\n\nc", "a.txt", Limits(elements=2))
    assert [element.text for element in reply.elements] == ["a", "b"]
    assert reply.partial is not None


def test_what_cannot_be_stored_is_cleaned_away() -> None:
    reply = read_bytes(b'{"a": "x\\ud800y\\u0000z\\u000bw"}', "a.json")
    assert [element.text for element in reply.elements] in (
        ["a: x\ufffdyz\nw"],
        ['{"a": "x\\ud800y\\u0000z\\u000bw"}'],
    )


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from([name for name in SAMPLES if not name.endswith((".png", ".jpg", ".tif"))]),
    data=st.data(),
)
def test_damage_never_escapes(name: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[name])
    places = st.integers(0, len(content) - 1)
    for at, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=20)):
        content[at] = byte
    assert_true(read_bytes(bytes(content[: data.draw(places | st.just(len(content)))]), name))


WARMED = """
import sys
events = []
def watch(event, args):
    if event in ("socket.connect", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        events.append(event)
    if event == "open" and isinstance(args[2], int) and args[2] & 3 and args[0] != "/dev/null":
        events.append((event, args[0]))
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
sys.addaudithook(watch)
from ingest.readers import samples, table
from ingest.sandbox.messages import Job
import io
made = list(samples.documents())
table.warm()
for name, content in made:
    table.read(io.BytesIO(content), Job(name=name), io.BytesIO())
print([name for name in ("torch", "spacy", "store") if name in sys.modules], events)
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def test_warm_readers_are_silent_and_small() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", WARMED, str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    loaded, resident = done.stdout.splitlines()
    assert loaded == "[] []"
    assert int(resident) <= 330
    assert "Traceback" not in done.stderr  # Tesseract may grumble, into what a worker has closed
