"""One mail account's conversation with its server: each request of the core, done by commands that only read.

What is decided here is how to ask; what to ask for, and what to make of it, is the core's business.
"""

from __future__ import annotations

import re
import select
import socket
from array import array
from collections.abc import Callable, Set
from ipaddress import ip_address
from typing import Any

from ingest.connector import dialer, fetching, folders, login, tls
from ingest.connector.engine import Answer, Engine
from ingest.connector.idling import Idler
from ingest.connector.line import Allowance, Line
from ingest.connector.messages import (
    FETCH_BYTES,
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
    Reply,
    Request,
    Security,
    SignedIn,
    SignIn,
    Slice,
)
from ingest.connector.spans import PackedUids, Spans, numbers, ranges, written
from ingest.errors import RemoteFailed
from policy.limits import KIB, MIB
from policy.wire import PeerClosed, Wire, WireError

_RESOLVER_S = 60.0  # what a dialer may take beyond its time: the C library's resolver keeps its own
_STATE = re.compile(rb"\[(CLOSED|UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ)(?: (\d{1,19}))?\]", re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)

_UID_LIST = Allowance(0, reply_bytes=96 * MIB, line_bytes=20 * MIB)
_CHANGES = Allowance(0, reply_bytes=64 * MIB, line_bytes=4 * MIB)  # the flags of all, which nobody keeps
_FOLDER_LIST = Allowance(0, reply_bytes=8 * MIB, literal_bytes=4 * KIB)


