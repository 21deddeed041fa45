"""What each process may do to the machine, as a table, and the one function that takes it on.

A process confines itself before its first untrusted byte and cannot undo it; then it tries what must fail.
The system calls are listed in `policy/calls.py`, the files in `policy/paths.py`, and how a layer is taken on
is the business of `seccomp`, `landlock` and `privileges` beside them.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import resource
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from policy import attempts, box, calls, landlock, mode, paths, privileges, seccomp
from policy.calls import Probe
from policy.errors import ConfinementError
from policy.limits import Limits
from policy.mode import Mode
from policy.seccomp import Rule

_PR_SET_NAME = 15


class Layer(StrEnum):
    """One way in which the kernel holds a process back; each must hold by itself."""

    NO_NEW_PRIVS = "no_new_privs"  # no program that it starts has more rights
    CALLS = "seccomp"  # a filter of system calls
    FILES = "Landlock"  # files by their path
    TCP = "Landlock TCP"  # no connection by TCP, of the dialer's but to its port
    SCOPE = "Landlock scope"  # no signal and no abstract socket to others
    NETWORK = "network namespace"  # an empty one: no address, no route
    CAPABILITIES = "no capabilities"  # none but the row's
    LIMITS = "resource limits"  # no core dumps, and the row's
    UNDUMPABLE = "not dumpable"  # others of the same user cannot read its memory
    BUBBLEWRAP = "bubblewrap"  # a root without anything of the owner's, seen from inside


_BY_ITSELF = frozenset(Layer) - {Layer.BUBBLEWRAP}
# What no mode goes without. Landlock is in Linux since 5.13, its TCP since 6.7 and its scope since 6.12: they
# are in force where they can be, and say so where they cannot.
_ALWAYS = _BY_ITSELF - {Layer.TCP, Layer.SCOPE, Layer.NETWORK}
_WITH_NAMESPACES = _ALWAYS | {Layer.NETWORK, Layer.BUBBLEWRAP}

# Of the layers of a row, those that must be in force.
REQUIRED: Mapping[Mode, frozenset[Layer]] = MappingProxyType(
    {
        Mode.SERVICE: _WITH_NAMESPACES,
        Mode.SHELL: _WITH_NAMESPACES,
        Mode.WSL2: _WITH_NAMESPACES,
        Mode.CONTAINER: _ALWAYS,  # it has itself taken away what makes namespaces
    }
)
# Whoever holds keys goes nowhere without these, not even to search.
VITAL = frozenset({Layer.NO_NEW_PRIVS, Layer.CALLS})
REMEDY: Mapping[Layer, str] = MappingProxyType(
    {
        Layer.NO_NEW_PRIVS: "a kernel of Linux 5.13 or later is needed",
        Layer.CALLS: "a kernel with CONFIG_SECCOMP_FILTER is needed, and a container that allows seccomp(2)",
        Layer.FILES: "a kernel of Linux 5.13 or later with CONFIG_SECURITY_LANDLOCK is needed, landlock in "
        "its list of modules (lsm=), and a container that allows landlock_create_ruleset(2)",
        Layer.TCP: "a kernel of Linux 6.7 or later has it",
        Layer.SCOPE: "a kernel of Linux 6.12 or later has it",
        Layer.NETWORK: "allow unprivileged user namespaces: on Ubuntu by an AppArmor profile, else by sysctl "
        "kernel.unprivileged_userns_clone=1 and user.max_user_namespaces=10000",
        Layer.CAPABILITIES: "start it as a plain user",
        Layer.LIMITS: "raise the hard limits that it is started under",
        Layer.UNDUMPABLE: "a container that allows prctl(2) is needed",
        Layer.BUBBLEWRAP: "install the package bubblewrap and allow unprivileged user namespaces",
    }
)


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
        resource.RLIMIT_NOFILE: 68,  # four keep hold of what may be read in /proc: see `landlock`
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
class Row:
    """What one kind of process keeps. Files of the owner's are no row's: it is given them, if any."""

    title: str  # what the process calls itself
    keys: str  # which it holds, for people to read
    rules: Mapping[str, Rule]  # of system calls, its sockets among them
    probes: tuple[Probe, ...]
    reads: tuple[str, ...] | None = paths.CODE  # None: everything
    writes: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    capabilities: frozenset[int] = frozenset()
    limits: Callable[[Limits], dict[int, int]] = field(default=_no_limits)
    layers: frozenset[Layer] = _BY_ITSELF
    dials: bool = False  # it keeps the network


_ANSWERS = calls.KERNEL | calls.SOCKETS | calls.ANSWERING
_READS = _ANSWERS | calls.READ_ONLY | calls.ALONE

TABLE: Mapping[str, Row] = MappingProxyType(
    {
        # Starts the others, so it may fork and execute; serves on sockets that it inherited. It reads what
        # its owner names, be it anywhere, and writes where it is told. A GPU is the model process's, and its
        # own where FAISS is built for it: docs/adr/0008 weighs that.
        "core": Row(
            title="strong-core",
            keys="all: the master key and what unfolds from it",
            rules=calls.KERNEL | calls.SOCKETS,
            probes=calls.TRY_CORE,
            reads=None,
            writes=paths.NULL + paths.GRAPHICS_FOR_CHILDREN,
            executes=paths.INTERPRETER,
            capabilities=privileges.FILES_OF_OTHERS,
        ),
        # Forks workers and talks to nobody but the core; never sees a document.
        "zygote": Row(
            title="strong-zygote",
            keys="none",
            rules=_ANSWERS,
            probes=calls.TRY_ZYGOTE,
            reads=paths.CODE + paths.READING + paths.PROCESSES,
            writes=paths.NULL,
        ),
        # Forked from the zygote, so under its layers too.
        "parser": Row(
            title="strong-parser",
            keys="none",
            rules=_READS | calls.SINGLE,
            probes=calls.TRY_READER,
            reads=paths.CODE + paths.READING,
            limits=_worker_limits,
        ),
        # Takes one file of messages apart; started for it, and gone with it.
        "importer": Row(
            title="strong-importer",
            keys="none",
            rules=_READS | calls.SINGLE,
            probes=calls.TRY_READER,
            limits=_importer_limits,
        ),
        # Runs LibreOffice, which wants files: its own, fonts, and one folder to write in, which it is given.
        "converter": Row(
            title="strong-convert",
            keys="none",
            rules=_ANSWERS | calls.UNTOUCHED | calls.ALONE,
            probes=calls.TRY_WRITER,
            reads=paths.CODE + paths.OFFICE,
            limits=_converter_limits,
            layers=_BY_ITSELF | {Layer.BUBBLEWRAP},
        ),
        # Opens its device files for writing; threads only. It is given the model's folder.
        "model": Row(
            title="strong-model",
            keys="none",
            rules=_ANSWERS | calls.ALONE,
            probes=calls.TRY_WRITER,
            reads=paths.CODE + paths.MACHINE,
            writes=paths.NULL + paths.GRAPHICS,
        ),
        # Speaks to a mail server on a socket that the dialer gave it; `shut_files` follows, once loaded.
        "connector": Row(
            title="strong-connect",
            keys="its mail account's password or token",
            rules=_READS,
            probes=calls.TRY_READER,
            reads=paths.CODE + paths.CERTIFICATES,
            limits=_connector_limits,
        ),
        # Reaches one host for the connector and sees none of what is said there.
        "dialer": Row(
            title="strong-dialer",
            keys="none",
            rules=_READS | calls.DIALING,
            probes=calls.TRY_DIALER,
            reads=paths.CODE + paths.NAMES,
            limits=_connector_limits,
            layers=_BY_ITSELF - {Layer.NETWORK},
            dials=True,
        ),
    }
)


class Attempt(NamedTuple):
    """Something that must fail, tried."""

    layer: Layer
    name: str
    refused: bool


@dataclass(frozen=True)
class Standing:
    """How a process stands after it took a row on."""

    in_force: tuple[Layer, ...]
    missing: Mapping[Layer, str]  # of the row's layers, and why
    tried: tuple[Attempt, ...]


def confine(
    row: str,
    limits: Limits | None = None,
    *,
    watched: bool = False,
    reads: Iterable[str] = (),
    writes: Iterable[str] = (),
    ports: Iterable[int] = (),
    searching: bool = False,
) -> tuple[Layer, ...]:
    """Take one row of the table on for ever, then test it.

    Call it before the process starts a thread: most layers belong to threads.

    Args:
        row: a key of TABLE.
        limits: for the rows that have resource limits.
        watched: this process is under the filter of `policy/egress.py`, which refuses sockets in its place.
        reads: what it may read besides; folders stand for all that is in them.
        writes: what it may write besides, and read.
        ports: TCP, for the row that dials.
        searching: nothing untrusted will be taken in, so only what is VITAL is required.

    Returns:
        The layers now in force, for the owner to see.

    Raises:
        ConfinementError: a layer that is required here is missing. The process must not go on.
    """
    standing = take_on(row, limits, watched=watched, reads=reads, writes=writes, ports=ports)
    required = VITAL if searching else REQUIRED[mode.here()]
    for layer, reason in standing.missing.items():
        if layer in required:
            raise refusal(row, layer, reason)
    return standing.in_force


def refusal(row: str, layer: Layer, reason: str) -> ConfinementError:
    """What to say when a required layer is missing."""
    return ConfinementError(
        f"{layer} does not hold for the {row} on kernel {os.uname().release}: {reason}", remedy=REMEDY[layer]
    )


def take_on(
    row: str,
    limits: Limits | None = None,
    *,
    watched: bool = False,
    reads: Iterable[str] = (),
    writes: Iterable[str] = (),
    ports: Iterable[int] = (),
) -> Standing:
    """As `confine`, but it goes on without what is missing: for who wants to know all that is.

    Raises:
        ConfinementError: there are threads already.
    """
    chosen = TABLE[row]
    if len(os.listdir("/proc/self/task")) > 1:
        raise ConfinementError(f"the {row} has threads already", remedy="confine it earlier")
    allowed = landlock.Paths(
        None if chosen.reads is None else (*chosen.reads, *reads),
        (*chosen.writes, *writes),
        chosen.executes,
    )
    title = ctypes.create_string_buffer(chosen.title.encode())
    seccomp.prctl(_PR_SET_NAME, ctypes.addressof(title))  # afterwards it cannot take another name
    ceilings = {resource.RLIMIT_CORE: 0}
    steps: dict[Layer, Callable[[], object]] = {
        Layer.BUBBLEWRAP: _require_bubblewrap,
        Layer.NETWORK: privileges.leave_network,
        Layer.CAPABILITIES: partial(privileges.drop_capabilities, chosen.capabilities),
        Layer.UNDUMPABLE: privileges.take_undumpable,  # after the namespace, for which it was lifted
        Layer.LIMITS: lambda: privileges.take_limits(ceilings | chosen.limits(limits or Limits())),
        Layer.NO_NEW_PRIVS: privileges.take_no_new_privs,
        Layer.FILES: partial(landlock.restrict, allowed, ports),
        Layer.CALLS: lambda: seccomp.load(_rules(chosen, watched)),
    }
    missing: dict[Layer, str] = {}
    for layer, step in steps.items():
        if layer in chosen.layers:
            try:
                step()
            except (OSError, ValueError, ConfinementError) as error:  # resource knows no OSError
                missing[layer] = getattr(error, "strerror", None) or str(error)
    if Layer.FILES in missing:
        missing |= dict.fromkeys((Layer.TCP, Layer.SCOPE), missing[Layer.FILES])
    for layer, since in ((Layer.TCP, landlock.ABI_WITH_TCP), (Layer.SCOPE, landlock.ABI_WITH_SCOPE)):
        if landlock.version() < since:
            missing.setdefault(layer, "the kernel's Landlock is older than that")
    # urllib3 opens and binds an IPv6 socket at import unless Python says that there is none. There is none.
    socket.has_ipv6 = chosen.dials
    held = chosen.layers - set(missing)
    tried = tuple(self_test(row, held))
    for layer, name, refused in tried:
        if not refused:
            missing.setdefault(layer, f"{name} was not refused")
    return Standing(tuple(layer for layer in Layer if layer in held - set(missing)), missing, tried)


def _rules(row: Row, watched: bool) -> dict[str, Rule]:
    rules = dict(row.rules)
    if not row.dials:
        rules |= calls.WATCHED if watched else calls.UNWATCHED
    if "fork" in rules:  # one process
        rules["tgkill"] = calls.unless(0, calls.LOW_WORD, os.getpid())  # abort() signals oneself
    return rules


def _require_bubblewrap() -> None:
    if not box.inside():
        raise OSError(errno.ENOENT, "it was not started in it")


def self_test(row: str, layers: Iterable[Layer]) -> Iterator[Attempt]:
    """Try what must fail under these layers of a row."""
    chosen = TABLE[row]
    tests: dict[Layer, Callable[[], Iterable[tuple[str, bool]]]] = {
        Layer.NO_NEW_PRIVS: lambda: [("new privileges", privileges.has_no_new_privs())],
        Layer.CALLS: lambda: attempts.system_calls(chosen.probes),
        Layer.FILES: lambda: attempts.files(any_read=chosen.reads is None, any_run=bool(chosen.executes)),
        Layer.TCP: lambda: [attempts.other_port()] if chosen.dials else [],
        Layer.SCOPE: lambda: [] if "kill" in chosen.rules else [attempts.signal_to_parent()],
        Layer.NETWORK: lambda: [("have an address", privileges.has_no_network())],
        Layer.CAPABILITIES: lambda: [("gain a capability", privileges.has_only(chosen.capabilities))],
        Layer.UNDUMPABLE: lambda: [("be dumped", privileges.is_undumpable())],
        Layer.LIMITS: lambda: [("raise a limit", privileges.has_limits((resource.RLIMIT_CORE,)))],
        Layer.BUBBLEWRAP: lambda: [("see others", box.inside())],
    }
    for layer in Layer:
        if layer in layers:
            for name, refused in tests[layer]():
                yield Attempt(layer, name, refused)


def shut_files() -> None:
    """Open no file any more, for ever: all that is needed is loaded.

    Raises:
        ConfinementError: the kernel refused, or it does not hold.
    """
    seccomp.load(calls.NO_FILES)
    if not attempts.refused(calls.TRY_OPENING, errno.EPERM):
        raise refusal("connector", Layer.CALLS, "openat was not refused")
