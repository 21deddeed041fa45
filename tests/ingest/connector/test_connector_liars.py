"""Servers that lie, stall, drip and babble: one clear failure each, in time, and the connector lives on."""

from __future__ import annotations

import pytest

from ingest.connector.messages import (
    Examine,
    Failed,
    Failure,
    Fetch,
    Fetched,
    FetchSlice,
    Messages,
    Opened,
    Reply,
    Slice,
)
from tests.support.connecting import Core, failure, opened
from tests.support.liar_server import (
    Answer,
    Command,
    Honest,
    Server,
    Talk,
    dripping,
    fetched,
    flooding,
    saying,
    silent,
)

OPEN, FETCH = Examine(folder="INBOX"), Fetch(uids=(7, 9), most_bytes=100)


NONSENSE: dict[str, tuple[bytes, ...]] = {
    "huge literal": (b"* 1 FETCH (UID 7 BODY[]<0> {99999999999}\r\n",),
    "literal larger than asked for": (b"* 1 FETCH (UID 7 BODY[]<0> {101}\r\n", b"x" * 101 + b")\r\n"),
    "literal of a size that is no number": (b"* 1 FETCH (UID 7 BODY[]<0> {" + b"9" * 5000 + b"}\r\n",),
    "garbage": (bytes(range(1, 256)) * 3 + b"\r\n",),
    "nothing but zeros": (bytes(100) + b"\r\n",),
    "a bare line feed": (b"* OK so\n",),
    "another's tag": (b"XYZ12 OK done\r\n",),
    "a tag of ours from the past": (b"TAG0 OK done\r\n",),
    "a request to go on": (b"+ go on\r\n" * 3,),
    "an EXISTS that is no number": (b"* x EXISTS\r\n", b"* EXISTS many\r\n"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_one_clear_failure(server: Server, core: Core, name: str) -> None:
    assert isinstance(opened(server, core, Honest().lying("UID FETCH", saying(*NONSENSE[name]))), Opened)
    reply = core.ask(FETCH)
    assert isinstance(reply, Failed) or name == "a request to go on"
    if isinstance(reply, Failed):
        assert reply.failure is Failure.PROTOCOL
        assert "\n" not in reply.what
        assert len(reply.what) < 120
        assert failure(core.ask(FETCH)) is Failure.CLOSED  # the connection is gone


ENDLESS: dict[str, Answer] = {
    "a line": flooding(b"x" * 65536),
    "answers that nobody asked for": flooding(b"* SEARCH " + b"1 " * 1000 + b"\r\n"),
    "unknown answers": flooding(b"* FROBNICATE now\r\n" * 1000),
    "one message again and again": flooding(fetched(1, 7, b"x" * 100) * 100),
    "parentheses": saying(b"* 1 FETCH " + b"(" * 60_000 + b"\r\n" * 2, ok=False),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_answer_has_an_end(server: Server, core: Core, name: str) -> None:
    opened(server, core, Honest().lying("UID FETCH", ENDLESS[name]))
    assert failure(core.ask(FETCH)) is Failure.PROTOCOL


@pytest.mark.parametrize(
    "answer",
    [
        silent,
        saying(b"* 1 FETCH (UID 7 BODY[]<0> {100}\r\n", b"some", ok=False),
        dripping(b"x"),
        dripping(b"* OK wait\r\n"),
        dripping(b""),
    ],
)
def test_who_stalls_or_drips_is_given_up_in_time(server: Server, core: Core, answer: Answer) -> None:
    opened(server, core, Honest().lying("UID FETCH", answer), timeout_s=0.6)
    assert failure(core.ask(FETCH)) is Failure.TIMEOUT


def test_who_never_greets_is_given_up(server: Server, core: Core) -> None:
    server.script = Honest(greeting=b"").lying("CAPABILITY", silent)
    assert failure(core.sign_in(timeout_s=0.5)) is Failure.TIMEOUT


@pytest.mark.parametrize(
    "greeting", [b"* BYE full\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\x16\x03\x01\r\n", b"220 smtp\r\n"]
)
def test_another_greeting_is_refused(server: Server, core: Core, greeting: bytes) -> None:
    server.script = Honest(greeting=greeting)
    assert failure(core.sign_in()) in {Failure.PROTOCOL, Failure.CLOSED}


def test_who_greets_us_as_signed_in_is_refused(server: Server, core: Core) -> None:
    server.script = Honest(greeting=b"* PREAUTH welcome back\r\n")
    assert failure(core.sign_in()) is Failure.PROTOCOL


def messages(reply: Reply) -> dict[int, Fetched]:
    assert isinstance(reply, Messages), reply
    return {message.uid: message for message in reply.messages}


GOOD = fetched(2, 9, b"nine")


@pytest.mark.parametrize(
    ("said", "of_seven"),
    [
        (b"* 1 FETCH (UID 7 BODY[]<0> NIL)\r\n", None),
        (b"* 1 FETCH (UID 7 BODY[] nil)\r\n", None),
        (b'* 1 FETCH (UID 7 BODY[]<0> "sev\\"en")\r\n', b'sev"en'),
        (b"* 1 FETCH (BODY[]<0> {5}\r\nseven RFC822.SIZE 5 UID 7)\r\n", b"seven"),
        (b"* 1 FETCH (body[]<0> {5}\r\nseven uid 7 x-new {3}\r\nabc)\r\n", b"seven"),
        (
            b"* 1 FETCH (UID 7 BODY[]<0> {5}\r\nseven)\r\n* 1 FETCH (UID 7 BODY[]<0> {5}\r\nEIGHT)\r\n",
            b"seven",
        ),
        (b"* 1 FETCH (UID 7 BODY[]<0> NIL)\r\n* 1 FETCH (UID 7 BODY[]<0> {5}\r\nseven)\r\n", b"seven"),
        (b'* 1 FETCH (UID 7 RFC822.SIZE -1 INTERNALDATE "soon" BODY[]<0> {5}\r\nseven)\r\n', b"seven"),
        (
            b'* 1 FETCH (UID 7 INTERNALDATE "99-Foo-99999 99:99:99 +9999" BODY[]<0> {5}\r\nseven)\r\n',
            b"seven",
        ),
        (b"* 1 FETCH (UID 7 RFC822.SIZE 99999999999999999999999 BODY[]<0> {5}\r\nseven)\r\n", b"seven"),
    ],
)
def test_a_message_is_read_however_it_is_said(
    server: Server, core: Core, said: bytes, of_seven: bytes | None
) -> None:
    opened(server, core, Honest().lying("UID FETCH", saying(said, GOOD)))
    found = messages(core.ask(FETCH))
    assert found.keys() == {7, 9}
    assert found[7].content == of_seven
    assert found[9].content == b"nine"


@pytest.mark.parametrize(
    "said",
    [
        b"* 1 FETCH (BODY[]<0> {5}\r\nseven)\r\n",  # of whom?
        b"* 1 FETCH (UID 0 BODY[]<0> {5}\r\nseven)\r\n",
        b"* 1 FETCH (UID 4294967296 BODY[]<0> {5}\r\nseven)\r\n",
        b"* 1 FETCH (UID x BODY[]<0> {5}\r\nseven)\r\n",
        b"* 1 FETCH (UID 8 BODY[]<0> {5}\r\neight)\r\n",  # nobody asked for it
        b"* 1 FETCH (UID 7 FLAGS (\\Seen))\r\n",  # news of a flag
        b"* 1 FETCH (UID 7 BODY[]<0> {5}\r\nseven\r\n",
        b"* 1 FETCH UID 7 BODY[]<0> {5}\r\nseven\r\n",
        b'* 1 FETCH (UID 7 BODY[]<0> "seven)\r\n',
        b"* 1 FETCH (UID 7 BODY[]<0>)\r\n",
        b"* 1 FETCH (UID 7 (((((((((( BODY[]<0> {5}\r\nseven)\r\n",
        b"* 1 FETCH\r\n* 1 FETCH ()\r\n* FETCH 1\r\n* 99999999999999999999 EXPUNGE\r\n* OK [FETCH 1] so\r\n",
        b"* 3 EXISTS\r\n* 1 RECENT\r\n* VANISHED 3\r\n* NO careful\r\n* FLAGS (\\x)\r\n* XNEW 3\r\n",
    ],
)
def test_one_bad_answer_spoils_no_other(server: Server, core: Core, said: bytes) -> None:
    opened(server, core, Honest().lying("UID FETCH", saying(said, GOOD)))
    assert messages(core.ask(FETCH)).keys() == {9}


def test_who_cannot_give_one_message_gives_the_others(server: Server, core: Core) -> None:
    def answer(talk: Talk, command: Command) -> None:
        talk.say(GOOD + command.tag + b" NO [SERVERBUG] internal error\r\n")

    opened(server, core, Honest().lying("UID FETCH", answer))
    assert messages(core.ask(FETCH)).keys() == {9}
    assert isinstance(core.ask(OPEN), Opened)


def test_a_slice_is_what_was_asked_for(server: Server, core: Core) -> None:
    content = bytes(range(256)) * 40
    opened(server, core, Honest(messages={7: content}))
    stretches = [core.ask(FetchSlice(uid=7, offset=at, length=4000)) for at in range(0, 12_001, 4000)]
    assert b"".join(s.content or b"" for s in stretches if isinstance(s, Slice)) == content
    assert core.ask(FetchSlice(uid=8, offset=0, length=10)) == Slice(content=None)
    assert failure(core.ask(Fetch(uids=tuple(range(1, 100)), most_bytes=1 << 20))) is Failure.PROTOCOL
