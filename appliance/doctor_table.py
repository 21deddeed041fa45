"""The table of confinement as it really is on this machine: what each row of `policy/confine.py` keeps, which
layers of it hold when it is tried, and what the kernel says of the processes of a service that runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from appliance.living import Living, look
from policy import mode, paths, trial
from policy.confine import REMEDY, REQUIRED, TABLE, Layer, Row
from policy.errors import ConfinementError
from policy.limits import MIB
from policy.trial import Trial

# Files of the owner's that a process is given when it starts, in words.
_GIVEN_TO_READ = {"model": ("the models' files",)}
_GIVEN_TO_WRITE = {
    "core": ("the home", "the drop folder", "its indexes in memory"),
    "converter": ("one folder in memory",),
}
_UNITS = {"memory": MIB, "file size": MIB}


class RowTold(msgspec.Struct, frozen=True, kw_only=True):
    """A row as its owner is told of it."""

    row: str
    keys: str
    sockets: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    executes: tuple[str, ...]
    limits: tuple[str, ...]  # read back
    required: tuple[Layer, ...]  # in this mode
    in_force: tuple[Layer, ...]
    missing: dict[Layer, str]  # required and not in force: why, and the remedy
    absent: dict[Layer, str]  # not in force, and not required
    refused: tuple[str, ...]  # attempts that failed, as they must
    let_through: tuple[str, ...]


class ProcessTold(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the service that runs."""

    role: str
    pid: int
    starting: bool  # it has confined itself to nothing yet, and was given nothing
    kernel: Living
    layers: tuple[str, ...]  # as it told them itself; none: it has not
    amiss: tuple[str, ...]  # what is required and not in force


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about confinement here."""

    mode: str
    rows: tuple[RowTold, ...]
    processes: tuple[ProcessTold, ...]
    untried: str | None = None  # why the rows could not be tried

    def missing(self) -> list[str]:
        """Required and not in force, a line each."""
        found = [f"{row.row}: {layer}: {why}" for row in self.rows for layer, why in row.missing.items()]
        found += [f"{one.role}, pid {one.pid}: {what}" for one in self.processes for what in one.amiss]
        return [self.untried, *found] if self.untried else found


def table(status: Mapping[str, Any] | None) -> Table:
    """Try all rows, and look at the processes of the service, whose status this is; None: none runs."""
    try:
        trials, untried = trial.run_all(), None
    except ConfinementError as error:
        trials, untried = (), str(error)
    return Table(
        mode=mode.here(),
        rows=tuple(_row(each) for each in trials),
        processes=tuple(_processes(status)) if status else (),
        untried=untried,
    )


def _row(tried: Trial) -> RowTold:
    row = TABLE[tried.row]
    required = REQUIRED[tried.mode] & row.layers
    missing = {layer: f"{why}; remedy: {REMEDY[layer]}" for layer, why in tried.missing.items()}
    return RowTold(
        row=tried.row,
        keys=row.keys,
        sockets=_sockets(row),
        reads=_named(row.reads, _GIVEN_TO_READ.get(tried.row, ())),
        writes=_named(row.writes, _GIVEN_TO_WRITE.get(tried.row, ())),
        executes=_named(row.executes, ()),
        limits=tuple(_limits(tried.status)),
        required=tuple(layer for layer in Layer if layer in required),
        in_force=tried.layers,
        missing=missing,
        absent=tried.degraded,
        refused=tried.refused,
        let_through=tried.let_through,
    )


def _sockets(row: Row) -> str:
    if row.dials:
        return "makes them to connect, by TCP to one port, and to look names up"
    return "inherited pairs" if "listen" in row.rules else "inherited listeners, and pairs"


def _named(allowed: Sequence[str] | None, given: Sequence[str]) -> tuple[str, ...]:
    """Paths in words where there are many of them."""
    if allowed is None:
        return ("anything",)
    named = ["code and system libraries"] if set(paths.CODE) <= set(allowed) else []
    named += ["the interpreter"] if set(paths.INTERPRETER) <= set(allowed) else []
    rest = (path for path in allowed if path not in (*paths.CODE, *paths.INTERPRETER))
    return (*given, *named, *dict.fromkeys(rest))


def _limits(status: Mapping[str, str]) -> Iterator[str]:
    for name, value in status.items():
        if name in _UNITS:
            yield f"{name} {int(value) // _UNITS[name]} MiB"
        elif name.islower():  # else it is one of the kernel's own fields
            yield f"{name} {value}"


def _processes(status: Mapping[str, Any]) -> Iterator[ProcessTold]:
    for one in status["processes"]:
        kernel = look(one["pid"])
        if kernel is not None:
            role = kernel.row or one["role"]
            yield ProcessTold(
                role=role,
                pid=one["pid"],
                starting=kernel.row is None and role in TABLE,
                kernel=kernel,
                layers=tuple(status["layers"].get(role, ())),
                amiss=tuple(_amiss(TABLE[kernel.row], kernel)) if kernel.row else (),
            )


def _amiss(row: Row, kernel: Living) -> Iterator[str]:
    """Required here and, as the kernel has it, not in force."""
    required = REQUIRED[mode.here()] & row.layers
    for layer, holds in (
        (Layer.NO_NEW_PRIVS, kernel.no_new_privs),
        (Layer.CALLS, kernel.filters > 0),
        (Layer.CAPABILITIES, not kernel.capabilities & ~sum(1 << each for each in row.capabilities)),
        (Layer.LIMITS, not kernel.core_dumps),
        (Layer.NETWORK, kernel.own_network),
    ):
        if layer in required and not holds:
            yield str(layer)
