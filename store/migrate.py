"""Brings a catalog to the newest schema: numbered SQL files, one transaction each, counted by `user_version`.
An older home with data is first copied, and the copy verified, so that a failed step loses nothing.
"""

from __future__ import annotations

import importlib.resources
import logging
import os
import re
import shutil
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

from policy.redact import Private
from store.database import Connection, connect, database_errors
from store.durable import disk_errors, sync_folder
from store.errors import CatalogDamaged, NewerHome

log = logging.getLogger("strongroom.store")

_NUMBERED = re.compile(r"(\d{4})_\w+\.sql")


def packaged_steps() -> list[str]:
    """The SQL of every schema step, in order; step n makes version n."""
    with disk_errors():
        return _read_steps(importlib.resources.files("store.migrations"))


def _read_steps(folder: Traversable) -> list[str]:
    names = sorted(entry.name for entry in folder.iterdir() if _NUMBERED.fullmatch(entry.name))
    numbers = [int(name[:4]) for name in names]
    assert numbers == list(range(1, len(numbers) + 1)), "schema steps are numbered without a gap"
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def copy_path(catalog: Path) -> Path:
    """Where the copy of an older catalog is kept until the first deletion or the next migration."""
    return catalog.with_name("catalog.before-migration.db")


def migrate(catalog: Path, key: Private[bytes], steps: Sequence[str]) -> None:
    """Bring the catalog to version `len(steps)`. Nobody else may have it open.

    Killed anywhere, the next call starts from the last whole step.

    Raises:
        NewerHome: the catalog is beyond the last step that this program knows.
        CatalogDamaged: it does not decrypt, or its copy is not equal to it.
        StoreFull: there is no room for the copy; nothing was changed.
    """
    connection = connect(catalog, key)
    try:
        version = _version(connection)
        if version > len(steps):
            raise NewerHome(
                f"this home is of version {version}; this program knows up to {len(steps)}",
                remedy="upgrade Strongroom",
            )
        if 0 < version < len(steps):
            _keep_copy(catalog, connection, key)
        for number in range(version + 1, len(steps) + 1):
            _apply(connection, steps[number - 1], number)
    finally:
        connection.close()


def _version(connection: Connection) -> int:
    with database_errors():
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)


def _apply(connection: Connection, step: str, number: int) -> None:
    with database_errors():
        # `executescript` would commit an open transaction first, so the transaction is part of the script.
        try:
            connection.executescript(f"BEGIN EXCLUSIVE;\n{step}\nPRAGMA user_version={number};\nCOMMIT;")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    log.info("the catalog is at version %d", number)


def _keep_copy(catalog: Path, connection: Connection, key: Private[bytes]) -> None:
    """Copy the encrypted file as it is: no plaintext arises, and the same key opens the copy."""
    with database_errors():
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    copy = copy_path(catalog)
    part = copy.with_name(copy.name + ".new")
    try:
        with disk_errors():
            shutil.copyfile(catalog, part)
            os.chmod(part, 0o600)
            with open(part, "rb") as file:
                os.fsync(file.fileno())
        _verify_copy(connection, part, key)
        with disk_errors():
            os.replace(part, copy)
            sync_folder(copy.parent)
    finally:
        with disk_errors():
            for leftover in part.parent.glob(part.name + "*"):
                leftover.unlink(missing_ok=True)


def _verify_copy(original: Connection, part: Path, key: Private[bytes]) -> None:
    copy = connect(part, key)
    try:
        with database_errors():
            # Every page's HMAC, then the structure, then the same number of rows in every table.
            faults = copy.execute("PRAGMA cipher_integrity_check").fetchall()
            sound = copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if faults or not sound or _row_counts(copy) != _row_counts(original):
                raise CatalogDamaged(
                    "the copy made before migrating is not equal to the catalog",
                    remedy="nothing was changed; check the disk, then start again",
                )
    finally:
        copy.close()


def _row_counts(connection: Connection) -> dict[str, int]:
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    ).fetchall()
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}
