"""An import in a process of its own, made to be killed: it tells its messages line by line, and ends once the
file is imported.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from ingest.importer.imports import Imports, Stage
from ingest.intake import Intake
from policy.limits import Limits
from tests.support.homes import open_vault

LIMITS = Limits(free_disk_bytes=0, item_bytes=3 << 20)


def main(home: Path, path: Path) -> None:
    vault = open_vault(home, LIMITS)
    imports, stop = Imports(vault, Intake(vault, LIMITS), LIMITS), threading.Event()
    thread = threading.Thread(target=imports.run, args=(stop,))
    thread.start()
    imports.start(path)
    while (status := imports.status()[0]).stage in (Stage.WAITING, Stage.RUNNING):
        print(status.messages, flush=True)
        time.sleep(0.002)
    stop.set()
    vault.ledger.poke()
    thread.join()
    vault.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
