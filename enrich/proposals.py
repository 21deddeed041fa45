"""Proposes names that the owner's lists do not have: groups of items that are alike and have no name of his.

Pure but for reading the texts of the few items that are named. What is proposed is only shown, never stored.
A group of which most items were in ones that the owner dismissed is dismissed too: groups gain and lose items
from day to day, and change their names with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from enrich.traits import Traits, trait_ids, words
from store.records import Item, Record

ALIKE = 0.6  # cosine, above which two items are of one group
_SMALLEST = 4  # items of a group
_LARGEST = 1_000
_MOST = 8  # groups
_READ = 30  # items of a group whose words and parties are looked at
_WORDS = 3
_COMMON = 0.5  # share of the group that has what it has in common
_RARE = 0.1  # share of all items that may have its words

Numbers = npt.NDArray[np.intp]


class Proposal(Record, frozen=True, kw_only=True):
    """A tag or a project that there may be."""

    name: str  # the words that tell the group from all else
    items: list[str]  # the ones in its middle first, at most `_LARGEST`
    reasons: list[str]  # "common words: …", "same parties: …"
    dismissed: bool = False  # by the owner


def propose(
    pool: Mapping[str, Traits],
    named: Collection[str],
    dismissed: Collection[str],
    read: Callable[[Sequence[str]], Sequence[tuple[Item, str]]],
) -> list[Proposal]:
    """Groups of items of which none is in `named`, the largest first.

    Args:
        dismissed: items of groups that the owner dismissed.
        read: items with their texts; those that are gone are left out.
    """
    free = [item for item, seen in pool.items() if item not in named and seen.vector is not None]
    if len(free) < _SMALLEST:
        return []
    rows = np.stack([vector for item in free if (vector := pool[item].vector) is not None])
    shares = _Shares(list(pool.values()))
    found: list[Proposal] = []
    for group in _groups(rows):
        items = [free[at] for at in group[:_LARGEST]]
        proposal = _described(items, read(items[:_READ]), shares)
        if proposal is not None:
            refused = 2 * len({*items} & {*dismissed}) >= len(items)
            found.append(msgspec.structs.replace(proposal, dismissed=refused))
    return found


def _groups(rows: npt.NDArray[np.float32]) -> list[Numbers]:
    """Around the item that most are like, then around that of the rest, and so on; each by its middle."""
    alike = rows @ rows.T
    free = np.ones(len(rows), np.bool_)
    groups: list[Numbers] = []
    while len(groups) < _MOST:
        near = (alike >= ALIKE) & free & free[:, None]
        middle = int(near.sum(axis=1).argmax())
        group = np.flatnonzero(near[middle])
        if len(group) < _SMALLEST:
            break
        groups.append(group[np.argsort(-alike[middle, group], kind="stable")])
        free[group] = False
    return groups


class _Shares:
    """How many of all items have a word."""

    def __init__(self, pool: Sequence[Traits]) -> None:
        self._ids, self._counts = np.unique(np.concatenate([seen.ids for seen in pool]), return_counts=True)
        self._of = len(pool)

    def share(self, word: str) -> float:
        """Of all items."""
        at = int(np.searchsorted(self._ids, trait_ids([word])[0]))
        known = at < len(self._ids) and self._ids[at] == trait_ids([word])[0]
        return float(self._counts[at]) / self._of if known else 0.0


def _described(items: Sequence[str], texts: Sequence[tuple[Item, str]], shares: _Shares) -> Proposal | None:
    """A group by the words and parties that its items have in common; None if no word tells it apart."""
    least = max(2, _COMMON * len(texts))
    having = Counter(word for _, text in texts for word in set(words(text)) if word.isalpha())
    telling = [word for word, count in having.items() if count >= least and shares.share(word) <= _RARE]
    if not telling:
        return None
    telling.sort(key=lambda word: (-having[word], shares.share(word), word))
    parties = Counter(party for item, _ in texts for party in {item.sender, *item.recipients} if party)
    same = [party for party, count in parties.most_common(_WORDS) if count >= least]
    reasons = [f"common words: {', '.join(telling[: 2 * _WORDS])}"]
    reasons += [f"same parties: {', '.join(same)}"] if same else []
    return Proposal(name=" ".join(telling[:_WORDS]), items=list(items), reasons=reasons)
