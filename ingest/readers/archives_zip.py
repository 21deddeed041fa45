"""The members of a zip: by its table of contents, or, where that is missing or damaged, by what stands before
each member.

Sources: PKWARE's APPNOTE 6.3.10; WinZip's AES fields.
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ingest.packed import DECODERS, WINDOW_BYTES, Damaged, Decoder, Inflater, NeedsMemory, unpacked
from ingest.readers.archives_locks import open_aes, open_zipcrypto
from ingest.readers.archives_member import CUT, Foreign, Locked, Member, Meter, stretch
from ingest.readers.draft import Document
from ingest.readers.encoding import decode
from ingest.readers.package import ERRORS

_LOCAL = struct.Struct("<4s5H3I2H")  # what stands before each member
_MARK = b"PK\x03\x04"
_NEXT = re.compile(rb"PK(?:\x03\x04|\x07\x08|\x01\x02)")
_LOCKED, _LATER, _STRONG, _UTF8 = 0x1, 0x8, 0x40, 0x800
_AES, _AES_FIELD, _ZIP64_FIELD, _UNICODE_FIELD = 99, 0x9901, 0x0001, 0x7075
_NONE = 0xFFFFFFFF
_STORED, _LZMA = 0, 14
_TRIED = 1_000
_METHODS: dict[int, Callable[[], Decoder]] = {
    8: lambda: Inflater(-15),
    12: bz2.BZ2Decompressor,
    93: DECODERS["zst"],
    95: DECODERS["xz"],
}
_OTHERS = {9: "Deflate64", 98: "PPMd", 97: "WavPack", 96: "JPEG"}
_DOS_LETTERS = frozenset((*range(0x80, 0x9B), *range(0xA0, 0xA6), 0xE1))  # accented ones, and ß


@dataclass(frozen=True)
class _Entry:
    """One member as the archive describes it."""

    name: bytes | str
    flags: int
    method: int
    time: int  # of day, as DOS packs it
    crc: int | None  # None: not known before its end
    packed: int
    size: int | None
    header: int  # where it begins
    extra: bytes
    start: int | None = None  # of its bytes; None: what stands before it says so

    @property
    def is_folder(self) -> bool:
        return self.name[-1:] in ("/", "\\", b"/", b"\\") and not self.size


def zip_members(document: Document, missing: list[str], meter: Meter) -> Iterator[Member]:
    """Every file in a zip.

    Args:
        missing: takes what is wrong with the archive as a whole, in words for the owner.
        meter: sees all that is unpacked.
    """
    try:
        document.stream.seek(0)
        with zipfile.ZipFile(document.stream) as archive:
            entries = [_of_table(info) for info in archive.infolist()]
        if _is_part(document):
            missing.append("it is one of several parts of an archive, and the others are not here")
        for entry in entries[:_TRIED]:  # a table that points elsewhere is no better than none
            _start(document, entry.header)
    except (Damaged, *ERRORS):
        missing.append(CUT)
        entries = list(_salvaged(document.content()))
    files = [entry for entry in entries if not entry.is_folder]
    for entry, name in zip(files, _names([entry.name for entry in files]), strict=True):
        yield Member(name, entry.size, meter(_pieces(document, entry)))


def has_table(document: Document) -> bool:
    """Whether a file ends with the table of contents of a zip, whatever it begins with."""
    document.stream.seek(0)
    return zipfile.is_zipfile(document.stream)


def member_names(document: Document) -> list[str]:
    """The names in a zip; of a damaged one the first."""
    try:
        document.stream.seek(0)
        with zipfile.ZipFile(document.stream) as archive:
            return archive.namelist()
    except ERRORS:
        first = document.head[document.head.find(_MARK) :]
        if len(first) < _LOCAL.size:
            return []
        return [first[_LOCAL.size : _LOCAL.size + _LOCAL.unpack_from(first)[9]].decode("latin-1")]


def _of_table(info: zipfile.ZipInfo) -> _Entry:
    utf8 = bool(info.flag_bits & _UTF8)
    return _Entry(
        name=info.orig_filename if utf8 else info.orig_filename.encode("cp437"),
        flags=info.flag_bits,
        method=info.compress_type,
        time=(info.date_time[3] << 11) | (info.date_time[4] << 5),
        crc=info.CRC,
        packed=info.compress_size,
        size=info.file_size,
        header=info.header_offset,
        extra=info.extra,
    )


def _is_part(document: Document) -> bool:
    """Whether the end of the table of contents stands on another disk than the first."""
    document.stream.seek(max(0, document.size - 22 - 65_535))
    tail = document.stream.read()
    at = tail.rfind(b"PK\x05\x06")
    return at >= 0 and len(tail) >= at + 22 and struct.unpack_from("<H", tail, at + 4)[0] not in (0, 0xFFFF)


def _salvaged(content: bytes) -> Iterator[_Entry]:
    """Entries by what stands before each member. Where a length is not known, the next mark is the end."""
    at = content.find(_MARK)
    while at >= 0 and len(content) - at >= _LOCAL.size:
        _, _, flags, method, time, _, crc, packed, size, name, extra = _LOCAL.unpack_from(content, at)
        start = at + _LOCAL.size + name + extra
        field = content[start - extra : start]
        if packed == _NONE and len(long := _field(field, _ZIP64_FIELD)) >= 16:
            size, packed = struct.unpack_from("<QQ", long)
        known = packed or not flags & _LATER
        if not known:
            later = _NEXT.search(content, start)
            packed = (later.start() if later else len(content)) - start
        yield _Entry(
            name=content[at + _LOCAL.size : at + _LOCAL.size + name],
            flags=flags,
            method=method,
            time=time,
            crc=crc if known else None,
            packed=packed,
            size=size if known else None,
            header=at,
            extra=field,
            start=start,
        )
        at = content.find(_MARK, start + packed if start + packed <= len(content) else start)


def _field(extra: bytes, wanted: int) -> bytes:
    """One of the fields that follow a member's name; empty if there is none of this kind."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == wanted:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return b""


