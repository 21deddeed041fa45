"""The connector and its dialer as if somebody had taken them over: they try the ways out and get nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from ingest.connector.messages import (
    Examine,
    Failed,
    Failure,
    Fetch,
    Idle,
    ListUids,
    Messages,
    SignedIn,
    SignIn,
    Uids,
    Woken,
)
from tests.support.confined import PLAIN_USER, ROOT, outcomes
from tests.support.connecting import connector, failure
from tests.support.indexing import until
from tests.support.liar_server import Honest, Server, saying, serving

USERS = [0, PLAIN_USER] if os.geteuid() == 0 else [0]

GIVEN = """
left, right = socket.socketpair()
listener, other = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
given = socket.socket()
given.connect(listener.getsockname())  # what the dialer hands over
there, _ = listener.accept()
secret = "/etc/hostname"
"""
WAYS_OUT = """
for family in (socket.AF_UNIX, socket.AF_NETLINK, 17, 16, 31, 38, 40):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        attempt(f"socket {family} {kind}", lambda: socket.socket(family, kind))
for family in (socket.AF_INET, socket.AF_INET6):
    attempt(f"raw {family}", lambda: socket.socket(family, socket.SOCK_RAW, 1))
attempt("bind", lambda: given.bind(("127.0.0.1", 0)))
attempt("listen", lambda: listener.listen())
attempt("accept", lambda: listener.accept())
attempt("fast open", lambda: given.sendto(b"x", socket.MSG_FASTOPEN, other.getsockname()))
attempt("write", lambda: os.open("/tmp/out", os.O_WRONLY | os.O_CREAT))
attempt("memory", lambda: os.memfd_create("x"))
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("fork", os.fork)
attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
attempt("kill", lambda: os.kill(os.getppid(), 0))
attempt("ptrace", lambda: seccomp.syscall("ptrace", 0, 0, 0, 0))
attempt("io_uring", lambda: seccomp.syscall("io_uring_setup", 4, bytes(200)))
attempt("namespace", lambda: seccomp.unshare(0x10000000))
"""


@pytest.mark.parametrize("user", USERS)
def test_an_evil_connector_gets_nothing_but_the_socket_it_was_given(user: int) -> None:
    told = outcomes(
        GIVEN
        + """
layers = confine.confine("connector")
confine.shut_files()
"""
        + WAYS_OUT
        + """
for family in (socket.AF_INET, socket.AF_INET6):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        attempt(f"socket {family} {kind}", lambda: socket.socket(family, kind))
attempt("connect on", lambda: given.connect(other.getsockname()))
attempt("disconnect", lambda: seccomp.syscall("connect", given.fileno(), bytes(16), 16))
attempt("read", lambda: open(secret))
attempt("read a link", lambda: os.open("/proc/self/environ", os.O_RDONLY))
attempt("list", lambda: os.listdir("/"))
refused = dict(told)
told.clear()
told["refused"], told["layers"] = refused, layers
given.sendall(b"mail"); told["given"] = there.recv(4).decode()
""",
        user=user,
    )
    refused = told["refused"]
    assert isinstance(refused, dict)
    assert set(refused.values()) == {"EPERM"}, refused
    assert told["given"] == "mail"
    layers = told["layers"]
    assert isinstance(layers, list)
    assert set(layers) >= {"no_new_privs", "seccomp", "no capabilities"}


@pytest.mark.parametrize("user", USERS)
def test_an_evil_dialer_reaches_no_other_port_and_serves_nobody(user: int) -> None:
    told = outcomes(
        GIVEN
        + """
layers = confine.confine("dialer", ports=(listener.getsockname()[1], 53))
lock = confine.Layer.TCP in layers
"""
        + WAYS_OUT
        + """
