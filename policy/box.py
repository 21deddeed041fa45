"""A box: bubblewrap around one of our programs, in which nothing exists but what is named here.

It is left to `policy/confine.py` what the program may do with what it sees, as everywhere else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from policy import paths
from policy.errors import ConfinementError

PROGRAM = "/usr/bin/bwrap"
FOLDER = Path("/strongroom-work")  # the one place in a box where something can be written; it is memory
PARENT = 1  # a program's parent in its box: bubblewrap, which ends with it and it with bubblewrap

_NOBODY = "65534"
_OTHERWISE_MADE = ("/proc", "/sys")  # a box has its own /proc, and nothing of the machine
_TRY_S = 20.0
_INSIDE = "import sys; from policy import box; sys.exit(not box.inside())"


def command(reads: Iterable[str], size: int) -> list[str]:
    """The start of a command line that runs the interpreter in a box.

    The environment is passed on. Who starts it does so in a session of its own: that keeps the terminal away,
    and makes a process group by which all of it can be ended at any time.

    Args:
        reads: files and folders that are there to be read; with `paths.CODE`, or no interpreter runs.
        size: how many bytes FOLDER holds.
    """
    options = [
        "--unshare-all",  # users, processes, memory, names, mounts, network: none of the machine's
        "--die-with-parent",
        *("--unshare-user", "--uid", _NOBODY, "--gid", _NOBODY),  # and not only where there is one
        *("--cap-drop", "ALL"),  # root outside is none inside
        *("--hostname", "box"),
        *("--proc", "/proc"),
        *("--size", str(size), "--tmpfs", str(FOLDER)),
    ]
    for kind, source, target in _bindings((*reads, sys.executable, os.path.join(sys.prefix, "pyvenv.cfg"))):
        options += [kind, source, target]
    return [PROGRAM, *options, "--remount-ro", "/", "--"]


def inside() -> bool:
    """Whether this process is in a box: its root is empty but for what was bound there, and so is the list of
    processes but for bubblewrap. It can be asked under Landlock, too.
    """
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
        lines = [line.partition(" - ") for line in mounts]
    roots = [(left.split()[5].split(","), right) for left, _, right in lines if left.split()[4] == "/"]
    return os.getppid() == PARENT and any(
        "ro" in options and kind.startswith("tmpfs ") for options, kind in roots
    )


def refusal() -> ConfinementError | None:
    """Why no box can be made here, found by making one; None: it can."""
    if not os.access(PROGRAM, os.X_OK):
        return ConfinementError("bubblewrap is not installed", remedy="install the Debian package bubblewrap")
    try:
        done = subprocess.run(
            [*command(paths.CODE, 1 << 20), sys.executable, "-I", "-c", _INSIDE],
            env={"HOME": "/nonexistent"},  # else Python asks the database of users for one
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=_TRY_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return ConfinementError(f"bubblewrap does not run here ({type(error).__name__})")
    if done.returncode == 0:
        return None
    said = done.stderr.decode("ascii", "replace").strip().rpartition("\n")[2]
    return ConfinementError(
        f"bubblewrap makes no box on kernel {os.uname().release} ({said or 'it gives no reason'})",
        remedy="allow user namespaces to it: on Ubuntu by an AppArmor profile, else by the sysctls "
        "user.max_user_namespaces and kernel.unprivileged_userns_clone",
    )


def _bindings(wanted: Iterable[str]) -> list[tuple[str, str, str]]:
    """Option, source, target for each path that exists, and for those that its links lead to."""
    found: dict[str, tuple[str, str, str]] = {}
    left = list(wanted)
    while left:
        path = left.pop(0)
        if path in found or path.startswith(_OTHERWISE_MADE) or not os.path.lexists(path):
            continue
        if os.path.islink(path):
            target = os.readlink(path)
            found[path] = ("--symlink", target, path)
            left.append(os.path.normpath(os.path.join(os.path.dirname(path), target)))
        else:
            found[path] = ("--dev-bind" if path.startswith("/dev/") else "--ro-bind", path, path)
    # A folder that lies in another needs no binding of its own, and a link in one is there.
    folders = {path for path, (kind, *_) in found.items() if kind == "--ro-bind" and os.path.isdir(path)}
    return [found[path] for path in found if not folders.intersection(map(str, Path(path).parents))]
