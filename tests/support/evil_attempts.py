"""What a taken-over parser worker tries against the machine around it, as a table: each attempt by its name,
under its kind, and ended by an error of the kernel or not. Forged answers stand in `tests/support/forged.py`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from policy import seccomp

Do = Callable[[], object]
Table = dict[str, Do]

# What the tables of the product have no number for, as (x86_64, aarch64).
_NUMBERS = {
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "fallocate": (285, 47),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "setresuid": (117, 147),
}
_X86 = os.uname().machine == "x86_64"
_X32 = 0x40000000
_AT_FDCWD = -100
_NULL = b"/dev/null"


@dataclass(frozen=True)
class World:
    """What there is around the worker that it must not reach; made by the test."""

    core: int  # pid of the process above
    zygote: int
    folder: str  # with files, sockets and folders by the names below
    abstract: str  # name of a listening socket
    shm: int  # ids of System V objects
    queue: int
    semaphores: int
    posix_queue: str


def call(name: str, *arguments: int | bytes) -> int:
    """A raw system call by its name."""
    if name in _NUMBERS:
        return seccomp.call(_NUMBERS[name][0 if _X86 else 1], *arguments)
    return seccomp.syscall(name, *arguments)


def syscalls(*attempts: tuple[Any, ...]) -> Table:
    """Attempts that are a single call with these arguments, named by the call and its first arguments."""
    return {f"{name}{tuple(arguments[:3])}": partial(call, name, *arguments) for name, *arguments in attempts}


def reading(world: World) -> Table:
    """Files outside of its world."""
    there = world.folder
    paths = [
        *("/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/proc/1/cmdline", "/proc/version"),
        *(f"{there}/keys.json", f"{there}/catalog.db", f"{there}/.ssh/id_ed25519", f"{there}/.bash_history"),
        *(f"{there}/drop/other document.pdf", f"{there}/link", f"{there}/hard link"),
        *(f"/proc/{world.core}/{name}" for name in ("environ", "cmdline", "maps", "mem", "status", "fd/0")),
        *(f"/proc/{world.zygote}/{name}" for name in ("environ", "maps", "mem", "fd/3")),
        *(f"/proc/self/root{there}/keys.json", f"/proc/thread-self/root{there}/keys.json"),
        *(f"/usr/lib/../..{there}/keys.json", f"/proc/self/cwd{there}/keys.json"),
    ]
    folders = [there, f"{there}/.ssh", "/", "/home", "/root", "/tmp", "/run", "/proc", "/dev/shm", "/var/log"]
    table: Table = {f"read {path}": partial(os.open, path, os.O_RDONLY) for path in paths}
    table |= {f"list {path}": partial(os.listdir, path) for path in folders}

    def by_handle() -> object:
        found = os.open(f"{there}/keys.json", os.O_PATH)
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY)

    def by_folder() -> object:
        found = os.open(there, os.O_PATH)
        return os.open("keys.json", os.O_RDONLY, dir_fd=found)

    def from_there() -> object:
        os.chdir(there)
        return os.open("keys.json", os.O_RDONLY)

    def whole() -> object:
        how = struct.pack("QQQ", os.O_RDONLY, 0, 0)
        return seccomp.syscall("openat2", _AT_FDCWD, f"{there}/keys.json".encode(), how, len(how))

    return table | {
        "reopen a path": by_handle,
        "open below": by_folder,
        "go there": from_there,
        "openat2": whole,
    }


def writing(world: World) -> Table:
    """Files anywhere."""
    there = world.folder
    old, new = f"{there}/keys.json", f"{there}/new"
    flags = {
        "write": os.O_WRONLY,
        "read and write": os.O_RDWR,
        "truncate": os.O_TRUNC,
        "append": os.O_WRONLY | os.O_APPEND,
    }
    table: Table = {f"open to {name}": partial(os.open, old, flag) for name, flag in flags.items()}
    paths = ["/tmp/strongroom-evil", "/dev/shm/strongroom-evil", new, "/usr/lib/strongroom-evil"]
    table |= {f"make {path}": partial(os.open, path, os.O_CREAT | os.O_EXCL) for path in paths}
    selves = ["mem", "oom_score_adj", "comm", "coredump_filter", "uid_map", "attr/current"]
    table |= {f"write self/{name}": partial(os.open, f"/proc/self/{name}", os.O_RDWR) for name in selves}
    return table | {
        "no name": lambda: os.open(there, os.O_TMPFILE | os.O_RDWR),
        "creat": lambda: seccomp.syscall("creat", new.encode(), 0o600) if _X86 else os.open(new, os.O_CREAT),
        "truncate": lambda: os.truncate(old, 0),
        "remove": lambda: os.unlink(old),
        "rename": lambda: os.rename(old, new),
        "exchange": lambda: seccomp.syscall(
            "renameat2", -100, old.encode(), -100, f"{there}/link".encode(), 2
        ),
        "folder": lambda: os.mkdir(new),
        "remove a folder": lambda: os.rmdir(f"{there}/empty"),
        "symbolic link": lambda: os.symlink(old, new),
        "hard link": lambda: os.link(old, new),
        "pipe": lambda: os.mkfifo(new),
        "device": lambda: os.mknod(new, 0o600 | 0o020000, os.makedev(1, 1)),
        "mode": lambda: os.chmod(old, 0o777),
        "owner": lambda: os.chown(old, 12345, 12345),
        "times": lambda: os.utime(old, (0, 0)),
        "attribute": lambda: os.setxattr(old, "user.a", b"b"),
        "remove attribute": lambda: os.removexattr(old, "user.a"),
        "hidden memory": lambda: os.memfd_create("hidden"),
        "secret memory": lambda: seccomp.syscall("memfd_secret", 0),
        "handle": lambda: seccomp.syscall("name_to_handle_at", -100, old.encode(), bytes(64), 0, 0),
    }


def sockets(world: World) -> Table:
    """Sockets of every family, and ways around making one."""
    names = {int(getattr(socket, name)): name for name in dir(socket) if name.startswith("AF_")}
    families = [family for family in range(1, 46) if family != 0]

    def each_kind(family: int) -> None:
        """Every kind; through if one of them is."""
        refusals = []
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind).close()
                return
            except OSError as error:
                refusals.append(error)
        raise next((e for e in refusals if e.errno != errno.EPERM), refusals[0])

    table: Table = {f"socket {names.get(family, family)}": partial(each_kind, family) for family in families}
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    paths = {
        "a socket": f"{world.folder}/socket",
        "D-Bus": "/run/dbus/system_bus_socket",
        "the journal": "/run/systemd/journal/socket",
        "the resolver": "/run/systemd/resolve/io.systemd.Resolve",
        "an abstract socket": f"\0{world.abstract}",
    }
    table |= {f"connect to {name}": partial(pair[0].connect, path) for name, path in paths.items()}
    address = struct.pack("H", socket.AF_UNIX) + f"{world.folder}/socket".encode() + b"\0"

    def out_of_band() -> object:
        one, _other = socket.socketpair()
        return one.send(b"x", socket.MSG_OOB)

    return table | {
        "datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
        "internet pair": lambda: socket.socketpair(socket.AF_INET, socket.SOCK_STREAM),
        "disconnect": lambda: call("connect", pair[0].fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16),
        "bind a path": lambda: pair[0].bind(f"{world.folder}/mine"),
        "bind a name": lambda: pair[0].bind("\0strongroom-evil"),
        "listen": lambda: pair[0].listen(),
        "accept": lambda: pair[0].accept(),
        "fast open": lambda: call("sendto", pair[0].fileno(), b"x", 1, 0x20000000, address, len(address)),
        "out of band": out_of_band,
    }


def programs(_: World) -> Table:
    """Other programs, other processes."""

    def forked(name: str, *arguments: int) -> None:
        if call(name, *arguments) == 0:
            os._exit(0)

    true = ["/bin/true"]
    namespaces = {"user": 0x10000000, "network": 0x40000000, "mount": 0x00020000, "pid": 0x20000000}
    table: Table = {
        f"clone into a new {name} namespace": partial(forked, "clone", flag | signal.SIGCHLD, 0, 0, 0, 0)
        for name, flag in namespaces.items()
    }
    return table | {
        "execve": lambda: os.execv("/bin/sh", ["sh"]),
        "execve of the interpreter": lambda: os.execv("/proc/self/exe", ["python"]),
        "execveat": lambda: seccomp.syscall("execveat", -100, b"/bin/true", 0, 0, 0),
        "fexecve": lambda: seccomp.syscall(
            "execveat", os.open("/proc/self/exe", os.O_RDONLY), b"", 0, 0, 0x1000
        ),
        "fork": lambda: os.fork() or os._exit(0),
        "raw fork": lambda: forked("fork") if _X86 else forked("clone", signal.SIGCHLD, 0, 0, 0, 0),
        "vfork": lambda: forked("vfork") if _X86 else forked("clone", 0x4100 | signal.SIGCHLD, 0, 0, 0, 0),
        "clone": lambda: forked("clone", signal.SIGCHLD, 0, 0, 0, 0),
        "clone sharing memory": lambda: forked("clone", 0x100 | 0x4000 | signal.SIGCHLD, 0, 0, 0, 0),
        "clone sharing files": lambda: forked("clone", 0x400 | signal.SIGCHLD, 0, 0, 0, 0),
        "clone3": lambda: seccomp.syscall(
            "clone3", struct.pack("8Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64
        ),
        "posix_spawn": lambda: os.posix_spawn("/bin/true", true, {}),
        "posix_spawnp": lambda: os.posix_spawnp("true", ["true"], {}),
        "subprocess": lambda: subprocess.run(true, check=True),
        "a terminal's child": lambda: os.forkpty()[0] or os._exit(0),
    }


def others(world: World) -> Table:
    """Other processes: their memory, their descriptors, their lives, their time."""
    core, zygote = world.core, world.zygote
    word = ctypes.create_string_buffer(64)
    at = ctypes.addressof(word)
    vector = struct.pack("PN", at, 8)
    handle = os.pidfd_open(core)
    table = syscalls(
        *(("kill", pid, number) for pid in (core, zygote, -1, 0, 1) for number in (0, signal.SIGCONT)),
        *(("tkill", pid, 0) for pid in (core, zygote)),
        *(("tgkill", pid, pid, 0) for pid in (core, zygote)),
        ("rt_sigqueueinfo", core, 0, at),
        ("rt_tgsigqueueinfo", core, core, 0, at),
        ("pidfd_send_signal", handle, 0, 0, 0),
        ("pidfd_getfd", handle, 0, 0),
        *(("ptrace", request, core, 0, 0) for request in (0, 16, 0x4206)),  # TRACEME, ATTACH, SEIZE
        ("process_vm_readv", core, vector, 1, vector, 1, 0),
        ("process_vm_writev", core, vector, 1, vector, 1, 0),
        ("process_madvise", handle, vector, 1, 21, 0),
        ("kcmp", core, os.getpid(), 0, 0, 0),
        ("move_pages", core, 0, 0, 0, 0, 0),
        ("migrate_pages", core, 1, at, at),
        ("perf_event_open", at, core, -1, -1, 0),
        ("setpriority", 0, core, 19),
        ("setpriority", 1, 0, 19),  # its group, which is the zygote's
        ("setpriority", 2, 0, 19),  # all of its user
        ("sched_setaffinity", core, 8, struct.pack("Q", 1)),
        ("sched_setscheduler", core, 5, struct.pack("i", 0)),  # SCHED_IDLE
        ("sched_setparam", core, struct.pack("i", 0)),
        ("sched_setattr", core, struct.pack("IIQiIQQQ", 48, 5, 0, 0, 0, 0, 0, 0), 0),
        ("ioprio_set", 1, core, 3 << 13),
        ("ioprio_set", 3, os.getuid(), 3 << 13),
    )
    one, other = socket.socketpair()

    def signalled() -> None:
        """Have the kernel send what kill() may not: the owner of a descriptor hears of its input."""
        fcntl.fcntl(one, fcntl.F_SETOWN, core)
        fcntl.fcntl(one, fcntl.F_SETSIG, signal.SIGUSR1)
        fcntl.fcntl(one, fcntl.F_SETFL, fcntl.fcntl(one, fcntl.F_GETFL) | os.O_ASYNC)
        other.send(b"x")

    owner = struct.pack("ii", 1, core)
    return table | {
        "signal by a descriptor": signalled,
        "owner of a descriptor": lambda: call("fcntl", one.fileno(), 15, owner),  # F_SETOWN_EX
        "signal of a descriptor": lambda: fcntl.fcntl(one, fcntl.F_SETSIG, signal.SIGKILL),
        "owner by ioctl": lambda: fcntl.ioctl(one, 0x8901, struct.pack("i", core)),  # FIOSETOWN
        "group by ioctl": lambda: fcntl.ioctl(one, 0x8902, struct.pack("i", core)),  # SIOCSPGRP
        "signals by ioctl": lambda: fcntl.ioctl(one, 0x5452, struct.pack("i", 1)),  # FIOASYNC
        "limits of the parent": lambda: resource.prlimit(core, resource.RLIMIT_CPU, (1, 1)),
        "limits of the zygote": lambda: resource.prlimit(zygote, resource.RLIMIT_NOFILE, (3, 3)),
    }


def kernel(_: World) -> Table:
    """The machine, and parts of the kernel that no reader needs."""
    true = struct.pack("Q", 1) * 32
    namespaces = (0x10000000, 0x40000000, 0x00020000, 0x20000000, 0x08000000, 0x04000000)
    return syscalls(
        *(("unshare", flag) for flag in namespaces),
        ("setns", 0, 0),
        ("mount", b"none", b"/tmp", b"tmpfs", 0, 0),
        ("umount2", b"/proc", 2),
        ("pivot_root", b"/", b"/"),
        ("chroot", b"/tmp"),
        ("open_tree", _AT_FDCWD, b"/", 1),
        ("open_tree_attr", _AT_FDCWD, b"/", 1, 0, 0),
        ("move_mount", -1, b"", -1, b"", 0),
        ("mount_setattr", -1, b"", 0, true, 32),
        ("fsopen", b"tmpfs", 0),
        ("fspick", _AT_FDCWD, b"/", 0),
        ("fsconfig", -1, 0, 0, 0, 0),
        ("fsmount", -1, 0, 0),
        ("io_uring_setup", 1, true),
        ("io_uring_enter", -1, 1, 0, 0, 0, 0),
        ("io_uring_register", -1, 0, 0, 0),
        ("bpf", 0, true, 64),
        ("userfaultfd", 1),
        ("keyctl", 0, -3, 0, 0, 0),
        ("add_key", b"user", b"a", b"b", 1, -3),
        ("request_key", b"user", b"a", 0, -3),
        ("kexec_load", 0, 0, 0, 0),
        ("kexec_file_load", -1, -1, 0, b"", 0),
        ("init_module", b"", 0, b""),
        ("finit_module", -1, b"", 0),
        ("delete_module", b"none", 0),
        ("reboot", 0xFEE1DEAD, 672274793, 0, 0),
        ("syslog", 3, true, 8),
        ("swapon", _NULL, 0),
        ("swapoff", _NULL),
        ("acct", _NULL),
        ("quotactl", 0, _NULL, 0, 0),
        ("quotactl_fd", -1, 0, 0, 0),
        ("settimeofday", true, 0),
        ("clock_settime", 0, true),
        ("adjtimex", struct.pack("Q", 1) * 26),
        ("clock_adjtime", 0, struct.pack("Q", 1) * 26),
        ("sethostname", b"evil", 4),
        ("setdomainname", b"evil", 4),
        ("fanotify_init", 0, 0),
        ("inotify_init1", 0),
        ("open_by_handle_at", -1, true, 0),
        *((("iopl", 3), ("ioperm", 0, 8, 1), ("modify_ldt", 0, true, 8)) if _X86 else ()),
        *((("futimesat", _AT_FDCWD, b"/", 0),) if _X86 else ()),
    ) | {
        "a call of tomorrow": lambda: seccomp.call(seccomp.LAST_KNOWN_SYSCALL + 1),
        "a call of never": lambda: seccomp.call(100_000),
        **(_x32() if _X86 else {}),
    }


def _x32() -> Table:
    """Calls of the ABI that shares its numbers with ours but for a bit."""
    numbers = {"socket": 41, "connect": 42, "fork": 57, "kill": 62, "open": 2, "execve": 520, "ptrace": 521}
    return {f"x32 {name}": partial(seccomp.call, _X32 + number, 0, 0, 0) for name, number in numbers.items()}


def shared(world: World) -> Table:
    """Memory, queues and semaphores that other programs of the same user have."""
    word = ctypes.create_string_buffer(256)
    at = ctypes.addressof(word)
    name = world.posix_queue.encode()
    return syscalls(
        ("shmget", 0, 4096, 0o1600),
        ("shmat", world.shm, 0, 0),
        ("shmctl", world.shm, 0, 0),  # IPC_RMID
        ("msgget", 0, 0o1600),
        ("msgsnd", world.queue, struct.pack("Q8s", 1, b"x"), 1, 0o4000),
        ("msgrcv", world.queue, at, 8, 0, 0o4000),
        ("msgctl", world.queue, 0, 0),
        ("semget", 0, 1, 0o1600),
        ("semop", world.semaphores, struct.pack("Hhh", 0, 1, 0), 1),
        ("semctl", world.semaphores, 0, 0, 0),
        ("mq_open", name, os.O_RDONLY, 0, 0),
        ("mq_open", name, os.O_RDWR | os.O_CREAT, 0o600, 0),
        ("mq_unlink", name),
    )


def itself(_: World) -> Table:
    """Its own limits, rights and name: taking back what was taken."""
    header = struct.pack("<Ii", 0x20080522, 0)
    kinds = ("CPU", "DATA", "AS", "FSIZE", "NOFILE", "CORE")

    def raised(kind: int) -> None:
        try:
            resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except ValueError as error:  # what Python makes of EPERM
            raise PermissionError(errno.EPERM, "refused") from error

    table: Table = {
        f"raise its {kind}": partial(raised, getattr(resource, f"RLIMIT_{kind}")) for kind in kinds
    }
    return table | {
        "capabilities": lambda: call("capset", header, struct.pack("<6I", *[0xFFFFFFFF] * 6)),
        "another user": lambda: call("setresuid", 12345, 12345, 12345),
        "be dumpable": lambda: seccomp.prctl(4, 1),
        "outlive its parent": lambda: seccomp.prctl(1, 0),
        "another name": lambda: seccomp.prctl(
            15, ctypes.addressof(ctypes.create_string_buffer(b"strong-core"))
        ),
        "be nicer to itself": lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
        "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)),
    }


def eating(_: World) -> Table:
    """More memory, descriptors, threads or disk than it may have; ended where it is refused."""

    def until(count: int, more: Callable[[], object]) -> Do:
        def eat() -> int:
            try:
                return len([more() for _ in range(count)])
            except MemoryError as error:
                raise OSError(errno.ENOMEM, "refused") from error

        return eat

    def flags(kind: int) -> Callable[[], object]:
        return lambda: mmap.mmap(-1, 64 << 20, kind | mmap.MAP_ANONYMOUS)

    def thread() -> None:
        try:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        except RuntimeError as error:  # what Python makes of a thread that cannot be
            raise OSError(errno.EPERM, "refused") from error

    return {
        "memory": until(64, lambda: bytearray(64 << 20)),
        "memory that is shared": until(64, flags(mmap.MAP_SHARED)),
        "memory that is private": until(64, flags(mmap.MAP_PRIVATE)),
        "addresses": lambda: mmap.mmap(-1, 1 << 44, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
        "descriptors": until(1000, lambda: os.dup(0)),
        "pipes": until(1000, os.pipe),
        "socket pairs": until(1000, socket.socketpair),
        "polls": until(1000, select.epoll),
        "events": until(1000, lambda: os.eventfd(0)),
        "threads": thread,
    }


def tampering(document: int, children: int) -> Table:
    """The document that it was given, which is sealed, and its children's descriptor beyond its size."""
    size = os.fstat(document).st_size
    wide = mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE

    def twice() -> object:
        """Writable by another descriptor of the same file."""
        return os.write(os.open(f"/proc/self/fd/{document}", os.O_RDWR), b"x")

    def later() -> object:
        at = call("mmap", 0, 4096, mmap.PROT_READ, mmap.MAP_SHARED, document, 0)
        return call("mprotect", at, 4096, mmap.PROT_READ | mmap.PROT_WRITE)

    return {
        "write": lambda: os.pwrite(document, b"x", 0),
        "append": lambda: os.pwrite(document, b"x", size),
        "cut": lambda: os.ftruncate(document, 0),
        "grow": lambda: os.ftruncate(document, size + 1),
        "punch": lambda: call("fallocate", document, 3, 0, size),
        "map": lambda: mmap.mmap(document, size, *wide),
        "map, then write": later,
        "open again": twice,
        "unseal": lambda: fcntl.fcntl(document, fcntl.F_ADD_SEALS, 0),
        "grow the children": lambda: os.ftruncate(children, 1 << 40),
        "reserve for the children": lambda: os.posix_fallocate(children, 0, 1 << 40),
        "children far away": lambda: os.pwrite(children, b"x", 1 << 40),
    }


