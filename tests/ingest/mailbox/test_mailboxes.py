"""Accounts on a real Dovecot, through the real connector: everything comes in once, and trouble is told."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from ingest.connector import launch
from ingest.errors import AccountError, ConnectorRefused, MailError
from ingest.intake import Intake
from ingest.mail import accounts as accounts_module
from ingest.mail.account import MailAccount
from ingest.mail.accounts import AccountState, AccountStatus, FolderBalance, Mailboxes
from ingest.sources import imap
from policy.limits import MIB, Limits
from policy.redact import Private
from store.records import Origin
from store.vault import Vault
from tests.support.dovecot import Dovecot, dovecot
from tests.support.homes import LIMITS, make_home, open_vault, throwaway_vault
from tests.support.mail_server import told_place

PATIENCE_S = 60.0
USERS = {f"user{number}": f"secret word {number}" for number in range(12)}

T = TypeVar("T")


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(USERS) as started:
        yield started


@pytest.fixture(scope="module")
def users() -> Iterator[str]:
    """Each test takes one: a mailbox of its own on the one server."""
    return iter(USERS)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as vault:
        yield vault


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer waits, shortened."""
    monkeypatch.setattr(accounts_module, "_PAUSE", (0.1, 0.5))
    monkeypatch.setattr(imap, "POLL_S", 1.0)


def message(number: int, size: int = 0) -> bytes:
    text = f"Text of {number}\r\n" + "x" * 70 + "\r\n"
    return f"Message-ID: <{number}@test>\r\nSubject: {number}\r\n\r\n{text * (1 + size // 90)}".encode()


class Post:
    """Accounts, the service that keeps them going, and what it stored."""

    def __init__(self, vault: Vault, limits: Limits = LIMITS) -> None:
        self.vault = vault
        self.intake = Intake(vault, limits)
        self.accounts: list[MailAccount] = []
        self.forbidden: set[str] = set()
        self.mailboxes = Mailboxes(vault, self.intake, limits, lambda: self.accounts, self._connect)

    def add(self, server: Dovecot, user: str, password: str | None = None, **more: object) -> MailAccount:
        ca = self.vault.home / f"{user}.pem"
        ca.write_bytes(server.ca)
        given = {"host": "localhost", "port": server.tls_port, "ca_file": str(ca), **more}
        account = msgspec.convert({"name": user, "user": user, **given}, MailAccount)
        self.accounts.append(account)
        secret = server.users[user] if password is None else password
        self.vault.catalog.set_mail_secret(user, Private(secret.encode()))
        return account

    def _connect(self, name: str) -> socket.socket:
        account = next(one for one in self.accounts if one.name == name)
        if account.host in self.forbidden:
            raise ConnectorRefused("its host is not on the list", remedy="restart the service")
        return launch.start(account.host, account.port)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self.mailboxes.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    def status(self, name: str) -> AccountStatus | None:
        return next((one for one in self.mailboxes.status() if one.name == name), None)

    def settled(self, name: str) -> AccountStatus:
        """Wait until everything is here."""

        def idle() -> AccountStatus | None:
            status = self.status(name)
            return status if status and status.state is AccountState.IDLE and not status.to_fetch else None

        return until(idle)

    def troubled(self, name: str) -> str:
        def trouble() -> str | None:
            status = self.status(name)
            return status.trouble if status and status.state is AccountState.WAITING else None

        return until(trouble)

    def balances(self, name: str) -> dict[str, FolderBalance]:
        found = {one.folder: one for one in self.mailboxes.reconcile(name)}
        assert all(one.balanced for one in found.values()), found
        return found

    def stored(self, name: str) -> list[tuple[str, Origin, bytes]]:
        """What is stored from each place."""
        found = []
        for item, origin in self.vault.catalog.places(f"mail:{name}"):
            with open(self.vault.original(item), "rb") as original:
                found.append((item, origin, original.read()))
        return found

    def places(self, name: str) -> dict[tuple[str, int], bytes]:
        """(folder, UID) -> message."""
        parsed = [(told_place(origin.locator), content) for _, origin, content in self.stored(name)]
        return {(folder, uid): content for (folder, _, uid), content in parsed}

    def in_folder(self, name: str, folder: str) -> list[bytes]:
        return sorted(content for (where, _), content in self.places(name).items() if where == folder)


def until(condition: Callable[[], T | None], told: Callable[[], object] = str) -> T:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {PATIENCE_S} s: {told()}")


@pytest.fixture
def post(vault: Vault) -> Post:
    return Post(vault)


