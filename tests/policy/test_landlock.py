"""Landlock by itself, without the filters that stand before it in our processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policy import landlock
from tests.support.confined import PLAIN_USER, outcomes

USERS = [0, PLAIN_USER] if os.geteuid() == 0 else [0]

pytestmark = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")

FILES = """
from policy import landlock
os.chdir("/")
base = tempfile.mkdtemp()
for name in ("library", "work", "home"):
    os.mkdir(f"{base}/{name}")
    open(f"{base}/{name}/file", "w").write(name)
library, work, home = (f"{base}/{name}" for name in ("library", "work", "home"))
os.symlink(home + "/file", library + "/link")
os.symlink(home, work + "/folder")
shutil.copy("/bin/true", work + "/true")
kept = os.open(home + "/file", os.O_RDWR)
abi = landlock.restrict(landlock.Paths(reads=[library], writes=[work]))
"""


@pytest.mark.parametrize("user", USERS)
def test_only_what_is_named_can_be_read_or_written(user: int) -> None:
    told = outcomes(
        FILES
        + """
for name, path in {
    "file": home + "/file", "link": library + "/link", "up": library + "/../home/file",
    "folder": work + "/folder/file", "root": "/proc/self/root" + home + "/file",
    "cwd": "/proc/self/cwd" + home + "/file", "users": "/etc/passwd", "descriptor": f"/proc/self/fd/{kept}",
}.items():
    attempt("read " + name, lambda: os.open(path, os.O_RDONLY))
    attempt("write " + name, lambda: os.open(path, os.O_WRONLY))
