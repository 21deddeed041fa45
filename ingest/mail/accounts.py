"""Keeps every mail account going, each on its own thread: one that fails tries again later, and says what
its owner can do; the others do not notice. What is done on a connection is `ingest/sources/imap.py`'s.
"""

from __future__ import annotations

import base64
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as NoAnswer
from pathlib import Path

from ingest.connector.messages import Failure, SignIn
from ingest.errors import AccountError, MailError, RemoteFailed
from ingest.intake import Intake
from ingest.mail.account import MailAccount
from ingest.mail.cursor import FolderBalance as FolderBalance
from ingest.sources.imap import AccountState as AccountState
from ingest.sources.imap import MailboxSource
from ingest.sources.remote import ConnectorRemote, Remote
from policy.errors import StrongroomError
from policy.limits import KIB, MIB, Limits
from policy.redact import Private
from store.records import Record
from store.vault import Vault

_SECRET_BYTES, _CA_BYTES = 64 * KIB, 4 * MIB
_RECONCILE_S = 1_800.0
_JOIN_S = 15.0
_HEALTHY_S = 300.0  # a connection that lasted so long did not fail at once

# First and longest pause. Where only the owner can help, asking often helps nobody, and locks accounts.
_PAUSE = (1.0, 900.0)
_PAUSES = dict.fromkeys((Failure.CREDENTIALS, Failure.TLS, Failure.NOT_ALLOWED), (900.0, 6 * 3600.0))

_WORDS = {
    Failure.NOT_ALLOWED: ("not allowed", "only the host and port of the account may be"),
    Failure.UNREACHABLE: ("no connection to the server", "check host, port and the network"),
    Failure.TIMEOUT: ("no answer from the server", "it is tried again"),
    Failure.TLS: (
        "the server does not prove who it is",
        "check host and certificate; for a certificate of your own set ca_file or pin",
    ),
    Failure.CREDENTIALS: (
        "sign-in refused",
        "check user and password; some providers want an app password. Then: strongroom mail sync",
    ),
    Failure.FOLDER: ("a folder cannot be read", "it is tried again"),
    Failure.CLOSED: ("connection lost", "it is tried again"),
    Failure.PROTOCOL: ("the server does not speak as a mail server must", "check host and port"),
}

log = logging.getLogger("strongroom.mail")


class FolderStatus(Record, frozen=True, kw_only=True):
    """How far one folder is."""

    name: str
    on_server: int
    stored: int
    to_fetch: int
    refused: int
    trouble: str | None


class AccountStatus(Record, frozen=True, kw_only=True):
    """How one account stands."""

    name: str
    state: AccountState
    since: float  # UTC seconds since the epoch
    address: str | None  # that the connection was really made to
    folders: tuple[FolderStatus, ...]
    stored: int
    to_fetch: int
    rate: float  # messages stored in a second, lately
    eta_s: float | None
    trouble: str | None  # and what to do about it
    next_try_in_s: float | None


