"""Running a program in a mount namespace of its own, where it may mount a disk that is soon full."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def on_a_small_disk(program: str, folder: Path) -> str:
    """Run a program with the folder as its argument, which must end well; what it printed."""
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-Urm", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this kernel grants no user and mount namespace to mount a small disk in")
    done = subprocess.run(
        [unshare, "-Urm", sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
