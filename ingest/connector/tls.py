"""Whose certificate a mail server must show."""

from __future__ import annotations

import hashlib
import ssl
from functools import cache

from ingest.connector.line import Line
from ingest.connector.messages import Failure
from ingest.errors import RemoteFailed


@cache
def system_context() -> ssl.SSLContext:
    """Trusts the machine's authorities; made while files may still be opened."""
    return _verifying(ssl.create_default_context())


def _verifying(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _context(pin: str | None, ca: bytes | None) -> ssl.SSLContext:
    if ca is not None:
        try:
            return _verifying(ssl.create_default_context(cadata=ca.decode("ascii")))
        except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
            raise RemoteFailed(Failure.TLS, "the authorities given for it are no PEM certificates") from error
    if pin is None:
        return system_context()
    # The owner looked at this one certificate and named it: stronger than any authority's word, so that
    # alone decides, whoever signed it, for whichever name and dates. Home servers live so.
    context = _verifying(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def secure(line: Line, host: str, pin: str | None, ca: bytes | None) -> None:
    """Begin TLS with the server that was meant, or not at all.

    A pin takes the place of the system's authorities; with `ca`, both must hold.
    """
    shown = hashlib.sha256(line.secure(_context(pin, ca), host)).hexdigest()
    if pin is not None and shown != pin.lower().replace(":", ""):
        raise RemoteFailed(Failure.TLS, f"its certificate is not the pinned one but {shown}")
