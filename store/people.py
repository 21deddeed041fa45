"""People: who wrote the mails and to whom, one person for all addresses and names that are theirs.

An address is one person's always. Two addresses become one person's by `names.safe_key`, or because the owner
says so; an equal name elsewhere is only proposed (`people_alike`). What the owner said lasts: mail that comes
later joins what he joined and never what he parted. A person is no more than what stored mails say: with the
last mail that names an address, the address, its names and what was said of them go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from store.database import Connection, Database, Row
from store.errors import NoSuchPerson
from store.items import batches, marks
from store.names import (
    fold,
    folded_address,
    folded_name,
    identity,
    is_full,
    safe_key,
    same_address,
    shown_name,
)
from store.records import Address, MailHeader, Record

SENDER, RECIPIENT = 0, 1

# An address before which more names than this were written is not a person's: a list, a service that writes
# in the name of its users. A name finds only the mails that bear it there.
_CROWD = 8


class Person(Record, frozen=True, kw_only=True):
    """One person, by what the stored mails say. All texts are strangers': inert, one line each."""

    id: int
    name: str  # the one used most; an address if there is none
    addresses: tuple[str, ...]  # the most used first
    names: tuple[str, ...]  # the most used first
    messages: int  # stored mails from or to them


class PeopleTable:
    """The part of the catalog that holds people. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def people(self, query: str | None = None, limit: int = 50, offset: int = 0) -> list[Person]:
        """People, those with the most correspondence first.

        Args:
            query: part of any of their names or addresses, in any case and without regard to diacritics.
        """
        with self._database.read() as connection:
            condition, values = "1", list[object]()
            if query is not None:
                found = {row[2] for row in _like(connection, query)}
                condition = "a.person IN (SELECT value FROM json_each(?))"
                values = [msgspec.json.encode(sorted(found)).decode()]
            rows = connection.execute(
                "SELECT a.person FROM mail_people m JOIN written w ON w.id = m.written"
                f" JOIN addresses a ON a.id = w.address WHERE {condition}"
                " GROUP BY a.person ORDER BY count(*) DESC, a.person LIMIT ? OFFSET ?",
                [*values, limit, offset],
            ).fetchall()
            return _read(connection, [row[0] for row in rows])

    def person(self, id: int) -> Person:
        """One person.

        Raises:
            NoSuchPerson
        """
        with self._database.read() as connection:
            return _read_one(connection, id)

    def people_alike(self, id: int) -> list[Person]:
        """Who else bears one of this person's full names: perhaps the same person, for the owner to say.

        Those whom he parted before are left out.

        Raises:
            NoSuchPerson
        """
        with self._database.read() as connection:
            names = {folded_name(name) for name in _read_one(connection, id).names}
            full = [name for name in names if is_full(name)]
            rows = connection.execute(
                "SELECT DISTINCT a.person FROM written w JOIN addresses a ON a.id = w.address"
                f" WHERE w.folded IN ({marks(full)}) AND a.person <> ? ORDER BY a.person",
                [*full, id],
            ).fetchall()
            alike = {row[0] for row in rows}
            if id in (settled := _settled(connection, [*alike, id])):
                alike -= settled
            return _read(connection, sorted(alike))

    def merge_people(self, keep: int, other: int) -> Person:
        """Two are one person: `other` becomes part of `keep`.

        Raises:
            NoSuchPerson
        """
        with self._database.write() as connection:
            for id in (keep, other):
                _read_one(connection, id)
            connection.execute(
                "UPDATE addresses SET person = ?, settled = 1 WHERE person IN (?, ?)", (keep, keep, other)
            )
            _drop_empty(connection, {other})
            return _read_one(connection, keep)

    def split_person(self, id: int, address: str) -> Person:
        """An address is somebody else's; returns that new person.

        Raises:
            NoSuchPerson: there is no such person, the address is not theirs, or it is all that they are.
        """
        with self._database.write() as connection:
            theirs = {
                row[0]: row[1]
                for row in connection.execute(
                    "SELECT address, id FROM addresses WHERE person = ?", (id,)
                ).fetchall()
            }
            parted = theirs.pop(same_address(address), None) or theirs.pop(folded_name(address), None)
            if parted is None or not theirs:
                raise NoSuchPerson("this person has no such address beside others", item=str(id))
            new = _new_person(connection)
            connection.execute("UPDATE addresses SET settled = 1 WHERE person = ?", (id,))
            connection.execute("UPDATE addresses SET person = ? WHERE id = ?", (new, parted))
            return _read_one(connection, new)


def mails_like(connection: Connection, text: str) -> list[int]:
    """The rows of `written` by which mails from or to the people of this name or address are found."""
    matched = _like(connection, text)
    crowds = _crowds(connection, {row[1] for row in matched})
    persons = {person for _, address, person, by_address in matched if by_address or address not in crowds}
    found = {row[0] for row in matched}
    for some in batches(sorted(persons)):
        found |= {
            row[0]
            for row in connection.execute(
                "SELECT w.id FROM addresses a JOIN written w ON w.address = a.id"
                f" WHERE a.person IN ({marks(some)})",
                some,
            ).fetchall()
        }
    return sorted(found)


# ----------------------------------------------------------- parts of the transactions that read and delete


def add_people(connection: Connection, seq: int, header: MailHeader) -> None:
    """Write whom a mail is from and to, in the caller's transaction."""
    roles = [(SENDER, header.sender)] if header.sender else []
    roles += [(RECIPIENT, address) for address in header.recipients]
    rows = [(_written(connection, address), role, seq) for role, address in roles if identity(address)]
    connection.executemany("INSERT OR IGNORE INTO mail_people (written, role, item) VALUES (?, ?, ?)", rows)


