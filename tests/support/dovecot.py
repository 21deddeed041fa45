"""A real Dovecot on loopback with a configuration, users and Maildirs of its own, for the tests of mail.

Messages are delivered, moved and removed as files, as a mail server's other half would do it; what the server
then says of them is its own affair.
"""

from __future__ import annotations

import contextlib
import datetime
import grp
import ipaddress
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

PROGRAM = Path("/usr/sbin/dovecot")
USER, PASSWORD = "owner", "open sesame"
PATIENCE_S = 30.0

_CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
{users}
auth_mechanisms = plain login
auth_failure_delay = 0
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {base}/users
}}
userdb {{
  driver = static
  args = {ids}home={base}/mail/%u
}}
mail_location = maildir:~/Maildir:LAYOUT=fs:UTF-8
first_valid_uid = 1
mail_max_userip_connections = 1000
mailbox_list_index = no
mailbox_idle_check_interval = 1 secs
ssl = yes
ssl_cert = <{base}/server.pem
ssl_key = <{base}/server.key
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Junk {{
    special_use = \\Junk
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
}}
service imap-login {{
  {chroot}
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  {chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  {chroot}
}}
service stats {{
  {chroot}
}}
"""


class Dovecot:
    """One server; `dovecot()` starts it.

    Args:
        base: its folder; short, for it holds Unix sockets.
        users: names and passwords.
        expired: its certificate is no longer valid.
        names: what its certificate is for.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        base: Path,
        users: dict[str, str],
        *,
        expired: bool = False,
        names: tuple[str, ...] = ("localhost", "127.0.0.1"),
    ) -> None:
        self.base = base
        self.users = users
        self.plain_port, self.tls_port = _free_ports(2)
        self.ca, self.certificate = _certificates(base, expired=expired, names=names)  # PEM, DER
        self._count = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        base.chmod(0o755)
        for user in users:
            (base / "mail" / user).mkdir(parents=True)
            self.create("INBOX", user)
        (base / "users").write_text("".join(f"{name}:{{PLAIN}}{word}\n" for name, word in users.items()))
        (base / "own.conf").write_text(self._configuration())

    def start(self) -> None:
        """Start it (again), and wait until it greets."""
        command = [str(PROGRAM), "-F", "-c", str(self.base / "own.conf")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + PATIENCE_S
        while not self._greets():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Dovecot does not start:\n{self.log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, and every connection to it."""
        if self._process is None:
            return
        group = self._process.pid  # its own: the master leaves processes with open connections behind
        os.killpg(group, signal.SIGTERM)
        try:
            self._process.wait(PATIENCE_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """End it and start it on the same ports."""
        self.stop()
        self.start()

    def log(self) -> str:
        """What it wrote."""
        path = self.base / "log"
        return path.read_text(errors="replace") if path.exists() else "no log"

    def folder(self, name: str = "INBOX", user: str = USER) -> Path:
        """The Maildir of a folder."""
        root = self.base / "mail" / user / "Maildir"
        return root if name == "INBOX" else root / name

    def create(self, name: str, user: str = USER) -> None:
        """Make a folder; `/` separates levels."""
        for part in ("cur", "new", "tmp"):
            (self.folder(name, user) / part).mkdir(parents=True, exist_ok=True)
        self._own(user)

    def drop(self, name: str, user: str = USER) -> None:
        """Remove a folder with all that is in it."""
        shutil.rmtree(self.folder(name, user))

    def rename(self, name: str, to: str, user: str = USER) -> None:
        """Give a folder another name; UIDs and UIDVALIDITY stay."""
        self.folder(to, user).parent.mkdir(parents=True, exist_ok=True)
        self.folder(name, user).rename(self.folder(to, user))

    def deliver(self, messages: Iterable[bytes], folder: str = "INBOX", user: str = USER) -> list[str]:
        """Put messages into a folder, the first with the lowest UID; the names of their files."""
        box, names = self.folder(folder, user), []
        owner = _mail_user()
        for content in messages:
            name = f"{1_700_000_000 + next(self._count):010d}.M1P1.test"
            arriving = box / "tmp" / name
            arriving.write_bytes(content)
            if owner is not None:
                os.chown(arriving, owner.pw_uid, owner.pw_gid)
            arriving.rename(box / "new" / name)
            names.append(name)
        return names

    def files(self, folder: str = "INBOX", user: str = USER) -> list[Path]:
        """The files of a folder's messages, oldest first."""
        box = self.folder(folder, user)
        return sorted([*(box / "new").iterdir(), *(box / "cur").iterdir()], key=lambda path: path.name)

    def remove(self, name: str, folder: str = "INBOX", user: str = USER) -> None:
        """Remove a message."""
        self._find(name, folder, user).unlink()

    def move(self, name: str, folder: str, to: str, user: str = USER) -> None:
        """Move a message into another folder."""
        self._find(name, folder, user).rename(self.folder(to, user) / "new" / name)

    def change_uidvalidity(self, folder: str = "INBOX", user: str = USER) -> None:
        """Forget all UIDs of a folder: it gets another UIDVALIDITY. Connections to it are ended."""
        self.stop()
        box = self.folder(folder, user)
        for path in box.glob("dovecot*"):
            path.unlink()
        validity = int(time.time()) + next(self._count)
        (box / "dovecot-uidlist").write_text(f"3 V{validity} N1 G{os.urandom(16).hex()}\n")
        self._own(user)
        self.start()

    @contextlib.contextmanager
    def client(self, user: str = USER) -> Iterator[IMAPClient]:
        """A logged-in client, to see with other eyes and to copy, flag and expunge through IMAP."""
        client = IMAPClient(self.host, self.plain_port, ssl=False, timeout=PATIENCE_S)
        try:
            client.login(user, self.users[user])
            yield client
        finally:
            with contextlib.suppress(IMAPClientError, OSError):
                client.logout()

    def uids(self, folder: str = "INBOX", user: str = USER) -> tuple[int, set[int]]:
        """The UIDVALIDITY of a folder and the UIDs in it, as the server tells them."""
        with self.client(user) as client:
            opened = client.select_folder(folder, readonly=True)
            return int(opened[b"UIDVALIDITY"]), set(client.search())

    def _find(self, name: str, folder: str, user: str) -> Path:
        return next(path for path in self.files(folder, user) if path.name.partition(":")[0] == name)

    def _greets(self) -> bool:
        for port in (self.plain_port, self.tls_port):
            try:
                with socket.create_connection((self.host, port), 1.0) as line:
                    if port == self.plain_port and not line.recv(4):
                        return False
            except OSError:
                return False
        return True

    def _own(self, user: str) -> None:
        if (owner := _mail_user()) is None:
            return
        home = self.base / "mail" / user
        for folder, _, files in os.walk(home):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def _configuration(self) -> str:
        if (owner := _mail_user()) is not None:
            users, ids, chroot = "", f"uid={owner.pw_uid} gid={owner.pw_gid} ", ""
        else:  # without root everything runs as whoever runs the test
            name = pwd.getpwuid(os.getuid()).pw_name
            group = grp.getgrgid(os.getgid()).gr_name
            users = f"default_internal_user = {name}\ndefault_internal_group = {group}\n"
            users += f"default_login_user = {name}\n"
            ids, chroot = "", "chroot ="
        ports = {"plain_port": self.plain_port, "tls_port": self.tls_port}
        return _CONFIGURATION.format(base=self.base, users=users, ids=ids, chroot=chroot, **ports)


@contextlib.contextmanager
def dovecot(
    users: dict[str, str] | None = None,
    *,
    expired: bool = False,
    names: tuple[str, ...] = ("localhost", "127.0.0.1"),
) -> Iterator[Dovecot]:
    """A running server, stopped and removed at the end; the test is skipped where there is none to run."""
    if not PROGRAM.exists():
        print("Dovecot is not installed: apt-get install dovecot-imapd")
        pytest.skip("Dovecot is not installed")
    base = Path(tempfile.mkdtemp(prefix="dc-", dir="/tmp"))
    server = Dovecot(base, users or {USER: PASSWORD}, expired=expired, names=names)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)


def _mail_user() -> pwd.struct_passwd | None:
    """Who the mail belongs to: Dovecot lets nobody read mail as root."""
    return pwd.getpwnam("mail") if os.getuid() == 0 else None


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(socket.socket()) for _ in range(count)]
        for line in lines:
            line.bind(("127.0.0.1", 0))
        return [line.getsockname()[1] for line in lines]


def _certificates(base: Path, *, expired: bool, names: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Write the server's certificate and key; return the authority as PEM and the certificate as DER."""
    now = datetime.datetime.now(datetime.UTC)
    begin, end = now - datetime.timedelta(days=30), now + datetime.timedelta(days=-1 if expired else 30)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])

    def begun() -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(issuer).not_valid_before(begin)
        return builder.serial_number(x509.random_serial_number())

    authority = (
        begun()
        .not_valid_after(now + datetime.timedelta(days=60))
        .subject_name(issuer)
        .public_key(authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .add_extension(_usage(signs=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    certificate = (
        begun()
        .not_valid_after(end)
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .public_key(key.public_key())
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .add_extension(_usage(signs=False), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (base / "server.pem").write_bytes(certificate.public_bytes(pem))
    (base / "server.key").touch(mode=0o600)
    (base / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return authority.public_bytes(pem), certificate.public_bytes(serialization.Encoding.DER)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
