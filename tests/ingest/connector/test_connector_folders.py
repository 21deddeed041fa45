"""Folders, their numbers and their news, as servers tell them in odd and in broken ways."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from ingest.connector.messages import (
    Examine,
    Failed,
    Failure,
    Fetch,
    Folders,
    Idle,
    ListFolders,
    ListUids,
    Opened,
    SignedIn,
    Uids,
    Wake,
    Woken,
)
from tests.support.connecting import Core, failure, opened
from tests.support.liar_server import (
    Command,
    Honest,
    Server,
    Talk,
    flooding,
    saying,
)

OPEN, FETCH = Examine(folder="INBOX"), Fetch(uids=(7, 9), most_bytes=100)
QRESYNC = b"IMAP4rev1 IDLE ENABLE CONDSTORE QRESYNC ESEARCH"


def test_folders_with_odd_names(server: Server, core: Core) -> None:
    listed = (
        b'* LIST () "/" "&ZeVnLIqe-/&2D3eAA-"\r\n'
        b'* LIST () NIL "no delimiter"\r\n'
        b'* LIST (\\Noselect \\HasChildren) "." 2026\r\n'
        b'* LIST () "/" "quo\\"te \\\\ back"\r\n'
        b'* LIST () "/" {13}\r\n"lite {ral}"\r\r\n'
        b'* LIST () "/" "raw \xc3\xa4 & &"\r\n'
        b'* LIST () "/" "&2AA-"\r\n'  # half of a surrogate pair
        b'* LIST () "/"\r\n* LIST\r\n* LIST () "/" "never ends\r\n'
    )
    asked: list[bytes] = []

    def examine(talk: Talk, command: Command) -> None:
        asked.append(command.rest)
        Honest()._examine(talk, replace(command, rest=b'"INBOX"'))

    server.script = Honest().lying("LIST", saying(listed)).lying("EXAMINE", examine)
    assert isinstance(core.sign_in(), SignedIn)
    reply = core.ask(ListFolders())
    assert isinstance(reply, Folders)
    named = {folder.name: folder.flags for folder in reply.folders}
    assert list(named) == [
        "日本語/😀", "no delimiter", "2026", 'quo"te \\ back', '"lite {ral}"\r', "raw ä & &", "&2AA-",
    ]  # fmt: skip
    assert named["2026"] == ("\\Noselect", "\\HasChildren")
    for name in named:
        core.ask(Examine(folder=name))
    assert asked == [
        b'"&ZeVnLIqe-/&2D3eAA-"', b'"no delimiter"', b'"2026"', b'"quo\\"te \\\\ back"',
        b'"raw \xc3\xa4 & &"', b'"&2AA-"',
    ]  # fmt: skip  # the one with a line end is not put into any command


def test_a_name_with_a_line_end_begins_no_command(server: Server, core: Core) -> None:
    server.script = Honest()
    core.sign_in()
    server.heard.clear()
    for name in ("INBOX\r\nA1 DELETE INBOX", "", "a\0b"):
        core.ask(Examine(folder=name))
    assert {line.split()[1] for line in server.heard} <= {b"EXAMINE"}


def test_a_folder_that_cannot_be_opened_leaves_the_connection(server: Server, core: Core) -> None:
    assert isinstance(opened(server, core, Honest()), Opened)
    reply = core.ask(Examine(folder="gone"))
    assert isinstance(reply, Failed)
    assert reply.failure is Failure.FOLDER
    assert "NONEXISTENT" in reply.what
    assert failure(core.ask(ListUids())) is Failure.FOLDER  # none is open now
    assert isinstance(core.ask(OPEN), Opened)
    assert isinstance(core.ask(ListUids()), Uids)


def test_a_folder_without_uidvalidity_cannot_be_followed(server: Server, core: Core) -> None:
    assert (
        failure(opened(server, core, Honest().lying("EXAMINE", saying(b"* 2 EXISTS\r\n")))) is Failure.FOLDER
    )


def test_what_vanished_is_told_by_ranges(server: Server, core: Core) -> None:
    server.script = Honest(QRESYNC, vanished=b"300:310,1:5,6,8:7,4294967295")
    core.sign_in()
    reply = core.ask(Examine(folder="INBOX", uidvalidity=42, modseq=70))
    assert isinstance(reply, Opened)
    assert reply.vanished == ((1, 8), (300, 310), (4294967295, 4294967295))
    assert reply.modseq == 77
    other = core.ask(Examine(folder="INBOX", uidvalidity=41, modseq=70))
    assert isinstance(other, Opened)
    assert other.vanished is None  # another UIDVALIDITY: it says nothing of ours


def test_a_falling_modseq_is_told_as_it_is(server: Server, core: Core) -> None:
    def falls(talk: Talk, command: Command) -> None:
        talk.say(
            b"* 2 EXISTS\r\n* OK [HIGHESTMODSEQ 90] a\r\n* OK [CLOSED] b\r\n* OK [UIDVALIDITY 42] c] d\r\n"
        )
        talk.say(b"* OK [HIGHESTMODSEQ 3] e\r\n" + command.tag + b" OK done\r\n")

    reply = opened(server, core, Honest(QRESYNC).lying("EXAMINE", falls))
    assert isinstance(reply, Opened)
    assert (reply.uidvalidity, reply.modseq, reply.uidnext) == (42, 3, None)


def test_qresync_that_the_server_chokes_on_is_left_out(server: Server, core: Core) -> None:
    def chokes(talk: Talk, command: Command) -> None:
        if b"QRESYNC" in command.rest:
            talk.say(command.tag + b" BAD what?\r\n")
        else:
            Honest(QRESYNC)._examine(talk, command)

    server.script = Honest(QRESYNC).lying("EXAMINE", chokes)
    core.sign_in()
    reply = core.ask(Examine(folder="INBOX", uidvalidity=42, modseq=70))
    assert isinstance(reply, Opened)
    assert reply.vanished is None


@pytest.mark.parametrize(
    "search",
    [
        saying(),  # nothing found, where two are
        saying(b"* SEARCH 7\r\n"),  # an index that lost one
        saying(b"* ESEARCH\r\n"),
        lambda talk, command: talk.say(command.tag + b" NO [SERVERBUG] index broken\r\n"),
        lambda talk, command: talk.say(command.tag + b" BAD no such command\r\n"),
    ],
)
@pytest.mark.parametrize("capabilities", [b"IMAP4rev1", QRESYNC])
def test_where_search_is_broken_the_uids_are_fetched(
    server: Server, core: Core, search: Callable[[Talk, Command], None], capabilities: bytes
) -> None:
    opened(server, core, Honest(capabilities).lying("UID SEARCH", search))
    assert core.ask(ListUids()) == Uids(ranges=((7, 7), (9, 9)))


def test_uids_come_in_order_and_from_where_they_were_asked(server: Server, core: Core) -> None:
    found = saying(b"* SEARCH 9 7 7 (MODSEQ 99)\r\n")
    opened(server, core, Honest(b"IMAP4rev1").lying("UID SEARCH", found))
    assert core.ask(ListUids()) == Uids(ranges=((7, 7), (9, 9)))
    opened(server, core, Honest())
    assert core.ask(ListUids(first=8)) == Uids(ranges=((9, 9),))
    assert core.ask(ListUids(first=100)) == Uids(ranges=())  # `100:*` names the last one all the same


def test_an_empty_folder_has_no_uids(server: Server, core: Core) -> None:
    opened(server, core, Honest(messages={}))
    assert core.ask(ListUids()) == Uids(ranges=())


def test_idle_ends_for_news_only(server: Server, core: Core) -> None:
    opened(
        server, core, Honest(news=(b"* OK still here\r\n", b"* 2 EXISTS\r\n", b"* 1 FETCH (FLAGS ())\r\n"))
    )
    assert core.ask(Idle(seconds=0.3)) == Woken(changed=False)
    for news in (b"* 1 EXPUNGE\r\n", b"* VANISHED 7\r\n", b"* 5 EXISTS\r\n"):
        opened(server, core, Honest(news=(news,)))
        assert core.ask(Idle(seconds=30)) == Woken(changed=True)


def test_news_told_between_requests_ends_the_next_idle_at_once(server: Server, core: Core) -> None:
    opened(server, core, Honest(news=()).lying("UID FETCH", saying(b"* 3 EXISTS\r\n")))
    core.ask(FETCH)
    assert core.ask(Idle(seconds=30)) == Woken(changed=True)
    assert core.ask(Idle(seconds=0.1)) == Woken(changed=False)


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1 IDLE", b"IMAP4rev1"])
def test_wake_ends_it_and_a_late_wake_does_nothing(server: Server, core: Core, capabilities: bytes) -> None:
    opened(server, core, Honest(capabilities, news=()))
    core.wire.send(Idle(seconds=30))
    threading.Timer(0.1, core.wire.send, [Wake()]).start()
    assert core.ask(Wake()) == Woken(changed=False)  # whichever came first; the other is late
    assert isinstance(core.ask(OPEN), Opened)


def test_a_server_that_refuses_or_ends_idle_is_polled(server: Server, core: Core) -> None:
    refuses = Honest(news=()).lying("IDLE", lambda talk, command: talk.say(command.tag + b" NO not now\r\n"))
    opened(server, core, refuses)
    server.heard.clear()
    assert core.ask(Idle(seconds=0.5, poll_s=0.1)) == Woken(changed=False)
    words = [line.split()[1] for line in server.heard]
    assert words.count(b"IDLE") == 1
    assert 1 <= words.count(b"NOOP") <= 6


def test_idle_with_a_flood_of_nothing_has_an_end(server: Server, core: Core) -> None:
    opened(server, core, Honest().lying("IDLE", flooding(b"* OK nothing new\r\n" * 100)))
    assert failure(core.ask(Idle(seconds=30))) in {Failure.PROTOCOL, Failure.TIMEOUT}
