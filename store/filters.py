"""The filters of a search: which items they leave, and the newest of those.

Each condition is a stretch of one index, read without its table; the sets are put together here. A scan of
the rows themselves would cost a second where this takes milliseconds (200,000 items, decrypted page by page).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from store.corrections import Named
from store.database import Connection, Database
from store.items import read_items
from store.mailboxes import folder_places, mail_source
from store.names import fold
from store.people import RECIPIENT, SENDER, mails_like
from store.records import Item

Numbers = npt.NDArray[np.int32]  # of items, ascending
Bits = npt.NDArray[np.bool_]  # one for each number
Key = TypeVar("Key")

_FEW = 1_000  # items whose dates are looked up and sorted; of more, the newest are sought by date
_AT_ONCE = 2_000  # rows
_KNOWN = 32  # conditions, at a byte for each item

_NO_ITEM = "SELECT seq AS item FROM receipts UNION ALL SELECT 0"  # else row numbers leave out none
_SUPERSEDED = "SELECT seq AS item FROM items WHERE superseded = 1"


class Field(StrEnum):
    """What of an item a condition is about."""

    SENDER = "from"
    RECIPIENT = "to"
    TAG = "tag"
    PROJECT = "project"
    TYPE = "type"
    PLACE = "in"
    HAVING = "has"
    LANGUAGE = "lang"
    DATE = "date"
    SIZE = "size"


class Having(StrEnum):
    """What an item may have. An attachment is one of a mail."""

    ATTACHMENT = "attachment"
    TAG = "tag"
    ACTION = "action"
    PROJECT = "project"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What must be true of an item: one of `values`, or a number from `least` on and below `below`.

    The values of people are parts of names and addresses; of types media types, or their first half with the
    slash; of languages ISO 639-1; of tags, projects and places their names, or whole words of them where none
    has just this name; in any case. A date is the item's own, else when it was stored (UTC seconds); a size
    is in bytes. No value is more than text: none has a meaning of its own to the catalog.
    """

    field: Field
    values: tuple[str, ...] = ()
    least: float | None = None
    below: float | None = None
    negated: bool = False  # it must not be true


class FilterTable:
    """The part of the catalog that answers filters. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = _Known()

    def matching_items(
        self, groups: Iterable[Sequence[Condition]] = (), *, include_superseded: bool = False
    ) -> Numbers:
        """The numbers of the items for which, of each group, at least one condition holds."""
        groups = list(groups)
        known = self._known.at(self._database.commits)
        with self._database.read() as connection:
            last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'items'").fetchone()
            size = 1 + (last[0] if last else 0)
            left = np.ones(size, np.bool_)
            for group in groups:
                left &= np.logical_or.reduce([_holding(connection, each, size, known) for each in group])
            # What is negated holds for numbers too that no item has any more.
            for gone in (_NO_ITEM,) if include_superseded else (_NO_ITEM, _SUPERSEDED):
                left[_numbers(connection, gone)] = False
        return np.flatnonzero(left).astype(np.int32)

    def newest_of(self, numbers: Numbers, limit: int) -> list[Item]:
        """The newest of some items, by their own date, else by when they were stored."""
        with self._database.read() as connection:
            if len(numbers) > _FEW:
                numbers = _newest(connection, numbers, limit)
            return read_items(
                connection,
                f"seq IN (SELECT value FROM json_each(?)) ORDER BY {_DATE} DESC, seq DESC LIMIT ?",
                (msgspec.json.encode(numbers.tolist()).decode(), limit),
            )


def _newest(connection: Connection, numbers: Numbers, limit: int) -> Numbers:
    """Those of many items that come first by date: the fewer they are, the longer is the way."""
    wanted = _bits(numbers, int(numbers[-1]) + 1)
    rows = connection.execute(f"SELECT seq FROM items ORDER BY {_DATE} DESC, seq DESC")
    found = np.zeros(0, np.int32)
    while len(found) < limit and (some := rows.fetchmany(_AT_ONCE)):
        these = np.fromiter((row[0] for row in some), np.int32, len(some))
        these = these[these < len(wanted)]
        found = np.concatenate([found, these[wanted[these]]])
    rows.close()
    return found[:limit]


def _bits(numbers: Numbers, size: int) -> Bits:
    bits = np.zeros(size, np.bool_)
    bits[numbers] = True
    return bits


class _Known:
    """For which items the last conditions held. A query that is refined asks most of them again; the next
    commit makes them unknown. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commits = -1
        self._bits: dict[Condition, Bits] = {}

    def at(self, commits: int) -> dict[Condition, Bits]:
        """What is known for as long as there were so many commits; the caller adds to it."""
        with self._lock:
            if self._commits != commits or len(self._bits) > _KNOWN:
                self._commits, self._bits = commits, {}
            return self._bits


def _holding(connection: Connection, condition: Condition, size: int, known: dict[Condition, Bits]) -> Bits:
    """For each number below `size` whether the condition holds for the item of that number."""
    plain = msgspec.structs.replace(condition, negated=False)
    bits = known.get(plain)
    if bits is None or len(bits) != size:  # more items: a commit that ended in this moment
        bits = known[plain] = _bits(_HOLDERS[condition.field](connection, condition), size)
    return ~bits if condition.negated else bits


def _numbers(connection: Connection, sql: str, *values: object) -> Numbers:
    """What a query gives in its column `item`."""
    # As one text: a row for each takes six times as long.
    (text,) = connection.execute(f"SELECT group_concat(item) FROM ({sql})", values).fetchone()
    return np.fromstring(text, np.int32, sep=",") if text else np.zeros(0, np.int32)


def _all(found: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.zeros(0, np.int32), *found])