def test_everything_comes_in_once_and_what_happens_then_follows(
    server: Dovecot, users: Iterator[str], post: Post
) -> None:
    user = next(users)
    for folder in ("Archive/2024", "Entwürfe; & mehr", "Junk"):
        server.create(folder, user)
    inbox = [message(n) for n in range(150)] + [message(1000, 3 * MIB), message(1001, 128 * 1024)]
    names = server.deliver(inbox, "INBOX", user)
    server.deliver([message(5), message(2000)], "Archive/2024", user)
    server.deliver([message(6)], "Junk", user)
    server.deliver([message(7)], "Entwürfe; & mehr", user)
    post.add(server, user)
    with post.running():
        status = post.settled(user)
        assert status.address == f"127.0.0.1:{server.tls_port}"
        assert status.stored == 155
        assert post.in_folder(user, "INBOX") == sorted(inbox)
        assert post.in_folder(user, "Archive/2024") == sorted([message(5), message(2000)])
        assert post.in_folder(user, "Entwürfe; & mehr") == [message(7)]
        assert post.vault.catalog.count() == 153  # the trash of others is not ours
        server.deliver([message(3000)], "INBOX", user)
        until(lambda: message(3000) in post.in_folder(user, "INBOX"))
        server.move(names[0], "INBOX", "Archive/2024", user)
        until(lambda: message(0) in post.in_folder(user, "Archive/2024"))
        until(lambda: message(0) not in post.in_folder(user, "INBOX"))
        server.remove(names[1], "INBOX", user)
        until(lambda: message(1) not in post.in_folder(user, "INBOX"))
        assert post.vault.catalog.count() == 154
        balances = post.balances(user)
        assert (balances["INBOX"].on_server, balances["INBOX"].gone) == (151, 2)
    with server.client(user) as client:
        client.select_folder("INBOX", readonly=True)
        flags = client.fetch(client.search(), ["FLAGS"])
        assert not [uid for uid, data in flags.items() if b"\\Seen" in data[b"FLAGS"]]


def test_the_same_message_in_five_folders_is_one_item_with_five_origins(
    server: Dovecot, users: Iterator[str], post: Post
) -> None:
    user = next(users)
    folders = ["INBOX", "A", "B", "A/C", "D"]
    for folder in folders:
        server.create(folder, user)
        server.deliver([message(1)], folder, user)
    post.add(server, user)
    with post.running():
        post.settled(user)
        (item,) = post.vault.catalog.items()
        origins = post.vault.catalog.origins(item.id)
        assert sorted(told_place(origin.locator)[0] for origin in origins) == sorted(folders)
        assert all(one.stored == 1 for one in post.balances(user).values())


def test_other_uids_for_the_same_messages_are_no_new_items(
    server: Dovecot, users: Iterator[str], post: Post
) -> None:
    user = next(users)
    server.deliver((message(n) for n in range(150)), "INBOX", user)
    post.add(server, user)
    with post.running():
        post.settled(user)
        before = {item.id for item in post.vault.catalog.items(limit=1000)}
        validity, _ = server.uids("INBOX", user)
        server.change_uidvalidity("INBOX", user)
        after, uids = server.uids("INBOX", user)
        assert after != validity
        until(lambda: {uid for _, uid in post.places(user)} == uids and post.settled(user))
        assert post.balances(user)["INBOX"].stored == 150
        assert {item.id for item in post.vault.catalog.items(limit=1000)} == before
        (current,) = {told_place(o.locator)[1] for _, o in post.vault.catalog.places(f"mail:{user}")}
        assert current == after


def test_a_folder_that_vanishes_or_is_renamed_takes_no_item_with_it(
    server: Dovecot, users: Iterator[str], post: Post
) -> None:
    user = next(users)
    for number, folder in enumerate(("Going", "Old name")):
        server.create(folder, user)
        server.deliver([message(number)], folder, user)
    post.add(server, user)
    with post.running():
        post.settled(user)
        server.drop("Going", user)
        server.rename("Old name", "New name", user)
        post.mailboxes.sync(user)
        until(lambda: post.in_folder(user, "New name") == [message(1)])
        until(lambda: list(post.places(user).values()) == [message(1)])
        assert post.vault.catalog.count() == 2
        assert sorted(post.balances(user)) == ["INBOX", "New name"]


def test_what_the_owner_deleted_is_not_fetched_again(
    server: Dovecot, users: Iterator[str], post: Post
) -> None:
    user = next(users)
    server.deliver((message(n) for n in range(3)), "INBOX", user)
    post.add(server, user)
    with post.running():
        post.settled(user)
        (doomed,) = [item for item, _, content in post.stored(user) if content == message(1)]
        post.vault.delete(doomed)
    with post.running():
        post.settled(user)
        balance = post.balances(user)["INBOX"]
        assert (balance.stored, balance.deleted_here, balance.on_server) == (2, 1, 3)
        assert post.vault.catalog.count() == 2


