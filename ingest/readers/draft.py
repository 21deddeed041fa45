"""What a reader works with: the open document on one side, the growing reply on the other. The draft cleans
every string and enforces the limits, so no reader has to.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

from ingest.readers.errors import LimitReached
from ingest.sandbox.messages import BAR, Job, ReadChild, ReadElement, ReadMail
from policy.limits import Limits

HEAD_BYTES = 64 * 1024
_LABEL_CHARS = 500  # titles, authors and names of children
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_TELL_S = 0.2  # between two messages of progress

Tell = Callable[[int, int | None], None]  # how much is done, of how much


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
    tell: Tell | None = None  # hears how far the reading is
    media_type: str = "application/octet-stream"
    elements: list[ReadElement] = field(default_factory=list)
    children: list[ReadChild] = field(default_factory=list)
    title: str | None = None
    author: str | None = None
    created_at: float | None = None
    zone: int | None = None
    pages: int | None = None
    scans: list[int] = field(default_factory=list)  # pages whose text is in a picture
    convert: str | None = None  # what it must be converted from before it can be read
    mail: ReadMail | None = None
    missing: list[str] = field(default_factory=list)  # what could not be read, in words for the owner
    _chars: int = 0
    _cells: int = 0
    _child_bytes: int = 0
    _done: int = 0
    _total: int | None = None
    _began: float = field(default_factory=time.monotonic)
    _told: float = -math.inf
    _over: bool = False

    def tick(self, done: int, total: int | None = None) -> None:
        """Say how far the reading is, which earns it more time. Cheap: once for each page, slide or sheet, or
        for each thousand rows.

        Raises:
            LimitReached: the time is over; what was read is kept.
        """
        self._done, self._total = max(done, self._done), total
        self._hurry()
        if self.tell and time.monotonic() >= self._told + _TELL_S:
            self._told = time.monotonic()
            self.tell(self._done, total)

    def _hurry(self) -> None:
        """End the reading in time to hand over what there is.

        Raises:
            LimitReached: the time is over. It is said once: whoever catches it may still add what it has.
        """
        if self._over or time.monotonic() - self._began < self.limits.soft_wall_s(self._done):
            return
        self._over = True
        read = "the beginning"
        if self._total and self.pages == self._total:
            read = f"the first {self._done:,} of {self._total:,} pages"
        elif self._total:
            read = f"the first {100 * self._done // self._total} %"
        raise LimitReached(f"only {read} could be read in the time allowed")

    def add(self, kind: Kind, text: str, *, page: int | None = None, level: int | None = None) -> None:
        """Append one element; white space alone is nothing.

        Raises:
            LimitReached: the text or the number of elements is at its limit; what fits has been kept.
        """
        text = clean(text).strip("\n \t")
        if not text:
            return
        room = self._room()
        self.elements.append(ReadElement(kind=kind.value, text=text[:room], page=page, level=level))
        self._chars += min(len(text), room) + 2

    def add_table(
        self, rows: Iterable[Sequence[str]], *, header_rows: int = 0, page: int | None = None
    ) -> None:
        """Append one table, row by row; rows without a word are left out.

        Args:
            rows: the text of each cell; white space in it counts as one space.
            header_rows: how many rows, from the first, name the columns.

        Raises:
            LimitReached: as `add`.
        """
        kept: list[list[str]] = []
        lines: list[str] = []  # of a table with more cells than are kept apart
        room, chars = self._room(), 0
        reached: LimitReached | None = None
        try:
            for position, row in enumerate(rows):
                cells = [_cell(cell) for cell in row]
                while cells and not cells[-1]:
                    cells.pop()
                if not cells:
                    header_rows -= position < header_rows
                    continue
                kept.append(cells)
                self._cells += len(cells)
                chars += sum(map(len, cells)) + len(BAR) * len(cells)
                if self._cells > self.limits.table_cells:
                    lines.extend(map(BAR.join, kept))
                    kept.clear()
                if chars > room:
                    break
        except LimitReached as limit:  # the time is over: what was read is kept
            reached = limit
        if lines or chars > room:
            text = "\n".join([*lines, *map(BAR.join, kept)])[:room]
            self.elements.append(ReadElement(kind=Kind.TABLE.value, text=text, page=page))
        elif kept:
            header_rows = max(0, min(header_rows, len(kept)))
            self.elements.append(
                ReadElement(kind=Kind.TABLE.value, text="", page=page, rows=kept, header_rows=header_rows)
            )
        self._chars += min(chars, room) + 2 if kept or lines else 0
        if reached:
            raise reached
        if chars > room:
            self._room()

    def _room(self) -> int:
        """How many more characters may be added.

        Raises:
            LimitReached: none, or there are as many elements as may be, or the time is over.
        """
        self._hurry()
        room = self.limits.text_chars - self._chars
        if room <= 0 or len(self.elements) >= self.limits.elements:
            shown = min(self._chars, self.limits.text_chars)
            raise LimitReached(f"only the first {shown:,} characters were read")
        return room

    def add_child(self, name: str, content: bytes, *, path: str = "") -> None:
        """Hand on an attachment; one that is empty or over the limits is named in `missing` instead.

        Args:
            path: where it stands in an archive, its name included.
        """
        if not content:
            self.missing.append("an attachment is empty")
        elif len(self.children) >= self.limits.children:
            self.missing.append(f"only the first {self.limits.children:,} attachments were kept")
        elif self.store_child(name, (content,), path=path) is None:
            self.missing.append("an attachment is over the size limit")

    def store_child(self, name: str, pieces: Iterable[bytes], *, path: str = "") -> int | None:
        """Hand on a child as it is unpacked. If the pieces raise, nothing of it is kept.

        Returns:
            how many bytes it has (without any it is none); None: it is over the limit, and not kept.
        """
        start = self.sink.tell()
        length = 0
        try:
            for piece in pieces:
                if length + len(piece) > self.child_room:
                    length = -1
                    break
                length += self.sink.write(piece)
        except BaseException:
            length = -1
            raise
        finally:
            if length < 0:
                self.sink.seek(start)
                self.sink.truncate()
        if length < 0:
            return None
        if length:
            child = ReadChild(
                name=label(name) or "attachment", offset=self._child_bytes, length=length, path=path
            )
            self.children.append(child)
            self._child_bytes += length
        return length

    @property
    def child_room(self) -> int:
        """How many more bytes of children may be kept."""
        return self.limits.child_bytes - self._child_bytes

    def describe(
        self,
        *,
        title: object = None,
        author: object = None,
        created_at: float | None = None,
        zone: int | None = None,
    ) -> None:
        """Take over what the document says of itself, where it says something usable."""
        self.title = self.title or label(title) or None
        self.author = self.author or label(author) or None
        if self.created_at is None and created_at is not None and math.isfinite(created_at):
            self.created_at = float(created_at)
            self.zone = zone

    def sample(self, chars: int) -> str:
        """The beginning of the text without quoted parts, at most about `chars` characters."""
        parts: list[str] = []
        for element in self.elements:
            if element.kind not in _NOT_OWN:
                text = text_of(element, chars)
                parts.append(text)
                chars -= len(text)
                if chars <= 0:
                    break
        return "\n".join(parts)

    @property
    def partial(self) -> str | None:
        """What is missing, as one sentence, each thing once."""
        return "; ".join(dict.fromkeys(self.missing))[:_LABEL_CHARS] or None


def text_of(element: ReadElement, chars: int = 1 << 31) -> str:
    """The text of an element, of a table its cells; at most `chars` characters."""
    if element.rows is None:
        return element.text[:chars]
    lines: list[str] = []
    left = chars
    for row in element.rows:
        lines.append(BAR.join(row))
        left -= len(lines[-1]) + 1
        if left <= 0:
            break
    return "\n".join(lines)[:chars]


def clean(text: str) -> str:
    """Text that can be stored and encoded: LF line ends, no control characters, no lone surrogates."""
    text = _BREAKS.sub("\n", text)
    text = _CONTROLS.sub("", text)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _cell(text: str) -> str:
    """The text of a cell on one line."""
    return " ".join((text if text.isprintable() else clean(text)).split())


def label(value: object) -> str:
    """One short clean line out of a metadata value; empty when it is not text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return " ".join((value if value.isprintable() else clean(value)).split())[:_LABEL_CHARS]
