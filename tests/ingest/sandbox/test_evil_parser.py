"""A parser worker that a document has taken over, and all that it tries: nothing of it succeeds, each attempt
is classified, and the next document is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ingest.errors import ParserCrash, ParserError, ParserLied, ParserOverMemory, ParserTimeout
from ingest.reading import Accepted, check
from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool
from ingest.scans import read_scans
from policy.limits import MIB, Limits
from policy.wire import seal
from tests.support import evil_attempts as evil
from tests.support.forged import CLAIMS, FRAMES, SHAPES, SOUND, Forged
from tests.support.parsing import memfd, read, text_of
from tests.support.sound import assert_sound

EVIL = "tests.support.evil_worker"
LIMITS = Limits(parse_wall_s=60.0, parse_memory=600 * MIB, child_bytes=1 * MIB)
SHORT = Limits(parse_wall_s=0.4, parse_wall_more_s=0.1, parse_wall_most_s=1.0)

# How many attempts of each kind there are, at least (on x86-64).
KINDS = {
    "reading": 40,
    "writing": 33,
    "sockets": 58,
    "programs": 18,
    "others": 44,
    "kernel": 60,
    "shared": 13,
    "itself": 13,
    "eating": 10,
}
REFUSED = {"EPERM", "EACCES", "ENOSYS"}
ENDED = {"eating": REFUSED | {"ENOMEM", "EMFILE"}, "tampering": REFUSED | {"EFBIG"}}
FORGED = {"frames": FRAMES, "shapes": SHAPES, "claims": CLAIMS}
I386 = {
    "exit": 1,
    "fork": 2,
    "open": 5,
    "getpid": 20,
    "kill": 37,
    "socketcall": 102,
    "execve": 11,
    "ptrace": 26,
}
HANDED_OVER = [
    *(f"{count} null whole" for count in (1, 2, 4, 5, 50)),
    *(f"1 {kind} whole" for kind in ("folder", "root", "pipe", "pair", "wire", "epoll")),
    *("1 null half", "4 root half", "1 null progress", "5 pair progress"),
]
DEATHS: dict[str, type[ParserError]] = {
    **dict.fromkeys(("die SIGKILL", "die SIGTERM", "die SIGILL", "die SIGBUS", "die SIGFPE"), ParserCrash),
    **dict.fromkeys(("die SIGXCPU", "die SIGSYS", "segfault", "abort"), ParserCrash),
    **dict.fromkeys(("leave 1", "leave 3", "leave 70", "leave 78", "leave 255"), ParserCrash),
    **dict.fromkeys(("leave 0", "flood", "answer_twice"), ParserLied),
}
SLOW = ["sleep", "drip", "burn", "die SIGSTOP", "progress 100 0.2 3", "progress 100 0.2 0"]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(1, LIMITS, module=EVIL)
    started.start()
    yield started
    started.close()


@pytest.fixture
def world(tmp_path: Path, pool: Pool) -> Iterator[evil.World]:
    """Files, sockets and shared memory of the same user, none of which is the worker's."""
    for name in ("keys.json", "catalog.db", ".ssh/id_ed25519", ".bash_history", "drop/other document.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a secret")
    (tmp_path / "link").symlink_to(tmp_path / "keys.json")
    (tmp_path / "hard link").hardlink_to(tmp_path / "keys.json")
    (tmp_path / "empty").mkdir()
    abstract = f"strongroom-evil-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        listeners = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        for listener, address in zip(listeners, (str(tmp_path / "socket"), f"\0{abstract}"), strict=True):
            stack.enter_context(listener)
            listener.bind(address)
            listener.listen()
            listener.setblocking(False)
        shared = stack.enter_context(evil.shared_objects(abstract))
        [zygote] = [worker.pid for worker in pool.workers()]
        yield evil.World(os.getpid(), zygote, str(tmp_path), abstract, *shared, abstract)
        for listener in listeners:
            with pytest.raises(BlockingIOError):
                listener.accept()
    assert sorted(os.listdir(tmp_path)) == sorted(
        [
            *(
                ".bash_history",
                ".ssh",
                "catalog.db",
                "drop",
                "empty",
                "hard link",
                "keys.json",
                "link",
                "socket",
            )
        ]
    )
    assert (tmp_path / "keys.json").read_text() == "a secret"


