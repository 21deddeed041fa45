"""Starting converters: one at a time, each in a box and under the watch, and gone when the core hangs up.

It is done by the guard: the core may neither mount nor make namespaces. Standard library, `policy` and the
messages only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import msgspec

from ingest.converter.messages import CONVERSIONS, FRAME_BYTES, Ended, Started
from ingest.errors import ConverterUnavailable, PoolDown
from policy import box, children, mode
from policy.confine import REQUIRED, TABLE, Layer
from policy.egress import Watch
from policy.limits import Limits
from policy.wire import Wire, WireError

_NAME = TABLE["converter"].title
_GONE_S = 10.0  # what is in a box ends a moment after it
_DIED_OF = 128  # bubblewrap's exit code for a program that a signal ended, less its number


class Launcher:
    """Starts a converter when it is asked to, in place of the one before it.

    Args:
        watch: is given their listeners.
        home: the owner's; its path tells apart what is left by others in /dev/shm, where no box can be made.
        module: the converter's program, and `reads` what it needs besides; others only in tests.
    """

    def __init__(
        self,
        watch: Watch,
        home: Path,
        limits: Limits,
        *,
        module: str = "ingest.converter.worker",
        reads: tuple[str, ...] = (),
    ) -> None:
        self._watch = watch
        self._limits = limits
        self._module = module
        self._reads = (*(TABLE["converter"].reads or ()), *reads)
        self._boxes = False  # whether one was made here
        self._running: _Running | None = None
        # Where no box can be made and none is required: memory as well, and only this user's.
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        self._folder = Path(f"/dev/shm/strongroom-{os.geteuid()}-{digest}-convert")
        shutil.rmtree(self._folder, ignore_errors=True)  # of a guard that was killed

    def start(self, untrusted_kind: str) -> Started:
        """A converter for one document of this kind.

        Raises:
            ConverterUnavailable: it cannot be confined as it must be here.
            PoolDown: it could not be started this time.
        """
        self.end()
        if untrusted_kind not in CONVERSIONS:
            raise ConverterUnavailable("there is no such conversion")
        boxed = self._boxed()
        try:
            if not boxed:
                self._folder.mkdir(mode=0o700)
            return self._spawn(untrusted_kind, boxed)
        except OSError as error:
            raise PoolDown(f"the converter cannot be started ({error.strerror})") from error

    def _spawn(self, kind: str, boxed: bool) -> Started:
        folder = box.FOLDER if boxed else self._folder
        wire, theirs = socket.socketpair()
        life, hung_up = socket.socketpair()
        greeting, greets = socket.socketpair()
        try:
            process = children.spawn(
                self._module,
                wires=(theirs, greets),
                arguments=(msgspec.json.encode(self._limits).decode(), str(folder), kind),
                watched=True,
                boxed=box.command(self._reads, self._limits.convert_files) if boxed else (),
            )
        except OSError:
            for end in (wire, life, hung_up, greeting):
                end.close()
            raise
        self._running = _Running(process, hung_up, greeting, self._watch, None if boxed else folder)
        return Started(wire, life)

    def processes(self) -> list[tuple[str, int]]:
        """Role and process id of the one that runs."""
        if self._running is None or self._running.process.returncode is not None:
            return []
        return [("converter", self._running.process.pid)]

    def end(self) -> None:
        """End it, and leave nothing of it."""
        if self._running is not None:
            self._running.end()
            self._running = None

    def _boxed(self) -> bool:
        if not self._boxes:
            refusal = box.refusal()
            if refusal is not None and Layer.BUBBLEWRAP in REQUIRED[mode.here()]:
                raise ConverterUnavailable(refusal.what, remedy=refusal.remedy)
            self._boxes = refusal is None
        return self._boxes


class _Running:
    """A converter that runs, and the thread that sees it to its end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        life: socket.socket,
        greeting: socket.socket,
        watch: Watch,
        folder: Path | None,
    ) -> None:
        self.process = process
        self._life = Wire(life, FRAME_BYTES)
        self._greeting = greeting
        self._watch = watch
        self._folder = folder
        self._thread = threading.Thread(target=self._tend, name="tends-converter", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End it, if it has not ended, and wait until it has."""
        with contextlib.suppress(OSError):  # it has
            self._life.sock.shutdown(socket.SHUT_RD)
        self._thread.join()

    def _tend(self) -> None:
        ended = os.pidfd_open(self.process.pid)
        life, greeting = self._life.sock, self._greeting
        poll = select.poll()
        for each in (ended, life.fileno(), greeting.fileno()):
            poll.register(each, select.POLLIN)
        try:
            while ended not in (ready := dict(poll.poll())):
                if life.fileno() in ready:
                    poll.unregister(life)
                    # Not the process alone: while bubblewrap begins, what it has begun does not end with it.
                    os.killpg(self.process.pid, signal.SIGKILL)
                if greeting.fileno() in ready:
                    poll.unregister(greeting)
                    self._watch.take_over(greeting, _NAME)  # nothing else is ever heard from it here
        finally:
            os.close(ended)
        code = self.process.wait()
        if code > _DIED_OF:
            code = _DIED_OF - code
        self._tell(code)

    def _tell(self, code: int) -> None:
        # Only its own process holds the other end of this, and a box ends before what is in it.
        self._greeting.settimeout(_GONE_S)
        with contextlib.suppress(OSError):
            self._greeting.recv(1)
        self._greeting.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(WireError):  # nobody may want to know
            self._life.send(Ended(code))
        self._life.close()
