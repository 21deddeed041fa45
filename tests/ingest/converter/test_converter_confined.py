"""What a converter sees and what it tries: by its filters alone, by its box alone, and by both."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.converter import libreoffice
from ingest.errors import ConverterUnavailable
from policy import box, mode
from policy.children import SWITCHES
from policy.confine import TABLE
from policy.limits import Limits
from policy.mode import Mode
from tests.support.confined import PLAIN_USER, ROOT, outcomes
from tests.support.converting import (
    EVIL,
    convert,
    converting,
    needs_a_box,  # noqa: F401 a fixture
    told_by,
)
from tests.support.old_office import made

PATIENT = Limits(convert_wall_s=120.0)  # the machine may be busy
SWITCHED = {switch.name for switch in SWITCHES}
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
told["layers"] = confine.take_on("converter", Limits(convert_files=1000), writes=[str(work)]).in_force
attempt("read the home", lambda: os.open(secret, os.O_RDONLY))
attempt("list the home", lambda: os.open(home, os.O_RDONLY | os.O_DIRECTORY))
attempt("write the home", lambda: os.open(secret, os.O_WRONLY))
attempt("make in the home", lambda: os.open(home / "new", os.O_CREAT | os.O_WRONLY))
attempt("remove from the home", lambda: os.unlink(secret))
attempt("move out of the home", lambda: os.rename(secret, mine))
attempt("list the folder's folder", lambda: os.open(work.parent, os.O_RDONLY | os.O_DIRECTORY))
attempt("passwords", lambda: os.open("/etc/passwd", os.O_RDONLY))
attempt("memory", lambda: os.open(f"/proc/{{os.getppid()}}/mem", os.O_RDONLY))
attempt("environment", lambda: os.open(f"/proc/{{os.getppid()}}/environ", os.O_RDONLY))
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


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """LibreOffice looks installed."""
    for name in ("libmergedlo.so", "libswlo.so"):
        (tmp_path / name).touch()
    monkeypatch.setattr(libreoffice, "PROGRAM", tmp_path)


def asked(order: str, kind: str, home: Path, limits: Limits = PATIENT) -> dict[str, Any]:
    with converting(home, limits, EVIL) as made:
        told: dict[str, Any] = {"told": json.loads(convert(made.converter, order.encode(), kind))}
        return told | {"report": made.watch.report()}


@pytest.mark.usefixtures("pretended")
def test_in_its_box_is_nothing_but_what_was_put_there(tmp_path: Path) -> None:
    """Even if it never confined itself."""
    secret = tmp_path / "keys"
    secret.touch(mode=0o666)
    hidden = [str(secret), str(ROOT / "README.md"), "/etc/passwd", "/etc/shadow", "/proc/42"]
    hidden += ["/dev/shm", "/dev/mem", "/run", "/sys", "/bin/sh", "/usr/bin/env", "/etc/machine-id"]
    told = asked(" ".join(["look", *hidden]), "doc", tmp_path)["told"]
    assert told["stat"] == ["ENOENT"] * len(hidden)
    reads = TABLE["converter"].reads
    assert reads is not None
    ours = {
        *reads,
        str(ROOT / "tests"),
        sys.executable,
        str(box.FOLDER),
        str(Path(sys.prefix) / "pyvenv.cfg"),
    }
    ours |= {str(Path(sys.executable).resolve())}
    links = [str(path) for path in Path(sys.executable).parent.glob("python*")]
    for path in told["seen"]:
        within = {path, *map(str, Path(path).parents)}
        assert within & ours or path in links or Path(path).is_symlink(), path
    assert len(told["processes"]) == 2
    assert set(told["environment"]) <= {"PATH", "LANG", "HOME", "PWD", "LC_CTYPE", *SWITCHED}
    assert told["environment"]["HOME"] == "/nonexistent"
    assert told["host"] == "box"
    assert told["descriptors"] == 7, "standard ones, two wires, document and result"


@pytest.mark.usefixtures("pretended")
def test_taken_over_it_can_do_nothing_else(tmp_path: Path) -> None:
    told = asked("try /proc/1/cmdline /etc/ld.so.preload /proc/kmsg", "wpd", tmp_path)["told"]
    assert told.pop("network") is False
    assert set(told.values()) <= {"EPERM", "EACCES", "ENOENT", "EROFS"}, told


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize("kind", ["doc", "wpd"])
def test_its_attempts_are_refused_and_counted_as_its_own_whatever_it_calls_itself(
    tmp_path: Path, kind: str
) -> None:
    told = asked("reach 200", kind, tmp_path)
    assert told["told"] == "EPERM"
    assert told["report"].by_process == {"strong-convert": 200}
    assert {each.process for each in told["report"].attempts} == {"strong-convert"}


@pytest.mark.usefixtures("pretended")
def test_its_folder_has_an_end_in_bytes_and_in_files(tmp_path: Path) -> None:
    told = asked("fill", "wpd", tmp_path, Limits(convert_wall_s=120.0, convert_files=8 << 20))["told"]
    assert told["outcome"] == told["of files"] == "ENOSPC"
    assert told["bytes"] <= 8 << 20
    assert told["files"] <= 10_000


@pytest.mark.parametrize("plain", [False, True], ids=["as we are", "plain user"])
def test_it_converts_whoever_starts_it(tmp_path: Path, plain: bool) -> None:
    document = tmp_path / "a.doc"
    document.write_bytes(made("doc"))
    told = told_by(
        f"""
