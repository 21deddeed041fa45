"""The table of formats: what is recognised, by what, and which reader and library read it.

`read` is the parser process's one entrance: whatever it is given, it answers with text or with the true
reason why there is none.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from ingest.mail import events, message
from ingest.readers import (
    containers,
    data,
    epub,
    hypertext,
    image,
    markdown,
    msg,
    office,
    opendocument,
    package,
    pdf,
    rtf,
    samples,
    sniff,
    text,
)
from ingest.readers.draft import Document, Draft
from ingest.readers.errors import LimitReached, UnreadableDocument, Why
from ingest.readers.language import SAMPLE_CHARS, language_of
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


_PACKAGE = package.ERRORS + office.ERRORS
_WORD = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."

FORMATS = (
    Format("eml", "message/rfc822", message.read_message, "email (standard library)", message.ERRORS),
    Format("msg", "application/vnd.ms-outlook", msg.read_msg, "olefile", msg.ERRORS),
    Format("tnef", "application/vnd.ms-tnef", msg.read_winmail, "own", msg.ERRORS),
    Format("ics", "text/calendar", events.read_calendar, "own"),
    Format("vcf", "text/vcard", events.read_calendar, "own"),
    Format("txt", "text/plain", text.read_text, "own"),
    Format("md", "text/markdown", markdown.read_markdown, "own"),
    Format("html", "text/html", hypertext.read_html, "lxml"),
    Format("xml", "application/xml", data.read_xml, "lxml", data.XML_ERRORS),
    Format("csv", "text/csv", data.read_csv, "csv (standard library)"),
    Format("json", "application/json", data.read_json, "msgspec"),
    Format("docx", f"{_WORD}wordprocessingml.document", office.read_docx, "unstructured", _PACKAGE),
    Format("pptx", f"{_WORD}presentationml.presentation", office.read_pptx, "unstructured", _PACKAGE),
    Format("xlsx", f"{_WORD}spreadsheetml.sheet", office.read_xlsx, "unstructured", _PACKAGE),
    Format("xls", "application/vnd.ms-excel", office.read_xls, "unstructured", office.ERRORS),
    Format("odt", f"{_ODF}text", opendocument.read_opendocument, "lxml", _PACKAGE),
    Format("ods", f"{_ODF}spreadsheet", opendocument.read_opendocument, "lxml", _PACKAGE),
    Format("odp", f"{_ODF}presentation", opendocument.read_opendocument, "lxml", _PACKAGE),
    Format("epub", "application/epub+zip", epub.read_epub, "lxml", _PACKAGE),
    Format("rtf", "application/rtf", rtf.read_rtf, "striprtf", rtf.ERRORS),
    Format("pdf", "application/pdf", pdf.read_pdf, "pypdfium2, Tesseract", pdf.ERRORS),
    *(
        Format(name, f"image/{media_type}", image.read_image, "Pillow, Tesseract", image.ERRORS)
        for name, media_type in (
            ("png", "png"),
            ("jpg", "jpeg"),
            ("tiff", "tiff"),
            ("gif", "gif"),
            ("bmp", "bmp"),
            ("webp", "webp"),
        )
    ),
)
_BY_NAME = {row.name: row for row in FORMATS}


def detect(document: Document) -> Format:
    """The format of a document, by its content.

    Raises:
        UnreadableDocument: it is empty, or nothing on the table.
    """
    if document.size == 0:
        raise UnreadableDocument(Why.EMPTY, "the file has no bytes")
    if sniff.is_mail(document):  # before all else: what a message carries may stand near its beginning
        return _BY_NAME["eml"]
    kind = containers.binary_kind(document)
    if kind is None:
        if sniff.is_binary(document.head):
            raise UnreadableDocument(Why.UNSUPPORTED, "this kind of file is not one that can be read")
        kind = sniff.text_kind(document)
    return _BY_NAME[kind]


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's warning may quote the document
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
    """Import what is heavy and run a small document of each kind through it, before confinement and forks.

    What a reader imports only when it is first used would otherwise be imported by every worker for itself.
    """
    containers.olefile()
    for name, content in samples.documents():
        read(io.BytesIO(content), Job(name=name), io.BytesIO())
