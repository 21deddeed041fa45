"""Where each item stands, and the only steps that it may take.

Theory: the ledger is the one queue of the appliance. A stage asks for items in the state before its own,
works, and writes its result and the step to the next state in *one* transaction. So a stage that is killed
has either done its work and moved the item, or neither, and running it again is always right: nothing is
lost, nothing is done twice. There is no state "in work": only the living process knows who works on what.

      put                                                     retry
       │        ┌──────────────────────────────────────────────────────────────┐
       ▼        ▼                                                              │
    (new) ──▶ STORED ──parsed──▶ PARSED ──all vectors──▶ INDEXED ──read──▶ ENRICHED
                │ ▲                │ ▲                     ▲  │ ▲              │ │
                │ └── read anew ───┼─┴─────────────────────┼──┘ └─ run undone ─┘ │
                └───── failed ─────┴──▶ QUARANTINED ◀──────┘                     │
    every state ── delete ──▶ DELETED (only a receipt is left) ◀─────────────────┘
"""

from __future__ import annotations

from collections.abc import Collection

from policy.redact import Private
from store.database import Connection, Database
from store.errors import IllegalStep
from store.generation import uncut
from store.items import read_items, sequence_of
from store.records import Glimpse, Item, Reason, State

STEPS: dict[State, frozenset[State]] = {
    State.STORED: frozenset({State.PARSED, State.QUARANTINED, State.DELETED}),
    State.PARSED: frozenset({State.INDEXED, State.STORED, State.QUARANTINED, State.DELETED}),
    State.INDEXED: frozenset({State.ENRICHED, State.STORED, State.QUARANTINED, State.DELETED}),
    State.ENRICHED: frozenset({State.INDEXED, State.STORED, State.DELETED}),
    State.QUARANTINED: frozenset({State.STORED, State.DELETED}),
    State.DELETED: frozenset(),
}


# Items that were read, or cannot be, and whose passages are to be made. As their index says it.
UNCUT = "chunked = 0 AND state <> 'STORED'"


def move(connection: Connection, seq: int, to: State) -> None:
    """Take one step in the caller's transaction. A step out of QUARANTINED forgets why it was there.

    Raises:
        IllegalStep: the table does not have it.
    """
    item, state = connection.execute("SELECT id, state FROM items WHERE seq = ?", (seq,)).fetchone()
    if to not in STEPS[State(state)]:
        raise IllegalStep(f"it is {state} and cannot become {to}", item=item)
    fresh = ", reason = NULL, detail = NULL, attempts = 0" if to is State.STORED else ""
    connection.execute(f"UPDATE items SET state = ?{fresh} WHERE seq = ?", (to.value, seq))


