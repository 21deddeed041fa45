"""The trial of the whole table, as the doctor and the guard run it."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from policy import landlock, mode, trial
from policy.confine import REQUIRED, TABLE, Layer
from policy.errors import EXIT_CONFIG, ConfinementError
from policy.trial import Trial
from tests.support.sabotage import around


@pytest.fixture(scope="module")
def trials() -> tuple[Trial, ...]:
    return trial.run_all()


def test_every_row_is_tried_and_holds(trials: tuple[Trial, ...]) -> None:
    assert [each.row for each in trials] == list(TABLE)
    for each in trials:
        assert each.mode is mode.here()
        assert each.let_through == ()
        assert each.refused
        assert each.missing == {}
        assert each.refusal() is None
        assert set(each.layers) | set(each.degraded) == set(TABLE[each.row].layers)
        assert not REQUIRED[each.mode] & set(each.degraded)


def test_it_shows_what_the_kernel_says(trials: tuple[Trial, ...]) -> None:
    for each in trials:
        assert each.status["NoNewPrivs"] == "1"
        assert each.status["Seccomp"] == "2"
        assert int(each.status["Seccomp_filters"]) >= 1
        assert each.status["core dumps"] == "0"
        kept = int(each.status["CapEff"], 16)
        assert kept & ~sum(1 << capability for capability in TABLE[each.row].capabilities) == 0


def test_what_is_tried_covers_what_each_layer_is_for(trials: tuple[Trial, ...]) -> None:
    tried = {each.row: set(each.refused) for each in trials}
    for row, names in tried.items():
        assert {"socket", "ptrace", "io_uring_setup", "keyctl", "mount", "bpf", "userfaultfd"} <= names
        assert {"write /dev/zero", "raise a limit", "gain a capability"} <= names
        assert ("list /" in names) == (row != "core")
    assert "start a shell" in tried["core"]
    assert ("signal the parent" in tried["core"]) == (landlock.version() >= landlock.ABI_WITH_SCOPE)
    assert ("connect elsewhere" in tried["dialer"]) == (landlock.version() >= landlock.ABI_WITH_TCP)


@pytest.mark.parametrize("layer", [Layer.FILES, Layer.LIMITS, Layer.CALLS], ids=str)
def test_a_machine_without_a_layer_is_told_by_every_row(layer: Layer) -> None:
    command = [*around(layer), sys.executable, "-I", "-m", "policy.trial", "core", "model"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    for each in msgspec.json.decode(done.stdout, type=tuple[Trial, ...]):
        assert layer in each.missing
        assert layer not in each.layers
        refusal = each.refusal()
        assert refusal is not None
        assert refusal.exit_code == EXIT_CONFIG


def test_a_trial_that_cannot_run_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ConfinementError, match="cannot be tried"):
        trial.run_all()