def _names(raw: list[bytes | str]) -> list[str]:
    """Names as text. Those that do not say their encoding have one for all of them, which is guessed."""
    unknown = [name.replace(b"\n", b" ") for name in raw if isinstance(name, bytes)]
    joined = b"\n".join(unknown)
    try:
        text = joined.decode()
    except UnicodeDecodeError:
        dos = {byte for byte in joined if byte >= 0x80} <= _DOS_LETTERS
        text = joined.decode("cp437") if dos else decode(joined)
    guessed = text.split("\n")
    if len(guessed) != len(unknown):  # an encoding that takes the line end into a character
        guessed = [decode(name) for name in unknown]
    rest = iter(guessed)
    return [name if isinstance(name, str) else next(rest) for name in raw]


def _pieces(document: Document, entry: _Entry) -> Iterator[bytes]:
    """The content of a member, checked at its end.

    Raises:
        Damaged, NeedsMemory, Locked, Foreign
    """
    start = entry.start if entry.start is not None else _start(document, entry.header)
    packed: Iterable[bytes] = stretch(document.stream, start, entry.packed)
    method, crc = entry.method, entry.crc
    if entry.flags & _STRONG:
        raise Foreign("PKWARE's strong encryption")
    if method == _AES:
        field = _field(entry.extra, _AES_FIELD)
        if len(field) < 7:
            raise Damaged
        version, strength, method = struct.unpack("<H2xBH", field[:7])
        packed = open_aes(packed, document.job.password, strength)
        crc = None if version == 2 else crc  # it would tell what a short file holds
    elif entry.flags & _LOCKED:
        check = entry.time >> 8 if entry.flags & _LATER else (crc or 0) >> 24
        packed = open_zipcrypto(packed, document.job.password, check)
    seen = size = 0
    try:
        for piece in _unpacked(method, packed, entry.size):
            seen = zlib.crc32(piece, seen)
            size += len(piece)
            yield piece
        if (crc is not None and seen != crc) or (entry.size is not None and size != entry.size):
            raise Damaged
    except Damaged:
        if entry.method != _AES and entry.flags & _LOCKED:  # one in 256 wrong passwords comes so far
            raise Locked(given=True) from None
        raise


def _start(document: Document, header: int) -> int:
    document.stream.seek(header)
    local = document.stream.read(_LOCAL.size)
    if len(local) < _LOCAL.size or not local.startswith(_MARK):
        raise Damaged
    *_, name, extra = _LOCAL.unpack(local)
    return header + _LOCAL.size + int(name) + int(extra)


def _unpacked(method: int, packed: Iterable[bytes], size: int | None) -> Iterator[bytes]:
    if method == _STORED:
        yield from packed
    elif method == _LZMA:
        yield from _from_lzma(iter(packed), size)
    elif method in _METHODS:
        yield from unpacked(_METHODS[method], packed, many=False)
    else:
        raise Foreign(f"the method {_OTHERS.get(method, method)}")


def _from_lzma(packed: Iterator[bytes], size: int | None) -> Iterator[bytes]:
    """LZMA as zip has it: a header of its own, then the same as in an .lzma file."""
    head = next(packed, b"")
    if len(head) < 9 or struct.unpack_from("<H", head, 2)[0] != 5:
        raise Damaged
    if struct.unpack_from("<I", head, 5)[0] > WINDOW_BYTES:
        raise NeedsMemory
    alone = head[4:9] + struct.pack("<Q", (1 << 64) - 1 if size is None else size) + head[9:]

    def pieces() -> Iterator[bytes]:
        yield alone
        yield from packed

    yield from unpacked(lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE), pieces(), many=False)
