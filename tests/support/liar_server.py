"""A scripted mail server on loopback: honest by itself, able to lie, stall or hang up where a test says.

It speaks real IMAP over real sockets, one thread for each connection, and writes down all that it is told.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

USER, PASSWORD, TOKEN = "owner", 'pass "word\\', "ya29.token"


class HungUp(Exception):
    """The conversation is over, by the script or by the client."""


@dataclass(frozen=True)
class Command:
    """One command of the client."""

    tag: bytes
    name: bytes  # upper case; `UID FETCH` and `UID SEARCH` are two words
    rest: bytes


class Talk:
    """One connection, seen from the server.

    Args:
        cut: hang up after so many bytes said; None: never.
        garbled: bytes said in place of others, by their offset in all that is said.
    """

    def __init__(
        self, sock: socket.socket, heard: list[bytes], cut: int | None, garbled: Mapping[int, int]
    ) -> None:
        self.sock = sock
        self.said = 0
        self._heard = heard
        self._cut = cut
        self._garbled = garbled
        self._buffer = b""

    def say(self, data: bytes) -> None:
        """Send bytes as they are, or up to the cut."""
        if self._garbled:
            data = bytes(self._garbled.get(self.said + at, byte) for at, byte in enumerate(data))
        allowed = data if self._cut is None else data[: max(self._cut - self.said, 0)]
        try:
            self.sock.sendall(allowed)
        except OSError as error:
            raise HungUp from error
        self.said += len(allowed)
        if self._cut is not None and self.said >= self._cut:
            raise HungUp

    def line(self) -> bytes:
        """The client's next line, without its end."""
        while b"\r\n" not in self._buffer:
            try:
                chunk = self.sock.recv(65536)
            except OSError as error:
                raise HungUp from error
            if not chunk:
                raise HungUp
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        self._heard.append(line)
        return line

    def command(self) -> Command:
        """The client's next command."""
        tag, _, rest = self.line().partition(b" ")
        name, _, rest = rest.partition(b" ")
        if name.upper() == b"UID":
            second, _, rest = rest.partition(b" ")
            name += b" " + second
        return Command(tag, name.upper(), rest)

    def secure(self, context: ssl.SSLContext) -> None:
        """Begin TLS."""
        try:
            self.sock = context.wrap_socket(self.sock, server_side=True)
        except OSError as error:
            raise HungUp from error


Script = Callable[[Talk], None]
Answer = Callable[[Talk, Command], None]


