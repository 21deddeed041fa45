"""One mail account as `strongroom.toml` describes it, checked. How it is read is left to others."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import msgspec

from ingest.connector.messages import Authentication, RemoteFolder, Security
from ingest.errors import AccountError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9._:\-]{1,253}")
_PIN = re.compile(r"[0-9a-f]{64}")
_NOT_SELECTABLE = {"\\noselect", "\\nonexistent"}


class MailAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[mail]]` block. Its host and port are all that may be reached for it."""

    name: str
    host: str
    user: str
    port: int = 0  # 0: 993, or 143 where TLS does not begin with the first byte
    security: Security = Security.TLS
    authentication: Authentication = Authentication.LOGIN
    password_file: str | None = None  # read at every sign-in; without a file the password is in the vault
    token_file: str | None = None  # for XOAUTH2: something else keeps it fresh
    pin: str | None = None  # SHA-256 of the server's certificate, 64 hex digits
    ca_file: str | None = None  # PEM, in place of the system's authorities
    folders: tuple[str, ...] = ()  # empty: all
    exclude: tuple[str, ...] = ("\\Junk", "\\Trash")  # names, or flags by which the server marks folders

    def __post_init__(self) -> None:
        """Check it and fill in the port.

        Raises:
            AccountError
        """
        _require(_NAME.fullmatch(self.name), "name", "letters, digits and . _ @ + - only, 64 at most")
        _require(
            _HOST.fullmatch(self.host),
            "host",
            "a name or an address; write a name of other letters in its xn-- form",
        )
        _require(self.user.isprintable() and 0 < len(self.user) <= 320, "user", "one printable line")
        _require(0 <= self.port <= 65535, "port", "1 to 65535")
        _require(
            self.security is not Security.NONE or _is_loopback(self.host),
            "security",
            '"none" is for this machine only: use "tls" or "starttls"',
        )
        _require(
            not (self.password_file and self.token_file), "token_file", "not together with password_file"
        )
        _require(
            not (self.token_file and self.authentication is not Authentication.XOAUTH2),
            "token_file",
            'only with authentication = "xoauth2"',
        )
        for field in ("password_file", "token_file", "ca_file"):
            path = getattr(self, field)
            _require(path is None or Path(path).is_absolute(), field, "an absolute path")
        if self.pin is not None:
            pin = self.pin.replace(":", "").lower()
            _require(_PIN.fullmatch(pin), "pin", "64 hex digits: SHA-256 of the server's certificate")
            msgspec.structs.force_setattr(self, "pin", pin)
        if not self.port:
            msgspec.structs.force_setattr(self, "port", 993 if self.security is Security.TLS else 143)

    def selects(self, folder: RemoteFolder) -> bool:
        """Whether the owner wants this folder. Those that the owner names are wanted whatever their flags."""
        flags = {flag.lower() for flag in folder.flags}
        if flags & _NOT_SELECTABLE:
            return False
        if self.folders:
            return any(same_folder(folder.name, name) for name in self.folders)
        return not any(
            entry.lower() in flags if entry.startswith("\\") else same_folder(folder.name, entry)
            for entry in self.exclude
        )


def same_folder(one: str, other: str) -> bool:
    """Whether two names are one folder: INBOX is in any case, others are as written (RFC 9051, 5.1)."""
    return one == other or (one.upper() == other.upper() == "INBOX")


def _require(condition: object, field: str, wanted: str) -> None:
    if not condition:
        raise AccountError(f"{field}: {wanted}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
