"""The service with something taken away from it and from every program of ours that it starts, from outside:
the product has no switch for that.

    python -I tests/support/loosened.py WHAT … python -I -m MODULE ARGUMENT …

WHAT is JSON: `switches`, environment variables that are then never set; `layers` of confinement that no row
has, by the names of `policy.confine.Layer`; `watch`, whether the guard's watch goes as well.
"""

from __future__ import annotations

import dataclasses
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from policy import confine, egress


def main() -> None:
    """Take away what is named, then be the program."""
    what, command = sys.argv[1], sys.argv[2:]
    loosening: dict[str, Any] = json.loads(what)
    _without_switches(frozenset(loosening["switches"]))
    _without_layers(frozenset(loosening["layers"]))
    if loosening["watch"]:
        egress.install_watch = _no_watch
    subprocess.Popen = _starting(what)  # type: ignore[assignment, misc]
    sys.argv = command[command.index("-m") + 1 :]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def around(*, switches: Sequence[str] = (), layers: Sequence[str] = (), watch: bool = False) -> list[str]:
    """What is put before the command of a program of ours, to take these away."""
    what = json.dumps({"switches": list(switches), "layers": list(layers), "watch": watch})
    return [sys.executable, "-I", __file__, what]


def _without_switches(names: frozenset[str]) -> None:
    """Readers and models set some of them again."""
    settle = type(os.environ).__setitem__

    def unless_named(self: os._Environ[str], name: str, value: str) -> None:
        if name not in names:
            settle(self, name, value)

    for name in names:
        os.environ.pop(name, None)
    type(os.environ).__setitem__ = unless_named  # type: ignore[method-assign]


def _without_layers(names: frozenset[str]) -> None:
    assert names <= {str(layer) for layer in confine.Layer}
    confine.TABLE = MappingProxyType(
        {name: dataclasses.replace(row, layers=row.layers - names) for name, row in confine.TABLE.items()}
    )


def _no_watch() -> int:
    """A listener on which nothing is ever heard until this process is gone."""
    listener, _ = os.pipe()
    return listener


def _starting(what: str) -> type[subprocess.Popen[Any]]:
    """What starts our own programs through this file, and all others as they are."""
    ours = [sys.executable, "-I", "-m"]

    class Popen(subprocess.Popen[Any]):
        def __init__(self, command: Sequence[str], *rest: Any, **named: Any) -> None:
            if list(command[:3]) == ours:
                command = [sys.executable, "-I", __file__, what, *command]
            super().__init__(command, *rest, **named)

    return Popen


if __name__ == "__main__":
    main()
