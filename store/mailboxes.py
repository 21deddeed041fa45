"""What the catalog knows of mailboxes: their folders, what was refused, secrets, imports under way.

Which messages are stored is not written here: the current origins say it, and they are the ledger of UIDs.
What is to be done about it is left to `ingest/sources/imap.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote

from policy.redact import Private
from store.database import Connection, Database
from store.items import batches, marks
from store.places import MAIL, any_deleted, place_digest, was_deleted
from store.records import Origin, Record, State


class FolderState(Record, frozen=True, kw_only=True):
    """What was true of a folder on the server when it was last synced."""

    account: str
    folder: str
    uidvalidity: int
    uidnext: int | None
    modseq: int | None
    exists: int
    checked_at: float
    selected: bool = True


class Refusal(Record, frozen=True, kw_only=True):
    """A message that is not stored, and why."""

    uid: int
    reason: str
    detail: str  # for the owner: never content
    attempts: int
    at: float  # of the last attempt


class Import(Record, frozen=True, kw_only=True):
    """A file of messages that is being read, and how far; the pair (source, locator) names it."""

    source: str
    locator: str
    size: int
    mtime_ns: int
    position: int  # where to go on; its unit is the reader's
    messages: int
    done: bool
    started_at: float
    missed: int = 0  # messages in it that could not be stored


def mail_source(account: str) -> str:
    """`Origin.source` of an account's messages."""
    return f"{MAIL}{account}"


def mail_locator(folder: str, uidvalidity: int, uid: int) -> str:
    """`Origin.locator` of a message: the path of an IMAP URL (RFC 5092), without the slash before it."""
    return f"{_beginning(folder, uidvalidity)}{uid}"


def folder_places(folder: str) -> str:
    """What the locators of all messages of a folder begin with."""
    return f"{_quoted(folder)};UIDVALIDITY="