class Ledger:
    """The queue over all items. Thread-safe; every change is durable when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(
        self, state: State, limit: int, exclude: Collection[str] = (), *, oldest: bool = False
    ) -> list[Item]:
        """Up to `limit` items in a state, newest first, without those that the caller is working on."""
        order = "ASC" if oldest else "DESC"
        with self._database.read() as connection:
            found = read_items(
                connection,
                f"state = ? ORDER BY seq {order} LIMIT ?",
                (state.value, limit + len(exclude)),
            )
        return [item for item in found if item.id not in exclude][:limit]

    def counts(self) -> dict[State, int]:
        """How many items stand where. DELETED counts the receipts."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT state, count(*) FROM items GROUP BY state").fetchall()
            (deleted,) = connection.execute("SELECT count(*) FROM receipts").fetchone()
        return dict.fromkeys(State, 0) | {State(state): n for state, n in rows} | {State.DELETED: deleted}

    def waiting(self, most: int) -> int:
        """How many items are not found by word yet, counted no further than `most`."""
        unread = "SELECT 1 FROM items WHERE state = 'STORED'"
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT count(*) FROM ({unread} UNION ALL SELECT 1 FROM items WHERE {UNCUT} LIMIT ?)",
                (most,),
            ).fetchone()
        return int(row[0])

    def reasons(self) -> dict[Reason, int]:
        """How many items have been given each reason."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT reason, count(*) FROM items WHERE reason IS NOT NULL GROUP BY reason"
            ).fetchall()
        return {Reason(reason): count for reason, count in rows}

    def partly(self) -> int:
        """How many items were read with something missing."""
        with self._database.read() as connection:
            (count,) = connection.execute("SELECT count(*) FROM items WHERE partial IS NOT NULL").fetchone()
        return int(count)

    def advance(self, item: str, to: State) -> None:
        """Take one step of the table.

        Raises:
            NoSuchItem, IllegalStep
        """
        with self._database.write(moves=True) as connection:
            move(connection, sequence_of(connection, item), to)

    def quarantine(self, item: str, reason: Reason, detail: str, seen: Glimpse | None = None) -> None:
        """Set an item aside with its reason; `detail` is for the owner and holds no content.

        What an earlier reading left stays. Without one it is found by its name and by what was seen of it. A
        password that did not open it is forgotten.

        Raises:
            NoSuchItem, IllegalStep
        """
        seen = seen or Glimpse()
        with self._database.write(moves=True) as connection:
            seq = sequence_of(connection, item)
            move(connection, seq, State.QUARANTINED)
            connection.execute(
                "UPDATE items SET reason = ?, detail = ?, media_type = coalesce(?, media_type),"
                " title = coalesce(?, title), author = coalesce(?, author),"
                " created_at = coalesce(?, created_at), pages = coalesce(?, pages) WHERE seq = ?",
                (
                    reason.value, detail, seen.media_type, seen.title, seen.author, seen.created_at,
                    seen.pages, seq,
                ),
            )  # fmt: skip
            if reason is Reason.NEEDS_PASSWORD:
                connection.execute("DELETE FROM item_passwords WHERE item = ?", (seq,))
            if not connection.execute("SELECT 1 FROM texts WHERE item = ?", (seq,)).fetchone():
                uncut(connection, seq)

    def failed_attempt(self, item: str) -> int:
        """Count a failed try of the stage that the item waits for; returns how many there were.

        Raises:
            NoSuchItem
        """
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE items SET attempts = attempts + 1 WHERE seq = ? RETURNING attempts",
                (sequence_of(connection, item),),
            ).fetchone()
        return int(row[0])

    def retry(self, item: str) -> None:
        """Let a quarantined item be read again, as if it had just been stored.

        Raises:
            NoSuchItem, IllegalStep
        """
        self.advance(item, State.STORED)

    def unlock(self, item: str, password: Private[str]) -> None:
        """Keep the password of an item and let it be read with that, whether it was read before or not; and
        all that is in it and needs a password.

        Raises:
            NoSuchItem
            IllegalStep: it waits to be read, or is being read.
        """
        with self._database.write(moves=True) as connection:
            seq = sequence_of(connection, item)
            move(connection, seq, State.STORED)
            connection.execute(
                "INSERT OR REPLACE INTO item_passwords (item, password) VALUES (?, ?)",
                (seq, password.reveal().encode()),
            )
            for (locked,) in connection.execute(
                "WITH RECURSIVE tree (seq, id) AS (SELECT seq, id FROM items WHERE seq = ? UNION"
                " SELECT i.seq, i.id FROM tree JOIN origins o ON o.parent = tree.id AND o.parent <> ''"
                " AND o.current = 1 JOIN items i ON i.seq = o.item)"
                " SELECT t.seq FROM tree t JOIN items i ON i.seq = t.seq"
                " WHERE i.state = 'QUARANTINED' AND i.reason = ?",
                (seq, Reason.NEEDS_PASSWORD.value),
            ).fetchall():
                move(connection, locked, State.STORED)

    @property
    def sequence(self) -> int:
        """Rises with every change of state in this process."""
        return self._database.changes.sequence

    def wait(self, after: int, timeout: float | None) -> int:
        """Block until a state changed since `sequence` was `after`, or `timeout` s; returns `sequence`."""
        return self._database.changes.wait(after, timeout)

    def poke(self) -> None:
        """Wake everyone who waits, for instance to stop."""
        self._database.changes.bump()
