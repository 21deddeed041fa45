"""Items and where they came from: the rows, the listing, families of versions."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import msgspec

from store.database import Connection, Database, Row
from store.errors import NoSuchItem
from store.records import Item, Origin, State

# `Item`'s fields as they are read from a row; `path` is read from the place in the parent.
_FIELDS = (
    "id", "seq", "name", "state", "size", "stored_at", "family", "version", "superseded", "parent", "source",
    "media_type", "title", "author", "created_at", "zone", "language", "pages", "sender", "recipients",
    "marks", "thread", "reason", "detail", "partial", "attempts", "path",
)  # fmt: skip
_IN_PARENT = (
    "CASE WHEN parent IS NULL THEN NULL ELSE (SELECT min(locator) FROM origins WHERE item = items.seq"
    " AND source = 'attachment' AND origins.parent = items.parent) END"
)
_COLUMNS = ", ".join((*_FIELDS[:-1], _IN_PARENT))
_FEW = 500  # ids in one statement
# What is inside an item; without the second condition the index of parents would not serve.
_CHILDREN = "seq IN (SELECT item FROM origins WHERE parent = ? AND parent <> '' AND current = 1)"
# Row numbers rise however the clock is moved. An item that was deleted meanwhile has none any more.
_BEFORE = (
    "seq < coalesce((SELECT seq FROM items WHERE stored_at = ?),"
    " (SELECT min(seq) FROM items WHERE stored_at > ?), ?)"
)
_LARGEST = (1 << 62) - 1
_PLACES = 8  # of one item, by whose words it is found


def _to_item(row: Row) -> Item:
    fields = dict(zip(_FIELDS, row, strict=True))
    fields["number"] = fields.pop("seq")
    fields["superseded"] = bool(fields["superseded"])
    fields["recipients"] = msgspec.json.decode(fields["recipients"])
    fields["marks"] = msgspec.json.decode(fields["marks"])
    fields["path"] = _path(fields["path"]) if fields["path"] else None
    return msgspec.convert(fields, Item)


def _path(locator: str) -> str:
    """The path of a member out of `PARENT/POSITION/PATH`, its place's name."""
    return locator.split("/", 2)[-1]


def sequence_of(connection: Connection, item: str) -> int:
    """The row number of an item.

    Raises:
        NoSuchItem: it was never there, or was deleted.
    """
    row = connection.execute("SELECT seq FROM items WHERE id = ?", (item,)).fetchone()
    if row is None:
        raise NoSuchItem("no such item", item=item, remedy="it may have been deleted")
    return int(row[0])


def read_items(connection: Connection, condition: str, values: Sequence[object]) -> list[Item]:
    """The items for which an SQL condition (with its ORDER BY and LIMIT) holds."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM items WHERE {condition}", values).fetchall()
    return [_to_item(row) for row in rows]


def batches(ids: Sequence[str] | Sequence[int]) -> list[Sequence[str | int]]:
    """Cut a list of ids into stretches that fit one statement."""
    return [ids[start : start + _FEW] for start in range(0, len(ids), _FEW)]


def marks(values: Sequence[object]) -> str:
    """`?, ?, ?`: one mark for each value."""
    return ", ".join("?" * len(values))


class NewItem(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an item when its bytes are durable."""

    id: str
    blob: str
    data_key: bytes  # wrapped
    epoch: int
    size: int


