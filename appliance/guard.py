"""The guard: the small parent of the service. It opens the listening sockets, starts the core, watches over
every attempt of what it started, and of what that started, to make a socket that could reach a network. It
starts the core and, beside it, what the core's own confinement does not let it start: connectors of mail
accounts, which reach a network by their dialers, and converters, each in a box.

It holds no key and sees no document. Where a connector may connect to it reads itself: the core names an
account or a kind of document, never a host or a command. It uses the standard library and `policy` only, and
the two rooms' `launch.py`, so that it stays small.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from appliance.errors import ServiceUnavailable
from ingest.connector.launch import Pair
from ingest.converter.launch import Launcher
from ingest.converter.messages import Started
from ingest.errors import ConnectorRefused, ConverterUnavailable, PoolDown
from policy.confine import VITAL
from policy.egress import EgressReport, Watch
from policy.errors import ConfinementError, StrongroomError
from policy.limits import MIB, Limits
from policy.trial import run_all
from policy.wire import Wire, WireError


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The core's first message; the kernel's seccomp listener rides with it."""


class ReportRequest(msgspec.Struct, frozen=True, tag=True):
    """The core asks what the watch has seen."""


class Report(msgspec.Struct, frozen=True, tag=True):
    """What the watch has seen, and what the guard has started besides the core."""

    egress: EgressReport
    processes: tuple[tuple[str, int], ...]  # role, process id


class ConnectorRequest(msgspec.Struct, frozen=True, tag=True):
    """The core asks for a connector of one of its owner's mail accounts."""

    account: str


class ConverterRequest(msgspec.Struct, frozen=True, tag=True):
    """The core asks for a converter of one document of a kind."""

    kind: str


class StartReply(msgspec.Struct, frozen=True, tag=True):
    """The core's ends to what was started ride with this, or it says why there are none."""

    refused: str | None = None
    remedy: str | None = None
    retryable: bool = False


Request = ReportRequest | ConnectorRequest | ConverterRequest
_REQUEST: type[Request] = Request  # type: ignore[assignment]  # as a schema for the wire

_END_S = 5.0  # what is left to do when the core is gone

Allowed = Callable[[], Mapping[str, tuple[str, int]]]


class Inherited(msgspec.Struct, frozen=True):
    """What the core is told on its command line: descriptor numbers that it inherits."""

    control: int
    unix: int
    tcp: int | None
    passphrase_file: str | None
    refusal: str | None = None  # why nothing may be taken in: a layer of confinement is missing
    remedy: str | None = None


def serve(
    home: Path,
    socket_path: Path,
    address: tuple[str, int] | None,
    passphrase_file: Path | None,
    allowed: Allowed = dict,
) -> int:
    """Run the service in the foreground until it is told to stop; the core's exit code is returned.

    Args:
        allowed: host and port of each mail account by its name, as the owner's settings say now.

    Raises:
        ServiceUnavailable: there is no home, or another service has it or the port.
        ConfinementError: a layer is missing without which nothing runs. Where another one is, the service is
            for searching only, and its exit code is 78.
    """
    if not (home / "keys").exists():
        raise ServiceUnavailable(
            "there is no Strongroom home here", item=str(home), remedy="run: strongroom init"
        )
    refusal = _refusal()
    if refusal is not None:
        sys.stderr.write(f"strongroom: nothing is taken in, search stays up: {refusal}\n")
    listeners = [_unix_listener(socket_path)]
    if address is not None:
        listeners.append(_tcp_listener(address))
    ours, theirs = socket.socketpair()
    inherited = Inherited(
        control=theirs.fileno(),
        unix=listeners[0].fileno(),
        tcp=listeners[1].fileno() if address else None,
        passphrase_file=str(passphrase_file.absolute()) if passphrase_file else None,
        refusal=refusal.what if refusal else None,
        remedy=refusal.remedy if refusal else None,
    )
    # The core needs the environment for its home and its credentials; it cleans that of its own children.
    core = subprocess.Popen(
        [sys.executable, "-I", "-m", "appliance.core", str(home), msgspec.json.encode(inherited).decode()],
        pass_fds=[theirs.fileno(), *(listener.fileno() for listener in listeners)],
        start_new_session=True,
    )
    for sock in (theirs, *listeners):
        sock.close()
    # The core has a session to itself, so Ctrl-C reaches the guard only. Each signal is handed on as it came:
    # one that is asking for the passphrase gives the terminal its echo back.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: core.send_signal(received))
    answering = threading.Thread(target=_answer, args=(Wire(ours, MIB), allowed, home), daemon=True)
    answering.start()
    code = core.wait()
    answering.join(_END_S)
    with contextlib.suppress(FileNotFoundError):
        socket_path.unlink()
    return code if code >= 0 else 128 - code


