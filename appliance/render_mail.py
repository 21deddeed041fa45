"""Answers about mail as words for a terminal; what strangers wrote is made inert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from appliance.render import BOLD, DIM, day, inert, style

Json = Mapping[str, Any]


def accounts(found: Sequence[Json]) -> str:
    """A paragraph an account."""
    lines = []
    for one in found:
        lines.append(
            f"{style(inert(one['name']), BOLD)}  {one['state']}  {inert(one['address'] or '')}".rstrip()
        )
        lines.append(f"  {one['stored']} stored, {one['to_fetch']} to fetch{_pace(one)}")
        if one["trouble"]:
            when = f" (next try in {one['next_try_in_s']:.0f} s)" if one["next_try_in_s"] else ""
            lines.append(f"  trouble: {inert(one['trouble'])}{when}")
    return "\n".join(lines) or "no mail accounts; add one with: strongroom mail add"


def progress(found: Sequence[Json]) -> str:
    """All accounts in one line."""
    return "  ".join(
        f"{inert(one['name'])}: {one['stored']} stored, {one['to_fetch']} to fetch{_pace(one)}"
        for one in found
    )


def balances(found: Mapping[str, Sequence[Json]]) -> str:
    """A table an account: the columns of a row sum up to what is on the server."""
    heads = ("on server", "stored", "quarantined", "too large", "refused", "deleted here", "missing", "gone")
    lines = []
    for name, folders in found.items():
        lines.append(style(inert(name), BOLD))
        width = max([len(inert(one["folder"])) for one in folders] + [6])
        lines.append("  " + "folder".ljust(width) + "".join(f"{head:>14}" for head in heads))
        for one in folders:
            counts = (
                one["on_server"], one["stored"], one["quarantined"], len(one["too_large"]),
                len(one["refused"]), one["deleted_here"], len(one["missing"]), one["gone"],
            )  # fmt: skip
            mark = "" if one["balanced"] else "   DOES NOT BALANCE"
            cells = "".join(f"{count:>14}" for count in counts)
            lines.append("  " + inert(one["folder"]).ljust(width) + cells + mark)
            if one["trouble"]:
                lines.append(f"    {inert(one['trouble'])}")
            lines += [
                f"    {what}: UID {', '.join(map(str, one[key][:50]))}"
                for key, what in _NAMED.items()
                if one[key]
            ]
        if all(one["balanced"] for one in folders):
            lines.append("  every message on the server is accounted for")
    return "\n".join(lines) or "no mail accounts"


_NAMED = {
    "too_large": "too large by policy",
    "refused": "not handed out by the server",
    "missing": "not yet stored",
    "surplus": "stored but not on the server",
}


def imports(found: Sequence[Json]) -> str:
    """A line an import, and what was left out."""
    lines = []
    for one in found:
        lines.append(import_progress(one))
        if one["error"]:
            lines.append(f"  stopped: {inert(one['error'])}")
        if one["missed"]:
            lines.append(f"  {one['missed']} messages could not be stored")
        lines += [f"  left out: {inert(key)}: {inert(why)}" for key, why in list(one["skipped"].items())[:20]]
    return "\n".join(lines) or "no imports"


def import_progress(one: Json) -> str:
    """How far an import is."""
    known = f" ({one['duplicates']} were there already)" if one["duplicates"] else ""
    share = f" {one['position'] / one['size']:.0%}" if one["stage"] == "running" and one["size"] else ""
    return f"{inert(one['path'])}: {one['messages']} messages{known}, {one['stage']}{share}{_left(one)}"


def conversation(thread: Json) -> str:
    """The tree, indented by depth."""
    lines = [style(inert(thread["subject"] or "(no subject)"), BOLD)]
    for one in thread["messages"]:
        indent = "  " * (one["depth"] + 1)
        if one["item"] is None:
            lines.append(style(f"{indent}(a message that is not here)", DIM))
            continue
        when = f"{day(one['sent_at'])}  " if one["sent_at"] else ""
        lines.append(f"{indent}{when}{inert(one['sender'] or '')}  {style(one['item'], DIM)}")
    return "\n".join(lines)


def people(found: Iterable[Json]) -> str:
    """A person a line."""
    return (
        "\n".join(
            f"{one['id']:5}  {one['messages']:6} messages  {inert(one['name'])}"
            f"  {inert(', '.join(one['addresses']))}"
            for one in found
        )
        or "nobody"
    )


def _pace(one: Json) -> str:
    rate = f", {one['rate']:.0f}/s" if one.get("rate") else ""
    return rate + _left(one)


def _left(one: Json) -> str:
    return f", about {_span(one['eta_s'])} left" if one["eta_s"] else ""


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
