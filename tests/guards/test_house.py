"""The house's measures: how long a function and a file may be, and that every module says what it holds."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("policy", "store", "ingest", "index", "enrich", "appliance")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
FUNCTION_P90 = 40
FUNCTION_MAX = 80
FILE_MAX = 500


def functions(path: Path) -> list[tuple[int, str]]:
    """Length in lines and name of each function of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_functions_are_short() -> None:
    lengths = sorted(entry for path in MODULES for entry in functions(path))
    assert not [entry for entry in lengths if entry[0] > FUNCTION_MAX]
    assert lengths[int(len(lengths) * 0.9)][0] <= FUNCTION_P90


def test_files_are_short() -> None:
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert not {path: lines for path, lines in lengths.items() if lines > FILE_MAX}


@pytest.mark.parametrize("folder", [*ROOMS, "tests", "bench"])
def test_every_module_opens_with_a_docstring(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    assert not [str(path) for path in modules if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
