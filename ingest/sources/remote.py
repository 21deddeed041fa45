"""A mail server as the core sees it: the requests as methods, and their way over the wire to a connector.

What comes back is checked here, once, and is a server's word even then: what follows from it is decided in
`ingest/mail/cursor.py`.
"""

from __future__ import annotations

import contextlib
import io
import math
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from ingest.connector.messages import (
    FRAME_BYTES,
    REPLY,
    Examine,
    Failed,
    Failure,
    Fetch,
    Fetched,
    FetchSlice,
    Folders,
    Idle,
    ListFolders,
    ListUids,
    Messages,
    Opened,
    RemoteFolder,
    Request,
    SignedIn,
    SignIn,
    Slice,
    UidRange,
    Uids,
    Wake,
    Woken,
)
from ingest.errors import RemoteFailed
from policy.wire import Wire, WireError

UID_MOST = 2**32 - 1  # RFC 9051: a UID is 32 bits, and not zero
MODSEQ_MOST = 2**63 - 1  # RFC 7162
MESSAGES_MOST = 2_000_000  # in one folder
FOLDERS_MOST = 10_000
FOLDER_CHARS = 1_000
POLL_S = 60.0  # where the server has no IDLE

# The connector has a deadline for every answer of the server; these are for a connector that has gone astray.
_ANSWER_S = 900.0
_IDLE_GRACE_S = 120.0
_WHAT_CHARS = 200

R = TypeVar("R", bound=msgspec.Struct)


class Remote(Protocol):
    """A mail server, signed in to. Used by one thread, but for `wake` and `abort`.

    Every method raises RemoteFailed. After FOLDER the conversation goes on; after all else it is over.
    """

    def list_folders(self) -> list[RemoteFolder]:
        """The folders that there are, each once."""
        ...

    def examine(self, folder: str, uidvalidity: int | None = None, modseq: int | None = None) -> Opened:
        """Open a folder, read-only; with both numbers, hear what vanished since, if the server tells."""
        ...

    def list_uids(self, first: int) -> list[int]:
        """The UIDs of the opened folder from `first` on, rising."""
        ...

    def prepare(self, uids: Sequence[int], most_bytes: int) -> None:
        """`fetch` will be called with these next, if all goes well: begin with it and do not wait."""
        ...

    def fetch(self, uids: Sequence[int], most_bytes: int) -> list[Fetched]:
        """Messages of the opened folder, of each at most `most_bytes`; some may be left out."""
        ...

    def fetch_slice(self, uid: int, offset: int, length: int) -> bytes | None:
        """A stretch of a message; shorter than asked for at its end. None: the server has no such body."""
        ...

    def idle(self, seconds: float) -> bool:
        """Wait until something changes in the opened folder (True), the time is over, or `wake` is called."""
        ...

    def wake(self) -> None:
        """End `idle` now, or the next one. From any thread."""
        ...

    def abort(self) -> None:
        """End the conversation now, in the middle of whatever is going on. From any thread."""
        ...


