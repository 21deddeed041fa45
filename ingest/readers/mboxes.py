"""A mailbox in one file (mbox), come as a document: its messages are its children, its text is their list.

Mailboxes that lie in a folder are imported by `ingest/importer`; how one is taken apart is known there only.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.parser import BytesHeaderParser
from email.policy import compat32

from ingest.importer.kinds import Kind as Container
from ingest.importer.kinds import container_kind
from ingest.importer.mbox import split_mbox
from ingest.importer.pieces import End, Lost, Part, Start, Whole
from ingest.mail.headers import Headers
from ingest.readers.draft import Document, Draft

_TICK = 200
_HEADER_BYTES = 64 * 1024


def is_mbox(document: Document) -> bool:
    """Whether a document is a file of several messages."""
    head = document.head
    return head[:8].lstrip(b"\xef\xbb\xbf\r\n")[:1] == b"F" and (
        container_kind(head, document.job.name) is Container.MBOX
    )


def read_mbox(document: Document, draft: Draft) -> None:
    """Each message as a child, and a table of what they are about."""
    draft.add_table(_rows(document, draft), header_rows=1)


def _rows(document: Document, draft: Draft) -> Iterator[list[str]]:
    yield ["Subject", "From", "Date"]
    document.stream.seek(0)
    parts: list[bytes] = []
    count = 0
    for piece in split_mbox(_Stream(document), 0):
        match piece:
            case Whole(content=content):
                parts = [content]
            case Start():
                parts = []
                continue
            case Part(content=content):
                parts.append(content)
                continue
            case Lost(missed=missed):
                if missed:
                    draft.missing.append("a part of it is no message")
                continue
            case End():
                pass
            case _:
                continue
        count += 1
        if count % _TICK == 0:
            draft.tick(count // _TICK)
        if count > draft.limits.children:
            draft.missing.append(f"only the first {draft.limits.children:,} messages were read")
            return
        yield _added(b"".join(parts), count, draft)


def _added(content: bytes, number: int, draft: Draft) -> list[str]:
    """Hand on a message; returns its row."""
    headers = Headers(BytesHeaderParser(policy=compat32).parsebytes(content[:_HEADER_BYTES]))
    subject = headers.text("subject")
    draft.add_child(f"{subject[:80] or f'message {number}'}.eml", content)
    return [subject, headers.text("from"), headers.text("date")]


class _Stream:
    """A document as the importer reads what it takes apart."""

    def __init__(self, document: Document) -> None:
        self._stream = document.stream

    def read(self, count: int) -> bytes:
        return self._stream.read(count)

    def seek(self, offset: int) -> None:
        self._stream.seek(offset)

    def peek(self, offset: int, count: int) -> bytes:
        at = self._stream.tell()
        self._stream.seek(offset)
        data = self._stream.read(count)
        self._stream.seek(at)
        return data
