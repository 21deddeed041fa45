"""Confined processes try what they must not be able to do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.confined import PLAIN_USER, outcomes

ROWS = ["core", "zygote", "parser", "importer", "converter", "model", "connector"]
USERS = [0, PLAIN_USER] if os.geteuid() == 0 else [0]

SOCKETS = """
left, right = socket.socketpair()
layers = confine.confine({row!r}, Limits(), watched=False)
told["layers"] = layers
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_UNIX, 16, 17, 31, 38, 40):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        attempt(f"socket {{family}} {{kind}}", lambda: socket.socket(family, kind))
attempt("datagram pair", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
attempt("connect", lambda: right.connect("/run/systemd/resolve/io.systemd.Resolve"))
attempt("bind", lambda: right.bind("\\0strongroom"))
attempt("fastopen", lambda: right.send(b"x", socket.MSG_FASTOPEN))
attempt("io_uring", lambda: seccomp.syscall("io_uring_setup", 4, bytes(200)))
attempt("ptrace", lambda: seccomp.syscall("ptrace", 0, 0, 0, 0))
attempt("setns", lambda: seccomp.syscall("setns", 0, 0))
left.sendall(b"still"); told["inherited"] = right.recv(5).decode()
told["pair"] = [s.type for s in socket.socketpair()]
thread = threading.Thread(target=lambda: told.update(thread="ran"))
try:
    thread.start(); thread.join()
except RuntimeError:
    told["thread"] = "none"
"""


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("user", USERS)
def test_no_row_makes_or_connects_a_socket(row: str, user: int) -> None:
    told = outcomes(SOCKETS.format(row=row), user=user)
    layers = told.pop("layers")
    assert isinstance(layers, list)
    assert set(layers) >= {"no_new_privs", "seccomp"}
    assert told.pop("inherited") == "still"
    assert told.pop("pair") == [1, 1]
    assert told.pop("thread") == ("none" if row in ("parser", "importer") else "ran")
    assert set(told.values()) == {"EPERM"}, told


ANSWERING = """
confine.confine({row!r}, Limits())
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("kill parent", lambda: os.kill(os.getppid(), 0))
attempt("parent's limits", lambda: __import__("resource").prlimit(os.getppid(), 7, (10, 10)))
attempt("user namespace", lambda: seccomp.unshare(0x10000000))
attempt("network namespace", lambda: seccomp.unshare(0x40000000))
attempt("own memory from outside", lambda: open(f"/proc/{{os.getppid()}}/mem", "rb").read(1))
told["capabilities"] = [l.split()[1] for l in open("/proc/self/status") if l.startswith("Cap")]
told["interfaces"] = len(open("/proc/self/net/dev").readlines()) - 2
"""


@pytest.mark.parametrize("row", ["zygote", "parser", "importer", "model", "connector"])
@pytest.mark.parametrize("user", USERS)
def test_answering_rows_start_no_program_and_touch_no_other_process(row: str, user: int) -> None:
    told = outcomes(ANSWERING.format(row=row), user=user)
    effective = told.pop("capabilities")
    assert isinstance(effective, list)
    assert effective[:3] == ["0" * 16] * 3
    interfaces = told.pop("interfaces")
    if row != "parser":  # a worker is in its zygote's namespace
        assert interfaces == 1  # a loopback that is down
    assert told.pop("own memory from outside") in {"EPERM", "EACCES", "EIO"}
    assert set(told.values()) == {"EPERM"}, told


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may write to; pytest's own lies below one that only its user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("user", USERS)
def test_the_parser_writes_nowhere_and_forks_nothing(user: int, open_folder: Path) -> None:
    told = outcomes(
        f"""
        where = {str(open_folder)!r}
        mine = where + "/mine"
        open(mine, "w").close()
        made = os.memfd_create("children")
        confine.confine("parser", Limits(child_bytes=1000), reads=[where])
        for flags in ("w", "a", "r+", "x"):
            attempt(f"open {{flags}}", lambda: open(mine if flags != "x" else where + "/new", flags))
        attempt("null", lambda: open("/dev/null", "wb"))
        attempt("temporary", lambda: os.open(where, os.O_TMPFILE | os.O_RDWR))
        attempt("unlink", lambda: os.unlink(mine))
        attempt("rename", lambda: os.rename(mine, mine + "2"))
        attempt("mkdir", lambda: os.mkdir(where + "/d"))
        attempt("link", lambda: os.link(mine, mine + "2"))
        attempt("symlink", lambda: os.symlink(mine, mine + "2"))
        attempt("chmod", lambda: os.chmod(mine, 0o777))
        attempt("utime", lambda: os.utime(mine))
        attempt("setxattr", lambda: os.setxattr(mine, "user.a", b"b"))
        attempt("truncate", lambda: os.truncate(mine, 0))
        attempt("memfd", lambda: os.memfd_create("more"))
        attempt("fork", os.fork)
        attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {{}}))
        told2 = dict(told); told.clear()
        told["refused"] = told2
        attempt("read", lambda: open(mine, "rb").read())
        attempt("inherited", lambda: os.write(made, b"x" * 1000))
        attempt("too much", lambda: os.write(made, b"x"))
        told["there"] = os.listdir(where)
        """,
        user=user,
    )
    assert set(told.pop("refused").values()) == {"EPERM"}  # type: ignore[attr-defined]
    assert told == {"read": "done", "inherited": "done", "too much": "EFBIG", "there": ["mine"]}


def test_memory_has_an_end_for_private_and_shared_mappings() -> None:
    told = outcomes(
        """
        import mmap
        confine.confine("parser", Limits(parse_memory=200 << 20))
        attempt("shared", lambda: mmap.mmap(-1, 300 << 20))
        try:
            told["private"] = len(bytearray(300 << 20))
        except MemoryError:
            told["private"] = "MemoryError"
        """
    )
    assert told == {"shared": "ENOMEM", "private": "MemoryError"}


def test_a_confined_core_cannot_be_read_by_another_process_of_its_user() -> None:
    told = outcomes(
        """
        ready, go = os.pipe(), os.pipe()
        core = os.fork()
        if core == 0:
            confine.confine("core")
            os.write(ready[1], b"x"); os.read(go[0], 1); os._exit(0)
        os.read(ready[0], 1)
        attempt("memory", lambda: open(f"/proc/{core}/mem", "rb").read(1))
        attempt("environment", lambda: open(f"/proc/{core}/environ", "rb").read(1))
        os.write(go[1], b"x"); os.waitpid(core, 0)
        """,
        user=PLAIN_USER if os.geteuid() == 0 else 0,
    )
    assert set(told.values()) <= {"EACCES", "EPERM"}


def test_it_fails_closed_when_the_watch_that_was_promised_is_not_there() -> None:
    told = outcomes(
        """
        try:
            confine.confine("model", watched=True)
        except ConfinementError as error:
            told["error"], told["code"] = str(error), error.exit_code
        """
    )
    assert told["code"] == 78
    assert "was not refused" in str(told["error"])
    assert "\n" not in str(told["error"])


def test_it_refuses_to_come_after_threads() -> None:
    told = outcomes(
        """
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait); thread.start()
        try:
            confine.confine("model")
        except ConfinementError as error:
            told["error"] = str(error)
        stop.set(); thread.join()
        """
    )
    assert "threads" in str(told["error"])


def test_a_kernel_without_namespaces_is_told_apart() -> None:
    told = outcomes(
        """
        seccomp.load({"unshare": seccomp.DENY})
        told["layers"] = confine.confine("model")
        """
    )
    assert isinstance(told["layers"], list)
    assert "network namespace" not in told["layers"]


def test_a_kernel_without_seccomp_is_one_clear_line() -> None:
    told = outcomes(
        """
        seccomp.load({"seccomp": seccomp.DENY})
        try:
            confine.confine("model")
        except ConfinementError as error:
            told["error"], told["code"] = str(error), error.exit_code
        """
    )
    assert told["code"] == 78
    assert os.uname().release in str(told["error"])
    assert "CONFIG_SECCOMP_FILTER" in str(told["error"])


def test_importing_a_library_that_tries_ipv6_makes_no_attempt() -> None:
    told = outcomes('confine.confine("core")\ntold["has"] = socket.has_ipv6')
    assert told == {"has": False}
