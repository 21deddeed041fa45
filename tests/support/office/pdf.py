"""Writes PDF 1.5 by hand: several pages, a text layer in Helvetica, tables as columns, and, when a password
is given, the 128-bit RC4 encryption of the standard security handler (ISO 32000-1, 7.6.3).
"""

from __future__ import annotations

import hashlib
import zlib
from textwrap import wrap

from tests.support.office.markup import Block, pages

_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_PERMISSIONS = -44 & 0xFFFFFFFF
_LEFT, _TOP, _BOTTOM = 64, 780, 64


def pdf(title: str, blocks: list[Block], language: str, password: str = "") -> bytes:
    """A PDF of the blocks; with a password it cannot be read without it."""
    streams = [stream for page in pages(blocks) or [[]] for stream in _lay_out(page)]
    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(len(streams)))
    objects: list[tuple[bytes, bytes | None]] = [
        (b"<< /Type /Catalog /Pages 2 0 R /Lang (" + language.encode() + b") >>", None),
        (f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(), None),
        (_font("Helvetica"), None),
        (_font("Helvetica-Bold"), None),
    ]
    for number, stream in enumerate(streams):
        page = (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents {6 + 2 * number} 0 R >>"
        )
        objects.append((page.encode(), None))
        objects.append((b"/Filter /FlateDecode", zlib.compress(stream, 9)))
    return _assemble(title, objects, password)


def _font(name: str) -> bytes:
    return f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()


def _lay_out(blocks: list[Block]) -> list[bytes]:
    """Content streams, one for each page that the blocks fill."""
    streams: list[bytes] = []
    ops: list[bytes] = []
    y = _TOP
    for step, line in _lines(blocks):
        if y - step < _BOTTOM:
            streams.append(b"\n".join(ops))
            ops, y = [], _TOP
        y -= step
        ops.extend(
            b"BT /%s %d Tf %d %d Td (%s) Tj ET" % (font, size, x, y, _escape(text))
            for font, size, x, text in line
        )
    return [*streams, b"\n".join(ops)]


_Line = list[tuple[bytes, int, int, str]]  # font, size, x, text


def _lines(blocks: list[Block]) -> list[tuple[int, _Line]]:
    out: list[tuple[int, _Line]] = []
    for block in blocks:
        if block.kind == "heading":
            size = {1: 18, 2: 14}.get(block.level, 12)
            out.append((size + 14, [(b"F2", size, _LEFT, block.text)]))
        elif block.kind == "table":
            out.extend(_table(block))
        else:
            mark = "\u2022 " if block.kind == "item" else ""
            lines = [part for line in block.text.split("\n") for part in wrap(mark + line, 86)]
            out.extend((15 + 7 * (not n), [(b"F1", 11, _LEFT, text)]) for n, text in enumerate(lines))
    return out


def _table(block: Block) -> list[tuple[int, _Line]]:
    widths = [max(len(row[column]) for row in block.rows) for column in range(len(block.rows[0]))]
    starts = [_LEFT + int(5.6 * (sum(widths[:n]) + 2 * n)) for n in range(len(widths))]
    out = []
    for number, row in enumerate(block.rows):
        font = b"F2" if number == 0 else b"F1"
        out.append(
            (15 + 7 * (number == 0), [(font, 10, x, c) for x, c in zip(starts, row, strict=True) if c])
        )
    return out


def _escape(text: str) -> bytes:
    raw = text.encode("cp1252")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _assemble(title: str, objects: list[tuple[bytes, bytes | None]], password: str) -> bytes:
    """Header, objects, cross-reference table, trailer."""
    identity = hashlib.md5(title.encode(), usedforsecurity=False).digest()
    key, encrypt = _security(password, identity) if password else (b"", b"")
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    info = b"<< /Title <" + ("\ufeff" + title).encode("utf-16-be").hex().encode() + b"> >>"
    for number, (dictionary, stream) in enumerate([*objects, (info if not key else b"<< >>", None)], start=1):
        offsets.append(len(out))
        body = dictionary
        if stream is not None:
            data = _rc4(_object_key(key, number), stream) if key else stream
            body = b"<< %s /Length %d >>\nstream\n%s\nendstream" % (dictionary, len(data), data)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size, label = len(offsets) + 1, identity.hex().encode()
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R /ID [<%s> <%s>]" % (size, size - 1, label, label)
    out += b"%s >>\nstartxref\n%d\n%%%%EOF\n" % (encrypt, start)
    return bytes(out)


def _security(password: str, identity: bytes) -> tuple[bytes, bytes]:
    """File key and the /Encrypt entry (revision 3, V 2, 128 bits; owner and user password are the same)."""
    padded = (password.encode("cp1252") + _PAD)[:32]
    owner_key = padded
    for _ in range(51):
        owner_key = hashlib.md5(owner_key, usedforsecurity=False).digest()
    owner = _rc4_rounds(owner_key, padded)
    key = padded + owner + _PERMISSIONS.to_bytes(4, "little") + identity
    for _ in range(51):
        key = hashlib.md5(key, usedforsecurity=False).digest()
    user = _rc4_rounds(key, hashlib.md5(_PAD + identity, usedforsecurity=False).digest()) + bytes(16)
    entry = b" /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P %d /O <%s> /U <%s> >>" % (
        _PERMISSIONS - (1 << 32),
        owner.hex().encode(),
        user.hex().encode(),
    )
    return key, entry


def _object_key(key: bytes, number: int) -> bytes:
    material = key + number.to_bytes(3, "little") + b"\0\0"
    return hashlib.md5(material, usedforsecurity=False).digest()


def _rc4_rounds(key: bytes, data: bytes) -> bytes:
    for number in range(20):
        data = _rc4(bytes(byte ^ number for byte in key), data)
    return data


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 255
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) & 255
        j = (j + state[i]) & 255
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) & 255])
    return bytes(out)
