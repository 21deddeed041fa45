"""Takes one layer of confinement away from a program and all that it starts, as an older kernel or a strict
container would: a filter of system calls, loaded before the program, refuses what the layer is made of.

    python -I -m tests.support.sabotage LAYER COMMAND…
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policy import seccomp
from policy.confine import Layer
from policy.seccomp import DENY, Rule, Verdict, When

WATCH = "the watch"  # over attempts to reach a network: a filter that somebody answers

_NEW_LISTENER = 8
_NEW_NETWORK = 0x40000000
_SET_DUMPABLE = 4


def _only(argument: int, mask: int, value: int) -> Rule:
    return Rule(Verdict.ALLOW, (When(argument, mask, value, Verdict.DENY),))


TAKEN: Mapping[str, Mapping[str, Rule]] = {
    WATCH: {"seccomp": _only(1, _NEW_LISTENER, _NEW_LISTENER)},
    Layer.CALLS: {"seccomp": DENY},
    Layer.NO_NEW_PRIVS: {"prctl": _only(0, 0xFFFFFFFF, seccomp.PR_SET_NO_NEW_PRIVS)},
    Layer.FILES: {"landlock_restrict_self": DENY},
    Layer.NETWORK: {"unshare": _only(0, _NEW_NETWORK, _NEW_NETWORK)},
    Layer.CAPABILITIES: {"capset": DENY},
    Layer.LIMITS: {
        "prlimit64": Rule(Verdict.DENY, (When(2, 0xFFFFFFFF, 0, Verdict.ALLOW),))
    },  # to look is no harm
    Layer.UNDUMPABLE: {"prctl": _only(0, 0xFFFFFFFF, _SET_DUMPABLE)},
}


def around(layer: str) -> list[str]:
    """What to put before a command, so that it lacks this layer."""
    return [sys.executable, "-I", str(Path(__file__)), layer]


if __name__ == "__main__":
    seccomp.load(TAKEN[sys.argv[1]])
    os.execvp(sys.argv[2], sys.argv[2:])