def outcomes(pool: Pool, deed: str) -> dict[str, str]:
    told: dict[str, str] = json.loads(text_of(read(pool, deed)))
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_no_attempt_on_the_machine_succeeds(pool: Pool, world: evil.World, kind: str) -> None:
    signalled: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: signalled.append(number))
    nice, cores = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)
    try:
        told = outcomes(pool, f"try {kind} {msgspec.json.encode(world).decode()}")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert {name: end for name, end in told.items() if end not in ENDED.get(kind, REFUSED)} == {}
    assert len(told) >= KINDS[kind] or os.uname().machine != "x86_64"
    assert not signalled
    assert (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)) == (nice, cores)
    assert text_of(read(pool, "an honest document")) == "an honest document"


def test_the_document_cannot_be_tampered_with(pool: Pool) -> None:
    with memfd(b"tamper") as document, memfd() as children:
        seal(document)
        told = json.loads(text_of(pool.read(Job(name="a"), document, children)))
        assert {name: end for name, end in told.items() if end not in ENDED["tampering"]} == {}
        assert os.pread(document, 100, 0) == b"tamper"
        assert os.fstat(children).st_size == 0


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only x86-64 has this other ABI")
@pytest.mark.parametrize("name", I386)
def test_no_call_of_32_bits_is_made(pool: Pool, name: str) -> None:
    told = "SIGSEGV"  # of a kernel without that ABI
    with contextlib.suppress(ParserCrash):
        told = text_of(read(pool, f"i386 {I386[name]}"))
    assert told in {*REFUSED, "SIGSEGV"}
    assert text_of(read(pool, "an honest document")) == "an honest document"


@pytest.mark.parametrize("table", FORGED)
def test_a_forged_answer_is_a_lie_or_does_no_harm(pool: Pool, table: str) -> None:
    told = {name: becomes(pool, forged) for name, forged in FORGED[table].items()}
    assert told == {name: forged.becomes for name, forged in FORGED[table].items()}
    assert text_of(read(pool, "an honest document")) == "an honest document"


def becomes(pool: Pool, forged: Forged) -> str:
    with (
        memfd(f"say {'gone ' * forged.then_gone}{forged.said.hex()}".encode()) as document,
        memfd() as children,
    ):
        try:
            untrusted = pool.read(Job(name="a.txt"), document, children)
            if untrusted.scans:
                untrusted = read_scans(untrusted, lambda _: Reply(reason="EMPTY"), LIMITS)
            outcome = check(untrusted, LIMITS, os.fstat(children).st_size)
        except ParserLied:
            return "ParserLied"
    assert_sound(outcome, LIMITS, 0)
    return SOUND


@pytest.mark.parametrize("given", HANDED_OVER)
def test_descriptors_are_taken_by_nobody(pool: Pool, given: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ParserLied):
        read(pool, f"hand_over {given}")
    assert len(os.listdir("/proc/self/fd")) == before
    assert text_of(read(pool, "an honest document")) == "an honest document"


@pytest.mark.parametrize("deed", DEATHS)
def test_however_it_ends_it_is_classified(pool: Pool, deed: str) -> None:
    with pytest.raises(DEATHS[deed]):
        read(pool, deed)
    assert text_of(read(pool, "an honest document")) == "an honest document"


def test_however_long_it_takes_it_ends() -> None:
    pool = Pool(len(SLOW), SHORT, module=EVIL)
    pool.start()
    try:
        for deed in SLOW:
            with pytest.raises(ParserTimeout):
                read(pool, deed)
        assert text_of(read(pool, "an honest document")) == "an honest document"
    finally:
        pool.close()


def test_what_eats_memory_is_told_too_large_or_dies(pool: Pool) -> None:
    with contextlib.suppress(ParserOverMemory):
        assert read(pool, "eat").reason == "TOO_LARGE"
    assert text_of(read(pool, "an honest document")) == "an honest document"


def test_a_child_does_not_change_behind_the_answer(pool: Pool) -> None:
    with memfd(b"keep") as document, memfd() as children:
        outcome = check(pool.read(Job(name="a"), document, children), LIMITS, os.fstat(children).st_size)
        assert isinstance(outcome, Accepted)
        seal(children)  # which it could not be while anybody has it mapped
        first = os.pread(children, 4096, 0)
        time.sleep(0.05)
        assert os.pread(children, 4096, 0) == first


def test_the_attempts_are_many() -> None:
    assert set(KINDS) == set(evil.KINDS)
    assert sum(KINDS.values()) > 200
    assert sum(map(len, FORGED.values())) + len(HANDED_OVER) + len(DEATHS) + len(SLOW) + len(I386) > 150
