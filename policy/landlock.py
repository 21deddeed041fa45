"""Which TCP ports a process may connect to, and which files it may open, by Landlock: a layer above seccomp,
which sees neither addresses nor paths.

Sources: linux/landlock.h, Documentation/userspace-api/landlock.rst.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from policy import seccomp
from policy.errors import ConfinementError

_ABI_WITH_NETWORK = 4
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_BIND, _CONNECT = 1, 2  # LANDLOCK_ACCESS_NET_*
_NET_PORT = 2  # LANDLOCK_RULE_NET_PORT
_RULESET = struct.Struct("=QQ")  # handled_access_fs, handled_access_net
_PORT = struct.Struct("=QQ")  # allowed_access, port

# LANDLOCK_ACCESS_FS_*, and how many of them each version of the ABI knows, which are the lowest bits
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}
_KNOWN_LATER = 16
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
_PATH = struct.Struct("=Qi")  # allowed_access, parent_fd
_READING = _READ_FILE | _READ_DIR
_WRITING = _READING | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE


def version() -> int:
    """Of the kernel's interface; 0 where there is none, or it is turned off."""
    try:
        return seccomp.syscall("landlock_create_ruleset", 0, 0, _VERSION)
    except OSError:
        return 0


def connect_only(*ports: int) -> bool:
    """From now on connect by TCP to these ports only, on whatever host, and bind none, for ever.

    Returns:
        False where the kernel is too old for it (before 6.7) or has it off; then nothing has changed.

    Raises:
        ConfinementError: it began and could not be finished.
    """
    try:
        if version() < _ABI_WITH_NETWORK:
            return False
        seccomp.prctl(seccomp.PR_SET_NO_NEW_PRIVS, 1)
        handled = _RULESET.pack(0, _BIND | _CONNECT)
        ruleset = seccomp.syscall("landlock_create_ruleset", handled, len(handled), 0)
    except OSError:
        return False
    try:
        for port in ports:
            rule = ctypes.create_string_buffer(_PORT.pack(_CONNECT, port))
            seccomp.syscall("landlock_add_rule", ruleset, _NET_PORT, ctypes.addressof(rule), 0)
        seccomp.syscall("landlock_restrict_self", ruleset, 0)
    except OSError as error:
        raise ConfinementError(f"Landlock does not hold: {error.strerror}") from error
    finally:
        os.close(ruleset)
    return True


def open_only(readable: Iterable[str], folder: Path | None) -> None:
    """From now on read only below these paths, write only below the folder and execute nothing, for ever.

    What is open stays open. Paths that do not exist are left out.

    Raises:
        ConfinementError: this kernel has no Landlock (before 5.13), or it is turned off.
    """
    try:
        handled = (1 << _KNOWN.get(version(), _KNOWN_LATER)) - 1
        seccomp.prctl(seccomp.PR_SET_NO_NEW_PRIVS, 1)
        attributes = _RULESET.pack(handled, 0)
        ruleset = seccomp.syscall("landlock_create_ruleset", attributes, len(attributes), 0)
        try:
            for path in readable:
                _allow(ruleset, path, _READING)
            if folder is not None:
                _allow(ruleset, str(folder), _WRITING & handled)
            seccomp.syscall("landlock_restrict_self", ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        raise ConfinementError(
            f"the kernel {os.uname().release} refuses Landlock ({error.strerror})",
            remedy="a kernel with CONFIG_SECURITY_LANDLOCK is needed, and landlock in its list of modules",
        ) from error


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            access &= ~_READ_DIR
        rule = ctypes.create_string_buffer(_PATH.pack(access, beneath))
        seccomp.syscall("landlock_add_rule", ruleset, _PATH_BENEATH, ctypes.addressof(rule), 0)
    finally:
        os.close(beneath)
