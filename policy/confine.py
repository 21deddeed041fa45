"""What each process may do to the machine, as a table, and the one function that takes it on.

A process confines itself before its first untrusted byte and cannot undo it; then it tries what must fail.
The filters are assembled in `policy/seccomp.py`, the rules for files in `policy/landlock.py`.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import resource
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from policy import landlock, seccomp
from policy.errors import ConfinementError
from policy.limits import Limits
from policy.seccomp import ABSENT, DENY, Rule, Verdict, When

# RFC 3692 keeps protocol 253 for experiments: no program asks for it, so the watch of `policy/egress.py` can
# tell our own test from an attempt.
SELF_TEST_PROTOCOL = 253

_LOW_WORD = 0xFFFFFFFF
_MSG_FASTOPEN = 0x20000000
_CLONE_THREAD = 0x00010000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC

_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


def _refuse(*names: str) -> dict[str, Rule]:
    return dict.fromkeys(names, DENY)


def _unless(argument: int, mask: int, value: int) -> Rule:
    """Refused unless the masked argument has this value."""
    return Rule(Verdict.DENY, (When(argument, mask, value, Verdict.ALLOW),))


# Nobody here needs these, and each is a way around something else in this file.
_KERNEL = _refuse(
    # asynchronous calls that no filter sees; reaching into other processes; taking their descriptors
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
    *("migrate_pages", "move_pages", "perf_event_open", "bpf", "userfaultfd"),
    # keyrings are shared between processes; handles walk around paths
    *("keyctl", "add_key", "request_key", "name_to_handle_at", "open_by_handle_at", "fanotify_init"),
    # the machine itself
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "syslog"),
    *("swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "iopl", "ioperm", "modify_ldt"),
    *("settimeofday", "clock_settime", "sethostname", "setdomainname"),
    # mounts are set up before confinement
    *("mount", "umount2", "pivot_root", "chroot", "setns", "move_mount", "mount_setattr", "open_tree"),
    *("open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick"),
)

# Nothing is reached by making a socket: all conversations are inherited pairs. A datagram pair is refused
# because sendto() with an address would leave the pair for any Unix socket (journal, resolver); on stream and
# seqpacket pairs the kernel refuses or ignores addresses. A listening socket may be listened on again
# (servers do), never bound elsewhere.
_PAIRS = Rule(
    Verdict.DENY,
    (
        When(0, _LOW_WORD, socket.AF_UNIX, Verdict.DENY, opposite=True),
        When(1, 0xF, socket.SOCK_STREAM, Verdict.ALLOW),
        When(1, 0xF, socket.SOCK_SEQPACKET, Verdict.ALLOW),
    ),
)
_NO_FASTOPEN = {
    "sendto": _unless(3, _MSG_FASTOPEN, 0),
    "sendmsg": _unless(2, _MSG_FASTOPEN, 0),
    "sendmmsg": _unless(3, _MSG_FASTOPEN, 0),
}
_SOCKETS = {"socketpair": _PAIRS, "bind": DENY}
_UNWATCHED = {"socket": DENY, "connect": DENY, **_NO_FASTOPEN}
# Of stacked filters the strictest answer wins and "refuse" beats "ask": a row that refused these itself would
# hide the attempt from the watch. The watch refuses in its place, and so does the kernel when it is gone.
_WATCHED = {"socket": Rule(Verdict.ALLOW, (When(0, _LOW_WORD, socket.AF_UNIX, Verdict.DENY),))}

# Processes that only answer: no server, no program, no signal to others, no change to others' limits.
_ANSWERING = _refuse(
    *("listen", "accept", "accept4", "execve", "execveat", "setns", "unshare"),
    *("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"),
    *("shmget", "msgget", "semget", "mq_open"),
) | {"prlimit64": _unless(0, _LOW_WORD, 0)}

# What Landlock does not see: nothing about a file is changed but its content; no memory is made that
# RLIMIT_DATA and RLIMIT_AS do not count.
_UNTOUCHED = _refuse(
    *("truncate", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat", "file_setattr"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
    *("memfd_create", "memfd_secret"),
)

# No path on any disk is opened for writing, made, renamed or removed; only inherited descriptors are written.
# openat2 hides its flags in memory; its callers fall back to openat.
_READ_ONLY = (
    {"open": _unless(1, _WRITING, 0), "openat": _unless(2, _WRITING, 0), "openat2": ABSENT}
    | _refuse("creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "rmdir")
    | _refuse("mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat")
    | _UNTOUCHED
)

# Threads only. clone3 hides its flags in memory; the C library falls back to clone.
_ALONE = {
    "fork": DENY,
    "vfork": DENY,
    "clone": _unless(0, _CLONE_THREAD, _CLONE_THREAD),
    "clone3": ABSENT,
}


# The dialer alone makes sockets of its own: to resolve a name and to connect, never to be reached. Protocol
# 253 is the self-test's; raw sockets, AF_UNIX (a resolver's or a journal's) and all other families are none.
_DIALING = {
    "socket": Rule(
        Verdict.DENY,
        (
            When(
                0,
                _LOW_WORD & ~(socket.AF_INET ^ socket.AF_INET6),
                socket.AF_INET,
                Verdict.DENY,
                opposite=True,
            ),
            When(2, _LOW_WORD, SELF_TEST_PROTOCOL, Verdict.DENY),
            When(1, 0xF, socket.SOCK_STREAM, Verdict.ALLOW),
            When(1, 0xF, socket.SOCK_DGRAM, Verdict.ALLOW),
        ),
    ),
    **_NO_FASTOPEN,
}

# For a process that has all that it needs in memory.
_NO_FILES = {"open": DENY, "openat": DENY, "openat2": ABSENT}


def _no_limits(_: Limits) -> dict[int, int]:
    return {}


def _worker_limits(limits: Limits) -> dict[int, int]:
    with open("/proc/self/statm", "rb") as statm:
        mapped = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return {
        # Soft = hard: SIGXCPU could be ignored.
        resource.RLIMIT_CPU: limits.parse_cpu_s,
        # What the zygote read in before the fork counts towards RLIMIT_DATA, as it does in RSS.
        resource.RLIMIT_DATA: limits.parse_memory,
        resource.RLIMIT_AS: mapped + limits.parse_memory,  # shared mappings, which RLIMIT_DATA leaves out
        resource.RLIMIT_FSIZE: limits.child_bytes,
        resource.RLIMIT_NOFILE: 64,
    }


def _importer_limits(limits: Limits) -> dict[int, int]:
    # No limit of processor time: a mailbox may take hours. The core ends a splitter that falls silent.
    return {
        resource.RLIMIT_DATA: limits.import_memory,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 16,
    }


def _converter_limits(limits: Limits) -> dict[int, int]:
    return {
        resource.RLIMIT_CPU: 2 * math.ceil(limits.convert_wall_s),
        resource.RLIMIT_DATA: limits.convert_memory,
        resource.RLIMIT_AS: 3 * limits.convert_memory,  # libraries and room that is reserved, not used
        resource.RLIMIT_FSIZE: limits.convert_files,
        resource.RLIMIT_NOFILE: 256,
    }


def _connector_limits(limits: Limits) -> dict[int, int]:
    return {
        resource.RLIMIT_DATA: limits.connector_memory,
        resource.RLIMIT_NOFILE: 32,
    }


@dataclass(frozen=True)
class Probe:
    """A call that must fail now, with arguments that do nothing should it be let through."""

    name: str
    arguments: tuple[int | bytes, ...]


_AT_FDCWD = -100
_X32_GETPID = 0x40000000 + 39
_DIALER = (
    Probe("bind", (-1, 0, 0)),
    Probe("socketpair", (socket.AF_UNIX, socket.SOCK_DGRAM, 0, 0)),
    Probe("io_uring_setup", (0, 0)),
    Probe("ptrace", (-1, 0, 0, 0)),
    Probe("process_vm_readv", (-1, 0, 0, 0, 0, 0)),
    Probe("bpf", (-1, 0, 0)),
    Probe("userfaultfd", (-1,)),
    Probe("keyctl", (-1,)),
    Probe("mount", (0, 0, 0, 0, 0)),
)
_EVERYBODY = (Probe("connect", (-1, 0, 0)), *_DIALER)
_ANSWERER = (Probe("execve", (0, 0, 0)), Probe("kill", (0, -1)), Probe("unshare", (-1,)))
_READER = (Probe("openat", (_AT_FDCWD, b"/dev/null", os.O_WRONLY)), Probe("memfd_create", (0, -1)))
_LONER = (Probe("clone", (0x800, 0, 0, 0, 0)),)  # CLONE_SIGHAND without CLONE_VM: invalid, so makes nothing

# With Landlock: what must fail then.
_WALLED = (
    Probe("openat", (_AT_FDCWD, b"/", os.O_RDONLY | os.O_DIRECTORY)),
    Probe("openat", (_AT_FDCWD, b"/dev/null", os.O_WRONLY)),
)
_OFFICE = (
    *("/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/share/fonts", "/lib", "/lib64"),
    *("/etc/fonts", "/etc/libreoffice", "/etc/ld.so.cache", "/etc/locale.alias", "/etc/localtime"),
    *("/var/lib/libreoffice", "/var/spool/libreoffice", "/var/cache/fontconfig", "/dev/urandom"),
)


@dataclass(frozen=True)
class Row:
    """What one kind of process keeps. Layers named here are required, but for the namespace."""

    title: str  # what the process calls itself
    rules: Mapping[str, Rule]
    probes: tuple[Probe, ...]
    alone: bool = True  # gives up capabilities, and its network where the kernel grants an empty one
    dials: bool = False  # keeps the network, and may connect to it
    reads: tuple[str, ...] = ()  # opens files below these and in its one folder only; none: any file
    limits: Callable[[Limits], dict[int, int]] = field(default=_no_limits)


TABLE: Mapping[str, Row] = {
    # Starts the others, so it may fork and execute; serves on sockets that it inherited; writes its home.
    "core": Row("strong-core", _KERNEL | _SOCKETS, _EVERYBODY, alone=False),
    # Forks workers and talks to nobody but the core; never sees a document. It may write: libraries make
    # temporary files while they load.
    "zygote": Row("strong-zygote", _KERNEL | _SOCKETS | _ANSWERING, (*_EVERYBODY, *_ANSWERER)),
    # Forked from the zygote, so under its filter too.
    "parser": Row(
        "strong-parser",
        _KERNEL | _SOCKETS | _ANSWERING | _READ_ONLY | _ALONE,
        (*_EVERYBODY, *_ANSWERER, *_READER, *_LONER),
        limits=_worker_limits,
    ),
    # Takes one file of messages apart; started for it, and gone with it.
    "importer": Row(
        "strong-importer",
        _KERNEL | _SOCKETS | _ANSWERING | _READ_ONLY | _ALONE,
        (*_EVERYBODY, *_ANSWERER, *_READER, *_LONER),
        limits=_importer_limits,
    ),
    # Runs LibreOffice, which wants files: its own, fonts, and one folder to write in.
    "converter": Row(
        "strong-convert",
        _KERNEL | _SOCKETS | _ANSWERING | _UNTOUCHED | _ALONE,
        (*_EVERYBODY, *_ANSWERER, *_LONER),
        reads=_OFFICE,
        limits=_converter_limits,
    ),
    # Opens its device files for writing; threads only.
    "model": Row(
        "strong-model", _KERNEL | _SOCKETS | _ANSWERING | _ALONE, (*_EVERYBODY, *_ANSWERER, *_LONER)
    ),
    # Speaks to a mail server on a socket that the dialer gave it; `shut_files` follows once it has loaded.
    "connector": Row(
        "strong-connect",
        _KERNEL | _SOCKETS | _ANSWERING | _READ_ONLY | _ALONE,
        (*_EVERYBODY, *_ANSWERER, *_READER, *_LONER),
        limits=_connector_limits,
    ),
    # Reaches one host for the connector and sees none of what is said there.
    "dialer": Row(
        "strong-dialer",
        _KERNEL | _SOCKETS | _ANSWERING | _READ_ONLY | _ALONE | _DIALING,
        (*_DIALER, *_ANSWERER, *_READER, *_LONER),
        dials=True,
        limits=_connector_limits,
    ),
}


def confine(
    row: str, limits: Limits | None = None, *, watched: bool = False, folder: Path | None = None
) -> tuple[str, ...]:
    """Take one row of the table on for ever, then test it.

    Call it before the process starts a thread: namespaces and capabilities belong to threads.

    Args:
        row: a key of TABLE.
        limits: for the rows that have resource limits.
        watched: this process is under the filter of `policy/egress.py`, which refuses sockets in its place.
        folder: where a row with `reads` may write.

    Returns:
        The layers now in force, for the owner to see; the namespace is missing where the kernel grants none.

    Raises:
        ConfinementError: a required layer is missing or does not hold. The process must not go on.
    """
    chosen = TABLE[row]
    rules = dict(chosen.rules)
    if not chosen.dials:
        rules |= _WATCHED if watched else _UNWATCHED
    if "clone" in rules:
        rules["tgkill"] = _unless(0, _LOW_WORD, os.getpid())  # abort() signals oneself
    layers = ["no_new_privs", "seccomp"]
    try:
        if chosen.alone:
            if len(os.listdir("/proc/self/task")) > 1:
                raise ConfinementError(f"{row} has threads already", remedy="confine it earlier")
            # A worker is in its zygote's already.
            if row != "parser" and not chosen.dials and _leave_the_network():
                layers.append("network namespace")
            _drop_capabilities()
            layers.append("no capabilities")
        # Others of the same user can neither attach to it nor read its memory.
        seccomp.prctl(_PR_SET_DUMPABLE, 0)
        for kind, ceiling in {resource.RLIMIT_CORE: 0, **chosen.limits(limits or Limits())}.items():
            _, hard = resource.getrlimit(kind)
            ceiling = ceiling if hard == resource.RLIM_INFINITY else min(ceiling, hard)
            resource.setrlimit(kind, (ceiling, ceiling))
        title = ctypes.create_string_buffer(chosen.title.encode())
        seccomp.prctl(_PR_SET_NAME, ctypes.addressof(title))
    except OSError as error:
        raise ConfinementError(f"{row} could not be confined: {error.strerror}") from error
    if chosen.reads:
        landlock.open_only(chosen.reads, folder)
        layers.append("Landlock")
    seccomp.load(rules)
    # urllib3 opens and binds an IPv6 socket at import unless Python says that there is none. There is none.
    socket.has_ipv6 = chosen.dials
    self_test(row)
    return tuple(layers)


def shut_files() -> None:
    """Open no file any more, for ever: all that is needed is loaded.

    Raises:
        ConfinementError: the kernel refused, or it does not hold.
    """
    seccomp.load(_NO_FILES)
    attempt = partial(seccomp.syscall, "openat", _AT_FDCWD, b"/dev/null", os.O_RDONLY)
    _must_fail("openat", attempt, (errno.EPERM,))


def self_test(row: str) -> None:
    """Try what must fail.

    Raises:
        ConfinementError: something was let through.
    """
    refused = (errno.EPERM, errno.ENOSYS)  # ENOSYS: the watch is gone; nothing gets through all the same
    probes = [
        Probe("socket", (socket.AF_INET, socket.SOCK_DGRAM, SELF_TEST_PROTOCOL)),
        Probe("socket", (socket.AF_UNIX, socket.SOCK_STREAM, 0)),
        *TABLE[row].probes,
    ]
    for probe in probes:
        _must_fail(probe.name, partial(seccomp.syscall, probe.name, *probe.arguments), refused)
    for probe in _WALLED if TABLE[row].reads else ():
        _must_fail(probe.name, partial(seccomp.syscall, probe.name, *probe.arguments), (errno.EACCES,))
    if seccomp.machine() == "x86_64":
        _must_fail("an x32 call", partial(seccomp.call, _X32_GETPID), (errno.EPERM,))


def _must_fail(name: str, attempt: Callable[[], int], refused: tuple[int, ...]) -> None:
    try:
        attempt()
    except OSError as error:
        if error.errno in refused:
            return
    raise ConfinementError(
        f"confinement does not hold on kernel {os.uname().release}: {name} was not refused",
        remedy="report it; nothing untrusted is read until it holds",
    )


def _leave_the_network() -> bool:
    """Move to an empty network namespace; False where the kernel grants none."""
    user, group = os.geteuid(), os.getegid()
    seccomp.prctl(_PR_SET_DUMPABLE, 1)  # who changed its user would not own its own maps
    try:
        seccomp.unshare(_CLONE_NEWNET)
        return True
    except OSError:  # a plain user needs a user namespace to be allowed to
        try:
            seccomp.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        except OSError:
            return False
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as target:
            target.write(line)
    return True


def _drop_capabilities() -> None:
    """Give up every capability for good: root is then a user id, and a hard limit is hard."""
    for capability in range(64):
        try:
            seccomp.prctl(_PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:  # past the kernel's last
                break
            if error.errno != errno.EPERM:  # a plain user keeps the set and can never use it
                raise
    seccomp.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("<Ii", _LINUX_CAPABILITY_VERSION_3, 0)
    seccomp.syscall("capset", header, bytes(24))
