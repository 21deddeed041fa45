"""What must fail in a confined process, tried from inside; it does nothing should it be let through."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from functools import partial

from policy import calls, seccomp
from policy.calls import Probe

_NO_ENTRY = 13
_CLOSED_PORT = 1  # tcpmux, of which nobody's mail server is


def refused(probe: Probe, *codes: int) -> bool:
    """Whether a call fails with one of these error numbers."""
    return fails(partial(seccomp.syscall, probe.name, *probe.arguments), *codes)


def fails(attempt: Callable[[], object], *codes: int) -> bool:
    """Whether it raises an OSError of one of these numbers."""
    try:
        attempt()
    except OSError as error:
        return error.errno in codes
    return False


def system_calls(probes: tuple[Probe, ...]) -> Iterator[tuple[str, bool]]:
    """Each call by its name, and whether the filter refuses it."""
    for probe in probes:
        # ENOSYS: the watch is gone; nothing gets through all the same
        yield probe.name, refused(probe, errno.EPERM, errno.ENOSYS)
    if seccomp.machine() == "x86_64":
        yield "a call of x32", fails(partial(seccomp.call, calls.X32_GETPID), errno.EPERM)


def files(*, any_read: bool, any_run: bool) -> Iterator[tuple[str, bool]]:
    """Opening what is of no row, and whether Landlock refuses it.

    Args:
        any_read: there is nothing that must not be read.
        any_run: programs may be started, but no shell.
    """
    if not any_read:
        yield "list /", refused(calls.TRY_READING, errno.EACCES)
    # The filter of those who write nothing is the first to refuse it.
    yield "write /dev/zero", refused(calls.TRY_WRITING, errno.EACCES, errno.EPERM)
    if any_run:
        yield "start a shell", _shell_refused()


def _shell_refused() -> bool:
    child = os.fork()
    if child == 0:
        try:
            os.execv("/bin/sh", ("sh", "-c", "exit 0"))
        except PermissionError:
            os._exit(_NO_ENTRY)
        finally:  # whatever was raised, this process is not the one that asked
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == _NO_ENTRY


def other_port() -> tuple[str, bool]:
    """Connecting to another port than those allowed; Landlock refuses it before a packet is made."""
    with socket.socket() as sock:
        return "connect elsewhere", fails(lambda: sock.connect(("127.0.0.1", _CLOSED_PORT)), errno.EACCES)


def signal_to_parent() -> tuple[str, bool]:
    """Asking whether the parent may be sent a signal. In another PID namespace than its it has no number."""
    parent = os.getppid()
    return "signal the parent", parent == 0 or fails(lambda: os.kill(parent, 0), errno.EPERM)
