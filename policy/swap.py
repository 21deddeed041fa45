"""Where the kernel may put memory that it has no room for. Keys are locked in memory, texts and words are
not: on a disk that is not encrypted they would outlive the process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from pathlib import Path

log = logging.getLogger("strongroom.policy")


def plain() -> list[str]:
    """The swap devices and files of this machine that are neither memory nor encrypted."""
    lines = Path("/proc/swaps").read_text().splitlines()[1:]
    return [path for line in lines if not keeps_secrets(path := line.split()[0])]


def warn() -> None:
    """Say so in the log if there are any."""
    with contextlib.suppress(OSError):  # no such list in this container
        if found := plain():
            log.warning("text in memory may reach %d plain swap areas: see strongroom doctor", len(found))


def keeps_secrets(swap: str) -> bool:
    """Whether a swap device or file is memory, or encrypted; `swap` is a path as the kernel gives it."""
    try:
        about = os.stat(swap)
    except OSError:  # removed, or not ours to see
        return False
    device = about.st_rdev if stat.S_ISBLK(about.st_mode) else about.st_dev
    return is_secret(Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve())


def is_secret(block: Path) -> bool:
    """The same of a block device by its folder in /sys."""
    if block.name.startswith("zram"):
        return True
    with contextlib.suppress(FileNotFoundError):
        if (block / "dm" / "uuid").read_text().startswith("CRYPT-"):
            return True
    below = list((block / "slaves").glob("*"))  # a volume on an encrypted one
    return bool(below) and all(is_secret(each.resolve()) for each in below)
