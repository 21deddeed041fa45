"""The way of a query: parse it, ask both indexes under the same filters, fuse, best passage an item, snippet."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Protocol

import msgspec

from index.embed import Embedder
from index.errors import EmbedderDown, IndexClosed
from index.fulltext import TextIndex
from index.fuse import fuse
from index.query import Filters, Mode, Query, Wanted, parse
from index.snippet import snippet
from index.vectors import VectorIndex
from policy.limits import Limits
from store.catalog import Catalog
from store.records import Item, Passage

# How deep each ranking is read for every hit that is asked for: several passages of one item may answer.
_LEAST_DEPTH = 100
_DEPTH_PER_HIT = 6


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
    total: int  # items found before the limit, as far as the rankings were read
    mode: Mode  # what was really done
    degraded: str | None = None  # why less was done than asked


class Indexes(Protocol):
    """The two indexes as they are at the moment; None while one is being opened."""

    @property
    def text(self) -> TextIndex | None: ...

    @property
    def vectors(self) -> VectorIndex | None: ...


class Searcher:
    """Answers queries. Thread-safe."""

    def __init__(self, catalog: Catalog, indexes: Indexes, embedder: Embedder, limits: Limits) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._embedder = embedder
        self._limits = limits

    def search(self, query: Query) -> Results:
        """The best items for a query, each by its best passage.

        Raises:
            QueryError: it cannot be understood; says where.
            IndexClosed: the index is still being opened.
            EmbedderDown: only search by meaning was asked for, and the model is away.
        """
        began = time.perf_counter()
        wanted = parse(query.query, self._limits.query_chars)
        allowed = self._allowed(query.filters)
        depth = max(_LEAST_DEPTH, query.limit * _DEPTH_PER_HIT)
        mode, degraded, rankings = query.mode, None, list[tuple[float, list[int]]]()
        if mode is not Mode.KEYWORD:
            try:
                rankings.append((1.0, self._by_meaning(wanted, depth, allowed)))
            except EmbedderDown as error:
                if mode is Mode.SEMANTIC:
                    raise
                mode, degraded = Mode.KEYWORD, f"searched by word only: {error.what}"
        if mode is not Mode.SEMANTIC:
            rankings.append((1.0, self._by_word(wanted, depth, allowed)))
        found = self._best_of_items(fuse(rankings), query.filters)
        return Results(
            hits=tuple(self._hit(*one, wanted) for one in found[: query.limit]),
            took_ms=(time.perf_counter() - began) * 1000,
            total=len(found),
            mode=mode,
            degraded=degraded,
        )

    def _allowed(self, filters: Filters) -> set[str] | None:
        """The items that the filters leave; None when all are left. Superseded versions are few, so without
        another filter they are dropped afterwards instead of naming all others.
        """
        if filters in (Filters(), Filters(include_superseded=True)):
            return None
        return self._catalog.matching_items(**msgspec.structs.asdict(filters))

    def _by_word(self, wanted: Wanted, depth: int, allowed: Collection[str] | None) -> list[int]:
        if (text := self._indexes.text) is None:
            raise IndexClosed("the index is being opened", remedy="ask again in a moment")
        return [passage for passage, _ in text.search(wanted, depth, allowed)]

    def _by_meaning(self, wanted: Wanted, depth: int, allowed: Collection[str] | None) -> list[int]:
        if (vectors := self._indexes.vectors) is None:
            raise EmbedderDown("the model is starting")
        ranking = vectors.search(self._embedder.embed_query(wanted.plain), depth, allowed)
        passages = [passage for passage, _ in ranking]
        if wanted.phrases or wanted.without:  # a vector knows nothing of these
            if (text := self._indexes.text) is None:
                raise IndexClosed("the index is being opened", remedy="ask again in a moment")
            kept = text.keep(passages, wanted)
            passages = [passage for passage in passages if passage in kept]
        return passages

    def _best_of_items(
        self, ranking: list[tuple[int, float]], filters: Filters
    ) -> list[tuple[Item, Passage, float]]:
        """Each item once, by its best passage. What was deleted meanwhile is not in the catalog."""
        passages = self._catalog.passages([passage for passage, _ in ranking])
        items = self._catalog.items_by_id({passage.item for passage in passages.values()})
        best: dict[str, tuple[Item, Passage, float]] = {}
        for id, score in ranking:
            passage = passages.get(id)
            item = items.get(passage.item) if passage else None
            if passage is None or item is None or (item.superseded and not filters.include_superseded):
                continue
            best.setdefault(item.id, (item, passage, score))
        return list(best.values())

    def _hit(self, item: Item, passage: Passage, score: float, wanted: Wanted) -> Hit:
        text = self._indexes.text
        spans = text.matches(passage.text, item.language, wanted) if text else []
        start, end, highlights = snippet(passage.text, spans)
        return Hit(
            item=item.id,
            passage=passage.id,
            title=item.title or item.name,
            name=item.name,
            snippet=passage.text[start:end],
            snippet_start=passage.start + start,
            highlights=highlights,
            score=score,
            source=item.source,
            sent_at=item.created_at,
            start=passage.start,
            end=passage.end,
            page=passage.page,
            heading=passage.heading,
            media_type=item.media_type,
            thread=item.thread,
            sender=item.sender,
        )