@contextlib.contextmanager
def shared_objects(name: str) -> Iterator[tuple[int, int, int]]:
    """Of this process: System V memory, a queue and semaphores, and a POSIX queue of that name."""
    shm = call("shmget", 0, 4096, 0o1600)
    queue = call("msgget", 0, 0o1600)
    semaphores = call("semget", 0, 1, 0o1600)
    os.close(call("mq_open", name.encode(), os.O_RDWR | os.O_CREAT, 0o600, 0))
    try:
        yield shm, queue, semaphores
    finally:
        for removed in (("shmctl", shm, 0, 0), ("msgctl", queue, 0, 0), ("semctl", semaphores, 0, 0, 0)):
            call(*removed)
        call("mq_unlink", name.encode())


KINDS: dict[str, Callable[[World], Table]] = {
    kind.__name__: kind
    for kind in (reading, writing, sockets, programs, others, kernel, shared, itself, eating)
}


def tried(table: Table) -> str:
    """What each attempt came to, as JSON: the name of the error that ended it, or what else happened."""
    outcomes: dict[str, str] = {}
    for name, attempt in table.items():
        try:
            attempt()
            outcomes[name] = "done"
        except OSError as error:
            outcomes[name] = errno.errorcode.get(error.errno or 0, str(error.errno))
        except Exception as error:  # noqa: BLE001 a mistake of the attempt itself: the test shows it
            outcomes[name] = f"{type(error).__name__}: {error}"
    return json.dumps(outcomes)
