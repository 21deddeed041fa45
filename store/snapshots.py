"""Encrypted snapshots of the indexes. They save a rebuild and are never the truth: each is of one
generation of the catalog, and is replayed from there or thrown away.

Every file has its own data key, and the keys lie in the catalog only: deleting the rows makes the files
noise. A file whose bytes never change under its name is encrypted once and carried from snapshot to
snapshot. So a large index comes in parts, is written and read one part at a time, and only the parts that
changed are written again.

Every frame and key of a file is bound to the snapshot, to its name in it and to its name on the disk, which
is random and used once; and the catalog says which files make up which generation. So a file in another's
place, of another generation or home, cut or lacking, does not open.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from policy.redact import Private
from store.crypto import Sealer, Unsealer, new_compressor, new_data_key, unwrap_key, wrap_key
from store.database import Connection, Database
from store.durable import disk_errors, sync_folder
from store.errors import StoreError

log = logging.getLogger("strongroom.store")

_LEVEL = -1  # vectors do not compress and Tantivy's files little; the others make an opening slower by half
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
                fresh[file] = self._write(name, file, files[file])
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
        snapshot = self.open(name)
        if snapshot is None:
            return None
        try:
            return snapshot[0], {file: bytes(content) for file, content in snapshot[1].items()}
        except (StoreError, OSError) as error:
            log.warning(
                "the snapshot %s is not whole (%s); the index is built anew", name, type(error).__name__
            )
            return None

    def open(self, name: str) -> tuple[int, Mapping[str, bytearray]] | None:
        """The generation and files of a snapshot; None if there is none of this catalog.

        A file is read and proven each time it is looked up, from any thread; it is whole, or StoreError is
        raised.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT generation FROM snapshots WHERE name = ? AND generation <="
                " (SELECT value FROM facts WHERE name = 'generation')",
                (name,),
            ).fetchone()
        return None if row is None else (int(row[0]), _Files(partial(self._read, name), self._rows(name)))

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

    def _write(self, name: str, file: str, content: bytes | memoryview) -> tuple[str, bytes]:
        disk_name, data_key = secrets.token_hex(16), new_data_key()
        bound = _bound(name, file, disk_name)
        path = self._folder / disk_name
        view = memoryview(content).cast("B")
        try:
            with disk_errors():
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with open(descriptor, "wb") as sink:
                    sealer = Sealer(sink, data_key, bound, new_compressor(_LEVEL))
                    for start in range(0, len(view), _CHUNK):
                        sealer.write(view[start : start + _CHUNK])
                    sealer.finish()
                    sink.flush()
                    os.fsync(sink.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return disk_name, wrap_key(self._key.reveal(), data_key, bound)

    def _read(self, name: str, file: str, disk_name: str, wrapped: bytes) -> bytearray:
        bound = _bound(name, file, disk_name)
        data_key = unwrap_key(self._key.reveal(), wrapped, bound)
        with disk_errors(), open(self._folder / disk_name, "rb") as source:
            reader = Unsealer(source, data_key, bound)
            content = bytearray(os.fstat(source.fileno()).st_size)
            length = 0
            while True:
                if length + _CHUNK > len(content):
                    content.extend(bytes(max(_CHUNK, len(content) // 2)))
                with memoryview(content) as room:
                    count = reader.readinto(room[length : length + _CHUNK])
                if not count:
                    break
                length += count
        del content[length:]
        return content

    def remove_files(self, disk_names: Collection[str]) -> None:
        """Remove files whose keys are gone. What a kill or the disk leaves is swept at the next open."""
        for disk_name in disk_names:
            with contextlib.suppress(OSError):
                (self._folder / disk_name).unlink()


class _Files(Mapping[str, bytearray]):
    def __init__(
        self, read: Callable[[str, str, bytes], bytearray], rows: Mapping[str, tuple[str, bytes]]
    ) -> None:
        self._read = read
        self._rows = rows

    def __getitem__(self, file: str) -> bytearray:
        return self._read(file, *self._rows[file])

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _bound(name: str, file: str, disk_name: str) -> str:
    return "\0".join((name, file, disk_name))


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
