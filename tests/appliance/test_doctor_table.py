"""The doctor shows what is really in force, and what is missing makes it exit with 78."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import doctor, doctor_table, render_doctor
from appliance.living import look
from policy import trial
from policy.confine import TABLE, Layer
from tests.support.confined import ROOT
from tests.support.running import command
from tests.support.sabotage import around

CONFINED = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from policy import confine
confine.confine("model")
print("confined", flush=True)
sys.stdin.read()
"""


def test_it_shows_every_row_within_the_width_of_a_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        command("doctor", "--home", str(tmp_path)), capture_output=True, text=True, check=False
    )
    assert "MISSING" not in done.stdout, done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    for row in TABLE:
        [kept, layers] = [line for line in lines if line.startswith(f"{row} ")]
        assert "keys: " in kept
        assert " yes " in layers


def test_a_layer_that_is_missing_shows_and_exits_78(tmp_path: Path) -> None:
    done = subprocess.run(
        [*around(Layer.FILES), *command("doctor", "--json", "--home", str(tmp_path))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert not found["confined"]
    rows = {row["row"]: row for row in found["table"]["rows"]}
    assert rows.keys() == TABLE.keys()
    for row in rows.values():
        assert "Landlock" in row["missing"], row
        assert "remedy: " in row["missing"]["Landlock"]
        assert "Landlock" not in row["in_force"]


def test_a_trial_that_does_not_run_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial.sys, "executable", "/bin/false")  # type: ignore[attr-defined]
    [line] = doctor_table.table(None).missing()
    assert "cannot be tried" in line


def test_a_living_process_is_seen_as_the_kernel_has_it() -> None:
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", CONFINED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        status = {
            "processes": [{"role": "model", "pid": child.pid}, {"role": "parser", "pid": 1}],
            "layers": {"model": ["seccomp"]},
        }
        model, other = doctor_table.table(status).processes
        child.stdin.close()
    assert model.amiss == ()
    assert model.layers == ("seccomp",)
    assert model.kernel.no_new_privs
    assert model.kernel.filters >= 1
    assert not model.kernel.capabilities
    assert not model.kernel.core_dumps
    if model.kernel.own_network:
        assert model.kernel.interfaces == ("lo",)
        assert model.kernel.sent == 0
    assert other.starting  # pid 1 has taken on no row
    assert look(child.pid) is None


NAMED = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, b"strong-parser", 0, 0, 0)
print("named", flush=True)
sys.stdin.read()
"""


def test_a_process_that_only_says_that_it_is_confined_is_amiss() -> None:
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", NAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        status = {"processes": [{"role": "parser", "pid": child.pid}], "layers": {}}
        found = doctor_table.table(status)
        child.stdin.close()
    assert {"no_new_privs", "seccomp", "resource limits"} <= set(found.processes[0].amiss)
    assert f"parser, pid {child.pid}: seccomp" in found.missing()
    examined = doctor.Examination(ready=True, confined=False, checks=(), table=found)
    lines = render_doctor.examination(examined).splitlines()
    assert any(line.startswith("MISSING     parser, pid") for line in lines)
    assert max(map(len, lines)) <= 100
