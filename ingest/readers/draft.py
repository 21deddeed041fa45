"""What a reader works with: the open document on one side, the growing reply on the other. The draft cleans
every string and enforces the limits, so no reader has to.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

from ingest.readers.errors import LimitReached
from ingest.sandbox.messages import Job, ReadChild, ReadElement, ReadMail
from policy.limits import Limits

HEAD_BYTES = 64 * 1024
_LABEL_CHARS = 500  # titles, authors and names of children
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Kind(StrEnum):
    """The values of `store.records.ElementKind`, which the parser process may not import."""

    TITLE = "title"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE = "table"
    HEADER = "header"
    FOOTER = "footer"
    CODE = "code"
    CAPTION = "caption"
    QUOTED = "quoted"
    SIGNATURE = "signature"
    DISCLAIMER = "disclaimer"
    FORWARDED = "forwarded"


_NOT_OWN = frozenset({Kind.QUOTED, Kind.SIGNATURE, Kind.DISCLAIMER, Kind.FORWARDED, Kind.CODE})


@dataclass(frozen=True)
class Document:
    """One document, open for reading, and what its owner said of it."""

    stream: BinaryIO
    job: Job
    limits: Limits
    size: int
    head: bytes  # the first 64 KiB

    @classmethod
    def open(cls, stream: BinaryIO, job: Job, limits: Limits) -> Document:
        """Measure the document and look at its head."""
        size = stream.seek(0, 2)
        stream.seek(0)
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        return cls(stream, job, limits, size, head)

    @property
    def extension(self) -> str:
        """The ending of the file name, lower case and without its dot: a hint, never a proof."""
        _, dot, ending = self.job.name.rpartition(".")
        return ending.lower() if dot else ""

    def content(self, limit: int = -1) -> bytes:
        """All bytes, or the first `limit` of them."""
        if self.size <= len(self.head):
            return self.head if limit < 0 else self.head[:limit]
        self.stream.seek(0)
        return self.stream.read(limit)


@dataclass
class Draft:
    """The reply while it is being written."""

    limits: Limits
    sink: BinaryIO  # takes the bytes of children, one after the other
    media_type: str = "application/octet-stream"
    elements: list[ReadElement] = field(default_factory=list)
    children: list[ReadChild] = field(default_factory=list)
    title: str | None = None
    author: str | None = None
    created_at: float | None = None
    pages: int | None = None
    mail: ReadMail | None = None
    missing: list[str] = field(default_factory=list)  # what could not be read, in words for the owner
    _chars: int = 0
    _child_bytes: int = 0

    def add(self, kind: Kind, text: str, *, page: int | None = None, level: int | None = None) -> None:
        """Append one element; white space alone is nothing.

        Raises:
            LimitReached: the text or the number of elements is at its limit; what fits has been kept.
        """
        text = clean(text).strip("\n \t")
        if not text:
            return
        room = self.limits.text_chars - self._chars
        if room <= 0 or len(self.elements) >= self.limits.elements:
            raise LimitReached(f"only the first {self._chars:,} characters were read")
        self.elements.append(ReadElement(kind=kind.value, text=text[:room], page=page, level=level))
        self._chars += min(len(text), room) + 2

    def add_child(self, name: str, content: bytes) -> None:
        """Hand on an attachment; one that is empty or over the limits is named in `missing` instead."""
        name = label(name) or "attachment"
        if not content:
            self.missing.append("an attachment is empty")
        elif len(self.children) >= self.limits.children:
            self.missing.append(f"only the first {self.limits.children:,} attachments were kept")
        elif self._child_bytes + len(content) > self.limits.child_bytes:
            self.missing.append("an attachment is over the size limit")
        else:
            self.sink.write(content)
            self.children.append(ReadChild(name=name, offset=self._child_bytes, length=len(content)))
            self._child_bytes += len(content)

    def describe(
        self, *, title: object = None, author: object = None, created_at: float | None = None
    ) -> None:
        """Take over what the document says of itself, where it says something usable."""
        self.title = self.title or label(title) or None
        self.author = self.author or label(author) or None
        if self.created_at is None and created_at is not None and math.isfinite(created_at):
            self.created_at = float(created_at)

    def sample(self, chars: int) -> str:
        """The beginning of the text without quoted parts, at most about `chars` characters."""
        parts: list[str] = []
        for element in self.elements:
            if element.kind not in _NOT_OWN:
                parts.append(element.text[:chars])
                chars -= len(element.text)
                if chars <= 0:
                    break
        return "\n".join(parts)

    @property
    def partial(self) -> str | None:
        """What is missing, as one sentence, each thing once."""
        return "; ".join(dict.fromkeys(self.missing))[:_LABEL_CHARS] or None


def clean(text: str) -> str:
    """Text that can be stored and encoded: LF line ends, no control characters, no lone surrogates."""
    text = _BREAKS.sub("\n", text)
    text = _CONTROLS.sub("", text)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def label(value: object) -> str:
    """One short clean line out of a metadata value; empty when it is not text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return " ".join((value if value.isprintable() else clean(value)).split())[:_LABEL_CHARS]
