"""Runs a piece of Python in a fresh process that confines itself, and tells what each attempt came to."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAIN_USER = 12345

_PRELUDE = """
import ctypes, errno, json, os, shutil, signal, socket, sys, tempfile, threading, time
sys.path.insert(0, {root!r})
from policy import confine, egress, seccomp
from policy.errors import ConfinementError
from policy.limits import Limits
if {user}:
    os.setgroups([]); os.setresgid(*[{user}] * 3); os.setresuid(*[{user}] * 3)
told = {{}}
def attempt(name, what):
    try:
        what()
        told[name] = "done"
    except OSError as error:
        told[name] = errno.errorcode[error.errno]
"""


def outcomes(code: str, *, user: int = 0) -> dict[str, object]:
    """What `code` left in `told`; it has `attempt(name, function)`, which notes "done" or the errno's name.

    Args:
        user: run as this user, which takes root; 0 for whoever we are.
    """
    script = (
        _PRELUDE.format(root=str(ROOT), user=user) + textwrap.dedent(code) + "\nprint(json.dumps(told))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told
