"""The messages between the core and the connector of one mail account.

The core asks and decides, the connector does: it holds no ledger and no plan. One request is answered by one
reply, in order. Whatever comes back is a server's word: a stranger's, until `ingest/sources/imap.py` has
checked it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

FETCH_BYTES = 16 << 20  # the most that one `Fetch` or `FetchSlice` may ask for
FRAME_BYTES = 24 << 20  # one message, either way

UidRange = tuple[int, int]  # first and last, both included; first <= last


class Security(StrEnum):
    """How the line is secured."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"  # a server that does not offer it is refused
    NONE = "none"  # to loopback only


class Authentication(StrEnum):
    """How the account proves itself."""

    LOGIN = "login"
    PLAIN = "plain"
    XOAUTH2 = "xoauth2"


class Failure(StrEnum):
    """What went wrong, for the core to decide what follows."""

    NOT_ALLOWED = "not_allowed"  # the host is not the one on the list, or resolves to where it may not
    UNREACHABLE = "unreachable"  # no such name, refused, no route
    TIMEOUT = "timeout"
    TLS = "tls"  # certificate expired, of another name, not the pinned one; STARTTLS not offered
    CREDENTIALS = "credentials"  # the server refuses them
    FOLDER = "folder"  # this folder cannot be opened; others may
    CLOSED = "closed"  # the server hung up, or said BYE
    PROTOCOL = "protocol"  # what it says is not IMAP, or over a limit; the connection was given up


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base: a frozen struct, told apart by its class name."""


# ------------------------------------------------------------------------------------------- core → connector


class SignIn(_Message, frozen=True, kw_only=True, tag=True):
    """Connect and log in; a connection that exists is dropped first."""

    host: str  # for the certificate; where to connect to, the dialer was told when it was started
    user: str
    secret: bytes  # password or token
    security: Security = Security.TLS
    authentication: Authentication = Authentication.LOGIN
    pin: str | None = None  # SHA-256 of the server's certificate (DER), 64 hex digits
    ca: bytes | None = None  # PEM; in place of the system's authorities
    timeout_s: float = 30.0  # of connecting, and of every answer of the server

    def __repr__(self) -> str:
        return f"SignIn(host={self.host!r})"


class ListFolders(_Message, frozen=True, kw_only=True, tag=True):
    """Which folders there are."""


class Examine(_Message, frozen=True, kw_only=True, tag=True):
    """Open a folder, read-only; with both numbers, say what vanished since (QRESYNC), if the server can."""

    folder: str
    uidvalidity: int | None = None
    modseq: int | None = None


class ListUids(_Message, frozen=True, kw_only=True, tag=True):
    """All UIDs of the opened folder, or those from `first` on."""

    first: int = 1


class Fetch(_Message, frozen=True, kw_only=True, tag=True):
    """Messages of the opened folder, each with at most `most_bytes` of its beginning.

    `len(uids) * most_bytes` is at most FETCH_BYTES.
    """

    uids: tuple[int, ...]
    most_bytes: int


class FetchSlice(_Message, frozen=True, kw_only=True, tag=True):
    """A stretch of one message of the opened folder; `length` is at most FETCH_BYTES."""

    uid: int
    offset: int
    length: int


class Idle(_Message, frozen=True, kw_only=True, tag=True):
    """Wait until something changes in the opened folder, or `seconds` passed, or `Wake` came.

    By IDLE (renewed as often as the server needs), else by NOOP every `poll_s`.
    """

    seconds: float
    poll_s: float = 60.0


class Wake(_Message, frozen=True, kw_only=True, tag=True):
    """End an `Idle` now. The only message that may be sent while a reply is owed; it has none of its own."""


Request = SignIn | ListFolders | Examine | ListUids | Fetch | FetchSlice | Idle | Wake
REQUEST: type[Request] = Request  # type: ignore[assignment]  # as a schema for the wire


# ------------------------------------------------------------------------------------------- connector → core


class SignedIn(_Message, frozen=True, kw_only=True, tag=True):
    """Logged in."""

    address: str  # the address and port that was really connected to
    capabilities: tuple[str, ...] = ()


class RemoteFolder(_Message, frozen=True, kw_only=True, tag=True):
    """A folder as the server lists it."""

    name: str  # decoded from modified UTF-7
    flags: tuple[str, ...] = ()  # such as \\Noselect, \\All, \\Junk


class Folders(_Message, frozen=True, kw_only=True, tag=True):
    """The folders."""

    folders: tuple[RemoteFolder, ...]


class Opened(_Message, frozen=True, kw_only=True, tag=True):
    """A folder is open."""

    uidvalidity: int
    uidnext: int | None = None
    exists: int = 0
    modseq: int | None = None  # HIGHESTMODSEQ
    vanished: tuple[UidRange, ...] | None = None  # since the given numbers; None: the server did not tell


class Uids(_Message, frozen=True, kw_only=True, tag=True):
    """UIDs in rising order."""

    ranges: tuple[UidRange, ...]


class Fetched(_Message, frozen=True, kw_only=True, tag=True):
    """One message, or its beginning."""

    uid: int
    content: bytes | None  # None: the server answered without a body
    size: int | None = None  # RFC822.SIZE, which servers get wrong
    received_at: float | None = None  # INTERNALDATE, UTC seconds since the epoch

    def __repr__(self) -> str:
        return f"Fetched(uid={self.uid})"


class Messages(_Message, frozen=True, kw_only=True, tag=True):
    """What was asked for. UIDs that are missing were not answered: gone, or kept back by the server."""

    messages: tuple[Fetched, ...]


class Slice(_Message, frozen=True, kw_only=True, tag=True):
    """A stretch of a message; shorter than asked for: its end. None: the server has no such body."""

    content: bytes | None

    def __repr__(self) -> str:
        return "Slice()"


class Woken(_Message, frozen=True, kw_only=True, tag=True):
    """`Idle` ended."""

    changed: bool


class Failed(_Message, frozen=True, kw_only=True, tag=True):
    """The request could not be done."""

    failure: Failure
    what: str  # one line, never a credential, never content of a message; may quote the server, cut short


Reply = SignedIn | Folders | Opened | Uids | Messages | Slice | Woken | Failed
REPLY: type[Reply] = Reply  # type: ignore[assignment]
