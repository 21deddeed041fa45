"""Opens office documents that a password protects: in memory, with the owner's password or Excel's default.

Office's schemes are `msoffcrypto`'s; those of OpenDocument are few enough to stand here, over `cryptography`.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from base64 import b64decode
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from xml.parsers.expat import ExpatError

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from ingest.readers.containers import olefile
from ingest.readers.draft import Document
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.package import ERRORS, Package, local

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKAGE, _WORKBOOK = "EncryptedPackage", "Workbook"
_DEFAULT = (
    "VelvetSweatshop"  # what Excel tries by itself: such a file is only "protected", and opens without asking
)
_SPIN = re.compile(rb'spinCount="(\d+)"')
_SPINS = 1_000_000  # rounds of hashing a password; Office makes 100,000
_INFO_BYTES = 65_536
_OLD_BYTES = 32 * 1024 * 1024  # msoffcrypto takes tens of bytes for each of an old workbook
_ROUNDS = 2_000_000
_ARGON_KIB, _ARGON_ROUNDS, _ARGON_LANES = 256 * 1024, 10, 16
_UNPACKED = 128 * 1024 * 1024
_PARTS = ("content.xml", "styles.xml", "meta.xml")
_OBJECTS = re.compile(r"[^/]+/content\.xml")
_OBJECT_COUNT = 30
_DAMAGE = (
    *(
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
        ArithmeticError,
        struct.error,
    ),
    ExpatError,
)
_UNKNOWN_SCHEME = "it is protected in a way that no password opens here"


def unlocked(document: Document) -> Document:
    """The document itself; of one of Office's that a password protects, what the password opens.

    Raises:
        UnreadableDocument: no password was given, a wrong one, or none would help.
    """
    if not document.head.startswith(_OLE):
        return document
    content = document.content()
    try:
        with olefile().OleFileIO(io.BytesIO(content)) as ole:
            info = ole.openstream("EncryptionInfo").read() if ole.exists(_PACKAGE) else b""
            old = not info and ole.exists(_WORKBOOK)
    except (*_DAMAGE, RecursionError):
        return document  # whoever reads it will say what is wrong
    if not info and not (old and _is_locked(content)):
        return document
    if _is_unfit(info):
        raise UnreadableDocument(Why.ENCRYPTED, _UNKNOWN_SCHEME)
    if old and len(content) > _OLD_BYTES:
        raise UnreadableDocument(Why.TOO_LARGE, "it is protected by a password and too large to be opened")
    for password in filter(None, (document.job.password, _DEFAULT)):
        plain = _decrypted(content, password)
        if plain is not None:
            return Document.open(io.BytesIO(plain), document.job, document.limits)
    raise _refusal(document.job.password)


def _refusal(password: str | None) -> UnreadableDocument:
    return UnreadableDocument(
        Why.NEEDS_PASSWORD,
        "the password does not open it" if password else "it is protected by a password",
    )


def _is_unfit(info: bytes) -> bool:
    """Whether the description of how a package is protected is none that may be followed."""
    spins = _SPIN.findall(info)
    return (
        len(info) > _INFO_BYTES or b"<!" in info or any(len(spin) > 9 or int(spin) > _SPINS for spin in spins)
    )


@cache
def _crypto() -> Any:
    """The one place that imports msoffcrypto; what it keeps in temporary files is kept in memory."""
    crypto = import_module("msoffcrypto")
    module = import_module("msoffcrypto.format.xls97")
    module.__dict__["tempfile"] = SimpleNamespace(TemporaryFile=io.BytesIO)
    return crypto


def _is_locked(content: bytes) -> bool:
    try:
        return bool(_crypto().OfficeFile(io.BytesIO(content)).is_encrypted())
    except _DAMAGE:
        return False
    except _office_errors("FileFormatError", "ParseError"):
        return False


def _office_errors(*names: str) -> tuple[type[Exception], ...]:
    errors = import_module("msoffcrypto.exceptions")
    return tuple(getattr(errors, name) for name in names)


def _decrypted(content: bytes, password: str) -> bytes | None:
    """An Office file without its protection; None where this password does not open it."""
    plain = io.BytesIO()
    wrong = _office_errors("InvalidKeyError")
    unknown = _office_errors("FileFormatError", "ParseError", "DecryptionError")
    try:
        office = _crypto().OfficeFile(io.BytesIO(content))
        if office.format == "ooxml":
            office.load_key(password=password, verify_password=True)
        else:
            office.load_key(password=password)
        office.decrypt(plain)
    except wrong:
        return None
    except unknown as error:
        raise UnreadableDocument(Why.ENCRYPTED, _UNKNOWN_SCHEME) from error
    except _DAMAGE as error:
        raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error
    return plain.getvalue()


@dataclass(frozen=True)
class _Scheme:
    """How one part of an OpenDocument file is encrypted."""

    cipher: str
    vector: bytes
    derivation: str
    salt: bytes
    rounds: int
    memory: int  # KiB
    lanes: int
    size: int  # of the key
    start: str  # what the password is hashed by at first
    checksum: bytes
    checked: str  # by which hash, of the first KiB


def opened(package: Package, manifest: etree._Element, password: str | None) -> Package:
    """An OpenDocument package with its parts decrypted; the same one where nothing in it is encrypted.

    Raises:
        UnreadableDocument: as `unlocked`.
    """
    schemes = {
        entry.get(_attribute(entry, "full-path"), ""): data
        for entry in manifest.iter("{*}file-entry")
        if (data := next(entry.iter("{*}encryption-data"), None)) is not None
    }
    if not schemes:
        return package
    if not password:
        raise _refusal(None)
    if "encrypted-package" in schemes:  # LibreOffice from 24.8 on encrypts the package as a whole
        return Package(
            io.BytesIO(_part(package, "encrypted-package", schemes["encrypted-package"], password))
        )
    plain = io.BytesIO()
    objects = [name for name in schemes if _OBJECTS.fullmatch(name)][:_OBJECT_COUNT]
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as out:
        for name in (*_PARTS, *objects):
            if name in schemes:
                out.writestr(name, _part(package, name, schemes[name], password))
            elif name in package:
                out.writestr(name, package.read(name))
    return Package(plain)


def _attribute(element: etree._Element, name: str) -> str:
    return next((str(key) for key in element.attrib if str(key).rpartition("}")[2] == name), "")


def _part(package: Package, name: str, data: etree._Element, password: str) -> bytes:
    """One part, decrypted and unpacked."""
    try:
        scheme = _scheme(data)
        packed = _plain(package.read(name), scheme, _key(scheme, password))
        if packed is None or (scheme.checked and _hash(scheme.checked, packed[:1024]) != scheme.checksum):
            raise _refusal(password)
        if packed.startswith(b"PK"):
            return packed
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        content = unpacking.decompress(packed, _UNPACKED)
    except (*ERRORS, ValueError) as error:
        raise _refusal(password) from error
    if unpacking.unconsumed_tail:
        raise UnreadableDocument(Why.TOO_LARGE, "it unpacks to more than is allowed")
    return content


def _scheme(data: etree._Element) -> _Scheme:
    """What the manifest says of a part.

    Raises:
        UnreadableDocument: a scheme that is not known, or that asks for more work than is allowed.
        ValueError: it is no scheme.
    """
    said: dict[str, str] = {}
    for element in data.iter():
        prefix = "start-" if local(element) == "start-key-generation" else ""
        for key, value in element.attrib.items():
            said[prefix + str(key).rpartition("}")[2]] = str(value)
    scheme = _Scheme(
        cipher=said.get("algorithm-name", "").lower(),
        vector=b64decode(said.get("initialisation-vector", "")),
        derivation=said.get("key-derivation-name", "").lower(),
        salt=b64decode(said.get("salt", "")),
        rounds=int(said.get("iteration-count") or said.get("argon2-iterations") or 0),
        memory=int(said.get("argon2-memory", "0")),
        lanes=int(said.get("argon2-lanes", "1")),
        size=int(said.get("key-size", "16")),
        start=said.get("start-start-key-generation-name", "sha1").lower(),
        checksum=b64decode(said.get("checksum", "")),
        checked=said.get("checksum-type", "").lower(),
    )
    argon = "argon2" in scheme.derivation
    too_much = scheme.rounds > (_ARGON_ROUNDS if argon else _ROUNDS) or scheme.memory > _ARGON_KIB
    if too_much or scheme.lanes > _ARGON_LANES or scheme.size not in (16, 24, 32) or scheme.rounds < 1:
        raise UnreadableDocument(Why.ENCRYPTED, _UNKNOWN_SCHEME)
    return scheme


def _hash(name: str, data: bytes) -> bytes:
    return hashlib.sha256(data).digest() if "256" in name else hashlib.sha1(data).digest()


def _key(scheme: _Scheme, password: str) -> bytes:
    start = _hash(scheme.start, password.encode("utf-8"))
    if "argon2" in scheme.derivation:
        argon = import_module("cryptography.hazmat.primitives.kdf.argon2").Argon2id
        deriving = argon(
            salt=scheme.salt,
            length=scheme.size,
            iterations=scheme.rounds,
            lanes=scheme.lanes,
            memory_cost=scheme.memory,
        )
        key: bytes = deriving.derive(start)
        return key
    return hashlib.pbkdf2_hmac("sha1", start, scheme.salt, scheme.rounds, scheme.size)


def _plain(data: bytes, scheme: _Scheme, key: bytes) -> bytes | None:
    """Decrypted bytes, still packed; None where the key is shown to be wrong."""
    if scheme.cipher.endswith("gcm"):
        sealed = data.removeprefix(scheme.vector) if scheme.vector else data[12:]
        try:
            return AESGCM(key).decrypt(scheme.vector or data[:12], sealed, None)
        except InvalidTag:
            return None
    if "blowfish" in scheme.cipher:
        decrepit = import_module("cryptography.hazmat.decrepit.ciphers")
        old = import_module(f"{decrepit.__name__}.algorithms").Blowfish(key)
        mode = import_module(f"{decrepit.__name__}.modes").CFB(scheme.vector)
        return _stream(Cipher(old, mode), data)
    if not scheme.cipher.endswith("cbc"):
        raise UnreadableDocument(Why.ENCRYPTED, _UNKNOWN_SCHEME)
    padded = _stream(Cipher(algorithms.AES(key), modes.CBC(scheme.vector)), data)
    padding = padded[-1] if padded else 0
    return padded[:-padding] if 1 <= padding <= 16 else None


def _stream(cipher: Cipher[Any], data: bytes) -> bytes:
    decryptor = cipher.decryptor()
    return bytes(decryptor.update(data) + decryptor.finalize())
