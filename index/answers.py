"""Beside ranking: which items answer a query, where a search only says which stand nearest to it; and which
items are like one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import numpy as np

from index.allowed import Allowed
from index.embed import Embedder
from index.errors import EmbedderDown
from index.fuse import unit
from index.grammar import parse
from index.query import Mode, Piece, Query, Wanted
from index.search import Hit, Indexes, Results, Searcher, elapsed_ms, holding, opened
from policy.limits import Limits
from store.catalog import Catalog
from store.records import Item

# Passages this near to a question answer it. Of what lies above it, 99 of 100 are right among texts of all
# kinds (msmarco5k), where it finds 58 of 100; among 1,400 abstracts of one field (Cranfield) 31 lie above it.
_ANSWERS = 0.5

_DEPTH = 200  # passages that are like one item; of each other item there may be many
_MOST = 5_000  # passages that answer: among some items only, and of those it is the newest that count
_LIKE = 64  # passages of an item that say what it is about
_TITLE_WORDS = 12


class Answers:
    """Answers that are sets and not rankings. Thread-safe."""

    def __init__(
        self, searcher: Searcher, catalog: Catalog, indexes: Indexes, embedder: Embedder, limits: Limits
    ) -> None:
        self._searcher = searcher
        self._catalog = catalog
        self._indexes = indexes
        self._embedder = embedder
        self._limits = limits

    def check(self, query: Query) -> None:
        """Raises QueryError if a query cannot be understood."""
        self._understood(query)

    def matching(self, query: Query, among: Allowed) -> dict[int, int]:
        """Those of some items that answer a query: number of the item → the passage that answers best.

        By word, all words of the query must stand in one passage; by meaning, a passage must come as near to
        the question as answers do.

        Raises:
            QueryError: the query cannot be understood.
            IndexClosed, EmbedderDown: an index that is needed is away.
        """
        wanted = self._understood(query)
        allowed = self._searcher.allowed(wanted, query.filters.include_superseded)
        allowed = among if allowed is None else allowed & among
        if not len(allowed):
            return {}
        if not wanted.plain:
            return dict.fromkeys(allowed.numbers.tolist(), 0)
        passages: list[int] = []
        if query.mode is not Mode.SEMANTIC:
            passages += self._by_word(wanted, allowed)
        if query.mode is not Mode.KEYWORD:
            passages += self._by_meaning(wanted, allowed)
        owners = self._catalog.numbers_of(passages)
        found: dict[int, int] = {}
        for passage in passages:
            if passage in owners:
                found.setdefault(owners[passage], passage)
        return found

    def news(self, query: Query, among: Allowed) -> tuple[Hit, ...]:
        """The newest `query.limit` of the items that answer a query, as hits; while the model is away, by
        word only.
        """
        try:
            found = self.matching(query, among)
        except EmbedderDown:
            if query.mode is Mode.SEMANTIC:
                raise
            found = self.matching(msgspec.structs.replace(query, mode=Mode.KEYWORD), among)
        newest = Allowed(sorted(found, reverse=True)[: self._limits.page(query.limit)]).numbers
        items = self._catalog.newest_of(newest, len(newest))
        found_in = [(item, found[item.number], 1.0) for item in items]
        return self._searcher.shown(self._understood(query), found_in)

    def similar(self, item: Item, limit: int) -> Results:
        """The items that are most like one by the meaning of their passages, or, while it has none, by the
        words of its title; without its other versions.
        """
        began = time.perf_counter()
        wanted, mode, found = self._like(item)
        hits = self._searcher.shown(wanted, found[:limit])
        return Results(hits=hits, took_ms=elapsed_ms(began), total=len(found), mode=mode)

    def like(self, item: Item, limit: int) -> list[Item]:
        """As `similar`, without what shows it."""
        return [other for other, _, _ in self._like(item)[2][:limit]]

    def _like(self, item: Item) -> tuple[Wanted, Mode, list[tuple[Item, int, float]]]:
        passages = self._catalog.passage_ids([item.id])[:_LIKE]
        vectors = self._indexes.vectors
        rows = vectors.get(passages) if vectors is not None else {}
        wanted, mode = Wanted(words=tuple((item.title or item.name).split()[:_TITLE_WORDS])), Mode.KEYWORD
        if vectors is not None and rows:
            wanted, mode = Wanted(), Mode.SEMANTIC
            middle = np.mean(np.stack(list(rows.values())).astype(np.float32), axis=0)
            near = vectors.search(unit(middle), _DEPTH + len(rows))
        else:
            near = opened(self._indexes).search(wanted, _DEPTH)
        return wanted, mode, self._others(item, near)

    def _others(self, item: Item, near: Sequence[tuple[int, float]]) -> list[tuple[Item, int, float]]:
        owners = self._searcher.owners([passage for passage, _ in near])
        items = self._catalog.items_by_number(set(owners.values()))
        best: dict[str, tuple[Item, int, float]] = {}
        for passage, score in near:
            other = items.get(owners.get(passage, 0))
            if other is not None and other.family != item.family and not other.superseded:
                best.setdefault(other.id, (other, passage, min(1.0, max(0.0, score))))
        return list(best.values())

    def _understood(self, query: Query) -> Wanted:
        return parse(query.query, self._limits, time.time(), query.filters)

    def _by_word(self, wanted: Wanted, allowed: Allowed) -> list[int]:
        every = tuple((Piece(word),) for word in wanted.words)
        strict = msgspec.structs.replace(wanted, words=(), required=(*wanted.required, *every))
        return [passage for passage, _ in opened(self._indexes).search(strict, _MOST, allowed)]

    def _by_meaning(self, wanted: Wanted, allowed: Allowed) -> list[int]:
        if (vectors := self._indexes.vectors) is None:
            raise EmbedderDown("the model is starting")
        near = vectors.search(self._embedder.embed_query(wanted.plain), _MOST, allowed)
        near = [(passage, cosine) for passage, cosine in near if cosine >= _ANSWERS]
        if wanted.demands:
            near = holding(opened(self._indexes), wanted, near)
        return [passage for passage, _ in near]
