"""Plain text, in any encoding."""

from __future__ import annotations

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.encoding import decode

_BYTES_PER_CHAR = 4


def read_text(document: Document, draft: Draft) -> None:
    """Paragraphs are what empty lines separate."""
    add_paragraphs(decoded(document, draft), draft)


def decoded(document: Document, draft: Draft) -> str:
    """The document as text with LF line ends, no more of it than the limit on text allows."""
    most = document.limits.text_chars
    text = decode(document.content(most * _BYTES_PER_CHAR))
    if document.size > most * _BYTES_PER_CHAR or len(text) > most:
        draft.missing.append(f"only the first {most:,} characters were read")
        text = text[:most]
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def add_paragraphs(text: str, draft: Draft) -> None:
    """Add each paragraph of a text."""
    paragraph: list[str] = []
    for line in text.split("\n"):
        if line.strip():
            paragraph.append(line.rstrip())
        elif paragraph:
            draft.add(Kind.PARAGRAPH, "\n".join(paragraph))
            paragraph = []
    draft.add(Kind.PARAGRAPH, "\n".join(paragraph))
