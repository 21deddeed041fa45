"""The core's side of conversions: start a converter for each document, wait no longer than may be, take what
it made, leave nothing behind. What it made is a stranger's document, for the parser like any other.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from ingest.converter import libreoffice
from ingest.converter.messages import CONVERSIONS, FRAME_BYTES, Done, Ready, Task
from ingest.errors import (
    ConversionFailed,
    ConverterUnavailable,
    ParserCrash,
    ParserError,
    ParserLied,
    ParserTimeout,
    PoolDown,
)
from policy import children
from policy.limits import Limits
from policy.wire import Wire, WireError, close_all

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_LAST_WORDS_S = 1.0  # between hanging up and ending; what takes longer has not died, it lies


class Converter:
    """Converts documents of the kinds in CONVERSIONS, one at a time. Thread-safe.

    Args:
        folder: in memory, and only this process's (`policy/scratch.py`); what it holds is removed.
        watched: this process is under the egress watch.
        module: the converter's program; another one only in tests.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        *,
        watched: bool = False,
        module: str = "ingest.converter.worker",
    ) -> None:
        self.layers: tuple[str, ...] = ()  # of confinement, once there was a conversion
        self._folder = folder
        self._limits = limits
        self._watched = watched
        self._module = module
        self._lock = threading.Lock()

    def convert(self, document: int, kind: str, password: str | None = None) -> int:
        """Convert one document; waits for the one before it.

        Args:
            document: descriptor; stays the caller's.
            kind: a key of CONVERSIONS.
            password: what the owner says opens it.

        Returns:
            A sealed memfd at offset 0, the caller's: a stranger's document of the format that it was
            converted to.

        Raises:
            ConversionFailed: LibreOffice cannot open it.
            ParserError: over this document.
            PoolDown: not this document's doing.
            ConverterUnavailable: no document can be converted on this machine.
        """
        conversion = CONVERSIONS[kind]
        if not libreoffice.installed(conversion):
            raise ConverterUnavailable(
                f"it is {conversion.called}; it is read where LibreOffice is installed",
                remedy=f"install the Debian package {conversion.package}, then `strongroom retry`",
            )
        with self._lock:
            work = self._workplace()
            try:
                return self._convert(document, kind, Task(password=password), work)
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def _convert(self, document: int, kind: str, task: Task, work: Path) -> int:
        result = os.memfd_create("converted", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            _finish(result, self._run(kind, task, (document, result), work))
        except BaseException:
            os.close(result)
            raise
        return result

    def _run(self, kind: str, task: Task, descriptors: tuple[int, int], work: Path) -> Done:
        process, wire = self._spawn(work, kind)
        deadline = time.monotonic() + self._limits.convert_wall_s
        timer = threading.Timer(self._limits.convert_wall_s, process.kill)
        timer.start()
        try:
            return self._converse(wire, task, descriptors)
        except WireError as error:
            raise _verdict(process, time.monotonic() >= deadline, self._limits) from error
        finally:
            timer.cancel()
            wire.close()
            process.kill()  # it is alone, and can start no other
            process.wait()

    def _workplace(self) -> Path:
        try:
            return Path(tempfile.mkdtemp(dir=self._folder))
        except OSError as error:
            raise PoolDown(f"the converter has no place to work ({error.strerror})") from error

    def _spawn(self, work: Path, kind: str) -> tuple[subprocess.Popen[bytes], Wire]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        arguments = (msgspec.json.encode(self._limits).decode(), str(work), kind)
        try:
            process = children.spawn(
                self._module, wires=(theirs,), arguments=arguments, watched=self._watched
            )
        except OSError as error:
            ours.close()
            raise PoolDown(f"the converter cannot be started ({error.strerror})") from error
        return process, Wire(ours, FRAME_BYTES)

    def _converse(self, wire: Wire, task: Task, descriptors: tuple[int, int]) -> Done:
        ready, strangers = wire.receive(Ready)
        close_all(strangers)
        if ready.refused is not None:
            raise ConverterUnavailable(
                f"the converter cannot be confined on this machine: {ready.refused}", remedy=ready.remedy
            )
        self.layers = ready.layers
        wire.send(task, descriptors)
        done, strangers = wire.receive(Done)
        close_all(strangers)
        return done


def _finish(result: int, done: Done) -> None:
    """Make what the converter made final."""
    if done.outcome == "failed":
        raise ConversionFailed(
            "LibreOffice cannot convert it: it is damaged, too large, or not what it seems to be"
        )
    if done.outcome == "unusable":
        raise ConverterUnavailable("the LibreOffice of this machine does not start")
    if os.fstat(result).st_size == 0:
        raise ParserLied("the converter made nothing")
    try:
        fcntl.fcntl(result, fcntl.F_ADD_SEALS, _SEALS)
    except OSError as error:
        raise ParserLied("the converter tampered with what it made") from error
    os.lseek(result, 0, os.SEEK_SET)


def _verdict(process: subprocess.Popen[bytes], late: bool, limits: Limits) -> ParserError:
    """Why there is no answer."""
    if late:
        return ParserTimeout(f"it was not converted within {limits.convert_wall_s:g} s")
    try:
        code = process.wait(_LAST_WORDS_S)
    except subprocess.TimeoutExpired:
        return ParserLied("the converter's answer broke the protocol")
    if code == -signal.SIGKILL:
        return ParserCrash("the converter was killed while converting it, perhaps for want of memory")
    if code < 0:
        return ParserCrash(f"LibreOffice died of {signal.Signals(-code).name} while converting it")
    return ParserCrash(f"the converter ended with code {code} while converting it")
