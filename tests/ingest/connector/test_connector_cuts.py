"""Twenty conversations with a well-behaved server that hangs up at any byte, or garbles some: an answer
always comes, and the next sign-in works."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

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
    Request,
    SignedIn,
)
from tests.support.connecting import Core
from tests.support.liar_server import Command, Honest, Server, Talk

ENDINGS = {Failure.CLOSED, Failure.FOLDER}  # FOLDER: asked although the folder could not be opened

GARBAGE = b'\0\r\n (){}[]"\\*+%<>0123456789AZaz\x7f\x80\xff'
QRESYNC = b"IMAP4rev1 IDLE ENABLE CONDSTORE QRESYNC ESEARCH"
HONEST = Honest()
OPEN, FETCH = Examine(folder="INBOX"), Fetch(uids=(7, 9), most_bytes=100)


@dataclass(frozen=True)
class Conversation:
    """What is asked after signing in, of which server."""

    requests: tuple[Request, ...]
    server: Honest = HONEST
    authentication: Authentication = Authentication.LOGIN


def _nil(talk: Talk, command: Command) -> None:
    talk.say(
        b"* 1 FETCH (UID 7 BODY[]<0> NIL)\r\n* 2 FETCH (BODY[]<0> {4}\r\nnine UID 9)\r\n"
        + command.tag
        + b" OK done\r\n"
    )


def _goodbye(talk: Talk, _: Command) -> None:
    talk.say(b"+ idling\r\n* BYE shutting down\r\n")


def _refused(talk: Talk, command: Command) -> None:
    talk.say(b"* OK [ALERT] busy\r\n" + command.tag + b" NO [UNAVAILABLE] later\r\n")


CONVERSATIONS = {
    "login": Conversation(()),
    "plain": Conversation((), authentication=Authentication.PLAIN),
    "xoauth2": Conversation((), authentication=Authentication.XOAUTH2),
    "enable": Conversation((), Honest(QRESYNC)),
    "folders": Conversation((ListFolders(),)),
    "examine": Conversation((OPEN,)),
    "no such folder": Conversation((Examine(folder="gone"), OPEN)),
    "condstore": Conversation((OPEN,), Honest(b"IMAP4rev1 CONDSTORE")),
    "vanished": Conversation(
        (Examine(folder="INBOX", uidvalidity=42, modseq=70),), Honest(QRESYNC, vanished=b"1:6,8")
    ),
    "search": Conversation((OPEN, ListUids())),
    "search on": Conversation((OPEN, ListUids(first=8))),
    "esearch": Conversation((OPEN, ListUids()), Honest(QRESYNC)),
    "search by fetch": Conversation((OPEN, ListUids()), Honest().lying("UID SEARCH", _refused)),
    "fetch": Conversation((OPEN, FETCH)),
    "fetch nil": Conversation((OPEN, FETCH), Honest().lying("UID FETCH", _nil)),
    "slice": Conversation((OPEN, FetchSlice(uid=7, offset=3, length=5))),
    "idle": Conversation((OPEN, Idle(seconds=1))),
    "poll": Conversation((OPEN, Idle(seconds=1, poll_s=0.01)), Honest(b"IMAP4rev1")),
    "goodbye": Conversation((OPEN, Idle(seconds=1)), Honest().lying("IDLE", _goodbye)),
    "whole": Conversation((ListFolders(), OPEN, ListUids(), FETCH, Idle(seconds=1)), Honest(QRESYNC)),
}


def _hold(core: Core, conversation: Conversation, timeout_s: float = 20.0) -> list[Failure]:
    signed_in = core.sign_in(conversation.authentication, timeout_s=timeout_s)
    replies = [signed_in, *(core.ask(one) for one in conversation.requests)]
    return [reply.failure for reply in replies if isinstance(reply, Failed)]


def _cut_at(server: Server, core: Core, conversation: Conversation, offsets: Callable[[int], range]) -> None:
    server.script, server.cut = conversation.server, None
    server.talks.clear()
    honest = _hold(core, conversation)
    assert set(honest) <= ENDINGS
    whole = server.talks[0].said
    for cut in offsets(whole):
        server.cut = cut
        failed = _hold(core, conversation)
        assert set(failed) <= ENDINGS, cut
        assert failed, cut
        server.cut = None
        assert isinstance(core.sign_in(conversation.authentication), SignedIn)
    assert len(core.pair.processes()) == 2


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_server_that_hangs_up_at_some_bytes(server: Server, core: Core, name: str) -> None:
    start = list(CONVERSATIONS).index(name)
    _cut_at(server, core, CONVERSATIONS[name], lambda whole: range(start, whole, 101))


@pytest.mark.nightly
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_server_that_hangs_up_at_every_byte(server: Server, core: Core, name: str) -> None:
    _cut_at(server, core, CONVERSATIONS[name], range)


def _garble(server: Server, core: Core, conversation: Conversation, seed: int) -> None:
    """One to three bytes are not those meant: everything is answered all the same, one way or another."""
    chance = random.Random(seed)
    server.script, server.cut = conversation.server, None
    server.garbled = {chance.randrange(600): chance.choice(GARBAGE) for _ in range(chance.randint(1, 3))}
    _hold(core, conversation, timeout_s=0.4)
    server.garbled = {}
    assert isinstance(core.sign_in(conversation.authentication), SignedIn), seed
    assert len(core.pair.processes()) == 2


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_server_that_garbles_a_byte(server: Server, core: Core, name: str) -> None:
    for seed in range(3):
        _garble(server, core, CONVERSATIONS[name], seed)


@pytest.mark.nightly
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_server_that_garbles_a_byte_many_times(server: Server, core: Core, name: str) -> None:
    for seed in range(200):
        _garble(server, core, CONVERSATIONS[name], seed)


def test_there_are_twenty() -> None:
    assert len(CONVERSATIONS) == 20