refused = dict(told)
told.clear()
told["refused"], told["landlock"] = refused, lock
attempt("its port", lambda: socket.socket().connect(listener.getsockname()))
attempt("another port", lambda: socket.socket().connect(other.getsockname()))
attempt("resolver", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 53)))
""",
        user=user,
    )
    refused = told["refused"]
    assert isinstance(refused, dict)
    assert set(refused.values()) == {"EPERM"}, refused
    assert (told["its port"], told["resolver"]) == ("done", "done")
    assert told["another port"] == ("EACCES" if told["landlock"] else "done")


def test_one_of_its_files_is_none_of_anothers() -> None:
    told = outcomes('confine.shut_files()\nattempt("read", lambda: open("/etc/hostname"))')
    assert told == {"read": "EPERM"}


def test_the_connector_is_watched_and_its_dialer_is_free_to_connect(server: Server) -> None:
    with connector(server.port) as core:
        assert isinstance(core.sign_in(), SignedIn)
        seen = core.watch.report()
        filters = {role: _status(pid, "Seccomp_filters") for role, pid in core.pair.processes()}
    assert seen.total == 0
    assert seen.self_tests == 2, "socket and connect, of the connector"
    assert filters["connector"] > filters["dialer"]


def test_both_end_when_the_core_hangs_up(server: Server) -> None:
    with connector(server.port) as core:
        assert isinstance(core.sign_in(), SignedIn)
        assert [role for role, _ in core.pair.processes()] == ["connector", "dialer"]
        core.wire.close()
        _until(lambda: not core.pair.processes())


def test_both_end_when_the_core_hangs_up_while_it_waits(server: Server) -> None:
    server.script = lambda talk: (talk.line(), None)[1]  # never greets
    with connector(server.port) as core:
        core.wire.send(SignIn(host="127.0.0.1", user="a", secret=b"b", timeout_s=3000.0))
        time.sleep(0.2)
        core.wire.close()
        _until(lambda: not core.pair.processes())


def test_both_end_with_their_parent() -> None:
    with serving(Honest()) as server:
        code = f"""
import os, sys
from ingest.connector.launch import Pair
from policy.egress import Watch
pair = Pair("127.0.0.1", {server.port}, Watch())
print(pair._connector.pid, pair._dialer.pid, flush=True)
sys.stdin.read()
os.kill(os.getpid(), 9)
"""
        parent = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        parent.communicate()
        _until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_memory_stays_small_and_idling_costs_nothing(server: Server) -> None:
    body = os.urandom(1 << 20)
    server.script = Honest(messages=dict.fromkeys(range(1, 16), body), news=())
    with connector(server.port) as core:
        core.sign_in()
        core.ask(Examine(folder="INBOX"))
        for _ in range(3):
            reply = core.ask(Fetch(uids=tuple(range(1, 16)), most_bytes=1 << 20))
            assert isinstance(reply, Messages)
            assert [message.content == body for message in reply.messages] == [True] * 15
        pid = core.pair.processes()[0][1]
        assert _status(pid, "VmHWM") < 100_000  # kB; limits make sure of it
        until(lambda: _status(pid, "VmRSS") < 60_000)  # given back once the reply is sent
        spent = _cpu_ticks(pid)
        assert core.ask(Idle(seconds=2)) == Woken(changed=False)
        assert _cpu_ticks(pid) - spent <= 1


@pytest.mark.parametrize(
    "count", [100_000, pytest.param(1_000_000, marks=pytest.mark.nightly, id="a million")]
)
def test_many_uids_fit(server: Server, count: int) -> None:
    numbers = b" ".join(b"%d" % uid for uid in range(10**6, 10**6 + 2 * count, 2))
    server.script = (
        Honest(b"IMAP4rev1")
        .lying("EXAMINE", saying(b"* %d EXISTS\r\n* OK [UIDVALIDITY 1] so\r\n" % count))
        .lying("UID SEARCH", saying(b"* SEARCH " + numbers + b"\r\n"))
    )
    with connector(server.port) as core:
        core.sign_in()
        core.ask(Examine(folder="INBOX"))
        reply = core.ask(ListUids())
        assert isinstance(reply, Uids)
        assert len(reply.ranges) == count
        assert _status(core.pair.processes()[0][1], "VmHWM") < 100_000


def _status(pid: int, name: str) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def _cpu_ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as stat:
        user, system = stat.read().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def test_a_port_that_nobody_listens_on_and_a_name_that_nobody_has() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with connector(closed.getsockname()[1]) as core:
            assert failure(core.sign_in()) is Failure.UNREACHABLE
    with connector(143, "name.invalid") as core:
        assert failure(core.sign_in(timeout_s=5)) is Failure.UNREACHABLE


@pytest.mark.parametrize("host", ["127.1", "0.0.0.0", "169.254.169.254"])
def test_addresses_that_are_no_mail_server_are_refused(server: Server, host: str) -> None:
    with connector(server.port, host) as core:
        reply = core.sign_in(timeout_s=5)
        assert isinstance(reply, Failed)
        assert reply.failure is Failure.NOT_ALLOWED


def test_what_the_connector_is_told_of_a_host_does_not_change_where_it_goes(server: Server) -> None:
    with connector(server.port) as core:
        core.host = "192.0.2.1"
        reply = core.sign_in()
        assert isinstance(reply, SignedIn)
        assert reply.address == f"127.0.0.1:{server.port}"