class Server:
    """Listens; every connection runs `script`, which may be exchanged at any time."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.cut: int | None = None
        self.garbled: Mapping[int, int] = {}
        self.heard: list[bytes] = []  # every line of every client
        self.talks: list[Talk] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End it and all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for talk in self.talks:
            with contextlib.suppress(OSError):
                talk.sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            talk = Talk(sock, self.heard, self.cut, self.garbled)
            self.talks.append(talk)
            thread = threading.Thread(target=self._run, args=(talk, self.script), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, talk: Talk, script: Script) -> None:
        with contextlib.suppress(HungUp):
            script(talk)
        talk.sock.close()


@contextlib.contextmanager
def serving(script: Script) -> Iterator[Server]:
    """A server for the length of a test."""
    server = Server(script)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True)
class Honest:
    """A plain, well-behaved server of two folders. `but` replaces its answer to single commands."""

    capabilities: bytes = b"IMAP4rev1 IDLE AUTH=PLAIN AUTH=XOAUTH2"
    messages: Mapping[int, bytes] = field(
        default_factory=lambda: {7: b"From: a\r\n\r\nseven\r\n", 9: b"nine"}
    )
    uidvalidity: int = 42
    vanished: bytes = b""  # told when it is asked for by QRESYNC
    news: tuple[bytes, ...] = (b"* 3 EXISTS\r\n",)  # told while the client idles
    greeting: bytes = b"* OK here\r\n"
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    but: Mapping[bytes, Answer] = field(default_factory=dict)

    def lying(self, name: str, answer: Answer) -> Honest:
        """The same with another answer to one command."""
        return replace(self, but={**self.but, name.encode(): answer})

    def __call__(self, talk: Talk) -> None:
        if self.implicit_tls and self.tls is not None:
            talk.secure(self.tls)
        talk.say(self.greeting)
        while True:
            command = talk.command()
            own = "_" + command.name.decode("ascii", "replace").lower().replace(" ", "_")
            honest: Answer = getattr(self, own, self._unknown)
            answer = self.but.get(command.name, honest)
            answer(talk, command)

    def _unknown(self, talk: Talk, command: Command) -> None:
        talk.say(command.tag + b" BAD what?\r\n")

    def _capability(self, talk: Talk, command: Command) -> None:
        talk.say(b"* CAPABILITY " + self.capabilities + b"\r\n" + command.tag + b" OK done\r\n")

    def _starttls(self, talk: Talk, command: Command) -> None:
        talk.say(command.tag + b" OK begin\r\n")
        assert self.tls is not None
        talk.secure(self.tls)

    def _login(self, talk: Talk, command: Command) -> None:
        right = command.rest == b'"owner" "pass \\"word\\\\"'
        said = b" OK in\r\n" if right else b" NO [AUTHENTICATIONFAILED] not " + command.rest + b"\r\n"
        talk.say(command.tag + said)

    def _authenticate(self, talk: Talk, command: Command) -> None:
        talk.say(b"+ \r\n")
        given = base64.b64decode(talk.line())
        if command.rest == b"PLAIN":
            right = given == f"\0{USER}\0{PASSWORD}".encode()
        else:
            right = given == f"user={USER}\1auth=Bearer {TOKEN}\1\1".encode()
            if not right:
                talk.say(b"+ " + base64.b64encode(b'{"status":"401","schemes":"bearer"}') + b"\r\n")
                right = talk.line() != b""  # an error is to be answered by nothing
        talk.say(command.tag + (b" OK in\r\n" if right else b" NO [AUTHENTICATIONFAILED] no\r\n"))

    def _enable(self, talk: Talk, command: Command) -> None:
        talk.say(b"* ENABLED " + command.rest + b"\r\n" + command.tag + b" OK done\r\n")

    def _list(self, talk: Talk, command: Command) -> None:
        talk.say(b'* LIST (\\HasNoChildren) "/" INBOX\r\n* LIST (\\Noselect) NIL "&AMQ-rger &- {3}"\r\n')
        talk.say(b'* LIST (\\Junk) "/" {4}\r\nJu\\k\r\n' + command.tag + b" OK done\r\n")

    def _examine(self, talk: Talk, command: Command) -> None:
        if not command.rest.startswith(b'"INBOX"'):
            talk.say(command.tag + b" NO [NONEXISTENT] no such folder\r\n")
            return
        last = max(self.messages, default=0)
        talk.say(b"* %d EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n" % len(self.messages))
        talk.say(b"* OK [UIDVALIDITY %d] yes\r\n* OK [UIDNEXT %d] next\r\n" % (self.uidvalidity, last + 1))
        if b"CONDSTORE" in self.capabilities or b"QRESYNC" in self.capabilities:
            talk.say(b"* OK [HIGHESTMODSEQ 77] it\r\n")
        if b"QRESYNC" in command.rest:
            talk.say(
                b"* VANISHED (EARLIER) " + self.vanished + b"\r\n* 1 FETCH (UID 7 FLAGS () MODSEQ (77))\r\n"
            )
        talk.say(command.tag + b" OK [READ-ONLY] open\r\n")

    def _uid_search(self, talk: Talk, command: Command) -> None:
        asked = re.search(rb"UID (\d+):\*", command.rest)
        uids = [uid for uid in self.messages if uid >= (int(asked[1]) if asked else 1)]
        uids = uids or list(self.messages)[-1:]  # n:* always has the last
        if command.rest.startswith(b"RETURN"):
            listed = ",".join(map(str, uids)).encode()
            talk.say(b'* ESEARCH (TAG "' + command.tag + b'") UID ALL ' + listed + b"\r\n")
        else:
            talk.say(b"* SEARCH" + "".join(f" {uid}" for uid in uids).encode() + b"\r\n")
        talk.say(command.tag + b" OK done\r\n")

    def _uid_fetch(self, talk: Talk, command: Command) -> None:
        stretch = re.search(rb"BODY\.PEEK\[\]<(\d+)\.(\d+)>", command.rest)
        for number, (uid, content) in enumerate(self.messages.items(), 1):
            if not _named(uid, command.rest.split(b" ")[0]):
                continue
            if stretch is None:
                talk.say(b"* %d FETCH (UID %d)\r\n" % (number, uid))
                continue
            start, length = int(stretch[1]), int(stretch[2])
            talk.say(fetched(number, uid, content[start : start + length], start, size=len(content)))
        talk.say(command.tag + b" OK done\r\n")

    def _idle(self, talk: Talk, command: Command) -> None:
        talk.say(b"+ idling\r\n")
        for news in self.news:
            talk.say(news)
        talk.line()
        talk.say(command.tag + b" OK idled\r\n")

    def _noop(self, talk: Talk, command: Command) -> None:
        talk.say(b"".join(self.news) + command.tag + b" OK done\r\n")


def fetched(number: int, uid: int, content: bytes, start: int = 0, *, size: int = 0) -> bytes:
    """An honest FETCH answer."""
    head = b'* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE "21-Nov-2026 06:30:00 +0100" BODY[]<%d> {%d}\r\n'
    return head % (number, uid, size or len(content), start, len(content)) + content + b")\r\n"


def _named(uid: int, written: bytes) -> bool:
    for part in written.split(b","):
        first, _, last = part.partition(b":")
        if int(first) <= uid and (last == b"*" or uid <= int(last or first)):
            return True
    return False


def saying(*parts: bytes, ok: bool = True) -> Answer:
    """An answer of these bytes, with its tagged end unless the lie is that there is none."""

    def answer(talk: Talk, command: Command) -> None:
        for part in parts:
            talk.say(part.replace(b"TAG", command.tag))
        if ok:
            talk.say(command.tag + b" OK done\r\n")

    return answer


def flooding(part: bytes) -> Answer:
    """The same without end."""

    def answer(talk: Talk, _: Command) -> None:
        while True:
            talk.say(part)

    return answer


def dripping(part: bytes) -> Answer:
    """Byte after byte, slowly, without end."""

    def answer(talk: Talk, _: Command) -> None:
        while True:
            talk.say(part)
            threading.Event().wait(0.02)

    return answer


def silent(talk: Talk, _: Command) -> None:
    """Nothing."""
    talk.line()
