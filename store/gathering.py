"""What makes threads one and parts them again: replies that name no mail that is here ("orphans") are
gathered by subject, and let go when that turns out wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

from store.database import Connection
from store.items import batches, marks
from store.people import RECIPIENT, SENDER

_WINDOW_S = 30 * 86_400.0  # between a mail and a reply that is gathered to it by subject
_NEAREST = 20  # mails of one subject that are looked at: bounds the work, whatever arrives


def unite(connection: Connection, threads: Iterable[str]) -> str:
    """Make these threads one, under the id of the largest."""
    named = sorted(threads)
    if len(named) > 1:
        sizes = dict(
            connection.execute(
                f"SELECT thread, count(*) FROM items WHERE thread IN ({marks(named)}) GROUP BY thread", named
            ).fetchall()
        )
        named.sort(key=lambda thread: -sizes[thread])
        for other in named[1:]:
            connection.execute("UPDATE items SET thread = ? WHERE thread = ?", (named[0], other))
    return named[0]


def thread_of(connection: Connection, seq: int) -> str:
    """The thread of a mail."""
    return str(connection.execute("SELECT thread FROM items WHERE seq = ?", (seq,)).fetchone()[0])


def gather(connection: Connection, orphan: int) -> bool:
    """Gather an orphan anew; True if it left the mail that it was gathered to."""
    (before,) = connection.execute("SELECT gathered FROM mail_orphans WHERE item = ?", (orphan,)).fetchone()
    now = _nearest(connection, orphan)
    if now == before:
        return False
    connection.execute("UPDATE mail_orphans SET gathered = ? WHERE item = ?", (now, orphan))
    if now is not None:
        unite(connection, {thread_of(connection, orphan), thread_of(connection, now)})
    return before is not None


def orphans_after(connection: Connection, subject: str, order: tuple[float, int, int]) -> list[int]:
    """The orphans whose nearest mail one of this subject and place in the order may be: beyond `_NEAREST` of
    them it is not looked at.
    """
    rows = connection.execute(
        "SELECT item FROM mail_orphans WHERE subject = ? AND (sent_at, replies, mark) > (?, ?, ?)"
        " AND sent_at <= ? ORDER BY sent_at, replies, mark LIMIT ?",
        (subject, *order, order[0] + _WINDOW_S, _NEAREST),
    ).fetchall()
    return [row[0] for row in rows]


def part(connection: Connection, loose: Iterable[int]) -> None:
    """Make several threads of those that nothing holds together any more."""
    for thread in {thread_of(connection, seq) for seq in loose}:
        groups = _groups(connection, thread)
        for group in groups:
            ids = dict(
                row
                for some in batches(group)
                for row in connection.execute(
                    f"SELECT id, seq FROM items WHERE seq IN ({marks(some)})", some
                ).fetchall()
            )
            if thread not in ids:  # else it keeps its name: a thread's id is always that of one of its items
                name = min(ids, key=ids.__getitem__)
                connection.executemany(
                    "UPDATE items SET thread = ? WHERE seq = ?", [(name, seq) for seq in group]
                )


def _nearest(connection: Connection, orphan: int) -> int | None:
    """The mail that an orphan is gathered to: the nearest before it, among few, of the same subject, not more
    than `_WINDOW_S` older, that was sent to who now answers, by whom it is sent back to.

    A mail that names parents has said where it belongs, so it is no mark to gather to, but for a reply
    without any between the same two people. To ask less would join what only looks alike: on a list everybody
    writes to everybody, and the programs of its members keep the references of what belongs together.
    """
    rows = connection.execute(
        "SELECT m.item, m.parents <> '[]', r.parents <> '[]' FROM mail_orphans o"
        " JOIN mails r ON r.item = o.item"
        " JOIN mails m ON m.subject = o.subject AND m.sent_at >= o.sent_at - ?"
        " AND (m.sent_at, m.replies, m.mark) < (o.sent_at, o.replies, o.mark)"
        " AND (m.message_id IS NULL OR m.message_id IS NOT r.message_id)"  # a copy is not an answer
        " WHERE o.item = ? AND m.subject <> ''"
        " ORDER BY m.sent_at DESC, m.replies DESC, m.mark DESC LIMIT ?",
        (_WINDOW_S, orphan, _NEAREST),
    ).fetchall()
    if not rows:
        return None
    senders, recipients = _people(connection, orphan)
    for seq, has_parents, orphan_has_parents in rows:
        answered, addressed = _people(connection, seq)
        if answered & recipients and senders & addressed:
            private = len(answered | addressed | senders | recipients) <= 2
            if not has_parents or (private and not orphan_has_parents):
                return int(seq)
    return None


def _groups(connection: Connection, thread: str) -> list[list[int]]:
    """The items of a thread, by what connects them."""
    members = [
        row[0] for row in connection.execute("SELECT seq FROM items WHERE thread = ?", (thread,)).fetchall()
    ]
    joined = {seq: seq for seq in members}

    def top(seq: int) -> int:
        while joined[seq] != seq:
            joined[seq] = seq = joined[joined[seq]]
        return seq

    namers: dict[int, int] = {}
    for id, seq in connection.execute(
        "SELECT n.id, n.item FROM items i JOIN mail_ids n ON n.item = i.seq WHERE i.thread = ?", (thread,)
    ).fetchall():
        joined[top(seq)] = top(namers.setdefault(id, seq))
    for seq, gathered in connection.execute(
        "SELECT o.item, o.gathered FROM items i JOIN mail_orphans o ON o.item = i.seq"
        " WHERE i.thread = ? AND o.gathered IS NOT NULL",
        (thread,),
    ).fetchall():
        joined[top(seq)] = top(gathered)
    groups: dict[int, list[int]] = {}
    for seq in members:
        groups.setdefault(top(seq), []).append(seq)
    return list(groups.values())


def _people(connection: Connection, seq: int) -> tuple[set[int], set[int]]:
    """The addresses of a mail: its sender's, its recipients'."""
    rows = connection.execute(
        "SELECT p.role, w.address FROM mail_people p JOIN written w ON w.id = p.written WHERE p.item = ?",
        (seq,),
    ).fetchall()
    return {row[1] for row in rows if row[0] == SENDER}, {row[1] for row in rows if row[0] == RECIPIENT}
