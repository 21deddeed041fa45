"""What a reader said of an item: tags, project links, whom and what it names, a summary; and the runs that
said it. What it said of action items is `store/actions.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from msgspec.structs import astuple

from store.actions import Relate, drop_actions, found_actions, found_claims, replace_actions, tie
from store.database import Connection, Database, Row
from store.errors import NoSuchItem
from store.items import marks, read_items, sequence_of
from store.ledger import move
from store.proof import refuse_unproven
from store.readings import FOUND, pack, unpack
from store.records import (
    Evidence,
    Findings,
    Item,
    Link,
    Mention,
    MentionKind,
    Run,
    State,
    Tag,
)

_OTHERS = tuple(table for table in FOUND if table not in ("actions", "claims"))
_RUNS = (
    "SELECT r.id, r.reader, r.version, r.started_at, r.undone,"
    " (SELECT count(*) FROM readings_by_run b WHERE b.run = r.id) FROM runs r"
)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Findings)
# What readers said, whatever the owner says of it.
_FOUND_TAGS = "(SELECT *, '' AS reader FROM tags)"
_FOUND_LINKS = "(SELECT *, '' AS reader FROM links)"
_RELATED = 50  # messages of one conversation that are asked for their projects


class FindingTable:
    """The part of the catalog that holds findings. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run_by(self, reader: str, version: str, now: float) -> Run:
        """The run of one version of a reader; its first use starts it."""
        with self._database.write(durable=False) as connection:
            found = connection.execute(
                f"{_RUNS} WHERE r.reader = ? AND r.version = ? ORDER BY r.id DESC LIMIT 1", (reader, version)
            ).fetchone()
            if found is None:
                connection.execute(
                    "INSERT INTO runs (reader, version, started_at) VALUES (?, ?, ?)", (reader, version, now)
                )
                found = connection.execute(f"{_RUNS} WHERE r.id = last_insert_rowid()").fetchone()
            return _to_run(found)

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        with self._database.read() as connection:
            return [_to_run(row) for row in connection.execute(f"{_RUNS} ORDER BY r.id DESC").fetchall()]

    def stale(self, run: int, limit: int, exclude: Collection[str] = ()) -> list[Item]:
        """Items of which another run spoke last, the newest first; none if the owner took `run` back."""
        with self._database.read() as connection:
            if connection.execute("SELECT 1 FROM runs WHERE id = ? AND undone = 1", (run,)).fetchone():
                return []
            others = connection.execute("SELECT id FROM runs WHERE id <> ?", (run,)).fetchall()
            seqs = [
                seq
                for (other,) in others
                for (seq,) in connection.execute(
                    # By the index from its end: it reads `limit` rows, however many the run spoke of.
                    "SELECT b.item FROM readings_by_run b CROSS JOIN items i ON i.seq = b.item"
                    " WHERE b.run = ? AND i.state = 'ENRICHED' AND i.superseded = 0"
                    f" AND i.id NOT IN ({marks([*exclude])})"
                    " ORDER BY b.item DESC LIMIT ?",
                    (other, *exclude, limit),
                ).fetchall()
            ]
            newest = sorted(seqs, reverse=True)[:limit]
            return read_items(connection, f"seq IN ({marks(newest)}) ORDER BY seq DESC", newest)

    def save_findings(self, item: str, run: int, findings: Findings, relate: Relate | None = None) -> None:
        """Replace all that was said of an item, and move it INDEXED → ENRICHED, in one transaction.

        An action item at the same place keeps its id, and whatever the owner said of it.

        Args:
            relate: says how the action items of the item's conversation hang together.

        Raises:
            NoSuchItem: the item was deleted meanwhile.
            IllegalStep: it is neither INDEXED nor ENRICHED.
            Unproven: it was read anew meanwhile, or never said so.
        """
        with self._database.write(durable=False, moves=True) as connection:
            seq = sequence_of(connection, item)
            refuse_unproven(connection, item, seq, findings)
            (state,) = connection.execute("SELECT state FROM items WHERE seq = ?", (seq,)).fetchone()
            if state != State.ENRICHED:
                move(connection, seq, State.ENRICHED)
            _keep_replaced(connection, seq, run)
            _replace(connection, seq, run, findings)
            if relate is not None:
                tie(connection, seq, relate)

    def reread_run(self, run: int) -> int:
        """Remove what a run said and still stands; its items go back to INDEXED. Returns how many items."""
        with self._database.write(moves=True) as connection:
            items = _spoken_of(connection, run)
            for seq in items:
                _forget(connection, seq)
        return len(items)

    def undo_run(self, run: int) -> int:
        """Take back what a run said and still stands. What another run said before stands again; items of
        which none did go back to INDEXED. Returns how many items.

        Raises:
            NoSuchItem: there is no such run.
        """
        with self._database.write(moves=True) as connection:
            if not connection.execute("UPDATE runs SET undone = 1 WHERE id = ?", (run,)).rowcount:
                raise NoSuchItem("no such run", item=str(run), remedy="list them anew: strongroom runs")
            items = _spoken_of(connection, run)
            for seq in items:
                row = connection.execute(
                    "SELECT run, findings FROM replaced WHERE item = ?", (seq,)
                ).fetchone()
                if row is None:
                    _forget(connection, seq)
                    continue
                connection.execute("DELETE FROM replaced WHERE item = ?", (seq,))
                _replace(connection, seq, row[0], _decoder.decode(unpack(row[1])))
        return len(items)

    def run_of(self, item: str) -> int | None:
        """The number of the run whose findings stand for an item."""
        with self._database.read() as connection:
            seq = sequence_of(connection, item)
            row = connection.execute("SELECT run FROM readings_by_run WHERE item = ?", (seq,)).fetchone()
        return int(row[0]) if row else None

    def summary(self, item: str) -> str | None:
        """What the reader said in a sentence or two, if it did.

        Raises:
            NoSuchItem
        """
        with self._database.read() as connection:
            seq = sequence_of(connection, item)
            row = connection.execute("SELECT summary FROM readings_by_run WHERE item = ?", (seq,)).fetchone()
        return row[0] if row else None

    def tags_of(self, item: str) -> list[Tag]:
        """An item's tags, the surest first."""
        with self._database.read() as connection:
            return _tags(connection, "standing_tags", sequence_of(connection, item), item)

    def tag_counts(self) -> dict[str, int]:
        """How many items have each tag, the most used first."""
        return self._counts(
            "SELECT name, count(DISTINCT item) AS n FROM standing_tags GROUP BY name ORDER BY n DESC, name"
        )

    def links(self, *, project: str | None = None, item: str | None = None) -> list[Link]:
        """Links between items and projects, the surest first."""
        conditions, values = ["1"], list[object]()
        if project is not None:
            conditions.append("l.project = ?")
            values.append(project)
        with self._database.read() as connection:
            if item is not None:  # asked by number: the view is then read by its index
                conditions.append("l.item = ?")
                values.append(
                    connection.execute("SELECT max(seq) FROM items WHERE id = ?", (item,)).fetchone()[0]
                )
            return _links(connection, "standing_links", " AND ".join(conditions), values)

    def mentions_of(self, item: str) -> list[Mention]:
        """Whom and what an item names, in reading order."""
        with self._database.read() as connection:
            return _mentions(connection, sequence_of(connection, item), item)

    def projects_of_thread(self, item: Item, least: float) -> dict[str, float]:
        """The projects of the other messages of an item's conversation that are at least so sure, and how
        sure the surest of each is.
        """
        if item.thread is None:
            return {}
        with self._database.read() as connection:
            others = connection.execute(
                "SELECT seq FROM items WHERE thread = ? AND seq <> ? ORDER BY seq LIMIT ?",
                (item.thread, item.number, _RELATED),
            ).fetchall()
            found: dict[str, float] = {}
            for (seq,) in others:
                for project, confidence in connection.execute(
                    "SELECT project, confidence FROM standing_links WHERE item = ? AND confidence >= ?",
                    (seq, least),
                ).fetchall():
                    found[project] = max(confidence, found.get(project, 0.0))
        return found

    def projects(self) -> dict[str, int]:
        """How many items are linked to each project, the largest first."""
        return self._counts(
            "SELECT project, count(DISTINCT item) AS n FROM standing_links"
            " GROUP BY project ORDER BY n DESC, project"
        )

    def _counts(self, query: str) -> dict[str, int]:
        with self._database.read() as connection:
            return dict(connection.execute(query).fetchall())