def written_in(connection: Connection, scope: Sequence[int]) -> set[int]:
    """What these items say of people, before they go; for `forget_people` afterwards."""
    rows = connection.execute(
        f"SELECT DISTINCT written FROM mail_people WHERE item IN ({marks(scope)})", scope
    ).fetchall()
    return {row[0] for row in rows}


def forget_people(connection: Connection, written: Iterable[int]) -> None:
    """Remove those names, addresses and people that no mail says any more."""
    addresses, persons = set[int](), set[int]()
    for id in written:
        addresses |= _removed(
            connection, "written", "address", id, "SELECT 1 FROM mail_people WHERE written = ?"
        )
    for id in addresses:
        persons |= _removed(connection, "addresses", "person", id, "SELECT 1 FROM written WHERE address = ?")
    _drop_empty(connection, persons)


def count_unsaid(connection: Connection) -> int:
    """How many names, addresses and people no mail says: none, always."""
    (count,) = connection.execute(
        "SELECT (SELECT count(*) FROM written w WHERE NOT EXISTS"
        " (SELECT 1 FROM mail_people WHERE written = w.id))"
        " + (SELECT count(*) FROM addresses a WHERE NOT EXISTS (SELECT 1 FROM written WHERE address = a.id))"
        " + (SELECT count(*) FROM people p WHERE NOT EXISTS (SELECT 1 FROM addresses WHERE person = p.id))"
    ).fetchone()
    return int(count)


def _removed(connection: Connection, table: str, column: str, id: int, still_used: str) -> set[int]:
    """Remove a row unless it is used; returns what its column named."""
    return {
        row[0]
        for row in connection.execute(
            f"DELETE FROM {table} WHERE id = ? AND NOT EXISTS ({still_used}) RETURNING {column}", (id, id)
        ).fetchall()
    }


def _drop_empty(connection: Connection, persons: Iterable[int]) -> None:
    connection.executemany(
        "DELETE FROM people WHERE id = ? AND NOT EXISTS (SELECT 1 FROM addresses WHERE person = ?)",
        [(id, id) for id in persons],
    )