class MailboxTable:
    """The part of the catalog that holds mailboxes and imports. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mail_folders(self, account: str) -> list[FolderState]:
        """The folders of an account as they were when last synced, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT account, folder, uidvalidity, uidnext, modseq, messages, checked_at, selected"
                " FROM mail_folders WHERE account = ? ORDER BY folder",
                (account,),
            ).fetchall()
        return [
            FolderState(
                account=row[0], folder=row[1], uidvalidity=row[2], uidnext=row[3], modseq=row[4],
                exists=row[5], checked_at=row[6], selected=bool(row[7]),
            )
            for row in rows
        ]  # fmt: skip

    def save_mail_folder(self, state: FolderState) -> None:
        """Write what was seen of a folder, in place of what was known.

        A power cut may take this back, but never later than what was stored before it: then the folder is
        synced from an older point, which stores nothing twice.
        """
        with self._database.write(durable=False) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO mail_folders"
                " (account, folder, uidvalidity, uidnext, modseq, messages, checked_at, selected)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    state.account, state.folder, state.uidvalidity, state.uidnext, state.modseq,
                    state.exists, state.checked_at, state.selected,
                ),
            )  # fmt: skip

    def forget_mail_folder(self, account: str, folder: str) -> None:
        """The folder vanished, or is no longer selected: its places hold nothing; the items stay."""
        with self._database.write() as connection:
            _release(connection, account, folder_places(folder))
            for table in ("mail_folders", "mail_refused"):
                connection.execute(f"DELETE FROM {table} WHERE account = ? AND folder = ?", (account, folder))

    def mail_uids(self, account: str, folder: str, uidvalidity: int) -> dict[int, State]:
        """The UIDs whose place holds an item now, and where that item stands in the ledger."""
        beginning = _beginning(folder, uidvalidity)
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT substr(o.locator, ?), i.state FROM origins o JOIN items i ON i.seq = o.item"
                f" WHERE {_IN_PLACES}",
                (len(beginning) + 1, *_places(account, beginning)),
            ).fetchall()
        return {int(uid): State(state) for uid, state in rows}

    def mail_gone(self, account: str, folder: str, uidvalidity: int) -> int:
        """How many messages of a folder were stored and have vanished from the server since."""
        past = _IN_PLACES.replace("o.current = 1", "o.current = 0")
        values = _places(account, _beginning(folder, uidvalidity))
        with self._database.read() as connection:
            row = connection.execute(f"SELECT count(*) FROM origins o WHERE {past}", values).fetchone()
        return int(row[0])

    def release_mail_places(self, account: str, folder: str, but_uidvalidity: int) -> int:
        """After a change of UIDVALIDITY: the places under every other one hold nothing; returns how many."""
        kept = _beginning(folder, but_uidvalidity)
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM mail_refused WHERE account = ? AND folder = ? AND uidvalidity <> ?",
                (account, folder, but_uidvalidity),
            )
            return _release(connection, account, folder_places(folder), kept)

    def mail_refused(self, account: str, folder: str, uidvalidity: int) -> dict[int, Refusal]:
        """What of a folder is not stored, and why, by UID."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT uid, reason, detail, attempts, at FROM mail_refused"
                " WHERE account = ? AND folder = ? AND uidvalidity = ? ORDER BY uid",
                (account, folder, uidvalidity),
            ).fetchall()
        return {
            row[0]: Refusal(uid=row[0], reason=row[1], detail=row[2], attempts=row[3], at=row[4])
            for row in rows
        }

    def refuse_mail(self, account: str, folder: str, uidvalidity: int, refusal: Refusal) -> None:
        """Write that a message is not stored, in place of what was said of it before."""
        with self._database.write(durable=False) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO mail_refused (account, folder, uidvalidity, uid, reason, detail,"
                " attempts, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    account, folder, uidvalidity, refusal.uid, refusal.reason, refusal.detail,
                    refusal.attempts, refusal.at,
                ),
            )  # fmt: skip

    def clear_refusal(self, account: str, folder: str, uidvalidity: int, uids: Collection[int]) -> None:
        """These messages are stored after all, or gone from the server."""
        with self._database.write(durable=False) as connection:
            connection.executemany(
                "DELETE FROM mail_refused WHERE account = ? AND folder = ? AND uidvalidity = ? AND uid = ?",
                [(account, folder, uidvalidity, uid) for uid in uids],
            )

    def deleted_mail_uids(
        self, account: str, folder: str, uidvalidity: int, uids: Collection[int]
    ) -> set[int]:
        """Which of these messages the owner deleted here."""
        with self._database.read() as connection:
            if not any_deleted(connection):
                return set()
            found, source = set[int](), mail_source(account)
            for some in batches(list(uids)):
                digests = {
                    place_digest(source, mail_locator(folder, uidvalidity, int(uid)), None, None): int(uid)
                    for uid in some
                }
                rows = connection.execute(
                    f"SELECT digest FROM deleted_places WHERE digest IN ({marks(some)})", list(digests)
                ).fetchall()
                found |= {digests[row[0]] for row in rows}
        return found

    def was_deleted(self, origin: Origin) -> bool:
        """Whether the owner deleted what this place of a non-consuming source held, and it has not changed
        since.
        """
        with self._database.read() as connection:
            return was_deleted(connection, origin)

    def set_mail_secret(self, account: str, secret: Private[bytes]) -> None:
        """Keep an account's password, encrypted like everything in the catalog."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO mail_secrets (account, secret) VALUES (?, ?)",
                (account, secret.reveal()),
            )

    def mail_secret(self, account: str) -> Private[bytes] | None:
        """An account's password, if it is kept here."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT secret FROM mail_secrets WHERE account = ?", (account,)
            ).fetchone()
        return Private(bytes(row[0])) if row else None

    def forget_mail_secret(self, account: str) -> None:
        """Remove an account's password; freed pages are overwritten (`secure_delete`)."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM mail_secrets WHERE account = ?", (account,))

    def save_import(self, state: Import) -> None:
        """Write how far an import is, in place of what was known; as durable as `save_mail_folder`."""
        with self._database.write(durable=False) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO imports (source, locator, size, mtime_ns, position, messages, done,"
                " started_at, missed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    state.source, state.locator, state.size, state.mtime_ns, state.position,
                    state.messages, state.done, state.started_at, state.missed,
                ),
            )  # fmt: skip

    def forget_import(self, source: str, locator: str) -> None:
        """Forget how far an import is: it starts from its beginning, should it be started again."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM imports WHERE source = ? AND locator = ?", (source, locator))

    def imports(self) -> list[Import]:
        """All imports, the newest first."""
        return self._imports("1 ORDER BY started_at DESC, source, locator")

    def find_import(self, source: str, locator: str) -> Import | None:
        """One import; None if there never was one of this name."""
        return next(iter(self._imports("source = ? AND locator = ?", source, locator)), None)

    def _imports(self, condition: str, *values: object) -> list[Import]:
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT source, locator, size, mtime_ns, position, messages, done, started_at, missed"
                " FROM imports"
                f" WHERE {condition}",
                values,
            ).fetchall()
        return [
            Import(
                source=row[0], locator=row[1], size=row[2], mtime_ns=row[3], position=row[4],
                messages=row[5], done=bool(row[6]), started_at=row[7],
                missed=row[8],
            )
            for row in rows
        ]  # fmt: skip


# A stretch of the index over current places. `parent` has to be named for the index to be of use.
_IN_PLACES = "o.source = ? AND o.locator >= ? AND o.locator < ? AND o.parent = '' AND o.current = 1"


def _quoted(folder: str) -> str:
    return quote(folder, safe="/:@", errors="surrogatepass")  # never a ';': nothing else looks like a place


def _beginning(folder: str, uidvalidity: int) -> str:
    return f"{_quoted(folder)};UIDVALIDITY={uidvalidity}/;UID="


def _places(account: str, beginning: str) -> tuple[str, str, str]:
    """The bounds of all locators with this beginning."""
    return mail_source(account), beginning, beginning[:-1] + chr(ord(beginning[-1]) + 1)


def _release(connection: Connection, account: str, beginning: str, kept: str = "\0") -> int:
    return int(
        connection.execute(
            f"UPDATE origins AS o SET current = 0 WHERE {_IN_PLACES} AND substr(locator, 1, ?) <> ?",
            (*_places(account, beginning), len(kept), kept),
        ).rowcount
    )
