"""Waits for something to happen below a folder: the kernel's events where it sends them, else the clock.

What happened is only a hint of where to look; `drop_folder.py` looks.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

# How often the watch wakes to ask for events and for `stop`. Measured, idle: 50 ms costs 0.08 % of a core,
# 75 ms 0.055 %, 100 ms 0.043 %; an event is told after one to two steps.
_STEP_MS = 150
_GROUP_MS = 300  # while events keep coming, they are told at least this often

# Filesystems whose contents another machine (or the host) changes without this kernel hearing of it.
_SILENT = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smbfs", "smb2", "smb3", "ncpfs", "davfs", "afs"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "orangefs", "ocfs2", "fuse"),
        *("9p", "v9fs", "drvfs", "virtiofs", "vboxsf", "vmhgfs", "prl_fs"),
    }
)

log = logging.getLogger("strongroom.ingest")


def sends_events(root: str, mounts: Iterable[str]) -> bool:
    """Whether the kernel sees every change at and below a folder.

    Args:
        root: a real, absolute path.
        mounts: lines of /proc/self/mountinfo, format in proc_pid_mountinfo(5).
    """
    holds, below = ("", ""), []
    for line in mounts:
        left, _, right = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), left.split()[4])  # \040 is a space
        kind = right.split()[0]
        if f"{root}/".startswith(f"{point.rstrip('/')}/"):
            # The deepest holds it; a later mount on the same point hides the earlier.
            holds = (point, kind) if len(point) >= len(holds[0]) else holds
        elif point.startswith(f"{root.rstrip('/')}/"):
            below.append(kind)
    # "fuse.sshfs" and the like; "fuseblk" is a local disk.
    return not any(kind.partition(".")[0] in _SILENT for kind in (holds[1], *below))


class Watcher:
    """Waits at one root folder.

    Args:
        root: real, absolute path; need not exist yet.
        poll: never rely on events. None: find out.
    """

    def __init__(self, root: str, *, poll: bool | None = None) -> None:
        self._root = root
        self._poll = poll
        self._notify: RustNotify | None = None
        self._watched: tuple[int, int] | None = None

    @property
    def polls(self) -> bool:
        """Whether no events come, so that the folder must be looked through often."""
        return self._notify is None

    def renew(self) -> None:
        """Watch the folder that is now at the root: at the start, and whenever another may have come.

        Look through it only after this call: then whatever comes meanwhile is an event already.
        """
        try:
            status = os.stat(self._root)
        except OSError:
            self.close()
            return
        identity = (status.st_dev, status.st_ino)
        if identity == self._watched:
            return
        self.close()
        if self._poll or (self._poll is None and not sends_events(self._root, _mounts())):
            return
        try:
            self._notify = RustNotify([self._root], False, False, 0, True, True)
            self._watched = identity
        except FileNotFoundError:
            return
        except (OSError, WatchfilesRustInternalError):
            self._poll = True
            log.warning("a folder is looked through every few seconds: the kernel grants no more watches")

    def changes(self, patience: float, stop: threading.Event) -> list[str] | None:
        """Wait at most `patience` seconds; return the paths below the root at which something happened.

        None: something happened that cannot be told; `renew` and look through everything.
        """
        if self._notify is None:
            stop.wait(max(patience, 0.001))
            return []
        wait_ms = max(1, int(patience * 1000))
        try:
            told = self._notify.watch(_GROUP_MS, min(_STEP_MS, wait_ms), wait_ms, stop)
        except WatchfilesRustInternalError:  # for one, a name that is not UTF-8; it repeats itself for ever
            self.close()
            return None
        if isinstance(told, str):
            return []
        inside = len(self._root.rstrip("/")) + 1
        return [path[inside:] for _, path in told]

    def close(self) -> None:
        """Stop watching."""
        if self._notify is not None:
            self._notify.close()
        self._notify = self._watched = None


def _mounts() -> list[str]:
    """What is mounted where; nothing if the kernel does not tell (the safety look then has to do)."""
    try:
        return Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
