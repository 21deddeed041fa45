"""In what surroundings this process runs; `policy/confine.py` says what must be in force in which.

`judge` decides, `here` reads the signs. Nobody gains by forging them: whoever sets this process's environment
or its machine's files is its owner.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

INVOCATION = "INVOCATION_ID"  # systemd gives it to what it starts
CONTAINER = "container"  # podman, LXC and nspawn name themselves by it


class Mode(StrEnum):
    """The surroundings that differ in what they grant."""

    SERVICE = "service"  # systemd started it: nobody looks on
    SHELL = "shell"  # a person started it
    CONTAINER = "container"  # whoever started the container has taken away what makes namespaces
    WSL2 = "WSL2"  # Microsoft's kernel, below Windows


@dataclass(frozen=True)
class Signs:
    """What the mode is told by."""

    container: str = ""  # the kind of container, where there is word of one
    kernel: str = ""  # its release
    invocation: str = ""  # the value of INVOCATION
    cgroups: str = ""  # /proc/self/cgroup


def judge(signs: Signs) -> Mode:
    """The mode that the signs tell of. A service in a container is a container: it sets the bounds."""
    if signs.container not in ("", "wsl"):  # WSL2's systemd holds itself to be in a container of that kind
        return Mode.CONTAINER
    if "microsoft" in signs.kernel.lower():
        return Mode.WSL2
    # A shell may have the variable from the service that runs its desktop, and sshd's group from its start.
    units = (line.rpartition("/")[2] for line in signs.cgroups.splitlines())
    if signs.invocation and any(unit.endswith(".service") for unit in units):
        return Mode.SERVICE
    return Mode.SHELL


@cache
def here() -> Mode:
    """The mode of this process."""
    return judge(
        Signs(_container(), os.uname().release, os.environ.get(INVOCATION, ""), _read("/proc/self/cgroup"))
    )


def _container() -> str:
    if os.path.exists("/.dockerenv"):
        return "docker"
    if os.path.exists("/run/.containerenv"):
        return "podman"
    return os.environ.get(CONTAINER) or _read("/run/systemd/container").strip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", errors="replace")
    except OSError:
        return ""
