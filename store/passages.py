"""Passages, their vectors, and the generations by which the indexes are replayed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from store.database import Connection, Database, Row
from store.errors import NoSuchItem
from store.generation import next_generation, remove_passages
from store.items import batches, marks, read_items, sequence_of
from store.ledger import UNCUT, move
from store.readings import pack, unpack, unpack_elements
from store.records import Element, Item, NewPassage, Passage, State

_COLUMNS = "p.id, i.id, p.start, p.end, p.text, p.page, p.heading, p.embed, p.language"
_JOINED = "passages p JOIN items i ON i.seq = p.item"
_CHUNK = 2_000  # rows of one bulk read: short reads never hold the log back from being cut


class Uncut(NamedTuple):
    """An item whose passages are to be made; without text, if it could not be read."""

    item: Item
    text: str
    elements: list[Element]
    digest: bytes  # of its reading: another one has another


class PassageTable:
    """The part of the catalog that holds passages and vectors. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unchunked(self, limit: int, exclude: Collection[str] = ()) -> list[Item]:
        """Items that wait for nothing else and whose passages are not made yet, newest first, without those
        in `exclude`. Also those that could not be read: they are found by their name.
        """
        condition = f"{UNCUT} ORDER BY seq DESC LIMIT ?"
        with self._database.read() as connection:
            found = read_items(connection, condition, (limit + len(exclude),))
        return [item for item in found if item.id not in exclude][:limit]

    def uncut(self, item: Item) -> Uncut:
        """What is to be cut into passages.

        Raises:
            NoSuchItem: the item was deleted meanwhile.
        """
        with self._database.read() as connection:
            packed = _packed_reading(connection, sequence_of(connection, item.id))
        if packed is None:
            return Uncut(item, "", [], _digest(None))
        text, elements = packed
        return Uncut(item, unpack(text).decode(), unpack_elements(elements), _digest(packed))

    def save_cuts(self, cuts: Sequence[tuple[Uncut, Sequence[NewPassage]]]) -> dict[str, list[int]]:
        """Write the passages of items, in place of any that they had, in one transaction.

        A PARSED item without anything to embed moves on to INDEXED. An item that was deleted or read anew
        since it was cut is passed over.

        Returns:
            item → ids of its passages, of those that were written.
        """
        packed = [(cut, [_pack(passage) for passage in passages]) for cut, passages in cuts]
        written = dict[str, list[int]]()
        with self._database.write(durable=False, moves=True) as connection:
            for cut, rows in packed:
                with contextlib.suppress(NoSuchItem):
                    seq = sequence_of(connection, cut.item.id)
                    if _digest(_packed_reading(connection, seq)) == cut.digest:
                        written[cut.item.id] = _write(connection, seq, rows)
        return written

    def save_passages(self, item: str, passages: Sequence[NewPassage]) -> list[int]:
        """Write the passages of one item, whatever its text is now; otherwise as `save_cuts`.

        Raises:
            NoSuchItem
        """
        rows = [_pack(passage) for passage in passages]
        with self._database.write(durable=False, moves=True) as connection:
            return _write(connection, sequence_of(connection, item), rows)

    def unembedded(self, model: str, limit: int, *, oldest: bool = False) -> list[Passage]:
        """Up to `limit` passages that have yet to be embedded by this model, of the newest item first.

        The first call with another model than before makes all passages wait that it has not embedded.
        """
        self._use_model(model)
        order = "ASC" if oldest else "DESC"
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM unembedded u JOIN passages p ON p.id = u.passage"
                f" JOIN items i ON i.seq = u.item ORDER BY u.item {order}, u.passage LIMIT ?",
                (limit,),
            ).fetchall()
        return [_to_passage(row) for row in rows]

    def unembedded_count(self) -> int:
        """How many passages wait for the embedder."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM unembedded").fetchone()[0])

    def save_vectors(self, model: str, rows: Sequence[tuple[int, bytes]]) -> list[str]:
        """Write vectors (passage id, fp16 little-endian bytes) in one transaction.

        Returns:
            the items that now have all their vectors; those that were PARSED are INDEXED. Passages that were
            deleted meanwhile are passed over.
        """
        self._use_model(model)
        with self._database.write(durable=False, moves=True) as connection:
            generation = next_generation(connection)
            connection.executemany(
                "INSERT OR REPLACE INTO vectors (passage, model, generation, vector)"
                " SELECT id, ?, ?, ? FROM passages WHERE id = ?",
                [(model, generation, vector, passage) for passage, vector in rows],
            )
            ids = [passage for passage, _ in rows]
            connection.executemany("DELETE FROM unembedded WHERE passage = ?", [(id,) for id in ids])
            touched = {
                row[0]
                for some in batches(ids)
                for row in connection.execute(
                    f"SELECT DISTINCT item FROM passages WHERE id IN ({marks(some)})", some
                ).fetchall()
            }
            return _advance_complete(connection, sorted(touched))

    def passages(self, ids: Sequence[int]) -> dict[int, Passage]:
        """Those of the given passages that exist."""
        found: dict[int, Passage] = {}
        with self._database.read() as connection:
            for some in batches(ids):
                for row in connection.execute(
                    f"SELECT {_COLUMNS} FROM {_JOINED} WHERE p.id IN ({marks(some)})",
                    some,
                ).fetchall():
                    found[row[0]] = _to_passage(row)
        return found

    def passages_of(self, item: str) -> list[Passage]:
        """An item's passages in reading order.

        Raises:
            NoSuchItem
        """
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM {_JOINED} WHERE p.item = ? ORDER BY p.id",
                (sequence_of(connection, item),),
            ).fetchall()
        return [_to_passage(row) for row in rows]

    def passage_ids(self, items: Collection[str]) -> list[int]:
        """The ids of all passages of some items, ascending."""
        found: list[int] = []
        with self._database.read() as connection:
            for some in batches(list(items)):
                found += [
                    row[0]
                    for row in connection.execute(
                        f"SELECT p.id FROM {_JOINED} WHERE i.id IN ({marks(some)})",
                        some,
                    ).fetchall()
                ]
        return sorted(found)

    def numbers_of(self, passages: Sequence[int]) -> dict[int, int]:
        """passage id → number of its item, for those that exist."""
        found: dict[int, int] = {}
        with self._database.read() as connection:
            for some in batches(passages):
                found.update(
                    connection.execute(
                        f"SELECT id, item FROM passages WHERE id IN ({marks(some)})", some
                    ).fetchall()
                )
        return found

    def passage_count(self) -> int:
        """How many passages there are."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM passages").fetchone()[0])

    def vectors_of(self, item: str, model: str) -> list[tuple[int, bytes]]:
        """An item's vectors by one model: (passage id, fp16 bytes), in reading order.

        Raises:
            NoSuchItem
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT v.passage, v.vector FROM passages p"
                " JOIN vectors v ON v.passage = p.id AND v.model = ? WHERE p.item = ? ORDER BY p.id",
                (model, sequence_of(connection, item)),
            ).fetchall()
        return [(row[0], row[1]) for row in rows]

    def generation(self) -> int:
        """The number of the last change of passages or vectors."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT value FROM facts WHERE name = 'generation'").fetchone()[0])

    def passages_since(self, generation: int) -> Iterator[Passage]:
        """Every passage that was written after a generation, in the order of writing.

        Read in short stretches, not in one view: what is written meanwhile comes too, what is deleted
        meanwhile may have come already; `removed_since`, asked afterwards, tells of it.
        """
        for rows in self._stretches(
            f"SELECT p.generation, {_COLUMNS} FROM {_JOINED}"
            " WHERE (p.generation, p.id) > (?, ?) ORDER BY p.generation, p.id LIMIT ?",
            generation,
        ):
            yield from (_to_passage(row[1:]) for row in rows)

    def vectors_since(self, model: str, generation: int) -> Iterator[tuple[int, bytes]]:
        """Every vector of a model that was written after a generation: (passage id, fp16 bytes)."""
        for rows in self._stretches(
            "SELECT generation, passage, vector FROM vectors WHERE model = ?"
            " AND (generation, passage) > (?, ?) ORDER BY generation, passage LIMIT ?",
            generation,
            model,
        ):
            yield from ((row[1], row[2]) for row in rows)

    def removed_since(self, generation: int) -> list[int]:
        """The ids of passages that were removed after a generation. An id is never used again."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT passage FROM removed WHERE generation > ?", (generation,)
            ).fetchall()
        return [row[0] for row in rows]

    def _stretches(self, query: str, generation: int, *values: object) -> Iterator[list[Row]]:
        position: Row = (generation, 1 << 62)
        while True:
            with self._database.read() as connection:
                rows = connection.execute(query, (*values, *position, _CHUNK)).fetchall()
            if not rows:
                return
            yield rows
            position = rows[-1][:2]

    def _use_model(self, model: str) -> None:
        """If the model is another than before, let all passages wait that it has not embedded."""
        asked = "SELECT value FROM facts WHERE name = 'model'"
        with self._database.read() as connection:
            if connection.execute(asked).fetchone()[0] == model:
                return
        with self._database.write() as connection:
            connection.execute("UPDATE facts SET value = ? WHERE name = 'model'", (model,))
            connection.execute("DELETE FROM unembedded")
            connection.execute(
                "INSERT INTO unembedded (item, passage) SELECT item, id FROM passages p"
                " WHERE embed = 1 AND NOT EXISTS"
                " (SELECT 1 FROM vectors v WHERE v.passage = p.id AND v.model = ?)",
                (model,),
            )


def _pack(passage: NewPassage) -> Row:
    return (
        passage.start, passage.end, pack(passage.text.encode()), passage.page, passage.heading, passage.embed,
        passage.language,
    )  # fmt: skip


def _write(connection: Connection, seq: int, rows: Sequence[Row]) -> list[int]:
    """Write an item's passages in the caller's transaction; returns their ids."""
    remove_passages(connection, seq)
    generation = next_generation(connection)
    connection.executemany(
        "INSERT INTO passages (item, generation, start, end, text, page, heading, embed, language)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(seq, generation, *row) for row in rows],
    )
    written = connection.execute("SELECT id FROM passages WHERE item = ? ORDER BY id", (seq,)).fetchall()
    connection.execute("UPDATE items SET chunked = 1 WHERE seq = ?", (seq,))
    connection.execute(
        "INSERT INTO unembedded (item, passage) SELECT item, id FROM passages WHERE item = ? AND embed = 1",
        (seq,),
    )
    _advance_complete(connection, [seq])
    return [row[0] for row in written]


def _packed_reading(connection: Connection, seq: int) -> Row | None:
    row: Row | None = connection.execute("SELECT text, elements FROM texts WHERE item = ?", (seq,)).fetchone()
    return row


def _digest(packed: Row | None) -> bytes:
    return hashlib.blake2b(b"".join(packed or ()), digest_size=16).digest()


def _advance_complete(connection: Connection, items: Sequence[int]) -> list[str]:
    """Of the given items, those that wait for no vector; the PARSED ones become INDEXED."""
    complete: list[str] = []
    for seq in items:
        row = connection.execute(
            "SELECT id, state FROM items WHERE seq = ?"
            " AND NOT EXISTS (SELECT 1 FROM unembedded WHERE item = items.seq)",
            (seq,),
        ).fetchone()
        if row is None:
            continue
        complete.append(row[0])
        if row[1] == State.PARSED:
            move(connection, seq, State.INDEXED)
    return complete


def _to_passage(row: Row) -> Passage:
    id, item, start, end, text, page, heading, embed, language = row
    return Passage(
        id=id, item=item, start=start, end=end, text=unpack(text).decode(), page=page, heading=heading,
        embed=bool(embed), language=language,
    )  # fmt: skip
