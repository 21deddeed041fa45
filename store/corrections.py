"""What the owner said of tags and projects: which items have them, which do not, what projects are closed,
which groups of items are none.

Kept apart from findings. What stands in the end is put together by the views of migration 0011 and read in
`store/findings.py`.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from enum import StrEnum

from store.database import Database
from store.items import batches, marks, sequence_of
from store.records import Record


class Named(StrEnum):
    """What a correction is about."""

    TAG = "tag"
    PROJECT = "project"


class Correction(Record, frozen=True, kw_only=True):
    """The owner's word on one item and one name."""

    item: str
    kind: Named
    name: str
    holds: bool  # False: it does not have the tag, or does not belong to the project


class CorrectionTable:
    """The part of the catalog that holds the owner's corrections. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def correct(self, item: str, kind: Named, name: str, holds: bool | None) -> None:
        """Keep what the owner says, in place of what he said before; None takes it back.

        Raises:
            NoSuchItem
        """
        place = "item = ? AND kind = ? AND name = ?"
        with self._database.write(moves=True) as connection:
            what = (sequence_of(connection, item), kind.value, name)
            said = connection.execute(f"SELECT holds FROM corrections WHERE {place}", what).fetchone()
            if said is not None and said[0] == holds:
                return
            connection.execute(f"DELETE FROM corrections WHERE {place}", what)
            if holds is not None:
                connection.execute(
                    "INSERT INTO corrections (item, kind, name, holds) VALUES (?, ?, ?, ?)", (*what, holds)
                )

    def corrections(self, limit: int) -> list[Correction]:
        """The last corrections of the present versions of documents, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT i.id, c.kind, c.name, c.holds FROM corrections c JOIN items i ON i.seq = c.item"
                " WHERE i.superseded = 0 ORDER BY c.number DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [Correction(item=row[0], kind=Named(row[1]), name=row[2], holds=bool(row[3])) for row in rows]

    def said_so_far(self) -> tuple[int, int, int]:
        """Something that is another one after each correction and after each deletion."""
        with self._database.read() as connection:
            count, last = connection.execute(
                "SELECT count(*), coalesce(max(number), 0) FROM corrections"
            ).fetchone()
            (deleted,) = connection.execute("SELECT count(*) FROM receipts").fetchone()
        return count, last, deleted

    def existing(self, items: Collection[str]) -> set[str]:
        """Those of the items that were not deleted."""
        found: set[str] = set()
        with self._database.read() as connection:
            for some in batches(list(items)):
                rows = connection.execute(
                    f"SELECT id FROM items WHERE id IN ({marks(some)})", some
                ).fetchall()
                found |= {row[0] for row in rows}
        return found

    def dismiss(self, kind: Named, items: Collection[str], dismissed: bool) -> None:
        """Keep that a group of items is no tag or project of the owner's, or forget it. Items that are gone
        are passed over.
        """
        change = "DELETE FROM dismissed WHERE kind = ? AND item IN"
        if dismissed:
            change = "INSERT OR IGNORE INTO dismissed (kind, item) SELECT ?, seq FROM items WHERE seq IN"
        with self._database.write() as connection:
            for some in batches(list(items)):
                connection.execute(
                    f"{change} (SELECT seq FROM items WHERE id IN ({marks(some)}))", (kind.value, *some)
                )

    def dismissed(self, kind: Named) -> set[str]:
        """The items of groups that the owner dismissed."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT i.id FROM dismissed d JOIN items i ON i.seq = d.item WHERE d.kind = ?", (kind.value,)
            ).fetchall()
        return {row[0] for row in rows}

    def close_project(self, name: str, closed: bool) -> None:
        """Close or reopen a project. What came in while it was closed is linked once it is open again."""
        with self._database.write() as connection:
            if closed:
                connection.execute(
                    "INSERT OR IGNORE INTO closed_projects (name, closed_at) VALUES (?, ?)",
                    (name, time.time()),
                )
            else:
                connection.execute("DELETE FROM closed_projects WHERE name = ?", (name,))

    def closed_projects(self) -> set[str]:
        """The names of closed projects."""
        with self._database.read() as connection:
            return {row[0] for row in connection.execute("SELECT name FROM closed_projects").fetchall()}
