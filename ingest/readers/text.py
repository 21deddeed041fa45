"""Plain text, in any encoding, and programs."""

from __future__ import annotations

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.encoding import decode

_BYTES_PER_CHAR = 4
_CODE_CHARS = 400
TICK_LINES = 1_000  # progress is told as often


def words(names: str) -> frozenset[str]:
    """A set of names, written as a line."""
    return frozenset(names.split())


def read_text(document: Document, draft: Draft) -> None:
    """Paragraphs are what empty lines separate."""
    add_paragraphs(decoded(document, draft), draft)


def read_code(document: Document, draft: Draft) -> None:
    """A program: stretches of code between empty lines."""
    add_paragraphs(decoded(document, draft), draft, kind=Kind.CODE, least=_CODE_CHARS)


def decoded(document: Document, draft: Draft) -> str:
    """The document as text with LF line ends, no more of it than the limit on text allows."""
    most = document.limits.text_chars
    text = decode(document.content(most * _BYTES_PER_CHAR))
    if document.size > most * _BYTES_PER_CHAR or len(text) > most:
        draft.missing.append(f"only the first {most:,} characters were read")
        text = text[:most]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\x85", "\n") if "\x85" in text else text  # the new line of mainframes


def add_paragraphs(text: str, draft: Draft, *, kind: Kind = Kind.PARAGRAPH, least: int = 0) -> None:
    """Add each paragraph of a text.

    Args:
        text: the text, with LF line ends.
        draft: takes them.
        kind: what they are.
        least: shorter ones stay together up to so many characters.
    """
    paragraph: list[str] = []
    chars = start = 0
    while start <= len(text):
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)].rstrip()
        start = end + 1 if end >= 0 else len(text) + 1
        if line or (paragraph and chars < least):
            paragraph.append(line)
            chars += len(line)
        elif paragraph:
            draft.add(kind, "\n".join(paragraph))
            paragraph, chars = [], 0
    draft.add(kind, "\n".join(paragraph))
