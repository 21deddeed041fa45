"""The commands for tags and projects, and the owner's corrections of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from urllib.parse import quote

from appliance import render, render_meaning
from appliance.cli_group import Arguments, Commands
from appliance.errors import BadRequest

# What `correct` takes: option, what it is about, what is said of it, help.
_WORDS = (
    ("--tag", "tags", {"given": True}, "it has this tag"),
    ("--no-tag", "tags", {"given": False}, "it does not have it"),
    ("--any-tag", "tags", {"given": None}, "take back what was said of it"),
    ("--project", "projects", {"linked": True}, "it belongs to this project"),
    ("--no-project", "projects", {"linked": False}, "it does not belong there"),
    ("--any-project", "projects", {"linked": None}, "take back what was said of it"),
)


class MeaningCommands(Commands):
    """The commands over a client of the service."""

    def declare(self, command: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the commands to the parser; `command` makes one."""
        projects = command("projects", self.projects, "projects and what is linked to them")
        projects.add_argument("name", nargs="?", help="what happened in this one, and what is still to do")
        state = projects.add_mutually_exclusive_group()
        state.add_argument("--close", action="store_true", help="the project NAME gets no new links")
        state.add_argument("--reopen", action="store_true", help="it does again")
        _propose(projects.add_argument, state.add_argument)
        tags = command("tags", self.tags, "tags and their counts")
        _propose(tags.add_argument, tags.add_mutually_exclusive_group().add_argument)
        related = command("related", self.related, "what an item answers, mentions or shares numbers with")
        related.add_argument("item")
        correct = command(
            "correct", self.correct, "say which tags and projects an item has; readers learn it"
        )
        correct.add_argument("item")
        for option, *_, text in _WORDS:
            correct.add_argument(option, action="append", default=[], metavar="NAME", help=text)

    def projects(self, arguments: Arguments) -> None:
        """`projects`: all of them; one by its name."""
        if arguments.proposed or arguments.dismiss or arguments.restore:
            return self._proposed(arguments, "project")
        client = self._client(arguments)
        if arguments.name is None and (arguments.close or arguments.reopen):
            raise BadRequest("no project is named", remedy="strongroom projects NAME --close")
        if arguments.name is None:
            return self._show(arguments, client.call("GET", "/v1/projects"), render_meaning.projects)
        place = f"/v1/projects/{quote(arguments.name, safe='')}"
        if arguments.close or arguments.reopen:
            client.call("POST", place, {"closed": arguments.close})
        return self._show(arguments, client.call("GET", place), render_meaning.project)

    def tags(self, arguments: Arguments) -> None:
        """`tags`: the owner's list."""
        if arguments.proposed or arguments.dismiss or arguments.restore:
            return self._proposed(arguments, "tag")
        return self._show(arguments, self._client(arguments).call("GET", "/v1/tags"), render_meaning.tags)

    def _proposed(self, arguments: Arguments, kind: str) -> None:
        client = self._client(arguments)
        name = arguments.dismiss or arguments.restore
        every = "true" if arguments.all or name else None
        found = client.call("GET", "/v1/proposals", kind=kind, all=every)
        if name:
            items = next((one["items"] for one in found if one["name"] == name), None)
            if items is None:
                seen = f"strongroom {kind}s --proposed --all"
                raise BadRequest(f"nothing is proposed as {name!r}", remedy=f"look again: {seen}")
            said = {"kind": kind, "items": items, "dismissed": arguments.dismiss is not None}
            found = client.call("POST", "/v1/proposals", said)
        self._show(arguments, found, render_meaning.proposals)

    def related(self, arguments: Arguments) -> None:
        """`related`: what an item answers, mentions, or has in common with others."""
        found = self._client(arguments).call("GET", f"/v1/items/{arguments.item}/related")
        self._show(arguments, found, render_meaning.related)

    def correct(self, arguments: Arguments) -> None:
        """`correct`: the owner's word on an item, and how it stands then."""
        place = f"/v1/items/{arguments.item}"
        words = [
            (f"{place}/{what}", {"name": name} | said)
            for option, what, said, _ in _WORDS
            for name in vars(arguments)[option[2:].replace("-", "_")]
        ]
        if not words:
            raise BadRequest("nothing is said of it", remedy="strongroom correct ITEM --tag NAME")
        client = self._client(arguments)
        for where, body in words:
            client.call("POST", where, body)
        self._show(arguments, client.call("GET", place), render.item)


def _propose(option: Callable[..., object], state: Callable[..., object]) -> None:
    """What both commands say of names that the owner's lists do not have; one of `state` at a time."""
    state("--proposed", action="store_true", help="what may be one and is not in your list")
    state("--dismiss", metavar="NAME", help="what is proposed under this name is none")
    state("--restore", metavar="NAME", help="it is proposed again")
    option("--all", action="store_true", help="with --proposed: what you dismissed, too")
