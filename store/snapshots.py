"""Encrypted snapshots of the indexes. They save a rebuild and are never the truth: each is of one
generation of the catalog, and is replayed from there or thrown away.

Every file has its own data key, and the keys lie in the catalog only: deleting the rows makes the files
noise. A file whose bytes never change under its name is encrypted once and carried from snapshot to
snapshot.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path

from policy.redact import Private
from store.crypto import Sealer, Unsealer, new_compressor, new_data_key, unwrap_key, wrap_key
from store.database import Connection, Database
from store.durable import disk_errors, sync_folder
from store.errors import StoreError

log = logging.getLogger("strongroom.store")

_LEVEL = 1  # vectors hardly compress, and this runs beside intake
_CHUNK = 1 << 20


class Snapshots:
    """The snapshots of one home, by name. Thread-safe for different names."""

    def __init__(self, database: Database, folder: Path, key: Private[bytes]) -> None:
        self._database = database
        self._folder = folder
        self._key = key

    def save(
        self,
        name: str,
        generation: int,
        files: Mapping[str, bytes | memoryview],
        *,
        immutable: Collection[str] = (),
    ) -> None:
        """Replace a snapshot, durably and at once: killed anywhere, the one before or this one is whole.

        Args:
            generation: the catalog's generation that the files cover.
            files: name → content. Looked up one at a time, and not at all for an immutable file that the
                snapshot before had, so this may read lazily.
            immutable: names of files whose content never changes under that name.

        A snapshot from before the last deletion may hold what was deleted, so it is not kept at all.

        Raises:
            StoreFull: the snapshot before stays.
        """
        names = set(files)  # asking a mapping whether it has a name may read the file
        kept = {file: row for file, row in self._rows(name).items() if file in names.intersection(immutable)}
        fresh: dict[str, tuple[str, bytes]] = {}
        try:
            for file in names - kept.keys():
                fresh[file] = self._write(files[file])
            with disk_errors():
                sync_folder(self._folder)
            with self._database.write() as connection:
                dropped = _replace(connection, name, generation, kept | fresh)
        except BaseException:
            with contextlib.suppress(StoreError):  # else the next open sweeps them, if nothing names them
                self._database.settle()
                self.remove_files([disk_name for disk_name, _ in fresh.values()])
            raise
        self.remove_files(dropped)

    def load(self, name: str) -> tuple[int, dict[str, bytes]] | None:
        """The generation and files of a snapshot; None if there is none that is whole and of this catalog."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT generation FROM snapshots WHERE name = ? AND generation <="
                " (SELECT value FROM facts WHERE name = 'generation')",
                (name,),
            ).fetchone()
        if row is None:
            return None
        try:
            files = {
                file: self._read(disk_name, wrapped)
                for file, (disk_name, wrapped) in self._rows(name).items()
            }
        except (StoreError, OSError) as error:
            log.warning(
                "the snapshot %s is not whole (%s); the index is built anew", name, type(error).__name__
            )
            return None
        return int(row[0]), files

    def discard(self, name: str) -> None:
        """Destroy a snapshot's keys, then its files."""
        with self._database.write() as connection:
            dropped = [row[0] for row in connection.execute(
                "SELECT file FROM snapshot_files WHERE snapshot = ?", (name,)).fetchall()]  # fmt: skip
            connection.execute("DELETE FROM snapshots WHERE name = ?", (name,))
        self.remove_files(dropped)

    def sweep(self) -> int:
        """Remove files that no snapshot has, as a kill may leave them; returns how many."""
        with self._database.read() as connection:
            known = {row[0] for row in connection.execute("SELECT file FROM snapshot_files").fetchall()}
        strangers = [path.name for path in self._folder.iterdir() if path.name not in known]
        self.remove_files(strangers)
        return len(strangers)

    def _rows(self, name: str) -> dict[str, tuple[str, bytes]]:
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name, file, data_key FROM snapshot_files WHERE snapshot = ?", (name,)
            ).fetchall()
        return {row[0]: (row[1], row[2]) for row in rows}

    def _write(self, content: bytes | memoryview) -> tuple[str, bytes]:
        disk_name, data_key = secrets.token_hex(16), new_data_key()
        path = self._folder / disk_name
        view = memoryview(content).cast("B")
        try:
            with disk_errors():
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with open(descriptor, "wb") as file:
                    sealer = Sealer(file, data_key, disk_name, new_compressor(_LEVEL))
                    for start in range(0, len(view), _CHUNK):
                        sealer.write(view[start : start + _CHUNK])
                    sealer.finish()
                    file.flush()
                    os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return disk_name, wrap_key(self._key.reveal(), data_key, disk_name)

    def _read(self, disk_name: str, wrapped: bytes) -> bytes:
        data_key = unwrap_key(self._key.reveal(), wrapped, disk_name)
        content = bytearray()
        with open(self._folder / disk_name, "rb") as file:
            reader = Unsealer(file, data_key, disk_name)
            while chunk := reader.read(_CHUNK):
                content += chunk
        return bytes(content)

    def remove_files(self, disk_names: Collection[str]) -> None:
        """Remove files whose keys are gone. What a kill or the disk leaves is swept at the next open."""
        for disk_name in disk_names:
            with contextlib.suppress(OSError):
                (self._folder / disk_name).unlink()


def drop_covering(connection: Connection, generation: int) -> list[str]:
    """Destroy the keys of every snapshot of this generation or later, in the caller's transaction; returns
    the files to remove once it is committed.
    """
    condition = "SELECT name FROM snapshots WHERE generation >= ?"
    files = connection.execute(
        f"SELECT file FROM snapshot_files WHERE snapshot IN ({condition})", (generation,)
    )
    found = [row[0] for row in files.fetchall()]
    connection.execute("DELETE FROM snapshots WHERE generation >= ?", (generation,))
    return found


def _replace(
    connection: Connection, name: str, generation: int, files: Mapping[str, tuple[str, bytes]]
) -> set[str]:
    """Swap a snapshot's rows; returns the files on disk that nobody has any more."""
    before = {
        row[0]
        for row in connection.execute(
            "SELECT file FROM snapshot_files WHERE snapshot = ?", (name,)
        ).fetchall()
    }
    connection.execute("DELETE FROM snapshots WHERE name = ?", (name,))
    (erased,) = connection.execute("SELECT value FROM facts WHERE name = 'erased'").fetchone()
    if generation < erased:
        return before | {disk_name for disk_name, _ in files.values()}
    connection.execute("INSERT INTO snapshots (name, generation) VALUES (?, ?)", (name, generation))
    connection.executemany(
        "INSERT INTO snapshot_files (snapshot, name, file, data_key) VALUES (?, ?, ?, ?)",
        [(name, file, disk_name, wrapped) for file, (disk_name, wrapped) in files.items()],
    )
    return before - {disk_name for disk_name, _ in files.values()}
