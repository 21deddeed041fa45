"""The dialer: the one process that may reach a network, and of it one host and port.

It is told both when it is started, resolves, checks every address, connects, and hands the socket to the
connector. It never sees a byte of what is said there. Standard library and `policy` only.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import time
from collections.abc import Iterable

import msgspec

from ingest.connector.messages import Failed, Failure
from policy import children
from policy.confine import confine
from policy.errors import EXIT_CONFIG, ConfinementError
from policy.limits import KIB
from policy.wire import Wire, WireError

FRAME_BYTES = 4 * KIB

_DNS = 53  # by TCP, where an answer is long
_KEEP_ALIVE = {socket.TCP_KEEPIDLE: 300, socket.TCP_KEEPINTVL: 60, socket.TCP_KEEPCNT: 5}  # seconds
_NOT_A_HOST = ipaddress.ip_network("0.0.0.0/8")  # Linux takes 0.0.0.0 for itself

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Dial(msgspec.Struct, frozen=True, tag=True):
    """The connector asks for a connection; where to is not its to say."""

    timeout_s: float


class Dialed(msgspec.Struct, frozen=True, tag=True):
    """Connected: the socket rides with this."""

    address: str  # what was really connected to, as ADDRESS:PORT or [ADDRESS]:PORT


ANSWER: type[Dialed | Failed] = Dialed | Failed  # type: ignore[assignment]  # as a schema for the wire


def refusal(host: str, addresses: Iterable[str]) -> str | None:
    """Why a host must not be connected to at these addresses; None: it may.

    One bad address refuses them all: a name that points to the mail server and to this machine is a trap
    (DNS rebinding), not a choice. Private addresses are allowed: mail servers stand in homes, too.
    """
    loopback_meant = _means_loopback(host)
    for text in addresses:
        address = _plain(text)
        if address.is_loopback != loopback_meant:
            return "it resolves to this machine" if address.is_loopback else "it resolves elsewhere"
        if address.is_unspecified or (address.version == 4 and address in _NOT_A_HOST):
            return "it resolves to no address"
        if address.is_multicast or (address.version == 4 and address.is_reserved and not loopback_meant):
            return "it resolves to an address of no single host"
        if address.is_link_local:
            return "it resolves to a link-local address"
    return None


def _plain(text: str) -> Address:
    """An address without its zone, and out of IPv6's wrapping of IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _means_loopback(host: str) -> bool:
    try:
        return _plain(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def dial(host: str, port: int, timeout_s: float) -> tuple[socket.socket, str] | Failed:
    """Resolve, check, connect: the first address that answers."""
    deadline = time.monotonic() + timeout_s
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        places = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
        reason = refusal(host, [str(address[0]) for _, address in places])
    except (OSError, UnicodeError, ValueError) as error:
        return Failed(failure=Failure.UNREACHABLE, what=f"its name cannot be resolved ({_why(error)})")
    if reason is not None:
        return Failed(failure=Failure.NOT_ALLOWED, what=reason)
    failed = Failed(failure=Failure.UNREACHABLE, what="it has no address")
    for left, (family, address) in zip(range(len(places), 0, -1), places, strict=True):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(max((deadline - time.monotonic()) / left, 0.1))
            sock.connect(address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEP_ALIVE.items():
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
            return sock, name_of(sock.getpeername())
        except TimeoutError:
            failed = Failed(failure=Failure.TIMEOUT, what="it does not answer")
        except OSError as error:
            failed = Failed(failure=Failure.UNREACHABLE, what=f"it cannot be reached ({_why(error)})")
        sock.close()
    return failed


def name_of(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """A socket's address, for the owner to read."""
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def _why(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__


def main() -> int:
    """Answer the connector until it hangs up."""
    given = children.inherited()
    host, port = given.arguments
    wire = Wire(given.wires[0], FRAME_BYTES)
    os.environ["RES_OPTIONS"] = "timeout:3 attempts:2"  # a dead resolver must not hold us for long
    refused = None
    try:
        confine("dialer", ports=(int(port), _DNS))
    except ConfinementError as error:
        refused = Failed(failure=Failure.NOT_ALLOWED, what=f"the dialer is not confined: {error}")
    with contextlib.suppress(WireError):
        while True:
            asked, _ = wire.receive(Dial)
            dialed = refused or dial(host, int(port), asked.timeout_s)
            if isinstance(dialed, Failed):
                wire.send(dialed)
                continue
            sock, address = dialed
            with sock:
                wire.send(Dialed(address), (sock.fileno(),))
    return EXIT_CONFIG if refused else 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(main())
