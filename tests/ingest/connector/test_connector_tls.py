"""TLS: who is spoken to, and that nobody between us can take a part of the conversation for himself."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest.connector.messages import Failed, Failure, Security, SignedIn
from tests.support.connecting import Core, connector, failure
from tests.support.liar_server import Command, Honest, Server, Talk

REFUSED = ["self-signed", "expired", "another name", "another authority", "no authority"]
WAYS = [Security.TLS, Security.STARTTLS]


@dataclass(frozen=True)
class Identity:
    """A self-signed certificate; given as `ca` it is its own authority."""

    pem: bytes
    pin: str
    context: ssl.SSLContext


def identity(folder: Path, *, name: str = "localhost", expired: bool = False) -> Identity:
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=-1 if expired else 9))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding
    pem = certificate.public_bytes(encoding.PEM)
    path = folder / f"{name}-{expired}.pem"
    private = serialization.PrivateFormat.PKCS8
    path.write_bytes(pem + key.private_bytes(encoding.PEM, private, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return Identity(pem, hashlib.sha256(certificate.public_bytes(encoding.DER)).hexdigest(), context)


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("tls"), expired=True)


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("tls"), name="mail.example.org")


def behind(server: Server, who: Identity, way: Security) -> None:
    server.script = Honest(
        b"IMAP4rev1 STARTTLS AUTH=PLAIN", tls=who.context, implicit_tls=way is Security.TLS
    )
    server.heard.clear()


@pytest.mark.parametrize("way", WAYS)
def test_the_right_certificate_is_accepted(server: Server, core: Core, mine: Identity, way: Security) -> None:
    behind(server, mine, way)
    reply = core.sign_in(security=way, ca=mine.pem)
    assert isinstance(reply, SignedIn)
    assert reply.address == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("which", REFUSED)
def test_any_other_is_refused_before_a_credential_is_told(
    server: Server,
    core: Core,
    mine: Identity,
    expired: Identity,
    another: Identity,
    way: Security,
    which: str,
) -> None:
    shown, ca = {
        "self-signed": (mine, None),
        "expired": (expired, expired.pem),
        "another name": (another, another.pem),
        "another authority": (mine, another.pem),
        "no authority": (mine, b"not a certificate"),
    }[which]
    behind(server, shown, way)
    reply = core.sign_in(security=way, ca=ca)
    assert isinstance(reply, Failed)
    assert reply.failure is Failure.TLS
    assert "\n" not in reply.what
    expected = {"self-signed": "self-signed", "expired": "expired", "another name": "not valid for"}
    assert expected.get(which, "") in reply.what
    assert {line.split()[1] for line in server.heard} <= {b"CAPABILITY", b"STARTTLS"}


@pytest.mark.parametrize("way", WAYS)
def test_a_pin_alone_decides(
    server: Server, core: Core, mine: Identity, expired: Identity, another: Identity, way: Security
) -> None:
    for who in (mine, expired, another):  # the owner looked at it: neither authority, name nor date is asked
        behind(server, who, way)
        assert isinstance(core.sign_in(security=way, pin=who.pin), SignedIn)
    colons = ":".join(another.pin[i : i + 2] for i in range(0, 64, 2)).upper()
    assert isinstance(core.sign_in(security=way, pin=colons), SignedIn)
    reply = core.sign_in(security=way, pin=mine.pin)
    assert isinstance(reply, Failed)
    assert reply.failure is Failure.TLS
    assert another.pin in reply.what  # for the owner to compare


def test_with_pin_and_authority_both_must_hold(
    server: Server, core: Core, mine: Identity, another: Identity
) -> None:
    behind(server, mine, Security.TLS)
    assert isinstance(core.sign_in(security=Security.TLS, pin=mine.pin, ca=mine.pem), SignedIn)
    assert failure(core.sign_in(security=Security.TLS, pin=mine.pin, ca=another.pem)) is Failure.TLS
    assert failure(core.sign_in(security=Security.TLS, pin=another.pin, ca=mine.pem)) is Failure.TLS


def test_what_was_said_in_the_clear_after_starttls_is_refused(
    server: Server, core: Core, mine: Identity
) -> None:
    def injects(talk: Talk, command: Command) -> None:
        talk.say(command.tag + b" OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
        talk.secure(mine.context)

    server.script = Honest(b"IMAP4rev1 STARTTLS", tls=mine.context).lying("STARTTLS", injects)
    server.heard.clear()
    reply = core.sign_in(security=Security.STARTTLS, ca=mine.pem)
    assert isinstance(reply, Failed)
    assert reply.failure is Failure.TLS
    assert "clear" in reply.what
    assert {line.split()[1] for line in server.heard} == {b"CAPABILITY", b"STARTTLS"}


@pytest.mark.parametrize("said", [b" NO not today\r\n", b" BAD what\r\n"])
def test_starttls_refused_is_no_reason_to_go_on_in_the_clear(
    server: Server, core: Core, mine: Identity, said: bytes
) -> None:
    server.script = Honest(b"IMAP4rev1 STARTTLS").lying(
        "STARTTLS", lambda talk, command: talk.say(command.tag + said)
    )
    server.heard.clear()
    assert failure(core.sign_in(security=Security.STARTTLS, ca=mine.pem)) is Failure.TLS
    assert {line.split()[1] for line in server.heard} == {b"CAPABILITY", b"STARTTLS"}


def test_capabilities_from_before_tls_do_not_count(server: Server, core: Core, mine: Identity) -> None:
    told = iter([b"IMAP4rev1 STARTTLS LOGINDISABLED FORGED", b"IMAP4rev1", b"IMAP4rev1"])

    def capability(talk: Talk, command: Command) -> None:
        talk.say(b"* CAPABILITY " + next(told) + b"\r\n" + command.tag + b" OK done\r\n")

    server.script = Honest(tls=mine.context).lying("CAPABILITY", capability)
    reply = core.sign_in(security=Security.STARTTLS, ca=mine.pem)
    assert isinstance(reply, SignedIn)
    assert reply.capabilities == ("IMAP4REV1",)


def test_an_old_tls_is_refused(server: Server, core: Core, mine: Identity, tmp_path: Path) -> None:
    old = identity(tmp_path)
    old.context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.deprecated_call():
        old.context.minimum_version = old.context.maximum_version = ssl.TLSVersion.TLSv1_1
    behind(server, old, Security.TLS)
    assert failure(core.sign_in(security=Security.TLS, ca=old.pem)) is Failure.TLS


def test_another_protocol_than_tls_is_refused_in_time(server: Server, core: Core) -> None:
    server.script = Honest()
    assert failure(core.sign_in(security=Security.TLS)) is Failure.TLS
    server.script = lambda talk: (talk.line(), None)[1]
    assert failure(core.sign_in(security=Security.TLS, timeout_s=0.5)) is Failure.TIMEOUT


@pytest.fixture
def by_name(server: Server) -> Iterator[Core]:
    with connector(server.port, "localhost") as started:
        yield started


def test_the_name_is_that_of_the_account_not_of_what_answers(
    server: Server, by_name: Core, mine: Identity, another: Identity
) -> None:
    behind(server, mine, Security.TLS)
    assert isinstance(by_name.sign_in(security=Security.TLS, ca=mine.pem), SignedIn)
    behind(server, another, Security.TLS)
    assert failure(by_name.sign_in(security=Security.TLS, ca=another.pem)) is Failure.TLS
