"""The observed run, for real: samples of all formats, and a report that proves that nothing left."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance import egress_report, observation
from policy.children import SWITCHES
from policy.confine import TABLE, Layer
from tests.support import netlab
from tests.support.loosened import around
from tests.support.running import Running, command
from tests.support.sabotage import around as without


def run(folder: Path, idle: int, around: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """The command on an owner's home, with something put before it."""
    owner = Running(folder)
    (folder / "tmp").mkdir()
    asked = ("doctor", "--egress", "--idle", str(idle), "--report", str(folder / "report.json"))
    return subprocess.run(
        [*around, *command(*asked, "--home", str(owner.home), "--passphrase-file", str(owner.key_file))],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder / "tmp"), "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("egress")  # a home's path must not be long


@pytest.mark.parametrize("idle", [1, pytest.param(90, marks=pytest.mark.nightly)])
def test_a_run_proves_itself_and_leaves_nothing_behind(folder: Path, idle: int) -> None:
    done = run(folder, idle)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing left this machine" in done.stdout
    signed = observation.opened((folder / "report.json").read_bytes())
    found = signed.report
    assert not found.shortcomings()
    assert signed.key in done.stdout
    assert {row.row for row in found.rows} == TABLE.keys()
    given = {name for name, _ in egress_report.documents(pictures=True)}
    assert {document.name for document in found.documents} >= given - {"a.mbox"}
    assert found.idled == idle
    assert found.refused == 0  # the switches do what they should
    assert found.layers.keys() >= {"core", "zygote", "model"}
    assert all("seccomp" in layers for layers in found.layers.values())
    assert not list((folder / "tmp").iterdir())


@pytest.mark.nightly
def test_what_a_library_tries_is_counted_with_where_it_meant_to_go(folder: Path) -> None:
    """Without the switches that silence them, in a room with a way out."""
    with netlab.wired() as room:
        done = run(folder, 1, room.command(*around(switches=[switch.name for switch in SWITCHES])))
        assert room.left() == []
    assert done.returncode == 0, done.stdout + done.stderr
    found = observation.opened((folder / "report.json").read_bytes()).report
    assert found.refused == sum(each.times for each in found.attempts) > 0
    meant = {(each.meant.process, each.meant.destination) for each in found.intentions}
    assert ("strong-zygote", "packages.unstructured.io:443") in meant, meant


def test_without_a_layer_that_is_required_there_is_no_run(folder: Path) -> None:
    done = run(folder, 1, without(Layer.FILES))
    assert done.returncode == 78, done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    assert "Landlock" in line
    assert not (folder / "report.json").exists()


def test_attempts_that_are_alike_are_one_line() -> None:
    seen = {
        "process": "strong-parser",
        "call": "socket",
        "family": 2,
        "kind": 1,
        "protocol": 6,
        "destination": None,
    }
    lookup = {**seen, "call": "connect", "family": -1, "kind": -1, "destination": "192.0.2.1:53"}
    odd = {**seen, "family": 44, "kind": 9}
    first, *others = egress_report.attempts([seen, lookup, seen, odd])
    assert (first.family, first.kind, first.times) == ("AF_INET", "SOCK_STREAM", 2)
    assert [(each.family, each.kind, each.destination, each.times) for each in others] == [
        ("", "", "192.0.2.1:53", 1),
        ("44", "9", None, 1),
    ]
