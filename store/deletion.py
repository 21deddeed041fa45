"""Deletion of items with their families and children, and the proof that nothing of them is left.

One transaction takes everything out of the catalog, the items' data keys first of all, and writes the audit
entry, the receipt and the names of the files that have still to go. From its commit on the originals are
noise. Removing the files comes after, and is finished at the next open if a kill comes between.

What stays is what the receipt says, random ids and numbers, and a digest of each place whose source still
holds the document (`store/places.py`), so that it does not come in again. On flash, old copies of encrypted
pages may survive in spare blocks until the drive reuses them: they open only with the catalog's key.
"""

from __future__ import annotations

import time
from collections.abc import Sequence, Set

import msgspec

from store.audit import append
from store.blobs import Blobs
from store.database import Connection
from store.errors import AttachedItem
from store.generation import next_generation
from store.items import marks, sequence_of
from store.people import count_unsaid, forget_people, written_in
from store.places import remember_places
from store.readings import FOUND
from store.records import Receipt
from store.snapshots import drop_covering
from store.threads import name_anew


def erase(connection: Connection, items: Sequence[str]) -> list[str]:
    """Take items, all versions of them and their children out of the catalog, in the caller's transaction:
    all of them or none.

    A child that is held by another item or place as well stays, and loses only this origin.

    Returns:
        the snapshot files that are now without keys.

    Raises:
        NoSuchItem
        AttachedItem: one is part of another item, whose original holds its bytes, and which stays.
    """
    sequences = {item: sequence_of(connection, item) for item in items}
    leaving = set[int]().union(*(_scope(connection, seq) for seq in sequences.values()))
    for item in sequences:
        _refuse_attached(connection, item, leaving)
    generation = next_generation(connection)
    files: list[str] = []
    for item, seq in sequences.items():
        # Looked for anew: a child of several goes with the last of them. An item that went already has none.
        if scope := _scope(connection, seq):
            files += _erase_family(connection, item, scope, generation)
    return files


def _erase_family(connection: Connection, item: str, scope: Sequence[int], generation: int) -> list[str]:
    removed = msgspec.json.encode(_counts(connection, scope)).decode()
    remember_places(connection, scope)
    oldest, snapshot_files = _erase_passages(connection, scope, generation)
    some = marks(scope)
    rows = connection.execute(f"SELECT id, seq, blob FROM items WHERE seq IN ({some})", scope).fetchall()
    unsaid = written_in(connection, scope)
    connection.execute(f"DELETE FROM items WHERE seq IN ({some})", scope)
    forget_people(connection, unsaid)
    for id, _, _ in rows:
        _forget_label(connection, id)
    digest = append(connection, "deleted", item=item, detail=removed)
    now = time.time()
    connection.executemany(
        "INSERT INTO receipts (item, seq, deleted_at, oldest, generation, removed, audit_hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(id, seq, now, oldest, generation, removed, digest) for id, seq, _ in rows],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO doomed (blob, item) VALUES (?, ?)", [(blob, id) for id, _, blob in rows]
    )
    return snapshot_files


def read_receipt(connection: Connection, item: str) -> Receipt | None:
    """The receipt of a deletion, without the proof; None if the item was never deleted."""
    row = connection.execute(
        "SELECT deleted_at, removed, audit_hash FROM receipts WHERE item = ?", (item,)
    ).fetchone()
    if row is None:
        return None
    removed = msgspec.json.decode(row[1], type=dict[str, int])
    return Receipt(item=item, deleted_at=row[0], removed=removed, residue={}, audit_head=row[2].hex())


def prove(connection: Connection, blobs: Blobs, item: str) -> dict[str, int]:
    """The proof query: what is still found of everything that one deletion covered. All zero is the proof.

    The tables are found through their references to `items`, so a table that is added later is searched too.
    """
    (generation,) = connection.execute("SELECT generation FROM receipts WHERE item = ?", (item,)).fetchone()
    (oldest,) = connection.execute(
        "SELECT min(oldest) FROM receipts WHERE generation = ?", (generation,)
    ).fetchone()
    residue = {"items": _left(connection, "items", "seq", "seq", generation)}
    for table, column in _references(connection, "items"):
        residue[table] = residue.get(table, 0) + _left(connection, table, column, "seq", generation)
    for table, column in _references(connection, "passages"):
        (orphans,) = connection.execute(
            f"SELECT count(*) FROM removed r JOIN {table} t ON t.{column} = r.passage WHERE r.generation = ?",
            (generation,),
        ).fetchone()
        residue[table] = residue.get(table, 0) + orphans
    residue["mentions"] = _left(connection, "origins", "parent", "item", generation) + sum(
        _left(connection, "items", name, "item", generation) for name in ("family", "parent", "thread")
    )
    residue["people"] = count_unsaid(connection)
    (residue["digest_lines"],) = connection.execute(
        "SELECT count(*) FROM digest_lines WHERE id NOT IN (SELECT line FROM digest_sources)"
    ).fetchone()
    (residue["snapshots"],) = connection.execute(
        "SELECT count(*) FROM snapshots WHERE generation >= ? AND generation < ?", (oldest, generation)
    ).fetchone()
    residue["blobs"] = sum(blobs.exists(blob) for blob in doomed_blobs(connection, item))
    return residue


_TOGETHER = (
    "item IN (SELECT item FROM receipts WHERE generation = (SELECT generation FROM receipts WHERE item = ?))"
)


def doomed_blobs(connection: Connection, item: str) -> list[str]:
    """The files that one deletion has yet to remove, without those whose bytes came back as a new item."""
    condition = f"{_TOGETHER} AND blob NOT IN (SELECT blob FROM items)"
    rows = connection.execute(f"SELECT blob FROM doomed WHERE {condition}", (item,)).fetchall()
    return [row[0] for row in rows]


