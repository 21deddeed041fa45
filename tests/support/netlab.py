"""Network namespaces of our own making, to watch from outside what leaves a room and what it asks for.

`empty()` has loopback and nothing else. `wired()` has a link and a default route to an outside that is every
host there is: it resolves every name, takes connections on a few ports, and keeps each frame that arrives. A
test is skipped, with the reason printed, where the machine grants no namespaces.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.frames import Frame, answer, decode, question

RESOLVER = "198.51.100.1"
ANYWHERE = ("203.0.113.80", "2001:db8:1::80")  # where every name leads that was given no address
PORTS = (53, 80, 443, 993)
PATIENCE_S = 30.0

_KEEPER = Path(__file__).with_name("netlab_keeper.py")
_NEEDED = ("ip", "nsenter")
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_OUTGOING = 4  # PACKET_OUTGOING: seen as it is sent, not as it arrives


class Room:
    """A namespace that commands can be run in.

    Args:
        keeper: the process that holds it.
    """

    def __init__(self, keeper: int) -> None:
        self._keeper = keeper

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs another one in this room; its process is the one that is started."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(self._keeper), *user, "--net", "--mount", "--", *arguments]

    def python(self, code: str) -> str:
        """Run a piece of Python in this room, confined by nothing; what it prints."""
        done = subprocess.run(
            self.command(sys.executable, "-I", "-c", code),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


class Wired(Room):
    """A room with a way out, and all that takes it.

    Args:
        sockets: of the outside: capture, resolver, a listener for each of PORTS.
        names: addresses of names; every other name leads ANYWHERE.
        relays: a port of the outside, and the port of this machine's loopback that answers there.
    """

    def __init__(
        self, keeper: int, sockets: list[socket.socket], names: Mapping[str, str], relays: Mapping[int, int]
    ) -> None:
        super().__init__(keeper)
        self._capture, self._resolver, *self._listeners = sockets
        self._names = names
        self._relays = relays
        self._left: list[Frame] = []
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._resolve)]
        self._threads += [
            threading.Thread(target=self._accept, args=pair)
            for pair in zip(PORTS, self._listeners, strict=True)
        ]
        self._capture.setblocking(False)
        for thread in self._threads:
            thread.start()

    def left(self) -> list[Frame]:
        """All frames that left the room so far, but for what the kernel says by itself."""
        while True:
            try:
                frame, address = self._capture.recvfrom(1 << 16)
            except BlockingIOError:
                break
            if address[2] != _OUTGOING:
                self._left.append(decode(frame))
        lost = struct.unpack("II", self._capture.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1]
        assert not lost, f"{lost} frames were not kept"
        return [frame for frame in self._left if not frame.of_the_kernel]

    def asked(self) -> set[str]:
        """The names that were looked up."""
        return {frame.name for frame in self.left() if frame.name is not None}

    def close(self) -> None:
        """End the outside."""
        self._closed.set()
        for thread in self._threads:
            thread.join()
        for sock in (self._capture, self._resolver, *self._listeners):
            sock.close()

    def _waits(self, *sockets: socket.socket) -> list[socket.socket]:
        """Which of them have something; none of them once it is closed."""
        while not self._closed.is_set():
            if ready := select.select(sockets, [], [], 0.1)[0]:
                return ready
        return []

    def _resolve(self) -> None:
        while self._waits(self._resolver):
            message, asker = self._resolver.recvfrom(4096)
            with contextlib.suppress(IndexError, struct.error):
                name = question(message)[0]
                addresses = (self._names[name],) if name in self._names else ANYWHERE
                self._resolver.sendto(answer(message, addresses), asker)

    def _accept(self, port: int, listener: socket.socket) -> None:
        talks: list[threading.Thread] = []
        while self._waits(listener):
            line, _ = listener.accept()
            talks.append(threading.Thread(target=self._talk, args=(port, line)))
            talks[-1].start()
        for talk in talks:
            talk.join()

    def _talk(self, port: int, line: socket.socket) -> None:
        """Hand a connection on to who answers there, or read a little and hang up."""
        with line, contextlib.suppress(OSError):
            if port not in self._relays:
                self._waits(line)
                return
            with socket.create_connection(("127.0.0.1", self._relays[port]), PATIENCE_S) as server:
                other = {line: server, server: line}
                while ready := self._waits(line, server):
                    for sock in ready:
                        if not (data := sock.recv(1 << 16)):
                            return
                        other[sock].sendall(data)


@contextlib.contextmanager
def _kept(**plan: object) -> Iterator[tuple[int, list[socket.socket]]]:
    """A keeper's process id and sockets."""
    if missing := [program for program in _NEEDED if not shutil.which(program)]:
        print(f"no namespaces: {', '.join(missing)} not installed")
        pytest.skip(f"{', '.join(missing)} not installed")
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            keeper = subprocess.Popen(
                [sys.executable, "-I", str(_KEEPER), str(theirs.fileno()), json.dumps(plan)],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            )  # fmt: skip
        ours.settimeout(PATIENCE_S)
        try:
            said, descriptors, _, _ = socket.recv_fds(ours, 1000, 16)
            if said != b"ready":
                print(f"no namespaces: {said.decode()}")
                pytest.skip(f"this machine grants no network namespace: {said.decode()}")
            yield keeper.pid, [socket.socket(fileno=number) for number in descriptors]
        finally:
            ours.close()
            keeper.wait(PATIENCE_S)


@contextlib.contextmanager
def empty() -> Iterator[Room]:
    """A room that nothing leaves."""
    with _kept(wired=False) as (keeper, _):
        yield Room(keeper)


@contextlib.contextmanager
def wired(names: Mapping[str, str] | None = None, relays: Mapping[int, int] | None = None) -> Iterator[Wired]:
    """A room with a way out; see `Wired`."""
    with _kept(wired=True, ports=PORTS) as (keeper, sockets):
        room = Wired(keeper, sockets, names or {}, relays or {})
        try:
            yield room
        finally:
            room.close()
