"""Reads mail by the parser's own entrance, as tests want to see it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from ingest.readers.table import read
from ingest.sandbox.messages import Job, ReadMail, Reply


@dataclass(frozen=True)
class Seen:
    """A reply and the bytes of its children."""

    reply: Reply
    blob: bytes

    @property
    def mail(self) -> ReadMail:
        assert self.reply.mail is not None
        return self.reply.mail

    @property
    def text(self) -> str:
        """All but the title, elements separated by empty lines."""
        return "\n\n".join(element.text for element in self.reply.elements if element.kind != "title")

    @property
    def files(self) -> dict[str, bytes]:
        """The children by name."""
        return {
            child.name: self.blob[child.offset : child.offset + child.length] for child in self.reply.children
        }

    @property
    def sender(self) -> tuple[str, str]:
        assert self.mail.sender is not None
        return self.mail.sender.name, self.mail.sender.email


def seen(raw: bytes, name: str = "m.eml") -> Seen:
    """What is read of a file of that name."""
    children = io.BytesIO()
    return Seen(read(io.BytesIO(raw), Job(name=name), children), children.getvalue())


def letter(body: bytes, fields: str = "", kind: str = "text/plain; charset=utf-8") -> bytes:
    """A message with this body."""
    head = f"From: ann@alder.example\nSubject: Lamp\nMIME-Version: 1.0\n{fields}Content-Type: {kind}\n\n"
    return head.encode("utf-8", "surrogateescape") + body


def multipart(kind: str, *parts: bytes, fields: str = "") -> bytes:
    """A message of these parts, each with its header."""
    body = b"".join(b"--B\n" + part + b"\n" for part in parts) + b"--B--\n"
    return letter(body, fields, f'multipart/{kind}; boundary="B"')
