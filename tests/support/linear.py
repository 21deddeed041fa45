"""Whether work grows no faster than its input, without a word about seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

_TIMES = 8
_SLACK = 3.0


def grows_evenly(work: Callable[[str], object], piece: str, chars: int) -> bool:
    """Whether eight times the text costs at most a few times eight times the time; looked at three times."""
    short = piece * max(chars // len(piece), 1)
    return any(_seconds(work, short * _TIMES) <= _TIMES * _SLACK * _seconds(work, short) for _ in range(3))


def _seconds(work: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    work(text)
    return time.process_time() - began + 1e-4  # less is noise
