"""The keys file and what unfolds from it: passphrase → master key → one sub-key for each purpose.

    passphrase ──Argon2id──▶ key-encryption key ──unwraps──▶ master key ──HKDF-SHA256──▶ sub-keys

The master key is random and never changes, so a new passphrase rewrites one small file and no data.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from policy.redact import Private
from store.durable import disk_errors, replace_atomically
from store.errors import KeysDamaged, NewerHome, NoHome, StoreError, WrongPassphrase

FORMAT = 1
KEY_BYTES = 32
_NONCE_BYTES = 12
_MAX_MEMORY_KIB = 4 * 1024 * 1024  # a keys file from elsewhere must not be able to take the machine down
_MAX_PASSES = 64
_MAX_LANES = 64


class KdfParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of one guess at the passphrase (Argon2id, RFC 9106). The default takes over half a second."""

    memory_kib: int = 256 * 1024
    passes: int = 4
    lanes: int = 2


class _Wrapping(msgspec.Struct, frozen=True, kw_only=True):
    """The master key as it lies on disk. Bytes are base64 in the JSON."""

    format: int
    vault: str  # 32 hex digits, random: tells one home from another, and is the salt of every sub-key
    kdf: KdfParameters
    salt: bytes
    nonce: bytes
    wrapped: bytes


class _KeysFile(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapping and its SHA-256, which tells a damaged file from a wrong passphrase. It is no defence
    against a forger (the authenticated wrapping is), only an honest message after a bad disk.
    """

    keys: msgspec.Raw
    sha256: str


class Keys:
    """The open keys of one home. Every sub-key depends on the master key, the vault's id and its purpose."""

    def __init__(self, vault: str, master: Private[bytes]) -> None:
        self.vault = vault
        self._master = master
        self.catalog = self._derive("catalog")
        self.identity = self._derive("identity")  # names blobs: HMAC of the plaintext
        self.snapshots = self._derive("snapshots")
        self.audit = self._derive("audit")
        self.report = self._derive("report")  # seed of the Ed25519 key that signs reports to the owner
        self._epochs: dict[int, Private[bytes]] = {}

    def epoch(self, number: int) -> Private[bytes]:
        """The key that wraps the data keys of items stored in this epoch."""
        if number not in self._epochs:
            self._epochs[number] = self._derive(f"blob epoch {number}")
        return self._epochs[number]

    def _derive(self, purpose: str) -> Private[bytes]:
        # HKDF's info string separates the purposes, so no key is ever used by two algorithms; the vault's id
        # as salt separates homes even if a master key were copied from one to another.
        info = b"strongroom/v1/" + purpose.encode()
        hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=bytes.fromhex(self.vault), info=info)
        return Private(hkdf.derive(self._master.reveal()))


def create_keys(path: Path, passphrase: Private[bytes], kdf: KdfParameters) -> Keys:
    """Draw a new master key, write it wrapped to `path`, and return it open."""
    vault, master = os.urandom(16).hex(), Private(os.urandom(KEY_BYTES))
    _write(path, vault, master, passphrase, kdf)
    return Keys(vault, master)


def open_keys(path: Path, passphrase: Private[bytes]) -> Keys:
    """Unwrap the master key.

    Raises:
        NoHome: there is no keys file.
        WrongPassphrase: one clear error, exit code 77.
        KeysDamaged: the file is not what was written.
        NewerHome: a later version of Strongroom wrote it.
    """
    wrapping = _read(path)
    return Keys(wrapping.vault, _unwrap(wrapping, passphrase))


def change_passphrase(path: Path, old: Private[bytes], new: Private[bytes], kdf: KdfParameters) -> None:
    """Wrap the same master key under a new passphrase. Data and sub-keys stay as they are.

    The file is replaced atomically: at every instant either the old or the new passphrase opens the home.
    """
    wrapping = _read(path)
    _write(path, wrapping.vault, _unwrap(wrapping, old), new, kdf)


def _write(
    path: Path, vault: str, master: Private[bytes], passphrase: Private[bytes], kdf: KdfParameters
) -> None:
    if not passphrase.reveal():
        raise StoreError("the passphrase is empty", remedy="choose a passphrase of at least one character")
    salt, nonce = os.urandom(16), os.urandom(_NONCE_BYTES)
    key = _stretch(passphrase, salt, kdf)
    # The key-encryption key comes from a fresh salt, so it encrypts exactly one message: the nonce cannot
    # repeat under it. The associated data binds what the file claims about itself.
    wrapped = AESGCM(key).encrypt(nonce, master.reveal(), _bound(vault, kdf))
    body = msgspec.json.encode(
        _Wrapping(format=FORMAT, vault=vault, kdf=kdf, salt=salt, nonce=nonce, wrapped=wrapped)
    )
    file = _KeysFile(keys=msgspec.Raw(body), sha256=hashlib.sha256(body).hexdigest())
    with disk_errors():
        replace_atomically(path, msgspec.json.encode(file) + b"\n")


def _read(path: Path) -> _Wrapping:
    with disk_errors():
        if not path.exists():
            raise NoHome(
                "there is no Strongroom home here", item=str(path.parent), remedy="run: strongroom init"
            )
        content = path.read_bytes()
    damaged = KeysDamaged("the keys file is damaged", item=str(path), remedy="restore it from a backup")
    try:
        file = msgspec.json.decode(content, type=_KeysFile)
        body = bytes(file.keys)
        if hashlib.sha256(body).hexdigest() != file.sha256:
            raise damaged
        if msgspec.json.decode(body, type=_Format).format > FORMAT:
            raise NewerHome(
                "this home was made by a newer version", item=str(path), remedy="upgrade Strongroom"
            )
        wrapping = msgspec.json.decode(body, type=_Wrapping)
        bytes.fromhex(wrapping.vault)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise damaged from error
    kdf = wrapping.kdf
    if not (
        0 < kdf.memory_kib <= _MAX_MEMORY_KIB
        and 0 < kdf.passes <= _MAX_PASSES
        and 0 < kdf.lanes <= _MAX_LANES
    ):
        raise damaged
    return wrapping


class _Format(msgspec.Struct):
    format: int


def _unwrap(wrapping: _Wrapping, passphrase: Private[bytes]) -> Private[bytes]:
    key = _stretch(passphrase, wrapping.salt, wrapping.kdf)
    try:
        master = AESGCM(key).decrypt(wrapping.nonce, wrapping.wrapped, _bound(wrapping.vault, wrapping.kdf))
    except (InvalidTag, ValueError):
        raise WrongPassphrase("the passphrase is wrong", remedy="try again; nothing was changed") from None
    return Private(master)


def _stretch(passphrase: Private[bytes], salt: bytes, kdf: KdfParameters) -> bytes:
    argon = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=kdf.passes, lanes=kdf.lanes, memory_cost=kdf.memory_kib
    )
    return argon.derive(passphrase.reveal())


def _bound(vault: str, kdf: KdfParameters) -> bytes:
    return b"strongroom keys\0" + bytes([FORMAT]) + vault.encode() + msgspec.json.encode(kdf)
