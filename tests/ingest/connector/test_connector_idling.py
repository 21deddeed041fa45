"""IDLE is renewed in time, and sooner where a server is known to lose patience. The times are shortened."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from ingest.connector import idling
from ingest.connector.engine import Engine
from ingest.connector.idling import Idler
from ingest.connector.line import Allowance, Line
from ingest.connector.messages import FRAME_BYTES, Examine, Failure, Idle, Opened, Woken
from ingest.errors import RemoteFailed
from policy.wire import Wire
from tests.support.connecting import Core, opened
from tests.support.liar_server import Command, Honest, Server, Talk, saying


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    """The connector's end of the wire to a core that says nothing."""
    here, there = socket.socketpair()
    with here, there:
        yield here


@contextlib.contextmanager
def engine_to(server: Server, core: socket.socket) -> Iterator[Engine]:
    line = Line(socket.create_connection(("127.0.0.1", server.port)), core)
    line.allow(Allowance(20))
    engine = Engine(line)
    engine.state = "SELECTED"
    server.heard.clear()
    with contextlib.closing(line):
        yield engine


def test_idle_is_renewed(server: Server, ours: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    assert idling._RENEW_S < 29 * 60
    monkeypatch.setattr(idling, "_RENEW_S", 0.1)
    server.script = Honest(news=())
    with engine_to(server, ours) as engine:
        reply = Idler(Wire(ours, FRAME_BYTES)).idle(engine, Idle(seconds=0.6), 20, offered=True)
    assert reply == Woken(changed=False)
    assert [line for line in server.heard if line == b"DONE"] == [b"DONE"] * (len(server.heard) // 2)
    assert 2 <= server.heard.count(b"DONE") <= 7


def test_a_server_without_patience_is_asked_sooner(
    server: Server, ours: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idling, "_SHORT_S", 0.1)

    def impatient(talk: Talk, command: Command) -> None:
        talk.say(b"+ idling\r\n")
        talk.sock.settimeout(0.5)
        talk.line()
        talk.sock.settimeout(None)
        talk.say(command.tag + b" OK done\r\n")

    server.script = Honest().lying("IDLE", impatient)
    idler = Idler(Wire(ours, FRAME_BYTES))
    with engine_to(server, ours) as engine, pytest.raises(RemoteFailed) as caught:
        idler.idle(engine, Idle(seconds=20), 20, offered=True)
    assert caught.value.failure is Failure.CLOSED
    with engine_to(server, ours) as engine:
        assert idler.idle(engine, Idle(seconds=1.5), 20, offered=True) == Woken(changed=False)
    assert server.heard.count(b"DONE") >= 2


def test_numbers_beyond_all_measure_are_not_believed(server: Server, core: Core) -> None:
    most = b"* OK [HIGHESTMODSEQ 9223372036854775807] a\r\n* OK [UIDNEXT 9999999999999999999] b\r\n"
    reply = opened(server, core, Honest().lying("EXAMINE", saying(b"* OK [UIDVALIDITY 1] c\r\n" + most)))
    assert reply == Opened(uidvalidity=1, exists=0, modseq=2**63 - 1)
    for said in (b"* OK [UIDVALIDITY " + b"9" * 30 + b"] c\r\n", b"* 99999999999999999999 EXISTS\r\n"):
        server.script = Honest().lying("EXAMINE", saying(said))
        core.sign_in()
        reply = core.ask(Examine(folder="INBOX"))
        assert getattr(reply, "failure", None) in {Failure.FOLDER, Failure.PROTOCOL}


@pytest.mark.nightly
def test_an_answer_that_fills_all_memory_is_given_up(server: Server, core: Core) -> None:
    flood = b"* OK [x] y\r\n" * 1000

    def floods(talk: Talk, _: Command) -> None:
        while True:
            talk.say(flood)

    reply = opened(server, core, Honest().lying("EXAMINE", floods))
    assert getattr(reply, "failure", None) is Failure.PROTOCOL
