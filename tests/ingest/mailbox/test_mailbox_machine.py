"""Any order of arrivals, removals, moves, new UIDs, faults and restarts ends in what is on the server."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ingest.connector.messages import Failure, Fetched
from ingest.errors import RemoteFailed
from ingest.intake import Intake
from ingest.mail.account import MailAccount
from ingest.source import Batch, News
from ingest.sources.imap import MailboxSource
from store.vault import Vault
from tests.support.homes import LIMITS, make_home, open_vault
from tests.support.mail_server import MemoryRemote, MemoryServer, told_place

ACCOUNT = MailAccount(name="m", host="localhost", user="u")
FOLDERS = ("INBOX", "Archive", "Lists/a;b é")
TEXTS = 12  # that a message may have: few, so that the same one lies in several places

# What happens on the server: most of it to single messages, which are named by a number, and a folder.
KINDS = ("deliver", "remove", "copy", "move") * 2 + ("renumber", "lose")
changes = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 1000), st.sampled_from(FOLDERS)), min_size=1, max_size=6
)


def text(number: int) -> bytes:
    return f"Subject: {number}\n\n{'x' * number * 20}".encode()


class Killed(BaseException):
    """The process ended here."""


class Watched:
    """A source as the intake sees it; notes what was stored, and can be killed at the n-th step."""

    def __init__(self, source: MailboxSource, fetched: set[bytes], kill_after: int | None) -> None:
        self.name = source.name
        self.open, self.defer = source.open, source.defer
        self._source = source
        self._fetched = fetched
        self._left = -1 if kill_after is None else kill_after

    def arrivals(self, stop: threading.Event) -> Iterator[News]:
        for news in self._source.arrivals(stop):
            self._step()
            yield news

    def acknowledge(self, news: News) -> None:
        if isinstance(news, Batch):
            self._fetched |= {one.content for one in news.documents}
        self._step()
        self._source.acknowledge(news)

    def _step(self) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1


class Mailbox(RuleBasedStateMachine):
    """A server, a store, and a source between them that is started, broken and killed at will."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.vault: Vault = open_vault(make_home(self.folder / "home"))
        self.source: MailboxSource | None = None
        self.fetched: set[bytes] = set()
        self.meanwhile: list[list[tuple[str, int, str]]] = []
        self.stop = threading.Event()

    @initialize(qresync=st.booleans(), uidnext=st.booleans())
    def begin(self, qresync: bool, uidnext: bool) -> None:
        self.server = MemoryServer(qresync=qresync, uidnext=uidnext)
        for folder in FOLDERS:
            self.server.create(folder)
            for number in range(8):
                self.server.deliver(text(number), folder)

    @rule(changes=changes)
    def change(self, changes: list[tuple[str, int, str]]) -> None:
        """Something happens on the server while we are not there."""
        for kind, number, folder in changes:
            self._change(kind, number, folder)

    def _change(self, kind: str, number: int, folder: str) -> None:
        if folder not in self.server.boxes:
            self.server.create(folder)
        places = sorted((folder, uid) for folder, _, uid in self.server.holds())
        if kind == "deliver":
            self.server.deliver(text(number % TEXTS), folder)
        elif kind == "renumber":
            self.server.renumber(folder)
        elif kind == "lose":
            self._lose(folder, number)
        elif places:
            source, uid = places[number % len(places)]
            if kind == "remove":
                self.server.remove(uid, source)
            else:
                getattr(self.server, kind)(uid, source, folder)

    def _lose(self, folder: str, number: int) -> None:
        if folder == "INBOX":
            return
        if number % 2 and "Renamed" not in self.server.boxes:
            self.server.rename(folder, "Renamed")
        else:
            self.server.drop(folder)

    @rule(meanwhile=st.lists(changes, max_size=3))
    def sync(self, meanwhile: list[list[tuple[str, int, str]]]) -> None:
        """All goes well: at once everything is as on the server, also what happens while we wait."""
        self.meanwhile = meanwhile
        self._sync()
        assert not self.meanwhile
        self._is_complete()

    @rule(after=st.integers(0, 12), failure=st.sampled_from(sorted(Failure)))
    def sync_with_a_failure(self, after: int, failure: Failure) -> None:
        left = [after]

        def fault(call: str, answer: object) -> object:
            left[0] -= 1
            if left[0] == -1:
                raise RemoteFailed(failure, "as the test wants it")
            return answer

        self.server.fault = fault
        self._sync()

    @rule(after=st.integers(0, 12), keep=st.integers(0, 3))
    def sync_with_a_lie(self, after: int, keep: int) -> None:
        """One answer is cut short: a listing without some messages, a fetch without some, or no bodies."""
        left = [after]

        def fault(call: str, answer: object) -> object:
            left[0] -= 1
            if left[0] < 0 and isinstance(answer, list) and call in ("list_uids", "fetch"):
                left[0] = 1 << 30
                if keep == 3:
                    return [Fetched(uid=one.uid, content=None) if call == "fetch" else one for one in answer]
                return answer[:keep]
            return answer

        self.server.fault = fault
        self._sync()

    @rule(after=st.integers(0, 4))
    def kill(self, after: int) -> None:
        """The core ends and starts: what is not in the store is forgotten."""
        self._sync(kill_after=after)
        self.vault.close()
        self.vault, self.source = open_vault(self.folder / "home"), None

    @rule()
    def sync_later(self) -> None:
        """When all is well at last, nothing is left out."""
        for folder, box in self.server.boxes.items():  # it is time to try again what was refused
            where = ("m", folder, box.uidvalidity)
            for refusal in self.vault.catalog.mail_refused(*where).values():
                self.vault.catalog.refuse_mail(*where, msgspec.structs.replace(refusal, at=0.0))
        self.source = None
        self._sync()
        self._is_complete()
        assert not self._refused()

    @invariant()
    def nothing_is_stored_twice_or_lost(self) -> None:
        assert self.vault.catalog.count() == len(self.fetched)

    # parts

    def _sync(self, kill_after: int | None = None) -> None:
        """Run until it waits for news, or fails, or is killed."""
        if self.source is None:
            self.source = Hasty(ACCOUNT, self.vault.catalog, LIMITS, self._connect)
        self.stop = threading.Event()
        watched = Watched(self.source, self.fetched, kill_after)
        try:
            Intake(self.vault, LIMITS).run(watched, self.stop)
        except (RemoteFailed, Killed):
            pass
        finally:
            self.server.fault = lambda call, answer: answer

    def _connect(self) -> MemoryRemote:
        return Waiting(self)

    def news(self) -> bool:
        """We wait for news: something happens, or the sync ends."""
        if self.meanwhile:
            self.change(self.meanwhile.pop())
            assert self.source is not None
            self.source.hurry()
            return True
        self.stop.set()
        return False

    def _is_complete(self) -> None:
        places = self.vault.catalog.places("mail:m")
        stored = {}
        for item, origin in places:
            with open(self.vault.original(item), "rb") as original:
                stored[told_place(origin.locator)] = original.read()
        expected = self.server.holds()
        refused = self._refused()
        assert stored == {place: content for place, content in expected.items() if place not in refused}

    def _refused(self) -> set[tuple[str, int, int]]:
        return {
            (folder, box.uidvalidity, uid)
            for folder, box in self.server.boxes.items()
            for uid in self.vault.catalog.mail_refused("m", folder, box.uidvalidity)
        }

    def teardown(self) -> None:
        self.vault.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Hasty(MailboxSource):
    """A source that takes no breath, and ends where it would wait for long."""

    def _pause(self, seconds: float) -> None:
        if seconds >= 1.0:
            self._stop.set()


class Waiting(MemoryRemote):
    """A connection on which nobody waits: the next thing happens, or the sync ends."""

    def __init__(self, machine: Mailbox) -> None:
        super().__init__(machine.server)
        self._machine = machine

    def idle(self, seconds: float) -> bool:
        return self._machine.news()


QUICK = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_it_ends_in_what_is_on_the_server() -> None:
    run_state_machine_as_test(Mailbox, settings=QUICK)


@pytest.mark.nightly
def test_it_ends_in_what_is_on_the_server_however_long_it_goes_on() -> None:
    run_state_machine_as_test(Mailbox, settings=settings(QUICK, max_examples=200, stateful_step_count=50))
