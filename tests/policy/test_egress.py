"""The egress watch: one process watches, another tries."""

from __future__ import annotations

import os

import pytest

from tests.support.confined import PLAIN_USER, outcomes

USERS = [0, PLAIN_USER] if os.geteuid() == 0 else [0]

# The watched child tries and tells what came of it; the guard adds what it saw.
WATCHED = """
here, there = socket.socketpair()
back, forth = os.pipe()
child = os.fork()
if child == 0:
    here.close()
    seccomp.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a test that fails leaves nobody waiting
    listener = egress.install_watch()
    socket.send_fds(there, [b"l"], [listener])
    os.close(listener)
    there.recv(1)
{attempts}
    os.write(forth, json.dumps(told).encode())
    os._exit(0)
_, (listener,), _, _ = socket.recv_fds(here, 1, 1)
there.close()
os.close(forth)
watch = egress.Watch(listener)
{guard}
here.sendall(b"g")
os.waitpid(child, 0)
told = json.loads(os.read(back, 1 << 16))
report = watch.report()
told["seen"] = [[a.process, a.call, a.family, a.kind, a.protocol] for a in report.attempts]
told["self_tests"], told["total"] = report.self_tests, report.total
told["where"], told["by"] = [a.destination for a in report.attempts], report.by_process
"""


def watched(attempts: str, *, guard: str = "", user: int = 0) -> dict[str, object]:
    indented = "\n".join("    " + line for line in attempts.strip().splitlines())
    return outcomes(WATCHED.format(attempts=indented, guard=guard), user=user)


@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel lets only root read where to")
def test_where_to_is_read_with_care() -> None:
    told = watched(
        """
import struct
inherited = socket.socketpair()[0].fileno()
for address in (
    struct.pack("=HH4s", 2, socket.htons(53), bytes([192, 0, 2, 1])).ljust(16, b"\\0"),
    struct.pack("=HHI16sI", 10, socket.htons(443), 0, bytes(15) + b"\\1", 0),
    struct.pack("=H", 1) + b"/words/of/a/document",
    b"",
    b"\\2",
    bytes(4000),
):
    attempt("it", lambda: seccomp.syscall("connect", inherited, address, len(address)))
for pointer, length in ((0, 16), (-1, 16), (1 << 47, 16), (8, 1 << 31)):
    attempt("it", lambda: seccomp.syscall("connect", inherited, pointer, length))
    attempt("it", lambda: seccomp.syscall("sendmsg", inherited, pointer, 0x20000000))
"""
    )
    assert told["where"] == ["192.0.2.1:53", "[::1]:443", "family 1", None, None, "family 0", *[None] * 8]


def test_one_watch_answers_several_and_a_name_that_it_knows_cannot_be_changed() -> None:
    told = outcomes(
        """
        def start(title):
            here, there = socket.socketpair()
            if os.fork():
                return here, socket.recv_fds(here, 1, 1)[1][0]
            seccomp.prctl(1, signal.SIGKILL)
            listener = egress.install_watch()
            socket.send_fds(there, [b"l"], [listener])
            os.close(listener)
            name = ctypes.create_string_buffer(title)
            seccomp.prctl(15, ctypes.addressof(name))
            there.recv(1)
            tried = []
            for _ in range(3):
                try:
                    socket.socket()
                except OSError as error:
                    tried.append(errno.errorcode[error.errno])
            there.sendall(json.dumps(tried).encode())
            os._exit(0)

        (first, listener), (second, other), (last, late) = [start(b"strong-core") for _ in range(3)]
        watch = egress.Watch(listener)
        watch.add(other, "strong-convert")
        descriptors = len(os.listdir("/proc/self/fd"))
        told["tried"] = []
        for core in (second, first):
            core.sendall(b"g")
            told["tried"] += json.loads(core.recv(100))
            os.wait()
        deadline = time.monotonic() + 20
        while len(os.listdir("/proc/self/fd")) > descriptors - 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        told["let go"] = descriptors - len(os.listdir("/proc/self/fd"))
        watch.add(late)
        last.sendall(b"g")
        told["tried"] += json.loads(last.recv(100))
        told["by"] = watch.report().by_process
        watch.close()
        dead = start(b"too late")
        watch.add(dead[1])
        dead[0].sendall(b"g")
        told["closed"] = json.loads(dead[0].recv(100))
        """
    )
    assert told == {
        "tried": ["EPERM"] * 9,
        "let go": 2,
        "by": {"strong-convert": 3, "strong-core": 6},
        "closed": ["ENOSYS"] * 3,
    }


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", ["core", "zygote", "model"])
def test_attempts_are_refused_and_seen_and_self_tests_told_apart(row: str, user: int) -> None:
    told = watched(
        f"""
confine.confine({row!r}, watched=True)
attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
attempt("udp6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("raw 253", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 253))
attempt("unix", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
""",
        user=user,
    )
    name = f"strong-{row}"
    assert told.pop("seen") == [
        [name, "socket", 2, 1, 0],
        [name, "socket", 10, 2, 0],
        [name, "socket", 16, 3, 0],
        [name, "socket", 2, 3, 253],
    ]
    assert told.pop("self_tests") == 2
    assert told.pop("total") == 4
    assert told.pop("by") == {name: 4}
    assert told.pop("where") == [None] * 4
    assert set(told.values()) == {"EPERM"}


