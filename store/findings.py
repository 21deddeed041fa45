"""What a reader said of an item: tags, action items, project links, whom and what it names, a summary; and
the runs that said it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from store.database import Connection, Database, Row
from store.errors import NoSuchItem
from store.items import marks, read_items, sequence_of
from store.ledger import move
from store.proof import refuse_unproven
from store.readings import FOUND, pack, unpack
from store.records import (
    Action,
    ActionKind,
    ActionStatus,
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

_ACTIONS = (
    "SELECT a.id, i.id, a.kind, a.what, a.confidence, a.start, a.end, a.text, a.owner, a.due, a.due_text,"
    " coalesce(v.status, 'open') FROM actions a JOIN items i ON i.seq = a.item"
    " LEFT JOIN verdicts v ON v.item = a.item AND v.start = a.start AND v.end = a.end"
)
_RUNS = (
    "SELECT r.id, r.reader, r.version, r.started_at, r.undone,"
    " (SELECT count(*) FROM readings_by_run b WHERE b.run = r.id) FROM runs r"
)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Findings)


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
        """Items of which another run spoke last, the newest first."""
        condition = (
            "state = 'ENRICHED' AND superseded = 0 AND seq IN (SELECT item FROM readings_by_run WHERE run IN"
            f" (SELECT id FROM runs WHERE id <> ?)) AND id NOT IN ({marks([*exclude])})"
        )
        with self._database.read() as connection:
            return read_items(connection, f"{condition} ORDER BY seq DESC LIMIT ?", [run, *exclude, limit])

    def save_findings(self, item: str, run: int, findings: Findings) -> None:
        """Replace all that was said of an item, and move it INDEXED → ENRICHED, in one transaction.

        An action item at the same place keeps its id, and whatever the owner said of it.

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
            known = _action_ids(connection, seq)
            _keep_replaced(connection, seq, run)
            _clear(connection, seq)
            _insert(connection, seq, run, findings, known)

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
                known = _action_ids(connection, seq)
                _clear(connection, seq)
                connection.execute("DELETE FROM replaced WHERE item = ?", (seq,))
                _insert(connection, seq, row[0], _decoder.decode(unpack(row[1])), known)
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
            return _tags(connection, sequence_of(connection, item), item)

    def tag_counts(self) -> dict[str, int]:
        """How many items have each tag, the most used first."""
        return self._counts(
            "SELECT name, count(DISTINCT item) AS n FROM tags GROUP BY name ORDER BY n DESC, name"
        )

    def actions(
        self, *, status: ActionStatus | None = None, item: str | None = None, limit: int = 50
    ) -> list[Action]:
        """Action items: those with a due date first, by that date, then the newest items'."""
        conditions, values = ["i.superseded = 0"], list[object]()
        if status is not None:
            conditions.append("coalesce(v.status, 'open') = ?")
            values.append(status.value)
        if item is not None:
            conditions = [*conditions[1:], "i.id = ?"]
            values.append(item)
        order = "a.due IS NULL, a.due, i.seq DESC, a.start"
        with self._database.read() as connection:
            rows = connection.execute(
                f"{_ACTIONS} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?", [*values, limit]
            ).fetchall()
        return [_to_action(row) for row in rows]

    def set_action_status(self, id: int, status: ActionStatus) -> Action:
        """Record what the owner says of an action item; it outlives later runs.

        Raises:
            NoSuchItem: there is no such action item.
        """
        with self._database.write() as connection:
            place = connection.execute("SELECT item, start, end FROM actions WHERE id = ?", (id,)).fetchone()
            if place is None:
                raise NoSuchItem(
                    "no such action item", item=str(id), remedy="list them anew: strongroom actions"
                )
            connection.execute(
                "INSERT OR REPLACE INTO verdicts (item, start, end, status) VALUES (?, ?, ?, ?)",
                (*place, status.value),
            )
            return _to_action(connection.execute(f"{_ACTIONS} WHERE a.id = ?", (id,)).fetchone())

    def links(self, *, project: str | None = None, item: str | None = None) -> list[Link]:
        """Links between items and projects, the surest first."""
        conditions, values = ["1"], list[object]()
        for column, value in (("l.project", project), ("i.id", item)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        with self._database.read() as connection:
            return _links(connection, " AND ".join(conditions), values)

    def mentions_of(self, item: str) -> list[Mention]:
        """Whom and what an item names, in reading order."""
        with self._database.read() as connection:
            return _mentions(connection, sequence_of(connection, item), item)

    def projects(self) -> dict[str, int]:
        """How many items are linked to each project, the largest first."""
        return self._counts(
            "SELECT project, count(DISTINCT item) AS n FROM links GROUP BY project ORDER BY n DESC, project"
        )

    def _counts(self, query: str) -> dict[str, int]:
        with self._database.read() as connection:
            return dict(connection.execute(query).fetchall())


def _spoken_of(connection: Connection, run: int) -> list[int]:
    rows = connection.execute("SELECT item FROM readings_by_run WHERE run = ?", (run,)).fetchall()
    return [row[0] for row in rows]


def _forget(connection: Connection, seq: int) -> None:
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
            tags=tuple(_tags(connection, seq, row[2])),
            actions=tuple(map(_to_action, connection.execute(f"{_ACTIONS} WHERE a.item = ?", (seq,)))),
            links=tuple(_links(connection, "l.item = ?", [seq])),
            mentions=tuple(_mentions(connection, seq, row[2])),
            summary=row[1],
        )
        connection.execute(
            "INSERT OR REPLACE INTO replaced (item, run, findings) VALUES (?, ?, ?)",
            (seq, row[0], pack(_encoder.encode(said))),
        )


