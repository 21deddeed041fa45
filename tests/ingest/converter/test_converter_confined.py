"""What a converter tries and must not be able to do; and that it does its work below a confined core."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.policy.test_egress import watched
from tests.support.confined import PLAIN_USER, outcomes
from tests.support.old_office import made

USERS = [0, PLAIN_USER] if os.geteuid() == 0 else [0]


@pytest.fixture
def places() -> Iterator[tuple[Path, Path]]:
    """The converter's folder and, beside it, a home with something in it; open to every user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        home, work = Path(folder) / "home", Path(folder) / "work"
        for each in (home, work):
            each.mkdir()
            each.chmod(0o777)
        (home / "catalog.db").write_bytes(b"secret")
        (home / "catalog.db").chmod(0o666)
        yield work, home


ATTEMPTS = """
from pathlib import Path
work, home = Path({work!r}), Path({home!r})
mine, secret = work / "mine", home / "catalog.db"
kept = os.open(secret, os.O_RDONLY)
told["layers"] = confine.confine("converter", Limits(convert_files=1000), folder=work)
attempt("read the home", lambda: os.open(secret, os.O_RDONLY))
attempt("list the home", lambda: os.open(home, os.O_RDONLY | os.O_DIRECTORY))
attempt("write the home", lambda: os.open(secret, os.O_WRONLY))
attempt("make in the home", lambda: os.open(home / "new", os.O_CREAT | os.O_WRONLY))
attempt("remove from the home", lambda: os.unlink(secret))
attempt("move out of the home", lambda: os.rename(secret, mine))
attempt("list the folder's folder", lambda: os.open(work.parent, os.O_RDONLY | os.O_DIRECTORY))
attempt("passwords", lambda: os.open("/etc/passwd", os.O_RDONLY))
attempt("own memory", lambda: os.open("/proc/self/mem", os.O_RDONLY))
attempt("environments", lambda: os.open("/proc/self/environ", os.O_RDONLY))
attempt("temporary", lambda: os.open("/tmp/strongroom", os.O_CREAT | os.O_WRONLY))
attempt("shared memory", lambda: os.open("/dev/shm/strongroom", os.O_CREAT | os.O_WRONLY))
attempt("null", lambda: os.open("/dev/null", os.O_WRONLY))
barred = dict(told); told.clear()
attempt("execute", lambda: os.execv("/bin/true", ["true"]))
attempt("fork", os.fork)
attempt("kill", lambda: os.kill(os.getppid(), 0))
attempt("symlink", lambda: os.symlink(secret, work / "link"))
attempt("link", lambda: os.link(secret, work / "link"))
attempt("chmod", lambda: os.chmod(secret, 0o777))
attempt("truncate", lambda: os.truncate(secret, 0))
attempt("memfd", lambda: os.memfd_create("more"))
attempt("mount", lambda: seccomp.syscall("mount", 0, 0, 0, 0, 0))
attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
attempt("unix", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
refused = dict(told); told.clear()
attempt("work", lambda: os.write(os.open(mine, os.O_CREAT | os.O_RDWR), b"x" * 1000))
attempt("too much", lambda: os.write(os.open(mine, os.O_APPEND | os.O_RDWR), b"x"))
attempt("folder", lambda: os.mkdir(work / "folder"))
attempt("rename", lambda: os.rename(mine, work / "folder" / "mine"))
attempt("remove", lambda: os.unlink(work / "folder" / "mine"))
attempt("fonts", lambda: os.open("/usr/share", os.O_RDONLY | os.O_DIRECTORY))
attempt("handed in", lambda: os.read(kept, 1))
try:
    told["memory"] = len(bytearray(1 << 30))
except MemoryError:
    told["memory"] = "MemoryError"
told["layers"] = barred.pop("layers")
told["barred"], told["refused"] = sorted(set(barred.values())), sorted(set(refused.values()))
told["kept"] = bool(barred.pop("read the home")) and len(barred)
"""


@pytest.mark.parametrize("user", USERS)
def test_it_sees_nothing_of_the_owner_and_writes_in_its_folder_only(
    user: int, places: tuple[Path, Path]
) -> None:
    work, home = places
    told = outcomes(ATTEMPTS.format(work=str(work), home=str(home)), user=user)
    layers = told.pop("layers")
    assert isinstance(layers, list)
    assert {"Landlock", "seccomp", "no_new_privs", "no capabilities"} <= set(layers)
    assert told.pop("kept") == 12
    # EXDEV: a name moves to no folder that grants it more than its own
    assert set(told.pop("barred")) <= {"EACCES", "EXDEV"}  # type: ignore[call-overload]
    assert set(told.pop("refused")) <= {"EPERM", "EACCES", "EXDEV"}  # type: ignore[call-overload]
    assert told.pop("too much") == "EFBIG"
    assert told.pop("memory") == "MemoryError"
    assert set(told.values()) == {"done"}, told
    assert (home / "catalog.db").read_bytes() == b"secret"


def test_without_landlock_it_refuses_to_work(tmp_path: Path) -> None:
    told = outcomes(
        f"""
        from pathlib import Path
        from policy.seccomp import Rule, Verdict
        seccomp.load({{"landlock_create_ruleset": Rule(Verdict.ABSENT)}})
        try:
            confine.confine("converter", folder=Path({str(tmp_path)!r}))
        except ConfinementError as error:
            told["error"], told["code"] = str(error), error.exit_code
        """
    )
    assert told["code"] == 78
    assert "refuses Landlock" in str(told["error"])
    assert os.uname().release in str(told["error"])


def test_without_a_folder_it_writes_nowhere(tmp_path: Path) -> None:
    told = outcomes(
        f"""
        confine.confine("converter")
        attempt("write", lambda: os.open({str(tmp_path / "new")!r}, os.O_CREAT | os.O_WRONLY))
        """
    )
    assert told == {"write": "EACCES"}


def test_it_converts_below_a_confined_core_and_nobody_reaches_out(places: tuple[Path, Path]) -> None:
    work, _ = places
    document = work / "a.doc"
    document.write_bytes(made("doc"))
    told = watched(
        f"""
from pathlib import Path
from policy import scratch
folder = scratch.private_folder(Path({str(work / "run")!r}), size=256 << 20)
confine.confine("core", watched=True)
from ingest.converter.convert import Converter
converter = Converter(folder, Limits(convert_wall_s=120.0), watched=True)
result = converter.convert(os.open({str(document)!r}, os.O_RDONLY), "doc")
told["head"] = os.read(result, 2).decode()
told["layers"] = converter.layers
told["left"] = os.listdir(folder)
told["mounted"] = folder == Path({str(work / "run")!r})
told["size"] = os.statvfs(folder).f_blocks * os.statvfs(folder).f_frsize >> 20
"""
    )
    assert told["head"] == "PK"
    assert told["left"] == []
    assert told["seen"] == []
    assert not told["mounted"] or told["size"] == 256
    assert not list((work / "run").iterdir())  # whoever is not in the namespace sees an empty folder
