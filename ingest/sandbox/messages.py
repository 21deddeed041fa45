"""The messages between core and parser. Whatever comes back is a stranger's data until `ingest/parse.py`
has checked it, whatever the parser was meant to be.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

BAR = " | "  # between the cells of a table in its text

# More than any reader hands over. What is not bounded here is weighed, see `ingest/sandbox/weight.py`.
_SEVERAL, _FEW = Meta(max_length=5_000), Meta(max_length=100)


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Read one document."""

    name: str  # file name as the owner knew it: a hint, never a path
    ocr_languages: tuple[str, ...] = ("eng",)
    content: bytes | None = None  # of a small document; None: it is the descriptor (sealed memfd, read only)
    password: str | None = None  # what the owner says opens it
    pages: tuple[int, ...] | None = None  # read the text in the pictures of these pages, and nothing else

    def __repr__(self) -> str:
        return f"Job({self.name!r})"


class Jobs(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Read documents, one after the other; answered by as many replies, in one list. A single one is answered
    by progress first, as often as the reader tells any.

    Descriptor 0 is an empty memfd that takes the bytes of children, those of one document behind those of the
    other. A document that is not in its job is descriptor 1, and then it is the only one.
    """

    jobs: tuple[Job, ...]


class Draw(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Draw one page of a document, descriptor 1; its pixels go into descriptor 0, an empty memfd."""

    name: str
    page: int
    width: int  # pixels wanted
    password: str | None = None

    def __repr__(self) -> str:
        return f"Draw({self.name!r}, {self.page})"


Request = Jobs | Draw
REQUEST: type[Request] = Request  # type: ignore[assignment]  # as a schema for the wire


class ReadElement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One piece of text in reading order."""

    kind: str  # a value of ElementKind
    text: str
    page: int | None = None
    level: int | None = None
    language: str | None = None  # ISO 639-1, where it is another than the document's
    rows: list[list[str]] | None = None  # of a table, and then `text` is empty: it is made of them
    header_rows: int = 0


class ReadChild(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An attachment or archive member: a stretch of what its parent wrote to the children's descriptor."""

    name: str
    offset: int
    length: int
    path: str = ""  # inside an archive, with "/" between; empty: its name


class ReadAddress(msgspec.Struct, kw_only=True):
    """One mail address as written."""

    name: str
    email: str


class ReadMail(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The header of a message."""

    message_id: str | None = None
    in_reply_to: str | None = None
    references: Annotated[list[str], _SEVERAL] = []
    subject: str = ""
    sender: ReadAddress | None = None
    recipients: Annotated[list[ReadAddress], _SEVERAL] = []
    marks: Annotated[list[str], _FEW] = []  # values of `store.records.Mark`


class Reply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was read. Either elements (possibly with `partial`), or a `reason` and nothing.

    Text in pictures takes long to read, so it is not read at once: `scans` names the pages that show
    something and have no usable text of their own, and each is asked for by a job of its own (`Job.pages`).
    """

    media_type: str = "application/octet-stream"
    elements: list[ReadElement] = []
    children: list[ReadChild] = []
    title: str | None = None
    author: str | None = None
    created_at: float | None = None
    zone: int | None = None  # of `created_at` on its author's clock: minutes east of UTC
    language: str | None = None
    pages: int | None = None
    scans: list[int] = []  # numbers of pages, ascending
    mail: ReadMail | None = None
    partial: str | None = None
    convert: str | None = None  # a kind that only LibreOffice reads, and then there is nothing else
    reason: str | None = None  # a value of Reason: the document could not be read, or has no text
    detail: str | None = None  # for the owner; never content


class Confined(msgspec.Struct, frozen=True, tag=True):
    """A worker's first word: now it may be given a document."""


class Progress(msgspec.Struct, frozen=True, tag=True):
    """The document is being read, and this much of it has been."""

    done: int  # pages, slides, sheets, thousands of rows
    total: int | None = None  # where it is known


class Drawn(msgspec.Struct, kw_only=True, tag=True, omit_defaults=True):
    """A page as rows of pixels, three bytes each (red, green, blue), from the top; or the reason why not."""

    width: int = 0
    height: int = 0
    reason: str | None = None
    detail: str | None = None


Answer = Progress | Drawn | list[Reply]
ANSWER: type[Answer] = Answer  # type: ignore[assignment]
