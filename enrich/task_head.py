"""The trained part of how a sentence is judged: how surely it asks, promises or waits for an answer.

Logistic regression over the words, pairs and triples of words of a sentence, its first words, and what the
rules say of it (`enrich/judge.py`). `bench/tasks.py` trains it, measures it and writes `task_head.msgpack`,
which holds the CRC-32 of each n-gram with its weight, and no words.
"""

from __future__ import annotations

import math
import re
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from itertools import pairwise

import msgspec

WEIGHTS = "task_head.msgpack"
_TOKEN = re.compile(r"[\w']+|[?!.,:;]")
_FIRST = 4  # words that count for their place as well: a task shows early
_SCALE = 1.5  # of the n-grams beside what the rules say
_KNOWN = 0.5  # share of a sentence's words; with fewer it is in another language than the training's


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned, and from what."""

    trained_on: str
    bias: float  # such that 0.5 is the threshold with the best F1 in cross-validation
    rules: dict[str, float]  # by feature of `judge.opinion`
    grams: bytes  # little-endian uint32: the CRC-32 of each n-gram
    weights: bytes  # little-endian float32, in the same order


class TaskHead:
    """Answers for one sentence at a time; some ten thousand of them a second. Thread-safe."""

    def __init__(self, weights: Weights) -> None:
        self.trained_on = weights.trained_on
        self._bias = weights.bias
        self._rules = weights.rules
        grams, values = array("I", weights.grams), array("f", weights.weights)
        self._grams = dict(zip(grams.tolist(), values.tolist(), strict=True))

    def probability(self, words: Sequence[str], rules: Mapping[str, float]) -> float | None:
        """That a sentence is an action item; None where most of its words were never seen.

        Args:
            words: its `tokens`.
            rules: what the rules say of it (`judge.opinion`).
        """
        known = sum(number("1", word) in self._grams for word in words)
        if known < _KNOWN * len(words) or not words:
            return None
        score = self._bias + sum(self._rules[name] * value for name, value in rules.items())
        score += sum(self._grams.get(gram, 0.0) * value for gram, value in features(words).items())
        return 1 / (1 + math.exp(-score))


def load() -> TaskHead:
    """The head that comes with the appliance."""
    raw = resources.files("enrich").joinpath(WEIGHTS).read_bytes()
    return TaskHead(msgspec.msgpack.decode(raw, type=Weights))


def features(words: Sequence[str]) -> dict[int, float]:
    """The n-grams of a sentence's `tokens` by number, all with one weight, of length `_SCALE` together."""
    grams = set(_grams(words))
    return dict.fromkeys(grams, _SCALE / math.sqrt(len(grams)))


def tokens(sentence: str) -> list[str]:
    """Lower-cased words and marks; all numbers are one word."""
    words = _TOKEN.findall(sentence.lower().replace("’", "'"))
    return ["0" if word.isdigit() else word for word in words]


def number(*parts: str) -> int:
    """Of one n-gram."""
    return zlib.crc32("\x1f".join(parts).encode(errors="replace"))


def _grams(words: Sequence[str]) -> Iterator[int]:
    bounded = ["^", *words, "$"]
    for word in bounded:
        yield number("1", word)
    for pair in pairwise(bounded):
        yield number("2", *pair)
    for triple in zip(bounded, bounded[1:], bounded[2:], strict=False):
        yield number("3", *triple)
    for place, word in enumerate(words[:_FIRST]):
        yield number("first", str(place), word)
