"""The way of a query: read it, ask both indexes under the same filters, fuse, collapse, cut snippets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import Protocol

import msgspec

from index.allowed import Allowed
from index.embed import Embedder
from index.errors import EmbedderDown, IndexClosed
from index.fulltext import TextIndex
from index.fuse import fuse, perfect
from index.grammar import parse
from index.query import Filters, Mode, Query, Wanted
from index.snippet import snippet
from index.vectors import VectorIndex
from policy.limits import Limits
from store.catalog import Catalog
from store.errors import NoSuchItem
from store.records import Item, Passage, Reason

# Of the two rankings. Measured on Cranfield and msmarco5k, see docs/adr/0004.
_WORDS, _MEANING = 1.0, 1.5

_DEPTH = 50  # candidates of each index, at least; more where collapsing leaves too few items
_DEEPER = 4
_DEEPEST = 5_000

_LEAST_COSINE = 0.15  # below it passages have nothing to do with the question but are the nearest there are

_ByMeaning = Callable[[int, Allowed | None], list[tuple[int, float]]]


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One item that answers, by its best passage. `item_text[slice(*offsets)]` is that passage, verbatim.

    An item without text is found by its name: then `offsets` are equal, and `snippet` is the name.
    """

    item: str
    passage: int  # 0: it has none yet
    title: str
    name: str
    snippet: str  # verbatim: item_text[snippet_start : snippet_start + len(snippet)]
    snippet_start: int
    highlights: tuple[tuple[int, int], ...]  # character offsets into `snippet`
    score: float  # 0 to 1: 1 is first in every ranking that was asked
    source: str
    sent_at: float | None  # the item's own date
    offsets: tuple[int, int]  # of the passage in the item's text, characters
    page: int | None
    heading: str | None
    media_type: str | None
    thread: str | None
    sender: str | None
    reason: Reason | None = None  # why it could not be read


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one query."""

    hits: tuple[Hit, ...]
    took_ms: float
    total: int  # items among the candidates, before the limit
    mode: Mode  # what was done
    degraded: str | None = None  # why less was done than asked


class Indexes(Protocol):
    """The two indexes as they are now; None while one is being opened."""

    @property
    def text(self) -> TextIndex | None: ...

    @property
    def vectors(self) -> VectorIndex | None: ...


class Searcher:
    """Answers queries. Thread-safe.

    Phrases and exclusions hold for the passage that is shown, whichever index found it.
    """

    def __init__(self, catalog: Catalog, indexes: Indexes, embedder: Embedder, limits: Limits) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._embedder = embedder
        self._limits = limits

    def search(self, query: Query) -> Results:
        """The best `query.limit` items.

        Raises:
            QueryError: the query cannot be understood.
            IndexClosed: the index by word is still being opened.
            EmbedderDown: search by meaning alone was asked for, and the model is away.
        """
        began = time.perf_counter()
        wanted = parse(query.query, self._limits, time.time(), query.filters)
        if (text := self._indexes.text) is None:
            raise IndexClosed("the index is being opened", remedy="ask again in a moment")
        if not wanted.plain:
            return self._newest(text, wanted, query, began)
        mode, by_meaning, degraded = query.mode, None, None
        if mode is not Mode.KEYWORD:
            try:
                by_meaning = self._by_meaning(wanted)
            except EmbedderDown as error:
                if mode is Mode.SEMANTIC:
                    raise
                mode, degraded = Mode.KEYWORD, f"searched by word only: {error.what}"
        limit = self._limits.page(query.limit)
        found: list[tuple[Item, int, float]] = []
        if mode is Mode.HYBRID and _is_code(wanted):
            found = self._find(text, None, wanted, Mode.KEYWORD, query.filters, limit)
        if found:
            mode = Mode.KEYWORD
        else:
            found = self._find(text, by_meaning, wanted, mode, query.filters, limit)
        hits = self._hits(text, wanted, mode, found[:limit])
        took = round((time.perf_counter() - began) * 1000, 2)
        return Results(hits=hits, took_ms=took, total=len(found), mode=mode, degraded=degraded)

    def shown(self, wanted: Wanted, found: Iterable[tuple[Item, int, float]]) -> tuple[Hit, ...]:
        """Items as hits, by a passage of theirs (0: where its own words begin), with a score from 0 to 1."""
        if (text := self._indexes.text) is None:
            raise IndexClosed("the index is being opened", remedy="ask again in a moment")
        entries = list(found)
        passages = self._catalog.passages([passage for _, passage, _ in entries if passage])
        hits: list[Hit] = []
        for item, id, score in entries:
            with suppress(NoSuchItem):  # deleted in this moment
                passage = passages.get(id) or _beginning(item, self._catalog.passages_of(item.id))
                hits.append(self._hit(text, wanted, item, passage, score))
        return tuple(hits)

    def _newest(self, text: TextIndex, wanted: Wanted, query: Query, began: float) -> Results:
        """The newest of the items that the conditions leave, where nothing is looked for."""
        allowed = self.allowed(wanted, query.filters.include_superseded) or Allowed(())
        limit = self._limits.page(query.limit)
        depth, total = limit, len(allowed)
        while True:
            found = self._beginnings(text, wanted, self._catalog.newest_of(allowed.numbers, depth))
            if len(found) >= limit or depth >= min(len(allowed), _DEEPEST):
                break
            depth *= _DEEPER
        if wanted.without:
            total = len(found)
        hits = tuple(self._hit(text, wanted, item, passage, 1.0) for item, passage in found[:limit])
        took = round((time.perf_counter() - began) * 1000, 2)
        return Results(hits=hits, took_ms=took, total=total, mode=query.mode)

    def _beginnings(
        self, text: TextIndex, wanted: Wanted, items: Sequence[Item]
    ) -> list[tuple[Item, Passage]]:
        """Each item's first passage that holds nothing refused; without those that have none such."""
        found: list[tuple[Item, Passage]] = []
        for item in items:
            with suppress(NoSuchItem):  # deleted in this moment
                passages = self._catalog.passages_of(item.id)
                if wanted.without:
                    kept = text.keep([passage.id for passage in passages], wanted)
                    passages = [passage for passage in passages if passage.id in kept]
                if passages or not wanted.without:
                    found.append((item, _beginning(item, passages)))
        return found

    def _by_meaning(self, wanted: Wanted) -> _ByMeaning:
        """The question put to the vectors, but for depth and filter. The model is asked once."""
        if (vectors := self._indexes.vectors) is None:
            raise EmbedderDown("the model is starting")
        return partial(vectors.search, self._embedder.embed_query(wanted.plain))

    def _find(
        self,
        text: TextIndex,
        by_meaning: _ByMeaning | None,
        wanted: Wanted,
        mode: Mode,
        filters: Filters,
        limit: int,
    ) -> list[tuple[Item, int, float]]:
        """(item, its best passage, score), the best first; at least `limit` if there are so many."""
        allowed = self.allowed(wanted, filters.include_superseded)
        depth = max(_DEPTH, 2 * limit)
        while True:
            rankings: list[tuple[float, list[int]]] = []
            if mode is not Mode.SEMANTIC:
                words = text.search(wanted, depth, allowed)
                rankings.append((_WORDS, [passage for passage, _ in words]))
            if by_meaning is not None:
                meant = by_meaning(depth, allowed)
                rankings.append((_MEANING, [passage for passage, cosine in meant if cosine >= _LEAST_COSINE]))
            exhausted = max(len(ranking) for _, ranking in rankings) < depth
            if wanted.required or wanted.without:  # a vector knows nothing of these
                rankings = [(weight, _kept(text, ranking, wanted)) for weight, ranking in rankings]
            by_word = rankings[0][1] if len(rankings) > 1 else []
            found = self._collapse(fuse(rankings), by_word, filters.include_superseded)
            if len(found) >= limit or exhausted or depth >= _DEEPEST:
                return found
            depth *= _DEEPER

    def allowed(self, wanted: Wanted, include_superseded: bool) -> Allowed | None:
        """The items that the conditions leave; None if all, or all but superseded ones, which are sorted out
        afterwards: they are few.
        """
        if not wanted.conditions:
            return None
        numbers = self._catalog.matching_items(wanted.conditions, include_superseded=include_superseded)
        return Allowed(numbers)

    def _collapse(
        self, fused: Sequence[tuple[int, float]], by_word: Sequence[int], include_superseded: bool
    ) -> list[tuple[Item, int, float]]:
        """The best passage of each item, and its score.

        Where two rankings were fused, `by_word` is one of them: an item that could not be read has no meaning
        to be ranked by, so if it is first by word it is not left behind all that is near in meaning.
        """
        owners = self._catalog.items_of([passage for passage, _ in fused])
        items = self._catalog.items_by_id(set(owners.values()))
        first = set(takewhile(lambda passage: _is_unread(items.get(owners.get(passage, ""))), by_word))
        best: dict[str, tuple[Item, int, float]] = {}
        for passage, score in fused:
            item = items.get(owners.get(passage, ""))  # None: deleted in this moment
            if item is not None and (include_superseded or not item.superseded):
                score *= (_WORDS + _MEANING) / _WORDS if passage in first else 1.0
                best.setdefault(item.id, (item, passage, score))
        return sorted(best.values(), key=lambda entry: -entry[2])

    def _hits(
        self, text: TextIndex, wanted: Wanted, mode: Mode, found: Sequence[tuple[Item, int, float]]
    ) -> tuple[Hit, ...]:
        weights = {Mode.HYBRID: _WORDS + _MEANING, Mode.KEYWORD: _WORDS, Mode.SEMANTIC: _MEANING}
        passages = self._catalog.passages([passage for _, passage, _ in found])
        return tuple(
            self._hit(text, wanted, item, passages[passage], score / perfect(weights[mode]))
            for item, passage, score in found
            if passage in passages
        )

    def _hit(self, text: TextIndex, wanted: Wanted, item: Item, passage: Passage, score: float) -> Hit:
        shown = passage.text or item.name
        matches = text.matches(shown, passage.language or item.language, wanted)
        start, end, highlights = snippet(shown, matches)
        return Hit(
            item=item.id,
            passage=passage.id,
            title=item.title or item.name,
            name=item.name,
            snippet=shown[start:end],
            snippet_start=passage.start + start,
            highlights=highlights,
            score=round(score, 4),
            source=item.source,
            sent_at=item.created_at,
            offsets=(passage.start, passage.end),
            page=passage.page,
            heading=passage.heading,
            media_type=item.media_type,
            thread=item.thread,
            sender=item.sender,
            reason=item.reason,
        )


def _beginning(item: Item, passages: Sequence[Passage]) -> Passage:
    """The first passage that is the item's own words, else its first, else an empty one."""
    own = (passage for passage in passages if passage.embed)
    nothing = Passage(id=0, item=item.id, start=0, end=0, text="")
    return next(own, passages[0] if passages else nothing)


def _is_unread(item: Item | None) -> bool:
    return item is not None and item.reason is not None


def _is_code(wanted: Wanted) -> bool:
    """Only numbers and codes: to the model all are alike, and its nearest would bury what has this one."""
    words = [*wanted.words, *(piece.text for group in wanted.required for piece in group)]
    return bool(words) and all(any(letter.isdigit() for letter in word) for word in words)


def _kept(text: TextIndex, ranking: list[int], wanted: Wanted) -> list[int]:
    kept = text.keep(ranking, wanted)
    return [passage for passage in ranking if passage in kept]