def _spoken_of(connection: Connection, run: int) -> list[int]:
    rows = connection.execute("SELECT item FROM readings_by_run WHERE run = ?", (run,)).fetchall()
    return [row[0] for row in rows]


def _forget(connection: Connection, seq: int) -> None:
    drop_actions(connection, seq)
    _clear(connection, seq)
    connection.execute("DELETE FROM replaced WHERE item = ?", (seq,))
    (state,) = connection.execute("SELECT state FROM items WHERE seq = ?", (seq,)).fetchone()
    if state == State.ENRICHED:
        move(connection, seq, State.INDEXED)


def _keep_replaced(connection: Connection, seq: int, run: int) -> None:
    """What another run said of the item, so that it can stand again."""
    query = "SELECT r.run, r.summary, i.id FROM readings_by_run r JOIN items i ON i.seq = r.item"
    row = connection.execute(f"{query} WHERE r.item = ?", (seq,)).fetchone()
    if row is not None and row[0] != run:
        said = Findings(
            tags=tuple(_tags(connection, _FOUND_TAGS, seq, row[2])),
            actions=tuple(found_actions(connection, seq, row[2])),
            claims=tuple(found_claims(connection, seq, row[2])),
            links=tuple(_links(connection, _FOUND_LINKS, "l.item = ?", [seq])),
            mentions=tuple(_mentions(connection, seq, row[2])),
            summary=row[1],
        )
        connection.execute(
            "INSERT OR REPLACE INTO replaced (item, run, findings) VALUES (?, ?, ?)",
            (seq, row[0], pack(_encoder.encode(said))),
        )


