"""Places whose item the owner deleted: remembered by digest, so that a source which still has it there is not
heard again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from store.database import Connection
from store.items import marks
from store.records import Origin

# What comes from these leaves its place, or has none; every other source still holds what it gave.
CONSUMING = frozenset({"drop", "upload", "attachment"})


def place_digest(source: str, locator: str, size: int | None, mtime_ns: int | None) -> bytes:
    """What is kept of a place: BLAKE2b-256 over it, and over size and time where the place is a file, so that
    a file which changed afterwards comes again.

    Not keyed: whoever can read this table has the catalog's key, and every key that this process could use
    with it. What such a reader gains is to confirm a guess: for a file, of path, size and nanosecond at once;
    for a message, of a UID, which says nothing of what it was. No name or address can be read back.
    """
    # A message's size is a server's word, which may change from one day to the next.
    parts = [source, locator] if mtime_ns is None else [source, locator, str(size), str(mtime_ns)]
    digest = hashlib.blake2b(digest_size=32, person=b"deleted place")
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()


def was_deleted(connection: Connection, origin: Origin) -> bool:
    """Whether the owner deleted what this place held, and it has not changed since."""
    if origin.source in CONSUMING:
        return False
    digest = place_digest(origin.source, origin.locator, origin.size, origin.mtime_ns)
    row = connection.execute("SELECT 1 FROM deleted_places WHERE digest = ?", (digest,)).fetchone()
    return row is not None


def remember_places(connection: Connection, scope: Sequence[int]) -> None:
    """Keep the digests of all places that hold these items now, before the items go."""
    rows = connection.execute(
        f"SELECT source, locator, size, mtime_ns FROM origins WHERE item IN ({marks(scope)})"
        " AND parent = '' AND current = 1",
        scope,
    ).fetchall()
    connection.executemany(
        "INSERT OR IGNORE INTO deleted_places (digest) VALUES (?)",
        [(place_digest(*row),) for row in rows if row[0] not in CONSUMING],
    )
