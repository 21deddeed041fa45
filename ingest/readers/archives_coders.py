"""The methods of 7z: how a stream was packed, filtered and locked, undone one coder after the other.

Sources: Methods.txt and 7zAes.cpp of the LZMA SDK; the .lzma and LZMA2 formats as liblzma describes them.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ingest.packed import DECODERS, WINDOW_BYTES, Damaged, Inflater, NeedsMemory, unpacked
from ingest.readers.archives_member import Foreign, Locked

_WINDOW_BYTES = 2 * WINDOW_BYTES
_COPY, _LZMA, _LZMA2, _DELTA = b"\0", b"\3\1\1", b"\x21", b"\3"
_DEFLATE, _BZIP2, _ZSTANDARD = b"\4\1\x08", b"\4\2\2", b"\4\xf7\x11\1"
_LOCK = b"\6\xf1\7\1"
_BRANCHES = {  # filters of machine code
    b"\3\3\1\3": lzma.FILTER_X86, b"\4": lzma.FILTER_X86,
    b"\3\3\2\5": lzma.FILTER_POWERPC, b"\5": lzma.FILTER_POWERPC,
    b"\3\3\4\1": lzma.FILTER_IA64, b"\6": lzma.FILTER_IA64,
    b"\3\3\5\1": lzma.FILTER_ARM, b"\7": lzma.FILTER_ARM,
    b"\3\3\7\1": lzma.FILTER_ARMTHUMB, b"\x08": lzma.FILTER_ARMTHUMB,
    b"\3\3\x08\5": lzma.FILTER_SPARC, b"\x09": lzma.FILTER_SPARC,
}  # fmt: skip
_OTHERS = {
    b"\3\3\1\x1b": "BCJ2",
    b"\3\4\1": "PPMd",
    b"\4\1\x09": "Deflate64",
    b"\x0a": "ARM64",
    b"\4\xf7\x11\2": "Brotli",
    b"\4\xf7\x11\4": "LZ4",
}
_CHUNK = 1 << 16
_MOST_ROUNDS = 22  # a power of two: 3 s; 7-Zip takes 19


@dataclass(frozen=True)
class Coder:
    """One method and its settings."""

    method: bytes
    properties: bytes
    inputs: int = 1  # streams that go into it

    @property
    def is_lock(self) -> bool:
        """Whether it takes a password."""
        return self.method == _LOCK


def decoded(
    packed: Iterable[bytes], coders: Sequence[Coder], sizes: Sequence[int], password: str | None
) -> Iterator[bytes]:
    """What went into the last coder.

    Args:
        coders: in the order in which they are undone.
        sizes: how many bytes come out of each.

    Raises:
        Damaged, NeedsMemory, Foreign
        Locked: there is no password. Whether one is right shows only in what comes out.
    """
    pieces = iter(packed)
    for coder, size in zip(coders, sizes, strict=True):
        pieces = _exactly(_undone(coder, pieces, size, password), size)
    yield from pieces


def _exactly(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    while size:
        piece = next(pieces, b"")
        if not piece:
            raise Damaged
        yield piece[:size]
        size -= min(size, len(piece))


def _undone(coder: Coder, pieces: Iterator[bytes], size: int, password: str | None) -> Iterator[bytes]:
    method, properties = coder.method, coder.properties
    if method == _COPY:
        return pieces
    if method == _LZMA:
        return _from_lzma(pieces, properties, size)
    if method == _LZMA2:
        return _from_lzma2(pieces, properties, size)
    if method in _BRANCHES:
        return _filtered(pieces, {"id": _BRANCHES[method]})
    if method == _DELTA and len(properties) == 1:
        return _filtered(pieces, {"id": lzma.FILTER_DELTA, "dist": properties[0] + 1})
    if method == _DEFLATE:
        return unpacked(lambda: Inflater(-15), pieces, many=False)
    if method == _BZIP2:
        return unpacked(bz2.BZ2Decompressor, pieces, many=False)
    if method == _ZSTANDARD:
        return unpacked(DECODERS["zst"], pieces)
    if method == _LOCK:
        return _unlocked(pieces, properties, password)
    raise Foreign(f"the method {_OTHERS.get(method, method.hex())}")


def _from_lzma(pieces: Iterator[bytes], properties: bytes, size: int) -> Iterator[bytes]:
    """Given the header of an .lzma file, which says where the end is: the raw stream does not."""
    if len(properties) != 5:
        raise Damaged
    window = _window(struct.unpack_from("<I", properties, 1)[0], size)
    header = properties[:1] + struct.pack("<IQ", window, size)

    def alone() -> Iterator[bytes]:
        yield header
        yield from pieces

    return unpacked(lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE), alone(), many=False)


def _from_lzma2(pieces: Iterator[bytes], properties: bytes, size: int) -> Iterator[bytes]:
    if len(properties) != 1 or properties[0] > 40:
        raise Damaged
    bits = properties[0]
    window = _window((2 | bits & 1) << (bits // 2 + 11), size)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": window}]
    return unpacked(lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), pieces, many=False)


def _window(claimed: int, size: int) -> int:
    """How much must be kept: never more than all that comes out."""
    window = max(4096, min(claimed, size))
    if window > _WINDOW_BYTES:
        raise NeedsMemory
    return window


def _filtered(pieces: Iterator[bytes], undo: dict[str, int]) -> Iterator[bytes]:
    """Undo a filter. The library undoes one only in front of a method that packs: so it is given LZMA2 that
    does not pack.
    """
    filters = [undo, {"id": lzma.FILTER_LZMA2, "dict_size": 4096}]

    def chunks() -> Iterator[bytes]:
        control = 1  # the first one begins anew
        for piece in pieces:
            for at in range(0, len(piece), _CHUNK):
                chunk = piece[at : at + _CHUNK]
                yield struct.pack(">BH", control, len(chunk) - 1) + chunk
                control = 2
        yield b"\0"

    return unpacked(lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), chunks(), many=False)


def _unlocked(pieces: Iterator[bytes], properties: bytes, password: str | None) -> Iterator[bytes]:
    if password is None:
        raise Locked(given=False)
    if len(properties) < 2:
        raise Damaged
    first, second = properties[:2]
    salt_bytes = (first >> 7) + (second >> 4)
    vector_bytes = (first >> 6 & 1) + (second & 0xF)
    salt, vector = properties[2 : 2 + salt_bytes], properties[2 + salt_bytes :]
    if len(salt) != salt_bytes or len(vector) != vector_bytes or vector_bytes > 16:
        raise Damaged
    key = _key(password, salt, first & 0x3F)
    cipher = Cipher(algorithms.AES(key), modes.CBC(vector.ljust(16, b"\0"))).decryptor()
    for piece in pieces:
        if out := cipher.update(piece):
            yield out


@lru_cache(maxsize=4)
def _key(password: str, salt: bytes, power: int) -> bytes:
    secret = password.encode("utf-16-le", "surrogatepass")
    if power == 0x3F:
        return (salt + secret).ljust(32, b"\0")[:32]
    if power > _MOST_ROUNDS:
        raise Foreign(f"2^{power} rounds of its lock, more than is allowed")
    digest = hashlib.sha256()
    start = salt + secret
    step = min(1 << power, 4096)
    for first in range(0, 1 << power, step):
        digest.update(b"".join(start + number.to_bytes(8, "little") for number in range(first, first + step)))
    return digest.digest()
