"""The connection to the catalog: SQLCipher under a raw key, one writer, a pool of readers, and the wording of
its errors. What the tables mean is the business of the modules that use it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlcipher3 import dbapi2 as sqlcipher

from policy.priority import rest
from policy.redact import Private
from store.durable import disk_errors, store_full
from store.errors import CatalogDamaged, DiskFault, StoreBusy, StoreError

if TYPE_CHECKING:
    from sqlite3 import Connection as Connection  # the same interface, and it has types
else:
    Connection = sqlcipher.Connection

Row = tuple[Any, ...]  # the engine gives what the column holds; the reader of a row knows what that is

_FULL, _BUSY, _LOCKED, _CORRUPT, _NOT_A_DATABASE = 13, 5, 6, 11, 26
_DISK = (8, 10, 14)  # SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN
_BUSY_MS = 10_000
_CACHE_KIB = 16 * 1024  # of each connection; every page that is not in it is decrypted anew
_IDLE_READERS = 4  # more are opened while more threads read at once, and closed afterwards
_WAL_KEPT_BYTES = 64 << 20


class Changes:
    """A counter that rises whenever an item's state changed, and wakes who waits for it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._sequence = 0

    @property
    def sequence(self) -> int:
        """The number of changes so far in this process."""
        return self._sequence

    def bump(self) -> None:
        """Count one change and wake all waiters."""
        with self._condition:
            self._sequence += 1
            self._condition.notify_all()

    def wait(self, after: int, timeout: float | None) -> int:
        """Block until the counter is above `after` or `timeout` seconds passed; returns the counter."""
        with self._condition:
            self._condition.wait_for(lambda: self._sequence > after, timeout)
            return self._sequence


