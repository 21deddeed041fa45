"""A home before it is open: how one is made, so that a kill leaves none or a whole one, and how a process
takes it for itself.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from policy.redact import Private
from store.audit import Audit
from store.blobs import Blobs
from store.database import Database
from store.durable import sync_folder
from store.errors import HomeExists, HomeInUse
from store.keys import KdfParameters, create_keys
from store.migrate import migrate


def take(home: Path) -> int:
    """Lock a home for this process, until the descriptor is closed or the process ends.

    Raises:
        HomeInUse
    """
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise HomeInUse(
            "another process has this home open", item=str(home), remedy="stop it first"
        ) from None
    return lock


def make_home(home: Path, passphrase: Private[bytes], kdf: KdfParameters, steps: Sequence[str]) -> None:
    """Fill an empty folder with keys, folders, an empty catalog and its audit log.

    Args:
        steps: of the catalog's schema, as `migrate` takes them.

    Raises:
        HomeExists: there is a home, or a catalog without its keys, which is not ours to overwrite.
    """
    final, begun = home / "keys", home / "keys.begun"
    if final.exists() or ((home / "catalog.db").exists() and not begun.exists()):
        raise HomeExists("there is a home here already", item=str(home), remedy="choose another folder")
    for leftover in home.glob("catalog.db*"):  # of a creation that was killed: its keys never got their name
        leftover.unlink()
    keys = create_keys(begun, passphrase, kdf)
    Blobs(home, keys.identity).make_folders()
    (home / "snapshots").mkdir(mode=0o700, exist_ok=True)
    migrate(home / "catalog.db", keys.catalog, steps)
    database = Database(home / "catalog.db", keys.catalog)
    try:
        Audit.begin(database, home / "audit.head", keys.audit, keys.vault)
    finally:
        database.close()
    sync_folder(home)
    os.rename(begun, final)
    sync_folder(home)
