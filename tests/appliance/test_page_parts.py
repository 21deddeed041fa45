"""The parts of the page fit together: what one takes from another is there, and each element it seeks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "appliance" / "web"
PARTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(WEB.glob("*.js"))}
PAGE = (WEB / "index.html").read_text(encoding="utf-8")
IMPORT = re.compile(r'import (?:\{([^}]*)\} from )?"\./([\w.]+)";')
EXPORT = re.compile(r"^export (?:async )?(?:function|const) (\w+)", re.M)


def imported(script: str) -> dict[str, set[str]]:
    """What a part takes from which."""
    return {
        found[2]: {name.strip() for name in (found[1] or "").split(",") if name.strip()}
        for found in IMPORT.finditer(script)
    }


def body(script: str) -> str:
    """Without imports, comments and what is said in quotation marks."""
    return re.sub(r'//.*|"[^"\n]*"', "", IMPORT.sub("", script))


@pytest.mark.parametrize("name", PARTS)
def test_a_part_takes_what_there_is_and_uses_it(name: str) -> None:
    taken = imported(PARTS[name])
    for other, names in taken.items():
        assert names <= set(EXPORT.findall(PARTS[other])), other
    used = set(re.findall(r"\w+", body(PARTS[name])))
    assert set().union(*taken.values()) <= used


@pytest.mark.parametrize("name", PARTS)
def test_a_part_takes_all_that_it_uses_of_others(name: str) -> None:
    script = body(PARTS[name])
    known = set(re.findall(r"(?:function|const|let) (\w+)", script)).union(*imported(PARTS[name]).values())
    others = {export for other in PARTS.values() for export in EXPORT.findall(other)}
    called = set(re.findall(r"(?<![\w.])(\w+)\(", script))
    assert called & others <= known


def test_no_two_parts_take_from_each_other() -> None:
    reached = {name: set(imported(script)) for name, script in PARTS.items()}
    for _ in PARTS:
        for name in PARTS:
            reached[name] |= set().union(*(reached[other] for other in reached[name]))
    assert not [name for name in PARTS if name in reached[name]]
    assert set(PARTS) - reached["app.js"] == {"app.js"}


def test_every_element_that_is_sought_by_its_name_is_in_the_page_once() -> None:
    sought = {name for script in PARTS.values() for name in re.findall(r'byId\("([\w-]+)"\)', script)}
    there = re.findall(r'\bid="([\w-]+)"', PAGE)
    assert sought
    assert sought <= set(there)
    assert len(there) == len(set(there))


def test_parts_are_short_enough_to_be_read() -> None:
    assert not [name for name, script in PARTS.items() if script.count("\n") > 200]
    assert not [name for name, script in PARTS.items() for line in script.splitlines() if len(line) > 125]
