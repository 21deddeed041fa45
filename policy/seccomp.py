"""Seccomp filters assembled by hand: syscall numbers, the BPF program and loading it.

Who gets which rules is the business of `policy/confine.py` (the table) and `policy/egress.py` (the watch).
Sources: linux/seccomp.h, linux/filter.h, linux/audit.h, asm/unistd_64.h, asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from policy.errors import ConfinementError

# Name -> (x86_64, aarch64); None where the architecture never had it.
SYSCALLS: dict[str, tuple[int | None, int | None]] = {
    "accept": (43, 202),
    "accept4": (288, 242),
    "acct": (163, 89),
    "add_key": (248, 217),
    "bind": (49, 200),
    "bpf": (321, 280),
    "chmod": (90, None),
    "chown": (92, None),
    "chroot": (161, 51),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "connect": (42, 203),
    "creat": (85, None),
    "delete_module": (176, 106),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "fcntl": (72, 25),
    "file_setattr": (469, 469),
    "finit_module": (313, 273),
    "fork": (57, None),
    "fremovexattr": (199, 16),
    "fsconfig": (431, 431),
    "fsetxattr": (190, 7),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "futimesat": (261, None),
    "init_module": (175, 105),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioperm": (173, None),
    "iopl": (172, None),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "lchown": (94, None),
    "link": (86, None),
    "linkat": (265, 37),
    "listen": (50, 201),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "name_to_handle_at": (303, 264),
    "open": (2, None),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "openat": (257, 56),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "removexattr": (197, 14),
    "removexattrat": (466, 466),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "request_key": (249, 218),
    "rmdir": (84, None),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "semctl": (66, 191),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "sendmmsg": (307, 269),
    "sendmsg": (46, 211),
    "sendto": (44, 206),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "setpriority": (141, 140),
    "settimeofday": (164, 170),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "syslog": (103, 116),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "truncate": (76, 45),
    "umount2": (166, 39),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
    "vfork": (58, None),
    # what confinement itself calls; never filtered
    "capget": (125, 90),
    "capset": (126, 91),
    "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
# Whatever a later kernel adds does not exist for us: a list of refusals must not age into a hole.
LAST_KNOWN_SYSCALL = 469

_MACHINES = ("x86_64", "aarch64")
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000

_SET_MODE_FILTER = 1
FLAG_TSYNC = 1  # all threads of the process, or none
FLAG_NEW_LISTENER = 8

PR_SET_NO_NEW_PRIVS = 38


class Verdict(IntEnum):
    """What the kernel does with a call (SECCOMP_RET_*)."""

    ALLOW = 0x7FFF0000
    DENY = 0x00050000 | errno.EPERM  # an error, never a kill: libraries try sockets at import and go on
    ABSENT = 0x00050000 | errno.ENOSYS  # for calls whose callers know another way
    ASK = 0x7FC00000  # the holder of the listener answers; no holder: ENOSYS


@dataclass(frozen=True)
class When:
    """One test of an argument's low 32 bits: `(argument & mask) == value`, or its opposite."""

    argument: int
    mask: int
    value: int
    verdict: Verdict
    opposite: bool = False


@dataclass(frozen=True)
class Rule:
    """The tests in order, the first that holds decides; else `otherwise`."""

    otherwise: Verdict
    tests: tuple[When, ...] = ()


DENY = Rule(Verdict.DENY)
ABSENT = Rule(Verdict.ABSENT)

_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_INSTRUCTION = struct.Struct("<HBBI")

# Offsets in struct seccomp_data. Both architectures are little-endian: the low word of an argument is first.
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16


@cache
def machine() -> str:
    """This machine's architecture.

    Raises:
        ConfinementError: there is no syscall table for it.
    """
    name = os.uname().machine
    if name not in _MACHINES or struct.calcsize("P") != 8:
        raise ConfinementError(f"no seccomp table for {name}", remedy="run on 64-bit x86_64 or aarch64")
    return name


def number(name: str, on: str) -> int | None:
    """The number of a syscall on `x86_64` or `aarch64`, None where it does not exist."""
    return SYSCALLS[name][_MACHINES.index(on)]


def assemble(rules: Mapping[str, Rule], on: str) -> bytes:
    """The BPF program of a set of rules; a call without a rule is allowed.

    A foreign ABI has other numbers for the same calls, so it is refused whole before any number is looked at.
    """
    code = [
        (_LOAD_WORD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[on]),
        (_RETURN, 0, 0, Verdict.DENY),
        (_LOAD_WORD, 0, 0, _NUMBER),
    ]
    if on == "x86_64":  # x32 comes with the same arch and this bit set
        code += [(_JUMP_GREATER, 0, 1, _X32_BIT - 1), (_RETURN, 0, 0, Verdict.DENY)]
    code += [(_JUMP_GREATER, 0, 1, LAST_KNOWN_SYSCALL), (_RETURN, 0, 0, Verdict.ABSENT)]
    for name, rule in rules.items():
        wanted = number(name, on)
        if wanted is None:
            continue
        block: list[tuple[int, int, int, int]] = []
        for test in rule.tests:
            block += [
                (_LOAD_WORD, 0, 0, _ARGUMENTS + 8 * test.argument),
                (_AND, 0, 0, test.mask),
                (_JUMP_EQUAL, 1, 0, test.value) if test.opposite else (_JUMP_EQUAL, 0, 1, test.value),
                (_RETURN, 0, 0, test.verdict),
            ]
        block.append((_RETURN, 0, 0, rule.otherwise))  # every path returns: the number need not be reloaded
        code += [(_JUMP_EQUAL, 0, len(block), wanted), *block]
    code.append((_RETURN, 0, 0, Verdict.ALLOW))
    return b"".join(_INSTRUCTION.pack(*line) for line in code)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def syscall(name: str, *arguments: int | bytes) -> int:
    """Make a raw system call.

    Raises:
        OSError: with the kernel's errno; ENOSYS where the architecture does not have it.
    """
    nr = number(name, machine())
    if nr is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return call(nr, *arguments)


def call(nr: int, *arguments: int | bytes) -> int:
    """Make a raw system call by number.

    Raises:
        OSError: with the kernel's errno.
    """
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(_libc.syscall(ctypes.c_long(nr), *words))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, argument: int = 0, third: int = 0) -> int:
    """prctl(2) with integer arguments; returns what it does.

    Raises:
        OSError: with the kernel's errno.
    """
    result = int(_libc.prctl(option, *(ctypes.c_ulong(a) for a in (argument, third, 0, 0))))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def unshare(flags: int) -> None:
    """unshare(2).

    Raises:
        OSError: with the kernel's errno.
    """
    if _libc.unshare(flags) == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def load(rules: Mapping[str, Rule], flags: int = FLAG_TSYNC) -> int:
    """Put this process under the rules for ever, and its children with it.

    Returns:
        The listener's descriptor with FLAG_NEW_LISTENER, else 0.

    Raises:
        ConfinementError: the kernel refused.
    """
    program = assemble(rules, machine())
    fprog = _Program(len(program) // _INSTRUCTION.size, program)
    try:
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        result = syscall("seccomp", _SET_MODE_FILTER, flags, ctypes.addressof(fprog))
    except OSError as error:
        raise ConfinementError(
            f"the kernel {os.uname().release} refuses a seccomp filter ({error.strerror})",
            remedy="a kernel with CONFIG_SECCOMP_FILTER is needed, and a container that allows seccomp(2)",
        ) from error
    if result and not flags & FLAG_NEW_LISTENER:  # TSYNC: the id of a thread that could not follow
        raise ConfinementError("a thread of this process could not be confined", remedy="confine it earlier")
    return result
