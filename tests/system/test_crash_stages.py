"""The stages above the store, killed before and after each touch of disk and catalog: a dropped file is gone
only when it is stored, a document and its attachment are read once, a mailbox and both indexes end whole.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.support.crashing import scenarios_by, told_by
from tests.system.crash_stages import SCENARIOS

POINTS = int(os.environ.get("STRONGROOM_CRASH_POINTS", "1"))  # of each scenario; 0: all
ALWAYS = ("drop", "mail", "words", "account")


def killed(points: int, *scenarios: str) -> dict[str, dict[str, Any]]:
    results = told_by(scenarios_by("tests.system.crash_stages", str(points), *scenarios))
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
