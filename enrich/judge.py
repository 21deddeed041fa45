"""How surely one sentence by itself is an action item, and of what kind: by rules (`cues.txt`, English and
German) and by a trained head (`task_head.py`, English), which weighs what the rules say with the words.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from enrich import cues, task_head
from store.records import ActionKind

CUES = cues.load()
_SPACE = re.compile(r"\s+")
_PROMISES = re.compile(r"(?:[\w']+,? ){0,3}(?:i|we)(?:'(?:ll|d|m|re)| will| shall| can| am| are| would)\b")
THRESHOLD = 0.5  # what is less sure is no action item


class Judgement(NamedTuple):
    """What kind of action item a sentence is, and how surely."""

    kind: ActionKind
    confidence: float


def judge(sentence: str) -> Judgement | None:
    """Look at one sentence by itself; None if no cue and no word speaks for an action item."""
    text = _plain(sentence)
    if CUES.never.search(text):
        return None
    ruled = by_rules(sentence)
    probability = _head().probability(sentence, opinion(ruled))
    if probability is None:
        return ruled
    if probability < THRESHOLD:
        # A question that waits for an answer is not what the head has learned to know.
        return ruled if ruled and ruled.kind is ActionKind.QUESTION else None
    return Judgement(ruled.kind if ruled else _kind(text), probability)


def by_rules(sentence: str) -> Judgement | None:
    """What the cues say alone."""
    text = _plain(sentence)
    if CUES.never.search(text):
        return None
    for rule in CUES.rules:
        if rule.pattern.search(text):
            return Judgement(rule.kind, rule.confidence)
    return None


def opinion(ruled: Judgement | None) -> dict[str, float]:
    """What the rules say, as features of the head."""
    if ruled is None:
        return {}
    return {ruled.kind.value: 1.0, f"{ruled.kind.value} confidence": ruled.confidence}


def _kind(text: str) -> ActionKind:
    """Of a sentence that no rule knows."""
    if _PROMISES.match(text):
        return ActionKind.COMMITMENT
    return ActionKind.QUESTION if text.endswith("?") else ActionKind.REQUEST


@cache
def _head() -> task_head.TaskHead:
    return task_head.load()


def _plain(sentence: str) -> str:
    return _SPACE.sub(" ", sentence.lower().replace("’", "'")).strip()
