"""The core's side of one zygote: start it, have workers forked, learn how they ended, end it.

Restarting and everything about documents is left to `ingest/sandbox/pool.py`.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from dataclasses import dataclass

import msgspec

from ingest.errors import PoolDown
from ingest.sandbox.control import Ended, Forked, Order, Ready
from policy import children
from policy.errors import ConfinementError
from policy.limits import Limits
from policy.wire import Wire, WireError, close_all

_WARM_S = 120.0  # importing the readers' libraries from a cold disk
_ANSWER_S = 20.0


@dataclass(frozen=True)
class Birth:
    """A new worker: its pid, its pidfd (the pool closes it) and our end of its wire."""

    pid: int
    pidfd: int
    end: socket.socket


class Zygote:
    """One life of the parser process. Thread-safe.

    Raises:
        ConfinementError: it cannot confine itself on this machine.
        PoolDown: it did not come up.
    """

    def __init__(self, module: str, limits: Limits, *, watched: bool) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._lock = threading.Lock()
        self._control = Wire(ours, 1 << 16)
        arguments = (msgspec.json.encode(limits).decode(),)
        try:
            self._process = children.spawn(module, wires=(theirs,), arguments=arguments, watched=watched)
        except OSError as error:
            ours.close()
            raise PoolDown(f"the parser process cannot be started ({error.strerror})") from error
        ours.settimeout(_WARM_S)
        try:
            ready = self._control.receive_alone(Ready)
        except WireError as error:
            self.close()
            raise PoolDown("the parser process did not start", remedy="run `strongroom doctor`") from error
        if ready.refused is not None:
            self.close()
            raise ConfinementError(ready.refused, remedy=ready.remedy)
        ours.settimeout(_ANSWER_S)
        self.layers = ready.layers
        self.pid = self._process.pid

    def fork(self) -> Birth:
        """Have a worker forked.

        Raises:
            PoolDown: the zygote is gone.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with self._lock, theirs:
            try:
                self._control.send(Order(), (theirs.fileno(),))
                forked, descriptors = self._control.receive(Forked)
            except WireError as error:
                ours.close()
                raise PoolDown("the parser process is gone") from error
        if len(descriptors) != 1:
            ours.close()
            close_all(descriptors)
            raise PoolDown("the parser process lost its thread")
        return Birth(forked.pid, descriptors[0], ours)

    def reap(self, pid: int) -> Ended:
        """How a worker ended that has ended or was told to. Until this is asked its pid is not given again.

        Raises:
            PoolDown: the zygote is gone, and the workers with it.
        """
        with self._lock:
            try:
                self._control.send(Order(reap=pid))
                return self._control.receive_alone(Ended)
            except WireError as error:
                raise PoolDown("the parser process is gone") from error

    def close(self) -> None:
        """Hang up and see it end; its workers end with it."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self._process.kill()  # Popen signals only what it has not reaped
        self._process.wait()
