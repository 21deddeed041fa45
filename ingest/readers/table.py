"""The table of formats: what is recognised, by what, and which reader and library read it.

`read` is the parser process's one entrance: whatever it is given, it answers with text or with the true
reason why there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from ingest.mail import message
from ingest.readers import sniff
from ingest.readers.draft import Document, Draft
from ingest.readers.errors import LimitReached, UnreadableDocument, Why
from ingest.readers.language import SAMPLE_CHARS, language_of
from ingest.readers.text import read_text
from ingest.sandbox.messages import Job, Reply
from policy.limits import Limits

Reader = Callable[[Document, Draft], None]


@dataclass(frozen=True)
class Format:
    """One row of the table."""

    name: str
    media_type: str
    read: Reader
    library: str
    errors: tuple[type[Exception], ...] = ()  # what the library raises on a damaged document


FORMATS = (
    Format("eml", "message/rfc822", message.read_message, "email (standard library)", message.ERRORS),
    Format("txt", "text/plain", read_text, "own"),
)
_BY_NAME = {row.name: row for row in FORMATS}


def detect(document: Document) -> Format:
    """The format of a document, by its content.

    Raises:
        UnreadableDocument: it is empty, or nothing on the table.
    """
    if document.size == 0:
        raise UnreadableDocument(Why.EMPTY, "the file has no bytes")
    if sniff.is_binary(document.head):
        raise UnreadableDocument(Why.UNSUPPORTED, "this kind of file is not one that can be read")
    return _BY_NAME[sniff.text_kind(document)]


def read(document: BinaryIO, job: Job, children: BinaryIO, limits: Limits | None = None) -> Reply:
    """Read one document: elements (possibly with `partial`), or a reason and a sentence for the owner.

    Args:
        document: open for reading and seekable.
        job: the owner's file name and languages.
        children: takes the bytes of attachments, one after the other, from its current position 0.
        limits: what to stop at.
    """
    draft = Draft(limits or Limits(), children)
    try:
        _read_into(draft, document, job)
    except UnreadableDocument as refusal:
        if not draft.elements:
            return Reply(
                media_type=draft.media_type, title=draft.title, reason=refusal.why.value, detail=refusal.what
            )
        draft.missing.append(refusal.what)
    except LimitReached as reached:
        draft.missing.append(reached.what)
    return Reply(
        media_type=draft.media_type,
        elements=draft.elements,
        children=draft.children,
        title=draft.title,
        author=draft.author,
        created_at=draft.created_at,
        language=language_of(draft.sample(SAMPLE_CHARS)),
        pages=draft.pages,
        mail=draft.mail,
        partial=draft.partial,
    )


def _read_into(draft: Draft, stream: BinaryIO, job: Job) -> None:
    """Detect and read; whatever a library raises on damage leaves here as one of our own errors."""
    document = Document.open(stream, job, draft.limits)
    row = detect(document)
    draft.media_type = row.media_type
    try:
        row.read(document, draft)
    except row.errors as error:
        raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error
    except MemoryError as error:
        raise UnreadableDocument(Why.TOO_LARGE, "reading it takes more memory than is allowed") from error
    except RecursionError as error:
        raise UnreadableDocument(Why.UNSUPPORTED, "it is nested too deeply to be read") from error
    if not draft.elements:
        raise UnreadableDocument(Why.EMPTY, "the file was read and holds no text")


def warm() -> None:
    """Import and run once whatever is heavy, before confinement."""
    language_of("The quick brown fox jumps over the lazy dog.")
