"""Keeps the model process alive: starts it, restarts it with back-off, and says how processes are."""

from __future__ import annotations

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1024 * 1024


def resident_mib(pid: int) -> float:
    """Resident memory of a process in MiB, 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / _MIB
    except (OSError, IndexError, ValueError):
        return 0.0
