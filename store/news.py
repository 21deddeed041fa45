"""What came in between two moments: items, the links to projects that they got, and whom and what they are
the first to name.
"""

from __future__ import annotations

from store.database import Database
from store.items import read_items
from store.records import Evidence, Item, Mention, MentionKind, State

_CAME = "i.stored_at >= ? AND i.stored_at < ?"
# With a join the engine would go through all links of the home.
MOVED = (
    "SELECT project, (SELECT id FROM items WHERE seq = item) FROM standing_links"
    f" WHERE item IN (SELECT seq FROM items i WHERE {_CAME})"
    " GROUP BY project, item ORDER BY project, item DESC"
)


class NewsTable:
    """The part of the catalog that is asked for news. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def arrived(self, since: float, until: float, limit: int, *, state: State | None = None) -> list[Item]:
        """Items stored from `since` until before `until` (seconds of the epoch), the newest first."""
        condition, values = "stored_at >= ? AND stored_at < ?", [since, until]
        of_state = f" AND state = '{state.value}'" if state else ""
        with self._database.read() as connection:
            order = "ORDER BY stored_at DESC LIMIT ?"
            return read_items(connection, f"{condition}{of_state} {order}", [*values, limit])

    def came(self, since: float, until: float) -> set[str]:
        """The ids of all items stored from `since` until before `until`."""
        with self._database.read() as connection:
            rows = connection.execute(f"SELECT id FROM items i WHERE {_CAME}", (since, until)).fetchall()
        return {row[0] for row in rows}

    def moved(self, since: float, until: float) -> dict[str, list[str]]:
        """Project → what came in and is linked to it, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(MOVED, (since, until)).fetchall()
        found: dict[str, list[str]] = {}
        for project, item in rows:
            found.setdefault(project, []).append(item)
        return found

    def named_first(self, kind: MentionKind, since: float, until: float, limit: int) -> list[Mention]:
        """Whom or what no earlier item names, in the order in which they came in."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT i.id, m.value, m.start, m.end, m.text FROM items i JOIN mentions m ON m.item = i.seq"
                f" WHERE {_CAME} AND m.kind = ? AND NOT EXISTS ("
                "  SELECT 1 FROM mentions e WHERE e.kind = m.kind AND e.value = m.value AND e.item < m.item)"
                " ORDER BY i.seq, m.start LIMIT ?",
                (since, until, kind.value, limit),
            ).fetchall()
        return [
            Mention(item=item, kind=kind, value=value, evidence=Evidence(start=start, end=end, text=text))
            for item, value, start, end, text in rows
        ]
