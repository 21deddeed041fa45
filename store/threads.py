"""Conversations: which thread a mail belongs to, found from what it says of itself and what is stored.

Two mails are of one conversation if they name a common message id: their own, their parent's, a reference;
also when the message of that id never came. A reply that names no mail that is here is gathered by its
subject to the nearest mail before it, within the bounds of `store/gathering.py`. The outcome depends on which
mails are here, never on the order in which they came: a gathering is undone when the true parent arrives, or
a nearer mail.

A thread's id is the id of one of its items, so the id of any of them leads to it, also after two threads
became one. A mail that is deleted stays as a placeholder where others name it. How a thread looks inside is
`store/conversation.py`.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from store.conversation import Mail, Place, arrange
from store.database import Connection, Database, Row
from store.errors import NoSuchThread
from store.gathering import gather, orphans_after, part, unite
from store.names import same_address
from store.records import MailHeader, Record
from store.subjects import plain_subject, says_enough

_MAX_IDS = 200  # a header may claim any number; the nearest and the first matter
_OWN, _PARENT = 0, 1  # how a mail names an id


class ThreadNode(Record, frozen=True, kw_only=True):
    """One mail of a conversation, or a placeholder for one that is named and not here."""

    item: str | None  # None: a placeholder
    message_id: str | None
    parent: int | None  # index into `Conversation.messages`
    depth: int
    subject: str = ""
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    sent_at: float | None = None
    attachments: int = 0


class Conversation(Record, frozen=True, kw_only=True):
    """A thread in reading order: parents before children, siblings by date."""

    id: str
    subject: str
    messages: tuple[ThreadNode, ...]


class Kin(NamedTuple):
    """The stored relatives of a mail, by what the headers name."""

    parents: list[str]  # and theirs, the nearest first
    replies: list[str]


class ThreadTable:
    """The part of the catalog that holds conversations. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def thread(self, thread: str) -> list[str]:
        """The items of a conversation, the oldest mail first by its own date; none if there is no such."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT id FROM items WHERE thread = ? ORDER BY coalesce(created_at, stored_at), seq",
                (_resolve(connection, thread),),
            ).fetchall()
        return [row[0] for row in rows]

    def conversation(self, thread: str) -> Conversation:
        """A thread by its id, by one that it had before, or by the id of any mail of it.

        Raises:
            NoSuchThread
        """
        with self._database.read() as connection:
            found = _resolve(connection, thread)
            rows = connection.execute(
                "SELECT i.seq, i.id, i.title, i.sender, i.recipients, i.created_at, i.stored_at,"
                " m.message_id, coalesce(m.parents, '[]'), m.sent_at, coalesce(m.replies, 0),"
                " coalesce(m.mark, 0), o.gathered,"
                " (SELECT count(*) FROM origins WHERE parent = i.id AND current = 1)"
                " FROM items i LEFT JOIN mails m ON m.item = i.seq"
                " LEFT JOIN mail_orphans o ON o.item = i.seq WHERE i.thread = ?",
                (found,),
            ).fetchall()
        if found is None or not rows:
            raise NoSuchThread("no such conversation", item=thread, remedy="its mails may have been deleted")
        by_key = {row[0]: row for row in rows}
        messages = tuple(_to_node(place, by_key) for place in arrange([_to_mail(row) for row in rows]))
        subject = next((node.subject for node in messages if node.item is not None and node.subject), "")
        return Conversation(id=found, subject=subject, messages=messages)

    def kin_of_mails(self, mails: Sequence[tuple[str, MailHeader]], limit: int) -> list[Kin]:
        """Of mails that may not be written yet, each with its item: what is stored of their relatives."""
        found: list[Kin] = []
        with self._database.read() as connection:
            for item, header in mails:
                parents: dict[str, None] = {}
                for name in named_ids(header):
                    if name != header.message_id and len(parents) < limit:
                        parents |= dict.fromkeys(_bearers(connection, name))
                parents.pop(item, None)
                rows = connection.execute(
                    "SELECT i.id FROM mail_ids n JOIN items i ON i.seq = n.item WHERE n.id = ? AND n.role = ?"
                    " AND i.id <> ? LIMIT ?",
                    (_id(header.message_id) if header.message_id else None, _PARENT, item, limit),
                ).fetchall()
                found.append(Kin(list(parents)[:limit], [row[0] for row in rows]))
        return found


def named_ids(header: MailHeader) -> list[str]:
    """The message ids that a mail names, each once: its own, if it has one, then what came before it, the
    nearest first, the beginning of the conversation last.

    References name the way from the beginning to the parent; In-Reply-To names the parent, and says something
    new only if it is not among them. Old programs put the address of the person there that is answered:
    taken for a message id, it would make one conversation of all that is written to that person.
    """
    people = {same_address(person.email) for person in (header.sender, *header.recipients) if person}
    way = [*header.references]
    if header.in_reply_to and header.in_reply_to not in way:
        way.append(header.in_reply_to)
    nearest = [name for name in dict.fromkeys(reversed(way)) if name and same_address(name) not in people]
    named = list(dict.fromkeys([*([header.message_id] if header.message_id else []), *nearest]))
    return named if len(named) <= _MAX_IDS else [*named[: _MAX_IDS - 1], named[-1]]


def join_thread(
    connection: Connection, seq: int, item: str, header: MailHeader, sent_at: float | None
) -> None:
    """Write what a mail says of itself and put it into its thread, in the caller's transaction.

    Its people must be written already. If this mail is the missing link between threads, they become one.
    """
    mail = _describe(seq, header, sent_at)
    threads, parent_is_here, awaited = _meet(connection, mail)
    _insert(connection, mail)
    thread = unite(connection, threads) if threads else item
    connection.execute("UPDATE items SET thread = ? WHERE seq = ?", (thread, seq))
    loose: set[int] = set()  # mails whose thread may have lost what held it together
    if awaited:
        loose |= _end_waiting(connection, mail)
    if mail.subject:
        if mail.replies and not parent_is_here:
            connection.execute(
                "INSERT INTO mail_orphans (item, subject, sent_at, replies, mark) VALUES (?, ?, ?, ?, ?)",
                (seq, mail.subject, mail.sent_at, mail.replies, mail.mark),
            )
            gather(connection, seq)
        for orphan in orphans_after(connection, mail.subject, (mail.sent_at, mail.replies, mail.mark)):
            if gather(connection, orphan):
                loose.add(orphan)
    part(connection, loose)


def leave_thread(connection: Connection, seq: int) -> None:
    """Forget what a mail said of itself, before it is read anew; the others stay together."""
    item, thread = connection.execute("SELECT id, thread FROM items WHERE seq = ?", (seq,)).fetchone()
    if thread is None:
        return
    connection.execute("UPDATE items SET thread = NULL WHERE seq = ?", (seq,))
    if thread == item:
        name_anew(connection, thread)
    for table in ("mails", "mail_ids", "mail_orphans"):
        connection.execute(f"DELETE FROM {table} WHERE item = ?", (seq,))
    connection.execute("UPDATE mail_orphans SET gathered = NULL WHERE gathered = ?", (seq,))


def name_anew(connection: Connection, thread: str) -> None:
    """Name a thread after the first item that is left in it."""
    heir = "(SELECT id FROM items WHERE thread = ? ORDER BY seq LIMIT 1)"
    connection.execute(f"UPDATE items SET thread = {heir} WHERE thread = ?", (thread, thread))


class _Described(NamedTuple):
    """A row of `mails`, and its ids."""

    seq: int
    message_id: str | None
    parents: list[str]
    subject: str  # empty if it says too little
    sent_at: float
    replies: int
    mark: int  # settles the order of mails of one second; only mails with equal headers have the same


def _describe(seq: int, header: MailHeader, sent_at: float | None) -> _Described:
    subject, replies = plain_subject(header.subject)
    own = header.message_id or None
    parents = [name for name in named_ids(header) if name != own]
    return _Described(
        seq=seq,
        message_id=own,
        parents=parents,
        subject=subject if says_enough(subject) else "",
        sent_at=sent_at or 0.0,
        replies=int(replies),
        mark=_digest(msgspec.msgpack.encode((header, sent_at))),
    )


def _digest(content: bytes) -> int:
    """64 bits: equal by chance once in 2^64 pairs. A stranger who makes two equal joins his own mails."""
    return int(struct.unpack(">q", hashlib.blake2b(content, digest_size=8).digest())[0])


def _id(name: str) -> int:
    return _digest(name.encode("utf-8", "surrogatepass"))


def _meet(connection: Connection, mail: _Described) -> tuple[set[str], bool, bool]:
    """Who else names the ids of a mail that is about to be written.

    Returns:
        their threads; whether one of its parents is here; whether its own id was named and not here.
    """
    threads, parent_is_here, awaited = set[str](), False, False
    for name in (mail.message_id, *mail.parents):
        # All that name an id are of one thread already, so one of them will do, its bearer first.
        row = (
            name
            and connection.execute(
                "SELECT m.role, i.thread FROM mail_ids m JOIN items i ON i.seq = m.item WHERE m.id = ?"
                " ORDER BY m.role LIMIT 1",
                (_id(name),),
            ).fetchone()
        )
        if row:
            threads.add(row[1])
            if name == mail.message_id:
                awaited = row[0] == _PARENT
            else:
                parent_is_here = parent_is_here or row[0] == _OWN
    return threads, parent_is_here, awaited


def _insert(connection: Connection, mail: _Described) -> None:
    connection.execute(
        "INSERT INTO mails (item, message_id, parents, subject, sent_at, replies, mark)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            mail.seq, mail.message_id, msgspec.json.encode(mail.parents).decode(), mail.subject,
            mail.sent_at, mail.replies, mail.mark,
        ),
    )  # fmt: skip
    own = [(_id(mail.message_id), _OWN, mail.seq)] if mail.message_id else []
    connection.executemany(
        "INSERT OR IGNORE INTO mail_ids (id, role, item) VALUES (?, ?, ?)",
        [*own, *((_id(name), _PARENT, mail.seq) for name in mail.parents)],
    )


def _end_waiting(connection: Connection, mail: _Described) -> set[int]:
    """What named this mail has its parent now; returns those that were gathered elsewhere."""
    assert mail.message_id is not None
    rows = connection.execute(
        "SELECT o.item, o.gathered FROM mail_ids m JOIN mail_orphans o ON o.item = m.item"
        " WHERE m.id = ? AND m.role = ?",
        (_id(mail.message_id), _PARENT),
    ).fetchall()
    connection.executemany("DELETE FROM mail_orphans WHERE item = ?", [(row[0],) for row in rows])
    return {row[0] for row in rows if row[1] is not None}


# ---------------------------------------------------------------------------------------------- reading


def _resolve(connection: Connection, thread: str) -> str | None:
    if connection.execute("SELECT 1 FROM items WHERE thread = ? LIMIT 1", (thread,)).fetchone():
        return thread
    row = connection.execute("SELECT thread FROM items WHERE id = ?", (thread,)).fetchone()
    return row[0] if row else None


def _names(parents: str) -> list[str]:
    return msgspec.json.decode(parents, type=list[str])


def _bearers(connection: Connection, name: str) -> list[str]:
    rows = connection.execute(
        "SELECT i.id FROM mail_ids n JOIN mails m ON m.item = n.item AND m.message_id = ?"
        " JOIN items i ON i.seq = n.item WHERE n.id = ? AND n.role = ? ORDER BY m.sent_at, n.item",
        (name, _id(name), _OWN),
    ).fetchall()
    return [row[0] for row in rows]


def _to_mail(row: Row) -> Mail:
    seq, stored_at, message_id, parents, sent_at, replies, mark, gathered = row[0], *row[6:13]
    # A mail that waits to be read anew has no row of its own yet.
    return Mail(
        key=seq,
        order=(stored_at if sent_at is None else sent_at, replies, mark),
        message_id=message_id,
        parents=_names(parents),
        gathered=gathered,
    )


def _to_node(place: Place, rows: dict[int, Row]) -> ThreadNode:
    if place.key is None:
        return ThreadNode(item=None, message_id=place.message_id, parent=place.parent, depth=place.depth)
    row = rows[place.key]
    return ThreadNode(
        item=row[1],
        message_id=place.message_id,
        parent=place.parent,
        depth=place.depth,
        subject=row[2] or "",
        sender=row[3],
        recipients=tuple(msgspec.json.decode(row[4], type=list[str])),
        sent_at=row[5],
        attachments=row[13],
    )
