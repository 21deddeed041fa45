"""Tags and projects as words for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.render import BOLD, DIM, Json, actions, day, inert, style, why


def tags(found: Iterable[Json]) -> str:
    """Tags and counts."""
    return (
        "\n".join(f"{one['items']:6}  {inert(one['name'])}" for one in found) or "no tags in strongroom.toml"
    )


def projects(found: Iterable[Json]) -> str:
    """Projects with the reasons of their links."""
    lines = []
    for one in found:
        closed = "  closed" if one["closed"] else ""
        lines.append(f"{style(inert(one['name']), BOLD)}  {one['items']} items{closed}")
        lines += [f"  {link['item']}  {why(link)}" for link in one["links"]]
        if (more := one["items"] - len(one["links"])) > 0:
            lines.append(f"  … {more} more")
    return "\n".join(lines) or "no projects in strongroom.toml"


def project(one: Json) -> str:
    """What happened, in order, each with the words that say so; and what is still to do."""
    lines = [style(inert(one["name"]), BOLD) + ("  closed" if one["closed"] else "")]
    for entry in one["entries"]:
        item, link = entry["item"], entry["link"]
        when = day(item["stored_at"] if item["created_at"] is None else item["created_at"])
        lines.append(f"{when}  {inert(item['title'] or item['name'])}  {style(item['id'], DIM)}")
        lines.append(style(f"            {why(link)}", DIM))
    return "\n".join([*lines, actions(one["actions"])])


def proposals(found: Iterable[Json]) -> str:
    """Names that could be added, and why."""
    lines = []
    for one in found:
        dismissed = "  dismissed" if one["dismissed"] else ""
        lines.append(f"{len(one['items']):6}  {style(inert(one['name']), BOLD)}{dismissed}")
        lines += [f"        {inert(reason)}" for reason in one["reasons"]]
        lines.append(style(f"        {' '.join(one['items'][:5])}", DIM))
    return "\n".join(lines) or "nothing to propose"


def related(found: Iterable[Json]) -> str:
    """One line an item, with the words that connect it."""
    lines = []
    for one in found:
        item = one["item"]
        lines.append(f"{item['id']}  {inert(item['title'] or item['name'])}")
        proof = f"  “{inert(one['evidence']['text'])}”" if one["evidence"]["text"] else ""
        lines.append(style(f"    {inert(one['reason'])}{proof}", DIM))
    return "\n".join(lines) or "nothing refers to it, and it to nothing"
