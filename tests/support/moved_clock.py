"""Runs a module with the clock of the day moved, by replacing `time.time` in it. (libfaketime 0.9.10 makes
`time.sleep` of Python 3.11 fail.) The file that it is given holds the seconds to add, and may change.

    python -m tests.support.moved_clock OFFSET_FILE MODULE [ARGUMENT ...]
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path


def main() -> None:
    offset, module = Path(sys.argv[1]), sys.argv[2]
    real = time.time
    time.time = lambda: real() + float(offset.read_text())
    sys.argv[:] = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main()