class ConnectorRemote:
    """A Remote over the wire to a connector."""

    def __init__(self, sock: socket.socket) -> None:
        self._wire = Wire(sock, FRAME_BYTES)
        self._prepared: tuple[tuple[int, ...], int] | None = None  # asked for, and not yet answered
        self._sending = threading.Lock()
        self._idles = False
        self._wakes = False

    def sign_in(self, request: SignIn) -> SignedIn:
        """Connect and log in.

        Raises:
            RemoteFailed
        """
        reply = self._ask(request, SignedIn)
        address = reply.address if reply.address.isprintable() else ""
        return SignedIn(address=address[:FOLDER_CHARS])

    def list_folders(self) -> list[RemoteFolder]:
        """See Remote."""
        untrusted = self._ask(ListFolders(), Folders).folders
        _require(len(untrusted) <= FOLDERS_MOST, "more folders than any mailbox has")
        _require(
            all(0 < len(folder.name) <= FOLDER_CHARS for folder in untrusted), "a folder's name is too long"
        )
        return list({folder.name: folder for folder in untrusted}.values())

    def examine(self, folder: str, uidvalidity: int | None = None, modseq: int | None = None) -> Opened:
        """See Remote."""
        untrusted = self._ask(Examine(folder=folder, uidvalidity=uidvalidity, modseq=modseq), Opened)
        if not 0 < untrusted.uidvalidity <= UID_MOST:
            raise RemoteFailed(Failure.FOLDER, "the server gives this folder no UIDVALIDITY")
        _require(0 <= untrusted.exists <= MESSAGES_MOST, "more messages than a folder may have here")
        vanished = untrusted.vanished
        return Opened(
            uidvalidity=untrusted.uidvalidity,
            uidnext=_within(untrusted.uidnext, UID_MOST),
            exists=untrusted.exists,
            modseq=_within(untrusted.modseq, MODSEQ_MOST),
            vanished=vanished if vanished is not None and _are_sound(vanished) else None,
        )

    def list_uids(self, first: int) -> list[int]:
        """See Remote."""
        untrusted = self._ask(ListUids(first=first), Uids).ranges
        _require(_are_sound(untrusted), "numbers that no message has")
        count = sum(last - begin + 1 for begin, last in untrusted)
        _require(count <= MESSAGES_MOST, "more messages than a folder may have here")
        uids = {uid for begin, last in untrusted for uid in range(begin, last + 1)}
        return sorted(uid for uid in uids if uid >= first)  # "5:*" is answered by 3 where that is the last

    def prepare(self, uids: Sequence[int], most_bytes: int) -> None:
        """See Remote."""
        self._drain()
        self._send(Fetch(uids=tuple(uids), most_bytes=most_bytes))
        self._prepared = (tuple(uids), most_bytes)

    def fetch(self, uids: Sequence[int], most_bytes: int) -> list[Fetched]:
        """See Remote."""
        if self._prepared == (tuple(uids), most_bytes):
            self._prepared = None
            reply = self._receive(Messages, _ANSWER_S)
        else:
            reply = self._ask(Fetch(uids=tuple(uids), most_bytes=most_bytes), Messages)
        asked, found = set(uids), dict[int, Fetched]()
        for untrusted in reply.messages:
            _require(untrusted.uid in asked, "a message that was not asked for")
            _require(len(untrusted.content or b"") <= most_bytes, "more of a message than was asked for")
            if untrusted.uid not in found or found[untrusted.uid].content is None:
                found[untrusted.uid] = Fetched(
                    uid=untrusted.uid,
                    content=untrusted.content,
                    size=_within(untrusted.size, MODSEQ_MOST),
                    received_at=_finite(untrusted.received_at),
                )
        return list(found.values())

    def fetch_slice(self, uid: int, offset: int, length: int) -> bytes | None:
        """See Remote."""
        untrusted = self._ask(FetchSlice(uid=uid, offset=offset, length=length), Slice).content
        _require(len(untrusted or b"") <= length, "more of a message than was asked for")
        return untrusted

    def idle(self, seconds: float) -> bool:
        """See Remote."""
        self._drain()
        with self._sending:
            if self._wakes:
                self._wakes = False
                return False
            self._send(Idle(seconds=seconds, poll_s=POLL_S))
            self._idles = True
        try:
            return self._receive(Woken, seconds + _IDLE_GRACE_S).changed
        finally:
            with self._sending:
                self._idles = self._wakes = False

    def wake(self) -> None:
        """See Remote."""
        with self._sending:
            if self._idles and not self._wakes:
                with contextlib.suppress(RemoteFailed):  # its own thread hears of it
                    self._send(Wake())
            self._wakes = True

    def abort(self) -> None:
        """See Remote."""
        with contextlib.suppress(OSError):
            self._wire.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connector, which ends with its wire. By the thread that uses it."""
        with self._sending:
            self._wire.close()

    def _ask(self, request: Request, expected: type[R]) -> R:
        self._drain()
        self._send(request)
        return self._receive(expected, _ANSWER_S)

    def _drain(self) -> None:
        """Take in what was prepared and is not wanted any more: replies come in the order of the requests."""
        if self._prepared is not None:
            self._prepared = None
            with contextlib.suppress(RemoteFailed):  # if it is over, the next request says so
                self._receive(Messages, _ANSWER_S)

    def _send(self, request: Request) -> None:
        try:
            self._wire.send(request)
        except WireError as error:
            raise _ended() from error

    def _receive(self, expected: type[R], patience_s: float) -> R:
        try:
            self._wire.sock.settimeout(patience_s)
            reply = self._wire.receive_alone(REPLY)
        except (WireError, OSError) as error:
            raise _ended() from error
        if isinstance(reply, Failed):
            what = "".join(char if char.isprintable() else " " for char in reply.what[:_WHAT_CHARS])
            raise RemoteFailed(reply.failure, what.strip())
        if not isinstance(reply, expected):
            raise RemoteFailed(Failure.PROTOCOL, "the connector answers something else than it was asked")
        return reply


class Slices(io.RawIOBase):
    """A large message as a file that is read once, a slice at a time; only one slice is in memory.

    Args:
        head: how it begins.
        more: gives a stretch from an offset on; at the end nothing. A short one need not be the last.
    """

    def __init__(self, head: bytes, more: Callable[[int], bytes]) -> None:
        self._slice = head  # what was fetched and not yet read
        self._more = more
        self._at = len(head)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._slice:
            self._slice = self._more(self._at)
            self._at += len(self._slice)
        count = min(len(buffer), len(self._slice))
        buffer[:count] = self._slice[:count]
        self._slice = self._slice[count:]
        return count


def _ended() -> RemoteFailed:
    return RemoteFailed(Failure.CLOSED, "the connector ended")


def _require(condition: bool, lie: str) -> None:
    if not condition:
        raise RemoteFailed(Failure.PROTOCOL, f"the server sends {lie}")


def _within(number: int | None, most: int) -> int | None:
    return number if number is not None and 0 < number <= most else None


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _are_sound(ranges: Sequence[UidRange]) -> bool:
    return all(0 < first <= last <= UID_MOST for first, last in ranges)
