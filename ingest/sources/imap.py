"""One mail account as a source: asks the server, offers what is new, says what the server had.

What to ask is decided in `ingest/mail/cursor.py`, how the server is reached in `ingest/sources/remote.py`,
when to try again after the connection failed in `ingest/mail/accounts.py`.

What a kill leaves needs no repair, by the order of things: a message's place is written with its item; what
vanished is let go before the folder's state is saved; and only what the saved state counts is ever fetched
after it. So the ledger never has more of a folder than was there when its state was saved.
"""

from __future__ import annotations

import collections
import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from ingest.connector.messages import Failure, Fetched, Opened
from ingest.errors import NotWhole, RemoteFailed, SourceError
from ingest.mail.account import MailAccount, same_folder
from ingest.mail.cursor import TOO_LARGE, Cursor, FolderBalance, Look, choose, judge, settle
from ingest.mail.ledger import MailLedger
from ingest.source import Arrival, Batch, Departure, Document, News, offered
from ingest.sources.remote import Remote, Slices
from policy.limits import KIB, MIB, Limits
from store.catalog import Catalog
from store.mailboxes import Refusal, mail_locator, mail_source
from store.records import Origin

SMALL_BYTES = 128 * KIB  # smaller messages come in batches, and larger ones alone, in slices
SLICE_BYTES = MIB
POLL_S = 180.0  # between two looks at a folder
BUSY_LOOK_S = 5.0  # at the folder where mail arrives, while others are being fetched
_FOLDERS_S = 600.0  # between two listings of the folders
_WHOLE_S = 86_400.0  # between two listings of everything in a folder, whatever the server says
_RATE_S = 60.0
_CALM_FIRST_S, _CALM_MOST_S = 0.1, 30.0  # pauses when the server says again and again that something changed


class AccountState(StrEnum):
    """What an account is doing."""

    CONNECTING = "connecting"
    LISTING = "listing"
    FETCHING = "fetching"
    IDLE = "idle"  # everything is here; waits for news
    PAUSED = "paused"  # the disk is full
    WAITING = "waiting"  # after a failure, until the next try
    STOPPED = "stopped"


@dataclass(frozen=True)
class _Seen:
    """What was learned of a folder."""

    opened: Opened
    known: AbstractSet[int]  # before
    refused: dict[int, Refusal]  # of these, when the folder is seen for the first time
    present: AbstractSet[int]  # on the server
    whole: bool  # False: the server contradicts itself, so nothing is said to be gone


