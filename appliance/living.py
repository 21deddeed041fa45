"""What the kernel says of a living process's confinement: read back from /proc, whatever the process says."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from policy.confine import TABLE

_ROWS = {row.title: name for name, row in TABLE.items()}
_BOX = "bwrap"  # which waits for what is in its box


class Living(msgspec.Struct, frozen=True, kw_only=True):
    """One process. Landlock and what a filter holds the kernel does not tell."""

    row: str | None  # of the table of confinement, which it took on; None: it has taken none on, or not yet
    no_new_privs: bool
    filters: int  # seccomp filters; 0: none, or not in the mode of filters
    capabilities: int  # effective, a mask
    core_dumps: bool
    locked_kib: int  # of memory that never reaches a swap disk
    own_network: bool  # a network namespace that is not ours
    interfaces: tuple[str, ...]  # in its network namespace
    sent: int  # packets that left by them since the namespace was made


def look(pid: int) -> Living | None:
    """What is in force for a process, or for what it holds in a box; None when it is gone. Needs no right
    over it: all of this is public.
    """
    folder = Path("/proc", str(pid))
    try:
        if _name(folder) == _BOX:
            held = (folder / "task" / str(pid) / "children").read_text().split()
            return look(int(held[0])) if held else None
        status = dict(line.split(":\t", 1) for line in _lines(folder / "status") if ":\t" in line)
        devices = [line.split() for line in _lines(folder / "net" / "dev")[2:]]
        return Living(
            row=_ROWS.get(_name(folder)),
            no_new_privs=status["NoNewPrivs"] == "1",
            filters=int(status["Seccomp_filters"]) if status["Seccomp"] == "2" else 0,
            capabilities=int(status["CapEff"], 16),
            core_dumps=_may_dump(folder / "limits"),
            locked_kib=int(status["VmLck"].split()[0]),
            own_network=_network(folder) != _network(Path("/proc/self")),
            interfaces=tuple(device[0].rstrip(":") for device in devices),
            sent=sum(int(device[10]) for device in devices),
        )
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _name(folder: Path) -> str:
    return (folder / "comm").read_text("utf-8", errors="replace").rstrip("\n")


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8", errors="replace").splitlines()


def _network(folder: Path) -> int:
    # Each namespace has files of its own here. The link ns/net would say it too, but to tracers only.
    return os.stat(folder / "net" / "dev").st_ino


def _may_dump(limits: Path) -> bool:
    line = next(line for line in _lines(limits) if line.startswith("Max core file size"))
    return line.split()[5] != "0"  # the hard limit: the soft one could be raised to it
