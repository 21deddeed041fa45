"""The command for action items: lists them, and moves or edits one as the owner says."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from appliance import render
from appliance.cli_group import Arguments, Commands
from appliance.errors import BadRequest

# What moves one: option, the status that it gets, help.
_MOVES = (
    ("accept", "accepted", "keep it, even when no reader finds it again"),
    ("done", "done", "it is done"),
    ("reject", "rejected", "it is none, or none of mine"),
    ("reopen", "open", "it is to be done after all, or not accepted any more"),
)
_EDITS = {"what": "what is to be done", "owner": "by whom; empty: nobody", "due": "2026-05-31; empty: no day"}


class ActionCommand(Commands):
    """The command over a client of the service."""

    def declare(self, command: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the command to the parser; `command` makes one."""
        actions = command(
            "actions", self.actions, "action items; --accept, --done, --reject or --reopen moves some"
        )
        among = actions.add_mutually_exclusive_group()
        among.add_argument("--all", action="store_true", help="closed and rejected ones too")
        among.add_argument(
            "--status", choices=[status for _, status, _ in _MOVES], help="else: open and accepted ones"
        )
        actions.add_argument("--owner", metavar="WHO", help="whose they are: a part of the name or address")
        actions.add_argument("--due-before", metavar="DATE", help="for example 2026-05-31")
        actions.add_argument("--project", metavar="NAME", help="of what is linked to it")
        actions.add_argument("--limit", type=int, default=100, help="at most so many, the first due (100)")
        for move, _, text in _MOVES:
            actions.add_argument(
                f"--{move}", type=int, nargs="+", action="extend", default=[], metavar="ID", help=text
            )
        actions.add_argument("--edit", type=int, metavar="ID", help="change one, with one or more of these:")
        for field, text in _EDITS.items():
            actions.add_argument(f"--set-{field}", metavar="TEXT", help=text)

    def actions(self, arguments: Arguments) -> None:
        """`actions`: what is to be done; or what the owner says of some, and how these stand then."""
        client = self._client(arguments)
        if said := _said(arguments):
            changed = [client.call("POST", f"/v1/actions/{number}", body) for number, body in said.items()]
            return self._show(arguments, changed, render.actions)
        found = client.call(
            "GET",
            "/v1/actions",
            all="true" if arguments.all else None,
            status=arguments.status,
            owner=arguments.owner,
            due_before=arguments.due_before,
            project=arguments.project,
            limit=arguments.limit,
        )
        return self._show(arguments, found, render.actions)


def _said(arguments: Arguments) -> dict[int, dict[str, str]]:
    """What is said of each action item, by its number."""
    given = vars(arguments)
    moves = [(number, {"status": status}) for move, status, _ in _MOVES for number in given[move]]
    edits = {field: given[f"set_{field}"] for field in _EDITS if given[f"set_{field}"] is not None}
    if (arguments.edit is None) != (not edits):
        raise BadRequest("--edit says which, --set-… what", remedy="--edit 7 --set-due 2026-05-31")
    said: dict[int, dict[str, str]] = {arguments.edit: edits} if edits else {}
    for number, move in moves:
        if said.setdefault(number, {}).get("status", move["status"]) != move["status"]:
            raise BadRequest(f"two things are said of action item {number}", remedy="say one of them")
        said[number] |= move
    return said
