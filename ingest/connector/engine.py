"""IMAP's grammar of commands and answers, from `imaplib`, on our own line.

Only what a request asked for is kept of what the server says; the rest is read, counted and forgotten.
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Callable, Iterator, Set
from typing import Any

from ingest.connector.line import Line
from ingest.connector.messages import Failure
from ingest.errors import RemoteFailed

imaplib.Commands.setdefault("IDLE", ("SELECTED",))  # imaplib learnt it in Python 3.14
_ALWAYS = frozenset({"OK", "PREAUTH", "CAPABILITY"})
_CODES = re.compile(  # RFC 5530 and others: known words, so that nothing that a server makes up is passed on
    rb"\[(ALERT|ALREADYEXISTS|AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|CANNOT|CLIENTBUG|CONTACTADMIN|CORRUPTION"
    rb"|EXPIRED|INUSE|LIMIT|NONEXISTENT|NOPERM|OVERQUOTA|PRIVACYREQUIRED|SERVERBUG|TRYCREATE|UNAVAILABLE)\b",
    re.IGNORECASE,
)

Part = bytes | tuple[bytes, bytes]  # of an answer: text, or text that ends in {n} and the n bytes


class Answer:
    """The tagged end of a command, and what was kept before it."""

    def __init__(self, status: str, text: bytes, kept: dict[str, list[Part]]) -> None:
        self.ok = status == "OK"
        self.broken = status == "BAD"
        self._text = text
        self._kept = kept

    def parts(self, kind: str) -> list[Part]:
        """All untagged answers of one kind, in order."""
        return self._kept.get(kind, [])

    def lines(self, kind: str) -> list[bytes]:
        """Those without literals."""
        return [part for part in self.parts(kind) if isinstance(part, bytes)]

    def codes(self, pattern: re.Pattern[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """What OK lines carry in brackets: words, upper case, and their values."""
        for line in self.lines("OK"):
            if found := pattern.match(line):
                yield found[1].upper(), found[2] or b""

    def says(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether the server's own words fit."""
        return pattern.search(self._text) is not None

    def why(self) -> str:
        """The server's reason, as far as it is one of the words that IMAP knows."""
        code = _CODES.search(self._text)
        return f" ({code[1].decode().upper()})" if code else ""


class Engine(imaplib.IMAP4):
    """One conversation. Construction reads the greeting."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.exists = 0  # messages in the opened folder
        self.changed = False  # since the folder was opened, or since it was last told
        self.fetched: Callable[[bytes], None] | None = None  # takes FETCH answers instead of keeping them
        self._kept: Set[str] = _ALWAYS
        super().__init__()
        self.is_readonly = True  # what we ask for is what we get: no complaint about it

    def ask(self, name: str, *arguments: str | bytes, keep: Set[str] = frozenset()) -> Answer:
        """One command, to its tagged answer.

        Raises:
            RemoteFailed: the server said BYE; or whatever the line raises.
        """
        return self.finish(self.begin(name, *arguments, keep=keep))

    def answer_with(self, respond: Callable[[bytes], bytes]) -> None:
        """How the next command answers continuation requests: a bound method, which imaplib insists on."""
        self.literal: Any = respond

    def begin(self, name: str, *arguments: str | bytes, keep: Set[str] = frozenset()) -> bytes:
        """Send a command; returns its tag."""
        self.untagged_responses.clear()
        self._kept = _ALWAYS | keep
        tag: bytes = self._command(name, *arguments)
        return tag

    def finish(self, tag: bytes) -> Answer:
        """Read on to a command's tagged answer."""
        while not self.is_done(tag):
            self.hear()
        ended: Any = self.tagged_commands.pop(tag)
        status, texts = ended
        kept = dict(self.untagged_responses)
        self.untagged_responses.clear()
        return Answer(status, texts[-1] or b"", kept)

    def hear(self) -> bool:
        """Take in one answer; False for a continuation request ("+")."""
        return self._get_response() is not None

    def is_done(self, tag: bytes) -> bool:
        """Whether the tagged answer is in."""
        return self.tagged_commands[tag] is not None

    def learn_capabilities(self) -> frozenset[str]:
        """Ask anew: those told before TLS or before login do not count."""
        lines = self.ask("CAPABILITY").lines("CAPABILITY")
        return frozenset(b" ".join(lines).decode("ascii", "replace").upper().split())

    # ------------------------------------------------------------------- what imaplib leaves to be replaced

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        """The line is there already."""

    def read(self, size: int) -> bytes:
        """A literal."""
        return self.line.read(size)

    def readline(self) -> bytes:
        """A line."""
        return self.line.readline()

    def send(self, data: Any) -> None:
        """To the server."""
        self.line.send(bytes(data))

    def shutdown(self) -> None:
        """Hang up."""
        self.line.close()

    def _log(self, line: str) -> None:
        """Nothing: imaplib would keep the last commands, the login among them."""

    def _append_untagged(self, kind: str, data: Part | None) -> None:
        if kind == "BYE":  # we never ask for it
            raise RemoteFailed(Failure.CLOSED, "the server says goodbye")
        if isinstance(data, bytes):
            self._notice(kind, data)
        if kind == "FETCH" and self.fetched is not None:
            if isinstance(data, bytes):
                self.fetched(data)
        elif kind in self._kept:
            self.untagged_responses.setdefault(kind, []).append(data or b"")

    def _notice(self, kind: str, data: bytes) -> None:
        if kind == "EXISTS":
            if len(data) > 10:
                raise ValueError("no folder holds so many")
            self.changed |= int(data) != self.exists
            self.exists = int(data)
        elif kind == "EXPUNGE":
            self.exists -= 1
            self.changed = True
        elif kind == "VANISHED" and not data.startswith(b"(EARLIER)"):
            self.changed = True
