"""What is written down of one mail account: its folders as last seen, what is stored of them, what was
refused. To say what the server has, and what follows, is left to `ingest/sources/imap.py`.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from collections.abc import Set as AbstractSet

import msgspec

from ingest.connector.messages import Opened
from ingest.mail.cursor import Cursor, FolderBalance, balance
from store.catalog import Catalog
from store.mailboxes import FolderState, Refusal


class MailLedger:
    """The catalog, as far as it is about one account."""

    def __init__(self, catalog: Catalog, account: str) -> None:
        self._catalog = catalog
        self._account = account
        self.states: dict[str, FolderState] = {}

    def load(self) -> None:
        """Read the folders' states."""
        self.states = {state.folder: state for state in self._catalog.mail_folders(self._account)}

    def known(self, cursor: Cursor) -> tuple[AbstractSet[int], dict[int, Refusal]]:
        """The UIDs that are stored or refused under the cursor's UIDVALIDITY, and the refusals among them."""
        refused = self._catalog.mail_refused(self._account, cursor.name, cursor.uidvalidity)
        stored = self._catalog.mail_uids(self._account, cursor.name, cursor.uidvalidity)
        return stored.keys() | refused.keys(), refused

    def deleted(self, cursor: Cursor, uids: Collection[int]) -> set[int]:
        """Which of some messages the owner deleted here."""
        return self._catalog.deleted_mail_uids(self._account, cursor.name, cursor.uidvalidity, uids)

    def release(self, cursor: Cursor) -> None:
        """What was stored of this folder under another UIDVALIDITY is no longer there."""
        self._catalog.release_mail_places(self._account, cursor.name, cursor.uidvalidity)

    def forget(self, folder: str) -> None:
        """A folder vanished, or is no longer wanted."""
        self.states.pop(folder, None)
        self._catalog.forget_mail_folder(self._account, folder)

    def save(self, cursor: Cursor, opened: Opened, *, whole: bool) -> None:
        """Write what the server has, before anything of it is fetched.

        Args:
            whole: all that the ledger has of this folder is there. If not, nothing may be built on this
                state: no ledger has -1 messages.
        """
        assert cursor.listed is not None, "it was looked at"
        before = self.states.get(cursor.name)
        state = FolderState(
            account=self._account,
            folder=cursor.name,
            uidvalidity=cursor.uidvalidity,
            uidnext=opened.uidnext,
            modseq=opened.modseq,
            exists=len(cursor.listed) if whole else -1,
            checked_at=before.checked_at if before else 0.0,
        )
        if state != before:
            state = msgspec.structs.replace(state, checked_at=time.time())
            self._catalog.save_mail_folder(state)
            self.states[cursor.name] = state

    def refuse(self, cursor: Cursor, uid: int, reason: str, detail: str) -> None:
        """A message is not stored now; when it is tried again follows from how often it was."""
        before = cursor.refused.get(uid)
        attempts = before.attempts + 1 if before else 1
        refusal = Refusal(uid=uid, reason=reason, detail=detail, attempts=attempts, at=time.time())
        self._catalog.refuse_mail(self._account, cursor.name, cursor.uidvalidity, refusal)
        cursor.refuse(refusal)

    def clear(self, cursor: Cursor, uids: Collection[int]) -> None:
        """These are stored after all, or gone."""
        if uids:
            self._catalog.clear_refusal(self._account, cursor.name, cursor.uidvalidity, uids)

    def balance(self, cursor: Cursor) -> FolderBalance:
        """Account for what the cursor last saw on the server."""
        present = cursor.listed or frozenset[int]()
        where = (self._account, cursor.name, cursor.uidvalidity)
        return balance(
            cursor.name,
            present,
            self._catalog.mail_uids(*where),
            self._catalog.mail_refused(*where),
            self._catalog.deleted_mail_uids(*where, present),
            self._catalog.mail_gone(*where),
            cursor.trouble,
        )
