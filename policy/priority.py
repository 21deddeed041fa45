"""Which work is done first where several want a core, or the interpreter: answers, then what comes in, then
batches.

The kernel sees to the cores. The interpreter of one process has a queue without ranks, so what comes in rests
while somebody is answered.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterator

# Niceness. What runs without saying so answers somebody.
ANSWERS, INTAKE, BATCHES = 0, 5, 10

_TIMES = 16.0  # as long as it worked, at most: however much is asked, each of the stages goes on
_LONGEST_S = 0.4
_AFTER_S = 0.03  # the answer is still to be sent, and who asked may ask on

_answered = threading.Condition()
_asked = 0  # how many are being answered
_rest_until = 0.0  # without an end while anybody is
_own = threading.local()  # `worked_from`, where the thread yields


def lower(niceness: int) -> None:
    """Run this thread, and those that it starts from now on, with this niceness or its own if that is more:
    only root could take it back. For what does not need the core's interpreter: who holds that, and waits for
    a core, keeps all others from it.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(niceness, before))  # of this thread: Linux counts each


def yield_to_answers() -> None:
    """From now on this thread rests wherever it calls `rest`."""
    _own.worked_from = time.monotonic()


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """While somebody waits for an answer of this process."""
    global _asked, _rest_until
    with _answered:
        _asked += 1
        _rest_until = math.inf
    try:
        yield
    finally:
        with _answered:
            _asked -= 1
            if not _asked:
                _rest_until = time.monotonic() + _AFTER_S
                _answered.notify_all()


def rest() -> None:
    """Let those be answered who are, if this thread yields to them; for a bounded time, so that nothing that
    it holds is held for long.
    """
    worked_from: float | None = getattr(_own, "worked_from", None)
    now = time.monotonic()
    if worked_from is None or now >= _rest_until:
        return
    longest = now + min(_TIMES * (now - worked_from), _LONGEST_S)
    with _answered:
        while (left := min(longest, _rest_until) - time.monotonic()) > 0:
            _answered.wait(left)
    _own.worked_from = time.monotonic()
