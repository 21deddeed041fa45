"""The egress watch: every attempt of a process and its descendants to get out is refused, seen and counted.

`install_watch` runs in the process to be watched, before anything else; `Watch` in the process that holds the
listeners (the guard), which is not under the filter. Standard library only: the guard imports nothing more.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

from policy import seccomp
from policy.calls import SELF_TEST_PROTOCOL
from policy.errors import ConfinementError
from policy.seccomp import DENY, Rule, Verdict, When

_LOW_WORD = 0xFFFFFFFF
_MSG_FASTOPEN = 0x20000000


def _asked_if_fastopen(argument: int) -> Rule:
    return Rule(Verdict.ALLOW, (When(argument, _MSG_FASTOPEN, _MSG_FASTOPEN, Verdict.ASK),))


# Why this is complete: to reach a network one needs an internet socket that is not yet connected.
# * Made by socket(): asked. socketpair() makes none but AF_UNIX (others fail in the kernel). socketcall() is
#   of a foreign ABI, and io_uring could make one behind the filter: both refused.
# * Inherited: the listening sockets; and what accept() gives on them. A listener can be shut down and an
#   accepted one disconnected, and either then connected elsewhere, so connect() is asked, and so are the
#   three sends with MSG_FASTOPEN, which connect too. A plain send on an accepted socket only answers.
# * Taken from another process (ptrace, pidfd_getfd): refused.
# Only AF_UNIX is left, on which nothing is connected either: our processes speak over inherited pairs.
_RULES = {
    "socket": Rule(Verdict.ASK, (When(0, _LOW_WORD, socket.AF_UNIX, Verdict.ALLOW),)),
    "connect": Rule(Verdict.ASK),
    "sendto": _asked_if_fastopen(3),
    "sendmsg": _asked_if_fastopen(2),
    "sendmmsg": _asked_if_fastopen(3),
    **dict.fromkeys(
        ("io_uring_setup", "io_uring_enter", "io_uring_register", "ptrace", "pidfd_getfd"),
        DENY,
    ),
}

# linux/seccomp.h: struct seccomp_notif, struct seccomp_notif_resp and the ioctls made of their sizes.
_NOTIFICATION = struct.Struct("=QII iIQ6Q")
_RESPONSE = struct.Struct("=QqiI")
_RECEIVE = 0xC0502100
_SEND = 0xC0182101
_ID_VALID = 0x40082102

_GREETING = b"w"

# Attempts kept in full, and processes counted by name: a process can call itself what it likes, ever anew.
_KEPT = 1000
_NAMES = 64
OTHERS = "others"  # counts for all whose names came later

# Where an address stands among a call's arguments, or behind them.
_ADDRESS_ARGUMENTS = {"connect": (1, 2), "sendto": (4, 5)}  # pointer, length
_MESSAGE_CALLS = ("sendmsg", "sendmmsg")  # a struct msghdr, or an array that begins with one
_MESSAGE = struct.Struct("=QI")  # msg_name, msg_namelen
_LONGEST_ADDRESS = 128  # sizeof(struct sockaddr_storage)
_FAMILY = struct.Struct("=H")


@dataclass(frozen=True)
class Attempt:
    """One refused attempt."""

    at: float  # UTC seconds since the epoch
    process: str  # who tried: the name that the guard knows it by, else its command name; printable ASCII
    call: str  # "socket", "connect", "sendto"…
    family: int  # of socket(): AF_INET and so on; -1 for the other calls
    kind: int  # SOCK_STREAM and so on; -1 for the other calls
    protocol: int
    destination: str | None = None  # ADDRESS:PORT or [ADDRESS]:PORT, where it can be known


@dataclass(frozen=True)
class EgressReport:
    """What the watch has seen so far."""

    attempts: list[Attempt]  # the first thousand
    total: int  # all of them, but for self-tests
    self_tests: int  # attempts that our own processes make to prove that they fail
    by_process: dict[str, int]  # how the total is made up; OTHERS beyond 64 names


def install_watch() -> int:
    """Put this process, and all that it will start, under the watch for ever.

    Call it before the process starts a thread. Whoever holds the returned listener answers; until it does,
    attempts wait, and once it is closed everywhere the kernel refuses them (ENOSYS).

    Returns:
        The listener: pass it to the guard and close it here before `confine`, whose self-test wants answers.

    Raises:
        ConfinementError: the kernel has no such filter, or threads run already.
    """
    if len(os.listdir("/proc/self/task")) > 1:
        raise ConfinementError("the watch comes too late: threads run already")
    return seccomp.load(_RULES, seccomp.FLAG_NEW_LISTENER)


def hand_over(to: socket.socket) -> None:
    """Put this process under the watch of who holds the other end, which calls `Watch.take_over`.

    Raises:
        ConfinementError: as `install_watch`.
    """
    listener = install_watch()
    try:
        socket.send_fds(to, [_GREETING], [listener])
    except OSError as error:
        raise ConfinementError("there is nobody to watch") from error
    finally:
        os.close(listener)


class Watch:
    """Answers listeners in a thread of its own until `close`; one whose processes are gone is let go of."""

    def __init__(self, *listeners: int) -> None:
        here = seccomp.machine()
        self._calls = {seccomp.number(name, here): name for name in _RULES}
        self._wake = os.eventfd(0)
        self._lock = threading.Lock()
        self._names: dict[int, str | None] = {}  # by listener
        self._closed = False
        self._attempts: list[Attempt] = []
        self._by_process: dict[str, int] = {}
        self._self_tests = 0
        for listener in listeners:
            self.add(listener)
        self._thread = threading.Thread(target=self._run, name="egress-watch", daemon=True)
        self._thread.start()

    def add(self, listener: int, name: str | None = None) -> None:
        """Answer this listener too, which is the watch's from now on.

        Args:
            name: what its processes are called, whatever they call themselves; None: as they call themselves.
        """
        with self._lock:
            if self._closed:
                os.close(listener)
                return
            self._names[listener] = name
            os.eventfd_write(self._wake, 1)

    def take_over(self, sock: socket.socket, name: str) -> None:
        """Add the listener of who calls `hand_over` at the other end, unless it ends before."""
        with contextlib.suppress(OSError):
            _, listeners, _, _ = socket.recv_fds(sock, len(_GREETING), 1, socket.MSG_CMSG_CLOEXEC)
            for listener in listeners:
                self.add(listener, name)

    def report(self) -> EgressReport:
        """What was seen so far."""
        with self._lock:
            total = sum(self._by_process.values())
            return EgressReport(list(self._attempts), total, self._self_tests, dict(self._by_process))

    def close(self) -> None:
        """Stop answering and close the listeners: from now on the kernel refuses by itself."""
        with self._lock:
            self._closed = True
            os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._wake)

    def _run(self) -> None:
        try:
            self._answer()
        finally:  # whatever happens: with its listener closed, the kernel refuses
            self._closed = True
            for listener in list(self._names):
                self._let_go(listener)

    def _answer(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while not self._closed:
            for ready, event in poll.poll():  # one answer to each, so that none keeps the others waiting
                if ready == self._wake:
                    os.eventfd_read(self._wake)
                    with self._lock:
                        added = list(self._names)
                    for listener in added:
                        poll.register(listener, select.POLLIN)
                elif event & select.POLLIN:
                    self._answer_one(ready)
                else:  # all that it watched are gone
                    poll.unregister(ready)
                    self._let_go(ready)

    def _let_go(self, listener: int) -> None:
        with self._lock:  # its number may be another's as soon as it is closed
            del self._names[listener]
            os.close(listener)

    def _answer_one(self, listener: int) -> None:
        notification = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, notification)
            number, pid, _, nr, _, _, *arguments = _NOTIFICATION.unpack(notification)
            self._record(listener, number, pid, self._calls.get(nr, str(nr)), arguments)
            fcntl.ioctl(listener, _SEND, _RESPONSE.pack(number, 0, -errno.EPERM, 0))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINTR):  # the caller was killed while it waited
                raise

    def _record(self, listener: int, number: int, pid: int, call: str, arguments: list[int]) -> None:
        family, kind, protocol = (a & _LOW_WORD for a in arguments[:3])
        kind &= 0xF  # without SOCK_CLOEXEC and SOCK_NONBLOCK
        destination = None
        if call != "socket":
            if arguments[0] & _LOW_WORD == _LOW_WORD:  # no such descriptor: confine.self_test
                call = ""
            family = kind = protocol = -1
        elif (family, kind, protocol) == (socket.AF_INET, socket.SOCK_DGRAM, SELF_TEST_PROTOCOL):
            call = ""
        if not call:
            with self._lock:
                self._self_tests += 1
            return
        name = self._names[listener] or _command(pid)
        if len(self._attempts) < _KEPT and call != "socket":
            destination = _destination(pid, call, arguments)
        if not _still_asking(listener, number):  # else what was read may be another's, who has its pid now
            name, destination = self._names[listener] or "?", None
        attempt = Attempt(time.time(), name, call, family, kind, protocol, destination)
        with self._lock:
            if name not in self._by_process and len(self._by_process) >= _NAMES:
                name = OTHERS
            self._by_process[name] = self._by_process.get(name, 0) + 1
            if len(self._attempts) < _KEPT:
                self._attempts.append(attempt)


def _still_asking(listener: int, number: int) -> bool:
    try:
        fcntl.ioctl(listener, _ID_VALID, struct.pack("=Q", number))
    except OSError:
        return False
    return True


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", "rb") as comm:
            name = comm.read(16).rstrip(b"\n")
    except OSError:
        return "?"
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in name)


def _destination(pid: int, call: str, arguments: list[int]) -> str | None:
    """Where to, read from the memory of who tried: the kernel lets root, and who made its user namespace.

    It may write something else there a moment later. That matters to nobody: it is refused either way.
    """
    unreadable = contextlib.suppress(OSError, OverflowError, ValueError, struct.error)
    with unreadable, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        if call in _MESSAGE_CALLS:
            memory.seek(arguments[1])
            pointer, length = _MESSAGE.unpack(memory.read(_MESSAGE.size))
        else:
            pointer, length = (arguments[at] for at in _ADDRESS_ARGUMENTS[call])
        memory.seek(pointer)
        return _shown(memory.read(min(length & _LOW_WORD, _LONGEST_ADDRESS)))
    return None


def _shown(untrusted_address: bytes) -> str:
    (family,) = _FAMILY.unpack_from(untrusted_address)
    port = int.from_bytes(untrusted_address[2:4], "big")
    if family == socket.AF_INET:
        return f"{ipaddress.IPv4Address(untrusted_address[4:8])}:{port}"
    if family == socket.AF_INET6:
        return f"[{ipaddress.IPv6Address(untrusted_address[8:24])}]:{port}"
    return f"family {family}"  # a path, say; it may hold anything
