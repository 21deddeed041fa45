"""Writes mailboxes in every dialect, and takes containers apart without a process."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.importer.kinds import HEAD_BYTES, container_kind
from ingest.importer.messages import Job
from ingest.importer.pieces import Broken, End, File, Foreign, Lost, Part, Pieces, Start, Whole
from ingest.importer.split import split

POSTMARK = b"From joe@example.org Mon Jan  5 09:03:11 2026"
DIALECTS = ("mboxo", "mboxrd", "mboxcl", "mboxcl2")


class Bytes:
    """Bytes as a stream that gives at most `step` at a time; unseekable ones cannot look ahead."""

    def __init__(self, data: bytes, step: int = 1 << 20, *, seekable: bool = True) -> None:
        self._data, self._step, self._seekable = data, step, seekable
        self._at = 0

    def read(self, count: int) -> bytes:
        data = self._data[self._at : self._at + min(count, self._step)]
        self._at += len(data)
        return data

    def seek(self, offset: int) -> None:
        self._at = offset

    def peek(self, offset: int, count: int) -> bytes | None:
        return self._data[offset : offset + count] if self._seekable else None


@dataclass
class Apart:
    """What came out of a container."""

    messages: dict[str, bytes] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # nobody misses it
    foreign: int = 0
    broken: str | None = None
    positions: list[int] = field(default_factory=list)  # after each message, in order


def apart(pieces: Pieces) -> Apart:
    """Gather pieces; a key may come only once, and positions never fall."""
    found, key, held = Apart(), "", bytearray()
    try:
        for piece in pieces:
            match piece:
                case Whole(name, content, position):
                    assert name not in found.messages
                    found.messages[name] = content
                    found.positions.append(position)
                case Start(name):
                    assert name not in found.messages
                    key, held = name, bytearray()
                case Part(content):
                    held += content
                case End(position):
                    found.messages[key] = bytes(held)
                    found.positions.append(position)
                case Lost(name, why, position, missed):
                    (found.lost if missed else found.left_out)[name] = why
                case Foreign():
                    found.foreign += 1
    except Broken as error:
        found.broken = str(error)
    assert found.positions == sorted(found.positions)
    return found


def container_apart(content: bytes, name: str, position: int = 0) -> Apart:
    """Take the bytes of a container apart, as the splitter does with a file."""
    kind = container_kind(content[:HEAD_BYTES], name)
    assert kind is not None, f"{name} is no container"
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        job = Job(kind=kind, name=name, position=position)
        return apart(split(File(os.dup(file.fileno()), lambda _: None), job))


def write_mbox(messages: Iterable[bytes], dialect: str = "mboxrd", eol: bytes = b"\n") -> bytes:
    """A mailbox of one of DIALECTS."""
    return b"".join(_entry(message, dialect, eol) for message in messages)


def message(
    number: int, lines: Iterable[bytes] = (b"Hello,", b"nothing new.", b"J"), eol: bytes = b"\n"
) -> bytes:
    """A small message."""
    head = [
        b"From: Joe <joe@example.org>",
        b"To: anna@example.org",
        b"Subject: message %d" % number,
        b"Date: Mon, 05 Jan 2026 09:03:11 +0000",
        b"Message-ID: <%d@example.org>" % number,
    ]
    return eol.join([*head, b"", *lines, b""])


def _entry(message: bytes, dialect: str, eol: bytes) -> bytes:
    head, blank, body = message.partition(eol + eol)
    if dialect == "mboxo":
        body = re.sub(rb"(?m)^From ", b">From ", body)
    elif dialect != "mboxcl2":
        body = re.sub(rb"(?m)^(>*From )", rb">\1", body)
    if dialect.startswith("mboxcl"):
        head += eol + b"Content-Length: %d" % len(body)
    entry = head + blank + body
    return POSTMARK + eol + entry + (b"" if entry.endswith(eol) else eol) + eol
