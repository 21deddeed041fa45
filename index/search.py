"""The way of a query: read it, ask both indexes under the same filters, fuse, arrange, cut snippets. How hits
are ranked is decided in `index/fuse.py` and `index/arrange.py`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import msgspec

from index.allowed import Allowed
from index.arrange import Found, apart, arrange, identifiers, only_codes, unread_first
from index.embed import Embedder, Half, Single
from index.errors import EmbedderDown, IndexClosed, RerankerDown
from index.fulltext import TextIndex
from index.fuse import LEAST_COSINE, Fused, Known, Ranking, Say, fuse, rerank
from index.grammar import parse
from index.query import Mode, Piece, Query, Wanted
from index.rerank import MOST, Reranker
from index.snippet import snippet
from index.vectors import VectorIndex
from policy.limits import Limits
from store.catalog import Catalog
from store.errors import NoSuchItem
from store.records import Item, Passage, Reason

_DEPTH = 50  # candidates of each index, at least; more where collapsing leaves too few items
_QUESTIONS = 4  # read by the model beside other work; it takes them one by one
_IDENTIFIERS = 4  # of one query, looked up at most
_HELD = 1_000  # that hold what is required and are compared all, where words find nothing by themselves
_DEEPER = 4
_DEEPEST = 5_000
_LISTED = 1_000  # of the newest, where some are refused


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
    score: float  # 0 to 1: 1 is first by every measure that was asked
    source: str
    sent_at: float | None  # the item's own date
    offsets: tuple[int, int]  # of the passage in the item's text, characters
    page: int | None
    heading: str | None
    media_type: str | None
    thread: str | None
    sender: str | None
    reason: Reason | None = None  # why it could not be read
    more: int = 0  # further items of its conversation, or versions of it, that answer too
    explanation: tuple[Say, ...] | None = None  # each part's say, if asked for


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one query."""

    hits: tuple[Hit, ...]
    took_ms: float
    total: int  # hits among the candidates, before the limit
    mode: Mode  # what was done
    degraded: str | None = None  # why less was done than asked


class Indexes(Protocol):
    """The two indexes as they are now; None while one is being opened."""

    @property
    def text(self) -> TextIndex | None: ...

    @property
    def vectors(self) -> VectorIndex | None: ...


class _Read:
    """What a cross-encoder says of the candidates of one query."""

    def __init__(self, reranker: Reranker, catalog: Catalog, question: str) -> None:
        self._reranker = reranker
        self._catalog = catalog
        self._question = question
        self.trouble: str | None = None

    def scores(self, passages: Sequence[int]) -> dict[int, float]:
        """Of those that have a text; of none if it does not answer, and then `trouble` says why."""
        found = self._catalog.passages(passages)
        texts = {id: found[id].text for id in passages if id in found and found[id].text}
        try:
            scores = self._reranker.scores(self._question, list(texts.values())) if texts else ()
        except RerankerDown as error:
            self.trouble = error.what
            return {}
        return dict(zip(texts, scores, strict=True))


