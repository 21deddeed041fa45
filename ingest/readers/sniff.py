"""Tells kinds of text apart by their looks; the file's ending only tips the scale where looks allow two."""

from __future__ import annotations

import re
from email.utils import parsedate_tz

from ingest.readers.draft import Document
from ingest.readers.encoding import decode, wide_encoding

_FIELD = re.compile(r"([!-9;-~]{1,76}):(?:[ \t]|$)")
_MACHINE_FIELDS = frozenset(
    ("message-id", "received", "mime-version", "return-path", "delivered-to", "x-mailer")
)
_PERSON_FIELDS = frozenset(("from", "to", "subject", "date", "cc", "reply-to", "sender", "content-type"))


def is_binary(head: bytes) -> bool:
    """Whether these bytes are no text in any encoding: zeros or many control characters."""
    if wide_encoding(head) or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    if b"\x00" in head[:4096]:
        return True
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\x08" for byte in head[:4096])
    return controls > 0.02 * min(len(head), 4096)


def text_kind(document: Document) -> str:
    """Name of the format of a document that is text."""
    text = decode(document.head).lstrip("\ufeff \t\r\n")
    if is_mail(text, named=document.extension == "eml"):
        return "eml"
    return "txt"


def is_mail(text: str, *, named: bool) -> bool:
    """Whether a text begins with the header of a message, and not with a memo's or a letter's lines."""
    fields: dict[str, str] = {}
    lines = text[:16_384].splitlines()
    if lines and lines[0].startswith(("From ", ">From ")):
        del lines[0]
    for line in lines:
        if not line.strip():
            break
        if line[0] in " \t":
            continue
        match = _FIELD.match(line)
        if not match:
            break
        fields.setdefault(match[1].lower(), line[match.end() :].strip())
    known = fields.keys() & (_MACHINE_FIELDS | _PERSON_FIELDS)
    if named:
        return bool(known)
    if len(known) < 2:
        return False
    return bool(fields.keys() & _MACHINE_FIELDS) or (
        "from" in fields and parsedate_tz(fields.get("date", "")) is not None
    )