attempt("list", lambda: os.listdir(home))
attempt("list /", lambda: os.listdir("/"))
attempt("write a library", lambda: os.open(library + "/file", os.O_WRONLY))
attempt("add to a library", lambda: os.open(library + "/new", os.O_WRONLY | os.O_CREAT))
attempt("remove", lambda: os.unlink(home + "/file"))
attempt("remove from a library", lambda: os.unlink(library + "/file"))
attempt("make a folder", lambda: os.mkdir(home + "/new"))
attempt("make a socket", lambda: os.mknod(work + "/socket", 0o140600))
attempt("make a pipe", lambda: os.mkfifo(work + "/pipe"))
attempt("make a link", lambda: os.symlink("file", work + "/other"))
attempt("move in", lambda: os.rename(home + "/file", work + "/moved"))
attempt("move out", lambda: os.rename(work + "/file", home + "/moved"))
attempt("link in", lambda: os.link(home + "/file", work + "/moved"))
attempt("run", lambda: os.execv(work + "/true", ["true"]))
attempt("run a shell", lambda: os.execv("/bin/sh", ["sh", "-c", "exit 9"]))
refused = dict(told)
told.clear()
attempt("read a library", lambda: open(library + "/file").read())
attempt("list a library", lambda: os.listdir(library))
attempt("write", lambda: open(work + "/file", "w").write("more"))
attempt("add", lambda: open(work + "/new", "w").write("more"))
attempt("rename", lambda: os.rename(work + "/new", work + "/newer"))
attempt("delete", lambda: os.unlink(work + "/newer"))
attempt("folder", lambda: os.mkdir(work + "/more"))
attempt("kept", lambda: os.write(kept, b"still"))
told["refused"], told["abi"] = refused, abi
""",
        user=user,
    )
    refused = told.pop("refused")
    assert isinstance(refused, dict)
    assert told.pop("abi") == landlock.version()
    assert len(refused) == 31
    # EXDEV: a name moves to no folder that grants it more than its own
    assert set(refused.values()) <= {"EACCES", "EXDEV"}, refused
    assert set(told.values()) == {"done"}, told


@pytest.mark.parametrize("user", USERS)
def test_reading_can_be_left_free_while_writing_and_running_are_not(user: int) -> None:
    told = outcomes(
        """
        from policy import landlock
        import sys
        landlock.restrict(landlock.Paths(reads=None, executes=[sys.executable]))
        attempt("read", lambda: open("/etc/passwd").read())
        attempt("list", lambda: os.listdir("/"))
        attempt("write", lambda: os.open("/dev/null", os.O_WRONLY))
        attempt("run", lambda: os.execv("/bin/true", ["true"]))
        """,
        user=user,
    )
    assert told == {"read": "done", "list": "done", "write": "EACCES", "run": "EACCES"}


@pytest.mark.skipif(landlock.version() < landlock.ABI_WITH_TCP, reason="this Landlock knows no ports")
@pytest.mark.parametrize("user", USERS)
def test_only_named_ports_are_connected_to_and_none_is_bound(user: int) -> None:
    told = outcomes(
        """
        from policy import landlock
        mail, other = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        landlock.restrict(landlock.Paths(reads=None), ports=[mail.getsockname()[1]])
        attempt("mail", lambda: socket.socket().connect(mail.getsockname()))
        attempt("other", lambda: socket.socket().connect(other.getsockname()))
        attempt("bind", lambda: socket.socket().bind(("127.0.0.1", 0)))
        """,
        user=user,
    )
    assert told == {"mail": "done", "other": "EACCES", "bind": "EACCES"}


@pytest.mark.skipif(landlock.version() < landlock.ABI_WITH_SCOPE, reason="this Landlock knows no scope")
@pytest.mark.parametrize("user", USERS)
def test_signals_and_abstract_sockets_do_not_leave_what_it_started(user: int) -> None:
    told = outcomes(
        """
        from policy import landlock
        outside = socket.socket(socket.AF_UNIX); outside.bind("\\0strongroom-outside"); outside.listen()
        ready, go = os.pipe(), os.pipe()
        inner = os.fork()
        if inner == 0:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
            landlock.restrict(landlock.Paths(reads=None))
            attempt("parent", lambda: os.kill(os.getppid(), 0))
            attempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect("\\0strongroom-outside"))
            child = os.fork()
            if child == 0:
                signal.pause()
            attempt("child", lambda: os.kill(child, signal.SIGKILL))
            os.waitpid(child, 0)
            os.write(ready[1], json.dumps(told).encode())
            os.read(go[0], 1)
            os._exit(1)
        told = json.loads(os.read(ready[0], 10000))
        os.kill(inner, signal.SIGTERM)  # from outside it is still told to stop
        told["stopped"] = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
        """,
        user=user,
    )
    assert told == {"parent": "EPERM", "abstract": "EPERM", "child": "done", "stopped": 7}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has the kernel drop what it holds in memory")
def test_what_is_named_in_proc_can_be_read_when_memory_was_scarce() -> None:
    told = outcomes(
        """
        from policy import landlock
        paths = ["/proc/self", "/proc/meminfo"]
        landlock.restrict(landlock.Paths(reads=paths, writes=["/proc/sys/vm/drop_caches"]))
        for _ in range(3):
            with open("/proc/sys/vm/drop_caches", "w") as caches:
                caches.write("2")  # names and inodes
        attempt("process", lambda: os.open("/proc/self/status", os.O_RDONLY))
        attempt("file", lambda: os.open("/proc/meminfo", os.O_RDONLY))
        attempt("other process", lambda: os.open(f"/proc/{os.getppid()}/status", os.O_RDONLY))
        """
    )
    assert told == {"process": "done", "file": "done", "other process": "EACCES"}


@pytest.mark.parametrize("abi", range(1, 9))
def test_rules_of_every_age_of_the_interface_are_taken(abi: int, tmp_path: Path) -> None:
    if abi > landlock.version():
        pytest.skip("this kernel is older than that")
    told = outcomes(
        f"""
        from policy import landlock
        landlock.version = lambda: {abi}
        told["abi"] = landlock.restrict(landlock.Paths(writes=[{str(tmp_path)!r}], executes=[sys.executable]))
        attempt("read", lambda: os.open("/etc/passwd", os.O_RDONLY))
        attempt("write", lambda: open({str(tmp_path / "new")!r}, "w").write("more"))
        """
    )
    assert told == {"abi": abi, "read": "EACCES", "write": "done"}
