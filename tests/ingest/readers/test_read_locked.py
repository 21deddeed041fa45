"""Documents that a password protects: opened with it, refused without."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
import zlib
from dataclasses import dataclass
from importlib import import_module

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msoffcrypto.format.ooxml import OOXMLFile

from ingest.readers.samples import documents, opendocument, pack
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply

SAMPLES = dict(documents())
PASSWORD = "Mühle 7"
ODF = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
LOEXT = "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0"


def opened(content: bytes, password: str | None) -> Reply:
    return read(io.BytesIO(content), Job(name="a", password=password), io.BytesIO())


def office(content: bytes, password: str) -> bytes:
    larger, out = io.BytesIO(content), io.BytesIO()
    with zipfile.ZipFile(larger, "a") as package:  # msoffcrypto writes nothing readable below 4 KiB
        package.writestr("docProps/thumbnail.jpeg", os.urandom(8000))
    OOXMLFile(larger).encrypt(password, out)
    return out.getvalue()


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx"])
def test_office_packages(name: str) -> None:
    locked = office(SAMPLES[name], PASSWORD)
    plain = opened(SAMPLES[name], None)
    reply = opened(locked, PASSWORD)
    assert (reply.media_type, reply.elements) == (plain.media_type, plain.elements)
    without, wrong = opened(locked, None), opened(locked, "wrong")
    assert (without.reason, without.detail) == ("NEEDS_PASSWORD", "it is protected by a password")
    assert (wrong.reason, wrong.detail) == ("NEEDS_PASSWORD", "the password does not open it")


def test_what_excel_opens_by_itself_needs_no_password() -> None:
    assert opened(office(SAMPLES["a.xlsx"], "VelvetSweatshop"), None).elements


def test_hashing_without_end_is_refused() -> None:
    locked = office(SAMPLES["a.xlsx"], PASSWORD)
    endless = locked.replace(b'spinCount="100000" ', b'spinCount="9999999"')
    assert endless != locked
    assert opened(endless, PASSWORD).reason == "ENCRYPTED"


@dataclass(frozen=True)
class Scheme:
    """One way in which programs have locked OpenDocument files."""

    cipher: str
    start: str
    size: int
    derivation: str = "PBKDF2"


AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
SHA256 = "http://www.w3.org/2000/09/xmldsig#sha256"
ARGON = "urn:org:documentfoundation:names:experimental:office:manifest:argon2id"
SCHEMES = [
    Scheme("Blowfish CFB", "SHA1", 16),  # OpenOffice until 3.3
    Scheme(AES, SHA256, 32),  # LibreOffice until 24.2
    Scheme(GCM, SHA256, 32, ARGON),  # after that
]


def sealed(data: bytes, scheme: Scheme, password: str) -> tuple[bytes, str]:
    """(ciphertext, its entry in the manifest)."""
    salt, vector = os.urandom(16), os.urandom({AES: 16, GCM: 12}.get(scheme.cipher, 8))
    start = hashlib.new("sha256" if scheme.start == SHA256 else "sha1", password.encode()).digest()
    if scheme.derivation == ARGON:
        argon = import_module("cryptography.hazmat.primitives.kdf.argon2").Argon2id
        key = argon(salt=salt, length=32, iterations=1, lanes=1, memory_cost=1024).derive(start)
    else:
        key = hashlib.pbkdf2_hmac("sha1", start, salt, 1024, scheme.size)
    if scheme.cipher == GCM:
        secret = vector + AESGCM(key).encrypt(vector, data, None)
    elif scheme.cipher == AES:
        padding = 16 - len(data) % 16
        encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
        secret = encryptor.update(data + bytes(padding - 1) + bytes([padding])) + encryptor.finalize()
    else:
        blowfish = import_module("cryptography.hazmat.decrepit.ciphers.algorithms").Blowfish(key)
        mode = import_module("cryptography.hazmat.decrepit.ciphers.modes").CFB(vector)
        encryptor = Cipher(blowfish, mode).encryptor()
        secret = encryptor.update(data) + encryptor.finalize()

    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    digest = hashlib.new("sha256" if scheme.start == SHA256 else "sha1", data[:1024]).digest()
    check = "" if scheme.cipher == GCM else f'm:checksum-type="{scheme.start}/1K" m:checksum="{text(digest)}"'
    rounds = (
        'l:argon2-iterations="1" l:argon2-memory="1024" l:argon2-lanes="1"'
        if scheme.derivation == ARGON
        else 'm:iteration-count="1024"'
    )
    return secret, (
        f'<m:encryption-data {check}><m:algorithm m:algorithm-name="{scheme.cipher}"'
        f' m:initialisation-vector="{text(vector)}"/><m:start-key-generation'
        f' m:start-key-generation-name="{scheme.start}" m:key-size="20"/><m:key-derivation'
        f' m:key-derivation-name="{scheme.derivation}" m:key-size="{scheme.size}" {rounds}'
        f' m:salt="{text(salt)}"/></m:encryption-data>'
    )


def locked_text(scheme: Scheme, password: str) -> bytes:
    plain = opendocument("<text:p>a secret of the house</text:p>")
    if scheme.derivation == ARGON:  # the package as a whole
        secrets = {"encrypted-package": plain}
    else:
        with zipfile.ZipFile(io.BytesIO(plain)) as package:
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            secrets = {"content.xml": packer.compress(package.read("content.xml")) + packer.flush()}
    members: dict[str, str | bytes] = {"mimetype": "application/vnd.oasis.opendocument.text"}
    entries = ""
    for name, data in secrets.items():
        members[name], entry = sealed(data, scheme, password)
        entries += f'<m:file-entry m:full-path="{name}">{entry}</m:file-entry>'
    manifest = f'<m:manifest xmlns:m="{ODF}" xmlns:l="{LOEXT}">{entries}</m:manifest>'
    return pack({**members, "META-INF/manifest.xml": manifest})


@pytest.mark.parametrize("scheme", SCHEMES, ids=["blowfish", "aes", "argon"])
def test_opendocument(scheme: Scheme) -> None:
    locked = locked_text(scheme, PASSWORD)
    assert [element.text for element in opened(locked, PASSWORD).elements] == ["a secret of the house"]
    assert opened(locked, None).reason == "NEEDS_PASSWORD"
    wrong = opened(locked, "wrong")
    assert (wrong.reason, wrong.detail) == ("NEEDS_PASSWORD", "the password does not open it")


def test_a_scheme_that_asks_for_too_much_is_refused() -> None:
    locked = locked_text(SCHEMES[1], PASSWORD)
    with zipfile.ZipFile(io.BytesIO(locked)) as package:
        members = {name: package.read(name) for name in package.namelist()}
    endless = members["META-INF/manifest.xml"].replace(b'count="1024"', b'count="900000000"')
    assert opened(pack({**members, "META-INF/manifest.xml": endless}), PASSWORD).reason == "ENCRYPTED"
