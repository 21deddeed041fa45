"""Header fields of a message as it was really sent: raw 8-bit, RFC 2047 and RFC 2231, lies about charsets."""

from __future__ import annotations

import binascii
import quopri
import re
from calendar import timegm
from datetime import datetime
from email.message import Message
from email.utils import parsedate_tz
from typing import NamedTuple

from ingest.mail.addresses import split_addresses
from ingest.readers.draft import label
from ingest.readers.encoding import decode
from ingest.sandbox.messages import ReadAddress, ReadMail

_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bqBQ])\?(.{0,2000}?)(?:\?=|$)", re.DOTALL)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_WORD_GAP = re.compile(r"(\?=)\s+(?==\?)")
_ID = re.compile(r"<([^<>]{1,500})>")
_ISO_DATE = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?)?"
)
_DATE_FIELDS = ("date", "resent-date", "delivery-date", "x-original-date")
_FIRST_YEAR = 1900  # before, a date says nothing
_FARTHEST_ZONE = 14 * 60  # minutes; no clock is set farther from UTC
_MAX_IDS = 1_000
_MAX_FIELD = 512 * 1024
MOST_ADDRESSES = 1_000


class Sent(NamedTuple):
    """When a message was sent."""

    at: float  # seconds since the epoch
    zone: int | None  # of its author's clock: minutes east of UTC; None or 0 where it does not say


class Headers:
    """The fields of one message or part, decoded when asked for."""

    def __init__(self, message: Message) -> None:
        self._fields: dict[str, list[str]] = {}
        self.crowded = False  # it had more addresses than are kept
        for name, value in message.raw_items():
            self._fields.setdefault(name.lower(), []).append(str(value)[:_MAX_FIELD])

    def raw(self, name: str) -> str:
        """The first field of that name that is not empty, unfolded, 8-bit decoded, RFC 2047 not yet."""
        values = self._fields.get(name, ())
        return next((shown for value in values if (shown := _from_wire(value))), "")

    def text(self, name: str) -> str:
        """The first field of that name as a person reads it."""
        return label(decode_words(self.raw(name)))

    def addresses(self, *names: str) -> list[ReadAddress]:
        """The addresses of all fields of these names, in order."""
        found: list[ReadAddress] = []
        for value in (value for name in names for value in self._fields.get(name, ())):
            for shown, email in split_addresses(_from_wire(value), MOST_ADDRESSES + 1 - len(found)):
                shown, email = label(decode_words(shown)).strip("'\" "), label(decode_words(email))
                if shown or email:
                    found.append(ReadAddress(name=shown, email=email))
            if len(found) > MOST_ADDRESSES:
                self.crowded = True
                break
        return found[:MOST_ADDRESSES]

    def ids(self, name: str) -> list[str]:
        """The Message-IDs in all fields of that name, without their angle brackets."""
        values = [_from_wire(value) for value in self._fields.get(name, ())]
        found = [re.sub(r"\s+", "", identity) for value in values for identity in _ID.findall(value)]
        return [label(identity) for identity in found[-_MAX_IDS:] if identity]

    def date(self) -> Sent | None:
        """When it was sent, else when the last server got it."""
        received = self.raw("received").rpartition(";")[2]
        for value in (*(self.raw(name) for name in _DATE_FIELDS), received):
            when = parse_date(value)
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
            references=self.ids("references"),
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
    letters = _NOT_BASE64.sub(b"", raw)
    usable = len(letters) - 1 if len(letters) % 4 == 1 else len(letters)
    return binascii.a2b_base64(letters[:usable] + b"=" * (-usable % 4))


def _from_wire(value: str) -> str:
    """A raw field: folding undone, bytes above ASCII (kept by the parser as surrogates) decoded."""
    value = " ".join(part.strip() for part in value.splitlines())
    return value if value.isascii() else decode(value.encode("utf-8", "surrogateescape"))


def parse_date(value: str) -> Sent | None:
    """A date in mail's form or ISO's; in UTC where it names no zone."""
    if not value:
        return None
    try:
        parsed = parsedate_tz(value)
        if parsed:
            year = (
                parsed[0] + 1900 if 100 <= parsed[0] < 200 else parsed[0]
            )  # programs that counted from 1900
            when = float(timegm((year, *parsed[1:6], 0, 1, 0)) - (parsed[9] or 0))
            return Sent(when, _zone(parsed[9])) if year >= _FIRST_YEAR else None
        found = _ISO_DATE.match(value)
        if found:
            zone = found[7] or "Z"
            moment = datetime.fromisoformat(
                f"{found[1]}-{found[2]}-{found[3]}T{found[4] or '00'}:{found[5] or '00'}:{found[6] or '00'}"
                f"{'+00:00' if zone == 'Z' else zone}"
            )
            offset = moment.utcoffset() if found[7] else None
            return Sent(moment.timestamp(), _zone(None if offset is None else int(offset.total_seconds())))
    except (ValueError, OverflowError, TypeError, IndexError):
        pass
    return None


def _zone(seconds: int | None) -> int | None:
    minutes = None if seconds is None else seconds // 60
    return minutes if minutes is not None and abs(minutes) <= _FARTHEST_ZONE else None
