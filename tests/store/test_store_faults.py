"""The disk refuses one call, at every place: nothing is acknowledged that is not there, the error says what
to do, the home is not broken, and the next run completes. What SQLCipher writes is refused as well.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from store.errors import StoreError
from tests.store.crash_points import SCENARIOS
from tests.store.fault_points import FAULTS
from tests.support.crashing import scenarios_by, told_by
from tests.support.homes import open_vault, throwaway_vault

ALWAYS = ("put", "delete")


def refused(fault: str, points: int, *scenarios: str) -> dict[str, dict[str, Any]]:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    done = scenarios_by("tests.store.fault_points", fault, str(points), *scenarios)
    if "strace may not attach" in done.stderr:
        pytest.skip(done.stderr.strip())
    results = told_by(done)
    for name, one in results.items():
        print(f"{fault}: {name}: {one['tried']} of {one['points']} tried, {one['met']} met; {one['errors']}")
    return results


@pytest.mark.parametrize("fault", ["ENOSPC", "KILL"])
def test_some_refused_calls_lose_nothing_and_claim_nothing(fault: str) -> None:
    for name, result in refused(fault, 1, *ALWAYS).items():
        assert result["wrong"] == {}, name


def test_a_commit_that_the_disk_did_not_keep_does_not_come_back_without_its_bytes() -> None:
    # All of it may be in the log when making the log durable is refused: the next process would take it for
    # a commit, and the document could never be stored again.
    result = refused("EIO:sync", 0, "put")["put"]
    assert result["wrong"] == {}
    assert result["met"] >= 5  # the others are made at closing


@pytest.mark.nightly
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_refused_call_loses_nothing_and_claims_nothing(fault: str, scenario: str) -> None:
    result = refused(fault, 0, scenario)[scenario]
    assert result["wrong"] == {}
    assert result["tried"] == result["points"]


def test_errors_of_a_refusing_disk_name_a_remedy(tmp_path: Path) -> None:
    with throwaway_vault(tmp_path) as vault:
        home = vault.home
    shutil.move(home / "catalog.db", tmp_path / "aside")
    (home / "catalog.db").mkdir()
    with pytest.raises(StoreError) as caught:
        open_vault(home)
    assert caught.value.remedy
