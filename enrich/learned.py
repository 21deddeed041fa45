"""Heads learned from the owner's examples, one for each tag or project, at once and with numpy alone.

An item is a point: its words, weighted by how rare they are, and its meaning, less what all items have in
common; each part has unit length. A head is a linear function of points, fitted by ridge regression to what
the owner said, and a bound that parts best what it says of each example when it does not know that one.
Items of which he said nothing are taken not to have a name, at a small weight: few of them have any one.

Where an item mostly has one name or none, as it is of one project or of none, the heads teach themselves
further: in each round they take what they are surest of for examples, more than in the one before
(self-training; Yarowsky: "Unsupervised word sense disambiguation rivaling supervised methods", ACL 1995), and
what is farthest from all of them for examples of none. From where a name is given is then decided by how far
the owner's examples stand out of all that is there (`_outstanding`): what is guessed must not confirm itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from enrich.traits import Traits, trait_ids
from index.embed import Single

Numbers = npt.NDArray[np.intp]
Double = npt.NDArray[np.float64]

MEANING = 0.2  # how much of the inner product of two points is that of their meanings
SHRINK = 0.1  # of the spread of meanings, toward a sphere
RIDGE = 1.0
OTHERS, WEAK = 300, 0.1  # how many items of which nothing was said are learned from, and their weight
ROUNDS, GROWTH, GUESSED = 5, 1.6, 0.5  # of teaching themselves; the weight of what they took for an example
FARTHEST = 0.5  # of what is below the bound: so much of it is taken for examples of none
LEAST = 0.5  # of the examples with a name that must be given it
LEAD = 0.05  # of the likeliest of several names that exclude one another: it speaks against the others
SOFTNESS = 0.1  # of a head's bound: so far from it the chance is 73 or 27 %
EXCLUSIVE_SOFTNESS = 0.3  # of those that exclude one another: so about as many links are right as they say
_OFTEN = 64  # rows that have a column: of more it is common


class Sparse(NamedTuple):
    """Rows of a matrix of which most is zero."""

    starts: Numbers  # of each row, and behind them the end
    columns: Numbers
    values: Single
    width: int

    def times(self, matrix: Single) -> Single:
        """The product with (width, k): (rows, k)."""
        found = np.zeros((len(self.starts) - 1, matrix.shape[1]), np.float32)
        full = np.flatnonzero(np.diff(self.starts))  # a row without anything would take the next one's
        if len(full):
            products = self.values[:, None] * matrix[self.columns]
            found[full] = np.add.reduceat(products, self.starts[full], axis=0)
        return found

    def collected(self, weights: Single) -> Single:
        """The product of its transpose with (rows, k): (width, k)."""
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        return np.stack(
            [np.bincount(self.columns, self.values * column[rows], self.width) for column in weights.T],
            axis=1,
        ).astype(np.float32)

    def gram(self) -> Single:
        """The inner products of all rows. Columns that many rows have are multiplied as a dense matrix; of
        the others, which are most, each entry meets the few of its column.
        """
        count = len(self.starts) - 1
        rows = np.repeat(np.arange(count), np.diff(self.starts))
        often = np.bincount(self.columns, minlength=self.width) > _OFTEN
        common = often[self.columns]
        dense = np.zeros((count, int(often.sum())), np.float32)
        dense[rows[common], (np.cumsum(often) - 1)[self.columns[common]]] = self.values[common]
        order = np.flatnonzero(~common)[np.argsort(self.columns[~common], kind="stable")]
        its, values = rows[order], self.values[order]
        one, other = _within(np.bincount(self.columns[order], minlength=self.width))
        met = np.bincount(its[one] * count + its[other], values[one] * values[other], count * count)
        return dense @ dense.T + met.reshape(count, count).astype(np.float32)


def _within(sizes: Numbers) -> tuple[Numbers, Numbers]:
    """All pairs of places, each with itself too, within stretches of these sizes that follow one another."""
    sizes = sizes[sizes > 0]
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)  # of the stretch that a place is in
    partners = np.repeat(sizes, sizes)
    one = np.repeat(np.arange(len(first)), partners)
    begins = np.cumsum(partners) - partners
    return one, np.repeat(first - begins, partners) + np.arange(len(one))


class Points(NamedTuple):
    """Where items lie."""

    words: Sparse
    meaning: Single  # (items, dimension)


class Space:
    """Where the items of a pool lie, and what is common and what is rare among them.

    Args:
        pool: at least one item.
    """

    def __init__(self, pool: Sequence[Traits]) -> None:
        ids, counts = np.unique(np.concatenate([seen.ids for seen in pool]), return_counts=True)
        shared = counts > 1  # what only one item has connects it with none
        self._ids = ids[shared] if shared.any() else ids
        self._rarity = np.log((1 + len(pool)) / (counts[shared] if shared.any() else counts)).astype(
            np.float32
        )
        vectors = [seen.vector for seen in pool if seen.vector is not None]
        self._whitening = _Whitening(np.stack(vectors)) if vectors else None
        self.pool = self.points(pool)

    @cached_property
    def gram(self) -> Single:
        """The inner products of all points of the pool."""
        return self.pool.words.gram() + self.pool.meaning @ self.pool.meaning.T

    def points(self, some: Sequence[Traits]) -> Points:
        """Where these items lie. Words that the pool does not have count for nothing."""
        columns, values, starts = list[Numbers](), list[Single](), [0]
        for seen in some:
            its, weights = self._known(seen)
            columns.append(its)
            values.append(weights)
            starts.append(starts[-1] + len(its))
        sparse = Sparse(np.array(starts), np.concatenate(columns), np.concatenate(values), len(self._ids))
        return Points(sparse, self._meanings(some))

    def columns(self, traits: Sequence[str]) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """The column of each trait, and whether there is one."""
        return self._found(trait_ids(traits))

    def _found(self, ids: npt.NDArray[np.uint32]) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return at, self._ids[at] == ids

    def _known(self, seen: Traits) -> tuple[Numbers, Single]:
        at, known = self._found(seen.ids)
        weights = seen.weights[known] * self._rarity[at[known]]
        length = float(np.linalg.norm(weights)) or 1.0
        return at[known], (np.sqrt(1 - MEANING) / length * weights).astype(np.float32)

    def _meanings(self, some: Sequence[Traits]) -> Single:
        """(items, dimension); zeros for an item without a vector."""
        if self._whitening is None:
            return np.zeros((len(some), 0), np.float32)
        found = np.zeros((len(some), len(self._whitening.middle)), np.float32)
        having = [at for at, seen in enumerate(some) if seen.vector is not None]
        if having:
            vectors = np.stack([vector for seen in some if (vector := seen.vector) is not None])
            found[having] = np.sqrt(MEANING) * self._whitening.applied(vectors)
        return found


class _Whitening:
    """Makes what varies much count no more than what varies little.

    Args:
        vectors: (items, dimension), at least one.
    """

    def __init__(self, vectors: Single) -> None:
        self.middle: Single = vectors.mean(axis=0)
        moved = vectors - self.middle
        spread, directions = np.linalg.eigh(moved.T @ moved / len(vectors))
        scale = 1 / np.sqrt(np.maximum(spread, 0) + SHRINK * max(float(spread.mean()), 1e-9))
        self._directions: Single = (directions * scale).astype(np.float32)

    def applied(self, vectors: Single) -> Single:
        """The same vectors without what all have in common, unit length."""
        moved = (vectors - self.middle) @ self._directions
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved / np.where(lengths, lengths, 1), np.float32)


class Heads:
    """What was learned of some names. Immutable."""

    def __init__(
        self, names: Sequence[str], space: Space, fit: _Fit, *, lead: float, softness: float
    ) -> None:
        """Not for callers: use `learn`."""
        self._names = tuple(names)
        self._space = space
        self._bounds = fit.bounds - fit.usual
        self._lead = lead
        self._softness = softness
        weights = np.zeros((len(space.gram), len(names)), np.float32)
        weights[fit.rows] = fit.dual
        self._words = space.pool.words.collected(weights)
        self._meaning = space.pool.meaning.T @ weights

    def chances(self, points: Points) -> list[dict[str, float]]:
        """For each item how likely each name is right of it, by what was learned.

        Args:
            points: where the items lie in the space that the heads were learned in.
        """
        scores = points.words.times(self._words) + points.meaning @ self._meaning - self._bounds
        scores[scores < scores.max(axis=1, keepdims=True)] -= self._lead
        chances = 1 / (1 + np.exp(-scores / self._softness))
        return [dict(zip(self._names, row, strict=True)) for row in chances.tolist()]

    def speak(self, name: str, traits: Sequence[str]) -> Single:
        """How much each of some traits of an item speaks for a name."""
        at, known = self._space.columns(traits)
        return np.where(known, self._words[at, self._names.index(name)], np.float32(0))


def learn(
    space: Space, said: Mapping[int, Mapping[str, bool]], names: Sequence[str], *, exclusive: bool
) -> Heads | None:
    """Learn from examples.

    Args:
        said: items of the space's pool, by their place in it, and what the owner said of their names; what he
            did not say of them does not hold.
        exclusive: an item mostly has one of the names.

    Returns:
        heads for those names that some item has; None if there is none.
    """
    names = [name for name in names if any(of.get(name) for of in said.values())]
    if not names:
        return None
    truth = np.array([[of.get(name, False) for name in names] for of in said.values()], np.float64)
    examples = np.array(list(said), np.intp)
    fit = _fitted(space, examples, truth, _NOBODY, truth[:0])
    if not exclusive or len(names) == 1:
        return Heads(names, space, fit, lead=0.0, softness=SOFTNESS)
    # A name has many examples where much had to be corrected, which does not mean that much is of it.
    counts = truth.sum(axis=0)
    counts = np.minimum(counts, np.median(counts))
    for turn in range(ROUNDS):
        judged = fit.judged(space)
        rows, guesses = _surest(fit.scores(space), examples, counts * GROWTH ** (turn + 1))
        none = _farthest(judged, _outstanding(judged, examples, truth), np.concatenate([examples, rows]))
        nothing = np.zeros((len(none), len(names)))
        fit = _fitted(space, examples, truth, np.append(rows, none), np.concatenate([guesses, nothing]))
    bound = _outstanding(fit.judged(space), examples, truth)
    fit = fit._replace(bounds=fit.bounds + bound)
    return Heads(names, space, fit, lead=LEAD, softness=EXCLUSIVE_SOFTNESS)


_NOBODY = np.zeros(0, np.intp)


class _Fit(NamedTuple):
    """A ridge regression over some items of the pool."""

    rows: Numbers
    dual: Double  # (rows, names)
    usual: Double  # the mean over them
    alone: Double  # (rows, names): what it says of each of them when it does not know that one
    bounds: Double

    def scores(self, space: Space) -> Double:
        """What it says of every item of the pool: (items, names)."""
        return np.asarray(space.gram[:, self.rows] @ self.dual + self.usual)

    def judged(self, space: Space) -> Double:
        """How far above its bound what it says of every item is when it does not know that one."""
        scores = self.scores(space)
        scores[self.rows] = self.alone
        return scores - self.bounds


def _fitted(space: Space, examples: Numbers, truth: Double, guessed: Numbers, guesses: Double) -> _Fit:
    """Weighted ridge regression in its dual form, with a bound for each name. What it says of an item when it
    does not know that one comes from the same inverse.
    """
    others = np.setdiff1d(np.arange(len(space.gram)), np.concatenate([examples, guessed]))
    others = _spread(others)
    rows = np.concatenate([examples, guessed, others])
    right = np.concatenate([truth, guesses, np.zeros((len(others), truth.shape[1]))])
    weights = np.repeat([1.0, GUESSED, WEAK], [len(examples), len(guessed), len(others)])
    inverse = np.linalg.inv(space.gram[np.ix_(rows, rows)] + np.diag(RIDGE / weights))
    usual = weights @ right / weights.sum()
    dual = inverse @ (right - usual)
    alone = right - dual / np.diag(inverse)[:, None]
    bounds = [_bound(right[:, at], alone[:, at], weights) for at in range(truth.shape[1])]
    return _Fit(rows, dual, usual, alone, np.array(bounds))


def _surest(scores: Double, examples: Numbers, most: Double) -> tuple[Numbers, Double]:
    """For each name, of the items that it suits best and of which nothing was said, at most so many: those
    that it suits better than the next name, if there is one, by most. The items, and what is guessed of them.
    """
    best = scores.argmax(axis=1)
    best[examples] = -1
    rivals = np.sort(scores, axis=1)
    ahead = rivals[:, -1] - (rivals[:, -2] if len(most) > 1 else 0.0)
    rows, guesses = [_NOBODY], [np.zeros((0, len(most)))]
    for name, count in enumerate(most):
        suited = np.flatnonzero(best == name)
        suited = suited[np.argsort(-ahead[suited], kind="stable")][: int(count)]
        rows.append(suited)
        guesses.append(np.tile(np.eye(len(most))[name], (len(suited), 1)))
    return np.concatenate(rows), np.concatenate(guesses)


def _farthest(judged: Double, bound: float, used: Numbers) -> Numbers:
    """Of the items that are given no name, and are not used already, those that are farthest from any."""
    best = judged.max(axis=1)
    below = np.setdiff1d(np.flatnonzero(best < bound), used)
    return _spread(below[np.argsort(best[below], kind="stable")][: int(FARTHEST * len(below))])


def _spread(items: Numbers) -> Numbers:
    """About `OTHERS` of them, evenly."""
    return items[:: max(1, len(items) // OTHERS)]


def _outstanding(judged: Double, examples: Numbers, truth: Double) -> float:
    """The bound from which an item is given its likeliest name: where r² / g is largest, r being the share of
    examples that are given theirs, among those that have or are given one, g the share of all other items
    that are given any. That is about where F1 is largest, and takes no example of an item without a name
    (Lee, Liu: "Learning with positive and unlabeled examples using weighted logistic regression", ICML 2003).
    Where few examples are given theirs, chance decides: so at least `LEAST` are, where that can be.
    """
    best = judged.max(axis=1)
    named = truth.any(axis=1)
    right = truth[named, judged[examples[named]].argmax(axis=1)] > 0
    found = np.sort(best[examples[named]][right])
    others = np.sort(np.delete(best, examples))
    if not len(found) or not len(others):
        return 0.0
    wrong = np.sort(best[examples[~named]])
    r = np.arange(len(found), 0, -1) / (len(right) + len(wrong) - np.searchsorted(wrong, found))
    g = np.maximum(len(others) - np.searchsorted(others, found), 1) / len(others)
    return float(found[np.where(r >= min(LEAST, r.max()), r**2 / g, 0).argmax()])


def _bound(truth: Double, said: Double, weights: Double) -> float:
    """The score from which a name is given: where F1 is best; in the middle of the gap."""
    order = np.argsort(-said, kind="stable")
    right = np.cumsum((weights * truth)[order])
    best = int((2 * right / (np.cumsum(weights[order]) + right[-1])).argmax())
    below = said[order[best + 1]] if best + 1 < len(said) else said[order[best]] - 2 * SOFTNESS
    return float(said[order[best]] + below) / 2
