"""Nothing reaches a network, watched from outside: by every frame that leaves a namespace with a way out, and
by every system call that concerns a socket. A mail account reaches its server, and nothing else does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.client import Client
from appliance.settings import SOCKET_NAME
from ingest.readers import samples
from tests.support import netlab, traced
from tests.support.dovecot import PASSWORD, USER, dovecot
from tests.support.frames import Frame
from tests.support.netlab import RESOLVER, Room, Wired
from tests.support.running import PATIENCE_S, Running, command, running
from tests.support.traced import Traced

FIXTURES = Path(__file__).parents[2] / "fixtures"
MAIL_SERVER, MAIL_ADDRESS, MAIL_PORT = "mail.orchard.example", "203.0.113.25", 993
MAIL_PLACES = {("udp", RESOLVER, 53), ("tcp", MAIL_ADDRESS, MAIL_PORT)}
MESSAGES = [path.read_bytes() for path in sorted((FIXTURES / "mail").glob("*.eml"))[:8]]
IDLE_S, LONG_IDLE_S = 5.0, 90.0  # libraries are known that first speak after half a minute

# What a library that calls home does: without any protection it must be seen.
CALLING_HOME = """
import socket
for host in ("telemetry.example", "9.9.9.9", "2001:db8:9::9"):
    try:
        socket.create_connection((host, 443), 3).close()
    except OSError:
        pass
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    try:
        sock.sendto(b"hello", ("9.9.9.10", 5000))
    except OSError:
        pass
"""
HOME_CALLED = {
    ("udp", RESOLVER, 53),
    ("tcp", "9.9.9.9", 443),
    ("tcp", "2001:db8:9::9", 443),
    ("udp", "9.9.9.10", 5000),
}


def _place(frame: Frame) -> tuple[str, str, int | None]:
    return frame.protocol, frame.destination, frame.port


@dataclass(frozen=True)
class Day:
    """A service's day: documents and questions, then a mailbox."""

    room: Wired
    quiet: list[Frame]  # left the room until the mailbox was set up
    quiet_calls: Traced
    frames: list[Frame]
    calls: Traced
    watch: dict[str, int]  # what the service's own watch counted
    links: dict[str, set[str]]  # by the role of a process, what its network consists of
    guard: int  # its process id


def _links(pid: int) -> set[str]:
    lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    return {line.partition(":")[0].strip() for line in lines}


def _quiet_part(service: Running) -> None:
    papers = dict(samples.documents())
    for name, content in papers.items():
        (service.drop / name).write_bytes(content)
    service.settled(len(papers))
    assert len(service.search("fox", mode="keyword", limit=50)) > len(papers) / 2
    assert service.search("an animal by the water", mode="semantic")
    time.sleep(IDLE_S)


