"""The layers of confinement that are neither a filter nor Landlock: an empty network namespace, capabilities,
limits, memory that others cannot read. Each is taken on, and looked at again.

Sources: capabilities(7), network_namespaces(7), linux/capability.h, linux/prctl.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from policy import seccomp

# Files of whoever it may be: an appliance that runs as root is given folders of other users.
FILES_OF_OTHERS = frozenset({1, 2})  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_PR_CAPBSET_DROP = 24
_PR_GET_NO_NEW_PRIVS = 39
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_HEADER = struct.pack("<Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
_SETS = struct.Struct("<6I")  # effective, permitted, inheritable: the low words, then the high ones
_SETPCAP = 8
_SYS_ADMIN = 1 << 21
_ADDRESSES = ("/proc/self/net/fib_trie", "/proc/self/net/if_inet6")


def take_no_new_privs() -> None:
    """No program started from now on has more rights than this process."""
    seccomp.prctl(seccomp.PR_SET_NO_NEW_PRIVS, 1)


def has_no_new_privs() -> bool:
    """Whether it holds."""
    return seccomp.prctl(_PR_GET_NO_NEW_PRIVS) == 1


def take_undumpable() -> None:
    """Others of the same user can neither attach to this process nor read its memory."""
    seccomp.prctl(_PR_SET_DUMPABLE, 0)


def is_undumpable() -> bool:
    """Whether it holds."""
    return seccomp.prctl(_PR_GET_DUMPABLE) == 0


def leave_network() -> None:
    """Move to an empty network namespace, unless this one is.

    Raises:
        OSError: the kernel grants none.
    """
    if has_no_network():
        return
    user, group = os.geteuid(), os.getegid()
    try:
        seccomp.unshare(_CLONE_NEWNET)
        return
    except OSError:  # a plain user needs a user namespace to be allowed to
        seccomp.prctl(_PR_SET_DUMPABLE, 1)  # who changed its user would not own its own maps
        seccomp.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(line)


def has_no_network() -> bool:
    """Whether no address is this namespace's, not even a loopback: nothing is sent then, and nothing comes.

    Interfaces do not count: some kernels put tunnels that are down into every namespace.
    """
    return not any(map(_entries, _ADDRESSES))


def _entries(path: str) -> list[bytes]:
    """The lines of a table of addresses, without the names of parts of it."""
    try:
        return [line for line in Path(path).read_bytes().splitlines() if not line.endswith(b":")]
    except FileNotFoundError:  # this kernel has no IPv6, or no IP at all
        return []


def drop_capabilities(kept: frozenset[int]) -> None:
    """Give up every capability but those, for good: root is then a user id, and a hard limit is hard."""
    effective, *_ = _capabilities()
    kept = frozenset(each for each in kept if effective >> each & 1)
    # Without CAP_SETPCAP a process, such as a plain user's, keeps the set and can never use it.
    for capability in range(64) if effective >> _SETPCAP & 1 else ():
        try:
            if capability not in kept:
                seccomp.prctl(_PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:  # past the kernel's last
                break
            raise
    seccomp.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    word = sum(1 << each for each in kept)
    seccomp.syscall("capset", _HEADER, _SETS.pack(word, word, 0, 0, 0, 0))


def has_only(kept: frozenset[int]) -> bool:
    """Whether it has no other capability, and the kernel gives it none back."""
    allowed = sum(1 << each for each in kept)
    if any(each & ~allowed for each in _capabilities()):
        return False
    try:
        seccomp.syscall("capset", _HEADER, _SETS.pack(_SYS_ADMIN, _SYS_ADMIN, 0, 0, 0, 0))
    except OSError as error:
        return error.errno == errno.EPERM
    return False


def _capabilities() -> tuple[int, int, int]:
    """The effective, permitted and inheritable ones, a bit each."""
    sets = ctypes.create_string_buffer(_SETS.size)
    seccomp.syscall("capget", _HEADER, ctypes.addressof(sets))
    low, high = (words[:3] for words in (_SETS.unpack(sets), _SETS.unpack(sets)[3:]))
    return low[0] | high[0] << 32, low[1] | high[1] << 32, low[2] | high[2] << 32


def take_limits(limits: Mapping[int, int]) -> None:
    """Set hard limits, or leave those that are lower."""
    for kind, ceiling in limits.items():
        _, hard = resource.getrlimit(kind)
        ceiling = ceiling if hard == resource.RLIM_INFINITY else min(ceiling, hard)
        resource.setrlimit(kind, (ceiling, ceiling))


def has_limits(kinds: Iterable[int]) -> bool:
    """Whether these have an end, and it cannot be moved up."""
    for kind in kinds:
        soft, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or soft != hard:
            return False
        try:
            resource.setrlimit(kind, (soft, hard + 1))
        except (ValueError, OSError):
            continue
        return False
    return True
