"""Nothing unproven is stored: the words of each finding must be those of its item's text, at the place it
names. Asked of each before it is stored, since the text may have been read anew while a reader looked at it,
and of all stored ones by the full check of a home.
"""

from __future__ import annotations

from collections.abc import Iterable

from store.database import Connection
from store.errors import Unproven
from store.readings import FOUND, unpack
from store.records import Evidence, Findings


def holds(text: str, evidence: Evidence) -> bool:
    """True if the evidence is a verbatim span of the text that shows something."""
    return (
        0 <= evidence.start < evidence.end <= len(text)
        and text[evidence.start : evidence.end] == evidence.text
        and not evidence.text.isspace()
    )


def refuse_unproven(connection: Connection, item: str, seq: int, findings: Findings) -> None:
    """Compare each one's evidence with the item's text as it stands now.

    Raises:
        Unproven: one does not hold.
    """
    row = connection.execute("SELECT text FROM texts WHERE item = ?", (seq,)).fetchone()
    text = unpack(row[0]).decode() if row else ""
    every = (findings.tags, findings.actions, findings.claims, findings.links, findings.mentions)
    if not all(holds(text, found.evidence) for some in every for found in some):
        raise Unproven("the text does not say what was found in it", item=item)


def unproven(connection: Connection) -> dict[str, int]:
    """How many findings of an item its text does not bear out, for each item that has such."""
    found: dict[str, int] = {}
    some = " UNION ".join(f"SELECT item FROM {table}" for table in FOUND)
    items = connection.execute(
        f"SELECT i.seq, i.id, t.text FROM items i LEFT JOIN texts t ON t.item = i.seq WHERE i.seq IN ({some})"
    )
    for seq, item, packed in items:
        text = unpack(packed).decode() if packed else ""
        wrong = sum(not holds(text, evidence) for evidence in _stored(connection, seq))
        if wrong:
            found[item] = wrong
    return found


def _stored(connection: Connection, seq: int) -> Iterable[Evidence]:
    for table in FOUND:
        for start, end, text in connection.execute(
            f"SELECT start, end, text FROM {table} WHERE item = ?", (seq,)
        ):
            yield Evidence(start=start, end=end, text=text)