class Mailboxes:
    """All mail accounts.

    Args:
        accounts: what `strongroom.toml` says now; asked at the start and by `reload`.
        connect: gives the core's end of the wire to a new connector for the account of this name; raises
            ConnectorRefused.
    """

    def __init__(
        self,
        vault: Vault,
        intake: Intake,
        limits: Limits,
        accounts: Callable[[], Sequence[MailAccount]],
        connect: Callable[[str], socket.socket],
    ) -> None:
        self._vault = vault
        self._intake = intake
        self._limits = limits
        self._accounts = accounts
        self._connect = connect
        self._lock = threading.Lock()
        self._workers: dict[str, _Worker] = {}
        self._runs = False

    def run(self, stop: threading.Event) -> None:
        """Keep all accounts going until `stop` is set."""
        self._runs = True
        try:
            self.reload()
            stop.wait()
        finally:
            with self._lock:
                self._runs = False
                _end(list(self._workers.values()))
                self._workers.clear()

    def reload(self) -> None:
        """Take over what the settings say: start new accounts, end those that went, restart what changed."""
        wanted = {account.name: account for account in self._accounts()}
        with self._lock:
            if not self._runs:
                return
            over = [one for name, one in self._workers.items() if wanted.get(name) != one.account]
            _end(over)
            for worker in over:
                del self._workers[worker.account.name]
            for name, account in wanted.items():
                if name not in self._workers:
                    self._workers[name] = _Worker(
                        account, self._vault, self._intake, self._limits, self._connect
                    )
                    self._workers[name].start()

    def sync(self, account: str) -> None:
        """Look for news now, also if the next try is long off.

        Raises:
            AccountError: there is no such account.
        """
        self._worker(account).hurry()

    def status(self) -> list[AccountStatus]:
        """How each account stands, by name."""
        with self._lock:
            workers = sorted(self._workers.items())
        return [worker.status() for _, worker in workers]

    def reconcile(self, account: str) -> list[FolderBalance]:
        """List every folder anew, fetch what has just arrived, and account for every message.

        Raises:
            AccountError: there is no such account.
            MailError: the server cannot be asked now.
        """
        return self._worker(account).reconcile()

    def _worker(self, account: str) -> _Worker:
        with self._lock:
            worker = self._workers.get(account)
        if worker is None:
            raise AccountError("there is no mail account of this name", remedy="see: strongroom mail list")
        return worker


