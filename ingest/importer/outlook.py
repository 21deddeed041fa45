"""Builds the message again that an Outlook store keeps as properties: for one item always the same bytes.

The walk through a store is left to `pst.py`; here an item is whatever has record sets, as libpff gives them.
Property numbers are those of MS-OXPROPS.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime, formataddr
from typing import Protocol

from ingest.importer.embedded import embedded_item
from ingest.readers.rtf import rtf_text

_STRING8, _UNICODE, _TIME, _INT32 = 0x1E, 0x1F, 0x40, 0x03
_NAMES = 0x0003
_CLASS = 0x001A
_SUBJECT = 0x0037
_SUBMITTED, _DELIVERED, _CREATED = 0x0039, 0x0E06, 0x3007
_TRANSPORT_HEADERS = 0x007D
_SENDER_NAME, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_BODY, _RTF, _HTML, _CODEPAGE = 0x1000, 0x1009, 0x1013, 0x3FDE
_MESSAGE_ID, _REFERENCES, _IN_REPLY_TO = 0x1035, 0x1039, 0x1042
_DISPLAY_NAME, _ADDRESS, _SMTP, _RECIPIENT_KIND = 0x3001, 0x3003, 0x39FE, 0x0C15
_METHOD, _LONG_NAME, _SHORT_NAME, _MEDIA_TYPE, _CONTENT_ID = 0x3705, 0x3707, 0x3704, 0x370E, 0x3712
_EMBEDDED, _EMBEDDED_BYTES = 5, 4 << 20
_UNREADABLE = (OSError, OverflowError)
_RECIPIENTS = {1: "To", 2: "Cc", 3: "Bcc"}

# What a card or an appointment says beyond its body: property (named ones by their number) -> its name.
_SAYS = {
    0x8208: "Location", 0x820D: "Start", 0x820E: "End", 0x8104: "Start", 0x8105: "Due",
    0x3A06: "Given name", 0x3A11: "Surname", 0x3A16: "Company", 0x3A17: "Job title", 0x3A18: "Department",
    0x3A08: "Business phone", 0x3A09: "Home phone", 0x3A1C: "Mobile phone",
    0x8083: "E-mail", 0x8093: "E-mail 2", 0x80A3: "E-mail 3",
    0x801A: "Home address", 0x801B: "Business address", 0x801C: "Other address", 0x3A51: "Web page",
}  # fmt: skip
_MESSAGES = ("ipm.note", "ipm.schedule", "ipm.post", "ipm.sharing", "ipm.recall", "report.")
_CARDS = ("ipm.contact", "ipm.distlist", "ipm.appointment", "ipm.task", "ipm.stickynote", "ipm.activity")

_UNWANTED = re.compile(r"(?:mime-version|content-[a-z-]+):", re.IGNORECASE)
_FIELD = re.compile(r"[!-9;-~]+[ \t]*:")
_MEDIA = re.compile(r"[a-zA-Z0-9.+-]{1,60}/[a-zA-Z0-9.+-]{1,80}")
_CHUNK = 57 * 8192  # bytes of an attachment at a time; base64 has 57 in a line
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


class Entry(Protocol):
    """One property."""

    entry_type: int | None
    value_type: int | None
    data: bytes | None


@dataclass(frozen=True)
class Dialect:
    """How a store writes its properties."""

    codepage: str = "cp1252"  # of strings that are not Unicode, as Python names it
    names: Mapping[int, int] = field(
        default_factory=dict
    )  # a named property's number in this store -> its own

    @classmethod
    def of(cls, codepage: str, name_to_id_map: object) -> Dialect:
        """Read the store's list of names (MS-PST 2.4.7); those that are strings stay without a number."""
        for record_set in _sets(name_to_id_map):
            for entry in getattr(record_set, "entries", ()):
                if entry.entry_type == _NAMES and entry.data:
                    records = struct.iter_unpack("<IHH", entry.data[: len(entry.data) // 8 * 8])
                    return cls(codepage, {0x8000 + at: name for name, kind, at in records if not kind & 1})
        return cls(codepage)


class Properties:
    """The properties of one item, attachment or recipient, read once."""

    def __init__(self, record_sets: Iterable[object], dialect: Dialect) -> None:
        self._dialect = dialect
        self._values: dict[int, tuple[int, bytes]] = {}
        self.unreached: set[int] = set()  # there, but not to be had
        for record_set in record_sets:
            for entry in getattr(record_set, "entries", ()):
                self._add(entry)

    def _add(self, entry: Entry) -> None:
        if entry.entry_type is None or entry.value_type is None:
            return
        key = entry.entry_type
        if key >= 0x8000:
            key = self._dialect.names.get(key, 0)
        data = entry.data
        if data is None:
            self.unreached.add(key)
        elif key:
            self._values.setdefault(key, (entry.value_type, data))

    def text(self, key: int) -> str:
        """A string; empty if there is none."""
        kind, data = self._values.get(key, (0, b""))
        if kind == _UNICODE:
            return data.decode("utf-16-le", "replace").rstrip("\0")
        if kind == _STRING8:
            return data.decode(self._dialect.codepage, "replace").rstrip("\0")
        return ""

    def raw(self, key: int) -> bytes:
        """Bytes as they are."""
        return self._values.get(key, (0, b""))[1]

    def number(self, key: int) -> int:
        """A whole number; 0 if there is none."""
        kind, data = self._values.get(key, (0, b""))
        return int.from_bytes(data[:4], "little", signed=True) if kind == _INT32 else 0

    def time(self, key: int) -> datetime | None:
        """A time, to the second."""
        kind, data = self._values.get(key, (0, b""))
        ticks = int.from_bytes(data[:8], "little")
        if kind != _TIME or not 0 < ticks < 1 << 60:
            return None
        return _EPOCH + timedelta(seconds=ticks // 10_000_000)

    def says(self) -> Iterator[str]:
        """The lines of a card or an appointment."""
        for key, label in _SAYS.items():
            if time := self.time(key):
                yield f"{label}: {time:%Y-%m-%d %H:%M} UTC"
            elif text := self.text(key).strip():
                yield f"{label}: {text}"


class Rebuilt:
    """One message of an Outlook store, as RFC 5322.

    Args:
        item: as libpff gives it.
        hash_of: what tells it from others, for the marks between its parts.
    """

    def __init__(self, item: object, *, hash_of: bytes, dialect: Dialect) -> None:
        self._item = item
        self._dialect = dialect
        self._properties = at = Properties(_sets(item), dialect)
        own = b"\0".join((hash_of, at.raw(_SUBJECT), at.raw(_CREATED)))
        self._boundary = hashlib.sha256(own).hexdigest()[:32]
        self.missing: list[str] = []  # what of it could not be read, once it is built

    def foreign(self) -> str | None:
        """What this is, if it is nothing that a person wrote or received."""
        kind = self._properties.text(_CLASS)
        known = not kind or kind.lower().startswith((*_MESSAGES, *_CARDS))
        return None if known else f"not a message ({kind[:80]})"

    def parts(self) -> Iterator[bytes]:
        """The message, piece by piece."""
        bodies = list(self._bodies())
        attachments = list(getattr(self._item, "attachments", ()) or ())
        yield self._header()
        if attachments:
            yield self._multipart("mixed", "=m")
            yield f"--=m{self._boundary}\r\n".encode()
        yield from self._text(bodies)
        for attachment in attachments:
            yield from self._attachment(attachment)
        if attachments:
            yield f"--=m{self._boundary}--\r\n".encode()

    def _header(self) -> bytes:
        lines = self._wire_lines() or self._own_lines()
        return "".join(f"{line}\r\n" for line in [*lines, "MIME-Version: 1.0"]).encode(
            "utf-8", "surrogateescape"
        )

    def _wire_lines(self) -> list[str]:
        """The header as it came over the wire, without what described the body that it came with."""
        kept: list[str] = []
        keeps = False
        for line in re.split(r"\r\n|\r|\n", self._properties.text(_TRANSPORT_HEADERS)):
            if not line.strip():
                if kept:
                    break
                continue
            if line[0] not in " \t":
                keeps = bool(_FIELD.match(line)) and not _UNWANTED.match(line)
            if keeps and (kept or line[0] not in " \t"):
                kept.append(line)
        return kept if any(line.lower().startswith(("from:", "date:", "received:")) for line in kept) else []

    def _own_lines(self) -> list[str]:
        """A header of what Outlook noted."""
        at = self._properties
        lines = []
        address = at.text(_SENDER_SMTP) or at.text(_SENDER_ADDRESS)
        if name_or_address := at.text(_SENDER_NAME) or address:
            lines.append(f"From: {_address(name_or_address, address)}")
        for label, people in self._recipients().items():
            lines.append(f"{label}: {', '.join(people)}")
        subject = at.text(_SUBJECT)
        if subject[:1] == "\x01":  # how long its "Re: " is
            subject = subject[2:]
        lines.append(f"Subject: {_encoded(subject or at.text(_DISPLAY_NAME))}")
        if date := at.time(_SUBMITTED) or at.time(_DELIVERED) or at.time(_CREATED):
            lines.append(f"Date: {format_datetime(date)}")
        for label, key in (
            ("Message-ID", _MESSAGE_ID),
            ("In-Reply-To", _IN_REPLY_TO),
            ("References", _REFERENCES),
        ):
            if value := _line(at.text(key)):
                lines.append(f"{label}: {value}")
        return lines

    def _recipients(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        recipients = getattr(self._item, "recipients", None)
        for record_set in _sets(recipients):
            at = Properties([record_set], self._dialect)
            label = _RECIPIENTS.get(at.number(_RECIPIENT_KIND), "To")
            address = at.text(_SMTP) or at.text(_ADDRESS)
            if name := at.text(_DISPLAY_NAME) or address:
                found.setdefault(label, []).append(_address(name, address))
        return found

    def _bodies(self) -> Iterator[tuple[str, bytes]]:
        """Content type and bytes of each form that the body is kept in."""
        at = self._properties
        plain = at.text(_BODY)
        if at.text(_CLASS).lower().startswith(_CARDS):
            plain = "\n".join([*at.says(), plain])
        html = at.raw(_HTML) or at.text(_HTML).encode()
        if not plain.strip() and not html:
            rtf = getattr(self._item, "rtf_body", None)
            plain = rtf_text(rtf) if rtf else plain
        if plain.strip() or not html:
            yield "text/plain; charset=utf-8", _crlf(plain).encode("utf-8", "replace")
        if html:
            codepage = at.number(_CODEPAGE)
            charset = {0: "", 65001: "; charset=utf-8", 20127: "; charset=us-ascii"}.get(codepage)
            if charset is None:
                charset = f"; charset={'windows-' if 1250 <= codepage <= 1258 else 'cp'}{codepage}"
            yield f"text/html{charset}", html

    def _text(self, bodies: list[tuple[str, bytes]]) -> Iterator[bytes]:
        if len(bodies) > 1:
            yield self._multipart("alternative", "=a")
        for kind, content in bodies:
            if len(bodies) > 1:
                yield f"--=a{self._boundary}\r\n".encode()
            yield f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
            for at in range(0, len(content), _CHUNK):
                yield _base64(content[at : at + _CHUNK])
        if len(bodies) > 1:
            yield f"--=a{self._boundary}--\r\n".encode()

    def _attachment(self, attachment: object) -> Iterator[bytes]:
        at = Properties(_sets(attachment), self._dialect)
        name = _line(at.text(_LONG_NAME) or at.text(_SHORT_NAME) or at.text(_DISPLAY_NAME)) or "attachment"
        if at.number(_METHOD) == _EMBEDDED:
            yield from self._embedded(attachment, name)
            return
        kind = at.text(_MEDIA_TYPE)
        if not _MEDIA.fullmatch(kind) or kind.lower().startswith(("multipart/", "message/")):
            kind = "application/octet-stream"
        lines = [
            f"--=m{self._boundary}",
            f"Content-Type: {kind}",
            "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="{_encoded(name.replace(chr(34), chr(39)))}"',
        ]
        if identity := _line(at.text(_CONTENT_ID)).strip("<>"):
            lines.append(f"Content-ID: <{identity}>")
        yield "".join(f"{line}\r\n" for line in [*lines, ""]).encode("utf-8", "replace")
        try:
            for data in _read(attachment):
                yield _base64(data)
        except _UNREADABLE:
            self.missing.append(f"the attachment ‘{name[:80]}’ is damaged")

    def _embedded(self, attachment: object, name: str) -> Iterator[bytes]:
        """An attached message, as far as it can be reached."""
        try:
            item = embedded_item(b"".join(_read(attachment, most=_EMBEDDED_BYTES)))
        except (*_UNREADABLE, ValueError, struct.error):
            self.missing.append(f"the attached item ‘{name[:80]}’ could not be read")
            return
        inner = Rebuilt(item, hash_of=f"{self._boundary}/{name}".encode(), dialect=self._dialect)
        inner_parts = list(inner.parts())
        if inner.hides_text():
            self.missing.append(f"the text of the attached item ‘{name[:80]}’ could not be reached")
        yield f"--=m{self._boundary}\r\nContent-Type: message/rfc822\r\n\r\n".encode()
        yield from inner_parts
        yield b"\r\n"

    def hides_text(self) -> bool:
        """Whether its body is there and cannot be reached."""
        return bool(self._properties.unreached & {_BODY, _HTML, _RTF}) and not any(
            content.strip() for _, content in self._bodies()
        )

    def _multipart(self, kind: str, mark: str) -> bytes:
        return f'Content-Type: multipart/{kind}; boundary="{mark}{self._boundary}"\r\n\r\n'.encode()


def _sets(item: object) -> Iterable[object]:
    return getattr(item, "record_sets", ())


def _read(attachment: object, most: int = 1 << 62) -> Iterator[bytes]:
    left = min(getattr(attachment, "size", 0) or 0, most)
    attachment.seek_offset(0, 0)  # type: ignore[attr-defined]
    while left > 0:
        data: bytes = attachment.read_buffer(min(left, _CHUNK))  # type: ignore[attr-defined]
        if not data:
            break
        left -= len(data)
        yield data


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _address(name: str, address: str) -> str:
    name, address = _line(name), _line(address)
    if not address or not address.isascii() or " " in address or name == address:
        return _encoded(name) if not address or " " in address else address
    return formataddr((name, address))


def _encoded(text: str) -> str:
    """Text as it may stand in a header."""
    text = _line(text)
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _crlf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text)
