"""Kept searches as words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.render import BOLD, inert, style


def searches(kept: Sequence[Mapping[str, Any]]) -> str:
    """One line a search; those with news stand out."""
    lines = []
    for one in kept:
        new = style(f"{one['unseen']:5} new", BOLD) if one["unseen"] else "    0 new"
        lines.append(f"{new}  {inert(one['name'])}: {inert(one['query']['query'])}")
    return "\n".join(lines) or "no kept searches; `strongroom searches keep NAME WORDS…` keeps one"
