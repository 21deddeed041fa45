"""Answers and kept searches as words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.render import BOLD, DIM, inert, style


def searches(kept: Sequence[Mapping[str, Any]]) -> str:
    """One line a search; those with news stand out."""
    lines = []
    for one in kept:
        new = style(f"{one['unseen']:5} new", BOLD) if one["unseen"] else "    0 new"
        lines.append(f"{new}  {inert(one['name'])}: {inert(one['query']['query'])}")
    return "\n".join(lines) or "no kept searches; `strongroom searches keep NAME WORDS…` keeps one"


def answer(found: Mapping[str, Any]) -> str:
    """Sentences, each with a number, and below them where they are said."""
    lines = [f"{inert(one['text'])} [{number}]" for number, one in enumerate(found["sentences"], start=1)]
    if not lines:
        lines.append("not found in your documents")
    for number, one in enumerate(found["sentences"], start=1):
        cited = one["citation"]
        page = f", page {cited['page']}" if cited["page"] else ""
        place = f"{cited['item']}  characters {cited['start']} to {cited['end']}"
        lines.append(f"{number:2}. {style(inert(cited['title']), BOLD)}{page}")
        lines.append(style(f"    {place}", DIM))
        if cited["text"] != one["text"]:
            lines.append(f"    “{inert(cited['text'])}”")
    if found["degraded"]:
        lines.append(f"note: {inert(found['degraded'])}")
    return "\n".join(lines)
