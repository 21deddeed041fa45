"""A message as Outlook holds it (MAPI properties), whether it came as .msg or as winmail.dat: its header, its
body, and itself once more as an Internet message, for one that lies inside another.
"""

from __future__ import annotations

import hashlib
import re
from base64 import encodebytes
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.utils import format_datetime

from ingest.mail.headers import Headers
from ingest.mail.marks import Mark
from ingest.mail.rtfbody import body_text
from ingest.readers.draft import label
from ingest.readers.encoding import decode
from ingest.readers.hypertext import declared_text, mail_text
from ingest.sandbox.messages import ReadAddress, ReadMail

# Property ids of MS-OXPROPS.
CLASS, SUBJECT, SENT, TRANSPORT, RECEIVED = 0x001A, 0x0037, 0x0039, 0x007D, 0x0E06
BODY, RTF, HTML, MESSAGE_ID, REFERENCES, IN_REPLY_TO = 0x1000, 0x1009, 0x1013, 0x1035, 0x1039, 0x1042
NAME, EMAIL, SMTP, CREATED = 0x3001, 0x3003, 0x39FE, 0x3007
INTERNET_PAGE, MESSAGE_PAGE, START, END = 0x3FDE, 0x3FFD, 0x0060, 0x0061
DATA, METHOD, FILE_NAME, LONG_FILE_NAME, MIME_TYPE = 0x3701, 0x3705, 0x3704, 0x3707, 0x370E
# (name, SMTP address, other address): who wrote, before on whose behalf.
_SENDERS = ((0x0042, 0x5D02, 0x0065), (0x0C1A, 0x5D01, 0x0C1F))
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_LEFT_OUT = re.compile(r"(?i)(?:content-[\w-]+|mime-version|bcc)\s*:")

Value = str | bytes | int | float