def test_what_the_owner_deleted_stays_away_when_the_server_moves_it_or_numbers_it_anew(
    server: Dovecot, users: Iterator[str], post: Post
) -> None:
    user = next(users)
    server.create("Archive", user)
    names = server.deliver((message(n) for n in range(3)), "INBOX", user)
    post.add(server, user)
    with post.running():
        post.settled(user)
        (doomed,) = [item for item, _, content in post.stored(user) if content == message(1)]
        post.vault.delete(doomed)
    server.move(names[1], "INBOX", "Archive", user)
    server.change_uidvalidity("INBOX", user)
    with post.running():
        post.settled(user)
        balances = post.balances(user)
        assert (balances["INBOX"].stored, balances["INBOX"].on_server) == (2, 2)
        assert (balances["Archive"].stored, balances["Archive"].deleted_here) == (0, 1)
        assert post.vault.catalog.count() == 2


def test_what_is_too_large_by_policy_stays_there_and_is_named(
    server: Dovecot, users: Iterator[str], tmp_path: Path
) -> None:
    user = next(users)
    limits = dataclasses.replace(LIMITS, item_bytes=MIB)
    with throwaway_vault(tmp_path, limits) as vault:
        post = Post(vault, limits)
        server.deliver([message(0), message(1, 2 * MIB), message(2, MIB // 2)], "INBOX", user)
        post.add(server, user)
        with post.running():
            post.settled(user)
            balance = post.balances(user)["INBOX"]
            assert (balance.stored, balance.too_large, balance.refused) == (2, (2,), ())


def test_a_wrong_password_is_told_once_and_the_others_go_on(
    server: Dovecot, users: Iterator[str], post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, right = next(users), next(users)
    server.deliver([message(1)], "INBOX", right)
    server.deliver([message(2)], "INBOX", wrong)
    post.add(server, wrong, "no such word")
    post.add(server, right)
    with caplog.at_level(logging.INFO), post.running():
        assert "password" in post.troubled(wrong)
        post.settled(right)
        post.mailboxes.sync(wrong)
        post.troubled(wrong)
        with pytest.raises(MailError, match="password"):
            post.mailboxes.reconcile(wrong)
        assert (post.status(wrong).next_try_in_s or 0) > 60  # type: ignore[union-attr]
        assert caplog.text.count(f"mail account {wrong}: ") == 1
        post.vault.catalog.set_mail_secret(wrong, Private(server.users[wrong].encode()))
        post.mailboxes.sync(wrong)
        assert post.settled(wrong).trouble is None
        assert post.in_folder(wrong, "INBOX") == [message(2)]
    assert "no such word" not in caplog.text
    assert server.users[wrong] not in caplog.text


def test_no_password_and_no_permission_are_said_in_words(
    server: Dovecot, users: Iterator[str], post: Post, tmp_path: Path
) -> None:
    user = next(users)
    post.add(server, user)
    post.vault.catalog.forget_mail_secret(user)
    post.add(server, "user0", host="127.0.0.1")
    post.forbidden = {"127.0.0.1"}
    with post.running():
        assert "password is not known" in post.troubled(user)
        assert "not on the list" in post.troubled("user0")
        with pytest.raises(AccountError, match="no mail account"):
            post.mailboxes.sync("nobody")
        secret = tmp_path / "password"
        secret.write_text(server.users[user] + "\n")
        post.accounts = [msgspec.structs.replace(post.accounts[0], password_file=str(secret))]
        post.mailboxes.reload()
        post.settled(user)
        assert [status.name for status in post.mailboxes.status()] == [user]


def test_a_server_that_cannot_prove_its_name_is_not_spoken_to(post: Post) -> None:
    with dovecot({"a": "word", "b": "word", "c": "word"}, expired=True) as expired:
        post.add(expired, "a")
        post.add(expired, "b", security="starttls", port=expired.plain_port)
        post.add(expired, "c", pin="0" * 64)
        with post.running():
            for name in "abc":
                assert "prove who it is" in post.troubled(name)


def test_a_server_that_is_away_for_a_while_is_found_again(
    server: Dovecot, users: Iterator[str], post: Post
) -> None:
    user = next(users)
    server.deliver([message(1)], "INBOX", user)
    post.add(server, user)
    with post.running():
        post.settled(user)
        server.stop()
        post.troubled(user)
        server.deliver([message(2)], "INBOX", user)
        server.start()
        until(lambda: len(post.in_folder(user, "INBOX")) == 2)
        assert post.settled(user).trouble is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_pauses_and_loses_nothing(
    server: Dovecot, users: Iterator[str], small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.intake.PAUSE_S", 0.1)
    user = next(users)
    limits = dataclasses.replace(LIMITS, free_disk_bytes=8 * MIB)
    vault = open_vault(make_home(small_disk / "home"), limits)
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * 17 * MIB)
    contents = [message(n) for n in range(20)]
    server.deliver(contents, "INBOX", user)
    post = Post(vault, limits)
    post.add(server, user)
    try:
        with post.running():
            until(lambda: (status := post.status(user)) and status.state is AccountState.PAUSED)
            assert "full" in (post.status(user).trouble or "")  # type: ignore[union-attr]
            filler.unlink()
            post.settled(user)
            assert post.in_folder(user, "INBOX") == sorted(contents)
    finally:
        vault.close()
