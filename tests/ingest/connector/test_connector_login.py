"""Signing in: each way of it, what a server may answer, and what it is never told."""

from __future__ import annotations

import pytest

from ingest.connector.messages import (
    Authentication,
    Examine,
    Failed,
    Failure,
    Fetch,
    FetchSlice,
    Idle,
    ListFolders,
    ListUids,
    Security,
    SignedIn,
)
from tests.support.connecting import Core, connector, failure, opened
from tests.support.liar_server import (
    PASSWORD,
    Command,
    Honest,
    Server,
    Talk,
    saying,
)

OPEN, FETCH = Examine(folder="INBOX"), Fetch(uids=(7, 9), most_bytes=100)
QRESYNC = b"IMAP4rev1 IDLE ENABLE CONDSTORE QRESYNC ESEARCH"


@pytest.mark.parametrize("way", Authentication)
def test_each_way_of_signing_in(server: Server, core: Core, way: Authentication) -> None:
    server.script = Honest()
    assert isinstance(core.sign_in(way), SignedIn)
    for wrong in ("wrong", "käse"):
        refused = core.sign_in(way, secret=wrong)
        assert isinstance(refused, Failed)
        assert refused.failure is Failure.CREDENTIALS
        assert wrong not in refused.what  # the liar quotes it
        assert ("401" in refused.what) == (way is Authentication.XOAUTH2)


@pytest.mark.parametrize("secret", ["a\r\nA9 DELETE INBOX", "a\nb", "a\0b", "a\1b"])
@pytest.mark.parametrize("way", Authentication)
def test_a_secret_with_a_line_end_begins_no_command(
    server: Server, core: Core, secret: str, way: Authentication
) -> None:
    server.script = Honest()
    server.heard.clear()
    assert failure(core.sign_in(way, secret=secret)) is Failure.CREDENTIALS
    assert {line.split()[1] for line in server.heard} == {b"CAPABILITY"}


def test_a_server_that_is_down_does_not_make_the_password_wrong(server: Server, core: Core) -> None:
    server.script = Honest().lying(
        "LOGIN", lambda talk, command: talk.say(command.tag + b" NO [UNAVAILABLE] database\r\n")
    )
    assert failure(core.sign_in()) is Failure.CLOSED
    server.script = Honest().lying("LOGIN", saying(b"* BYE too many\r\n", ok=False))
    assert failure(core.sign_in()) is Failure.CLOSED


def test_login_is_not_sent_where_it_is_disabled(server: Server, core: Core) -> None:
    server.script = Honest(b"IMAP4rev1 LOGINDISABLED")
    server.heard.clear()
    assert failure(core.sign_in()) is Failure.CREDENTIALS
    assert not any(PASSWORD.encode() in line or b"LOGIN" in line for line in server.heard)


def test_a_server_that_asks_on_and_on_for_credentials_gets_no_more(server: Server, core: Core) -> None:
    said: list[bytes] = []

    def insists(talk: Talk, _: Command) -> None:
        for _turn in range(6):
            talk.say(b"+ \r\n")
            said.append(talk.line())
        talk.say(b"* BYE\r\n")

    server.script = Honest().lying("AUTHENTICATE", insists)
    assert failure(core.sign_in(Authentication.PLAIN)) is Failure.CLOSED
    assert said[1:] == [b"", b"*", b"*", b"*", b"*"]


def test_only_these_commands_are_ever_sent(server: Server, core: Core) -> None:
    server.heard.clear()
    for capabilities in (b"IMAP4rev1 AUTH=PLAIN", QRESYNC):
        opened(server, core, Honest(capabilities))
        for request in (
            ListFolders(),
            OPEN,
            ListUids(),
            ListUids(first=3),
            FETCH,
            FetchSlice(uid=7, offset=0, length=4),
        ):
            core.ask(request)
        core.ask(Idle(seconds=0.1, poll_s=0.01))
        core.ask(OPEN)
    core.sign_in(Authentication.PLAIN)
    sent = {line.split(b" ", 1)[1].decode() for line in server.heard if b" " in line}
    for line in sent:
        words = line.split()
        assert words[0] in {
            "CAPABILITY",
            "LOGIN",
            "AUTHENTICATE",
            "ENABLE",
            "LIST",
            "EXAMINE",
            "UID",
            "IDLE",
            "NOOP",
        }
        if words[0] == "UID":
            assert words[1] in {"SEARCH", "FETCH"}
        assert "BODY[" not in line
        assert "RFC822 " not in line


def test_before_signing_in_there_is_nothing(server: Server) -> None:
    with connector(server.port) as fresh:
        for request in (ListFolders(), OPEN, ListUids(), FETCH, Idle(seconds=1)):
            assert failure(fresh.ask(request)) is Failure.CLOSED


def test_starttls_stripped_is_refused_and_nothing_is_told(server: Server, core: Core) -> None:
    server.script = Honest()
    server.heard.clear()
    assert failure(core.sign_in(security=Security.STARTTLS)) is Failure.TLS
    assert {line.split()[1] for line in server.heard} == {b"CAPABILITY"}
