"""Several rankings into one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
# Methods" (SIGIR 2009). Ranks, not scores: a BM25 score and a cosine have no common scale.
_K = 60


def fuse(rankings: Iterable[tuple[float, Sequence[int]]]) -> list[tuple[int, float]]:
    """Reciprocal-rank fusion.

    Args:
        rankings: (weight, ids from the best down); an id counts where it stands first in a ranking.

    Returns:
        Every id once with its score, the best first; equal scores by id, so that chance never orders.
    """
    scores: dict[int, float] = {}
    for weight, ranking in rankings:
        for rank, id in enumerate(dict.fromkeys(ranking), start=1):
            scores[id] = scores.get(id, 0.0) + weight / (_K + rank)
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def perfect(weights: float) -> float:
    """The score of an id that is first in every ranking; `weights` is the sum of theirs."""
    return weights / (_K + 1)
