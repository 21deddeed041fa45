"""Many threads may meet a kind of record at once: what msgspec knows of it was learnt before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# As in the core, but with threads that take turns so often that they meet in the wrong moment.
MEETING = """
import sys, threading
import msgspec
from policy import schemas

FIELDS = "".join(f"    a{n}: int | None = None\\n" for n in range(20))
for round in range(200):
    kinds = {"msgspec": msgspec}
    for depth in range(5):
        inner = f"    inner: tuple[Kind{depth - 1}, ...] = ()\\n" if depth else ""
        exec(f"class Kind{depth}(msgspec.Struct):\\n{inner}{FIELDS}", kinds)
    schemas.learn()
    sys.setswitchinterval(1e-6)
    together = threading.Barrier(8)

    def convert():
        together.wait()
        msgspec.convert({"inner": [{"inner": [{"a1": 1}]}]}, kinds["Kind4"])

    threads = [threading.Thread(target=convert) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(0.005)
"""


def test_threads_that_meet_a_kind_at_once_find_it_learnt() -> None:
    done = subprocess.run([sys.executable, "-c", MEETING], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, "without `schemas.learn` it is SIGSEGV"
