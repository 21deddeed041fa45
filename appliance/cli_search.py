"""The commands that find: what is like an item, and searches that are kept."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from appliance import render, render_search
from appliance.client import Client

Arguments = argparse.Namespace
Print = Callable[[Arguments, Any, Callable[[Any], str]], None]


class SearchCommands:
    """The commands over a client of the service.

    Args:
        client: a client of the service that the arguments name.
        show: prints a value as JSON or as words.
    """

    def __init__(self, client: Callable[[Arguments], Client], show: Print) -> None:
        self._client = client
        self._show = show

    def declare(self, command: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the commands to the parser; `command` makes one."""
        similar = command("similar", self.similar, "what is most like an item")
        similar.add_argument("item")
        similar.add_argument("--limit", type=int, default=10)
        searches = command("searches", self.searches, "kept searches, and how much is new for each")
        actions = searches.add_subparsers(title="actions", metavar="ACTION")
        keep = command("keep", self.keep, "ask a search of everything that comes in", actions)
        keep.add_argument("name", help="what to call it")
        keep.add_argument("query", nargs="+")
        show = command("show", self.matches, "what came in and answers it; then it counts as seen", actions)
        show.add_argument("name")
        show.add_argument("--all", action="store_true", help="what was seen before, too")
        command("forget", self.forget, "ask it no more", actions).add_argument("name")

    def similar(self, arguments: Arguments) -> None:
        """`similar`: more like this."""
        found = self._client(arguments).call(
            "GET", f"/v1/items/{arguments.item}/similar", limit=arguments.limit
        )
        self._show(arguments, found, render.results)

    def searches(self, arguments: Arguments) -> None:
        """`searches`: all that are kept."""
        self._show(arguments, self._client(arguments).call("GET", "/v1/searches"), render_search.searches)

    def keep(self, arguments: Arguments) -> None:
        """`searches keep`"""
        request = {"name": arguments.name, "query": {"query": " ".join(arguments.query)}}
        kept = self._client(arguments).call("POST", "/v1/searches", request)
        self._show(arguments, [kept], render_search.searches)

    def matches(self, arguments: Arguments) -> None:
        """`searches show`: matches, the newest first."""
        client = self._client(arguments)
        place = f"/v1/searches/{quote(arguments.name, safe='')}"
        found = client.call("GET", f"{place}/matches", all=int(arguments.all))
        self._show(arguments, found, lambda items: render.items({"items": items}))
        client.call("POST", f"{place}/seen")

    def forget(self, arguments: Arguments) -> None:
        """`searches forget`"""
        self._client(arguments).call("DELETE", f"/v1/searches/{quote(arguments.name, safe='')}")
        self._show(arguments, {"forgotten": arguments.name}, lambda _: "forgotten")