def test_an_inherited_listener_cannot_be_turned_around() -> None:
    """Shut down, a listening socket may be connected elsewhere: that is a way out without socket()."""
    told = outcomes(
        """
        listening = socket.create_server(("127.0.0.1", 0))
        target = socket.create_server(("127.0.0.1", 0))
        """
        + WATCHED.format(
            attempts="""
    confine.confine("core", watched=True)
    target_address = target.getsockname()
    told["target"] = "127.0.0.1:%d" % target_address[1]
    attempt("listen again", lambda: listening.listen(5))
    listening.shutdown(socket.SHUT_RDWR)
    attempt("connect", lambda: listening.connect(target_address))
    attempt("fast open", lambda: listening.sendto(b"x", socket.MSG_FASTOPEN, target_address))
    attempt("fast open message", lambda: listening.sendmsg([b"x"], [], socket.MSG_FASTOPEN, target_address))
""",
            guard="",
        ).replace("\n", "\n        ")
    )
    assert told["listen again"] == "done"
    assert [told[way] for way in ("connect", "fast open", "fast open message")] == ["EPERM"] * 3
    assert [call for _, call, *_ in told["seen"]] == ["connect", "sendto", "sendmsg"]  # type: ignore[attr-defined]
    assert told["where"] == [told["target"] if os.geteuid() == 0 else None] * 3


def test_a_watch_that_is_gone_lets_nothing_through() -> None:
    told = watched(
        """
confine.confine("core", watched=True)
attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
attempt("connect", lambda: there.connect("/run/x"))
""",
        guard="watch.close()",
    )
    assert (told["tcp"], told["connect"]) == ("ENOSYS", "ENOSYS")
    assert told["total"] == 0


def test_memory_is_bounded_and_the_count_goes_on() -> None:
    told = watched(
        """
for _ in range(1500):
    attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
"""
    )
    assert len(told["seen"]) == 1000  # type: ignore[arg-type]
    assert told["total"] == 1500


def test_names_ever_anew_take_no_memory() -> None:
    told = watched(
        """
for number in range(200):
    name = ctypes.create_string_buffer(b"n%d" % number)
    seccomp.prctl(15, ctypes.addressof(name))
    attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
"""
    )
    by = told["by"]
    assert isinstance(by, dict)
    assert len(by) == 65
    assert by["others"] == 200 - 64
    assert told["total"] == 200


def test_a_process_name_cannot_carry_what_is_not_printable() -> None:
    told = watched(
        r"""
name = ctypes.create_string_buffer(b"a\x1b[31m\xff\n")
seccomp.prctl(15, ctypes.addressof(name))
attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
"""
    )
    assert told["seen"] == [["a?[31m?", "socket", 2, 1, 0]]


def test_children_of_the_watched_are_watched() -> None:
    told = watched(
        """
confine.confine("core", watched=True)
code = "import socket; socket.socket()"
import subprocess
told["code"] = subprocess.run([sys.executable, "-I", "-c", code], stderr=subprocess.DEVNULL).returncode
"""
    )
    assert told["code"] == 1
    assert [row[1:] for row in told["seen"]] == [["socket", 2, 1, 0]]  # type: ignore[attr-defined]


def test_the_watch_comes_before_threads_or_not_at_all() -> None:
    told = outcomes(
        """
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait); thread.start()
        try:
            egress.install_watch()
        except ConfinementError as error:
            told["error"], told["code"] = str(error), error.exit_code
        stop.set(); thread.join()
        """
    )
    assert told["code"] == 78
