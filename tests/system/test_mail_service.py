"""Mail as its owner meets it: a real service, a real Dovecot with the office's messages, the command line."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import RequestRefused
from tests.support.dovecot import PASSWORD, USER, Dovecot, dovecot
from tests.support.running import PATIENCE_S, Running, command, running

FIXTURES = Path(__file__).parents[2] / "fixtures"
MESSAGES = [path.read_bytes() for path in sorted((FIXTURES / "mail").glob("*.eml"))]
PLACES = {"INBOX": MESSAGES[:40], "Archive/2026": MESSAGES[30:]}  # ten of them lie in both


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as started:
        for folder, messages in PLACES.items():
            started.create(folder)
            started.deliver(messages, folder)
        yield started


@pytest.fixture(scope="module")
def office(server: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service to which the owner has added the mailbox by hand."""
    folder = tmp_path_factory.mktemp("mail")
    (folder / "ca.pem").write_bytes(server.ca)
    with running(folder) as service:
        added = typed(
            service, PASSWORD, "mail", "add", "office", "--host", "localhost", "--port", str(server.tls_port),
            "--user", USER, "--ca-file", str(folder / "ca.pem"),
        )  # fmt: skip
        assert added.returncode == 0, added.stderr
        service.settled(len(set(MESSAGES)))
        yield service