class _Worker:
    """One account and its thread."""

    def __init__(
        self,
        account: MailAccount,
        vault: Vault,
        intake: Intake,
        limits: Limits,
        connect: Callable[[str], socket.socket],
    ) -> None:
        self.account = account
        self._vault = vault
        self._intake = intake
        self._limits = limits
        self._connect = connect
        self._source = MailboxSource(account, vault.catalog, limits, self._sign_in)
        self._stop = threading.Event()
        self._wake = threading.Event()  # ends a pause
        self._remote: ConnectorRemote | None = None
        self._address: str | None = None
        self._sent = Private(b"")  # the secret that the server has heard, and may repeat
        self._trouble: str | None = None
        self._next_try = 0.0
        self._thread = threading.Thread(target=self._run, name=f"mail:{account.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end at once: whatever is under way is fetched again another time."""
        self._stop.set()
        self._wake.set()
        self._source.hurry()
        if (remote := self._remote) is not None:
            remote.abort()

    def join(self, patience_s: float) -> None:
        self._thread.join(patience_s)
        if self._thread.is_alive():
            log.warning("mail account %s did not end in time", self.account.name)

    def hurry(self) -> None:
        """Whoever looks from now on must not see the calm from before."""
        if self._source.state is AccountState.WAITING:
            self._source.enter(AccountState.CONNECTING)
        elif self._source.state is AccountState.IDLE:
            self._source.enter(AccountState.LISTING)
        self._source.hurry()
        self._wake.set()

    def reconcile(self) -> list[FolderBalance]:
        answer = self._source.reconcile()
        self.hurry()
        try:
            return answer.result(_RECONCILE_S)
        except NoAnswer:
            raise MailError("the server takes too long", item=self.account.name, remedy="try again") from None

    def status(self) -> AccountStatus:
        folders = tuple(
            FolderStatus(
                name=cursor.name,
                on_server=len(cursor.listed or ()),
                stored=cursor.stored,
                to_fetch=len(cursor.waiting),
                refused=len(cursor.refused),
                trouble=cursor.trouble,
            )
            for cursor in sorted(self._source.cursors.copy().values(), key=lambda cursor: cursor.name)
        )
        to_fetch, rate = sum(folder.to_fetch for folder in folders), self._source.rate()
        state, trouble = self._source.state, self._trouble
        if state not in (AccountState.WAITING, AccountState.STOPPED) and self._intake.paused is not None:
            state, trouble = AccountState.PAUSED, self._intake.paused
        waits = state is AccountState.WAITING
        return AccountStatus(
            name=self.account.name,
            state=state,
            since=self._source.since,
            address=self._address,
            folders=folders,
            stored=sum(folder.stored for folder in folders),
            to_fetch=to_fetch,
            rate=rate,
            eta_s=to_fetch / rate if to_fetch and rate else None,
            trouble=trouble,
            next_try_in_s=max(0.0, self._next_try - time.monotonic()) if waits else None,
        )

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began, before = time.monotonic(), self._source.taken
            self._wake.clear()
            try:
                self._source.enter(AccountState.CONNECTING)
                self._intake.run(self._source, self._stop)
            except StrongroomError as error:
                failure: Exception = error
            except Exception as error:  # noqa: BLE001 the rim of a thread: nothing above could handle it
                failure = MailError(f"{type(error).__name__}: this is a fault of Strongroom's own")
            else:
                failure = MailError("the service stops")
            self._hang_up()
            if not self._stop.is_set():
                lasted = time.monotonic() - began > _HEALTHY_S or self._source.taken > before
                failures = 1 if lasted else failures + 1
                self._suffer(failure, failures)
            self._source.fail(MailError(self._trouble or str(failure), item=self.account.name))
            if not self._stop.is_set():
                self._wake.wait(self._next_try - time.monotonic())
        self._source.enter(AccountState.STOPPED)

    def _sign_in(self) -> Remote:
        request = self._request()
        remote = self._remote = ConnectorRemote(self._connect(self.account.name))
        if self._stop.is_set():
            remote.abort()
        self._address = remote.sign_in(request).address
        if self._trouble is not None:
            log.info("mail account %s: connected again", self.account.name)
        self._trouble = None
        self._source.enter(AccountState.LISTING)
        return remote

    def _request(self) -> SignIn:
        account = self.account
        ca = _read(account.ca_file, _CA_BYTES) if account.ca_file else None
        secret = self._sent = self._secret()
        return SignIn(
            host=account.host,
            user=account.user,
            secret=secret.reveal(),
            security=account.security,
            authentication=account.authentication,
            pin=account.pin,
            ca=ca,
        )

    def _secret(self) -> Private[bytes]:
        """Read anew each time: the file may have been refreshed, the password changed."""
        if (path := self.account.token_file or self.account.password_file) is not None:
            secret = _read(path, _SECRET_BYTES).strip(b"\r\n")
            if not secret:
                raise MailError("the file of its password is empty", item=path)
            return Private(secret)
        kept = self._vault.catalog.mail_secret(self.account.name)
        if kept is None:
            raise MailError(
                "its password is not known",
                remedy="remove the account and add it again, or set password_file",
            )
        return kept

    def _hang_up(self) -> None:
        remote, self._remote, self._address = self._remote, None, None
        if remote is not None:
            remote.close()

    def _suffer(self, error: Exception, failures: int) -> None:
        """Say what went wrong, once, and when to try again."""
        first, longest = _PAUSE
        what = str(error)
        if isinstance(error, RemoteFailed):
            first, longest = _PAUSES.get(error.failure, _PAUSE)
            what = _explained(error.failure, _without(self._sent.reveal(), error.what))
        pause = min(first * 2.0 ** min(failures - 1, 20), longest) * random.uniform(0.75, 1.25)
        self._next_try = time.monotonic() + pause
        if what != self._trouble:
            # What a server says may quote a message; the owner reads it in the account's status.
            kind = error.failure if isinstance(error, RemoteFailed) else type(error).__name__
            log.warning("mail account %s: %s", self.account.name, kind)
        self._trouble = what
        self._source.enter(AccountState.WAITING)


def _end(workers: Sequence[_Worker]) -> None:
    """Ask all to end, then wait for each."""
    for worker in workers:
        worker.stop()
    deadline = time.monotonic() + _JOIN_S
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))


def _explained(failure: Failure, said: str) -> str:
    words, remedy = _WORDS[failure]
    said = f": {said}" if said else ""
    return f"{words}{said} ({remedy})"


def _without(secret: bytes, what: str) -> str:
    """What a server said, unless it repeats the password: then nothing."""
    forms = (secret, base64.b64encode(secret), base64.b64encode(secret)[:-4])
    texts = [form.decode("utf-8", "replace") for form in forms if len(form) > 2]
    return "" if any(text in what for text in texts) else what


def _read(path: str, most: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise MailError(f"cannot be read: {error.strerror}", item=path) from error
    if len(content) > most:
        raise MailError(f"is larger than {most} bytes", item=path)
    return content
