"""A web page saved with all that belongs to it (MHTML): its text, that of its frames, and no pictures."""

from __future__ import annotations

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
    draft.describe(title=headers.text("subject"), created_at=headers.date())
