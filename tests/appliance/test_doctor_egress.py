"""The observed run, for real: samples of all formats, and a report that proves that nothing left."""

from __future__ import annotations

import subprocess

import pytest

from appliance import egress_report, observation
from policy.confine import TABLE
from tests.support.running import Running, command


@pytest.mark.parametrize("idle", [1, pytest.param(90, marks=pytest.mark.nightly)])
def test_a_run_proves_itself_and_leaves_nothing_behind(
    tmp_path_factory: pytest.TempPathFactory, idle: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("egress")  # a home's path must not be long
    owner = Running(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        command(
            *("doctor", "--egress", "--idle", str(idle), "--report", str(tmp_path / "report.json")),
            *("--home", str(owner.home), "--passphrase-file", str(owner.key_file)),
        ),
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(temporary), "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing left this machine" in done.stdout
    signed = observation.opened((tmp_path / "report.json").read_bytes())
    found = signed.report
    assert not found.shortcomings()
    assert signed.key in done.stdout
    assert {row.row for row in found.rows} == TABLE.keys()
    given = {name for name, _ in egress_report.documents(pictures=True)}
    assert {document.name for document in found.documents} >= given - {"a.mbox"}
    assert found.idled == idle
    assert found.refused == sum(each.times for each in found.attempts)
    assert found.layers.keys() >= {"core", "zygote", "model"}
    assert all("seccomp" in layers for layers in found.layers.values())
    assert not list(temporary.iterdir())


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