class Database:
    """One open catalog. Thread-safe.

    Writers take turns on one connection; each reader has a connection to itself while it reads, and sees the
    last commit before it began. WAL lets readers and the writer go on side by side.
    """

    def __init__(self, path: Path, key: Private[bytes]) -> None:
        self.path = path
        self.changes = Changes()
        self.commits = 0  # of this process, which is the only one that writes
        self.on_audited: Callable[[], None] = lambda: None  # set by the audit log
        self._key = key
        self._writer = connect(path, key)
        self._writing = threading.Lock()
        self._synchronous = ""
        self._unsettled = False  # a commit failed, and the log may hold it all the same
        self._readers: list[Connection] = []
        self._reading = threading.Lock()
        self._closed = False

    @contextlib.contextmanager
    def write(
        self, *, durable: bool = True, moves: bool = False, audited: bool = False
    ) -> Iterator[Connection]:
        """One transaction: committed at the end of the block, rolled back if it raises.

        Args:
            durable: when the block ends the commit has reached the disk (`synchronous=FULL`). Without it, a
                power cut may undo the commit, in order with all later ones, but a killed process never does:
                right for what can be derived again.
            moves: an item's state changes; waiters of the ledger are woken after the commit.
            audited: the transaction adds to the audit log; its head outside follows before the block is left.

        Raises:
            DiskFault, StoreFull, StoreBusy: nothing of it is there. After a `DiskFault` that is certain only
                once `settle` returns; until then a kill may bring it back.
        """
        rest()
        with self._writing, database_errors():
            self._settle()
            self._set_synchronous("FULL" if durable else "NORMAL")
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                self._commit()
            finally:
                # SQLite rolls back by itself on a full disk, so there may be nothing left to undo.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        if moves:
            self.changes.bump()
        if audited:
            self.on_audited()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading, in one consistent view. Fetch all rows inside the block."""
        rest()
        with database_errors():
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._give_back(connection)

    def truncate_log(self) -> bool:
        """Fold the write-ahead log into the catalog and cut it to nothing. False: a reader was in the way."""
        with self._writing, database_errors():
            self._set_synchronous("FULL")
            busy, _, _ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def settle(self) -> None:
        """Make certain that a commit which failed is not there.

        It may be: the disk can refuse to make the log durable when all of the transaction is in it already.
        This process passes over that, and the next one would take it for a commit, with whatever its caller
        has taken back meanwhile. So the log is folded into the catalog and cut, which also makes durable what
        the disk may have lost of it (after a refused fsync a later one proves nothing of what came before).

        Raises:
            DiskFault, StoreFull, StoreBusy: it cannot be made certain now. Every write tries it first.
        """
        with self._writing, database_errors():
            self._settle()

    def close(self) -> None:
        """Close all connections. The log is folded into the catalog."""
        with self._writing, self._reading:
            self._closed = True
            for connection in self._readers:
                connection.close()
            self._readers.clear()
            self._writer.close()

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except sqlcipher.Error as error:
            # A full disk refuses a write, so the end of the transaction is not in the log.
            self._unsettled = _code(error) != _FULL
            raise
        finally:
            self.commits += 1

    def _settle(self) -> None:
        if not self._unsettled:
            return
        self._set_synchronous("FULL")
        busy, _, _ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreBusy("a reader holds what a refused commit left", remedy="try again")
        with disk_errors(), open(f"{self.path}-wal", "rb") as log:
            os.fsync(log.fileno())
        self._unsettled = False

    def _set_synchronous(self, level: str) -> None:
        if level != self._synchronous:
            self._writer.execute(f"PRAGMA synchronous={level}")
            self._synchronous = level

    def _borrow(self) -> Connection:
        with self._reading:
            if self._closed:
                raise StoreError("the home was closed")
            if self._readers:
                return self._readers.pop()
        connection = connect(self.path, self._key)
        connection.execute("PRAGMA query_only=ON")
        return connection

    def _give_back(self, connection: Connection) -> None:
        with self._reading:
            if not self._closed and len(self._readers) < _IDLE_READERS:
                self._readers.append(connection)
                return
        connection.close()


def connect(path: Path, key: Private[bytes]) -> Connection:
    """Open a catalog file, creating it with mode 0600 if it is not there.

    Raises:
        CatalogDamaged: the file does not decrypt with this key.
    """
    with database_errors():
        with disk_errors():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection: Connection = sqlcipher.connect(str(path), isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, key)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: Connection, key: Private[bytes]) -> None:
    # SQLCipher would print its own account of a wrong key to standard error; ours is the exception.
    connection.execute("PRAGMA cipher_log_level=NONE")
    # A raw key skips SQLCipher's own PBKDF2: ours already is 256 bits of entropy.
    # SQLCipher keeps its keys on a locked heap of their own. `cipher_memory_security` would lock and wipe all
    # else that SQLite holds: sorting takes ten times as long then, and a plain user may lock 8 MiB in all.
    connection.execute(f"PRAGMA key=\"x'{key.reveal().hex()}'\"")
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    # Sorting and temporary tables would otherwise reach the disk in the clear.
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON").fetchall()
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_KEPT_BYTES}").fetchall()
    # A hostile or damaged schema may not reach for anything: no functions with side effects from triggers.
    connection.execute("PRAGMA trusted_schema=OFF")


def _code(error: sqlcipher.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Turn the engine's errors into the store's. Its texts can quote values: only the code is passed on."""
    try:
        yield
    except sqlcipher.Error as error:
        code = _code(error)
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        if code == _FULL:
            raise store_full() from None
        if code in (_BUSY, _LOCKED):
            raise StoreBusy("the catalog is locked by another writer", remedy="try again") from None
        if code in (_CORRUPT, _NOT_A_DATABASE):
            raise CatalogDamaged(
                f"the catalog is damaged or belongs to other keys ({name})", remedy="restore it from a backup"
            ) from None
        if code in _DISK:
            raise DiskFault(
                f"the disk refused the catalog ({name})", remedy="look at the disk and the kernel's log"
            ) from None
        raise StoreError(f"the catalog refused ({name})") from error
