"""Header fields of a message as it was really sent: raw 8-bit, RFC 2047 and RFC 2231, lies about charsets."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from email.message import Message
from email.utils import getaddresses, mktime_tz, parsedate_tz

from ingest.readers.draft import label
from ingest.readers.encoding import decode
from ingest.sandbox.messages import ReadAddress, ReadMail

_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bqBQ])\?([^?]*)\?=")
_WORD_GAP = re.compile(r"(\?=)\s+(?==\?)")
_ID = re.compile(r"<([^<>\s]{1,500})>")
_EMAIL = re.compile(r"[^\s<>()\[\],;:\"']{1,64}@[\w.-]{1,255}")
_MAX_ADDRESSES = 500
_MAX_FIELD = 64 * 1024


class Headers:
    """The fields of one message or part, decoded when asked for."""

    def __init__(self, message: Message) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            self._fields.setdefault(name.lower(), []).append(str(value)[:_MAX_FIELD])

    def raw(self, name: str) -> str:
        """The first field of that name, unfolded, 8-bit bytes decoded, RFC 2047 not yet."""
        values = self._fields.get(name)
        return _from_wire(values[0]) if values else ""

    def text(self, name: str) -> str:
        """The first field of that name as a person reads it."""
        return label(decode_words(self.raw(name)))

    def addresses(self, *names: str) -> list[ReadAddress]:
        """All addresses of all fields of these names, in order."""
        values = [_from_wire(value) for name in names for value in self._fields.get(name, ())]
        found: list[ReadAddress] = []
        for name, email in _parse_addresses(values)[:_MAX_ADDRESSES]:
            shown, email = label(decode_words(name)), label(email)
            if shown or email:
                found.append(ReadAddress(name=shown.strip("'\" "), email=email))
        return found

    def ids(self, name: str) -> list[str]:
        """Message-IDs without their angle brackets."""
        return [label(found) for found in _ID.findall(self.raw(name))]

    def date(self) -> float | None:
        """When it was sent, else when the last server got it; seconds since the epoch."""
        received = self.raw("received").rpartition(";")[2]
        for value in (self.raw("date"), received):
            when = _parse_date(value)
            if when is not None:
                return when
        return None

    def mail(self) -> ReadMail:
        """The fields that threads and searches need."""
        message_ids, replied = self.ids("message-id"), self.ids("in-reply-to")
        senders = self.addresses("from") or self.addresses("sender")
        return ReadMail(
            message_id=message_ids[0] if message_ids else (label(self.raw("message-id")) or None),
            in_reply_to=replied[0] if replied else None,
            references=self.ids("references")[:_MAX_ADDRESSES],
            subject=self.text("subject"),
            sender=senders[0] if senders else None,
            recipients=self.addresses("to", "cc", "bcc"),
        )


def decode_words(value: str) -> str:
    """Undo RFC 2047; neighbouring words of one charset are joined first: senders cut inside characters."""
    if "=?" not in value:
        return value
    value = _WORD_GAP.sub(r"\1", value)
    shown: list[str] = []
    pending, charset, at = b"", "", 0
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        if pending and (between or match[1].lower() != charset):
            shown.append(decode(pending, charset))
            pending = b""
        shown.append(between)
        charset = match[1].lower().partition("*")[0]
        pending += _word_bytes(match[2], match[3])
        at = match.end()
    if pending:
        shown.append(decode(pending, charset))
    return "".join(shown) + value[at:]


def _word_bytes(coding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "replace")
    if coding in "qQ":
        return quopri.decodestring(raw.replace(b"_", b" "), header=False)
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return raw


def _from_wire(value: str) -> str:
    """A raw field: folding undone, bytes above ASCII (kept by the parser as surrogates) decoded."""
    value = " ".join(part.strip() for part in value.splitlines())
    return value if value.isascii() else decode(value.encode("utf-8", "surrogateescape"))


def _parse_addresses(values: list[str]) -> list[tuple[str, str]]:
    """(name, address) pairs; from a field that is not well formed, whatever looks like an address."""
    try:
        pairs = [pair for pair in getaddresses(values) if any(pair)]
    except (ValueError, IndexError, TypeError, RecursionError):
        pairs = []
    if any("@" in email for _, email in pairs):
        return pairs
    return [("", email) for value in values for email in _EMAIL.findall(value)] or pairs


def _parse_date(value: str) -> float | None:
    try:
        parsed = parsedate_tz(value)
        return float(mktime_tz(parsed)) if parsed else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