def typed(service: Running, line: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command, and type one line for it."""
    return subprocess.run(
        [*command(*arguments), "--home", str(service.home)],
        input=line + "\n", capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def answer(service: Running, *arguments: str) -> Any:
    """What a command prints as JSON."""
    done = typed(service, "", *arguments, "--json")
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)


def account(service: Running, name: str) -> dict[str, Any]:
    return next(one for one in service.client.call("GET", "/v1/mail") if one["name"] == name)


def test_every_message_is_stored_once_and_balances(office: Running) -> None:
    folders = {one["folder"]: one for one in answer(office, "mail", "reconcile", "office")["office"]}
    assert {name: folders[name]["on_server"] for name in PLACES} == {
        name: len(messages) for name, messages in PLACES.items()
    }
    assert all(one["balanced"] for one in folders.values())
    both = [
        detail
        for hit in office.search("Kestrel", limit=50)
        if len((detail := office.client.call("GET", f"/v1/items/{hit['item']}"))["origins"]) == 2
        and detail["item"]["source"] == "mail:office"
    ]
    for detail in both:
        assert {origin["source"] for origin in detail["origins"]} == {"mail:office"}
    assert sum(office.client.call("GET", "/v1/status")["items"].values()) >= len(set(MESSAGES))


def test_a_message_that_arrives_is_found_while_nobody_asks(office: Running, server: Dovecot) -> None:
    news = b"Subject: Quincunx\r\nMessage-ID: <q1@orchard.example>\r\n\r\nThe quincunx is planted.\r\n"
    server.deliver([b"From: ada@orchard.example\r\nTo: me@pell.example\r\n" + news])
    office.until(lambda: office.search("quincunx", mode="keyword"), "the message")


def test_conversations_are_trees_and_people_are_found_by_their_names(office: Running) -> None:
    hit = next(hit for hit in office.search("stair east wall") if hit["thread"])
    thread = office.client.call("GET", f"/v1/threads/{hit['thread']}")
    assert len([one for one in thread["messages"] if one["item"]]) >= 3
    assert thread["messages"][0]["depth"] == 0
    assert max(one["depth"] for one in thread["messages"]) >= 1
    shown = typed(office, "", "thread", hit["item"]).stdout
    assert len(shown.splitlines()) == 1 + len(thread["messages"])
    sender = hit["sender"].partition(" <")[0]
    found = office.search(f'from:"{sender}"', limit=50)
    assert found
    assert all(sender in (one["sender"] or "") for one in found)
    assert any(sender in person["name"] for person in answer(office, "people", sender.split()[0]))


def test_nothing_on_the_server_was_changed(office: Running, server: Dovecot) -> None:
    with server.client() as client:
        client.select_folder("INBOX", readonly=True)
        uids = client.search()
        assert not [uid for uid, data in client.fetch(uids, ["FLAGS"]).items() if b"\\Seen" in data[b"FLAGS"]]


def test_what_the_owner_deletes_stays_away(office: Running) -> None:
    office.until(lambda: office.search("quincunx", mode="keyword"), "the message")
    item = office.search("quincunx", mode="keyword")[0]["item"]
    office.client.call("DELETE", f"/v1/items/{item}")
    folders = {one["folder"]: one for one in answer(office, "mail", "reconcile", "office")["office"]}
    assert folders["INBOX"]["deleted_here"] == 1
    assert folders["INBOX"]["balanced"]
    assert not office.search("quincunx", mode="keyword")


def test_one_account_in_trouble_says_so_and_leaves_the_others_alone(office: Running, server: Dovecot) -> None:
    wrong = "correct horse battery"
    added = typed(
        office, wrong, "mail", "add", "other", "--host", "127.0.0.1", "--port", str(server.plain_port),
        "--security", "none", "--user", USER,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    trouble = office.until(lambda: account(office, "other")["trouble"], "its trouble")
    assert "password" in trouble
    assert not account(office, "office")["trouble"]
    assert typed(office, "", "mail", "sync", "other").returncode == 1
    taken = typed(office, wrong, "mail", "add", "office", "--host", "localhost", "--user", USER)
    assert "there is a mail account" in taken.stderr
    assert typed(office, PASSWORD, "mail", "password", "other").returncode == 0
    office.until(lambda: account(office, "other")["stored"], "the other account")
    for written in (office.log.read_bytes(), (office.home / "strongroom.toml").read_bytes()):
        assert wrong.encode() not in written
        assert PASSWORD.encode() not in written
    assert typed(office, "", "mail", "remove", "other").returncode == 0
    office.until(lambda: len(office.client.call("GET", "/v1/mail")) == 1, "it to go")


def test_only_the_owners_own_command_adds_hosts_and_passwords(office: Running) -> None:
    made = office.client.call("POST", "/v1/tokens", {"name": "all", "scopes": ["admin"]})
    bearer = {"authorization": f"Bearer {made['token']}"}
    for method, path in (
        ("POST", "/v1/mail"), ("POST", "/v1/mail/office/secret"), ("DELETE", "/v1/mail/office/secret"),
        ("POST", "/v1/imports"),
    ):  # fmt: skip
        assert office.http(method, path, {}, **bearer)[0] == 403
    with pytest.raises(RequestRefused, match="no mail account"):
        office.client.call("POST", "/v1/mail/nobody/sync", {})


def test_a_mailbox_file_is_imported_with_its_messages_once(office: Running, tmp_path: Path) -> None:
    before = sum(office.settled(0).values())
    news = [
        f"From: ada@orchard.example\nSubject: Lamp {n}\nMessage-ID: <lamp{n}@orchard.example>\n\n"
        f"Zwiebelturm number {n}.\n"
        for n in range(30)
    ]
    mailbox = "".join(f"From ada@orchard.example Mon Mar  2 10:00:00 2026\n{one}\n" for one in news)
    (tmp_path / "lamps.mbox").write_text(mailbox)
    for _ in range(2):
        shown = answer(office, "mail", "import", str(tmp_path / "lamps.mbox"))
        assert [(one["messages"], one["stage"], one["error"]) for one in shown] == [(30, "done", None)]
    counts = office.settled(before + 30)
    assert sum(counts.values()) == before + 30
    assert len(office.search("Zwiebelturm", mode="keyword", limit=50)) == 30
    missing = typed(office, "", "mail", "import", str(tmp_path / "nothing.mbox"))
    assert missing.returncode != 0
    assert "nothing.mbox" in missing.stderr


def test_the_connector_has_no_network_of_its_own_and_little_memory(office: Running) -> None:
    processes = office.client.call("GET", "/v1/status")["processes"]
    connectors = [one for one in processes if one["role"] == "connector"]
    assert connectors
    for one in connectors:
        assert one["rss_mib"] <= 100
        status = Path(f"/proc/{one['pid']}/status").read_text()
        assert "Seccomp:\t2" in status
        if os.getuid() == 0:
            ours = os.readlink("/proc/self/ns/net")
            assert os.readlink(f"/proc/{one['pid']}/ns/net") != ours


def test_after_a_restart_nothing_comes_twice(office: Running) -> None:
    before = office.client.call("GET", "/v1/status")["items"]
    office.stop()
    office.start()
    office.until(lambda: account(office, "office")["state"] == "idle", "it to be idle again")
    time.sleep(0.5)
    assert office.client.call("GET", "/v1/status")["items"] == before
