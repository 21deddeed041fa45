"""What the owner deleted, remembered by digest, so that a source which still has it is not heard again: each
place that held it, and of a message also its bytes, because servers move messages and number them anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from store.database import Connection
from store.items import marks
from store.records import Origin

# What comes from these leaves its place, or has none; every other source still holds what it gave.
CONSUMING = frozenset({"drop", "upload", "attachment"})
MAIL = "mail:"  # and the account: the source of its messages


def place_digest(source: str, locator: str, size: int | None, mtime_ns: int | None) -> bytes:
    """What is kept of a place: BLAKE2b-256 over it, and over size and time where the place is a file, so that
    a file which changed afterwards comes again.

    Not keyed: whoever can read this table has the catalog's key, and every key that this process could use
    with it. What such a reader gains is to confirm a guess: for a file, of path, size and nanosecond at once;
    for a message, of a UID, which says nothing of what it was. No name or address can be read back.
    """
    # A message's size is a server's word, which may change from one day to the next.
    state = [] if mtime_ns is None else [str(size), str(mtime_ns)]
    return _digest(b"deleted place", [source, locator, *state])


def content_digest(source: str, blob: str) -> bytes:
    """What is kept of a message of a mail account. It is made of its blob's name, which is keyed, so that not
    even a guess can be confirmed without the home's keys.
    """
    return _digest(b"deleted message", [source, blob])


def _digest(purpose: bytes, parts: Sequence[str]) -> bytes:
    digest = hashlib.blake2b(digest_size=32, person=purpose)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()


def any_deleted(connection: Connection) -> bool:
    """Whether anything is remembered at all: mostly nothing is."""
    return connection.execute("SELECT 1 FROM deleted_places LIMIT 1").fetchone() is not None


def was_deleted(connection: Connection, origin: Origin) -> bool:
    """Whether the owner deleted what this place held, and it has not changed since."""
    if origin.source in CONSUMING:
        return False
    return _is_kept(connection, place_digest(origin.source, origin.locator, origin.size, origin.mtime_ns))


def bytes_were_deleted(connection: Connection, origin: Origin, blob: str) -> bool:
    """Whether the owner deleted this message of this account, wherever it lay then."""
    return origin.source.startswith(MAIL) and _is_kept(connection, content_digest(origin.source, blob))


def remember_place(connection: Connection, origin: Origin) -> None:
    """Keep the digest of one more place of what the owner deleted."""
    _keep(connection, {place_digest(origin.source, origin.locator, origin.size, origin.mtime_ns)})


def remember_places(connection: Connection, scope: Sequence[int]) -> None:
    """Keep the digests of all places that hold these items now, and of messages, before the items go."""
    rows = connection.execute(
        "SELECT o.source, o.locator, o.size, o.mtime_ns, i.blob FROM origins o JOIN items i ON i.seq = o.item"
        f" WHERE o.item IN ({marks(scope)}) AND o.parent = '' AND o.current = 1",
        scope,
    ).fetchall()
    digests = {place_digest(*place) for *place, _ in rows if place[0] not in CONSUMING}
    digests |= {content_digest(place[0], blob) for *place, blob in rows if place[0].startswith(MAIL)}
    _keep(connection, digests)


def _keep(connection: Connection, digests: Iterable[bytes]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO deleted_places (digest) VALUES (?)", [(digest,) for digest in digests]
    )


def _is_kept(connection: Connection, digest: bytes) -> bool:
    row = connection.execute("SELECT 1 FROM deleted_places WHERE digest = ?", (digest,)).fetchone()
    return row is not None
