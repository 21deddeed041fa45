"""The core's side of conversions: have a converter started for each document, wait no longer than may be,
take what it made. What it made is a stranger's document, for the parser like any other.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

from ingest.converter import libreoffice
from ingest.converter.messages import CONVERSIONS, FRAME_BYTES, Done, Ended, Ready, Started, Task
from ingest.errors import (
    ConversionFailed,
    ConverterUnavailable,
    ParserCrash,
    ParserError,
    ParserLied,
    ParserTimeout,
)
from policy.limits import Limits
from policy.wire import Wire, WireError, close_all, seal

_LAST_WORDS_S = 1.0  # between hanging up and ending; what takes longer has not died, it lies
_END_S = 20.0  # between being ended and having ended, on whatever machine


class Converter:
    """Converts documents of the kinds in CONVERSIONS, one at a time. Thread-safe.

    Args:
        start: has a converter started for a kind of document; the guard's, or `launch.Launcher.start`.
    """

    def __init__(self, start: Callable[[str], Started], limits: Limits) -> None:
        self.layers: tuple[str, ...] = ()  # of confinement, once there was a conversion
        self._start = start
        self._limits = limits
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
            WireError: the guard is gone.
        """
        conversion = CONVERSIONS[kind]
        if not libreoffice.installed(conversion):
            raise ConverterUnavailable(
                f"it is {conversion.called}; it is read where LibreOffice is installed",
                remedy=f"install the Debian package {conversion.package}, then `strongroom retry`",
            )
        with self._lock:
            result = os.memfd_create("converted", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                _finish(result, self._run(kind, Task(password=password), (document, result)))
            except BaseException:
                os.close(result)
                raise
            return result

    def _run(self, kind: str, task: Task, descriptors: tuple[int, int]) -> Done:
        started = self._start(kind)
        wire, life = Wire(started.wire, FRAME_BYTES), Wire(started.life, FRAME_BYTES)
        deadline = time.monotonic() + self._limits.convert_wall_s
        timer = threading.Timer(self._limits.convert_wall_s, _hang_up, (wire.sock, socket.SHUT_RDWR))
        timer.start()
        try:
            return self._converse(wire, task, descriptors)
        except WireError as error:
            raise _verdict(life, time.monotonic() >= deadline, self._limits) from error
        finally:
            timer.cancel()
            wire.close()
            _end(life)

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
        seal(result)
    except OSError as error:
        raise ParserLied("the converter tampered with what it made") from error
    os.lseek(result, 0, os.SEEK_SET)


def _hang_up(sock: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # it is gone already
        sock.shutdown(how)


def _end(life: Wire) -> None:
    """Have the converter ended, if it has not ended, and wait until it has."""
    _hang_up(life.sock, socket.SHUT_WR)
    _ended(life, _END_S)
    life.close()


def _ended(life: Wire, within_s: float) -> Ended | None:
    life.sock.settimeout(within_s)
    try:
        return life.receive(Ended)[0]
    except WireError:
        return None


def _verdict(life: Wire, late: bool, limits: Limits) -> ParserError:
    """Why there is no answer."""
    if late:
        return ParserTimeout(f"it was not converted within {limits.convert_wall_s:g} s")
    ended = _ended(life, _LAST_WORDS_S)
    if ended is None:
        return ParserLied("the converter's answer broke the protocol")
    if ended.code == -signal.SIGKILL:
        return ParserCrash("the converter was killed while converting it, perhaps for want of memory")
    if ended.code < 0:
        return ParserCrash(f"LibreOffice died of {_signal_name(-ended.code)} while converting it")
    return ParserCrash(f"the converter ended with code {ended.code} while converting it")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
