"""When a file is whole: pure rules over what was seen at a path and when. Looking is left to `tree.py`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import NamedTuple

QUIET_S = 0.2  # nobody has it open for writing: a breath, for programs that write in several goes
UNSURE_S = 2.0  # nobody can tell whether it is open for writing
EMPTY_S = 2.0  # made empty first, filled later
GONE_S = 2.0  # some editors save by removing and writing anew
HELD_MOST_S = 2.0  # longest pause between two looks at a file that stays open for writing
RETRY_MOST_S = 300.0

_PASSING_SUFFIXES = {
    *(".part", ".partial", ".filepart", ".crdownload", ".opdownload", ".download", ".tmp", ".temp"),
    *(".swp", ".swo", ".swx"),
}


class Stamp(NamedTuple):
    """What tells one content of a path from the next without reading it."""

    inode: int
    size: int  # bytes
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a regular file."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


class Writers(Enum):
    """Whether anybody has a file open for writing."""

    NONE = "none"
    SOME = "some"
    UNKNOWN = "unknown"


def is_passing(path: str) -> bool:
    """Whether a path below a source's root is hidden, a lock, a backup or a download in progress.

    Such files are never taken; the finished one is when it is renamed.
    """
    *folders, name = path.split("/")
    if any(part.startswith(".") for part in (*folders, name)):
        return True
    backup = name.startswith(("~$", "#")) or name.endswith(("~", "#"))
    return backup or PurePosixPath(name).suffix.lower() in _PASSING_SUFFIXES


def readable(path: str) -> str:
    r"""A path as valid text: bytes that are not UTF-8 are written out as \xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(slots=True)
class _Sight:
    stamp: Stamp | None  # None: nothing is there
    since: float
    due: float
    pause: float = QUIET_S


class Settling:
    """The paths whose content is not sure yet. Times are seconds of any clock that never goes back.

    A path is seen, becomes due, and is looked at again then; it is whole when it looked the same for long
    enough and nobody has it open for writing.
    """

    def __init__(self) -> None:
        self._sights: dict[str, _Sight] = {}

    def see(self, path: str, stamp: Stamp | None, now: float) -> bool:
        """Note what is at a path. False: it is new or differs from before, and its wait starts again."""
        sight = self._sights.get(path)
        if sight is not None and sight.stamp == stamp:
            return True
        self._sights[path] = _Sight(stamp, now, now + (GONE_S if stamp is None else QUIET_S))
        return False

    def hasten(self, path: str, now: float) -> None:
        """Something happened at a path that is put off: look again soon."""
        if (sight := self._sights.get(path)) is not None:
            sight.due = min(sight.due, now + QUIET_S)

    def put_off(self, path: str, stamp: Stamp, now: float, attempts: int) -> None:
        """It could not be taken: look again after a wait that doubles with every attempt."""
        self._sights[path] = _Sight(stamp, now, now + min(RETRY_MOST_S, 2.0 ** min(attempts, 20) / 2))

    def is_settled(self, path: str, writers: Writers, now: float) -> bool:
        """Judge a path that is due and still looks the same; if it has not settled, it is due again later."""
        sight = self._sights[path]
        if writers is Writers.SOME:
            sight.pause = min(sight.pause * 2, HELD_MOST_S)
            sight.due = now + sight.pause
            return False
        needed = QUIET_S
        if sight.stamp is None:
            needed = GONE_S
        elif sight.stamp.size == 0:
            needed = EMPTY_S
        elif writers is Writers.UNKNOWN:
            needed = UNSURE_S
        sight.due = sight.since + needed
        return now >= sight.due

    def forget(self, path: str) -> None:
        """It is dealt with."""
        self._sights.pop(path, None)

    def due(self, now: float) -> list[str]:
        """The paths to look at again now, newest content first."""
        ready = [(sight.stamp, path) for path, sight in self._sights.items() if sight.due <= now]
        ready.sort(key=lambda entry: entry[0].mtime_ns if entry[0] else 0, reverse=True)
        return [path for _, path in ready]

    def next_due(self) -> float | None:
        """When the next path is due; None when nothing waits."""
        return min((sight.due for sight in self._sights.values()), default=None)