def forget_doomed(connection: Connection, item: str) -> None:
    """The files of one deletion are proven to be gone: forget even their names."""
    connection.execute(f"DELETE FROM doomed WHERE {_TOGETHER}", (item,))


def unfinished_deletions(connection: Connection) -> list[str]:
    """One item of each deletion that a kill interrupted."""
    rows = connection.execute(
        "SELECT min(r.item) FROM doomed d JOIN receipts r ON r.item = d.item GROUP BY r.generation"
    ).fetchall()
    return [row[0] for row in rows]


def _scope(connection: Connection, seq: int) -> list[int]:
    """Row numbers of the item's family and of the children that nothing else holds, all the way down."""
    family = "SELECT seq FROM items WHERE family = (SELECT family FROM items WHERE seq = ?)"
    scope = {row[0] for row in connection.execute(family, (seq,)).fetchall()}
    while True:
        some = list(scope)
        held = f"SELECT id FROM items WHERE seq IN ({marks(some)})"
        more = {
            row[0]
            for row in connection.execute(
                f"SELECT DISTINCT o.item FROM origins o WHERE o.parent IN ({held}) AND o.parent <> ''"
                " AND NOT EXISTS (SELECT 1 FROM origins e WHERE e.item = o.item AND e.current = 1"
                f" AND e.parent NOT IN ({held}))",
                [*some, *some],
            ).fetchall()
        }
        if more <= scope:
            return sorted(scope)
        scope |= more


def _refuse_attached(connection: Connection, item: str, leaving: Set[int]) -> None:
    # Compared here: there may be more of them than one statement takes.
    parents = connection.execute(
        "SELECT p.seq, p.id FROM origins o JOIN items p ON p.id = o.parent"
        " WHERE o.item = (SELECT seq FROM items WHERE id = ?)",
        (item,),
    ).fetchall()
    staying = next((id for seq, id in parents if seq not in leaving), None)
    if staying is not None:
        raise AttachedItem(
            f"it is part of {staying}, whose original holds its bytes", item=item, remedy=f"delete {staying}"
        )


def _counts(connection: Connection, scope: Sequence[int]) -> dict[str, int]:
    tables = ("passages", *FOUND, "corrections", "cited", "origins")
    removed = {"items": len(scope), "blobs": len(scope)}
    removed |= {table: _count(connection, table, "item", scope) for table in tables}
    (removed["vectors"],) = connection.execute(
        "SELECT count(*) FROM passages p JOIN vectors v ON v.passage = p.id"
        f" WHERE p.item IN ({marks(scope)})",
        scope,
    ).fetchone()
    (removed["digest_lines"],) = connection.execute(
        f"SELECT count(DISTINCT line) FROM digest_sources WHERE item IN ({marks(scope)})", scope
    ).fetchone()
    (removed["children"],) = connection.execute(
        f"SELECT count(*) FROM items WHERE parent IS NOT NULL AND seq IN ({marks(scope)})", scope
    ).fetchone()
    return removed


def _erase_passages(
    connection: Connection, scope: Sequence[int], generation: int
) -> tuple[int | None, list[str]]:
    """Tell the indexes what goes, and destroy the snapshots that hold it.

    Returns:
        the generation of the oldest passage (None: there are none), and the snapshots' files.
    """
    (oldest,) = connection.execute(
        f"SELECT min(generation) FROM passages WHERE item IN ({marks(scope)})", scope
    ).fetchone()
    connection.execute(
        "INSERT INTO removed (passage, generation)"
        f" SELECT id, ? FROM passages WHERE item IN ({marks(scope)})",
        (generation, *scope),
    )
    if oldest is None:
        return None, []
    # A snapshot that is being written right now may hold the passages too: `Snapshots.save` looks at this.
    connection.execute("UPDATE facts SET value = ? WHERE name = 'erased'", (generation,))
    return oldest, drop_covering(connection, oldest)


def _forget_label(connection: Connection, gone: str) -> None:
    """No item that stays names one that is gone: as parent, as the first of its family or thread."""
    connection.execute("DELETE FROM origins WHERE parent = ? AND parent <> ''", (gone,))
    connection.execute(
        "UPDATE items SET parent = (SELECT nullif(parent, '') FROM origins WHERE item = items.seq"
        " AND current = 1 ORDER BY parent = '', rowid LIMIT 1) WHERE parent = ?",
        (gone,),
    )
    heir = "(SELECT id FROM items WHERE family = ? ORDER BY seq LIMIT 1)"
    connection.execute(f"UPDATE items SET family = {heir} WHERE family = ?", (gone, gone))
    name_anew(connection, gone)


def _references(connection: Connection, target: str) -> list[tuple[str, str]]:
    """Every (table, column) that references a table."""
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return [
        (table, row[3])
        for (table,) in tables
        for row in connection.execute(f'PRAGMA foreign_key_list("{table}")').fetchall()
        if row[2] == target
    ]


def _count(connection: Connection, table: str, column: str, values: Sequence[object]) -> int:
    query = f"SELECT count(*) FROM {table} WHERE {column} IN ({marks(values)})"
    return int(connection.execute(query, values).fetchone()[0])


def _left(connection: Connection, table: str, column: str, of: str, generation: int) -> int:
    """Rows that name what went with a generation by a column of its receipts."""
    gone = f"SELECT {of} FROM receipts WHERE generation = ?"
    query = f"SELECT count(*) FROM {table} WHERE {column} IN ({gone})"
    return int(connection.execute(query, (generation,)).fetchone()[0])