class MailboxSource:
    """See Source. Used by one thread, but for `hurry`, `reconcile` and what the status shows.

    Args:
        connect: makes a signed-in connection; called at the beginning of `arrivals`. That raises RemoteFailed
            when the connection is over, and may then be called again.
    """

    def __init__(
        self, account: MailAccount, catalog: Catalog, limits: Limits, connect: Callable[[], Remote]
    ) -> None:
        self.name = mail_source(account.name)
        self.cursors: dict[str, Cursor] = {}
        self.taken = 0  # messages, since the start
        self.state, self.since = AccountState.CONNECTING, time.time()
        self._account = account
        self._ledger = MailLedger(catalog, account.name)
        self._limits = limits
        self._connect = connect
        self._remote: Remote | None = None
        self._stop = threading.Event()
        self._home: Cursor | None = None  # where mail arrives
        self._opened: Cursor | None = None
        self._prepared: tuple[Cursor, tuple[int, ...]] | None = None
        self._just_looked = False
        self._is_quiet = False  # home was looked at, and nothing happened since
        self._folders_at = 0.0
        self._calm_s = 0.0
        self._offered: dict[str, tuple[Cursor, int]] = {}  # locator -> folder, UID
        self._large: Fetched | None = None  # the beginning of the message that is being offered
        self._reasons: dict[int, tuple[str, str]] = {}  # UID -> why it cannot be stored
        self._undone: set[int] = set()  # departures that could not be written down
        self._broken: RemoteFailed | None = None
        self._hurry = threading.Event()
        self._asked: collections.deque[Future[list[FolderBalance]]] = collections.deque()
        self._owed: list[Future[list[FolderBalance]]] = []  # asked for before everything was listed anew
        self._done: collections.deque[tuple[float, int]] = collections.deque()

    def enter(self, state: AccountState) -> None:
        """Say what is being done from now on."""
        if state is not self.state:
            self.state, self.since = state, time.time()

    # ------------------------------------------------------------------------------------ from other threads

    def hurry(self) -> None:
        """Look at everything now."""
        self._hurry.set()
        if (remote := self._remote) is not None:
            remote.wake()

    def reconcile(self) -> Future[list[FolderBalance]]:
        """List everything anew and account for it."""
        future: Future[list[FolderBalance]] = Future()
        self._asked.append(future)
        self.hurry()
        return future

    def fail(self, error: Exception) -> None:
        """What was asked is not answered now. By the thread of `arrivals`, after its end."""
        self._take_questions()
        while self._owed:
            self._owed.pop().set_exception(error)

    def rate(self) -> float:
        """Messages stored in a second, lately."""
        now, done = time.monotonic(), list(self._done)
        lately = [(at, count) for at, count in done if at > now - _RATE_S]
        return sum(count for _, count in lately) / max(1.0, now - lately[0][0]) if lately else 0.0

    # ------------------------------------------------------------------------------------------- the protocol

    def arrivals(self, stop: threading.Event) -> Iterator[News]:
        """See Source.

        Raises:
            RemoteFailed: the connection could not be made, or is over.
        """
        self._stop = stop
        self._begin()
        self._remote = remote = self._connect()
        try:
            while not stop.is_set():
                if self._hurry.is_set():
                    self._look_at_all()
                yield from self._step(remote)
        finally:
            if self._remote is remote:
                self._remote = None

    def open(self, arrival: Arrival) -> BinaryIO:
        """See Source: a large message, slice by slice."""
        message = self._large
        assert message is not None, "it is opened before the next step"
        slices = Slices(message.content or b"", lambda at: self._slice(message, at))
        return io.BufferedReader(slices, SLICE_BYTES)

    def acknowledge(self, news: News) -> None:
        """See Source."""
        if isinstance(news, Departure):
            return
        by_folder: dict[str, list[int]] = {}
        for origin in offered(news):
            cursor, uid = self._offered.pop(origin.locator)
            by_folder.setdefault(cursor.name, []).append(uid)
        for name, uids in by_folder.items():
            cursor = self.cursors[name]
            self._ledger.clear(cursor, cursor.keep(uids))
            self._done.append((time.monotonic(), len(uids)))
            self.taken += len(uids)
        while self._done and self._done[0][0] < time.monotonic() - _RATE_S:
            self._done.popleft()

    def defer(self, news: News) -> None:
        """See Source. Which messages are not stored, and why, is written down."""
        if isinstance(news, Departure):
            self._undone.add(self._offered[news.locator][1])
            return
        for origin in offered(news):
            cursor, uid = self._offered.pop(origin.locator)
            if self._broken is not None:
                self._blame(cursor, (uid,))
                continue
            reason, detail = self._reasons.pop(uid, ("NOT_STORED", "it could not be stored"))
            self._ledger.refuse(cursor, uid, reason, detail)

    # ------------------------------------------------------------------------------------------------- steps

    def _begin(self) -> None:
        """Whatever was under way is forgotten; the ledger knows what came of it."""
        self._ledger.load()
        for cursor in self.cursors.values():
            cursor.renew()
        self._opened = self._prepared = self._broken = None
        self._offered.clear()
        self._large = None
        self._calm_s = 0.0
        self._look_at_all()

    def _look_at_all(self) -> None:
        self._hurry.clear()
        self._take_questions()
        self._folders_at = 0.0
        for cursor in self.cursors.values():
            cursor.look_at = 0.0
            if self._owed:
                cursor.list_at = 0.0

    def _take_questions(self) -> None:
        while self._asked:
            self._owed.append(self._asked.popleft())

    def _step(self, remote: Remote) -> Iterator[News]:
        now = time.monotonic()
        if self._prepared is not None:
            cursor, uids = self._prepared
            self._prepared = None
            yield from self._fetch(remote, cursor, uids)
        elif now >= self._folders_at:
            self._list_folders(remote)
        elif (cursor_due := self._due(now)) is not None:
            yield from self._look(remote, cursor_due)
        elif (cursor_next := self._next()) is not None:
            if cursor_next is not self._opened:
                yield from self._look(remote, cursor_next)
            else:
                uids = cursor_next.peek()
                cursor_next.take(uids)
                yield from self._fetch(remote, cursor_next, uids)
        elif self._owed:
            balances = [self._ledger.balance(one) for _, one in sorted(self.cursors.items())]
            self._owed.pop().set_result(balances)
        else:
            self._wait(remote, now)

    def _due(self, now: float) -> Cursor | None:
        """The folder to look at now: home first, the others in between of what is fetched."""
        if self._home is not None and self._home.look_at <= now:
            return self._home
        if self._just_looked and not self._owed and any(one.waiting for one in self.cursors.values()):
            return None
        due = [cursor for cursor in self.cursors.values() if cursor.look_at <= now]
        return min(due, key=lambda cursor: cursor.look_at, default=None)

    def _next(self) -> Cursor | None:
        """The folder to fetch from now. Who asked for a balance need not wait for ten years of history."""
        for cursor in self.cursors.values():
            cursor.revive(time.time())
        home = self._home.name if self._home else None
        chosen = choose(self.cursors.values(), home)
        return None if self._owed and chosen is not None and not chosen.is_fresh else chosen

    # ----------------------------------------------------------------------------------------------- folders

    def _list_folders(self, remote: Remote) -> None:
        folders = remote.list_folders()
        if not folders:
            raise RemoteFailed(Failure.PROTOCOL, "the server lists no folder, not even the inbox")
        listed = {folder.name for folder in folders}
        selected = {folder.name for folder in folders if self._account.selects(folder)}
        for name in sorted((self.cursors.keys() | self._ledger.states.keys()) - selected):
            if name not in listed and self._opens(remote, name):
                selected.add(name)  # hidden, or a listing that was cut short
                continue
            self.cursors.pop(name, None)
            self._ledger.forget(name)
        for name in sorted(selected - self.cursors.keys()):
            self.cursors[name] = Cursor(name, list_at=time.monotonic() + _WHOLE_S)
        inbox = (cursor for name, cursor in self.cursors.items() if same_folder(name, "INBOX"))
        self._home = next(inbox, next(iter(self.cursors.values()), None))
        self._folders_at = time.monotonic() + _FOLDERS_S

    def _opens(self, remote: Remote, name: str) -> bool:
        self._opened = None
        try:
            remote.examine(name)
        except RemoteFailed as error:
            if error.failure is not Failure.FOLDER:
                raise
            return False
        return True

    def _look(self, remote: Remote, cursor: Cursor) -> Iterator[News]:
        """Bring what is known of a folder up to date; what vanished is told."""
        self.enter(AccountState.LISTING)
        self._just_looked, self._is_quiet = True, False
        try:
            seen = self._see(remote, cursor)
        except RemoteFailed as error:
            if error.failure is not Failure.FOLDER:
                raise
            self._opened = None
            cursor.renew()
            cursor.trouble = error.what
            cursor.look_at = time.monotonic() + POLL_S
            return
        gone = seen.known - seen.present
        self._undone.clear()
        for uid in sorted(gone):
            yield Departure(locator=self._place(cursor, uid))
        self._offered.clear()
        self._ledger.clear(cursor, gone - self._undone)
        first = cursor.listed is None
        changed = first or bool(gone) or len(seen.present) != len(seen.known)
        if changed:
            self._absorb(cursor, seen, seen.present | self._undone)
        self._ledger.save(cursor, seen.opened, whole=seen.whole and not self._undone)
        self._is_quiet = cursor is self._home
        cursor.look_at = time.monotonic() + (BUSY_LOOK_S if cursor is self._home else POLL_S)
        if changed and not first:
            self._calm_s = 0.0

    def _see(self, remote: Remote, cursor: Cursor) -> _Seen:
        """Open a folder and learn what is in it."""
        state = self._ledger.states.get(cursor.name)
        numbers = (state.uidvalidity, state.modseq) if state else (None, None)
        self._opened = None
        opened = remote.examine(cursor.name, *numbers)
        self._opened = cursor
        if opened.uidvalidity != cursor.uidvalidity:
            cursor.renew(opened.uidvalidity)
        if opened.uidvalidity != numbers[0]:
            self._ledger.release(cursor)
        known, refused = cursor.listed, dict[int, Refusal]()
        if known is None:
            known, refused = self._ledger.known(cursor)
        look = judge(state, known, opened) if time.monotonic() < cursor.list_at else Look()
        listed = remote.list_uids(look.first) if look.first is not None else []
        present = settle(known, look, listed, opened.exists)
        if present is None:  # or something happened between the two answers
            look, opened = Look(), remote.examine(cursor.name)
            if opened.uidvalidity != cursor.uidvalidity:
                raise RemoteFailed(Failure.FOLDER, "the server changes the folder's UIDVALIDITY all the time")
            listed = remote.list_uids(1)
            present = settle(known, look, listed, opened.exists)
        if present is None:
            cursor.trouble = "the server lists fewer messages than it counts"
            return _Seen(opened, known, refused, known | set(listed), whole=False)
        if look.first == 1:
            cursor.list_at = time.monotonic() + _WHOLE_S
        cursor.trouble = None
        return _Seen(opened, known, refused, present, whole=True)

    def _absorb(self, cursor: Cursor, seen: _Seen, present: AbstractSet[int]) -> None:
        stored = seen.known - seen.refused.keys() if cursor.listed is None else frozenset[int]()
        new = present - (cursor.listed or frozenset()) - stored
        cursor.absorb(present, stored, seen.refused, self._ledger.deleted(cursor, new))

    # ---------------------------------------------------------------------------------------------- messages

    def _fetch(self, remote: Remote, cursor: Cursor, uids: tuple[int, ...]) -> Iterator[News]:
        self.enter(AccountState.FETCHING)
        self._just_looked = self._is_quiet = False
        try:
            answered = {message.uid: message for message in remote.fetch(uids, SMALL_BYTES)}
        except RemoteFailed as error:
            self._blame(cursor, uids)
            if error.failure is not Failure.FOLDER:
                raise
            self._opened = None  # the folder may have gone: look again
            cursor.renew()
            cursor.look_at = time.monotonic() + BUSY_LOOK_S
            return
        cursor.grow()
        documents, large = list[Document](), list[Fetched]()
        for uid in uids:
            message = answered.get(uid)
            if message is None:
                self._ledger.refuse(cursor, uid, "NOT_ANSWERED", "the server does not answer for it")
            elif message.content is None:
                self._ledger.refuse(cursor, uid, "NO_BODY", "the server answers without the message")
            elif len(message.content) > self._limits.item_bytes:
                self._refuse_large(cursor, uid)
            elif len(message.content) < SMALL_BYTES:
                origin = self._origin(cursor, uid, len(message.content))
                documents.append(Document(origin, message.content))
            else:
                large.append(message)
        if not large:
            self._prepare(remote, cursor)
        if documents:
            yield Batch(tuple(documents))
        for message in large:
            yield from self._offer(remote, cursor, message)

    def _prepare(self, remote: Remote, cursor: Cursor) -> None:
        """Let the connector fetch the next batch while this one is stored, if that is what will come next."""
        now = time.monotonic()
        if self._hurry.is_set() or now >= self._folders_at or self._due(now) or self._next() is not cursor:
            return
        uids = cursor.peek()
        cursor.take(uids)
        remote.prepare(uids, SMALL_BYTES)
        self._prepared = (cursor, uids)

    def _offer(self, remote: Remote, cursor: Cursor, message: Fetched) -> Iterator[News]:
        """A message that is fetched in slices, unless it is too large, which is not taken on trust."""
        uid, most = message.uid, self._limits.item_bytes
        try:
            too_large = (message.size or 0) > most and remote.fetch_slice(uid, most, 1)
        except RemoteFailed:
            self._blame(cursor, (uid,))
            raise
        if too_large:
            self._refuse_large(cursor, uid)
            return
        self._large = message
        yield Arrival(origin=self._origin(cursor, uid, None))
        self._large = None
        if self._broken is not None:
            raise self._broken

    def _slice(self, message: Fetched, at: int) -> bytes:
        """A stretch of the message that is being stored; empty at its end.

        Raises:
            SourceError: what there is of it must not be stored.
        """
        assert self._remote is not None, "it is read between two steps"
        most = self._limits.item_bytes
        try:
            content = self._remote.fetch_slice(message.uid, at, SLICE_BYTES)
        except RemoteFailed as error:
            self._broken = error
            raise NotWhole("the connection broke in the middle of a message") from error
        if content is None and at < (message.size or 0):
            self._reasons[message.uid] = ("NO_BODY", "the server stops in the middle of the message")
            raise SourceError("the server stops in the middle of a message")
        content = content or b""  # some servers have nothing instead of an empty end
        if at + len(content) > most:
            self._reasons[message.uid] = (TOO_LARGE, f"more than {most} bytes")
            raise SourceError(f"it is larger than the limit of {most} bytes")
        return content

    def _refuse_large(self, cursor: Cursor, uid: int) -> None:
        self._ledger.refuse(cursor, uid, TOO_LARGE, f"more than {self._limits.item_bytes} bytes")

    def _blame(self, cursor: Cursor, uids: Sequence[int]) -> None:
        """The connection broke over these; the next time they come fewer at a time, to find the one."""
        if not self._stop.is_set() and (uid := cursor.blame(uids)) is not None:
            self._ledger.refuse(cursor, uid, "FAILS", "the connection breaks whenever it is fetched")

    # --------------------------------------------------------------------------------------------------- rest

    def _wait(self, remote: Remote, now: float) -> None:
        """Wait for mail at home; before, look whether any came while we were elsewhere."""
        home = self._home
        if home is None:
            self.enter(AccountState.IDLE)
            self._pause(POLL_S)
            return
        if not (self._is_quiet and self._opened is home) and home.trouble is None:
            home.look_at = 0.0
            return
        self.enter(AccountState.IDLE)
        if self._calm_s:
            self._pause(self._calm_s)
        others = [cursor.look_at for cursor in self.cursors.values() if cursor is not home]
        retries = [at - time.time() for cursor in self.cursors.values() for at in cursor.retries.values()]
        seconds = max(1.0, min([POLL_S, self._folders_at - now, *(at - now for at in others), *retries]))
        if self._opened is not home:  # it cannot be opened now
            self._pause(seconds)
            return
        begun = time.monotonic()
        if remote.idle(seconds):
            home.look_at = 0.0
        ended_early = time.monotonic() < begun + min(seconds, 1.0)
        self._calm_s = min(max(self._calm_s * 2, _CALM_FIRST_S), _CALM_MOST_S) if ended_early else 0.0

    def _pause(self, seconds: float) -> None:
        self._hurry.wait(seconds)

    def _origin(self, cursor: Cursor, uid: int, size: int | None) -> Origin:
        return Origin(source=self.name, locator=self._place(cursor, uid), name=f"{uid}.eml", size=size)

    def _place(self, cursor: Cursor, uid: int) -> str:
        locator = mail_locator(cursor.name, cursor.uidvalidity, uid)
        self._offered[locator] = (cursor, uid)
        return locator