@dataclass(frozen=True)
class _Asked:
    """A query on its way."""

    wanted: Wanted
    text: TextIndex
    vectors: VectorIndex | None
    allowed: Allowed | None
    by_word: bool
    versions: bool  # former ones too
    read: _Read | None = None  # None: no cross-encoder
    question: Single | None = None  # None: not searched by meaning
    # What was looked up; the same is not looked up twice.
    _words: dict[int, Ranking] = field(default_factory=dict)  # by depth
    _vectors: dict[int, Half] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)  # passage → number of its item
    items: dict[int, Item] = field(default_factory=dict)  # by number

    def words(self, depth: int) -> Ranking | None:
        """The best passages by word; None if these are not asked."""
        return self._by_word(depth) if self.by_word else None

    def meaning(self, depth: int) -> Ranking | None:
        """The nearest passages; None if these are not asked."""
        if self.question is None or self.vectors is None:
            return None
        most = depth if self.by_word else max(depth, _HELD)
        if self.wanted.required and len(every := self._by_word(most)) < most:
            # These are all that hold what is required; the nearest of all passages are none of them mostly.
            passages = [passage for passage, _ in every]
            near = Known(passages, self.known(passages)).cosines(self.question)
            return sorted(near.items(), key=lambda entry: -entry[1])
        return self.vectors.search(self.question, depth, self.allowed)

    def _by_word(self, depth: int) -> Ranking:
        if depth not in self._words:
            self._words[depth] = self.text.search(self.wanted, depth, self.allowed)
        return self._words[depth]

    def known(self, passages: Iterable[int]) -> Mapping[int, Half]:
        """The vectors of those passages that have one, and of all that were asked for before."""
        if self.vectors is not None:
            self._vectors.update(self.vectors.get(set(passages) - self._vectors.keys()))
        return self._vectors

    def identified(self, depth: int) -> list[Ranking]:
        """For each identifier of the query the passages that hold it, unless it is in so many that it names
        no single thing.
        """
        if not self.by_word:
            return []
        each = (
            self.text.search(msgspec.structs.replace(self.wanted, required=held), depth, self.allowed)
            for code in identifiers(self.wanted)[:_IDENTIFIERS]
            for held in [(*self.wanted.required, (Piece(code),))]
        )
        return [ranking for ranking in each if len(ranking) < depth]


class _Searched(NamedTuple):
    """What a search came to."""

    asked: _Asked
    fused: Fused
    found: list[Found]
    mode: Mode
    degraded: str | None


