"""The locks of zip archives: the old stream cipher and WinZip's AES. How 7z locks, `archives_coders.py` says.

Sources: PKWARE's APPNOTE 6.3.10 §6.1; WinZip's "AES Encryption Information" (AE-1, AE-2).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ingest.packed import Damaged
from ingest.readers.archives_member import Locked

_AES_ROUNDS, _AES_CODE = 1000, 10
_BLOCK = 16
_HEADER = 12


def spellings(password: str) -> list[bytes]:
    """A password as bytes, in the ways in which archivers write it."""
    return list(dict.fromkeys(password.encode(each, "replace") for each in ("utf-8", "cp1252", "cp437")))


def open_zipcrypto(packed: Iterable[bytes], password: str | None, check: int) -> Iterator[bytes]:
    """Undo the cipher of old zips.

    Args:
        check: what the last byte of its header must be: of 256 wrong passwords one passes.

    Raises:
        Locked, Damaged
    """
    source = iter(packed)
    header, rest = _first(source, _HEADER)
    for each in spellings(password) if password is not None else ():
        decrypt = _zipcrypto(each)
        if decrypt(header)[-1] == check:
            if rest:
                yield decrypt(rest)
            yield from map(decrypt, source)
            return
    raise Locked(given=password is not None)


@cache
def _crc_table() -> list[int]:
    return [zlib.crc32(bytes((n,)), 0xFFFFFFFF) ^ 0xFFFFFFFF for n in range(256)]


def _zipcrypto(password: bytes) -> Callable[[bytes], bytes]:
    table = _crc_table()
    key0, key1, key2 = 0x12345678, 0x23456789, 0x34567890

    def turn(byte: int) -> None:
        nonlocal key0, key1, key2
        key0 = (key0 >> 8) ^ table[(key0 ^ byte) & 0xFF]
        key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        key2 = (key2 >> 8) ^ table[(key2 ^ (key1 >> 24)) & 0xFF]

    def decrypt(data: bytes) -> bytes:
        nonlocal key0, key1, key2
        k0, k1, k2 = key0, key1, key2
        out = bytearray(data)
        for at, byte in enumerate(data):
            k = k2 | 2
            byte ^= ((k * (k ^ 1)) >> 8) & 0xFF
            out[at] = byte
            k0 = (k0 >> 8) ^ table[(k0 ^ byte) & 0xFF]
            k1 = ((k1 + (k0 & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
            k2 = (k2 >> 8) ^ table[(k2 ^ (k1 >> 24)) & 0xFF]
        key0, key1, key2 = k0, k1, k2
        return bytes(out)

    for byte in password:
        turn(byte)
    return decrypt


def open_aes(packed: Iterable[bytes], password: str | None, strength: int) -> Iterator[bytes]:
    """Undo WinZip's AES.

    Args:
        strength: 1, 2 or 3, for keys of 128, 192 or 256 bits.

    Raises:
        Locked
        Damaged: cut off, or its authentication code is wrong; what came before is not to be trusted.
    """
    if strength not in (1, 2, 3):
        raise Damaged
    salt_bytes, key_bytes = 4 + 4 * strength, 8 + 8 * strength
    source = iter(packed)
    head, rest = _first(source, salt_bytes + 2)
    salt, verifier = head[:salt_bytes], head[salt_bytes:]
    for each in spellings(password) if password is not None else ():
        keys = hashlib.pbkdf2_hmac("sha1", each, salt, _AES_ROUNDS, 2 * key_bytes + 2)
        if keys[-2:] == verifier:
            break
    else:
        raise Locked(given=password is not None)
    seal = hmac.new(keys[key_bytes:-2], digestmod="sha1")
    cipher = Cipher(algorithms.AES(keys[:key_bytes]), modes.ECB()).encryptor()
    counter = 1
    while True:
        whole = (len(rest) - _AES_CODE) // _BLOCK * _BLOCK
        data = next(source, b"")
        if not data:  # the end: what is left but the code
            whole = len(rest) - _AES_CODE
        if whole < 0 and not data:
            raise Damaged
        if whole > 0:
            blocks = -(-whole // _BLOCK)
            seal.update(rest[:whole])
            yield _crossed(rest[:whole], cipher.update(_counters(counter, blocks)))
            counter += blocks
            rest = rest[whole:]
        if not data:
            break
        rest += data
    if not hmac.compare_digest(seal.digest()[:_AES_CODE], rest):
        raise Damaged


def _counters(first: int, count: int) -> bytes:
    """Blocks to make a key stream of: they count with the lowest byte first, as no library's mode does."""
    return b"".join(struct.pack("<QQ", number, 0) for number in range(first, first + count))


def _crossed(data: bytes, stream: bytes) -> bytes:
    length = len(data)
    return (int.from_bytes(data) ^ int.from_bytes(stream[:length])).to_bytes(length)


def _first(source: Iterator[bytes], count: int) -> tuple[bytes, bytes]:
    """The first bytes, and what came with them."""
    data = b""
    while len(data) < count:
        more = next(source, b"")
        if not more:
            raise Damaged
        data += more
    return data[:count], data[count:]
