"""Items within items: the way up from one to what it came out of, and all that came out of one.

The bytes of an item hold those of its children, so no item can be above itself; where a document's bytes say
otherwise (there are archives that hold themselves), `holders` is what tells, and the vault adds no place.
"""

from __future__ import annotations

from store.database import Connection, Database

_FAR = 100  # levels; a way that is longer has no end


class TreeTable:
    """The part of the catalog that knows what is inside what. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ancestry(self, item: str) -> list[str]:
        """The items that this one first came out of: its parent, that one's parent, and so on."""
        with self._database.read() as connection:
            rows = connection.execute(
                "WITH RECURSIVE up (id, level) AS (SELECT parent, 1 FROM items WHERE id = ? UNION ALL"
                " SELECT i.parent, level + 1 FROM up JOIN items i ON i.id = up.id WHERE level < ?)"
                " SELECT id FROM up WHERE id IS NOT NULL ORDER BY level",
                (item, _FAR),
            ).fetchall()
        return [row[0] for row in rows]

    def descendants(self, item: str, *, besides: str) -> tuple[int, int]:
        """How many items came out of one at any depth, and their bytes in all.

        Args:
            besides: what came directly out of this item is not counted.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "WITH RECURSIVE tree (seq, id, size) AS (SELECT seq, id, 0 FROM items WHERE id = ? UNION"
                " SELECT i.seq, i.id, i.size FROM tree JOIN origins o ON o.parent = tree.id"
                " AND o.parent <> '' AND o.current = 1 JOIN items i ON i.seq = o.item)"
                " SELECT count(*), coalesce(sum(size), 0) FROM tree WHERE id <> ? AND NOT EXISTS"
                " (SELECT 1 FROM origins WHERE item = seq AND parent = ? AND current = 1)",
                (item, item, besides),
            ).fetchone()
        return int(row[0]), int(row[1])


def holders(connection: Connection, item: str) -> frozenset[str]:
    """An item and everything that it is in, at any place and any depth."""
    rows = connection.execute(
        "WITH RECURSIVE up (id) AS (VALUES (?) UNION"
        " SELECT o.parent FROM up JOIN items i ON i.id = up.id JOIN origins o ON o.item = i.seq"
        " WHERE o.parent <> '') SELECT id FROM up",
        (item,),
    ).fetchall()
    return frozenset(row[0] for row in rows)
