"""The README's commands exist, and its first two lines of code are the two that start everything."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from appliance.cli import main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


def told(*arguments: str) -> str:
    """What a command prints of itself."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    return output.getvalue()


def test_it_opens_with_the_two_commands() -> None:
    first = [line.partition("#")[0].strip() for line in CODE[:2]]
    assert first == ["./install.sh --demo", "./install.sh --test"]


def test_every_command_in_it_exists() -> None:
    in_code = {match[1] for line in CODE if (match := re.search(r"\bstrongroom (\w+)", line))}
    in_table = set(re.findall(r"`(\w+)", "".join(re.findall(r"^\| (`.*?) \|", README, re.MULTILINE))))
    assert in_code
    for command in in_code | in_table:
        told(command)


def test_every_command_is_in_it() -> None:
    commands = re.findall(r"^    (\w+)  ", told(), re.MULTILINE)
    assert commands
    assert not [name for name in commands if not re.search(rf"`{name}\b", README)]


def test_every_option_in_its_table_exists() -> None:
    for row in re.findall(r"^\| `.*\|$", README, re.MULTILINE):
        names = re.findall(r"`(\w+)", row.split("|")[1])
        known = "".join(told(name) for name in names)
        assert not [option for option in re.findall(r"--\w[\w-]*", row) if option not in known], names


def test_every_file_that_it_links_to_is_there() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)", README) if "://" not in target]
    assert not [target for target in targets if not (ROOT / target).exists()]


def test_nothing_in_it_waits_to_be_filled_in() -> None:
    assert not re.findall(r"^[A-Z]{6,}$", README, re.MULTILINE)
