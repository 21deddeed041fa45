"""The egress watch: every attempt of a process and its descendants to get out is refused, seen and counted.

`install_watch` runs in the process to be watched, before anything else; `Watch` in the process that holds the
listener (the guard), which is not under the filter. Standard library only: the guard imports nothing more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

from policy import seccomp
from policy.confine import SELF_TEST_PROTOCOL
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

_KEPT = 1000  # attempts kept in full; all are counted


@dataclass(frozen=True)
class Attempt:
    """One refused attempt."""

    at: float  # UTC seconds since the epoch
    process: str  # the command name of who tried, printable ASCII
    call: str  # "socket", "connect", "sendto"…
    family: int  # of socket(): AF_INET and so on; -1 for the other calls
    kind: int  # SOCK_STREAM and so on; -1 for the other calls
    protocol: int


@dataclass(frozen=True)
class EgressReport:
    """What the watch has seen so far."""

    attempts: list[Attempt]  # the first thousand
    total: int  # all of them, but for self-tests
    self_tests: int  # attempts that our own processes make to prove that they fail


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


class Watch:
    """Answers a listener in a thread of its own until `close`, or until the last watched process is gone."""

    def __init__(self, listener: int) -> None:
        here = seccomp.machine()
        self._names = {seccomp.number(name, here): name for name in _RULES}
        self._listener = listener
        self._wake = os.eventfd(0)
        self._lock = threading.Lock()
        self._attempts: list[Attempt] = []
        self._total = 0
        self._self_tests = 0
        self._thread = threading.Thread(target=self._run, name="egress-watch", daemon=True)
        self._thread.start()

    def report(self) -> EgressReport:
        """What was seen so far."""
        with self._lock:
            return EgressReport(list(self._attempts), self._total, self._self_tests)

    def close(self) -> None:
        """Stop answering and close the listener: from now on the kernel refuses by itself."""
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._wake)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        try:
            while True:
                ready = dict(poll.poll())
                if self._wake in ready or ready.get(self._listener, 0) & select.POLLHUP:
                    return
                self._answer_one()
        finally:
            os.close(self._listener)

    def _answer_one(self) -> None:
        notification = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, notification)
            number, pid, _, nr, _, _, *arguments = _NOTIFICATION.unpack(notification)
            self._record(number, pid, self._names.get(nr, str(nr)), arguments)
            fcntl.ioctl(self._listener, _SEND, _RESPONSE.pack(number, 0, -errno.EPERM, 0))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINTR):  # the caller was killed while it waited
                raise

    def _record(self, number: int, pid: int, call: str, arguments: list[int]) -> None:
        family, kind, protocol = (a & _LOW_WORD for a in arguments[:3])
        kind &= 0xF  # without SOCK_CLOEXEC and SOCK_NONBLOCK
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
        attempt = Attempt(time.time(), self._name(number, pid), call, family, kind, protocol)
        with self._lock:
            self._total += 1
            if len(self._attempts) < _KEPT:
                self._attempts.append(attempt)

    def _name(self, number: int, pid: int) -> str:
        try:
            with open(f"/proc/{pid}/comm", "rb") as comm:
                name = comm.read(16).rstrip(b"\n")
            fcntl.ioctl(self._listener, _ID_VALID, struct.pack("=Q", number))  # else the pid may be another's
        except OSError:
            return "?"
        return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in name)
