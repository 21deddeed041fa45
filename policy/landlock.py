"""Landlock: which files this process may open, which TCP ports it may connect to, and that it sends no signal
to others; a layer above seccomp, which sees neither paths nor addresses.

Sources: linux/landlock.h, Documentation/userspace-api/landlock.rst.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from policy import seccomp

ABI_WITH_TCP, ABI_WITH_SCOPE = 4, 6

_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_RULESET = struct.Struct("=QQQ")  # handled_access_fs, handled_access_net, scoped
_BIND, _CONNECT = 1, 2  # LANDLOCK_ACCESS_NET_*
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2  # LANDLOCK_SCOPE_*
_PATH_BENEATH, _NET_PORT = 1, 2  # LANDLOCK_RULE_*
_PATH = struct.Struct("=Qi")  # allowed_access, parent_fd
_PORT = struct.Struct("=QQ")  # allowed_access, port

# LANDLOCK_ACCESS_FS_*, and how many of them each version of the interface knows, which are the lowest bits
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}
_KNOWN_LATER = 16
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV  # the others are of folders
_READING = _READ_FILE | _READ_DIR
_WRITING = _READING | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
_WRITING |= _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER


@dataclass(frozen=True)
class Paths:
    """What may be opened; folders stand for all that is in them, and what does not exist is left out."""

    reads: Iterable[str] | None = ()  # None: everything
    writes: Iterable[str] = ()  # and reads
    executes: Iterable[str] = ()


def version() -> int:
    """Of the kernel's interface; 0 where there is none, or it is turned off."""
    try:
        return seccomp.syscall("landlock_create_ruleset", 0, 0, _VERSION)
    except OSError:
        return 0


def restrict(paths: Paths, ports: Iterable[int] = ()) -> int:
    """From now on open these paths only, connect by TCP to these ports only, on whatever host, bind none, and
    send no signal to a process that this one did not start; for ever. What is open stays open.

    It binds the calling thread and what it starts, so it comes before any other thread.

    Returns:
        The version of the interface: ports need ABI_WITH_TCP, signals ABI_WITH_SCOPE.

    Raises:
        OSError: this kernel has no Landlock (before 5.13), or it is turned off.
    """
    abi = version()
    files = (1 << _KNOWN.get(abi, _KNOWN_LATER)) - 1
    if paths.reads is None:
        files &= ~_READING
    seccomp.prctl(seccomp.PR_SET_NO_NEW_PRIVS, 1)
    handled = _RULESET.pack(
        files,
        _BIND | _CONNECT if abi >= ABI_WITH_TCP else 0,
        _ABSTRACT_SOCKETS | _SIGNALS if abi >= ABI_WITH_SCOPE else 0,
    )
    ruleset = seccomp.syscall("landlock_create_ruleset", handled, len(handled), 0)
    try:
        for allowed, access in (
            (paths.reads or (), _READING),
            (paths.writes, _WRITING),
            (paths.executes, _EXECUTE | _READ_FILE),
        ):
            for path in allowed:
                _allow(ruleset, path, access & files)
        for port in ports if abi >= ABI_WITH_TCP else ():
            rule = ctypes.create_string_buffer(_PORT.pack(_CONNECT, port))
            seccomp.syscall("landlock_add_rule", ruleset, _NET_PORT, ctypes.addressof(rule), 0)
        seccomp.syscall("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what cannot be reached, need not be allowed
        return
    try:
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            access &= _OF_FILES
        if access:
            rule = ctypes.create_string_buffer(_PATH.pack(access, beneath))
            seccomp.syscall("landlock_add_rule", ruleset, _PATH_BENEATH, ctypes.addressof(rule), 0)
    finally:
        # A rule is about an inode, and /proc makes new ones for what it had to forget, when memory is scarce.
        # What is open it does not forget.
        if not path.startswith("/proc/"):
            os.close(beneath)
