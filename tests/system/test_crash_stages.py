"""The stages above the store, killed before and after each touch of disk and catalog: a dropped file is gone
only when it is stored, a document and its attachment are read once, a mailbox and both indexes end whole.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.homes import fast_folder
from tests.system.crash_stages import SCENARIOS

ROOT = Path(__file__).parents[2]
POINTS = int(os.environ.get("STRONGROOM_CRASH_POINTS", "1"))  # of each scenario; 0: all
ALWAYS = ("drop", "mail", "words", "account")


def killed(points: int, *scenarios: str) -> dict[str, dict[str, Any]]:
    with fast_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.system.crash_stages", str(folder), str(points), *scenarios],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    results = {result.pop("scenario"): result for result in map(json.loads, done.stdout.splitlines())}
    for name, one in results.items():
        print(f"{name}: {one['tried']} of {one['points']} points")
    return results


def test_killed_at_some_touches_no_stage_loses_or_doubles_anything() -> None:
    for name, result in killed(POINTS, *ALWAYS).items():
        assert result["wrong"] == {}, name
        assert result["changes"], name


@pytest.mark.nightly
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_each_touch_no_stage_loses_or_doubles_anything(scenario: str) -> None:
    result = killed(0, scenario)[scenario]
    assert result["wrong"] == {}
    assert result["tried"] == result["points"]
    assert result["killed"] >= 0.75 * result["tried"]