with converting(Path({str(tmp_path)!r}), Limits(convert_wall_s=120.0)) as made:
    told["head"] = convert(made.converter, Path({str(document)!r}).read_bytes(), "doc")[:2].decode()
    told["layers"], told["seen"] = made.converter.layers, made.watch.report().total
    told["user"] = os.geteuid()
""",
        plain=plain,
    )
    assert told["head"] == "PK"
    assert told["seen"] == 0
    assert told["user"] == (12345 if plain else os.geteuid())
    assert {"bubblewrap", "network namespace", "Landlock", "no capabilities"} <= set(told["layers"])  # type: ignore[call-overload]


def test_without_bubblewrap_there_is_none_where_it_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = made("doc")
    monkeypatch.setattr(mode, "here", lambda: Mode.SHELL)
    monkeypatch.setattr(box, "PROGRAM", str(tmp_path / "bwrap"))
    with converting(tmp_path, PATIENT) as gone:
        with pytest.raises(ConverterUnavailable, match=r"bubblewrap is not installed.*install the Debian"):
            convert(gone.converter, document, "doc")
        (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: it may not' >&2; exit 1")
        (tmp_path / "bwrap").chmod(0o755)
        with pytest.raises(ConverterUnavailable, match=r"makes no box .*it may not.*user namespaces"):
            convert(gone.converter, document, "doc")
        monkeypatch.setattr(box, "PROGRAM", "/usr/bin/bwrap")
        assert convert(gone.converter, document, "doc").startswith(b"PK"), "it is tried anew"


def test_where_namespaces_are_refused_the_reason_says_so() -> None:
    told = outcomes(
        """
        from policy import box, calls
        from policy.seccomp import DENY
        seccomp.load({"unshare": DENY, "clone": calls.unless(0, 0x7E020000, 0), "clone3": seccomp.ABSENT})
        told["says"] = str(box.refusal())
        """
    )
    assert "bubblewrap makes no box" in str(told["says"])
    assert "user namespaces" in str(told["says"])


def test_in_a_container_it_goes_without_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = made("doc")
    monkeypatch.setattr(box, "PROGRAM", "/nonexistent")
    monkeypatch.setenv("container", "podman")
    mode.here.cache_clear()
    try:
        with converting(tmp_path, PATIENT) as unboxed:
            assert convert(unboxed.converter, document, "doc").startswith(b"PK")
            layers = set(unboxed.converter.layers)
    finally:
        monkeypatch.undo()
        mode.here.cache_clear()
    assert "bubblewrap" not in layers
    assert {"Landlock", "seccomp", "no capabilities"} <= layers


def test_what_a_killed_guard_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    with converting(tmp_path, PATIENT) as first:
        folder = first.launcher._folder
        folder.mkdir(mode=0o700)
        (folder / "document.doc").write_bytes(b"words")
        with converting(tmp_path, PATIENT):
            assert not folder.exists()
