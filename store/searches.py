"""Searches that the owner keeps, and which of the items that came in since answer each."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from store.database import Connection, Database
from store.errors import NoSuchSearch, StoreError
from store.items import read_items
from store.records import Item, Record


class SavedSearch(Record, frozen=True, kw_only=True):
    """A search that is asked of everything that comes in."""

    id: int
    name: str
    query: str  # JSON; what it means is the business of the index
    created_at: float
    newest: int  # number of the last item that was there when it was kept: what is older is no news
    unseen: int  # matches that the owner has not been shown


class SearchTable:
    """The part of the catalog that holds kept searches. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_search(self, name: str, query: str, most: int) -> SavedSearch:
        """Keep a search.

        Args:
            most: how many there may be.

        Raises:
            StoreError: there is one of this name, or there are too many.
        """
        with self._database.write() as connection:
            names = {row[0] for row in connection.execute("SELECT name FROM searches").fetchall()}
            if name in names:
                raise StoreError("there is a search of this name", item=name, remedy="forget it first")
            if len(names) >= most:
                raise StoreError(f"there are {most} kept searches", remedy="forget one of them first")
            connection.execute(
                "INSERT INTO searches (name, query, created_at, newest)"
                " VALUES (?, ?, ?, (SELECT coalesce(max(seq), 0) FROM items))",
                (name, query, time.time()),
            )
            return _read(connection, name)

    def searches(self) -> list[SavedSearch]:
        """All kept searches by name."""
        with self._database.read() as connection:
            return _read_all(connection, "1 ORDER BY name")

    def search_named(self, name: str) -> SavedSearch:
        """One kept search.

        Raises:
            NoSuchSearch
        """
        with self._database.read() as connection:
            return _read(connection, name)

    def forget_search(self, name: str) -> None:
        """Forget a search and its matches.

        Raises:
            NoSuchSearch
        """
        with self._database.write() as connection:
            connection.execute("DELETE FROM searches WHERE id = ?", (_read(connection, name).id,))

    def newest_number(self) -> int:
        """The number of the item that came last, 0 if there is none."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT coalesce(max(seq), 0) FROM items").fetchone()[0])

    def numbers_after(self, number: int, limit: int) -> list[int]:
        """The numbers of the newest items that came after one."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT seq FROM items WHERE seq > ? ORDER BY seq DESC LIMIT ?", (number, limit)
            ).fetchall()
        return [row[0] for row in rows]

    def unwatched(self, limit: int) -> dict[int, int]:
        """Items of which something became known since kept searches were asked of them, those that waited
        longest first: number of the change → number of the item.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT number, item FROM unwatched ORDER BY number LIMIT ?", (limit,)
            ).fetchall()
        return dict(rows)

    def save_matches(self, changes: Collection[int], found: Mapping[int, Collection[int]]) -> None:
        """Note what answers the kept searches, each item once, and that they were asked of these changes.

        Args:
            found: search → numbers of items. What was forgotten or deleted meanwhile is passed over.
        """
        now = time.time()
        with self._database.write(durable=False) as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO matches (search, item, found_at)"
                " SELECT searches.id, items.seq, ? FROM searches, items WHERE searches.id = ? AND seq = ?",
                [(now, search, number) for search, numbers in found.items() for number in numbers],
            )
            connection.executemany("DELETE FROM unwatched WHERE number = ?", [(each,) for each in changes])

    def matches(self, name: str, limit: int, *, unseen: bool) -> list[Item]:
        """What came in since a search was kept and answers it, the newest first.

        Raises:
            NoSuchSearch
        """
        with self._database.read() as connection:
            search = _read(connection, name)
            new = " AND seen = 0" if unseen else ""
            return read_items(
                connection,
                f"seq IN (SELECT item FROM matches WHERE search = ?{new}) ORDER BY seq DESC LIMIT ?",
                (search.id, limit),
            )

    def mark_seen(self, name: str) -> None:
        """The owner was shown all matches of a search.

        Raises:
            NoSuchSearch
        """
        with self._database.write() as connection:
            search = _read(connection, name)
            connection.execute("UPDATE matches SET seen = 1 WHERE search = ? AND seen = 0", (search.id,))


def _read(connection: Connection, name: str) -> SavedSearch:
    found = _read_all(connection, "name = ?", name)
    if not found:
        raise NoSuchSearch("no such search", item=name, remedy="`strongroom searches` lists them")
    return found[0]


def _read_all(connection: Connection, condition: str, *values: str) -> list[SavedSearch]:
    unseen = "(SELECT count(*) FROM matches WHERE search = searches.id AND seen = 0)"
    rows = connection.execute(
        f"SELECT id, name, query, created_at, newest, {unseen} FROM searches WHERE {condition}", values
    ).fetchall()
    return [
        SavedSearch(id=id, name=name, query=query, created_at=created_at, newest=newest, unseen=count)
        for id, name, query, created_at, newest, count in rows
    ]
