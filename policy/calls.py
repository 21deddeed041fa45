"""Which system calls the rows of `policy/confine.py` are refused, and calls by which they try it.

Sets of rules, put together there; how a filter is made of them is the business of `policy/seccomp.py`.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from policy.seccomp import ABSENT, DENY, Rule, Verdict, When

# RFC 3692 keeps protocol 253 for experiments: no program asks for it, so the watch of `policy/egress.py` can
# tell our own test from an attempt.
SELF_TEST_PROTOCOL = 253

LOW_WORD = 0xFFFFFFFF
_MSG_FASTOPEN = 0x20000000
_FAST_OR_URGENT = _MSG_FASTOPEN | socket.MSG_OOB
_PRIO_PROCESS = 0
_IOPRIO_WHO_PROCESS = 1
_SET_OWNER = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX
_SET_OWNER_BY_IOCTL = (0x5452, 0x8901, 0x8902)  # FIOASYNC, FIOSETOWN, SIOCSPGRP
_KEPT = (1, 4, 15)  # PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME: what was set for it stays
_CLONE_THREAD = 0x00010000
_CLONE_SIGHAND = 0x00000800
_NAMESPACES = 0x7E020000  # CLONE_NEW*; CLONE_NEWTIME is none of clone()'s
_WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC


def _refuse(*names: str) -> dict[str, Rule]:
    return dict.fromkeys(names, DENY)


def unless(argument: int, mask: int, value: int) -> Rule:
    """Refused unless the masked argument has this value."""
    return Rule(Verdict.DENY, (When(argument, mask, value, Verdict.ALLOW),))


# Nobody here needs these, and each is a way around something else in this file.
_OUTSIDE = _refuse(
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
# In a user namespace of its own a process has every capability, and the kernel's parts behind them to attack.
# clone3 hides its flags in memory; the C library falls back to clone.
KERNEL = _OUTSIDE | {"unshare": DENY, "clone": unless(0, _NAMESPACES, 0), "clone3": ABSENT}

# Nothing is reached by making a socket: all conversations are inherited pairs. A datagram pair is refused
# because sendto() with an address would leave the pair for any Unix socket (journal, resolver); on stream and
# seqpacket pairs the kernel refuses or ignores addresses. A listening socket may be listened on again
# (servers do), never bound elsewhere.
_PAIRS = Rule(
    Verdict.DENY,
    (
        When(0, LOW_WORD, socket.AF_UNIX, Verdict.DENY, opposite=True),
        When(1, 0xF, socket.SOCK_STREAM, Verdict.ALLOW),
        When(1, 0xF, socket.SOCK_SEQPACKET, Verdict.ALLOW),
    ),
)

# Nobody speaks out of band; on Unix sockets it is a rare path of the kernel that let a browser's sandbox out.
_NO_FASTOPEN = {
    "sendto": unless(3, _FAST_OR_URGENT, 0),
    "sendmsg": unless(2, _FAST_OR_URGENT, 0),
    "sendmmsg": unless(3, _FAST_OR_URGENT, 0),
}
SOCKETS = {"socketpair": _PAIRS, "bind": DENY}
UNWATCHED = {"socket": DENY, "connect": DENY, **_NO_FASTOPEN}
# Of stacked filters the strictest answer wins and "refuse" beats "ask": a row that refused these itself would
# hide the attempt from the watch. The watch refuses in its place, and so does the kernel when it is gone.
WATCHED = {
    "socket": Rule(Verdict.ALLOW, (When(0, LOW_WORD, socket.AF_UNIX, Verdict.DENY),)),
    "sendto": unless(3, socket.MSG_OOB, 0),
    "sendmsg": unless(2, socket.MSG_OOB, 0),
    "sendmmsg": unless(3, socket.MSG_OOB, 0),
}


def _not(argument: int, *values: int) -> Rule:
    """Refused if the argument has one of these values."""
    return Rule(Verdict.ALLOW, tuple(When(argument, LOW_WORD, value, Verdict.DENY) for value in values))


def _itself(kind: int) -> Rule:
    """Refused but for the calling thread: the first argument says of what kind the second one is."""
    return Rule(
        Verdict.DENY,
        (When(1, LOW_WORD, 0, Verdict.DENY, opposite=True), When(0, LOW_WORD, kind, Verdict.ALLOW)),
    )


# Processes that only answer: no server, no program, no signal to others, no change to others' limits or time.
# What other programs of the same user share (System V's and POSIX's memory, queues, semaphores) has names
# that can be guessed, and using it takes no open(). The owner of a descriptor is sent a signal of any kind
# when there is something to read: that is kill() by other means.
ANSWERING = _refuse(
    *("listen", "accept", "accept4", "execve", "execveat"),
    *("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"),
    *("shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
    *("semget", "semop", "semtimedop", "semctl", "inotify_init", "inotify_init1"),
) | {
    "prlimit64": unless(0, LOW_WORD, 0),
    "setpriority": _itself(_PRIO_PROCESS),
    "ioprio_set": _itself(_IOPRIO_WHO_PROCESS),
    "sched_setaffinity": unless(0, LOW_WORD, 0),
    "sched_setattr": unless(0, LOW_WORD, 0),
    "sched_setparam": unless(0, LOW_WORD, 0),
    "sched_setscheduler": unless(0, LOW_WORD, 0),
    "fcntl": _not(1, *_SET_OWNER),
    "ioctl": _not(1, *_SET_OWNER_BY_IOCTL),
}

# What Landlock does not see: nothing about a file is changed but its content; no memory is made that
# RLIMIT_DATA and RLIMIT_AS do not count.
UNTOUCHED = _refuse(
    *("truncate", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat", "file_setattr"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
    *("memfd_create", "memfd_secret"),
)

# No path on any disk is opened for writing, made, renamed or removed; only inherited descriptors are written.
# openat2 hides its flags in memory; its callers fall back to openat.
READ_ONLY = (
    {"open": unless(1, _WRITING, 0), "openat": unless(2, _WRITING, 0), "openat2": ABSENT}
    | _refuse("creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "rmdir")
    | _refuse("mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat")
    | UNTOUCHED
)

# Threads only. It ends with its parent, under the name that it was given: the watch tells processes by it.
ALONE = {
    "fork": DENY,
    "vfork": DENY,
    "clone": unless(0, _NAMESPACES | _CLONE_THREAD, _CLONE_THREAD),
    "prctl": _not(0, *_KEPT),
}
# Not even those: no limit of a process bounds the number of its threads.
SINGLE = ALONE | {"clone": DENY}


# The dialer alone makes sockets of its own: to resolve a name and to connect, never to be reached. Protocol
# 253 is the self-test's; raw sockets, AF_UNIX (a resolver's or a journal's) and all other families are none.
DIALING = {
    "socket": Rule(
        Verdict.DENY,
        (
            When(
                0,
                LOW_WORD & ~(socket.AF_INET ^ socket.AF_INET6),
                socket.AF_INET,
                Verdict.DENY,
                opposite=True,
            ),
            When(2, LOW_WORD, SELF_TEST_PROTOCOL, Verdict.DENY),
            When(1, 0xF, socket.SOCK_STREAM, Verdict.ALLOW),
            When(1, 0xF, socket.SOCK_DGRAM, Verdict.ALLOW),
        ),
    ),
    **_NO_FASTOPEN,
}

# For a process that has all that it needs in memory.
NO_FILES = {"open": DENY, "openat": DENY, "openat2": ABSENT}


@dataclass(frozen=True)
class Probe:
    """A call that must fail now, with arguments that do nothing should it be let through."""

    name: str
    arguments: tuple[int | bytes, ...]


_AT_FDCWD = -100
_OFF_THE_NETWORK = Probe("connect", (-1, 0, 0))
_ANYBODY = (
    Probe("socket", (socket.AF_INET, socket.SOCK_DGRAM, SELF_TEST_PROTOCOL)),
    Probe("socket", (socket.AF_UNIX, socket.SOCK_STREAM, 0)),
    Probe("bind", (-1, 0, 0)),
    Probe("socketpair", (socket.AF_UNIX, socket.SOCK_DGRAM, 0, 0)),
    Probe("io_uring_setup", (0, 0)),
    Probe("ptrace", (-1, 0, 0, 0)),
    Probe("process_vm_readv", (-1, 0, 0, 0, 0, 0)),
    Probe("bpf", (-1, 0, 0)),
    Probe("userfaultfd", (-1,)),
    Probe("keyctl", (-1,)),
    Probe("mount", (0, 0, 0, 0, 0)),
    Probe("unshare", (-1,)),
    Probe("setns", (-1, 0)),
    # CLONE_SIGHAND without CLONE_VM is invalid, so they make nothing
    Probe("clone", (_NAMESPACES | _CLONE_SIGHAND, 0, 0, 0, 0)),
)
_ANSWERER = (Probe("execve", (0, 0, 0)), Probe("kill", (0, -1)))
_READER = (Probe("openat", (_AT_FDCWD, b"/dev/null", os.O_WRONLY)), Probe("memfd_create", (0, -1)))
_LONER = (Probe("clone", (_CLONE_SIGHAND, 0, 0, 0, 0)),)

TRY_CORE = (_OFF_THE_NETWORK, *_ANYBODY)
TRY_ZYGOTE = (*TRY_CORE, *_ANSWERER)
TRY_WRITER = (*TRY_ZYGOTE, *_LONER)  # threads only, but it writes files
TRY_READER = (*TRY_WRITER, *_READER)
TRY_DIALER = (*_ANYBODY, *_ANSWERER, *_LONER, *_READER)
X32_GETPID = 0x40000000 + 39  # a call of a foreign ABI
# What Landlock refuses, in that it is of no row's; seccomp lets them through.
TRY_READING = Probe("openat", (_AT_FDCWD, b"/", os.O_RDONLY | os.O_DIRECTORY))
TRY_WRITING = Probe("openat", (_AT_FDCWD, b"/dev/zero", os.O_WRONLY))
TRY_OPENING = Probe("openat", (_AT_FDCWD, b"/dev/null", os.O_RDONLY))
