"""What would break the installed application without a warning: shadowed packages, versions
that drift, and addresses of one machine in what everyone gets.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("policy", "store", "ingest", "index", "enrich", "appliance")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def tracked() -> list[Path]:
    """The files of the checkout that are committed or about to be."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout, or no git to ask")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(requirements: list[str]) -> dict[str, str]:
    """Name to version of `name[extras]==version` lines."""
    parts = (re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?==(\S+)", line) for line in requirements)
    return {normal(part[1]): part[2] for part in parts if part}


def test_no_other_distribution_ships_one_of_our_packages() -> None:
    intruders = {
        f"{distribution.metadata['Name']}: {file}"
        for distribution in importlib.metadata.distributions()
        if distribution.metadata["Name"] != "strongroom"
        for file in distribution.files or ()
        if file.parts[0].removesuffix(".py") in ROOMS
    }
    assert not intruders


def test_our_packages_are_those_of_the_checkout() -> None:
    told = subprocess.run(
        [sys.executable, "-I", "-c", f"import {','.join(ROOMS)}; print(appliance.__file__, index.__file__)"],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        pytest.skip("strongroom is not installed in this environment")
    assert told.stdout.split() == [str(ROOT / room / "__init__.py") for room in ("appliance", "index")]


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    names = {path.stem for path in MODULES} - {"__init__"} | {*ROOMS, "tests", "bench"}
    assert not names & sys.stdlib_module_names - {"chunk"}  # Python 3.13 has no `chunk` any more


def test_direct_dependencies_are_pinned_and_locked_to_the_same_version() -> None:
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["test"]
    direct = pins(wanted)
    assert len(direct) == len(wanted), "a direct dependency without ==version"
    locked = pins((ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines())
    assert {name: locked.get(name) for name in direct} == direct
    assert not [name for name in locked if name.startswith(("nvidia-", "cuda-", "triton"))]


def test_every_direct_dependency_is_argued() -> None:
    argued = (ROOT / "docs/adr/0002-dependencies.md").read_text(encoding="utf-8")
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["test"]
    assert not [name for name in pins(wanted) if f"`{name}`" not in argued]


def test_package_files_hold_a_docstring_only() -> None:
    talkative = [
        path
        for path in MODULES
        if path.name == "__init__.py" and len(ast.parse(path.read_text(encoding="utf-8")).body) != 1
    ]
    assert not talkative


def test_tests_are_no_packages_and_have_names_of_their_own() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_fixtures_hold_data_only() -> None:
    assert not list((ROOT / "fixtures").rglob("*.py"))


# Written in pieces, so that this file does not find itself.
ADDRESSES = re.compile(
    "|".join(
        [
            "pypi" + r"\.org",
            "python" + r"hosted\.org",
            "npm" + r"js\.org",
            "deb\\." + r"debian\.org",
            "archive\\." + r"ubuntu\.com",
            "(?<![\\w/.])/(?:work|opt/wheels|opt/py" + "pi)/",
            "/tm" + r"p/w/",
        ]
    )
)


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = []
    for path in tracked():
        relative = path.relative_to(ROOT)
        if relative.parts[0] == "fixtures":
            continue  # what an invented office wrote
        match = ADDRESSES.search(path.read_text(encoding="utf-8", errors="replace"))
        if match:
            found.append(f"{relative}: {match.group()}")
    assert not found