def _action_ids(connection: Connection, seq: int) -> dict[tuple[str, int, int], int]:
    rows = connection.execute("SELECT id, kind, start, end FROM actions WHERE item = ?", (seq,)).fetchall()
    return {(kind, start, end): id for id, kind, start, end in rows}


def _clear(connection: Connection, seq: int) -> None:
    for table in (*FOUND, "readings_by_run"):
        connection.execute(f"DELETE FROM {table} WHERE item = ?", (seq,))


def _insert(
    connection: Connection,
    seq: int,
    run: int,
    findings: Findings,
    known: dict[tuple[str, int, int], int],
) -> None:
    connection.execute(
        "INSERT INTO readings_by_run (item, run, summary) VALUES (?, ?, ?)", (seq, run, findings.summary)
    )
    connection.executemany(
        "INSERT INTO tags (item, name, confidence, start, end, text) VALUES (?, ?, ?, ?, ?, ?)",
        [(seq, tag.name, tag.confidence, *_span(tag.evidence)) for tag in findings.tags],
    )
    connection.executemany(
        "INSERT INTO links (item, project, reason, confidence, start, end, text)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(seq, link.project, link.reason, link.confidence, *_span(link.evidence)) for link in findings.links],
    )
    connection.executemany(
        "INSERT INTO mentions (item, kind, value, start, end, text) VALUES (?, ?, ?, ?, ?, ?)",
        [(seq, one.kind.value, one.value, *_span(one.evidence)) for one in findings.mentions],
    )
    connection.executemany(
        "INSERT INTO actions (id, item, kind, what, confidence, start, end, text, owner, due, due_text)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                known.pop((action.kind.value, action.evidence.start, action.evidence.end), None),
                seq, action.kind.value, action.what, action.confidence, *_span(action.evidence),
                action.owner, action.due, action.due_text,
            )
            for action in findings.actions
        ],
    )  # fmt: skip


def _tags(connection: Connection, seq: int, item: str) -> list[Tag]:
    rows = connection.execute(
        "SELECT name, confidence, start, end, text FROM tags WHERE item = ? ORDER BY confidence DESC, name",
        (seq,),
    ).fetchall()
    return [Tag(item=item, name=row[0], confidence=row[1], evidence=_evidence(row[2:5])) for row in rows]


def _mentions(connection: Connection, seq: int, item: str) -> list[Mention]:
    rows = connection.execute(
        "SELECT kind, value, start, end, text FROM mentions WHERE item = ? ORDER BY start", (seq,)
    ).fetchall()
    return [
        Mention(item=item, kind=MentionKind(row[0]), value=row[1], evidence=_evidence(row[2:5]))
        for row in rows
    ]


def _links(connection: Connection, condition: str, values: Sequence[object]) -> list[Link]:
    rows = connection.execute(
        "SELECT i.id, l.project, l.reason, l.confidence, l.start, l.end, l.text"
        " FROM links l JOIN items i ON i.seq = l.item"
        f" WHERE {condition} ORDER BY l.confidence DESC, i.seq DESC",
        values,
    ).fetchall()
    return [
        Link(item=row[0], project=row[1], reason=row[2], confidence=row[3], evidence=_evidence(row[4:7]))
        for row in rows
    ]


def _to_run(row: Row) -> Run:
    id, reader, version, started_at, undone, items = row
    return Run(id=id, reader=reader, version=version, started_at=started_at, undone=bool(undone), items=items)


def _span(evidence: Evidence) -> tuple[int, int, str]:
    return evidence.start, evidence.end, evidence.text


def _evidence(row: Row) -> Evidence:
    start, end, text = row
    return Evidence(start=start, end=end, text=text)


def _to_action(row: Row) -> Action:
    id, item, kind, what, confidence, start, end, text, owner, due, due_text, status = row
    return Action(
        id=id, item=item, kind=ActionKind(kind), what=what, confidence=confidence,
        evidence=_evidence((start, end, text)), owner=owner, due=due, due_text=due_text,
        status=ActionStatus(status),
    )  # fmt: skip
