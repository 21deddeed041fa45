"""Queries of every kind, a fifth of each, made of the words of real passages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.made import DATES

KINDS = ("rare", "frequent", "phrase", "question", "filtered")
_FREQUENT = 100  # the most frequent words that say anything
_RARE = (2, 20)  # in how many of the real passages
_SHORT = 3  # letters; shorter words are mostly articles and prepositions
_SPANS = (0.002, 0.02, 0.2, 0.6)  # of all dates: from a week to six years


class Asked(NamedTuple):
    """One query."""

    kind: str
    query: str
    filters: dict[str, float] = {}  # noqa: RUF012 - never changed


def mixed(texts: Sequence[str], count: int) -> list[Asked]:
    """So many queries, the kinds by turns."""
    chance = random.Random(2)
    split = [[word for word in text.split() if word.isalpha()] for text in texts]
    split = [words for words in split if len(words) > 20]
    found = Counter(word.lower() for words in split for word in set(words) if len(word) > _SHORT)
    frequent = [word for word, _ in found.most_common(_FREQUENT)]
    rare = sorted(word for word, times in found.items() if _RARE[0] <= times <= _RARE[1])

    def stretch(least: int, most: int) -> str:
        words, length = chance.choice(split), chance.randint(least, most)
        start = chance.randrange(len(words) - length)
        return " ".join(words[start : start + length])

    def filtered() -> Asked:
        span = (DATES[1] - DATES[0]) * chance.choice(_SPANS)
        after = chance.uniform(DATES[0], DATES[1] - span)
        query = chance.choice([stretch(3, 8), chance.choice(frequent), chance.choice(rare)])
        return Asked("filtered", query, {"after": after, "before": after + span})

    make: dict[str, Callable[[], Asked]] = {
        "rare": lambda: Asked("rare", " ".join(chance.sample(rare, chance.randint(1, 3)))),
        "frequent": lambda: Asked("frequent", " ".join(chance.sample(frequent, chance.randint(1, 4)))),
        "phrase": lambda: Asked("phrase", f'"{_adjacent(chance, texts)}"'),
        "question": lambda: Asked("question", stretch(8, 15)),
        "filtered": filtered,
    }
    return [make[KINDS[number % len(KINDS)]]() for number in range(count)]


def questions(texts: Sequence[str], count: int) -> list[str]:
    """Stretches of three to eight words of the passages."""
    chance = random.Random(2)
    asked: list[str] = []
    while len(asked) < count:
        words = [word for word in chance.choice(texts).split() if word.isalpha()]
        if len(words) > 10:
            start = chance.randrange(len(words) - 8)
            asked.append(" ".join(words[start : start + chance.randint(3, 8)]))
    return asked


def _adjacent(chance: random.Random, texts: Sequence[str]) -> str:
    """Two or three words that stand side by side."""
    while True:
        words, length = chance.choice(texts).split(), chance.randint(2, 3)
        start = chance.randrange(max(1, len(words) - length))
        some = words[start : start + length]
        if len(some) == length and all(word.isalpha() for word in some):
            return " ".join(some)
