"""Writes small 7z archives, as 7zFormat.txt of the LZMA SDK describes them."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LINK = 0o120777 << 16 | 0x8000
FOLDER = 0x10


@dataclass(frozen=True)
class Method:
    """How a stream is packed."""

    id: bytes
    properties: bytes
    pack: Callable[[bytes], bytes]


def _raw(*filters: dict[str, int]) -> Callable[[bytes], bytes]:
    return lambda data: lzma.compress(data, format=lzma.FORMAT_RAW, filters=list(filters))


def _x86(data: bytes) -> bytes:
    """The filter alone: LZMA2 in front of it is undone again."""
    window = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}
    packed = lzma.compress(data, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_X86}, window])
    return lzma.decompress(packed, format=lzma.FORMAT_RAW, filters=[window])


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


COPY = Method(b"\0", b"", lambda data: data)
LZMA = Method(
    b"\3\1\1",
    b"\x5d" + struct.pack("<I", 1 << 20),
    _raw({"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20}),
)
LZMA2 = Method(b"\x21", b"\x10", _raw({"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}))
BZIP2 = Method(b"\4\2\2", b"", bz2.compress)
DEFLATE = Method(b"\4\1\x08", b"", _deflate)
X86 = Method(b"\3\3\1\3", b"", _x86)
PPMD = Method(b"\3\4\1", b"\6\0\0\0\1", lambda data: data)


def locked(password: str, power: int = 10) -> Method:
    """AES under a password, with 2 to the power of so many rounds."""
    salt, vector = b"12345678", b"vector of 16 byt"
    secret = salt + password.encode("utf-16-le")
    digest = hashlib.sha256(b"".join(secret + n.to_bytes(8, "little") for n in range(1 << power))).digest()

    def pack(data: bytes) -> bytes:
        cipher = Cipher(algorithms.AES(digest), modes.CBC(vector)).encryptor()
        return cipher.update(data.ljust(-(-len(data) // 16) * 16, b"\0"))

    return Method(b"\6\xf1\7\1", bytes((0xC0 | power, 0x7F)) + salt + vector, pack)


def number(value: int) -> bytes:
    """A number as 7z writes it."""
    for more in range(8):
        if value < 1 << (7 * more + 7):
            first = (0xFF00 >> more) & 0xFF | value >> (8 * more)
            return bytes((first,)) + (value & ((1 << 8 * more) - 1)).to_bytes(more, "little")
    return b"\xff" + struct.pack("<Q", value)


def seven_zip(
    files: dict[str, bytes],
    methods: Sequence[Method] = (LZMA2,),
    *,
    solid: bool = True,
    header: Sequence[Method] = (),
    attributes: dict[str, int] | None = None,
) -> bytes:
    """An archive.

    Args:
        files: path -> content.
        methods: as they are applied, one after the other.
        solid: all files in one stream.
        header: what packs the header.
        attributes: of some of the files; a folder has no content.
    """
    attributes = attributes or {}
    filled = {path: content for path, content in files.items() if content}
    groups = [list(filled.values())] if solid else [[content] for content in filled.values()]
    body, streams = _streams(groups if filled else [], methods, 0)
    head = b"\1" + (b"\4" + streams if filled else b"") + b"\5" + _files(files, attributes) + b"\0"
    if header:
        packed, streams = _streams([[head]], header, len(body))
        body += packed
        head = b"\x17" + streams
    start = struct.pack("<QQI", len(body), len(head), zlib.crc32(head))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + body + head


def _streams(groups: list[list[bytes]], methods: Sequence[Method], position: int) -> tuple[bytes, bytes]:
    """What is packed, and its description."""
    packed: list[bytes] = []
    sizes = b""
    for group in groups:
        data = b"".join(group)
        after = []
        for method in methods:
            after.append(number(len(data)))
            data = method.pack(data)
        packed.append(data)
        sizes += b"".join(reversed(after))  # the coder undone first stands first
    coders = b"".join(
        bytes((len(method.id) | (0x20 if method.properties else 0),))
        + method.id
        + (number(len(method.properties)) + method.properties if method.properties else b"")
        for method in reversed(methods)
    )
    binds = b"".join(number(n + 1) + number(n) for n in range(len(methods) - 1))
    folder = number(len(methods)) + coders + binds
    text = b"\6" + number(position) + number(len(packed)) + b"\x09"
    text += b"".join(number(len(each)) for each in packed) + b"\0"
    text += b"\7\x0b" + number(len(groups)) + b"\0" + folder * len(groups) + b"\x0c" + sizes + b"\0"
    text += b"\x08\x0d" + b"".join(number(len(group)) for group in groups)
    inner = b"".join(number(len(each)) for group in groups for each in group[:-1])
    text += b"\x09" + inner if inner else b""
    crcs = [struct.pack("<I", zlib.crc32(each)) for group in groups for each in group]
    return b"".join(packed), text + b"\x0a\1" + b"".join(crcs) + b"\0\0"


def _files(files: dict[str, bytes], attributes: dict[str, int]) -> bytes:
    empty = [not content for content in files.values()]
    is_file = [not attributes.get(path, 0) & FOLDER for path, content in files.items() if not content]
    names = b"\0" + b"".join(path.encode("utf-16-le") + b"\0\0" for path in files)
    flags = b"\1\0" + b"".join(struct.pack("<I", attributes.get(path, 0)) for path in files)
    fields = [(0x11, names), (0x15, flags)]
    if any(empty):
        fields = [(0x0E, _bits(empty)), (0x0F, _bits(is_file)), *fields]
    return (
        number(len(files))
        + b"".join(bytes((kind,)) + number(len(data)) + data for kind, data in fields)
        + b"\0"
    )


def _bits(values: Sequence[bool]) -> bytes:
    text = "".join(str(int(value)) for value in values)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8))
