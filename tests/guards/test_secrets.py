"""What may be said where others read: which values go into a log, and that no value which carries a secret
shows it when it is printed.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from policy.redact import Private

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("policy", "store", "ingest", "index", "enrich", "appliance")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

# All that any line of the log is made of besides its constant text: classes of errors, ids, counts, names
# that are ours or stand in the owner's settings, and texts of errors that are wholly our own words. Think
# before you add one: no text, question, address, file name or key may be in it, and nothing that a server or
# a library says. What may be printed, the linter knows.
LOGGED = {
    "type(error).__name__",
    "error.strerror",
    "item.id",
    "items[0].id",
    "document.item.id",
    "reason",  # why an item is quarantined, of a closed list
    "name",  # of a snapshot, of a stage
    "number",  # of a version of the catalog
    "len(unfinished)",
    "len(found)",
    "swept",
    "pause",
    "problem",  # what the audit log says of its own numbers
    "mount_point.name",
    "reader.name",
    "request.method",
    "thread.name",
    "source",  # a name in the settings
    "self.name",
    "self.account.name",
    "kind",  # of a mail server's failure, of a closed list
    "refusal",  # a ConfinementError
    "why",  # `error.what`, or the kind of a mail server's failure
    "what",  # a stage's StrongroomError, or the class of another
    "self._why",  # of the model process: the same
    "error",  # StoreFull, PoolDown, ConfinementError, IndexDamaged, ModelRefused
    "request.scope['route'].path if 'route' in request.scope else 'unknown'",
}
LEVELS = {"debug", "info", "warning", "error", "critical"}
SECRET = re.compile(r"secret|password|passphrase|data_key|credential|^token$|^master$")
WRAPPED = {("NewItem", "data_key")}  # is encrypted itself


def log_calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in ("log", "_log", "logger", "logging")
        ):
            yield node


def test_nothing_but_these_values_goes_into_a_log() -> None:
    seen, wrong = set[str](), list[str]()
    for path in MODULES:
        for call in log_calls(path):
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            text, *values = call.args
            if not isinstance(text, ast.Constant) or call.keywords:
                wrong.append(f"{where}: the line is not a constant with values")
            seen |= {ast.unparse(value) for value in values}
            wrong += [
                f"{where}: {ast.unparse(value)}" for value in values if ast.unparse(value) not in LOGGED
            ]
    assert wrong == []
    assert seen == LOGGED, "no longer logged: take it off the list"


def carriers() -> Iterator[tuple[type, set[str], set[str]]]:
    """Classes of values with a field that is called like a secret: its secret fields, and all of them."""
    for path in MODULES:
        if path.name == "__init__.py":
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for _, one in inspect.getmembers(module, inspect.isclass):
            if one.__module__ != module.__name__:
                continue
            fields = fields_of(one)
            secret = {name for name in fields if SECRET.search(name) and not name.endswith("_file")}
            if secret and not {(one.__name__, name) for name in secret} <= WRAPPED:
                yield one, secret, fields


def fields_of(one: type) -> set[str]:
    if issubclass(one, msgspec.Struct):
        return set(one.__struct_fields__)
    if dataclasses.is_dataclass(one):
        return {field.name for field in dataclasses.fields(one)}
    return set(getattr(one, "_fields", ()))


CARRIERS = list(carriers())


@pytest.mark.parametrize(
    ("one", "secret", "fields"), CARRIERS, ids=lambda each: getattr(each, "__name__", "")
)
def test_a_value_that_carries_a_secret_does_not_show_it(one: Any, secret: set[str], fields: set[str]) -> None:
    made = one(**{name: "quokkafern" if name in secret else "x" for name in fields})
    for shown in (repr(made), str(made), f"{made}", f"{made!r}"):
        assert "quokkafern" not in shown


def test_the_known_carriers_are_among_them() -> None:
    names = {one.__name__ for one, _, _ in CARRIERS}
    assert {"Unlock", "NewToken", "Secret", "SignIn", "Job", "Draw", "Task", "Unsealed"} <= names


def test_a_private_value_shows_in_no_way() -> None:
    box = Private("quokkafern")
    assert "quokkafern" not in f"{box} {box!r} {box!s} {[box]} { ({'a': box}) }"
    assert "quokkafern" not in repr(vars(type(box)))
    with pytest.raises(TypeError):
        msgspec.json.encode(box)
