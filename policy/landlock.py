"""Which TCP ports a process may connect to, by Landlock: a layer above seccomp, which cannot see addresses.

Sources: linux/landlock.h, Documentation/userspace-api/landlock.rst.
"""

from __future__ import annotations

import ctypes
import os
import struct

from policy import seccomp
from policy.errors import ConfinementError

_ABI_WITH_NETWORK = 4
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_BIND, _CONNECT = 1, 2  # LANDLOCK_ACCESS_NET_*
_NET_PORT = 2  # LANDLOCK_RULE_NET_PORT
_RULESET = struct.Struct("=QQ")  # handled_access_fs, handled_access_net
_PORT = struct.Struct("=QQ")  # allowed_access, port


def connect_only(*ports: int) -> bool:
    """From now on connect by TCP to these ports only, on whatever host, and bind none, for ever.

    Returns:
        False where the kernel is too old for it (before 6.7) or has it off; then nothing has changed.

    Raises:
        ConfinementError: it began and could not be finished.
    """
    try:
        if seccomp.syscall("landlock_create_ruleset", 0, 0, _VERSION) < _ABI_WITH_NETWORK:
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