def _clear(connection: Connection, seq: int) -> None:
    for table in (*_OTHERS, "readings_by_run"):
        connection.execute(f"DELETE FROM {table} WHERE item = ?", (seq,))


def _replace(connection: Connection, seq: int, run: int, findings: Findings) -> None:
    replace_actions(connection, seq, findings.actions, findings.claims)
    _clear(connection, seq)
    connection.execute(
        "INSERT INTO readings_by_run (item, run, summary) VALUES (?, ?, ?)", (seq, run, findings.summary)
    )
    connection.executemany(
        "INSERT INTO tags (item, name, confidence, start, end, text) VALUES (?, ?, ?, ?, ?, ?)",
        [(seq, tag.name, tag.confidence, *astuple(tag.evidence)) for tag in findings.tags],
    )
    connection.executemany(
        "INSERT INTO links (item, project, reason, confidence, start, end, text)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(seq, one.project, one.reason, one.confidence, *astuple(one.evidence)) for one in findings.links],
    )
    connection.executemany(
        "INSERT INTO mentions (item, kind, value, start, end, text) VALUES (?, ?, ?, ?, ?, ?)",
        [(seq, one.kind.value, one.value, *astuple(one.evidence)) for one in findings.mentions],
    )


def _tags(connection: Connection, table: str, seq: int, item: str) -> list[Tag]:
    rows = connection.execute(
        f"SELECT name, confidence, start, end, text, reader FROM {table} WHERE item = ?"
        " ORDER BY confidence DESC, name",
        (seq,),
    ).fetchall()
    return [
        Tag(item=item, name=row[0], confidence=row[1], evidence=_evidence(row[2:5]), reader=row[5])
        for row in rows
    ]


def _mentions(connection: Connection, seq: int, item: str) -> list[Mention]:
    rows = connection.execute(
        "SELECT kind, value, start, end, text FROM mentions WHERE item = ? ORDER BY start", (seq,)
    ).fetchall()
    return [
        Mention(item=item, kind=MentionKind(row[0]), value=row[1], evidence=_evidence(row[2:5]))
        for row in rows
    ]


def _links(connection: Connection, table: str, condition: str, values: Sequence[object]) -> list[Link]:
    rows = connection.execute(
        "SELECT i.id, l.project, l.reason, l.confidence, l.start, l.end, l.text, l.reader"
        f" FROM {table} l JOIN items i ON i.seq = l.item"
        f" WHERE {condition} ORDER BY l.confidence DESC, i.seq DESC",
        values,
    ).fetchall()
    return [
        Link(
            item=row[0], project=row[1], reason=row[2], confidence=row[3], evidence=_evidence(row[4:7]),
            reader=row[7],
        )
        for row in rows
    ]  # fmt: skip


def _to_run(row: Row) -> Run:
    id, reader, version, started_at, undone, items = row
    return Run(id=id, reader=reader, version=version, started_at=started_at, undone=bool(undone), items=items)


def _evidence(row: Row) -> Evidence:
    start, end, text = row
    return Evidence(start=start, end=end, text=text)
