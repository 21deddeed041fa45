"""The table of formats: what is recognised, by what, and which reader reads it (`formats.py` describes it).

`read` is the parser process's one entrance: whatever it is given, it answers with text or with the true
reason why there is none.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from ingest.mail import events, message
from ingest.readers import (
    archives,
    containers,
    data,
    delimited,
    epub,
    fictionbook,
    formats,
    hypertext,
    image,
    latex,
    legacy,
    locked,
    markdown,
    mboxes,
    msg,
    offline_unstructured,
    opendocument,
    package,
    pdf,
    restructured,
    rtf,
    samples,
    saved_page,
    sheets,
    sheets_old,
    signed,
    slides,
    sniff,
    subtitles,
    text,
    word,
    xmldoc,
)
from ingest.readers.draft import Document, Draft, Tell
from ingest.readers.errors import LimitReached, UnreadableDocument, Why
from ingest.readers.language import SAMPLE_CHARS, language_of
from ingest.readers.passages import mark_passages
from ingest.sandbox.messages import Job, Reply
from policy.limits import Limits

Reader = Callable[[Document, Draft], None]


@dataclass(frozen=True)
class Format:
    """How one format is read; what it is called and what of it is read stands in `formats.py`."""

    name: str
    read: Reader
    errors: tuple[type[Exception], ...] = ()  # what the library raises on a damaged document

    @property
    def media_type(self) -> str:
        """What the item is said to be."""
        return formats.BY_NAME[self.name].media_type


_PACKAGE = (*package.ERRORS, etree.LxmlError)

FORMATS = (
    Format("eml", message.read_message, message.ERRORS),
    Format("msg", msg.read_msg, msg.ERRORS),
    Format("tnef", msg.read_winmail, msg.ERRORS),
    Format("p7m", signed.read_signed),
    Format("mbox", mboxes.read_mbox, message.ERRORS),
    Format("ics", events.read_calendar),
    Format("vcf", events.read_calendar),
    Format("txt", text.read_text),
    Format("code", text.read_code),
    Format("md", markdown.read_markdown),
    Format("rst", restructured.read_rst),
    Format("org", restructured.read_org),
    Format("tex", latex.read_latex),
    Format("subtitles", subtitles.read_subtitles),
    Format("html", hypertext.read_html),
    Format("mhtml", saved_page.read_saved_page, message.ERRORS),
    Format("webarchive", saved_page.read_webarchive),
    Format("xml", xmldoc.read_xml, xmldoc.ERRORS),
    Format("csv", delimited.read_csv),
    Format("json", data.read_json),
    Format("ipynb", data.read_notebook),
    Format("yaml", data.read_yaml),
    Format("docx", word.read_docx, _PACKAGE),
    Format("pptx", slides.read_pptx, _PACKAGE),
    Format("xlsx", sheets.read_xlsx, _PACKAGE),
    Format("xls", sheets_old.read_xls, sheets_old.ERRORS),
    Format("doc", legacy.read_doc, legacy.ERRORS),
    Format("ppt", legacy.read_ppt, legacy.ERRORS),
    Format("wpd", legacy.read_wpd, legacy.ERRORS),
    Format("odt", opendocument.read_opendocument, _PACKAGE),
    Format("ods", opendocument.read_opendocument, _PACKAGE),
    Format("odp", opendocument.read_opendocument, _PACKAGE),
    Format("epub", epub.read_epub, _PACKAGE),
    Format("fb2", fictionbook.read_fictionbook, fictionbook.ERRORS),
    Format("rtf", rtf.read_rtf, rtf.ERRORS),
    Format("pdf", pdf.read_pdf, pdf.ERRORS),
    *(Format(name, archives.read_archive) for name in ("zip", "tar", "gz", "bz2", "xz", "zst", "7z")),
    *(Format(name, image.read_image, image.ERRORS) for name in sorted(image.PICTURES)),
)
_BY_NAME = {row.name: row for row in FORMATS}


def detect(document: Document) -> Format:
    """The format of a document, by its content.

    Raises:
        UnreadableDocument: it is empty, or nothing on the table.
    """
    if document.size == 0:
        raise UnreadableDocument(Why.EMPTY, "the file has no bytes")
    if mboxes.is_mbox(document):
        return _BY_NAME["mbox"]
    if sniff.is_mail(document):  # before all else: what a message carries may stand near its beginning
        return _BY_NAME["mhtml" if sniff.is_saved_page(document) else "eml"]
    kind = containers.binary_kind(document)
    if kind is None:
        kind = sniff.text_kind(document)
    return _BY_NAME[kind]


def read(
    document: BinaryIO, job: Job, children: BinaryIO, limits: Limits | None = None, tell: Tell | None = None
) -> Reply:
    """Read one document: elements (possibly with `partial`), or a reason and a sentence for the owner.

    Args:
        document: open for reading and seekable.
        job: the owner's file name and languages.
        children: takes the bytes of attachments, one after the other, from its current position 0.
        limits: what to stop at.
        tell: hears how far the reading is.
    """
    draft = Draft(limits or Limits(), children, tell)
    try:
        _read_into(draft, document, job)
    except UnreadableDocument as refusal:
        if not (draft.elements or draft.children or draft.scans):
            return Reply(
                media_type=refusal.media_type or draft.media_type,
                title=draft.title,
                reason=refusal.why.value,
                detail=refusal.what,
            )
        draft.missing.append(refusal.what)
    except LimitReached as reached:
        if not (draft.elements or draft.children or draft.scans):
            detail = "it could not be read in the time allowed"
            return Reply(media_type=draft.media_type, reason=Why.TIMEOUT.value, detail=detail)
        draft.missing.append(reached.what)
    language = language_of(draft.sample(SAMPLE_CHARS))
    mark_passages(draft.elements, language)
    return Reply(
        media_type=draft.media_type,
        elements=draft.elements,
        children=draft.children,
        title=draft.title,
        author=draft.author,
        created_at=draft.created_at,
        zone=draft.zone,
        language=language,
        pages=draft.pages,
        scans=draft.scans,
        convert=draft.convert,
        mail=draft.mail,
        partial=draft.partial,
    )


def _read_into(draft: Draft, stream: BinaryIO, job: Job) -> None:
    """Detect and read; whatever a library raises on damage leaves here as one of our own errors."""
    document = locked.unlocked(Document.open(stream, job, draft.limits))
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
    if not (draft.elements or draft.children or draft.scans or draft.convert):
        if draft.missing:
            raise UnreadableDocument(Why.TRUNCATED, f"nothing of it could be read: {draft.partial}")
        raise UnreadableDocument(Why.EMPTY, "the file was read and holds no text")


def warm() -> None:
    """Import what is heavy and run a small document of each kind through it, before confinement and forks.

    What a reader imports only when it is first used would otherwise be imported by every worker for itself.
    """
    containers.olefile()
    offline_unstructured.partitioner()
    for name, content in samples.documents():
        reply = read(io.BytesIO(content), Job(name=name), io.BytesIO())
        if reply.scans:
            read(io.BytesIO(content), Job(name=name, pages=(1,)), io.BytesIO())
