"""Connector and core killed at random while a mailbox comes in: nothing is lost, nothing is doubled."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ingest.mail.account import MailAccount
from ingest.mail.cursor import FolderBalance
from tests.support.dovecot import PASSWORD, USER, Dovecot, dovecot
from tests.support.homes import make_home, open_vault
from tests.support.mail_server import told_place

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("INBOX", "Archive", "Lists/a b")
PATIENCE_S = 120.0


class Senders:
    """Fills the mailbox, and stirs it: some messages lie in several folders, some move, some go."""

    def __init__(self, server: Dovecot, chance: random.Random) -> None:
        self._server = server
        self._chance = chance
        self._count = 0
        for folder in FOLDERS:
            server.create(folder)

    def send(self, count: int) -> None:
        """That many messages, a large one in fifty."""
        for _ in range(count):
            self._count += 1
            number = self._chance.randrange(self._count, self._count + 3)
            size = 20_000 if number % 50 == 7 else number % 40
            content = f"Message-ID: <{number}@test>\r\nSubject: {number}\r\n\r\n" + "all is well\r\n" * size
            self._server.deliver([content.encode()], self._chance.choice(FOLDERS))

    def stir(self, *, renumber: bool) -> None:
        """Move a few, remove a few, and now and then give a folder other UIDs."""
        for _ in range(5):
            folder, to = self._chance.sample(FOLDERS, 2)
            names = [path.name.partition(":")[0] for path in self._server.files(folder)]
            if len(names) > 2:
                first, second = self._chance.sample(names, 2)
                self._server.move(first, folder, to)
                self._server.remove(second, folder)
        if renumber:
            self._server.change_uidvalidity(self._chance.choice(FOLDERS))

    def everything(self) -> dict[tuple[str, int, int], bytes]:
        """What is on the server, read with other eyes: (folder, UIDVALIDITY, UID) -> message."""
        found = {}
        with self._server.client() as client:
            for folder in FOLDERS:
                validity = int(client.select_folder(folder, readonly=True)[b"UIDVALIDITY"])
                for uid, data in client.fetch(client.search(), ["BODY.PEEK[]"]).items():
                    found[folder, validity, uid] = data[b"BODY[]"]
        return found


@contextlib.contextmanager
def core(home: Path, account: MailAccount) -> Iterator[subprocess.Popen[bytes]]:
    """The core's side, running; killed at the end of the block if it still runs."""
    given = (str(home), msgspec.json.encode(account).decode(), str(home.parent / "balance"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.mailbox_driver", *given], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def kill_one(process: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Kill the core, or one of the two processes of its connector; whether it was the core."""
    children = list[int]()
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            children += map(int, (task / "children").read_text().split())
    victim = chance.choice([process.pid, *children])
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return victim == process.pid


def kill_again_and_again(
    home: Path, account: MailAccount, senders: Senders, kills: int, chance: random.Random
) -> None:
    """Kill while messages come in; a connector's end is survived by the core, which goes on."""
    killed = 0
    while killed < kills:
        senders.send(40)
        senders.stir(renumber=chance.random() < 0.2)
        with core(home, account) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it says that it is fetching, or was done before we looked
            while killed < kills:
                time.sleep(chance.uniform(0.0, 0.4))
                if process.poll() is not None:
                    assert process.returncode == 0
                    break
                killed += 1
                if kill_one(process, chance):
                    break


def finish(home: Path, account: MailAccount) -> list[FolderBalance]:
    with core(home, account) as process:
        assert process.wait(PATIENCE_S) == 0
    return msgspec.json.decode((home.parent / "balance").read_bytes(), type=list[FolderBalance])


def check(home: Path, senders: Senders, balances: list[FolderBalance]) -> None:
    """Every message of the server is stored once, with every place it lies in; the balance says so, too."""
    expected = senders.everything()
    assert all(balance.balanced and not balance.refused for balance in balances), balances
    on_server = Counter(folder for folder, _, _ in expected)
    assert {balance.folder: balance.stored for balance in balances} == dict(on_server)
    vault = open_vault(home)
    try:
        assert vault.verify().problems == []
        stored = {}
        for item, origin in vault.catalog.places("mail:m"):
            with open(vault.original(item), "rb") as original:
                stored[told_place(origin.locator)] = (item, original.read())
    finally:
        vault.close()
    assert {place: content for place, (_, content) in stored.items()} == expected
    assert len(dict(stored.values())) == len(set(expected.values()))


def killed_often(folder: Path, kills: int) -> None:
    seed = int(os.environ.get("STRONGROOM_CRASH_SEED", random.randrange(1 << 30)))
    print(f"STRONGROOM_CRASH_SEED={seed}")
    chance, home = random.Random(seed), make_home(folder / "home")
    with dovecot() as server:
        (folder / "password").write_text(PASSWORD)
        account = MailAccount(
            name="m",
            host="127.0.0.1",
            port=server.plain_port,
            security="none",
            user=USER,
            password_file=str(folder / "password"),
        )
        senders = Senders(server, chance)
        senders.send(400)
        kill_again_and_again(home, account, senders, kills, chance)
        check(home, senders, finish(home, account))
        check(home, senders, finish(home, account))


def test_ten_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    killed_often(tmp_path, 10)


@pytest.mark.nightly
def test_two_hundred_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    killed_often(tmp_path, 200)
