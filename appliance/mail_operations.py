"""The actions that concern mail: accounts and their balance, imports, conversations, people."""

from __future__ import annotations

from pathlib import Path

from appliance.errors import BadRequest
from ingest.importer.imports import Imports, ImportStatus, Stage
from ingest.mail.accounts import AccountStatus, FolderBalance, Mailboxes
from policy.admission import Admission
from policy.limits import Limits
from policy.redact import Private
from store.people import Person
from store.records import Record, RowNumber
from store.threads import Conversation
from store.vault import Vault


class AccountsRequest(Record, frozen=True, kw_only=True):
    """Which mail accounts to tell of."""

    name: str | None = None  # None: all


class AccountRef(Record, frozen=True, kw_only=True):
    """Names one mail account."""

    id: str


class Secret(Record, frozen=True, kw_only=True):
    """The password of a mail account."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r})"


class ImportsRequest(Record, frozen=True, kw_only=True):
    """Which imports to list."""

    running: bool = False  # without those that have ended


class ImportRequest(Record, frozen=True, kw_only=True):
    """What to import: a mailbox file, a folder of mail, or an archive of them, on this machine."""

    path: str


class ThreadRef(Record, frozen=True, kw_only=True):
    """Names one conversation."""

    id: str


class PeopleRequest(Record, frozen=True, kw_only=True):
    """Which people to list: those with the most messages first."""

    query: str | None = None  # part of a name or an address
    limit: int = 50


class MergeRequest(Record, frozen=True, kw_only=True):
    """Two people are one."""

    id: RowNumber  # who stays
    other: RowNumber


class SplitRequest(Record, frozen=True, kw_only=True):
    """An address is another person's."""

    id: RowNumber
    address: str


class MailOperations:
    """The mail part of the appliance's actions."""

    def __init__(
        self, vault: Vault, limits: Limits, mailboxes: Mailboxes, imports: Imports, admission: Admission
    ) -> None:
        self._vault = vault
        self._limits = limits
        self._mailboxes = mailboxes
        self._imports = imports
        self._admission = admission

    def accounts(self, request: AccountsRequest) -> list[AccountStatus]:
        """How each account stands."""
        return [one for one in self._mailboxes.status() if request.name in (None, one.name)]

    def reload(self, request: AccountsRequest) -> list[AccountStatus]:
        """Take over what `strongroom.toml` now says of mail accounts.

        Raises:
            SettingsError: it cannot be read; the accounts stay as they are.
        """
        self._mailboxes.reload()
        return self.accounts(request)

    def keep_secret(self, request: Secret) -> None:
        """Keep the password of an account, encrypted with everything else."""
        if not request.secret:
            raise BadRequest("the password is empty", remedy="give one, or a password_file")
        self._vault.catalog.set_mail_secret(request.id, Private(request.secret.encode()))

    def forget_secret(self, request: AccountRef) -> None:
        """Forget the password of an account."""
        self._vault.catalog.forget_mail_secret(request.id)

    def sync(self, request: AccountRef) -> list[AccountStatus]:
        """Look for new mail now, also where the next try is long off."""
        self._admission.check()
        self._mailboxes.sync(request.id)
        return self.accounts(AccountsRequest(name=request.id))

    def reconcile(self, request: AccountRef) -> list[FolderBalance]:
        """Compare each folder on the server with what is stored, message by message."""
        return self._mailboxes.reconcile(request.id)

    def imports(self, request: ImportsRequest) -> list[ImportStatus]:
        """Imports, running and done."""
        under_way = (Stage.WAITING, Stage.RUNNING)
        return [one for one in self._imports.status() if not request.running or one.stage in under_way]

    def start_import(self, request: ImportRequest) -> ImportStatus:
        """Queue a mailbox file, a folder of mail or an archive; its messages follow one by one."""
        self._admission.check()
        path = Path(request.path)
        if not path.is_absolute():
            raise BadRequest(f"{request.path!r} is not an absolute path")
        return self._imports.start(path)

    def thread(self, request: ThreadRef) -> Conversation:
        """One conversation as a tree, with placeholders for messages that are named and not stored."""
        return self._vault.catalog.conversation(request.id)

    def people(self, request: PeopleRequest) -> list[Person]:
        """Who writes and is written to."""
        return self._vault.catalog.people(request.query, limit=self._limits.page(request.limit))

    def merge_people(self, request: MergeRequest) -> Person:
        """The owner says that two people are one."""
        return self._vault.catalog.merge_people(request.id, request.other)

    def split_person(self, request: SplitRequest) -> Person:
        """The owner says that an address is another person's."""
        return self._vault.catalog.split_person(request.id, request.address)
