"""What a reader said of an item: tags, action items, project links, summary; and the runs that said it."""

from __future__ import annotations

from store.database import Connection, Database, Row
from store.errors import NoSuchItem
from store.items import sequence_of
from store.ledger import move
from store.records import Action, ActionKind, ActionStatus, Evidence, Findings, Link, Run, State, Tag

_ACTIONS = (
    "SELECT a.id, i.id, a.kind, a.what, a.confidence, a.start, a.end, a.text, a.owner, a.due, a.due_text,"
    " coalesce(v.status, 'open') FROM actions a JOIN items i ON i.seq = a.item"
    " LEFT JOIN verdicts v ON v.item = a.item AND v.start = a.start AND v.end = a.end"
)


class FindingTable:
    """The part of the catalog that holds findings. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start_run(self, run: Run) -> int:
        """Register a reader, its version and time; returns the run's number."""
        with self._database.write(durable=False) as connection:
            row = connection.execute(
                "INSERT INTO runs (reader, version, started_at) VALUES (?, ?, ?) RETURNING id",
                (run.reader, run.version, run.started_at),
            ).fetchone()
            return int(row[0])

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT id, reader, version, started_at FROM runs ORDER BY id DESC"
            ).fetchall()
        return [Run(id=row[0], reader=row[1], version=row[2], started_at=row[3]) for row in rows]

    def save_findings(self, item: str, run: int, findings: Findings) -> None:
        """Replace all that was said of an item, and move it INDEXED → ENRICHED, in one transaction.

        An action item at the same place keeps its id, and whatever the owner said of it.

        Raises:
            NoSuchItem: the item was deleted meanwhile.
            IllegalStep: it is neither INDEXED nor ENRICHED.
        """
        with self._database.write(durable=False, moves=True) as connection:
            seq = sequence_of(connection, item)
            (state,) = connection.execute("SELECT state FROM items WHERE seq = ?", (seq,)).fetchone()
            if state != State.ENRICHED:
                move(connection, seq, State.ENRICHED)
            known = {
                (kind, start, end): id
                for id, kind, start, end in connection.execute(
                    "SELECT id, kind, start, end FROM actions WHERE item = ?", (seq,)
                ).fetchall()
            }
            _clear(connection, seq)
            _insert(connection, seq, findings, known)
            connection.execute(
                "INSERT INTO readings_by_run (item, run, summary) VALUES (?, ?, ?)",
                (seq, run, findings.summary),
            )

    def roll_back_run(self, run: int) -> int:
        """Remove what a run said and still stands; its items go back to INDEXED. Returns how many items."""
        with self._database.write(moves=True) as connection:
            items = [
                row[0]
                for row in connection.execute(
                    "SELECT item FROM readings_by_run WHERE run = ?", (run,)
                ).fetchall()
            ]
            for seq in items:
                _clear(connection, seq)
                (state,) = connection.execute("SELECT state FROM items WHERE seq = ?", (seq,)).fetchone()
                if state == State.ENRICHED:
                    move(connection, seq, State.INDEXED)
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
            rows = connection.execute(
                "SELECT name, confidence, start, end, text FROM tags WHERE item = ?"
                " ORDER BY confidence DESC, name",
                (sequence_of(connection, item),),
            ).fetchall()
        return [Tag(item=item, name=row[0], confidence=row[1], evidence=_evidence(row[2:5])) for row in rows]

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
            rows = connection.execute(
                "SELECT i.id, l.project, l.reason, l.confidence, l.start, l.end, l.text"
                " FROM links l JOIN items i ON i.seq = l.item"
                f" WHERE {' AND '.join(conditions)} ORDER BY l.confidence DESC, i.seq DESC",
                values,
            ).fetchall()
        return [
            Link(item=row[0], project=row[1], reason=row[2], confidence=row[3], evidence=_evidence(row[4:7]))
            for row in rows
        ]

    def projects(self) -> dict[str, int]:
        """How many items are linked to each project, the largest first."""
        return self._counts(
            "SELECT project, count(DISTINCT item) AS n FROM links GROUP BY project ORDER BY n DESC, project"
        )

    def _counts(self, query: str) -> dict[str, int]:
        with self._database.read() as connection:
            return dict(connection.execute(query).fetchall())


def _clear(connection: Connection, seq: int) -> None:
    for table in ("tags", "actions", "links", "readings_by_run"):
        connection.execute(f"DELETE FROM {table} WHERE item = ?", (seq,))


def _insert(
    connection: Connection, seq: int, findings: Findings, known: dict[tuple[str, int, int], int]
) -> None:
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
