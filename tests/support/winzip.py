"""Writes locked zips: the old cipher (APPNOTE 6.1) and WinZip's AES (AE-1, AE-2), by their papers."""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def locked_zip(
    files: dict[str, bytes], password: str, lock: str, unlocked: dict[str, bytes] | None = None
) -> bytes:
    """A zip.

    Args:
        files: path -> content of what is locked.
        lock: "zipcrypto", "aes1" to "aes3"; behind it "stored" (not packed) or "v1" (with its checksum).
        unlocked: what is not.
    """
    locals_, table = b"", b""
    members = [(path, content, lock) for path, content in files.items()]
    members += [(path, content, "none") for path, content in (unlocked or {}).items()]
    for path, content, how in members:
        kind, _, more = how.partition(" ")
        packer = zlib.compressobj(wbits=-15)
        packed = content if more == "stored" else packer.compress(content) + packer.flush()
        method, crc, extra = 0 if more == "stored" else 8, zlib.crc32(content), b""
        if kind == "zipcrypto":
            packed = _old(packed, password.encode(), crc)
        elif kind != "none":
            version, strength = 1 if more == "v1" else 2, int(kind[-1])
            extra = struct.pack("<HHH2sBH", 0x9901, 7, version, b"AE", strength, method)
            packed = _aes(packed, password.encode(), strength)
            method, crc = 99, crc if version == 1 else 0
        name = path.encode()
        flags = 0x800 | (0 if kind == "none" else 1)
        facts = struct.pack(
            "<HHHHHIIIHH",
            *(51, flags, method, 0, 33, crc, len(packed), len(content), len(name), len(extra)),
        )
        table += b"PK\1\2" + struct.pack("<H", 51) + facts
        table += struct.pack("<HHHII", 0, 0, 0, 0, len(locals_)) + name + extra
        locals_ += b"PK\3\4" + facts + name + extra + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(table), len(locals_), 0)
    return locals_ + table + b"PK\5\6" + end


def _old(data: bytes, password: bytes, crc: int) -> bytes:
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc32(key: int, byte: int) -> int:
        return zlib.crc32(bytes((byte,)), key ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def turn(byte: int) -> None:
        keys[0] = crc32(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) % (1 << 32)
        keys[2] = crc32(keys[2], keys[1] >> 24)

    for byte in password:
        turn(byte)
    out = bytearray()
    for byte in b"eleven byte" + bytes((crc >> 24,)) + data:
        temporary = keys[2] & 0xFFFF | 2
        out.append(byte ^ (temporary * (temporary ^ 1) >> 8 & 0xFF))
        turn(byte)
    return bytes(out)


def _aes(data: bytes, password: bytes, strength: int) -> bytes:
    key_bytes = 8 + 8 * strength
    salt = bytes(range(4 + 4 * strength))
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, 1000, 2 * key_bytes + 2)
    out = b""
    for number in range(-(-len(data) // 16)):
        cipher = Cipher(algorithms.AES(keys[:key_bytes]), modes.ECB()).encryptor()
        stream = cipher.update((number + 1).to_bytes(16, "little"))
        block = data[16 * number : 16 * number + 16]
        out += bytes(a ^ b for a, b in zip(block, stream, strict=False))
    code = hmac.new(keys[key_bytes : 2 * key_bytes], out, "sha1").digest()[:10]
    return salt + keys[-2:] + out + code
