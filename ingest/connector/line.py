"""The line to a mail server: every line and literal is bounded before it is read, every answer in time.

It knows lines, lengths, TLS and the clock; what is said is the business of `engine.py`.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ingest.connector.messages import Failure
from ingest.errors import RemoteFailed
from policy.limits import KIB, MIB
from policy.wire import PeerClosed

_CHUNK = 64 * KIB  # more than a TLS record: nothing stays inside of OpenSSL, so the socket can be polled
_SLOWEST = 16 * KIB  # bytes a second: what arrives buys time at this rate, so that a drip buys none

T = TypeVar("T")


@dataclass(frozen=True)
class Allowance:
    """What one answer of the server may cost."""

    seconds: float
    reply_bytes: int = MIB  # all of it
    line_bytes: int = 64 * KIB
    literal_bytes: int = 0  # each

    def within(self, seconds: float) -> Allowance:
        """The same in so much time."""
        return replace(self, seconds=seconds)


class _Later(Exception):
    """The socket must be polled for an event first."""

    def __init__(self, event: int) -> None:
        super().__init__()
        self.event = event


class Line:
    """A connected socket to a server, and a watch on the core: when that hangs up, all waiting ends."""

    def __init__(self, sock: socket.socket, core: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._core = core
        self._buffer = bytearray()
        self.allow(Allowance(0))

    def allow(self, allowance: Allowance) -> None:
        """Start the clock and the count of one answer."""
        self._allowed = allowance
        self._deadline = time.monotonic() + allowance.seconds
        self._received = 0

    def readline(self) -> bytes:
        """One line with its end."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            self._check_line(searched)
            self._buffer += self._patiently(self._receive)
        self._check_line(end)
        return self._take(end + 1)

    def read(self, count: int) -> bytes:
        """A literal of just so many bytes."""
        most = self._allowed.literal_bytes
        if count > most:
            raise RemoteFailed(Failure.PROTOCOL, f"a literal larger than the {most} bytes allowed")
        while len(self._buffer) < count:
            self._buffer += self._patiently(self._receive)
        return self._take(count)

    def send(self, data: bytes) -> None:
        """All of it."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._patiently(self._sender(rest)) :]

    def wait(self, seconds: float) -> tuple[bool, bool]:
        """Wait until the server has said a line, or the core something: (the server did, the core did)."""
        until = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(self._core, select.POLLIN)
        while b"\n" not in self._buffer:
            self._check_line(len(self._buffer))
            ready = dict(poll.poll(max(until - time.monotonic(), 0) * 1000))
            if self._core.fileno() in ready or not ready:
                return False, bool(ready)
            try:
                self._buffer += self._now(self._receive)
            except _Later:  # what woke us was TLS's own affair
                continue
        return True, False

    def secure(self, context: ssl.SSLContext, host: str) -> bytes:
        """Begin TLS; returns the server's certificate (DER)."""
        if self._buffer:  # said in the clear by whoever stands between: it would be taken for the server's
            raise RemoteFailed(Failure.TLS, "something was said in the clear after STARTTLS was agreed")
        try:
            secured = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
        except (ssl.SSLError, ValueError) as error:
            raise RemoteFailed(Failure.TLS, "no certificate can be made out to such a name") from error
        self._sock = secured
        try:
            self._patiently(secured.do_handshake)
        except ssl.SSLCertVerificationError as error:
            raise RemoteFailed(
                Failure.TLS, f"its certificate is not accepted: {error.verify_message}"
            ) from error
        except ssl.SSLError as error:
            raise RemoteFailed(Failure.TLS, f"TLS failed ({error.reason or 'broken off'})") from error
        return secured.getpeercert(binary_form=True) or b""

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def _check_line(self, length: int) -> None:
        if length > self._allowed.line_bytes:
            raise RemoteFailed(Failure.PROTOCOL, f"a line longer than {self._allowed.line_bytes} bytes")

    def _take(self, count: int) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:count])
        del self._buffer[:count]
        return taken

    def _receive(self) -> bytes:
        try:
            chunk = self._sock.recv(_CHUNK)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            raise RemoteFailed(Failure.CLOSED, f"TLS broke off ({error.reason or 'no reason'})") from error
        if not chunk:
            raise RemoteFailed(Failure.CLOSED, "the server hung up")
        self._received += len(chunk)
        if self._received > self._allowed.reply_bytes + _CHUNK:
            raise RemoteFailed(Failure.PROTOCOL, f"an answer longer than {self._allowed.reply_bytes} bytes")
        return chunk

    def _sender(self, data: memoryview) -> Callable[[], int]:
        def send() -> int:
            try:
                return self._sock.send(data)
            except BlockingIOError:
                raise _Later(select.POLLOUT) from None

        return send

    def _now(self, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except ssl.SSLWantWriteError:
            raise _Later(select.POLLOUT) from None
        except (ssl.SSLWantReadError, BlockingIOError):
            raise _Later(select.POLLIN) from None
        except ssl.SSLError:
            raise
        except OSError as error:
            raise RemoteFailed(Failure.CLOSED, f"the connection broke ({error.strerror})") from error

    def _patiently(self, attempt: Callable[[], T]) -> T:
        while True:
            try:
                return self._now(attempt)
            except _Later as later:
                self._await(later.event)

    def _await(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._sock, event)
        poll.register(self._core, 0)  # only its hanging up
        left = self._deadline + self._received / _SLOWEST - time.monotonic()
        ready = dict(poll.poll(max(left, 0) * 1000))
        if self._core.fileno() in ready:
            raise PeerClosed("the core hung up")
        if not ready:
            raise RemoteFailed(Failure.TIMEOUT, "the server does not answer in time")
