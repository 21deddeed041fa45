"""winmail.dat: the envelope in which Outlook hides formatted mail and its attachments (MS-OXTNEF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ingest.mail.outlook import (
    BODY,
    CLASS,
    DATA,
    FILE_NAME,
    SUBJECT,
    Attached,
    OutlookMessage,
    Properties,
    Value,
)

SIGNATURE = b"\x78\x9f\x3e\x22"
_MAX_DEPTH = 5
_MAX_PROPERTIES = 20_000
# Attribute ids (MS-OXTNEF 2.1.3.2), without their types.
_FROM, _SUBJECT, _CLASS, _BODY = 0x8000, 0x8004, 0x8008, 0x800C
_ATTACH_DATA, _ATTACH_TITLE, _ATTACH_START = 0x800F, 0x8010, 0x9002
_PROPERTIES, _RECIPIENTS, _ATTACH_PROPERTIES, _CODE_PAGE = 0x9003, 0x9004, 0x9005, 0x9007
_SIZES = {0x2: 4, 0x3: 4, 0x4: 4, 0x5: 8, 0x6: 8, 0x7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_WHOLE = {0x2: "<h", 0x3: "<i", 0xB: "<h", 0x14: "<q", 0x40: "<q"}
_OBJECT, _NARROW, _WIDE, _BINARY = 0x0D, 0x1E, 0x1F, 0x102
_MULTIPLE, _NAMED = 0x1000, 0x8000


def read_tnef(untrusted_content: bytes, depth: int = 0) -> OutlookMessage:
    """All that is in the envelope; of one that is cut off, what there is.

    Raises:
        ValueError: it is no such envelope.
    """
    if not untrusted_content.startswith(SIGNATURE):
        raise ValueError("no TNEF")
    message, page = OutlookMessage(), 0
    for attribute, data in _attributes(untrusted_content, message):
        if attribute == _CODE_PAGE and len(data) >= 4:
            page = struct.unpack_from("<I", data)[0]
        try:
            _take(attribute, data, message, depth)
        except (struct.error, IndexError):
            message.missing.append("a part of winmail.dat is damaged")
    message.settle_page(page)
    return message


def _attributes(content: bytes, message: OutlookMessage) -> Iterator[tuple[int, bytes]]:
    at = 6  # signature and key
    while at + 9 <= len(content):
        _, attribute, length = struct.unpack_from("<BII", content, at)
        data = content[at + 9 : at + 9 + length]
        if len(data) < length:
            message.missing.append("winmail.dat is cut off")
        yield attribute & 0xFFFF, data
        at += 9 + length + 2


def _take(attribute: int, data: bytes, message: OutlookMessage, depth: int) -> None:
    if attribute == _ATTACH_START:
        message.attachments.append(Attached(Properties()))
    elif attribute == _PROPERTIES:
        reader = _Reader(data)
        message.properties.update(reader.properties())
    elif attribute == _RECIPIENTS:
        reader = _Reader(data)
        message.recipients += [reader.properties() for _ in range(min(reader.count(), _MAX_PROPERTIES))]
    elif attribute in (_SUBJECT, _CLASS, _BODY):
        key = {_SUBJECT: SUBJECT, _CLASS: CLASS, _BODY: BODY}[attribute]
        message.properties.setdefault(key, data.rstrip(b"\x00"))
    elif message.attachments:
        last = message.attachments[-1]
        if attribute == _ATTACH_DATA:
            last.content = data
        elif attribute == _ATTACH_TITLE:
            last.properties.setdefault(FILE_NAME, data.rstrip(b"\x00"))
        elif attribute == _ATTACH_PROPERTIES:
            last.properties.update(_Reader(data).properties())
            _take_object(last, message, depth)


def _take_object(attached: Attached, message: OutlookMessage, depth: int) -> None:
    """An attachment may lie in its properties: a file, or a message in an envelope of its own."""
    content = attached.properties.pop(DATA, b"")
    if not isinstance(content, bytes) or not content:
        return
    if content[16:20] == SIGNATURE:  # after the id of its interface
        if depth < _MAX_DEPTH:
            attached.message = read_tnef(content[16:], depth + 1)
        else:
            message.missing.append("messages are nested too deeply to be read")
    elif not attached.content:
        attached.content = content


class _Reader:
    """Reads MAPI properties as TNEF packs them."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def count(self) -> int:
        return int(self._whole("<I"))

    def properties(self) -> Properties:
        """A counted list of properties.

        Raises:
            struct.error: the data end before the list does.
        """
        found = Properties()
        for _ in range(min(self.count(), _MAX_PROPERTIES)):
            kind, key = int(self._whole("<H")), int(self._whole("<H"))
            if key >= _NAMED:
                self._skip_name()
            value = self._value(kind)
            if value is not None and key < _NAMED:
                found[key] = value
        return found

    def _skip_name(self) -> None:
        self._at += 16
        if self._whole("<I") == 0:
            self._at += 4
        else:
            self._bytes()

    def _value(self, kind: int) -> Value | None:
        """The value, or the first one of several."""
        plain = kind & ~_MULTIPLE
        counted = kind & _MULTIPLE or plain in (_OBJECT, _NARROW, _WIDE, _BINARY)
        values = [self._single(plain) for _ in range(min(self.count(), _MAX_PROPERTIES))] if counted else None
        if values is None:
            return self._single(plain)
        return values[0] if values else None

    def _single(self, kind: int) -> Value | None:
        if kind in (_OBJECT, _NARROW, _BINARY):
            return self._bytes()
        if kind == _WIDE:
            return self._bytes().decode("utf-16-le", "replace")
        if kind not in _SIZES:
            raise struct.error("unknown type")
        start, self._at = self._at, self._at + _SIZES[kind]
        return struct.unpack_from(_WHOLE[kind], self._data, start)[0] if kind in _WHOLE else None

    def _bytes(self) -> bytes:
        length = int(self._whole("<I"))
        start = self._at
        if length > len(self._data) - start:
            raise struct.error("cut off")
        self._at += length + -length % 4
        return self._data[start : start + length]

    def _whole(self, form: str) -> int:
        value = struct.unpack_from(form, self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return int(value)