class Searcher:
    """Answers queries. Thread-safe.

    Phrases and exclusions hold for the passage that is shown, whichever index found it.
    """

    def __init__(
        self,
        catalog: Catalog,
        indexes: Indexes,
        embedder: Embedder,
        limits: Limits,
        reranker: Reranker | None = None,
    ) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._embedder = embedder
        self._limits = limits
        self._reranker = reranker
        self._aside = ThreadPoolExecutor(_QUESTIONS, "question")

    def search(self, query: Query) -> Results:
        """The best `query.limit` items.

        Raises:
            QueryError: the query cannot be understood.
            IndexClosed: the index by word is still being opened.
            EmbedderDown: search by meaning alone was asked for, and the model is away.
        """
        began = time.perf_counter()
        wanted = parse(query.query, self._limits, time.time(), query.filters)
        text = opened(self._indexes)
        if not wanted.plain:
            return self._newest(text, wanted, query, began)
        done = self._searched(wanted, text, query)
        hits = self._hits(done.asked, done.fused, done.found[: self._limits.page(query.limit)], query.explain)
        took, total = elapsed_ms(began), len(done.found)
        return Results(hits=hits, took_ms=took, total=total, mode=done.mode, degraded=done.degraded)

    def passages(self, query: Query) -> tuple[list[tuple[Item, Passage]], str | None]:
        """The best `query.limit` passages, of a conversation as many as there are, and why less was done than
        asked. None where nothing is looked for.

        Raises:
            QueryError, IndexClosed, EmbedderDown: as `search`.
        """
        wanted = parse(query.query, self._limits, time.time(), query.filters)
        text = opened(self._indexes)
        if not wanted.plain:
            return [], None
        done = self._searched(wanted, text, query)
        best = [done.fused.passages[row] for row in done.fused.order()]
        items = {passage: done.asked.items.get(done.asked.owners.get(passage, 0)) for passage in best}
        kept = [passage for passage in best if (item := items[passage]) and not item.superseded]
        found = self._catalog.passages(kept[: self._limits.page(query.limit)])
        each = ((items[passage], found.get(passage)) for passage in kept)
        return [(item, passage) for item, passage in each if item and passage], done.degraded

    def _searched(self, wanted: Wanted, text: TextIndex, query: Query) -> _Searched:
        mode, degraded, versions = query.mode, None, query.filters.include_superseded
        limit = self._limits.page(query.limit)
        waiting = self._aside.submit(self._question, wanted) if mode is not Mode.KEYWORD else None
        allowed, words = self.allowed(wanted, versions), mode is not Mode.SEMANTIC
        read = _Read(self._reranker, self._catalog, wanted.plain) if self._reranker is not None else None
        asked = _Asked(wanted, text, self._indexes.vectors, allowed, words, versions, read)
        by_word = [passage for passage, _ in asked.words(_depth(limit)) or ()]
        self._look_up(asked, by_word)
        if waiting is not None:
            asked.known(by_word)
        fused, found = Fused([]), list[Found]()
        if mode is Mode.HYBRID and only_codes(wanted):
            fused, found = self._find(asked, limit)
            mode = Mode.KEYWORD if found else mode
        if not found:
            if waiting is not None:
                try:
                    asked = replace(asked, question=waiting.result())
                except EmbedderDown as error:
                    if mode is Mode.SEMANTIC:
                        raise
                    mode, degraded = Mode.KEYWORD, f"searched by word only: {error.what}"
            fused, found = self._find(asked, limit)
        if query.explain and read is not None and read.trouble is not None:
            degraded = f"not re-ranked: {read.trouble}"
        return _Searched(asked, fused, found, mode, degraded)

    def shown(self, wanted: Wanted, found: Iterable[tuple[Item, int, float]]) -> tuple[Hit, ...]:
        """Items as hits, by a passage of theirs (0: where its own words begin), with a score from 0 to 1."""
        text, entries = opened(self._indexes), list(found)
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
        if wanted.without:
            found = self._without(text, wanted, allowed, limit)
            total = len(found)
        else:
            found = [(item, 0, 1.0) for item in self._catalog.newest_of(allowed.numbers, limit)]
            total = len(allowed)
        hits = self.shown(wanted, found[:limit])
        return Results(hits=hits, took_ms=elapsed_ms(began), total=total, mode=query.mode)

    def _without(
        self, text: TextIndex, wanted: Wanted, allowed: Allowed, limit: int
    ) -> list[tuple[Item, int, float]]:
        """The newest items, each by its first passage that holds nothing refused; of more than `_LISTED` all
        of whose passages hold it, what lies behind is not looked at.
        """
        found: list[tuple[Item, int, float]] = []
        seen: set[str] = set()
        for depth in (_DEEPER * limit, _LISTED):
            items = [item for item in self._catalog.newest_of(allowed.numbers, depth) if item.id not in seen]
            seen |= {item.id for item in items}
            kept = text.keep(self._catalog.passage_ids([item.id for item in items]), wanted)
            owners = self._catalog.numbers_of(list(kept))
            first = {number: passage for passage, number in sorted(owners.items(), reverse=True)}
            found += [(item, first[item.number], 1.0) for item in items if item.number in first]
            if len(found) >= limit:
                break
        return found

    def _question(self, wanted: Wanted) -> Single:
        """The question's vector."""
        if self._indexes.vectors is None:
            raise EmbedderDown("the model is starting")
        return self._embedder.embed_query(wanted.plain)

    def _find(self, asked: _Asked, limit: int) -> tuple[Fused, list[Found]]:
        """Hits, the best first; at least `limit` if there are so many."""
        depth = _depth(limit)
        while True:
            words, meaning = asked.words(depth), asked.meaning(depth)
            exhausted = max(len(words or ()), len(meaning or ())) < depth
            if meaning is not None:
                meaning = [(passage, cosine) for passage, cosine in meaning if cosine >= LEAST_COSINE]
                if asked.wanted.demands:
                    meaning = holding(asked.text, asked.wanted, meaning)
            fused, found = self._arranged(asked, words, meaning, depth)
            if len(found) >= limit or exhausted or depth >= _DEEPEST:
                if asked.read is not None and meaning is not None:
                    first = [fused.passages[row] for row in fused.order()[:MOST]]
                    if scores := asked.read.scores(first):
                        fused, found = self._arranged(asked, words, meaning, depth, scores)
                known = asked.known(hit.passage for hit in found[: 2 * limit])
                return fused, apart(found, known, limit)
            depth *= _DEEPER

    def _arranged(
        self,
        asked: _Asked,
        words: Ranking | None,
        meaning: Ranking | None,
        depth: int,
        read: Mapping[int, float] | None = None,
    ) -> tuple[Fused, list[Found]]:
        """The candidates fused, with what a cross-encoder said of some, and as hits."""
        identified = asked.identified(depth)
        held = Counter(passage for ranking in identified for passage, _ in ranking)
        if words is not None:
            scores = dict(entry for ranking in [*identified, words] for entry in ranking)
            words = sorted(scores.items(), key=lambda entry: -entry[1])
        candidates = (passage for passage, _ in (*(words or ()), *(meaning or ())))
        vectors = asked.known(candidates) if meaning is not None else {}
        fused = fuse(words, meaning, vectors, asked.question)
        if read is not None:
            rerank(fused, read)
        self._look_up(asked, fused.passages)
        held.update(unread_first([passage for passage, _ in words or ()], asked.owners, asked.items))
        found = arrange(
            fused,
            asked.owners,
            asked.items,
            wanted=asked.wanted,
            held=held,
            now=time.time(),
            versions=asked.versions,
        )
        return fused, found

    def _look_up(self, asked: _Asked, passages: Iterable[int]) -> None:
        """Learn whose these passages are."""
        asked.owners.update(self.owners([id for id in passages if id not in asked.owners]))
        unknown = set(asked.owners.values()) - asked.items.keys()
        asked.items.update(self._catalog.items_by_number(unknown))

    def owners(self, passages: Sequence[int]) -> dict[int, int]:
        """passage → number of its item. Most are known in memory; in the catalog each costs a page."""
        vectors = self._indexes.vectors
        known = vectors.owners(passages) if vectors is not None else {}
        if rest := [passage for passage in passages if passage not in known]:
            known |= self._catalog.numbers_of(rest)
        return known

    def allowed(self, wanted: Wanted, include_superseded: bool) -> Allowed | None:
        """The items that the conditions leave; None if all, or all but superseded ones, which are sorted out
        afterwards: they are few.
        """
        if not wanted.conditions:
            return None
        numbers = self._catalog.matching_items(wanted.conditions, include_superseded=include_superseded)
        return Allowed(numbers)

    def _hits(self, asked: _Asked, fused: Fused, found: Sequence[Found], explain: bool) -> tuple[Hit, ...]:
        passages = self._catalog.passages([hit.passage for hit in found])
        hits: list[Hit] = []
        for one in found:
            if one.passage in passages:
                passage = passages[one.passage]
                hit = self._hit(asked.text, asked.wanted, one.item, passage, fused.score(one.passage))
                says = fused.says(one.passage) if explain else None
                hits.append(msgspec.structs.replace(hit, more=one.more, explanation=says))
        return tuple(hits)

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


def opened(indexes: Indexes) -> TextIndex:
    """The index by word.

    Raises:
        IndexClosed: it is still being opened.
    """
    if (text := indexes.text) is None:
        raise IndexClosed("the index is being opened", remedy="ask again in a moment")
    return text


def holding(text: TextIndex, wanted: Wanted, near: Ranking) -> list[tuple[int, float]]:
    """Of what the vectors found what the query demands, of which they know nothing."""
    kept = text.keep([passage for passage, _ in near], wanted)
    return [(passage, cosine) for passage, cosine in near if passage in kept]


def elapsed_ms(began: float) -> float:
    """Since a moment of `time.perf_counter`, for a person to read."""
    return round((time.perf_counter() - began) * 1000, 2)


def _depth(limit: int) -> int:
    """How many candidates of each index are looked at first."""
    return max(_DEPTH, 2 * limit)


def _beginning(item: Item, passages: Sequence[Passage]) -> Passage:
    """The first passage that is the item's own words, else its first, else an empty one."""
    own = (passage for passage in passages if passage.embed)
    nothing = Passage(id=0, item=item.id, start=0, end=0, text="")
    return next(own, passages[0] if passages else nothing)