class Session:
    """Answers requests one by one. After a failure of the server's the connection is dropped.

    Args:
        core: watched while the server is waited for; it may send `Wake`.
        to_dialer: who connects.
    """

    def __init__(self, core: Wire, to_dialer: socket.socket) -> None:
        tls.system_context()  # loads files
        self._core = core
        self._dialer = Wire(to_dialer, dialer.FRAME_BYTES)
        self._idler = Idler(core)
        self._names = folders.Names()
        self._line: Line | None = None
        self._engine: Engine | None = None
        self._capabilities: Set[str] = frozenset()
        self._resync = False  # QRESYNC is enabled
        self._timeout_s = 0.0
        self._do: dict[type, Callable[[Any], Reply | PackedUids]] = {
            SignIn: self._sign_in,
            ListFolders: self._list_folders,
            Examine: self._examine,
            ListUids: self._list_uids,
            Fetch: self._fetch,
            FetchSlice: self._fetch_slice,
            Idle: self._idle,
        }

    def answer(self, request: Request) -> Reply | PackedUids:
        """Do what was asked, or say why not.

        Raises:
            WireError: there is nobody to answer, or no dialer any more.
        """
        try:
            return self._do[type(request)](request)
        except WireError:
            raise
        except RemoteFailed as fault:
            if fault.failure is not Failure.FOLDER:
                self._hang_up()
            return Failed(failure=fault.failure, what=fault.what)
        except MemoryError:
            self._hang_up()
            return Failed(failure=Failure.PROTOCOL, what="the server's answer takes too much memory")
        except Exception as error:  # noqa: BLE001 the rim: what the libraries raise on nonsense is nobody's list
            self._hang_up()
            what = f"what the server says is not IMAP ({type(error).__name__})"
            return Failed(failure=Failure.PROTOCOL, what=what)

    # -------------------------------------------------------------------------------------------- connection

    def _sign_in(self, request: SignIn) -> SignedIn:
        self._hang_up()
        sock, address = self._dial(request.timeout_s)
        self._timeout_s = request.timeout_s
        self._line = line = Line(sock, self._core.sock)
        line.allow(Allowance(request.timeout_s))
        if request.security is Security.NONE and not ip_address(sock.getpeername()[0]).is_loopback:
            raise RemoteFailed(Failure.NOT_ALLOWED, "without TLS only this machine itself may be spoken to")
        if request.security is Security.TLS:
            tls.secure(line, request.host, request.pin, request.ca)
        engine = Engine(line)
        if engine.state != "NONAUTH":  # then neither STARTTLS nor our credentials would have any meaning
            raise RemoteFailed(Failure.PROTOCOL, "the server greets us as signed in already")
        if request.security is Security.STARTTLS:
            if "STARTTLS" not in engine.capabilities or not engine.ask("STARTTLS").ok:
                raise RemoteFailed(Failure.TLS, "the server offers no STARTTLS")
            tls.secure(line, request.host, request.pin, request.ca)
        login.authenticate(engine, request, engine.learn_capabilities())
        self._capabilities = engine.learn_capabilities()
        self._resync = {"ENABLE", "QRESYNC"} <= self._capabilities and engine.ask("ENABLE", "QRESYNC").ok
        self._engine = engine
        return SignedIn(address=address, capabilities=tuple(sorted(self._capabilities)))

    def _dial(self, timeout_s: float) -> tuple[socket.socket, str]:
        self._dialer.send(dialer.Dial(timeout_s))
        poll = select.poll()
        poll.register(self._dialer.sock, select.POLLIN)
        poll.register(self._core.sock, 0)
        ready = dict(poll.poll((timeout_s + _RESOLVER_S) * 1000))
        if self._core.sock.fileno() in ready:
            raise PeerClosed("the core hung up")
        if not ready:
            raise WireError("the dialer does not answer")
        dialed, descriptors = self._dialer.receive(dialer.ANSWER)
        if isinstance(dialed, Failed):
            raise RemoteFailed(dialed.failure, dialed.what)
        return socket.socket(fileno=descriptors[0]), dialed.address

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = self._engine = None

    def _connected(self, *, opened: bool = True) -> Engine:
        if self._engine is None:
            raise RemoteFailed(Failure.CLOSED, "nobody is signed in")
        if opened and self._engine.state != "SELECTED":
            raise RemoteFailed(Failure.FOLDER, "no folder is open")
        return self._engine

    def _ask(
        self, allowance: Allowance, name: str, *arguments: str | bytes, keep: str | None = None
    ) -> Answer:
        engine = self._connected(opened=False)
        engine.line.allow(allowance.within(self._timeout_s))
        return engine.ask(name, *arguments, keep=frozenset({keep} if keep else ()))

    # ------------------------------------------------------------------------------------------------ folders

    def _list_folders(self, _: ListFolders) -> Folders:
        self._connected(opened=False)
        # Without being asked servers need not say which folder is the junk, or holds all others' messages.
        marked = ["RETURN (SPECIAL-USE)"] if {"LIST-EXTENDED", "SPECIAL-USE"} <= self._capabilities else []
        answer = self._ask(_FOLDER_LIST, "LIST", '""', '"*"', *marked, keep="LIST")
        if answer.broken and marked:
            answer = self._ask(_FOLDER_LIST, "LIST", '""', '"*"', keep="LIST")
        if not answer.ok:
            raise RemoteFailed(Failure.PROTOCOL, f"the server does not list its folders{answer.why()}")
        return Folders(folders=tuple(self._names.read(answer.parts("LIST"))))

    def _examine(self, request: Examine) -> Opened:
        engine = self._connected(opened=False)
        name = self._names.written(request.folder)
        since = ""
        if self._resync and request.uidvalidity and request.modseq:
            since = f"(QRESYNC ({request.uidvalidity} {request.modseq}))"
        elif not self._resync and "CONDSTORE" in self._capabilities:
            since = "(CONDSTORE)"
        engine.exists = 0
        answer = self._ask(_CHANGES, "EXAMINE", name, *([since] if since else []), keep="VANISHED")
        if answer.broken and since:  # offered, but not well understood
            since = ""
            answer = self._ask(_CHANGES, "EXAMINE", name)
        if not answer.ok:
            engine.state = "AUTH"
            raise RemoteFailed(Failure.FOLDER, f"the server does not open it{answer.why()}")
        engine.state = "SELECTED"
        engine.changed = False
        state: dict[bytes, int] = {}
        for word, value in answer.codes(_STATE):
            if word == b"CLOSED":  # what came before was said of the folder that was open
                state.clear()
            elif (number := int(value)) < 2**63:
                state[word] = number
        uidvalidity = state.get(b"UIDVALIDITY")
        if not uidvalidity:
            raise RemoteFailed(Failure.FOLDER, "the server gives it no UIDVALIDITY")
        told = "QRESYNC" in since and uidvalidity == request.uidvalidity and b"HIGHESTMODSEQ" in state
        return Opened(
            uidvalidity=uidvalidity,
            uidnext=state.get(b"UIDNEXT"),
            exists=engine.exists,
            modseq=state.get(b"HIGHESTMODSEQ") or None,
            vanished=tuple(_earlier(answer)) if told else None,
        )

    # --------------------------------------------------------------------------------------------------- UIDs

    def _list_uids(self, request: ListUids) -> PackedUids:
        engine = self._connected()
        spans = self._search(request.first)
        if spans is None or (request.first == 1 and spans.count() != engine.exists):
            spans = self._fetch_uids(request.first)
        return spans.packed()

    def _search(self, first: int) -> Spans | None:
        """UIDs by SEARCH; None: it does not work, as on servers whose search index is broken."""
        what = "ALL" if first == 1 else f"UID {first}:*"
        if "ESEARCH" in self._capabilities:
            answer = self._ask(_UID_LIST, "UID", "SEARCH", "RETURN (ALL)", what, keep="ESEARCH")
            lines, read = [line.partition(b" ALL ")[2] for line in answer.lines("ESEARCH")], ranges
        else:
            answer = self._ask(_UID_LIST, "UID", "SEARCH", what, keep="SEARCH")
            lines, read = [line.partition(b"(")[0] for line in answer.lines("SEARCH")], numbers
        if not (answer.ok and lines):
            return None
        # `n:*` always has the last UID in it, even one below n.
        return Spans((found for line in lines for found in read(line)), first)

    def _fetch_uids(self, first: int) -> Spans:
        """UIDs by FETCH, one answer for each message, of which only the number is kept."""
        engine = self._connected()
        if not engine.exists:
            return Spans(())
        uids = array("I")

        def gather(line: bytes) -> None:
            if named := _UID.search(line):
                uids.append(int(named[1]))

        engine.fetched = gather
        try:
            answer = self._ask(_UID_LIST, "UID", "FETCH", f"{first}:*", "(UID)")
        finally:
            engine.fetched = None
        if not answer.ok:
            raise RemoteFailed(
                Failure.FOLDER, f"the server does not say which messages it holds{answer.why()}"
            )
        return Spans(((uid, uid) for uid in uids), first)

    # ----------------------------------------------------------------------------------------------- messages

    def _fetch(self, request: Fetch) -> Messages:
        self._connected()
        wanted = frozenset(request.uids)
        _check_size(len(wanted) * request.most_bytes)
        items = f"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.{request.most_bytes}>)"
        found: dict[int, Fetched] = {}
        for uids in written(sorted(wanted)):
            allowed = _bodies(len(wanted), request.most_bytes)
            answer = self._ask(allowed, "UID", "FETCH", uids, items, keep="FETCH")
            for fetched in _messages(answer):
                if fetched.uid in wanted and (found.get(fetched.uid, fetched)).content is None:
                    found[fetched.uid] = fetched
                elif fetched.uid in wanted:
                    found.setdefault(fetched.uid, fetched)
            if answer.broken and not found:
                raise RemoteFailed(Failure.PROTOCOL, "the server does not understand what it is asked for")
        return Messages(messages=tuple(found.values()))

    def _fetch_slice(self, request: FetchSlice) -> Slice:
        self._connected()
        _check_size(request.length)
        items = f"(UID BODY.PEEK[]<{request.offset}.{request.length}>)"
        allowed = _bodies(1, request.length)
        answer = self._ask(allowed, "UID", "FETCH", str(request.uid), items, keep="FETCH")
        for fetched in _messages(answer):
            if fetched.uid == request.uid and fetched.content is not None:
                return Slice(content=fetched.content)
        return Slice(content=None)

    def _idle(self, request: Idle) -> Reply:
        engine = self._connected()
        return self._idler.idle(engine, request, self._timeout_s, offered="IDLE" in self._capabilities)


def _check_size(asked: int) -> None:
    if asked > FETCH_BYTES:
        raise ValueError("more is asked for than one message to the core may hold")


def _bodies(count: int, most_bytes: int) -> Allowance:
    # Beside the bodies: a line for each, and news of other messages' flags.
    return Allowance(0, reply_bytes=count * (most_bytes + 4 * KIB) + 4 * MIB, literal_bytes=most_bytes)


def _messages(answer: Answer) -> list[Fetched]:
    read = (fetching.message_of(one) for one in fetching.answers(answer.parts("FETCH")))
    return [fetched for fetched in read if fetched is not None]


def _earlier(answer: Answer) -> Spans:
    lines = [line for line in answer.lines("VANISHED") if line.upper().startswith(b"(EARLIER)")]
    return Spans(found for line in lines for found in ranges(line))
