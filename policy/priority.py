"""Which work the kernel does first where several want a core: answers, then what comes in, then batches."""

from __future__ import annotations

import os

# Niceness. What runs without saying so answers somebody.
ANSWERS, INTAKE, BATCHES = 0, 5, 10


def give_way(niceness: int) -> None:
    """Run this thread, and those that it starts from now on, with this niceness or its own if that is more:
    only root could take it back.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(niceness, before))  # of this thread: Linux counts each
