"""The full check of a home: every original, the catalog's pages and references, the ledger, what proves each
finding, the audit log.
"""

from __future__ import annotations

from store.audit import Audit
from store.blobs import Blobs
from store.crypto import unwrap_key
from store.database import Connection, Database
from store.errors import CatalogDamaged, StoreError
from store.keys import Keys
from store.proof import unproven
from store.records import Record


class VerifyReport(Record, frozen=True, kw_only=True):
    """What was checked and what was found wrong; no problem means all is well."""

    items: int  # originals decrypted and compared
    bytes: int  # of their plaintext
    problems: list[str]

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems


def verify_home(database: Database, blobs: Blobs, audit: Audit, keys: Keys) -> VerifyReport:
    """Check everything. Takes as long as reading the whole home."""
    try:
        with database.read() as connection:
            problems = _catalog(connection) + _ledger(connection) + _findings(connection)
    except CatalogDamaged as error:
        return VerifyReport(items=0, bytes=0, problems=[f"catalog: {error.what}"])
    with database.read() as connection:
        rows = connection.execute("SELECT id, blob, data_key, epoch, size FROM items ORDER BY seq").fetchall()
        (doomed,) = connection.execute("SELECT count(*) FROM doomed").fetchone()
    total = 0
    for item, blob, wrapped, epoch, size in rows:
        try:
            found = blobs.copy_out(blob, item, unwrap_key(keys.epoch(epoch).reveal(), wrapped, item))
        except StoreError as error:
            if _still_there(database, item):  # else it was deleted while we looked
                problems.append(f"{item}: {error.what}")
            continue
        total += found
        if found != size:
            problems.append(f"{item}: the original has {found} bytes, the catalog says {size}")
    if doomed:
        problems.append(f"{doomed} deleted originals still have to be removed: restart the service")
    problems += audit.check()
    problems += [f"audit: at an earlier start: {alarm}" for alarm in audit.alarms()]
    return VerifyReport(items=len(rows), bytes=total, problems=problems)


def _still_there(database: Database, item: str) -> bool:
    with database.read() as connection:
        return connection.execute("SELECT 1 FROM items WHERE id = ?", (item,)).fetchone() is not None


def _catalog(connection: Connection) -> list[str]:
    problems = [
        f"catalog: {row[0]}" for row in connection.execute("PRAGMA cipher_integrity_check").fetchall()
    ]
    found = [row[0] for row in connection.execute("PRAGMA integrity_check").fetchall()]
    problems += [f"catalog: {text}" for text in found if text != "ok"]
    dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
    if dangling:
        problems.append(f"catalog: {len(dangling)} rows refer to nothing")
    return problems


def _ledger(connection: Connection) -> list[str]:
    """What the states claim, against what is there."""
    claims = {
        "are PARSED without a text": "state IN ('PARSED', 'INDEXED', 'ENRICHED')"
        " AND NOT EXISTS (SELECT 1 FROM texts WHERE item = items.seq)",
        "are INDEXED without passages made": "state IN ('INDEXED', 'ENRICHED') AND chunked = 0",
        "are QUARANTINED without a reason": "state = 'QUARANTINED' AND reason IS NULL",
        "have no origin": "NOT EXISTS (SELECT 1 FROM origins WHERE item = items.seq)",
        "were deleted and are still there": "id IN (SELECT item FROM receipts)",
    }
    problems = []
    for claim, condition in claims.items():
        (count,) = connection.execute(f"SELECT count(*) FROM items WHERE {condition}").fetchone()
        if count:
            problems.append(f"ledger: {count} items {claim}")
    return problems


def _findings(connection: Connection) -> list[str]:
    return [
        f"{item}: {count} findings whose words are not in its text"
        for item, count in unproven(connection).items()
    ]
