"""Tries each row of the confinement table on this machine, for its owner and before the service starts.

Nobody lends themselves to it: a short-lived program forks a process for each row, which takes the row on,
tries what must fail, and tells; a row with bubblewrap is tried in it. What is required is said in
`policy/confine.py`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import msgspec

from policy import box, confine, mode
from policy.confine import REQUIRED, TABLE, Layer
from policy.errors import ConfinementError
from policy.limits import Limits
from policy.mode import Mode

_LONGEST_S = 30.0
_BOX_BYTES = 1 << 20
_SHOWN = ("NoNewPrivs", "Seccomp", "Seccomp_filters", "CapEff", "CapBnd")
_LIMITS = {
    "core dumps": resource.RLIMIT_CORE,
    "processor seconds": resource.RLIMIT_CPU,
    "memory": resource.RLIMIT_DATA,
    "file size": resource.RLIMIT_FSIZE,
    "open files": resource.RLIMIT_NOFILE,
}


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row."""

    row: str
    mode: Mode
    layers: tuple[Layer, ...]  # in force
    missing: dict[Layer, str]  # required in this mode and not in force, and why
    degraded: dict[Layer, str]  # not in force either, but not required
    refused: tuple[str, ...]  # what was tried and failed, as it must
    let_through: tuple[str, ...]  # what did not fail
    status: dict[str, str]  # read back from /proc/self/status, and the limits

    def refusal(self) -> ConfinementError | None:
        """What to say if a required layer is missing."""
        return next((confine.refusal(self.row, layer, why) for layer, why in self.missing.items()), None)


def run_all() -> tuple[Trial, ...]:
    """Try every row, each in a process of its own.

    Raises:
        ConfinementError: the trial itself does not run.
    """
    boxed = [row for row, each in TABLE.items() if Layer.BUBBLEWRAP in each.layers]
    if box.refusal() is not None:
        boxed = []  # tried outside, they say what is missing
    trials = _tried([], [row for row in TABLE if row not in boxed])
    for row in boxed:
        trials += _tried(box.command(TABLE[row].reads or (), _BOX_BYTES), [row])
    order = list(TABLE)
    return tuple(
        msgspec.structs.replace(each, mode=mode.here())  # which a box does not show
        for each in sorted(trials, key=lambda each: order.index(each.row))
    )


def _tried(inside: list[str], rows: list[str]) -> tuple[Trial, ...]:
    passed = {name: os.environ[name] for name in (mode.INVOCATION, mode.CONTAINER) if name in os.environ}
    passed["HOME"] = "/nonexistent"  # without one Python asks the database of users, which may be a server
    try:
        done = subprocess.run(
            [*inside, sys.executable, "-I", "-m", "policy.trial", *rows],
            env=passed,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_S,
            check=True,
            start_new_session=True,
        )
        return msgspec.json.decode(done.stdout, type=tuple[Trial, ...])
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        raise ConfinementError(
            f"the layers of confinement cannot be tried ({type(error).__name__})"
        ) from error


def _try(row: str) -> Trial:
    """Take a row on and tell; this process can do nothing else any more."""
    standing = confine.take_on(row, Limits())
    required = REQUIRED[mode.here()]
    return Trial(
        row=row,
        mode=mode.here(),
        layers=standing.in_force,
        missing={layer: why for layer, why in standing.missing.items() if layer in required},
        degraded={layer: why for layer, why in standing.missing.items() if layer not in required},
        refused=tuple(each.name for each in standing.tried if each.refused),
        let_through=tuple(each.name for each in standing.tried if not each.refused),
        status=_status(),
    )


def _status() -> dict[str, str]:
    with open("/proc/self/status") as status:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    shown = {name: fields[name].strip() for name in _SHOWN if name in fields}
    for name, kind in _LIMITS.items():
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            shown[name] = str(hard)
    return shown


def _main(rows: list[str]) -> None:
    if len(rows) == 1:  # in a box, whose child it must be
        sys.stdout.buffer.write(msgspec.json.encode([_try(rows[0])]))
        return
    trials = []
    for row in rows:
        heard, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(told, msgspec.json.encode(_try(row)))
            finally:  # whatever was raised, this process is not the one that asked
                os._exit(0)
        os.close(told)
        with open(heard, "rb") as answer:
            trials.append(msgspec.Raw(answer.read()))
        os.waitpid(child, 0)
    sys.stdout.buffer.write(msgspec.json.encode(trials))


if __name__ == "__main__":
    _main(sys.argv[1:])
