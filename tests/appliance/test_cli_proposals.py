"""What is proposed as a tag or a project is dismissed and restored by its name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from appliance.cli_meaning import MeaningCommands
from appliance.errors import BadRequest


class Proposals:
    """A service that proposes two groups, and keeps which of them were dismissed."""

    def __init__(self) -> None:
        self.dismissed: set[str] = set()

    def call(self, method: str, path: str, body: Any = None, **query: str | None) -> list[dict[str, Any]]:
        assert path == "/v1/proposals"
        if method == "POST":
            items = set(body["items"])
            self.dismissed = self.dismissed | items if body["dismissed"] else self.dismissed - items
        groups = [("keel", ["a", "b"]), ("yeast", ["c"])]
        told = [
            {"name": name, "items": items, "reasons": [], "dismissed": {*items} <= self.dismissed}
            for name, items in groups
        ]
        return [one for one in told if query.get("all") or not one["dismissed"]]


@pytest.fixture(params=["tags", "projects"])
def run(request: pytest.FixtureRequest) -> Callable[..., list[str]]:
    """Runs the command with some arguments; the names that it shows."""
    service, shown = Proposals(), list[list[str]]()
    parser = argparse.ArgumentParser()
    below = parser.add_subparsers()

    def command(name: str, act: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        made = below.add_parser(name, help=text)
        made.set_defaults(run=act)
        return made

    def show(_: argparse.Namespace, value: Any, words: Callable[[Any], str]) -> None:
        assert all(one["name"] in words(value) for one in value)
        shown.append([one["name"] for one in value])

    MeaningCommands(lambda _: service, show).declare(command)  # type: ignore[arg-type,return-value]

    def act(*arguments: str) -> list[str]:
        parsed = parser.parse_args([request.param, *arguments])
        parsed.run(parsed)
        return shown[-1]

    return act


def test_a_dismissed_proposal_is_shown_only_if_asked_for_and_restored(
    run: Callable[..., list[str]],
) -> None:
    assert run("--proposed") == ["keel", "yeast"]
    assert run("--dismiss", "keel") == ["yeast"]
    assert run("--proposed") == ["yeast"]
    assert run("--proposed", "--all") == ["keel", "yeast"]
    assert run("--restore", "keel") == ["keel", "yeast"]
    with pytest.raises(BadRequest, match="nothing is proposed as 'mast'"):
        run("--dismiss", "mast")