def _add_mailbox(service: Running, authority: Path) -> None:
    before = sum(service.client.call("GET", "/v1/status")["items"].values())
    place = ("--host", MAIL_SERVER, "--port", str(MAIL_PORT), "--user", USER, "--ca-file", str(authority))
    added = subprocess.run(
        command("mail", "add", "office", *place, "--home", str(service.home)),
        input=PASSWORD + "\n", capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    service.settled(before + len(set(MESSAGES)))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("day")
    calls = folder / "calls"
    around = traced.tracing(calls)
    with dovecot(names=(MAIL_SERVER,)) as server:
        server.deliver(MESSAGES)
        (folder / "ca.pem").write_bytes(server.ca)
        with netlab.wired({MAIL_SERVER: MAIL_ADDRESS}, {MAIL_PORT: server.tls_port}) as room:
            with running(folder, around=room.command(*around)) as service:
                _quiet_part(service)
                quiet, quiet_calls = room.left(), traced.read(calls)
                _add_mailbox(service, folder / "ca.pem")
                status = service.client.call("GET", "/v1/status")
                pids = {one["role"]: one["pid"] for one in status["processes"]}
                links = {role: _links(pid) for role, pid in pids.items()}
            every = traced.finished(calls)
            yield Day(room, quiet, quiet_calls, room.left(), every, status["egress"], links, pids["guard"])


def test_without_a_mailbox_no_frame_leaves_a_room_that_has_a_way_out(day: Day) -> None:
    assert day.quiet == []


def _assert_silent(calls: Traced) -> None:
    """The guard opened its listener on loopback; nothing else of the internet was let through."""
    assert [call.place and call.place[0] for call in calls.bound()] == ["127.0.0.1"]
    # The dialer's row is tried before the start, and with it a connection elsewhere, which is refused.
    assert len([call for call in calls.sockets() if call.process != "strong-dialer"]) == 1
    assert calls.went() == []
    assert calls.asked() == []


def test_without_a_mailbox_no_call_goes_to_a_network_and_no_name_is_asked_for(day: Day) -> None:
    _assert_silent(day.quiet_calls)


def test_with_a_mailbox_frames_go_to_its_server_alone(day: Day) -> None:
    assert set(map(_place, day.frames)) == MAIL_PLACES
    assert {frame.name for frame in day.frames if frame.port == 53} == {MAIL_SERVER}


def test_with_a_mailbox_the_dialer_alone_connects_and_asks_for_a_name(day: Day) -> None:
    before = len(day.quiet_calls.calls)
    after = Traced(day.calls.calls[before:])
    dialing = [call for call in after.went() if call.name == "connect" and call.place is not None]
    assert {call.process for call in dialing} == {"strong-dialer"}
    assert {call.place for call in dialing} >= {(RESOLVER, 53), (MAIL_ADDRESS, MAIL_PORT)}
    assert {call.process for call in after.went()} <= {"strong-dialer", "strong-connect"}
    assert {call.process for call in after.asked()} <= {"strong-dialer"}
    assert {call.process for call in after.sockets()} == {"strong-dialer"}


def test_only_guard_and_dialer_have_a_network(day: Day) -> None:
    links = dict(day.links)
    for role in ("core", "parser", "model", "connector"):
        assert links.pop(role) == {"lo"}, role
    assert links == {"guard": {"lo", "near"}, "dialer": {"lo", "near"}}


def test_the_guard_opens_its_listeners_and_nothing_else(day: Day) -> None:
    of_guard = Traced(tuple(call for call in day.calls.calls if call.pid == day.guard))
    (listener,) = of_guard.sockets()
    assert listener.arguments.startswith("AF_INET, SOCK_STREAM")
    assert [call.place and call.place[0] for call in of_guard.bound()] == ["127.0.0.1"]
    assert of_guard.went() == []
    assert of_guard.asked() == []


def test_what_was_refused_were_self_tests(day: Day) -> None:
    assert day.watch["total"] == 0
    assert day.watch["self_tests"] >= 3


def test_what_calls_home_in_the_same_room_is_seen(day: Day) -> None:
    """The control: the same measurement, with a program that is not confined."""
    before = len(day.room.left())
    day.room.python(CALLING_HOME)
    after = day.room.left()[before:]
    assert set(map(_place, after)) >= HOME_CALLED
    assert {frame.name for frame in after if frame.port == 53} == {"telemetry.example"}
    assert {("tcp", address, 443) for address in netlab.ANYWHERE} & set(map(_place, after))


@pytest.mark.parametrize("kind", ["empty", "wired"])
def test_what_calls_home_is_seen_by_its_system_calls(kind: str, tmp_path: Path) -> None:
    """The control: strace in both kinds of room."""
    with netlab.empty() if kind == "empty" else netlab.wired() as room:
        log = tmp_path / "calls"
        line = room.command(*traced.tracing(log), sys.executable, "-I", "-c", CALLING_HOME)
        subprocess.run(line, check=True, timeout=PATIENCE_S)
        calls = traced.finished(log)
    assert calls.asked()
    assert {("9.9.9.9", 443), ("2001:db8:9::9", 443), ("9.9.9.10", 5000)} <= {c.place for c in calls.went()}
    assert len(calls.sockets()) >= 4


def _demonstration(room: Room, around: list[str]) -> dict[str, int]:
    """The whole demonstration, and a long while with nothing to do before it ends; what its watch counted."""
    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        return _demonstrated(room, Path(folder), around)


def _demonstrated(room: Room, folder: Path, around: list[str]) -> dict[str, int]:
    ours, theirs = os.openpty()  # on a terminal it waits at its end, with the service running
    line = room.command(*around, sys.executable, "-I", "-m", "appliance.demo", "--fixtures", str(FIXTURES))
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)}  # no CI
    try:
        with subprocess.Popen(
            line, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
        ) as process:
            assert process.stdout is not None
            said = b""
            while b"until you press Enter" not in said:
                said += (more := os.read(process.stdout.fileno(), 1 << 16))
                assert more, said.decode()
            time.sleep(LONG_IDLE_S)
            (home,) = folder.glob("strongroom-demo-*/home")
            counted: dict[str, int] = Client(home / SOCKET_NAME).call("GET", "/v1/status")["egress"]
            os.write(ours, b"\n")
            said += process.stdout.read()
        assert process.returncode == 0, said.decode()
    finally:
        os.close(ours)
        os.close(theirs)
    return counted


@pytest.mark.nightly
def test_the_whole_demonstration_makes_no_call_to_a_network(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    with netlab.empty() as room:
        counted = _demonstration(room, traced.tracing(log))
        calls = traced.finished(log)
    _assert_silent(calls)
    assert counted["total"] == 0
    assert counted["self_tests"] >= 3


@pytest.mark.nightly
def test_no_frame_leaves_during_the_whole_demonstration() -> None:
    with netlab.wired() as room:
        counted = _demonstration(room, [])
        assert room.left() == []
        assert counted["total"] == 0
        room.python(CALLING_HOME)
        assert set(map(_place, room.left())) >= HOME_CALLED
