"""What was read in an item: its text, its elements, what a mail says of itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec
import zstandard

from store.database import Connection, Database
from store.errors import CatalogDamaged, IllegalStep
from store.generation import uncut
from store.items import sequence_of
from store.ledger import move
from store.people import add_people, forget_people, written_in
from store.records import NOT_EMBEDDED, Address, Element, Reading, State
from store.threads import join_thread, leave_thread

FOUND = ("tags", "actions", "claims", "links", "mentions")  # the tables of what was found in texts
_LEVEL = 3
_local = threading.local()  # zstd contexts are costly to make and must not be shared between threads
_element_encoder = msgspec.msgpack.Encoder()
_element_decoder = msgspec.msgpack.Decoder(list[Element])


def pack(content: bytes) -> bytes:
    """zstd, with the length in the frame."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor.compress(content)


def unpack(packed: bytes) -> bytes:
    """Undo `pack`.

    Raises:
        CatalogDamaged
    """
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _local.decompressor
    try:
        return decompressor.decompress(packed)
    except zstandard.ZstdError:
        raise CatalogDamaged("a stored text does not decompress", remedy="restore from a backup") from None


def unpack_elements(packed: bytes) -> list[Element]:
    """The elements out of their packed form.

    Raises:
        CatalogDamaged
    """
    return _element_decoder.decode(unpack(packed))


class ReadingTable:
    """The part of the catalog that holds texts. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_reading(self, item: str, reading: Reading) -> None:
        """`save_readings` of one."""
        self.save_readings([(item, reading)])

    def save_readings(self, readings: Sequence[tuple[str, Reading]]) -> None:
        """Write all that was read and move the items STORED → PARSED, in one transaction: all or none.

        What an earlier reading left (its passages, findings) goes in the same transaction.

        Raises:
            NoSuchItem: an item was deleted meanwhile; the error names it.
            IllegalStep: it is not STORED; the error names it.
        """
        packed = [
            (item, reading, pack(reading.text.encode()), pack(_element_encoder.encode(reading.elements)))
            for item, reading in readings
        ]
        with self._database.write(durable=False, moves=True) as connection:
            for item, reading, text, elements in packed:
                seq = sequence_of(connection, item)
                move(connection, seq, State.PARSED)
                unsaid = forget_reading(connection, seq)
                connection.execute(
                    "INSERT INTO texts (item, text, elements) VALUES (?, ?, ?)", (seq, text, elements)
                )
                _describe(connection, seq, reading)
                if reading.mail is not None:
                    add_people(connection, seq, reading.mail)
                    join_thread(connection, seq, item, reading.mail, reading.created_at)
                forget_people(connection, unsaid)

    def relabel(self, item: str, elements: Sequence[Element]) -> None:
        """Replace the elements of an item that was read: the text stays.

        If other stretches of it are to be embedded than before, the item is PARSED again and its passages go,
        to be cut and embedded anew; they cannot stay, since no passage may hold both kinds. What was found in
        it stays until it is looked at anew, and what the owner said of that for good. An item that waits to
        be read again is left to that.

        Raises:
            NoSuchItem: it was deleted meanwhile.
            IllegalStep: it was never read.
        """
        with self._database.write(durable=False, moves=True) as connection:
            seq = sequence_of(connection, item)
            row = connection.execute(
                "SELECT i.state, t.elements FROM items i JOIN texts t ON t.item = i.seq WHERE i.seq = ?",
                (seq,),
            ).fetchone()
            if row is None:
                raise IllegalStep("it has no elements before it is read", item=item)
            state, before = State(row[0]), unpack_elements(row[1])
            if state not in (State.PARSED, State.INDEXED, State.ENRICHED) or before == list(elements):
                return
            packed = pack(_element_encoder.encode(elements))
            connection.execute("UPDATE texts SET elements = ? WHERE item = ?", (packed, seq))
            if _embedded(before) == _embedded(elements):
                return
            if state is not State.PARSED:
                for step in (State.STORED, State.PARSED):  # as if it had been read anew
                    move(connection, seq, step)
            uncut(connection, seq)

    def text(self, item: str) -> str:
        """The text of an item; empty while it is unread.

        Raises:
            NoSuchItem
        """
        packed = self._packed(item, "text")
        return unpack(packed).decode() if packed else ""

    def elements(self, item: str) -> list[Element]:
        """The elements of an item in reading order; none while it is unread.

        Raises:
            NoSuchItem
        """
        packed = self._packed(item, "elements")
        return unpack_elements(packed) if packed else []

    def _packed(self, item: str, column: str) -> bytes | None:
        with self._database.read() as connection:
            seq = sequence_of(connection, item)
            row = connection.execute(f"SELECT {column} FROM texts WHERE item = ?", (seq,)).fetchone()
        return row[0] if row else None


def _embedded(elements: Sequence[Element]) -> list[tuple[int, int]]:
    """The stretches of the text that are embedded, joined where they touch."""
    spans: list[tuple[int, int]] = []
    for element in elements:
        if element.kind not in NOT_EMBEDDED:
            if spans and spans[-1][1] == element.start:
                spans[-1] = (spans[-1][0], element.end)
            else:
                spans.append((element.start, element.end))
    return spans


def forget_reading(connection: Connection, seq: int) -> set[int]:
    """Remove what an earlier reading left, in the caller's transaction.

    Returns:
        what it said of people, for `forget_people` once the new reading is written: what the owner said of
        somebody who is still named has to last.
    """
    uncut(connection, seq)
    if not connection.execute("DELETE FROM texts WHERE item = ?", (seq,)).rowcount:
        return set()  # it is read for the first time
    unsaid = written_in(connection, [seq])
    for table in ("mail_people", *FOUND, "readings_by_run", "replaced"):
        connection.execute(f"DELETE FROM {table} WHERE item = ?", (seq,))
    leave_thread(connection, seq)
    return unsaid


def _describe(connection: Connection, seq: int, reading: Reading) -> None:
    mail = reading.mail
    title = mail.subject if mail else reading.title
    connection.execute(
        "UPDATE items SET media_type = ?, title = ?, author = ?, created_at = ?, zone = ?, language = ?,"
        " pages = ?, sender = ?, recipients = ?, marks = ?, partial = ? WHERE seq = ?",
        (
            reading.media_type, title or None, reading.author, reading.created_at, reading.zone,
            reading.language, reading.pages,
            written(mail.sender) if mail and mail.sender else None,
            msgspec.json.encode([written(address) for address in mail.recipients] if mail else []).decode(),
            msgspec.json.encode(mail.marks if mail else ()).decode(),
            reading.partial, seq,
        ),
    )  # fmt: skip


def written(address: Address) -> str:
    """As an item says who sent and got it."""
    return f"{address.name} <{address.email}>" if address.name else address.email
