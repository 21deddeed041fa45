"""The way of a query: parse, ask both indexes under the same filters, fuse, one passage per item, snippets."""

from __future__ import annotations

import msgspec

from index.query import Mode, Query


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One item that answers, by its best passage. `item_text[start:end]` is that passage, verbatim."""

    item: str
    passage: int
    title: str
    name: str
    snippet: str  # verbatim stretch of the passage: item_text[snippet_start : snippet_start + len(snippet)]
    snippet_start: int
    highlights: tuple[tuple[int, int], ...]  # character offsets into `snippet`
    score: float
    source: str
    sent_at: float | None
    start: int
    end: int
    page: int | None
    heading: str | None
    media_type: str | None
    thread: str | None
    sender: str | None


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one query."""

    hits: tuple[Hit, ...]
    took_ms: float
    total: int  # items found before the limit, as far as they were counted
    mode: Mode  # what was really done
    degraded: str | None = None  # why less was done than asked: "the model is away: searched by word only"


class Searcher:
    """Answers queries. Thread-safe."""

    def search(self, query: Query) -> Results:
        """Raises QueryError."""
        raise NotImplementedError
