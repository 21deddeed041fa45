"""What the two indexes found, made into one order, with each part's say in it. Pure.

The scores of a part are divided by their spread among the candidates, weighed and added ("convex
combination": Bruch, Gai, Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023), because
how far a hit stands out says more than its rank. Then the first ones are taken for examples of what is meant,
and what is like them rises (Rocchio's feedback, on vectors: Li, Mourad et al., "Pseudo Relevance Feedback
with Deep Language Models and Dense Retrievers", TOIS 2023); nothing is searched a second time for it. A
cross-encoder, if the owner brings one, is one more part. Figures, and what else was tried: docs/adr/0009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec
import numpy as np
import numpy.typing as npt

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]

Ranking = Sequence[tuple[int, float]]  # (passage, score), the best first


class Part(StrEnum):
    """What has a say in the order of hits."""

    WORDS = "words"  # BM25
    MEANING = "meaning"  # the cosine between question and passage
    FEEDBACK = "feedback"  # the cosine between the first ones and the passage
    RERANKED = "reranked"  # the owner's cross-encoder, of question and passage read together
    NAMED = "named"  # the share of the query that stands in its title, its name and its sender
    EXACT = "exact"  # how many identifiers of the query it holds, and whether it is called as the query says
    RECENT = "recent"  # how fresh it is


# More for meaning helps passages of web pages and harms known items, more for words the other way round.
# A cross-encoder counts as much as these together: its owner brought it to decide.
WEIGHTS = {Part.WORDS: 0.45, Part.MEANING: 0.55, Part.FEEDBACK: 1.0, Part.RERANKED: 2.0}

LEAST_COSINE = 0.15  # below it passages have nothing to do with the question but are the nearest there are
_MISSING = 0.75  # of the lowest score by word: what a passage has that only meaning found
_EXAMPLES = 5  # of the first ones, at most
_EVEN = 1e-3  # of the largest: scores that vary less say the same of all
_BENT = 0.1  # of what a score lies further below the mean than most do
_FADE = 0.2  # of points: an example so far behind the first counts a factor e less


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """What one part said of a hit."""

    part: Part
    rank: int | None  # among the candidates, from 1; None: this part did not find it
    score: float | None  # by the part's own measure
    share: float  # of the hit's points, 0 to 1


class Fused:
    """Passages with the points that each part gives them, none below zero.

    Args:
        passages: ids, each once.
    """

    def __init__(self, passages: Sequence[int]) -> None:
        self.passages = list(passages)
        self._row = {passage: row for row, passage in enumerate(self.passages)}
        self._scores: dict[Part, Single] = {}
        self._points: dict[Part, Single] = {}
        self.totals: Single = np.zeros(len(self.passages), np.float32)

    def give(self, part: Part, scores: Single, points: Single) -> None:
        """Let a part have its say. `scores` are NaN where it has none."""
        self._scores[part], self._points[part] = scores, points
        self.totals = self.totals + points

    @property
    def parts(self) -> set[Part]:
        """Those that had their say."""
        return set(self._scores)

    def order(self) -> list[int]:
        """The rows of `passages`, the best first; equal ones by id, so that chance never orders."""
        order: list[int] = np.lexsort((np.array(self.passages), -self.totals)).tolist()
        return order

    def perfect(self) -> float:
        """The points of a passage that is first in every part."""
        return sum(float(points.max(initial=0.0)) for points in self._points.values())

    def score(self, passage: int) -> float:
        """From 0 to 1: how near it comes to being first in every part."""
        perfect = self.perfect()
        return float(self.totals[self._row[passage]]) / perfect if perfect else 1.0

    def says(self, passage: int) -> tuple[Say, ...]:
        """What each part said of it."""
        row = self._row[passage]
        total = float(self.totals[row]) or 1.0
        said: list[Say] = []
        for part, scores in self._scores.items():
            found = not np.isnan(scores[row])
            rank = 1 + int(np.count_nonzero(scores > scores[row])) if found else None
            score = round(float(scores[row]), 4) if found else None
            share = round(float(self._points[part][row]) / total, 4)
            said.append(Say(part=part, rank=rank, score=score, share=share))
        return tuple(said)


def fuse(
    words: Ranking | None,
    meaning: Ranking | None,
    vectors: Mapping[int, Half],
    question: Single | None,
) -> Fused:
    """Passages that either index found, by what both say of them.

    Args:
        words: with BM25; None: not asked.
        meaning: with cosines; None: not asked.
        vectors: of the passages, where they have one.
        question: its vector, by which passages are compared that only words found.
    """
    by_word, by_meaning = dict(words or ()), dict(meaning or ())
    fused = Fused(sorted(by_word.keys() | by_meaning.keys()))
    known = Known(fused.passages, vectors)
    if words is not None:
        # What is not among the best by word may hold some of the words all the same.
        _give(fused, Part.WORDS, by_word, missing=_MISSING * min(by_word.values(), default=0.0))
    if question is not None and words is not None:
        by_meaning = known.cosines(question) | by_meaning
    if meaning is not None:
        # What has no vector counts as the least near: it is a quotation, or was not embedded yet.
        least = min(by_meaning.values(), default=LEAST_COSINE)
        _give(fused, Part.MEANING, by_meaning, missing=least)
    if words is not None and meaning is not None and known.passages:
        _let_examples_speak(fused, known)
    return fused


def rerank(fused: Fused, scores: Mapping[int, float]) -> None:
    """Let a cross-encoder have its say.

    Args:
        scores: of the passages that it read; the others gain nothing, as the last of these.
    """
    read = [row for row, passage in enumerate(fused.passages) if passage in scores]
    said: Single = np.full(len(fused.passages), np.nan, np.float32)
    said[read] = [scores[fused.passages[row]] for row in read]
    points: Single = np.zeros(len(fused.passages), np.float32)
    points[read] = WEIGHTS[Part.RERANKED] * _points(said[read])
    fused.give(Part.RERANKED, said, points)


class Known:
    """The vectors of those passages that have one, as one matrix."""

    def __init__(self, passages: Sequence[int], vectors: Mapping[int, Half]) -> None:
        self.passages = [passage for passage in passages if passage in vectors]
        self.row = {passage: row for row, passage in enumerate(self.passages)}
        rows = [vectors[passage] for passage in self.passages]
        self.vectors: Single = np.array(rows, np.float16).astype(np.float32)

    def cosines(self, to: Single) -> dict[int, float]:
        """Of each to a vector."""
        near = (self.vectors @ to).tolist() if self.passages else []
        return dict(zip(self.passages, near, strict=True))


def _let_examples_speak(fused: Fused, known: Known) -> None:
    """Raise what resembles the first ones; each of these counts by how near it comes to the first."""
    order = [row for row in fused.order()[:_EXAMPLES] if fused.passages[row] in known.row]
    if not order:
        return
    gap = fused.totals[order] - fused.totals[order[0]]
    weights = np.exp(gap / _FADE)
    first = known.vectors[[known.row[fused.passages[row]] for row in order]]
    middle = unit(weights @ first / weights.sum())
    near = known.cosines(middle)
    _give(fused, Part.FEEDBACK, near, missing=min(near.values()))


def unit(vector: Single) -> Single:
    """A vector of length 1 in its direction; nothing stays nothing."""
    scaled: Single = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return scaled


def _give(fused: Fused, part: Part, found: Mapping[int, float], *, missing: float) -> None:
    """Let a part say what it found, by its weight; what it did not find has the score `missing`."""
    scores = np.array([found.get(passage, np.nan) for passage in fused.passages], np.float32)
    points = _points(np.nan_to_num(scores, nan=missing))
    fused.give(part, scores, WEIGHTS[part] * points)


def _points(scores: Single) -> Single:
    """How far each stands above the least, in units of their spread: so those of different parts add up.

    Standing out upwards counts in full, downwards hardly: else the only one that holds a rare word, and is
    near to nothing, would be lost.
    """
    if not len(scores):
        return scores
    spread = scores.std()
    if spread <= _EVEN * np.abs(scores).max():
        return np.ones_like(scores)
    floor = scores.mean() - spread
    bent = np.where(scores < floor, floor + _BENT * (scores - floor), scores)
    points: Single = (bent - bent.min()) / spread
    return points
