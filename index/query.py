"""What is asked: the structs of a search and the reader of its query language. Pure.

The language is small: words, "phrases", `-word` and `-"phrase"` to exclude. A plain question needs no
operators. Everything else (dates, tags, senders) is a filter, a typed field beside the query.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from index.errors import QueryError


class Mode(StrEnum):
    """Which indexes answer."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    KEYWORD = "keyword"


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Restrictions on items; all that are given must hold. Times are UTC seconds since the epoch."""

    types: tuple[str, ...] = ()  # media types, or their first half: "image", "application/pdf"
    tags: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    sender: str | None = None  # part of the sender's name or address
    recipient: str | None = None
    source: str | None = None
    after: float | None = None  # the item's own date, else when it was stored
    before: float | None = None
    language: str | None = None  # ISO 639-1
    include_superseded: bool = False

    def empty(self) -> bool:
        """Whether nothing but the default (superseded versions left out) restricts the search."""
        return self == Filters()


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One search as a client sends it."""

    query: str
    filters: Filters = Filters()
    limit: int = 10
    mode: Mode = Mode.HYBRID
