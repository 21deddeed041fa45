"""Frames between processes: a 4-byte big-endian length and a msgpack body, with optional descriptors.

Both ends are `AF_UNIX` stream sockets that were inherited. A frame longer than the receiver's cap, a short
read or a body that does not fit the expected schema closes the conversation: there is no resynchronising
with a process that lies about lengths. Nothing here ever unpickles.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from typing import TypeVar

import msgspec

from policy.errors import StrongroomError

_HEADER = struct.Struct(">I")
_MAX_DESCRIPTORS = 4
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

_encoder = msgspec.msgpack.Encoder()

T = TypeVar("T")


class WireError(StrongroomError):
    """The other process closed, lied about a length, or sent what its schema does not allow."""

    retryable = True


class PeerClosed(WireError):
    """The other process ended the conversation cleanly, between two frames."""


class Wire:
    """One end of a conversation. Not thread-safe: one owner at a time.

    Args:
        sock: a connected `AF_UNIX` stream socket; the wire closes it.
        frame_bytes: the longest body accepted, in bytes.
    """

    def __init__(self, sock: socket.socket, frame_bytes: int) -> None:
        self.sock = sock
        self._cap = frame_bytes

    def send(self, message: object, descriptors: tuple[int, ...] = ()) -> None:
        """Send one message; descriptors ride with its first byte and stay open here."""
        buffer = bytearray(_HEADER.size)
        _encoder.encode_into(message, buffer, _HEADER.size)
        length = len(buffer) - _HEADER.size
        if length > self._cap:
            raise WireError(f"a message of {length} bytes is over the limit of {self._cap}")
        _HEADER.pack_into(buffer, 0, length)
        frame = memoryview(buffer)
        try:
            if descriptors:
                sent = socket.send_fds(self.sock, [frame[:1]], list(descriptors))
                frame = frame[sent:]
            self.sock.sendall(frame)
        except OSError as error:
            raise WireError(f"the other process is gone ({error.strerror or error})") from error

    def receive(self, schema: type[T]) -> tuple[T, list[int]]:
        """Receive one message of `schema` and the descriptors sent with it (the caller closes them).

        Raises:
            PeerClosed: the peer closed between frames.
            WireError: anything else that is not one whole frame of that schema.
        """
        first, descriptors = self._first_byte()
        try:
            (length,) = _HEADER.unpack(first + self._exactly(_HEADER.size - 1))
            if length > self._cap:
                raise WireError(f"a frame of {length} bytes is over the limit of {self._cap}")
            body = self._exactly(length)
            return msgspec.msgpack.decode(body, type=schema), descriptors
        except (WireError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            close_all(descriptors)
            if isinstance(error, WireError):
                raise
            name = getattr(schema, "__name__", "one of several")
            raise WireError(f"a frame does not fit its schema ({name})") from error

    def receive_alone(self, schema: type[T]) -> T:
        """Receive one message that comes without descriptors.

        Raises:
            PeerClosed, WireError: as `receive`, or some came.
        """
        untrusted, strangers = self.receive(schema)
        close_all(strangers)
        if strangers:
            raise WireError("descriptors were sent that nobody asked for")
        return untrusted

    def close(self) -> None:
        """End the conversation."""
        self.sock.close()

    def _first_byte(self) -> tuple[bytes, list[int]]:
        fds = array.array("i")
        try:
            data, ancillary, flags, _ = self.sock.recvmsg(
                1, socket.CMSG_LEN(_MAX_DESCRIPTORS * fds.itemsize), socket.MSG_CMSG_CLOEXEC
            )
        except OSError as error:
            raise WireError(f"the other process is gone ({error.strerror or error})") from error
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
        if flags & socket.MSG_CTRUNC:
            close_all(list(fds))
            raise WireError("more descriptors were sent than any message carries")
        if not data:
            close_all(list(fds))
            raise PeerClosed("the other process closed the conversation")
        return data, list(fds)

    def _exactly(self, count: int) -> bytearray:
        chunks = bytearray()
        while len(chunks) < count:
            try:
                chunk = self.sock.recv(min(count - len(chunks), 1 << 20))
            except OSError as error:
                raise WireError(f"the other process is gone ({error.strerror or error})") from error
            if not chunk:
                raise WireError("the other process closed in the middle of a frame")
            chunks += chunk
        return chunks


def seal(descriptor: int) -> None:
    """Let nobody change a memfd any more, its size or its bytes, through whatever descriptor."""
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)


def close_all(descriptors: list[int]) -> None:
    """Close descriptors that nobody will use."""
    for descriptor in descriptors:
        socket.close(descriptor)
