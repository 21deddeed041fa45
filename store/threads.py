"""Conversations: which thread a mail belongs to, found from what it says of itself and what is stored.

The rule is the first half of Jamie Zawinski's (https://www.jwz.org/doc/threading.html): mails that name a
common message id (their own, their parent's, a reference) are one conversation, also when the message itself
never arrived. A reply without such ids, as some phones send it, joins the newest thread of the same subject
between the same people.
"""

from __future__ import annotations

import re

from store.database import Connection
from store.records import MailHeader

_PREFIX = re.compile(r"\s*(?:(?:re|fwd?|aw|wg|antw|sv|vs|tr|rv)\s*(?:\[\d+\])?\s*:\s*)", re.IGNORECASE)
_MAX_IDS = 200  # a header may claim any number; the newest references matter


def plain_subject(subject: str) -> tuple[str, bool]:
    """A subject without Re: and Fwd:, in lower case with single spaces, and whether it had such a prefix."""
    rest = subject
    while match := _PREFIX.match(rest):
        rest = rest[match.end() :]
    return " ".join(rest.lower().split()), rest != subject


def join_thread(connection: Connection, seq: int, item: str, header: MailHeader) -> None:
    """Write what a mail says of itself and put it into its thread, in the caller's transaction.

    A thread's id is the id of one of its items. If this mail is the missing link between several threads,
    they become one.
    """
    subject, replies = plain_subject(header.subject)
    connection.execute(
        "INSERT OR REPLACE INTO mails (item, message_id, subject) VALUES (?, ?, ?)",
        (seq, header.message_id, subject),
    )
    ids = named_ids(header)
    connection.execute("DELETE FROM mail_ids WHERE item = ?", (seq,))
    connection.executemany(
        "INSERT INTO mail_ids (message_id, item) VALUES (?, ?)", [(name, seq) for name in ids]
    )
    threads = [
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT o.thread FROM mail_ids m JOIN mail_ids n ON n.message_id = m.message_id"
            " JOIN items o ON o.seq = n.item WHERE m.item = ? AND n.item <> m.item AND o.thread IS NOT NULL"
            " ORDER BY o.thread",
            (seq,),
        ).fetchall()
    ]
    if not threads and replies and subject and not header.in_reply_to and not header.references:
        threads = _same_subject(connection, seq, subject, header)
    thread = threads[0] if threads else item
    connection.execute("UPDATE items SET thread = ? WHERE seq = ?", (thread, seq))
    for other in threads[1:]:
        connection.execute("UPDATE items SET thread = ? WHERE thread = ?", (thread, other))


def named_ids(header: MailHeader) -> list[str]:
    """The message ids that a mail names, each once."""
    named = [header.message_id, header.in_reply_to, *reversed(header.references)]
    return list(dict.fromkeys(name for name in named if name))[:_MAX_IDS]


def _same_subject(connection: Connection, seq: int, subject: str, header: MailHeader) -> list[str]:
    people = {address.email.lower() for address in header.recipients}
    if header.sender:
        people.add(header.sender.email.lower())
    rows = connection.execute(
        "SELECT i.thread, i.sender, i.recipients FROM mails m JOIN items i ON i.seq = m.item"
        " WHERE m.subject = ? AND m.item <> ? AND i.thread IS NOT NULL ORDER BY i.stored_at DESC LIMIT 50",
        (subject, seq),
    ).fetchall()
    for thread, sender, recipients in rows:
        written = f"{sender or ''} {recipients}".lower()
        if sum(email in written for email in people if email) >= 2:
            return [thread]
    return []
