"""Outlook messages (.msg) by python-oxmsg: the same reading as of any other mail."""

from __future__ import annotations

import email
import struct
from collections.abc import Iterator
from email.utils import parseaddr
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Protocol

from ingest.mail.headers import Headers
from ingest.mail.message import add_zones, name_parts
from ingest.readers.draft import Document, Draft, Kind, label
from ingest.readers.hypertext import declared_text, mail_text
from ingest.readers.rtf import rtf_text
from ingest.sandbox.messages import ReadAddress, ReadMail

ERRORS = (ValueError, LookupError, TypeError, AttributeError, AssertionError, OSError, struct.error)
_TRANSPORT_HEADERS = 0x007D
_MESSAGE_ID = 0x1035
_HTML = 0x1013
_RTF = 0x1009
_SMTP_ADDRESS = 0x39FE
_MAX_RTF = 64 * 1024 * 1024
# What MS-OXRTFCP says that the window of a compressed RTF body begins with.
_WINDOW = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


class _Properties(Protocol):
    def str_prop_value(self, pid: int) -> str | None: ...
    def binary_prop_value(self, pid: int) -> bytes | None: ...


@cache
def oxmsg() -> ModuleType:
    """The one place that imports oxmsg."""
    return import_module("oxmsg")


def read_msg(document: Document, draft: Draft) -> None:
    """Header, body in zones, attachments as children."""
    message = oxmsg().Message.load(document.content())
    properties: _Properties = message.properties
    headers = Headers(email.message_from_string(properties.str_prop_value(_TRANSPORT_HEADERS) or ""))
    sent = message.sent_date
    draft.mail = _header(message, properties, headers)
    sender = draft.mail.sender
    draft.describe(
        title=draft.mail.subject,
        author=(sender.name or sender.email) if sender else None,
        created_at=sent.timestamp() if sent else headers.date(),
    )
    draft.add(Kind.TITLE, draft.mail.subject, level=1)
    add_zones(_body(message.body, properties), draft)
    for number, attachment in enumerate(message.attachments, start=1):
        content = attachment.file_bytes
        if content is None:
            draft.missing.append(f"the attachment {number} is a message or a link and was not read")
        else:
            draft.add_child(attachment.file_name or f"attachment {number}", content)
    name_parts(draft)


def _header(message: object, properties: _Properties, headers: Headers) -> ReadMail:
    """The fields of the header that came over the wire; of a message that never did, Outlook's properties."""
    mail = headers.mail()
    mail.subject = label(getattr(message, "subject", "")) or mail.subject
    if mail.sender is None:
        name, address = parseaddr(getattr(message, "sender", None) or "")
        mail.sender = ReadAddress(name=label(name), email=label(address)) if name or address else None
    mail.message_id = mail.message_id or label(properties.str_prop_value(_MESSAGE_ID)).strip("<>") or None
    mail.recipients = mail.recipients or list(_recipients(message))
    return mail


def _recipients(message: object) -> Iterator[ReadAddress]:
    for recipient in getattr(message, "recipients", ()):
        address = recipient.properties.str_prop_value(_SMTP_ADDRESS) or recipient.email_address
        yield ReadAddress(name=label(recipient.name), email=label(address))


def _body(plain: str | None, properties: _Properties) -> str:
    """The plain body, else the HTML one, else the compressed RTF that Outlook keeps for itself."""
    if plain and plain.strip():
        return plain.replace("\r\n", "\n")
    markup = properties.binary_prop_value(_HTML)
    if markup:
        return mail_text(declared_text(markup))
    if text := properties.str_prop_value(_HTML):
        return mail_text(text)
    rtf = properties.binary_prop_value(_RTF)
    return rtf_text(decompress(rtf)) if rtf else ""


def decompress(data: bytes) -> bytes:
    """Compressed RTF (MS-OXRTFCP): literals and references into a window of 4,096 bytes.

    Raises:
        ValueError: it is cut off, or longer than it may be.
    """
    if len(data) < 16:
        raise ValueError("compressed RTF is cut off")
    _, size, kind, _ = struct.unpack_from("<IIII", data)
    if kind == 0x414C454D:  # "MELA": stored
        return data[16 : 16 + size]
    if size > _MAX_RTF:
        raise ValueError("compressed RTF is too large")
    return _expand(data, size)


def _expand(data: bytes, size: int) -> bytes:
    window = bytearray(_WINDOW.ljust(4096, b"\x00"))
    write, out, at = len(_WINDOW), bytearray(), 16
    flags, bit = 0, 8
    while len(out) < size and at + (bit == 8) < len(data):
        if bit == 8:
            flags, bit, at = data[at], 0, at + 1
        if flags >> bit & 1:
            reference = int.from_bytes(data[at : at + 2], "big")
            read, length = reference >> 4, (reference & 15) + 2
            at += 2
            if read == write:
                break
        else:
            window[write], read, length = data[at], write, 1
            at += 1
        for step in range(length):  # byte by byte: a reference may overlap what it writes
            byte = window[(read + step) % 4096]
            window[write] = byte
            write = (write + 1) % 4096
            out.append(byte)
        bit += 1
    return bytes(out)
