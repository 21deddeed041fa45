"""Passwords of locked documents, as their owner gave them (`Ledger.unlock`). They lie in the encrypted
catalog and nowhere else; they go with their item, or when they do not open it (`Ledger.quarantine`).
"""

from __future__ import annotations

from policy.redact import Private
from store.database import Database

_FAR = 100  # levels


class PasswordTable:
    """The part of the catalog that holds passwords. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def item_password(self, item: str) -> Private[str] | None:
        """The password that was given for an item, else for the nearest item that it came out of."""
        with self._database.read() as connection:
            row = connection.execute(
                "WITH RECURSIVE up (id, level) AS (VALUES (?, 0) UNION"
                " SELECT o.parent, level + 1 FROM up JOIN items i ON i.id = up.id"
                " JOIN origins o ON o.item = i.seq WHERE o.parent <> '' AND o.current = 1 AND level < ?)"
                " SELECT p.password FROM up JOIN items i ON i.id = up.id"
                " JOIN item_passwords p ON p.item = i.seq ORDER BY level LIMIT 1",
                (item, _FAR),
            ).fetchone()
        return Private(row[0].decode()) if row else None
