"""The digests of the last mornings, line by line, each line with whose words it holds: it goes with any of
them. What stands in a line is the business of `enrich/digest.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from store.database import Connection, Database
from store.items import marks


class Line(NamedTuple):
    """One line of a digest."""

    part: str
    content: str  # JSON
    items: frozenset[str] = frozenset()  # whose words it holds
    question: int | None = None


class KeptDigest(NamedTuple):
    """What is left of a digest as it was made."""

    since: float
    until: float
    arrived: int
    lines: Sequence[Line]


class DigestTable:
    """The part of the catalog that keeps digests. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_digest(self, morning: date, digest: KeptDigest, most: int) -> None:
        """Keep the digest of a morning; of more than `most` those that were made last. A line that holds
        words of what was deleted or forgotten meanwhile is left out.
        """
        day = morning.isoformat()
        with self._database.write() as connection:
            connection.execute("DELETE FROM digests WHERE day = ?", (day,))
            ((made,),) = connection.execute(
                "INSERT INTO digests (day, since, until, arrived) VALUES (?, ?, ?, ?) RETURNING id",
                (day, digest.since, digest.until, digest.arrived),
            ).fetchall()
            for line in digest.lines:
                _keep_line(connection, made, line)
            connection.execute(
                "DELETE FROM digests WHERE id NOT IN (SELECT id FROM digests ORDER BY id DESC LIMIT ?)",
                (most,),
            )

    def has_digest(self, morning: date) -> bool:
        """Whether the digest of a morning is kept. One that was made before that of an earlier day does not
        count: the clock was wrong.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT 1 FROM digests d WHERE day = ? AND NOT EXISTS"
                " (SELECT 1 FROM digests e WHERE e.id > d.id AND e.day < d.day)",
                (morning.isoformat(),),
            ).fetchone()
        return row is not None

    def kept_digest(self, morning: date) -> KeptDigest | None:
        """The digest of a morning; None if none is kept. Its lines do not say whose words they hold."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT id, since, until, arrived FROM digests WHERE day = ?", (morning.isoformat(),)
            ).fetchone()
            if found is None:
                return None
            id, since, until, arrived = found
            lines = connection.execute(
                "SELECT part, content FROM digest_lines WHERE digest = ? ORDER BY id", (id,)
            ).fetchall()
        return KeptDigest(since, until, arrived, [Line(*line) for line in lines])

    def told_until(self, before: float) -> float | None:
        """When the last digest ended of those that ended before a moment; None: there is none."""
        with self._database.read() as connection:
            row = connection.execute("SELECT max(until) FROM digests WHERE until < ?", (before,)).fetchone()
        return None if row[0] is None else float(row[0])


def _keep_line(connection: Connection, digest: int, line: Line) -> None:
    items = sorted(line.items)
    found = connection.execute(
        f"SELECT seq, NULL FROM items WHERE id IN ({marks(items)})"
        " UNION ALL SELECT NULL, id FROM questions WHERE id = ?",
        (*items, line.question),
    ).fetchall()
    if len(found) < len(items) + (line.question is not None):
        return
    ((id,),) = connection.execute(
        "INSERT INTO digest_lines (digest, part, content) VALUES (?, ?, ?) RETURNING id",
        (digest, line.part, line.content),
    ).fetchall()
    connection.executemany(
        "INSERT INTO digest_sources (line, item, question) VALUES (?, ?, ?)",
        [(id, *source) for source in found],
    )