def _refusal() -> ConfinementError | None:
    """Which layer is missing that ingestion requires, of whatever process. A converter that cannot be
    confined costs only the kinds of documents that it is for, and says so when one comes.
    """
    for trial in run_all():
        if trial.row != "converter" and (refusal := trial.refusal()) is not None:
            if VITAL & trial.missing.keys():
                raise refusal
            return refusal
    return None


def _answer(wire: Wire, allowed: Allowed, home: Path) -> None:
    """Take the listener, then answer the core's questions until it is gone."""
    watch = Watch()
    pairs: dict[str, Pair] = {}
    converters = Launcher(watch, home, Limits())
    try:
        _, descriptors = wire.receive(Hello)
        watch.add(descriptors[0])
        while True:
            request, _ = wire.receive(_REQUEST)
            if isinstance(request, ReportRequest):
                started = [each for pair in pairs.values() for each in pair.processes()]
                wire.send(Report(watch.report(), (*started, *converters.processes())))
            elif isinstance(request, ConnectorRequest):
                _connect(wire, request.account, allowed, watch, pairs)
            else:
                _convert(wire, request.kind, converters)
    except WireError:
        wire.close()
    finally:
        for pair in pairs.values():
            pair.end()
        converters.end()


def _connect(wire: Wire, account: str, allowed: Allowed, watch: Watch, pairs: dict[str, Pair]) -> None:
    """Give the core a new connector of an account; the account's former one is ended."""
    if account in pairs:
        pairs.pop(account).end()
    try:
        place = allowed().get(account)
        if place is None:
            raise ConnectorRefused("no such mail account is set up", item=account)
        pair = Pair(*place, watch)
    except StrongroomError as error:
        wire.send(StartReply(refused=error.what, remedy=error.remedy))
    except OSError as error:
        wire.send(StartReply(refused=f"it could not be started: {error.strerror}"))
    else:
        pairs[account] = pair
        with pair.core:
            wire.send(StartReply(), (pair.core.fileno(),))


def _convert(wire: Wire, kind: str, converters: Launcher) -> None:
    """Give the core a new converter; the former one is ended."""
    try:
        started = converters.start(kind)
    except StrongroomError as error:
        wire.send(StartReply(refused=error.what, remedy=error.remedy, retryable=error.retryable))
    else:
        with started.wire, started.life:
            wire.send(StartReply(), (started.wire.fileno(), started.life.fileno()))


class GuardClient:
    """The core's end: hands over the listener, asks for reports, connectors and converters. Thread-safe."""

    def __init__(self, control: int, listener: int) -> None:
        self._wire = Wire(socket.socket(fileno=control), MIB)
        self._lock = threading.Lock()
        self._wire.send(Hello(), (listener,))
        os.close(listener)

    def report(self) -> Report:
        """What was attempted since the start, and the processes of the connectors.

        Raises:
            WireError: the guard is gone (and with it, by the kernel's rule, every such attempt is refused).
        """
        with self._lock:
            self._wire.send(ReportRequest())
            return self._wire.receive(Report)[0]

    def connector(self, account: str) -> socket.socket:
        """Our end of the wire to a new connector of this account; one that it had before is ended.

        Raises:
            ConnectorRefused: the settings do not name the account, or it could not be started.
            WireError: the guard is gone.
        """
        with self._lock:
            self._wire.send(ConnectorRequest(account))
            reply, descriptors = self._wire.receive(StartReply)
        if reply.refused is not None:
            raise ConnectorRefused(reply.refused, item=account, remedy=reply.remedy)
        return socket.socket(fileno=descriptors[0])

    def converter(self, kind: str) -> Started:
        """Our ends to a new converter of documents of this kind; one that is there yet is ended.

        Raises:
            ConverterUnavailable: none can be confined as it must be on this machine.
            PoolDown: it could not be started this time.
            WireError: the guard is gone.
        """
        with self._lock:
            self._wire.send(ConverterRequest(kind))
            reply, descriptors = self._wire.receive(StartReply)
        if reply.refused is not None:
            error = PoolDown if reply.retryable else ConverterUnavailable
            raise error(reply.refused, remedy=reply.remedy)
        wire, life = (socket.socket(fileno=each) for each in descriptors)
        return Started(wire, life)


def _unix_listener(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        else:
            raise ServiceUnavailable("a service is already running", item=str(path.parent.parent))
    listener = socket.socket(socket.AF_UNIX)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise ServiceUnavailable(
            f"cannot listen on its socket: {error}",
            item=str(path),
            remedy="a home's path has at most 90 bytes",
        ) from error
    finally:
        os.umask(previous)
    listener.listen(128)
    return listener


def _tcp_listener(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        raise ServiceUnavailable(
            f"cannot listen on port {address[1]}: {error.strerror}",
            remedy="set service.listen to a free port",
        ) from error
    listener.listen(128)
    return listener