class Properties(dict[int, Value]):
    """Properties by id. Strings of 8 bits stay bytes until asked for: the code page may come last."""

    page: str | None = None

    def text(self, *ids: int) -> str:
        """The first of these properties that says something."""
        for key in ids:
            value = self.get(key)
            if isinstance(value, bytes):
                value = decode(value, self.page)
            if isinstance(value, str) and value.strip("\x00 "):
                return value.rstrip("\x00")
        return ""

    def binary(self, key: int) -> bytes:
        """A property that is bytes."""
        value = self.get(key)
        return value if isinstance(value, bytes) else b""

    def number(self, key: int) -> int:
        """A property that is a whole number; 0 without it."""
        value = self.get(key)
        return value if isinstance(value, int) else 0

    def time(self, *ids: int) -> datetime | None:
        """The first of these properties that is a time: 100 ns since 1601."""
        for key in ids:
            ticks = self.number(key)
            if 0 < ticks < 1 << 62:
                try:
                    return _EPOCH + timedelta(microseconds=ticks // 10)
                except OverflowError:
                    continue
        return None


@dataclass
class Attached:
    """A file or a message in a message."""

    properties: Properties
    content: bytes = b""
    message: OutlookMessage | None = None

    @property
    def name(self) -> str:
        name = label(self.properties.text(LONG_FILE_NAME, FILE_NAME, NAME))
        return re.split(r"[/\\]", name)[-1]


@dataclass
class OutlookMessage:
    """One message with everything in it."""

    properties: Properties = field(default_factory=Properties)
    recipients: list[Properties] = field(default_factory=list)
    attachments: list[Attached] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def settle_page(self, page: int = 0) -> None:
        """Tell all properties in which code page their 8-bit strings are."""
        number = page or self.properties.number(MESSAGE_PAGE) or self.properties.number(INTERNET_PAGE)
        name = "utf-8" if number == 65001 else f"cp{number}" if number else None
        for properties in (self.properties, *self.recipients, *(a.properties for a in self.attachments)):
            properties.page = name

    @property
    def headers(self) -> Headers:
        """The fields that came over the wire, if it ever did."""
        return Headers(message_from_string(self.properties.text(TRANSPORT)))

    def mail(self) -> ReadMail:
        """The header; what did not come over the wire is Outlook's own knowledge."""
        known = self.properties
        mail = self.headers.mail()
        mail.subject = label(known.text(SUBJECT)) or mail.subject
        mail.sender = mail.sender or self._sender()
        mail.message_id = mail.message_id or label(known.text(MESSAGE_ID)).strip("<> ") or None
        mail.in_reply_to = mail.in_reply_to or label(known.text(IN_REPLY_TO)).strip("<> ") or None
        mail.references = mail.references or re.findall(r"<([^<>\s]{1,500})>", known.text(REFERENCES))
        mail.recipients = mail.recipients or [
            ReadAddress(name=label(to.text(NAME)), email=label(to.text(SMTP, EMAIL)))
            for to in self.recipients
        ]
        return mail

    def sent(self) -> float | None:
        """Seconds since the epoch."""
        sent = self.properties.time(SENT, RECEIVED)
        if sent is None and (wire := self.headers.date()) is not None:
            return wire.at
        when = sent or self.properties.time(CREATED)  # a draft
        return when.timestamp() if when else None

    def body(self) -> str:
        """The plain body, else the HTML one, else the rich text that Outlook keeps for itself."""
        plain = self.properties.text(BODY)
        if plain.strip():
            return plain.replace("\r\n", "\n").replace("\r", "\n")
        return self._html_body() or self._rtf_body()

    def event(self) -> str:
        """When a meeting is, as its invitation says it."""
        start, end = self.properties.time(START), self.properties.time(END)
        if start is None or Mark.INVITATION not in self.marks():
            return ""
        return f"When: {start:%a} {start.day} {start:%B %Y, %H:%M}" + (
            f" to {end:%H:%M} (UTC)" if end else " (UTC)"
        )

    def marks(self) -> list[Mark]:
        """What its class says."""
        name = self.properties.text(CLASS).upper()
        if name.startswith(("IPM.SCHEDULE", "IPM.APPOINTMENT", "IPM.MICROSOFT SCHEDULE")):
            return [Mark.INVITATION]
        if name.startswith("IPM.NOTE.SMIME.MULTIPARTSIGNED"):
            return [Mark.SIGNED_SMIME]
        return [Mark.ENCRYPTED_SMIME] if name.startswith(("IPM.NOTE.SMIME", "IPM.NOTE.SECURE")) else []

    def _html_body(self) -> str:
        value = self.properties.get(HTML)
        if isinstance(value, bytes) and value:
            page = self.properties.number(INTERNET_PAGE)
            return mail_text(decode(value, f"cp{page}") if page else declared_text(value))
        return mail_text(value) if isinstance(value, str) and value else ""

    def _rtf_body(self) -> str:
        rich = self.properties.binary(RTF)
        if not rich:
            return ""
        try:
            return body_text(rich)
        except (ValueError, LookupError, TypeError, AttributeError):
            self.missing.append("the formatted body is damaged")
            return ""

    def _sender(self) -> ReadAddress | None:
        for name, smtp, other in _SENDERS:
            shown, email = label(self.properties.text(name)), label(self.properties.text(smtp, other))
            if shown or email:
                return ReadAddress(name=shown, email=email if email != shown or "@" in email else "")
        return None


def rebuilt(message: OutlookMessage, depth: int) -> bytes:
    """The message as an Internet message. The same message gives the same bytes.

    Args:
        depth: how many messages within messages are written out; below that they are left out.
    """
    parts = [_text_part(message)]
    for attached in message.attachments:
        if attached.message is not None and depth > 0:
            parts.append(b"Content-Type: message/rfc822\n\n" + rebuilt(attached.message, depth - 1))
        elif attached.content:
            name = attached.name.replace('"', "'").encode("utf-8", "replace")
            head = b'Content-Type: application/octet-stream\nContent-Disposition: attachment; filename="%s"\n'
            parts.append(
                head % name + b"Content-Transfer-Encoding: base64\n\n" + encodebytes(attached.content)
            )
    boundary = hashlib.sha256(b"".join(parts)).hexdigest()[:32].encode()
    head = b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=%s\n\n" % boundary
    body = b"".join(b"--%s\n%s\n" % (boundary, part) for part in parts)
    return _fields(message).encode("utf-8", "replace") + head + body + b"--%s--\n" % boundary


def _text_part(message: OutlookMessage) -> bytes:
    text = "\n\n".join(part for part in (message.event(), message.body()) if part)
    return b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text.encode(
        "utf-8", "replace"
    )


def _fields(message: OutlookMessage) -> str:
    """The header that came over the wire without what describes the body, or one made of the properties."""
    kept: list[str] = []
    for line in re.split(r"\r?\n|\r", message.properties.text(TRANSPORT).strip()):
        if line[:1] in (" ", "\t"):
            kept[-1:] = [f"{kept[-1]} {line.strip()}"] if kept else []
        elif re.match(r"[!-9;-~]+:", line):
            kept.append(line)
    kept = [line for line in kept if not _LEFT_OUT.match(line)]
    if kept:
        return "".join(f"{line}\n" for line in kept)
    mail, sent = message.mail(), message.sent()
    rows = [("Subject", mail.subject), ("From", _written(mail.sender) if mail.sender else "")]
    rows.append(("To", ", ".join(_written(to) for to in mail.recipients)))
    rows.append(("Date", format_datetime(datetime.fromtimestamp(sent, UTC)) if sent is not None else ""))
    rows.append(("Message-ID", f"<{mail.message_id}>" if mail.message_id else ""))
    rows.append(("In-Reply-To", f"<{mail.in_reply_to}>" if mail.in_reply_to else ""))
    return "".join(f"{name}: {label(value)}\n" for name, value in rows if value)


def _written(address: ReadAddress) -> str:
    name = address.name.replace("\\", "").replace('"', "'")
    return f'"{name}" <{address.email}>' if name else address.email
