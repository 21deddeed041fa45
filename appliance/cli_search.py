"""The commands that find: a search, an answer, what is like an item; kept searches, remembered questions."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from appliance import render, render_search
from appliance.cli_group import Arguments, Commands
from appliance.client import Client

Json = dict[str, Any]
FIELDS = ("from", "to", "tag", "project", "type", "in", "lang", "after", "before")  # of a query, as options
_LOOK_S = 1.0  # between two looks for what is new
_TOLD_S = 1.0  # between two lines of progress


class SearchCommands(Commands):
    """The commands over a client of the service."""

    def declare(self, command: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the commands to the parser; `command` makes one."""
        search = command("search", self.search, "find by word and by meaning")
        search.add_argument(
            "query", nargs="*", help="""words, '"a phrase"', from:name, after:2026-03; or a plain question"""
        )
        search.add_argument("--limit", type=int, default=10)
        search.add_argument("--mode", choices=["hybrid", "semantic", "keyword"], default="hybrid")
        for name in FIELDS:
            search.add_argument(f"--{name}", action="append", default=[], help=f"as {name}: in the query")
        how = search.add_mutually_exclusive_group()
        how.add_argument("--explain", action="store_true", help="say why each hit stands where it does")
        how.add_argument("--follow", action="store_true", help="go on, and show what comes in and answers it")
        ask = command(
            "ask", self.ask, "answer a question from the documents, each sentence with its citation"
        )
        ask.add_argument("question", nargs="+", help="a plain question; conditions as in a search")
        similar = command("similar", self.similar, "what is most like an item")
        similar.add_argument("item")
        similar.add_argument("--limit", type=int, default=10)
        questions = command(
            "questions",
            self.questions,
            "what you asked, what answered it, and what does now where that changed",
        )
        forgotten = questions.add_subparsers(title="actions", metavar="ACTION")
        command("forget", self.forget_question, "remember it no more", forgotten).add_argument(
            "id", type=int, help="its number"
        )
        searches = command("searches", self.searches, "kept searches, and how much is new for each")
        actions = searches.add_subparsers(title="actions", metavar="ACTION")
        keep = command("keep", self.keep, "ask a search of everything that comes in", actions)
        keep.add_argument("name", help="what to call it")
        keep.add_argument("query", nargs="+")
        show = command("show", self.matches, "what came in and answers it; then it counts as seen", actions)
        show.add_argument("name")
        show.add_argument("--all", action="store_true", help="what was seen before, too")
        command("forget", self.forget, "ask it no more", actions).add_argument("name")

    def search(self, arguments: Arguments) -> None:
        """`search`: the best hits; with `--follow`, what comes in until it is interrupted."""
        client = self._client(arguments)
        request = {"query": query_text(arguments), "limit": arguments.limit, "mode": arguments.mode}
        if arguments.explain:
            request["explain"] = True
        self._show(arguments, client.call("POST", "/v1/search", request), render.results)
        if arguments.follow:
            self._follow(arguments, client, request)

    def _follow(self, arguments: Arguments, client: Client, request: Json) -> None:
        asked: Json = {"query": request}
        asked["since"] = client.call("POST", "/v1/search/follow", asked)["since"]
        told: set[str] = set()
        while True:
            time.sleep(_LOOK_S)
            hits = client.call("POST", "/v1/search/follow", asked)["hits"]
            for hit in reversed(hits):  # the newest last, as they came
                if hit["item"] not in told:
                    told.add(hit["item"])
                    self._show(arguments, hit, render.hit)
                    sys.stdout.flush()

    def ask(self, arguments: Arguments) -> None:
        """`ask`: an answer with citations, or that there is none."""
        request = {"question": " ".join(arguments.question)}
        with _waiting("looking for an answer"):
            answer = self._client(arguments).call("POST", "/v1/ask", request)
        self._show(arguments, answer, render_search.answer)

    def questions(self, arguments: Arguments) -> None:
        """`questions`: all that are remembered."""
        self._show(arguments, self._client(arguments).call("GET", "/v1/questions"), render_search.questions)

    def forget_question(self, arguments: Arguments) -> None:
        """`questions forget`"""
        self._client(arguments).call("DELETE", f"/v1/questions/{arguments.id}")
        self._show(arguments, {"forgotten": arguments.id}, lambda _: "forgotten")

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


@contextlib.contextmanager
def _waiting(what: str) -> Iterator[None]:
    """Say to somebody who looks what is being done, and for how long: a language model takes its time."""
    over = threading.Event()

    def count() -> None:
        began = time.monotonic()
        while not over.wait(_TOLD_S):
            sys.stderr.write(f"\r{what}, {time.monotonic() - began:.0f} s ")
            sys.stderr.flush()

    if not sys.stderr.isatty():
        yield
        return
    counting = threading.Thread(target=count)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def query_text(arguments: Arguments) -> str:
    """The query, with the options as the fields that they stand for; of one option any value."""
    given = {name: vars(arguments)[name] for name in FIELDS}
    fields = [" OR ".join(f'{name}:"{value}"' for value in values) for name, values in given.items()]
    return " ".join([*arguments.query, *filter(None, fields)])
