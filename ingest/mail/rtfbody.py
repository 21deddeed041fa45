r"""The rich text that Outlook keeps of a body: decompressed (MS-OXRTFCP), and undone where it only wraps HTML
(MS-OXRTFEX, `\fromhtml1`).
"""

from __future__ import annotations

import struct

from ingest.mail.parts import html_text
from ingest.readers.rtf import CHARACTERS, TOKEN, code_page, decoded, fonts, rtf_text, whole

_MAX_RTF = 64 * 1024 * 1024
# What MS-OXRTFCP says that the window of a compressed RTF body begins with.
_WINDOW = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_PLAIN = {b"par": "\r\n", b"line": "\r\n"} | CHARACTERS
_HIDDEN = frozenset((b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"pntext", b"mhtmltag"))


def body_text(compressed: bytes) -> str:
    """The text of a compressed RTF body.

    Raises:
        ValueError: it is cut off, or longer than it may be.
    """
    rtf = decompress(compressed)
    if rb"\fromhtml1" in rtf[:4096]:
        return html_text(unwrap_html(rtf))
    return rtf_text(rtf)


def unwrap_html(rtf: bytes) -> str:
    r"""The HTML that was wrapped into RTF: what stands in `\htmltag` groups, and text outside `\htmlrtf`."""
    page = code_page(rtf)
    return _Unwrapping(page, fonts(rtf, page)).run(rtf)


class _Unwrapping:
    """The state of one pass: what the current group hides, its font's encoding, and bytes not yet decoded."""

    def __init__(self, page: str, fonts: dict[int, str]) -> None:
        self._page, self._fonts = page, fonts
        self._out: list[str] = []
        self._bytes = bytearray()
        self._groups: list[tuple[bool, bool, str, int]] = []
        self._hidden = self._muted = False  # a destination that is no text; between \htmlrtf and \htmlrtf0
        self._encoding, self._skip, self._after_uc, self._star = page, 1, 0, False

    def run(self, rtf: bytes) -> str:
        for word, number, octet, symbol, brace, text in TOKEN.findall(rtf):
            if brace == b"{":
                self._groups.append((self._hidden, self._muted, self._encoding, self._skip))
            elif brace == b"}":
                if self._groups:
                    self._flush()
                    self._hidden, self._muted, self._encoding, self._skip = self._groups.pop()
            elif word:
                self._control(word, number)
            elif octet:
                self._write(bytes.fromhex(octet.decode()))
            elif symbol == b"*":
                self._star = True
                continue
            elif symbol:
                self._write(symbol if symbol in (b"\\", b"{", b"}") else b"\xa0" if symbol == b"~" else b"")
            elif text:
                self._write(text)
            self._star = False
        self._flush()
        return whole("".join(self._out))

    def _control(self, word: bytes, number: bytes) -> None:
        if word == b"htmlrtf":
            self._flush()
            self._muted = number != b"0"
        elif word == b"htmltag":
            self._hidden = False
        elif word in _HIDDEN or self._star:
            self._hidden = True
        elif word == b"f" and number:
            self._flush()
            self._encoding = self._fonts.get(int(number), self._page)
        elif word == b"uc" and number:
            self._skip = min(max(int(number), 0), 8)
        elif word == b"u" and number:
            self._show(chr(int(number) & 0xFFFF))
            self._after_uc = self._skip
        elif word in _PLAIN:
            self._show(_PLAIN[word])

    def _write(self, data: bytes) -> None:
        if self._after_uc:  # the substitute of a character already written
            dropped = min(self._after_uc, len(data))
            self._after_uc -= dropped
            data = data[dropped:]
        if not (self._hidden or self._muted):
            self._bytes += data

    def _show(self, text: str) -> None:
        self._flush()
        if not (self._hidden or self._muted):
            self._out.append(text)

    def _flush(self) -> None:
        if self._bytes:
            self._out.append(decoded(self._bytes, self._encoding))
            self._bytes.clear()


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
