"""A whole intake in a process of its own, made to be killed: vault, two folder sources, parser pool.

It ends by itself once everything expected is stored and read. The parser program is the small one of
the pool's tests: "child WORDS" is a document with an attachment.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from ingest.intake import Intake
from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from ingest.sources.drop_folder import FolderSource
from store.records import State
from store.vault import Vault
from tests.support.homes import LIMITS, open_vault


def main(home: Path, drop: Path, watched: Path, expected: int) -> None:
    vault = open_vault(home)
    pool = Pool(2, LIMITS, module="tests.support.evil_worker")
    parse, intake, stop = ParseStage(vault, pool, LIMITS), Intake(vault, LIMITS), threading.Event()
    sources = (
        FolderSource("drop", drop, consume=True),
        FolderSource(
            "watch:docs",
            watched,
            consume=False,
            known=lambda: [origin for _, origin in vault.catalog.places("watch:docs")],
        ),
    )
    threads = [threading.Thread(target=intake.run, args=(source, stop)) for source in sources]
    threads.append(threading.Thread(target=parse.run, args=(stop,)))
    for thread in threads:
        thread.start()
    while not is_done(vault, drop, expected):
        time.sleep(0.05)
    stop.set()
    vault.ledger.poke()
    for thread in threads:
        thread.join()
    pool.close()
    vault.close()


def is_done(vault: Vault, drop: Path, expected: int) -> bool:
    stored = sum(len(vault.catalog.places(source)) for source in ("drop", "watch:docs"))
    waiting = vault.ledger.counts().get(State.STORED, 0)
    return stored == expected and not waiting and not any(path.is_file() for path in drop.rglob("*"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), expected=int(sys.argv[4]))