# --------------------------------------------------- the items for which a condition holds, for each field

_Holders = Callable[[Connection, Condition], Numbers]
_DATE = "coalesce(created_at, stored_at)"
_LISTED = "IN (SELECT value FROM json_each(?))"


def _list(values: Iterable[object]) -> str:
    """As the one value of `_LISTED`."""
    return msgspec.json.encode(list(values)).decode()


def _people(role: int) -> _Holders:
    def holders(connection: Connection, condition: Condition) -> Numbers:
        written = {row for value in condition.values for row in mails_like(connection, value)}
        mails = f"SELECT item FROM mail_people WHERE role = {role} AND written {_LISTED}"
        return _numbers(connection, mails, _list(written))

    return holders


def _named(kind: Named, table: str, column: str) -> _Holders:
    corrected = "SELECT DISTINCT name FROM corrections WHERE kind = ? AND holds = 1"

    def holders(connection: Connection, condition: Condition) -> Numbers:
        given = [row[0] for row in connection.execute(corrected, (kind.value,)).fetchall()]
        names = {name: [name] for name in (*_distinct(connection, table, column), *given)}
        standing = f"SELECT item FROM standing_{table} WHERE {column} = ?"  # of a list it would scan them all
        return _all([_numbers(connection, standing, name) for name in _meant(names, condition.values)])

    return holders


def _type(connection: Connection, condition: Condition) -> Numbers:
    of_type = "SELECT seq AS item FROM items WHERE media_type >= ? AND media_type < ?"
    found = [
        _numbers(connection, of_type, kind, _after(kind) if kind.endswith("/") else f"{kind}\0")
        for kind in condition.values
    ]
    return _all(found)


def _place(connection: Connection, condition: Condition) -> Numbers:
    """By source, wherever an item came from, and by folder of a mailbox, where it lies now."""
    names: dict[tuple[str, str], list[str]] = {
        (source, ""): [source, source.partition(":")[2] or source]
        for source in _distinct(connection, "origins", "source")
    }
    for account, folder in connection.execute("SELECT account, folder FROM mail_folders").fetchall():
        names[mail_source(account), folder_places(folder)] = [folder, f"{account}/{folder}"]
    here = "SELECT item FROM origins WHERE source = ? AND locator >= ? AND locator < ? AND current = 1"
    found = [
        _numbers(connection, here, source, places, _after(places))
        if places
        else _numbers(connection, "SELECT item FROM origins WHERE source = ?", source)
        for source, places in _meant(names, condition.values)
    ]
    return _all(found)


def _having(connection: Connection, condition: Condition) -> Numbers:
    return _all([_numbers(connection, _HAVING[Having(value)]) for value in condition.values])


def _language(connection: Connection, condition: Condition) -> Numbers:
    of_language = f"SELECT seq AS item FROM items WHERE language {_LISTED}"
    return _numbers(connection, of_language, _list(condition.values))


def _between(column: str) -> _Holders:
    def holders(connection: Connection, condition: Condition) -> Numbers:
        least = -np.inf if condition.least is None else condition.least
        below = np.inf if condition.below is None else condition.below
        between = f"SELECT seq AS item FROM items WHERE {column} >= ? AND {column} < ?"
        return _numbers(connection, between, least, below)

    return holders


# An action item that the owner closed or rejected is none any more.
_TO_DO = (
    "SELECT DISTINCT item FROM actions a WHERE NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.item = a.item"
    " AND v.start = a.start AND v.end = a.end AND v.status IN ('done', 'rejected'))"
)
_HAVING = {
    Having.ATTACHMENT: "SELECT DISTINCT holder AS item FROM inside JOIN mails ON mails.item = holder",
    Having.TAG: "SELECT DISTINCT item FROM standing_tags",
    Having.ACTION: _TO_DO,
    Having.PROJECT: "SELECT DISTINCT item FROM standing_links",
}
_HOLDERS: dict[Field, _Holders] = {
    Field.SENDER: _people(SENDER),
    Field.RECIPIENT: _people(RECIPIENT),
    Field.TAG: _named(Named.TAG, "tags", "name"),
    Field.PROJECT: _named(Named.PROJECT, "links", "project"),
    Field.TYPE: _type,
    Field.PLACE: _place,
    Field.HAVING: _having,
    Field.LANGUAGE: _language,
    Field.DATE: _between(_DATE),
    Field.SIZE: _between("size"),
}


def _distinct(connection: Connection, table: str, column: str) -> list[str]:
    """The few values of a column that an index begins with: a step of that index for each, and no scan."""
    rows = connection.execute(
        f"WITH RECURSIVE step (value) AS (SELECT min({column}) FROM {table} UNION ALL"
        f" SELECT (SELECT min({column}) FROM {table} WHERE {column} > step.value) FROM step"
        " WHERE step.value IS NOT NULL) SELECT value FROM step WHERE value IS NOT NULL"
    ).fetchall()
    return [row[0] for row in rows]


def _meant(names: Mapping[Key, Sequence[str]], values: Iterable[str]) -> list[Key]:
    """What bears just one of these names, else what has one as whole words in a name of its own."""
    found: list[Key] = []
    for value in values:
        asked = fold(value)
        exact = [key for key, some in names.items() if asked in map(fold, some)]
        words = f" {_words(value)} "
        found += exact or [
            key
            for key, some in names.items()
            if words.strip() and any(words in f" {_words(n)} " for n in some)
        ]
    return list(dict.fromkeys(found))


def _words(name: str) -> str:
    return " ".join(re.findall(r"\w+", fold(name)))


def _after(beginning: str) -> str:
    """What comes first, in the order of the catalog, behind all that begins so."""
    return beginning[:-1] + chr(ord(beginning[-1]) + 1)
