"""Archives of mail: the same messages as outside, bombs and lies cut off, nothing written anywhere."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping

import pytest
import zstandard

from ingest.importer import archive
from ingest.importer.kinds import HEAD_BYTES, Kind, container_kind
from tests.support.mailboxes import container_apart, message, write_mbox

MESSAGES = [message(number, [b"word %d" % number] * 40) for number in range(60)]
BOX = write_mbox(MESSAGES)

PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return sink.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as file:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return sink.getvalue()


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_mailboxes(suffix: str) -> None:
    found = container_apart(PACKERS[suffix](BOX), f"Inbox.mbox.{suffix}")
    assert list(found.messages.values()) == MESSAGES
    rest = container_apart(PACKERS[suffix](BOX), f"Inbox.mbox.{suffix}", found.positions[41])
    assert list(rest.messages.items()) == list(found.messages.items())[42:]


@pytest.mark.parametrize("make", [zipped, tarred, lambda members: gzip.compress(tarred(members))])
def test_members_of_every_kind(make: Callable[[Mapping[str, bytes]], bytes]) -> None:
    content = make(
        {
            "Takeout/archive_browser.html": b"<html></html>",
            "Takeout/Mail/All mail.mbox": BOX,
            "old/one.eml": MESSAGES[0],
            "old/apple.emlx": b"%d\n%b<plist/>" % (len(MESSAGES[1]), MESSAGES[1]),
            "Maildir/.Sent/cur/17.M2P3.host:2,S": MESSAGES[2],
            "Maildir/new/18.M2P3.host": MESSAGES[3],
            "Maildir/tmp/19.M2P3.host": MESSAGES[4],
            "inner.zip": zipped({"deep.mbox": write_mbox(MESSAGES[5:7])}),
            "inner.mbox.gz": gzip.compress(write_mbox(MESSAGES[7:9])),
        }
    )
    found = container_apart(content, "takeout.tgz")
    boxed = [key for key in found.messages if key.startswith("Takeout/Mail/All mail.mbox/")]
    assert [found.messages[key] for key in boxed] == MESSAGES
    assert found.messages["old/one.eml"] == MESSAGES[0]
    assert found.messages["old/apple.emlx"] == MESSAGES[1]
    assert found.messages["Maildir/.Sent/17.M2P3.host"] == MESSAGES[2]
    assert found.messages["Maildir/18.M2P3.host"] == MESSAGES[3]
    assert sorted(found.messages.values()) == sorted([*MESSAGES, *MESSAGES[:4], *MESSAGES[5:9]])
    assert found.foreign == 2  # the page, and what was never delivered
    keys = list(found.messages)
    for after in (0, 30, len(keys) - 2):
        rest = container_apart(content, "takeout.tgz", found.positions[after])
        assert set(keys[after + 1 :]) <= set(rest.messages)
        assert len(rest.messages) <= len(keys) - after + 4  # at most one inner archive again


def test_names_lead_nowhere() -> None:
    found = container_apart(tarred({"/etc/cron.d/x.eml": MESSAGES[0], "../../y.eml": MESSAGES[1]}), "x.tar")
    assert set(found.messages) == {"etc/cron.d/x.eml", "y.eml"}


def test_links_and_devices_in_a_tar_are_left_alone() -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as file:
        for kind, name in (
            (tarfile.SYMTYPE, "a.eml"),
            (tarfile.LNKTYPE, "b.eml"),
            (tarfile.CHRTYPE, "c.eml"),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            file.addfile(entry)
        entry = tarfile.TarInfo("d.eml")
        entry.size = len(MESSAGES[0])
        file.addfile(entry, io.BytesIO(MESSAGES[0]))
    assert set(container_apart(sink.getvalue(), "x.tar").messages) == {"d.eml"}


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_truncated_file_gives_what_came_before(suffix: str) -> None:
    many = [message(number, [b"%d" % (number * number)] * 60) for number in range(9_000)]
    packed = PACKERS[suffix](write_mbox(many))
    found = container_apart(packed[: len(packed) * 3 // 4], f"x.mbox.{suffix}")
    assert found.broken
    given = list(found.messages.values())
    assert given == many[: len(given)]
    assert len(given) > (1_000 if suffix != "bz2" else 0)


def test_a_bomb_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_FREE_BYTES", 1 << 20)
    bomb = gzip.compress(write_mbox([message(1, [b"\0" * 1_000] * 4_000)]))
    for content in (bomb, zipped({"x.mbox": write_mbox([message(1, [b"\0" * 1_000] * 4_000)])})):
        found = container_apart(content, "x.zip")
        assert "TOO_LARGE" in (found.broken or "")
        assert not found.messages


def test_archives_within_archives_end_somewhere() -> None:
    content = zipped({"x.mbox": BOX})
    for _ in range(8):
        content = zipped({"in.zip": content})
    found = container_apart(content, "x.zip")
    assert not found.messages
    assert len(found.lost) == 1


def test_what_is_locked_or_damaged_is_named_and_the_rest_goes_on() -> None:
    content = bytearray(zipped({"a.eml": MESSAGES[0], "b.eml": MESSAGES[1], "c.eml": MESSAGES[2]}))
    for name, at, value in ((b"a.eml", 8, 1), (b"b.eml", 10, 99)):  # flags: locked; an unknown method
        entry = content.rindex(b"PK\1\2", 0, content.rindex(name))
        struct.pack_into("<H", content, entry + at, value)
    found = container_apart(bytes(content), "x.zip")
    assert set(found.lost) == {"a.eml", "b.eml"}
    assert set(found.messages) == {"c.eml"}


def test_documents_that_are_zips_are_no_archives() -> None:
    office = zipped({"[Content_Types].xml": b"", "word/document.xml": b""})
    assert container_kind(office[:HEAD_BYTES], "letter") is None
    assert container_kind(zipped({"mimetype": b"application/epub+zip"}), "book.zip") is None
    assert container_kind(zipped({"a.txt": b""}), "x.docx") is None
    assert container_kind(zipped({"a.txt": b""}), "x.zip") is Kind.ZIP
