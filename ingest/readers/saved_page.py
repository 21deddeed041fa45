"""A web page saved with all that belongs to it (MHTML, Safari's archive): its text and that of its frames."""

from __future__ import annotations

import plistlib
from email.parser import BytesParser
from email.policy import compat32

from ingest.mail.headers import Headers
from ingest.mail.parts import payload
from ingest.readers.draft import Document, Draft
from ingest.readers.encoding import decode
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.hypertext import add_page, declared_text

_PAGES = ("text/html", "application/xhtml+xml")
_MAX_PAGES = 200


def read_saved_page(document: Document, draft: Draft) -> None:
    """The page, then the pages in its frames."""
    message = BytesParser(policy=compat32).parsebytes(document.content())
    headers = Headers(message)
    pages = 0
    for part in message.walk():
        kind = part.get_content_type()
        if kind in _PAGES and pages < _MAX_PAGES:
            pages += 1
            charset = part.get_content_charset()
            data = payload(part, kind)
            add_page(decode(data, charset) if charset else declared_text(data), draft)
    if not pages:
        raise UnreadableDocument(Why.TRUNCATED, "there is no page in it")
    saved = headers.date()
    draft.describe(title=headers.text("subject"), created_at=saved.at if saved else None)


def read_webarchive(document: Document, draft: Draft) -> None:
    """A page that Safari saved, then the pages in its frames."""
    try:
        archive: object = plistlib.loads(document.content(), fmt=plistlib.FMT_BINARY)
    except (ValueError, TypeError, LookupError, OverflowError, OSError) as error:
        raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error
    waiting = [archive]
    pages = 0
    while waiting and pages < _MAX_PAGES:
        inner = waiting.pop(0)
        main = inner.get("WebMainResource") if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or not isinstance(main, dict):
            continue
        pages += 1
        data, charset = main.get("WebResourceData"), main.get("WebResourceTextEncodingName")
        if isinstance(data, bytes) and main.get("WebResourceMIMEType") in _PAGES:
            add_page(decode(data, charset) if isinstance(charset, str) else declared_text(data), draft)
        frames = inner.get("WebSubframeArchives")
        waiting += frames if isinstance(frames, list) else []
