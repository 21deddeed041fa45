"""What a process may say of its failures and those of its libraries: the kind of an error and where in the
code it arose. Never its text, which may quote a document, a question or a key; a log is plain and is kept.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import traceback
import warnings
from types import TracebackType

_FRAMES = 3
_OURS = "strongroom"


def log_discreetly() -> None:
    """From here on this process logs to standard error, and no unhandled error or warning, no library's log
    says more than its kind and place. Our own lines, from INFO on, are worded so that they may be kept.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Discreet())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(_OURS).setLevel(logging.INFO)
    sys.excepthook = _failed
    threading.excepthook = lambda failure: _failed(failure.exc_type, failure.exc_value, failure.exc_traceback)
    sys.unraisablehook = lambda failure: _failed(failure.exc_type, failure.exc_value, failure.exc_traceback)
    warnings.showwarning = _warned


def describe(kind: type[BaseException], where: TracebackType | None) -> str:
    """An error's class and the innermost places of the code that it came through."""
    frames = [
        f"{os.path.basename(frame.f_code.co_filename)}:{line}" for frame, line in traceback.walk_tb(where)
    ]
    return " < ".join([kind.__name__, *reversed(frames[-_FRAMES:])])


class _Discreet(logging.Formatter):
    """Our own lines as they are; of a library only that it spoke, and how loudly."""

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name.partition(".")[0] == _OURS
        line = f"{record.name}: {record.getMessage() if ours else record.levelname.lower()}"
        if record.exc_info and record.exc_info[0] is not None:
            line += f" ({describe(record.exc_info[0], record.exc_info[2])})"
        return line


def _failed(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    if issubclass(kind, Exception):
        _say(describe(kind, where))


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    _say(f"{category.__name__} < {os.path.basename(filename)}:{lineno}")


def _say(what: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{_OURS}: {what}\n".encode())
