"""The system calls of a program that concern sockets, as `strace` saw them from outside."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_WATCHED = "connect,sendto,sendmsg,sendmmsg,socket,bind"
_LINE = re.compile(r"^(?P<pid>\d+)(?:<(?P<process>.*?)>)? +(?P<rest>.*)$")
_PID = re.compile(r"^(\d+)", re.MULTILINE)
_ENDING = re.compile(r"^(\d+).*\+\+\+ (?:exited|killed|superseded)", re.MULTILINE)
_BEGUN = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"^<\.\.\. (?P<name>\w+) resumed>(?P<arguments>.*)\) += (?P<result>.*)$")
_WHOLE = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>.*)$")
_PLACE = re.compile(
    r"sa_family=AF_INET6?, sin6?_port=htons\((?P<port>\d+)\),.*?"
    r'(?:inet_addr\(|inet_pton\(AF_INET6, )"(?P<address>[^"]+)"'
)
_UNIX_PATH = re.compile(r'sun_path=@?"(?P<path>[^"]*)"')
_REFUSALS = (" EPERM ", " EACCES ", " ENOSYS ")  # of a filter, of Landlock, of a watch that is gone
_WITHIN = ("AF_UNIX", "AF_NETLINK")  # other programs of this machine, and the kernel
_DNS = 53

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Call:
    """One system call."""

    pid: int
    process: str  # the name it gives itself
    name: str
    arguments: str
    result: str

    @property
    def refused(self) -> bool:
        """Whether it was not let through at all. A network that cannot be reached is no refusal."""
        return any(code in self.result + " " for code in _REFUSALS)

    @property
    def place(self) -> tuple[str, int] | None:
        """The internet address and port that it names."""
        found = _PLACE.search(self.arguments)
        return (found["address"], int(found["port"])) if found else None

    @property
    def path(self) -> str | None:
        """The Unix socket that it names."""
        found = _UNIX_PATH.search(self.arguments)
        return found["path"] if found else None


@dataclass(frozen=True)
class Traced:
    """What became of them, in the order of the calls."""

    calls: tuple[Call, ...]

    def sockets(self) -> list[Call]:
        """Sockets made of any family that could reach a network."""
        made = [call for call in self.calls if call.name == "socket" and not call.refused]
        return [call for call in made if not call.arguments.startswith(_WITHIN)]

    def bound(self) -> list[Call]:
        """Internet sockets that were given an address."""
        return [call for call in self.calls if call.name == "bind" and call.place and not call.refused]

    def went(self) -> list[Call]:
        """Calls that were let through and would reach, or reached, an internet address: connections, and what
        was sent to an address, or on a socket that was made for the internet."""
        sending = ("connect", "sendto", "sendmsg", "sendmmsg")
        internet = [call for call in self.sockets() if call.arguments.startswith("AF_INET")]
        ours = {inode for call in internet if (inode := _inode(call.result))}
        return [
            call
            for call in self.calls
            if call.name in sending
            and not call.refused
            and (call.place or _inode(call.arguments.partition(",")[0]) in ours)
        ]

    def asked(self) -> list[Call]:
        """Attempts to have a name looked up: by DNS, or of another program by a Unix socket."""
        looking = [call for call in self.calls if call.name in ("connect", "sendto", "sendmsg", "sendmmsg")]
        return [
            call
            for call in looking
            if (call.place and call.place[1] == _DNS) or (call.path and not call.path.endswith("/api.sock"))
        ]


def tracing(into: Path) -> list[str]:
    """What is put before a command to trace it and all that it starts; the test is skipped without strace.

    It stops at the calls in question only, by a seccomp filter of strace's own: without that the whole takes
    many times as long. So it sees all that is let through, and not what another filter refuses, whose answer
    comes before strace is asked: that is counted by the service's own watch.
    """
    if not shutil.which("strace"):
        print("strace is not installed: apt-get install strace")
        pytest.skip("strace is not installed")
    # -D: the traced process is the one that is started, and is signalled and waited for as if it were alone.
    return ["strace", "-D", "-f", "--seccomp-bpf", "-Y", "-y", "-q", "-s", "8", "-e", f"trace={_WATCHED}",
            "-o", str(into), "--"]  # fmt: skip


def read(path: Path) -> Traced:
    """What was written so far."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return Traced(tuple(_calls(lines)))


def finished(path: Path) -> Traced:
    """All that was written, once the process that was started and all below it have ended."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        text = path.read_text(encoding="utf-8", errors="replace")
        seen = set(_PID.findall(text))
        if seen and seen == set(_ENDING.findall(text)):
            return read(path)
        time.sleep(0.05)
    raise AssertionError(f"processes {seen} were seen, and not all of them to end")


def _calls(lines: Iterator[str]) -> Iterator[Call]:
    begun: dict[int, str] = {}
    for line in lines:
        if not (found := _LINE.match(line.rstrip("\n"))):
            continue
        pid, process, rest = int(found["pid"]), found["process"] or "?", found["rest"]
        if part := _BEGUN.match(rest):
            begun[pid] = part["arguments"]
        elif part := _ENDED.match(rest):
            arguments = begun.pop(pid, "") + part["arguments"]
            yield Call(pid, process, part["name"], arguments, part["result"])
        elif part := _WHOLE.match(rest):
            yield Call(pid, process, part["name"], part["arguments"], part["result"])


def _inode(text: str) -> str | None:
    found = re.search(r"<(?:\w+:)?\[(\d+)\]", text)
    return found[1] if found else None
