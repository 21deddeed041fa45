"""One mailbox against a server in memory that lies, breaks and hides messages; and a wire that does."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from ingest.connector.messages import (
    REQUEST,
    Failed,
    Failure,
    Fetched,
    Folders,
    Messages,
    Opened,
    RemoteFolder,
    Reply,
    Request,
    Slice,
    Uids,
    Woken,
)
from ingest.errors import RemoteFailed
from ingest.intake import Intake
from ingest.mail.account import MailAccount
from ingest.sources import imap
from ingest.sources.imap import SLICE_BYTES, SMALL_BYTES, MailboxSource
from ingest.sources.remote import ConnectorRemote
from policy.limits import MIB, Limits
from policy.wire import Wire
from store.errors import DiskFault
from store.records import Origin
from store.vault import Stored, Vault
from tests.support.homes import LIMITS, throwaway_vault
from tests.support.mail_server import MemoryServer, told_place

ACCOUNT = MailAccount(name="m", host="localhost", user="u")
PATIENCE_S = 30.0

T = TypeVar("T")


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as vault:
        yield vault


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer()


def until(condition: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("waited in vain")


class Running:
    """A source on a thread that connects again whenever the connection is over."""

    def __init__(self, server: MemoryServer, vault: Vault, limits: Limits = LIMITS) -> None:
        self.source = MailboxSource(ACCOUNT, vault.catalog, limits, server.connect)
        self.failures: list[RemoteFailed] = []
        self._intake = Intake(vault, limits)
        self._server = server
        self._vault = vault
        self._stop = threading.Event()

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                self._intake.run(self.source, self._stop)
            except RemoteFailed as error:
                self.failures.append(error)

    def stop(self) -> None:
        self._stop.set()
        self.source.hurry()

    def settled(self) -> dict[tuple[str, int, int], bytes]:
        """What is stored once it waits for news."""
        until(
            lambda: self._server.idled.is_set() and not any(c.waiting for c in self.source.cursors.values())
        )
        return self.stored()

    def stored(self) -> dict[tuple[str, int, int], bytes]:
        found = {}
        for item, origin in self._vault.catalog.places("mail:m"):
            with open(self._vault.original(item), "rb") as original:
                found[told_place(origin.locator)] = original.read()
        return found


@contextlib.contextmanager
def running(server: MemoryServer, vault: Vault, limits: Limits = LIMITS) -> Iterator[Running]:
    it = Running(server, vault, limits)
    thread = threading.Thread(target=it.run)
    thread.start()
    try:
        yield it
    finally:
        it.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def fill(server: MemoryServer, count: int, folder: str = "INBOX") -> None:
    for n in range(count):
        server.deliver(f"Subject: {folder} {n}\n\ntext".encode(), folder)


def test_what_arrives_is_stored_while_history_still_comes_in(
    server: MemoryServer, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.create("Archive")
    fill(server, 2500, "Archive")
    fill(server, 300)
    come = threading.Event()

    def fault(call: str, answer: object) -> object:
        if call == "fetch" and len(server.asked) > 12 and not come.is_set():
            come.set()
            server.deliver(b"Subject: urgent\n\nnow", "INBOX")
        return answer

    server.fault = fault
    monkeypatch.setattr(imap, "BUSY_LOOK_S", 0.05)
    with running(server, vault) as it:
        assert it.settled() == server.holds()
    fetched = [about for call, about in server.asked if call == "fetch"]
    urgent = next(n for n, uids in enumerate(fetched) if uids == (301,))
    assert urgent < len(fetched) - 5, "it had to wait for the history"


def test_a_listing_that_is_suddenly_empty_takes_nothing_away(server: MemoryServer, vault: Vault) -> None:
    fill(server, 50)
    with running(server, vault) as it:
        assert len(it.settled()) == 50
        server.fault = lambda call, answer: [] if call == "list_uids" else answer
        (balance,) = it.source.reconcile().result(PATIENCE_S)
        assert balance.trouble is not None
        assert not balance.balanced
        assert len(it.stored()) == 50
        server.fault = lambda call, answer: answer
        server.remove(1)
        (balance,) = it.source.reconcile().result(PATIENCE_S)
        assert balance.balanced
        assert (balance.on_server, balance.gone) == (49, 1)


def test_messages_that_cannot_be_had_are_refused_one_by_one(server: MemoryServer, vault: Vault) -> None:
    """UID 3 has no body, 5 is not answered for, and whenever 7 is among them the server hangs up."""
    fill(server, 300)

    def fault(call: str, answer: object) -> object:
        if call == "fetch" and isinstance(answer, list):
            if any(one.uid == 7 for one in answer):
                raise RemoteFailed(Failure.CLOSED, "the server hung up")
            return [
                Fetched(uid=one.uid, content=None) if one.uid == 3 else one for one in answer if one.uid != 5
            ]
        return answer

    server.fault = fault
    with running(server, vault) as it:
        stored = until(lambda: len(it.settled()) == 297 and it.stored())
        assert {uid for _, _, uid in stored} == set(range(1, 301)) - {3, 5, 7}
        (balance,) = it.source.reconcile().result(PATIENCE_S)
        assert balance.refused == (3, 5, 7)
        assert balance.balanced
        assert len(it.failures) < 10
        refused = vault.catalog.mail_refused("m", "INBOX", server.boxes["INBOX"].uidvalidity)
        assert {uid: one.reason for uid, one in refused.items()} == {
            3: "NO_BODY", 5: "NOT_ANSWERED", 7: "FAILS",
        }  # fmt: skip


def test_large_messages_stream_and_one_that_breaks_off_comes_again_whole(
    server: MemoryServer, vault: Vault
) -> None:
    sizes = [
        SMALL_BYTES - 1,
        SMALL_BYTES,
        SMALL_BYTES + 1,
        SLICE_BYTES,
        SMALL_BYTES + 2 * SLICE_BYTES,
        5 * MIB,
    ]
    contents = [bytes([65 + n]) * size for n, size in enumerate([*sizes, 5 * MIB])]
    for content in contents:
        server.deliver(content)
    breaks = [3]

    def fault(call: str, answer: object) -> object:
        breaks[0] -= call == "fetch_slice"
        if not breaks[0]:
            breaks[0] = -1
            raise RemoteFailed(Failure.TIMEOUT, "in the middle of a message")
        return answer

    server.fault = fault
    with running(server, vault) as it:
        until(lambda: len(it.settled()) == len(contents))
        assert it.stored() == server.holds()
        assert len(it.failures) == 1
        assert vault.catalog.count() == len(contents)


def test_a_size_is_not_taken_on_trust(server: MemoryServer, vault: Vault) -> None:
    """One says it is too large and is not; one is, and does not say so."""
    limits = dataclasses.replace(LIMITS, item_bytes=2 * MIB)
    small, large = server.deliver(b"s" * MIB), server.deliver(b"l" * 3 * MIB)

    def fault(call: str, answer: object) -> object:
        if call == "fetch" and isinstance(answer, list):
            size = {small: 1 << 40, large: 10}
            return [Fetched(uid=one.uid, content=one.content, size=size[one.uid]) for one in answer]
        return answer

    server.fault = fault
    with running(server, vault, limits) as it:
        assert [uid for _, _, uid in it.settled()] == [small]
        (balance,) = it.source.reconcile().result(PATIENCE_S)
        assert balance.too_large == (large,)
        assert balance.balanced


def test_one_message_that_the_store_cannot_take_does_not_hold_up_the_others(
    server: MemoryServer, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, 40)
    put_many = vault.put_many

    def broken(documents: list[tuple[bytes, Origin]]) -> list[Stored]:
        if any(origin.locator.endswith("UID=9") for _, origin in documents):
            raise DiskFault("the disk refuses")
        return put_many(documents)

    monkeypatch.setattr(vault, "put_many", broken)
    with running(server, vault) as it:
        assert len(it.settled()) == 39
        (balance,) = it.source.reconcile().result(PATIENCE_S)
        assert balance.refused == (9,)


def test_a_folder_that_cannot_be_opened_is_told_and_keeps_what_it_had(
    server: MemoryServer, vault: Vault
) -> None:
    server.create("Shared")
    fill(server, 5, "Shared")
    with running(server, vault) as it:
        it.settled()

        def fault(call: str, answer: object) -> object:
            if call == "examine" and server.asked[-1][1] == "Shared":
                raise RemoteFailed(Failure.FOLDER, "permission denied")
            return answer

        server.fault = fault
        balances = {one.folder: one for one in it.source.reconcile().result(PATIENCE_S)}
        assert balances["Shared"].trouble == "permission denied"
        assert balances["INBOX"].balanced
        assert len(it.stored()) == 5


def test_a_server_that_cries_wolf_is_not_asked_without_pause(server: MemoryServer, vault: Vault) -> None:
    with running(server, vault) as it:
        it.settled()
        server.asked.clear()
        remote = it.source._remote
        assert remote is not None
        remote.idle = lambda seconds: True  # type: ignore[method-assign]
        server.deliver(b"Subject: a\n\nb")
        until(lambda: it.stored())
        time.sleep(1.0)
        assert len([call for call, _ in server.asked if call == "examine"]) < 12


# --------------------------------------------------------------------------------------------- over the wire


@contextlib.contextmanager
def lying(*replies: Reply) -> Iterator[tuple[ConnectorRemote, list[Request]]]:
    """A connector that gives these replies, one to each request."""
    ours, theirs = socket.socketpair()
    wire, heard = Wire(theirs, 32 * MIB), list[Request]()

    def answer() -> None:
        for reply in replies:
            heard.append(wire.receive(REQUEST)[0])
            wire.send(reply)

    thread = threading.Thread(target=answer)
    thread.start()
    remote = ConnectorRemote(ours)
    try:
        yield remote, heard
    finally:
        remote.close()
        thread.join(PATIENCE_S)
        wire.close()


@pytest.mark.parametrize(
    ("reply", "ask"),
    [
        (Uids(ranges=((1, 2**32 - 1),)), lambda remote: remote.list_uids(1)),
        (Uids(ranges=((5, 3),)), lambda remote: remote.list_uids(1)),
        (Uids(ranges=((0, 3),)), lambda remote: remote.list_uids(1)),
        (Messages(messages=(Fetched(uid=9, content=b""),)), lambda remote: remote.fetch([1], 10)),
        (Messages(messages=(Fetched(uid=1, content=b"x" * 11),)), lambda remote: remote.fetch([1], 10)),
        (Slice(content=b"x" * 11), lambda remote: remote.fetch_slice(1, 0, 10)),
        (Folders(folders=(RemoteFolder(name=""),)), lambda remote: remote.list_folders()),
        (Opened(uidvalidity=1, exists=-1), lambda remote: remote.examine("INBOX")),
        (Woken(changed=True), lambda remote: remote.list_folders()),
    ],
)
def test_what_no_server_may_say_ends_the_conversation(
    reply: Reply, ask: Callable[[ConnectorRemote], object]
) -> None:
    with lying(reply) as (remote, _), pytest.raises(RemoteFailed) as caught:
        ask(remote)
    assert caught.value.failure is Failure.PROTOCOL


def test_what_servers_do_say_is_put_right() -> None:
    with lying(
        Uids(ranges=((3, 3), (8, 9))),
        Opened(uidvalidity=1, uidnext=0, exists=2, modseq=2**64 - 1, vanished=((9, 2),)),
        Messages(messages=(Fetched(uid=1, content=None), Fetched(uid=1, content=b"x", size=-4))),
        Failed(failure=Failure.TIMEOUT, what="line one\r\nline two"),
    ) as (remote, _):
        assert remote.list_uids(5) == [8, 9]
        assert remote.examine("INBOX") == Opened(uidvalidity=1, exists=2)
        assert remote.fetch([1, 2], 10) == [Fetched(uid=1, content=b"x")]
        with pytest.raises(RemoteFailed, match="line one  line two"):
            remote.list_folders()


def test_a_batch_that_was_begun_and_is_not_wanted_is_left_out() -> None:
    first, second = Messages(messages=(Fetched(uid=1, content=b"1"),)), Opened(uidvalidity=4)
    with lying(first, first, second) as (remote, heard):
        remote.prepare([1], 10)
        assert remote.fetch([1], 10) == [Fetched(uid=1, content=b"1")]
        remote.prepare([1], 10)
        assert remote.examine("INBOX").uidvalidity == 4
        assert len(heard) == 3
