"""How the best passages for a query are found at a cost that is bounded by what is looked at, not by how
often a word is written.

Words of which any counts are asked flat, where Tantivy skips what cannot reach the best. What else is asked
beside them (a filter that leaves many items, phrases, exclusions) is sifted from a deeper ranking, unless it
is rarer than that is deep: then it comes first. Of what is required alone and stands in a great many
passages, the newest are looked at first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from index.allowed import Allowed
from index.asking import Asking
from index.lexicon import OWNER, PASSAGE

if TYPE_CHECKING:
    import tantivy

    Hits = list[tuple[float, tantivy.DocAddress]]


_FEW_ITEMS = 3_000  # are asked for by their numbers
_FEW_PASSAGES = 20_000  # are looked at one by one
_DEEPER = 4
_DEEPEST = 10_000  # of a ranking that is sifted by items
_LEAST_WEIGHED = 200  # are ranked anew, at least
_DEEPEST_HELD = 400  # of one whose passages are looked into


class Plan:
    """One search of one searcher.

    Args:
        newest: the largest id of a passage.
        limit: how many passages are wanted.
        allowed: of which items; None: of all.
    """

    def __init__(
        self, searcher: tantivy.Searcher, asking: Asking, newest: int, limit: int, allowed: Allowed | None
    ) -> None:
        self._searcher = searcher
        self._asking = asking
        self._newest = newest
        self._limit = limit
        self._allowed = allowed

    def best(self) -> list[tuple[int, float]]:
        """The best passages and their scores, the best first."""
        asking, allowed = self._asking, self._allowed
        cost = asking.cost()
        found = None
        if allowed is None or len(allowed) > _FEW_ITEMS:
            if asking.has_any and (not asking.requires or cost > _FEW_PASSAGES):
                found = self._by_words()
            if found is None and asking.requires:
                found = self._required(cost)
        if found is None:
            items = [] if allowed is None else [asking.among(OWNER, allowed.numbers.tolist())]
            found = self._run(asking.strict(extra=items), self._limit)
        return self._passages(found)

    def _by_words(self) -> Hits | None:
        """The best by their words, of those that pass; None if that does not find enough."""
        asking = self._asking
        found = None
        for queries in (asking.candidates(), asking.ranked()):
            found = self._deeper(queries, conditions=asking.has_conditions, weigh=not asking.is_flat)
            if found is None or len(found) >= self._limit or asking.is_flat:
                break
        if found is not None and len(found) < self._limit and asking.requires:
            return None  # others answer that hold none of the words
        return found

    def keep(self, passages: Collection[int]) -> set[int]:
        """Those of some passages that hold the conditions."""
        hits = self._run(self._asking.holding(list(passages)), max(1, len(passages)))
        return {passage for passage, _ in self._passages(hits)}

    def _required(self, cost: int) -> Hits | None:
        """What holds the conditions, of the newest passages if there are so many; None if too little of it
        passes.
        """
        for since in self._since(cost):
            extra = [] if since is None else [self._asking.since(since)]
            found = self._deeper([self._asking.strict(extra=extra)])
            if found is not None and (len(found) >= self._limit or since is None):
                return found
        return None

    def _since(self, cost: int) -> Iterator[int | None]:
        """From which passages on to look."""
        share = _FEW_PASSAGES / max(1, cost)
        while share < 1:
            yield int(self._newest * (1 - share))
            share *= _DEEPER
        yield None

    def _deeper(
        self, queries: Sequence[tantivy.Query], *, conditions: bool = False, weigh: bool = False
    ) -> Hits | None:
        """The best of rankings that pass; None if too few do however deep one looks.

        Args:
            conditions: whether they are still to be looked for.
            weigh: the rankings are not by all that is asked; so the best of them are ranked anew.
        """
        deepest = _DEEPEST_HELD if conditions else _DEEPEST
        depth = self._limit
        if conditions or self._allowed is not None:
            depth = max(depth, min(_DEEPER * depth, _DEEPEST_HELD))
        if weigh:
            depth = max(depth, _LEAST_WEIGHED)
        while True:
            hits, is_all = self._merged(queries, depth)
            kept = self._passing(hits, conditions=conditions)
            if len(kept) >= self._limit or is_all:
                return self._weighed(kept) if weigh else kept[: self._limit]
            expected = depth * self._limit // (len(kept) + 1)
            if depth >= deepest or expected > deepest:
                return None
            depth = min(2 * expected, deepest)

    def _weighed(self, hits: Hits) -> Hits:
        few = self._numbers(hits[: max(self._limit, _DEEPEST_HELD)])
        return self._run(self._asking.weighed(few), self._limit) if few else []

    def _passing(self, hits: Hits, *, conditions: bool) -> Hits:
        if self._allowed is not None and hits:
            owners = self._searcher.fast_field_values(OWNER, [address for _, address in hits])
            held = self._allowed.hold(np.array(owners, np.int32))
            hits = [hit for hit, passes in zip(hits, held.tolist(), strict=True) if passes]
        if conditions and hits:
            numbers = self._numbers(hits)
            passing = self._run(self._asking.holding(numbers), len(numbers))
            kept = {_place(address) for _, address in passing}
            hits = [hit for hit in hits if _place(hit[1]) in kept]
        return hits

    def _merged(self, queries: Sequence[tantivy.Query], depth: int) -> tuple[Hits, bool]:
        """The best of each ranking by their scores, and whether that is all there is."""
        rankings = [self._run(query, depth) for query in queries]
        is_all = all(len(hits) < depth for hits in rankings)
        if len(rankings) == 1:
            return rankings[0], is_all
        found = {_place(hit[1]): hit for hits in rankings for hit in hits}
        return sorted(found.values(), key=lambda hit: -hit[0]), is_all

    def _run(self, query: tantivy.Query, depth: int) -> Hits:
        return self._searcher.search(query, depth, count=False).hits

    def _passages(self, hits: Hits) -> list[tuple[int, float]]:
        numbers = zip(self._numbers(hits), hits, strict=True)
        return [(number, float(score)) for number, (score, _) in numbers if number]

    def _numbers(self, hits: Hits) -> list[int]:
        values = self._searcher.fast_field_values(PASSAGE, [address for _, address in hits])
        return [int(value or 0) for value in values]


def _place(address: tantivy.DocAddress) -> tuple[int, int]:
    return address.segment_ord, address.doc