def _written(connection: Connection, address: Address) -> int:
    """The row of a name before an address, made if it is new."""
    known, name = identity(address), shown_name(address.name)
    row = connection.execute(
        "SELECT w.id FROM addresses a JOIN written w ON w.address = a.id WHERE a.address = ? AND w.name = ?",
        (known, name),
    ).fetchone()
    if row:
        return int(row[0])
    row = connection.execute("SELECT id, person FROM addresses WHERE address = ?", (known,)).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO addresses (address, folded, person) VALUES (?, ?, ?) RETURNING id, person",
            (known, folded_address(known), _new_person(connection)),
        ).fetchone()
    place, person = row
    safe = safe_key(name, known)
    (id,) = connection.execute(
        "INSERT INTO written (address, name, folded, safe) VALUES (?, ?, ?, ?) RETURNING id",
        (place, name, folded_name(name), safe),
    ).fetchone()
    if safe is not None:
        _join(connection, person, safe)
    return int(id)


def _join(connection: Connection, person: int, safe: str) -> None:
    """Make all who share this key one person, unless the owner has spoken of more than one of them."""
    rows = connection.execute(
        "SELECT DISTINCT a.person FROM written w JOIN addresses a ON a.id = w.address WHERE w.safe = ?",
        (safe,),
    ).fetchall()
    same = {row[0] for row in rows} | {person}
    settled = _settled(connection, same)
    if len(same) == 1 or len(settled) > 1:
        return
    keep = min(settled or same)
    others = sorted(same - {keep})
    connection.execute(f"UPDATE addresses SET person = ? WHERE person IN ({marks(others)})", [keep, *others])
    _drop_empty(connection, others)


def _settled(connection: Connection, persons: Collection[int]) -> set[int]:
    rows = connection.execute(
        f"SELECT DISTINCT person FROM addresses WHERE settled = 1 AND person IN ({marks(list(persons))})",
        list(persons),
    ).fetchall()
    return {row[0] for row in rows}


def _new_person(connection: Connection) -> int:
    return int(connection.execute("INSERT INTO people DEFAULT VALUES RETURNING id").fetchone()[0])


def _like(connection: Connection, text: str) -> list[Row]:
    """(row of `written`, address, person, whether it is by the address) of what holds a text."""
    name, address = folded_name(text), fold(text)
    if not address:
        return []
    return connection.execute(
        "SELECT w.id, w.address, a.person, instr(a.folded, ?2) > 0 FROM written w"
        " JOIN addresses a ON a.id = w.address WHERE instr(w.folded, ?1) > 0 OR instr(a.folded, ?2) > 0",
        (name, address),
    ).fetchall()


def _crowds(connection: Connection, addresses: Collection[int]) -> set[int]:
    found: set[int] = set()
    for some in batches(sorted(addresses)):
        rows = connection.execute(
            f"SELECT address FROM written WHERE address IN ({marks(some)}) AND folded <> ''"
            " GROUP BY address HAVING count(DISTINCT folded) > ?",
            [*some, _CROWD],
        ).fetchall()
        found |= {row[0] for row in rows}
    return found


def _read_one(connection: Connection, id: int) -> Person:
    found = _read(connection, [id])
    if not found:
        raise NoSuchPerson("no such person", item=str(id), remedy="they may have become part of another")
    return found[0]


def _read(connection: Connection, ids: Sequence[int]) -> list[Person]:
    return [
        _to_person(
            id,
            connection.execute(
                "SELECT a.address, w.name,"
                " (SELECT count(*) FROM mail_people WHERE written = w.id) AS used FROM addresses a"
                " JOIN written w ON w.address = a.id WHERE a.person = ? ORDER BY used DESC, w.id",
                (id,),
            ).fetchall(),
            connection.execute(
                "SELECT count(DISTINCT m.item) FROM addresses a JOIN written w ON w.address = a.id"
                " JOIN mail_people m ON m.written = w.id WHERE a.person = ?",
                (id,),
            ).fetchone()[0],
        )
        for id in ids
        if connection.execute("SELECT 1 FROM addresses WHERE person = ?", (id,)).fetchone()
    ]


def _to_person(id: int, rows: Sequence[Row], messages: int) -> Person:
    names = tuple(dict.fromkeys(row[1] for row in rows if row[1]))
    addresses = tuple(dict.fromkeys(row[0] for row in rows if "@" in row[0]))
    return Person(
        id=id, name=(names or addresses or ("",))[0], addresses=addresses, names=names, messages=messages
    )
