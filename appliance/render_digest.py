"""A morning's digest as words for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from appliance.render import BOLD, DIM, Json, actions, day, inert, style
from appliance.render_search import questions

_SHOWN = 8  # of each kind


def digest(found: Json) -> str:
    """One part after the other; what is empty is left out."""
    lines = [style(f"{day(found['since'])} to {day(found['until'])}: {found['arrived']} came in", BOLD)]
    lines += _part("overdue", found["overdue"], lambda some: actions(some).splitlines())
    lines += _part("new to do", found["new_actions"], lambda some: actions(some).splitlines())
    lines += _part("answers that changed", found["answers"], lambda some: questions(some).splitlines())
    lines += _part("due within a week", found["due_soon"], lambda some: actions(some).splitlines())
    for one in found["projects"]:
        lines += _part(f"came in for {inert(one['project'])}", one["items"], _items)
    lines += _part("named for the first time", found["people"], _mentions)
    lines += _part("amounts", found["amounts"], _mentions)
    lines += _part("says the same as another", found["duplicates"], _duplicates)
    lines += _part("could not be read", found["unread"], _unread)
    return "\n".join(lines)


def _part(
    title: str, found: Sequence[Json], shown: Callable[[Sequence[Json]], Iterable[str]]
) -> Iterator[str]:
    if found:
        yield ""
        yield style(f"{title} ({len(found)})", BOLD)
        yield from shown(found[:_SHOWN])
        if len(found) > _SHOWN:
            yield style(f"  … {len(found) - _SHOWN} more", DIM)


def _items(found: Sequence[Json]) -> Iterator[str]:
    for one in found:
        yield f"  {style(one['id'], DIM)}  {inert(one['title'] or one['name'])}"


def _mentions(found: Sequence[Json]) -> Iterator[str]:
    for one in found:
        yield f"  {style(one['item'], DIM)}  {inert(one['value'])}"


def _duplicates(found: Sequence[Json]) -> Iterator[str]:
    for one in found:
        item, other = one["item"], one["same_as"]
        names = f"{inert(item['name'])}, as {inert(other['name'])}"
        yield f"  {style(item['id'], DIM)}  {names} {style(other['id'], DIM)}"


def _unread(found: Sequence[Json]) -> Iterator[str]:
    for one in found:
        yield f"  {style(one['id'], DIM)}  {inert(one['name'])}: {one['reason']}"
