"""Encrypts an Office file with a password, as Word does it: ECMA-376 standard encryption (AES-128, SHA-1,
50,000 rounds; [MS-OFFCRYPTO] 2.3.4), in its compound file. The salt is fixed: this protects nothing.
"""

from __future__ import annotations

import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.support.office.cfb import container

_SALT = b"orchard lighting"
_AES_128, _SHA_1, _FLAGS, _PROVIDER = 0x660E, 0x8004, 0x24, 0x18


def encrypted(package: bytes, password: str) -> bytes:
    """The compound file that Word writes in place of `package`."""
    key = _key(password)
    verifier = b"sixteen letters."
    name = "Microsoft Enhanced RSA and AES Cryptographic Provider\0".encode("utf-16-le")
    header = struct.pack("<IIIIIIII", _FLAGS, 0, _AES_128, _SHA_1, 128, _PROVIDER, 0, 0) + name
    check = hashlib.sha1(verifier, usedforsecurity=False).digest()
    info = struct.pack("<HHII", 4, 2, _FLAGS, len(header)) + header
    info += struct.pack("<I", 16) + _SALT + _aes(key, verifier) + struct.pack("<I", 20) + _aes(key, check)
    body = struct.pack("<Q", len(package)) + _aes(key, package)
    return container({"EncryptionInfo": info, "EncryptedPackage": body})


def _key(password: str) -> bytes:
    digest = hashlib.sha1(_SALT + password.encode("utf-16-le"), usedforsecurity=False).digest()
    for number in range(50_000):
        digest = hashlib.sha1(struct.pack("<I", number) + digest, usedforsecurity=False).digest()
    digest = hashlib.sha1(digest + struct.pack("<I", 0), usedforsecurity=False).digest()
    inner = bytes(a ^ 0x36 for a in digest.ljust(64, b"\0"))
    return hashlib.sha1(inner, usedforsecurity=False).digest()[:16]


def _aes(key: bytes, data: bytes) -> bytes:
    machine = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return machine.update(data + bytes(-len(data) % 16)) + machine.finalize()
