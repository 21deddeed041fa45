"""Outlook messages (.msg, MS-OXMSG), OLE files whose storages hold MAPI properties; and winmail.dat alone."""

from __future__ import annotations

import io
import re
import struct
from typing import Protocol

from ingest.mail.message import add_outlook
from ingest.mail.outlook import DATA, METHOD, Attached, OutlookMessage, Properties
from ingest.mail.tnef import read_tnef
from ingest.readers.containers import olefile
from ingest.readers.draft import Document, Draft

ERRORS = (
    *(ValueError, LookupError, TypeError, AttributeError, AssertionError, OSError, struct.error),
    OverflowError,  # a size in the header that no memory has
)
_PROPERTIES = "__properties_version1.0"
_STREAM = re.compile(r"__substg1\.0_([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})")
_WHOLE = {0x0002: "<h", 0x0003: "<i", 0x000B: "<h", 0x0014: "<q", 0x0040: "<q"}
_NARROW, _WIDE, _BINARY, _OBJECT = 0x001E, 0x001F, 0x0102, 0x000D
_MAX_DEPTH = 5


class _Ole(Protocol):
    def listdir(self, streams: bool = ..., storages: bool = ...) -> list[list[str]]: ...
    def openstream(self, path: list[str]) -> io.BytesIO: ...


def read_msg(document: Document, draft: Draft) -> None:
    """Header, body in zones, attachments as children, messages within it as messages of their own."""
    with olefile().OleFileIO(io.BytesIO(document.content())) as ole:
        message = _Storage(ole).message([], 0)
    add_outlook(message, draft)


def read_winmail(document: Document, draft: Draft) -> None:
    """A winmail.dat that was saved without its message."""
    add_outlook(read_tnef(document.content()), draft)


class _Storage:
    """The streams of one file, by the storage that they lie in."""

    def __init__(self, ole: _Ole) -> None:
        self._ole = ole
        self._streams: dict[tuple[str, ...], list[str]] = {}
        self._below: dict[tuple[str, ...], list[str]] = {}
        for path in ole.listdir(streams=True, storages=False):
            for depth in range(1, len(path)):
                inside = self._below.setdefault(tuple(path[: depth - 1]), [])
                if not inside or inside[-1] != path[depth - 1]:
                    inside.append(path[depth - 1])
            self._streams.setdefault(tuple(path[:-1]), []).append(path[-1])

    def message(self, path: list[str], depth: int) -> OutlookMessage:
        """The message in this storage."""
        message = OutlookMessage(self._properties(path, 24 if depth else 32))
        for name in dict.fromkeys(self._below.get(tuple(path), ())):
            if name.startswith("__recip_version1.0_"):
                message.recipients.append(self._properties([*path, name], 8))
            elif name.startswith("__attach_version1.0_"):
                message.attachments.append(self._attached([*path, name], message, depth))
        message.settle_page()
        return message

    def _attached(self, path: list[str], message: OutlookMessage, depth: int) -> Attached:
        attached = Attached(self._properties(path, 8))
        inside = f"__substg1.0_{DATA:04X}{_OBJECT:04X}"
        embedded = (*path, inside)
        if embedded in self._streams and _PROPERTIES in self._streams[embedded]:
            if depth < _MAX_DEPTH:
                attached.message = self.message(list(embedded), depth + 1)
            else:
                message.missing.append("messages are nested too deeply to be read")
        elif embedded in self._streams or embedded in self._below:
            message.missing.append("an object of another program was not read")
        elif attached.properties.number(METHOD) in (2, 3, 4, 7):
            message.missing.append("an attachment lies elsewhere and was not fetched")
        else:
            attached.content = attached.properties.binary(DATA)
        return attached

    def _properties(self, path: list[str], header: int) -> Properties:
        """All properties of a storage; a stream that is damaged is left out.

        Args:
            header: bytes before the first entry of the property stream.
        """
        found = Properties()
        for name in self._streams.get(tuple(path), ()):
            match = _STREAM.fullmatch(name)
            if name == _PROPERTIES:
                self._fixed(self._read([*path, name])[header:], found)
            elif match and (kind := int(match[2], 16)) in (_NARROW, _WIDE, _BINARY):
                data = self._read([*path, name])
                found[int(match[1], 16)] = data.decode("utf-16-le", "replace") if kind == _WIDE else data
        return found

    def _fixed(self, entries: bytes, found: Properties) -> None:
        """Properties of a fixed size: 16 bytes each, of which the last 8 are the value."""
        for at in range(0, len(entries) - 15, 16):
            kind, key = struct.unpack_from("<HH", entries, at)
            if kind in _WHOLE:
                found[key] = struct.unpack_from(_WHOLE[kind], entries, at + 8)[0]

    def _read(self, path: list[str]) -> bytes:
        try:
            return self._ole.openstream(path).read()
        except (OSError, ValueError, IndexError):
            return b""