class ItemTable:
    """The part of the catalog that holds items and origins. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def item(self, id: str) -> Item:
        """One item.

        Raises:
            NoSuchItem: it was never there, or was deleted.
        """
        with self._database.read() as connection:
            found = read_items(connection, "id = ?", (id,))
        if not found:
            raise NoSuchItem("no such item", item=id, remedy="it may have been deleted")
        return found[0]

    def items_by_id(self, ids: Collection[str]) -> dict[str, Item]:
        """Those of the given items that exist."""
        return {item.id: item for item in self._among("id", list(ids))}

    def items_by_number(self, numbers: Collection[int]) -> dict[int, Item]:
        """Those of the items with these numbers that exist."""
        return {item.number: item for item in self._among("seq", list(numbers))}

    def _among(self, column: str, values: Sequence[str] | Sequence[int]) -> list[Item]:
        found: list[Item] = []
        if values:
            with self._database.read() as connection:
                for some in batches(values):
                    found += read_items(connection, f"{column} IN ({marks(some)})", some)
        return found

    def items(
        self,
        *,
        state: State | None = None,
        source: str | None = None,
        parent: str | None = None,
        include_superseded: bool = False,
        limit: int = 50,
        before: float | None = None,
    ) -> list[Item]:
        """Items, the last stored first; `before` is the `stored_at` of the last item of the page before."""
        conditions, values = ["1"], list[object]()
        if state is not None:
            conditions.append("state = ?")
            values.append(state.value)
        if source is not None:
            conditions.append("EXISTS (SELECT 1 FROM origins WHERE item = items.seq AND source = ?)")
            values.append(source)
        if parent is not None:
            conditions.append(_CHILDREN)
            values.append(parent)
        if not include_superseded:
            conditions.append("superseded = 0")
        if before is not None:
            conditions.append(_BEFORE)
            values += [before, before, _LARGEST]
        with self._database.read() as connection:
            return read_items(
                connection, " AND ".join(conditions) + " ORDER BY seq DESC LIMIT ?", [*values, limit]
            )

    def versions(self, family: str) -> list[Item]:
        """All versions of one document, the newest first."""
        with self._database.read() as connection:
            return read_items(connection, "family = ? ORDER BY version DESC", (family,))

    def children(self, item: str) -> list[Item]:
        """The attachments or members of an item, in the order in which they were stored."""
        with self._database.read() as connection:
            return read_items(connection, f"{_CHILDREN} ORDER BY seq", (item,))

    def origins(self, item: str) -> list[Origin]:
        """Every place the item came from, those that still hold it first.

        Raises:
            NoSuchItem
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT source, locator, name, mtime_ns, size, current FROM origins WHERE item = ?"
                " ORDER BY current DESC, rowid",
                (sequence_of(connection, item),),
            ).fetchall()
        return [_to_origin(row) for row in rows]

    def paths(self, items: Collection[str]) -> dict[str, list[str]]:
        """The paths of files at which items are or were, below their source or inside their parent; those
        that hold them now first. Mail has none.
        """
        found: dict[str, list[str]] = {}
        with self._database.read() as connection:
            for some in batches(list(items)):
                for item, source, locator in connection.execute(
                    "SELECT i.id, o.source, o.locator FROM items i JOIN origins o ON o.item = i.seq"
                    f" WHERE i.id IN ({marks(some)}) AND (o.source IN ('drop', 'upload', 'attachment')"
                    " OR o.source GLOB 'watch:*') ORDER BY o.current DESC, o.rowid",
                    some,
                ).fetchall():
                    found.setdefault(item, []).append(_path(locator) if source == "attachment" else locator)
        return {item: paths[:_PLACES] for item, paths in found.items()}

    def find_origin(
        self, source: str, locator: str, *, parent: str | None = None
    ) -> tuple[str, Origin] | None:
        """The item that a place holds now, and what is known of the place; None if it holds none."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT i.id, o.source, o.locator, o.name, o.mtime_ns, o.size, o.current FROM origins o"
                " JOIN items i ON i.seq = o.item"
                " WHERE o.source = ? AND o.locator = ? AND o.parent = ? AND o.current = 1",
                (source, locator, parent or ""),
            ).fetchone()
        return (row[0], _to_origin(row[1:])) if row else None

    def places(self, source: str) -> list[tuple[str, Origin]]:
        """Every place of a source that holds an item now: (item, origin). For catching up after a pause."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT i.id, o.source, o.locator, o.name, o.mtime_ns, o.size, o.current FROM origins o"
                " JOIN items i ON i.seq = o.item WHERE o.source = ? AND o.parent = '' AND o.current = 1"
                " ORDER BY o.locator",
                (source,),
            ).fetchall()
        return [(row[0], _to_origin(row[1:])) for row in rows]

    def drop_origin(self, source: str, locator: str) -> None:
        """The file at this place vanished: the place no longer holds its item. The item stays."""
        with self._database.write() as connection:
            release_place(connection, source, locator, "")

    def count(self) -> int:
        """How many items there are."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM items").fetchone()[0])


def _to_origin(row: Row) -> Origin:
    source, locator, name, mtime_ns, size, current = row
    return Origin(
        source=source, locator=locator, name=name, mtime_ns=mtime_ns, size=size, current=bool(current)
    )


# ------------------------------------------------------------- parts of the vault's one transaction per put


def find_blob(connection: Connection, blob: str) -> tuple[int, str] | None:
    """The item that has these bytes: (row number, id)."""
    row = connection.execute("SELECT seq, id FROM items WHERE blob = ?", (blob,)).fetchone()
    return (int(row[0]), row[1]) if row else None


def insert_item(connection: Connection, new: NewItem, origin: Origin, parent: str | None) -> int:
    """Add an item in state STORED, the first of its own family; returns its row number."""
    row = connection.execute(
        "INSERT INTO items (id, blob, data_key, epoch, size, stored_at, name, source, family, parent, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        (new.id, new.blob, new.data_key, new.epoch, new.size, _unused_instant(connection), origin.name,
         origin.source, new.id, parent, State.STORED.value),
    ).fetchone()  # fmt: skip
    return int(row[0])


def _unused_instant(connection: Connection) -> float:
    """Now, in microseconds, moved on until no item has it: a listing is paged by this number."""
    instant = round(time.time() * 1e6)
    while connection.execute("SELECT 1 FROM items WHERE stored_at = ?", (instant / 1e6,)).fetchone():
        instant += 1
    return instant / 1e6


def hold_place(
    connection: Connection, seq: int, origin: Origin, parent: str | None, *, new_version: bool
) -> bool:
    """Let the place of `origin` hold this item from now on; False if it already did.

    A place holds one item at a time, so another item that was there loses it. With `new_version` that one is
    the former version: this item joins its family (if it is alone in its own) and comes after all of it.
    """
    holder = release_place(connection, origin.source, origin.locator, parent or "", but=seq)
    connection.execute("UPDATE items SET superseded = 0 WHERE seq = ? AND superseded = 1", (seq,))
    place = (seq, origin.source, origin.locator, parent or "")
    before = connection.execute(
        "SELECT current FROM origins WHERE item = ? AND source = ? AND locator = ? AND parent = ?", place
    ).fetchone()
    connection.execute(
        "INSERT INTO origins (item, source, locator, parent, name, mtime_ns, size)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (item, source, locator, parent) DO UPDATE SET"
        " current = 1, name = excluded.name, mtime_ns = excluded.mtime_ns, size = excluded.size",
        (*place, origin.name, origin.mtime_ns, origin.size),
    )
    if parent:
        connection.execute(
            "INSERT OR IGNORE INTO inside (holder, item) SELECT seq, ? FROM items WHERE id = ?", (seq, parent)
        )
    if new_version and holder is not None:
        _follow(connection, seq, holder)
    return before is None or not before[0]


def release_place(
    connection: Connection, source: str, locator: str, parent: str, *, but: int = 0
) -> int | None:
    """Let a place hold nothing; returns the row number of the item that it held, unless it is `but`."""
    row = connection.execute(
        "UPDATE origins SET current = 0 WHERE source = ? AND locator = ? AND parent = ? AND current = 1"
        " AND item <> ? RETURNING item",
        (source, locator, parent, but),
    ).fetchone()
    return int(row[0]) if row else None


def _follow(connection: Connection, seq: int, former: int) -> None:
    """Make an item the newest version of its former one's family."""
    family, own, alone = connection.execute(
        "SELECT f.family, i.family,"
        " NOT EXISTS (SELECT 1 FROM items o WHERE o.family = i.family AND o.seq <> i.seq)"
        " FROM items f, items i WHERE f.seq = ? AND i.seq = ?",
        (former, seq),
    ).fetchone()
    if family == own or alone:
        # Also when the bytes of an earlier version came back: what is current is the newest version.
        connection.execute(
            "UPDATE items SET family = ?, version ="
            " (SELECT max(version) + 1 FROM items WHERE family = ? AND seq <> ?) WHERE seq = ?",
            (family, family, seq, seq),
        )
        _hand_on(connection, seq, former, again=family == own)
    # If it is a version of another document, the families stay apart: two documents came to be equal once.
    connection.execute(
        "UPDATE items SET superseded = 1 WHERE seq = ?"
        " AND NOT EXISTS (SELECT 1 FROM origins WHERE item = items.seq AND current = 1)",
        (former,),
    )


def _hand_on(connection: Connection, seq: int, former: int, *, again: bool) -> None:
    """What the owner said of a document's former version holds for the next one, until he says otherwise. Of
    one whose bytes came back, what he said last counts, and not what he said when it was here before.
    """
    if again:
        connection.execute("DELETE FROM corrections WHERE item = ?", (seq,))
    connection.execute(
        "INSERT OR IGNORE INTO corrections (item, kind, name, holds)"
        " SELECT ?, kind, name, holds FROM corrections WHERE item = ? ORDER BY number",
        (seq, former),
    )
    connection.execute(
        "INSERT OR IGNORE INTO dismissed (item, kind) SELECT ?, kind FROM dismissed WHERE item = ?",
        (seq, former),
    )
