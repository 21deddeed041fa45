"""One of our programs with confinement or encryption taken away, to measure what they cost. It is not
installed, and takes away from outside: it replaces functions before the program's own code is loaded.

    STRONGROOM_BENCH_UNPROTECTED=confinement,encryption python -I bench/bare.py MODULE ARGUMENT…

The programs that it starts are started the same way. `strongroom serve` itself refuses to run under that
variable; here it is taken out of the environment first.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import policy.confine
import policy.egress

VARIABLE = "STRONGROOM_BENCH_UNPROTECTED"
CONFINEMENT, ENCRYPTION = "confinement", "encryption"

_OPEN_STORES = ("appliance.cli", "appliance.core")
_GUARD = "appliance.cli"
_TRIAL = "policy.trial"  # says what is in force on a machine, not in a process


def main() -> None:
    """Take away what the variable names, then be the program."""
    without = os.environ.pop(VARIABLE)
    subprocess.Popen = _starting(without)  # type: ignore[assignment, misc]
    if CONFINEMENT in without:
        _take_confinement()
    if ENCRYPTION in without and sys.argv[1] in _OPEN_STORES:
        _take_encryption()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _starting(without: str) -> type[subprocess.Popen[Any]]:
    """What starts our own programs through this file, and all others as they are."""
    ours = [sys.executable, "-I", "-m"]

    class Popen(subprocess.Popen[Any]):
        def __init__(self, command: Sequence[str], *rest: Any, **named: Any) -> None:
            if list(command[:3]) == ours and command[3] != _TRIAL:
                command = [sys.executable, "-I", __file__, *command[3:]]
                named["env"] = {**(named.get("env") or os.environ), VARIABLE: without}
            super().__init__(command, *rest, **named)

    return Popen


def _take_confinement() -> None:
    def confine(*_: object, **__: object) -> tuple[str, ...]:
        return ()

    def install_watch() -> int:
        """A listener on which nothing is ever heard until this process is gone."""
        listener, _ = os.pipe()
        return listener

    _replace(policy.confine, "confine", confine)
    _replace(policy.confine, "shut_files", lambda: None)
    _replace(policy.egress, "install_watch", install_watch)
    if sys.argv[1] == _GUARD:
        from ingest.converter.launch import Launcher

        _replace(Launcher, "_boxed", lambda _: False)


def _take_encryption() -> None:
    from store import crypto, database  # only here: the other programs never load it

    prepare: Callable[..., None] = database._prepare

    class NoCipher:
        """Takes the place of AES-GCM in streams and wrapped keys; the layout stays."""

        def __init__(self, key: bytes) -> None:
            pass

        def encrypt(self, _: bytes, data: bytes, __: bytes) -> bytes:
            return data + bytes(crypto.TAG_BYTES)

        def decrypt(self, _: bytes, data: bytes, __: bytes) -> bytes:
            return data[: -crypto.TAG_BYTES]

    class Keyless:
        """A connection that is told no key."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def execute(self, statement: str) -> Any:
            return None if statement.startswith("PRAGMA key=") else self._connection.execute(statement)

    _replace(crypto, "AESGCM", NoCipher)
    _replace(database, "_prepare", lambda connection, *rest: prepare(Keyless(connection), *rest))


def _replace(module: Any, name: str, by: Callable[..., object] | type) -> None:
    assert hasattr(module, name), f"{module.__name__} has no {name} any more"
    setattr(module, name, by)


if __name__ == "__main__":
    main()
