"""How surely one sentence by itself is an action item, and of what kind: by rules (`cues.txt`, English and
German) and by a trained head (`task_head.py`, English), which weighs what the rules say with the words.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from enrich import cues, task_head
from enrich.words import plain
from store.records import ActionKind

CUES = cues.load()
_PROMISES = re.compile(r"(?:[\w']+,? ){0,3}(?:i|we)(?:'(?:ll|d|m|re)| will| shall| can| am| are| would)\b")
THRESHOLD = 0.5  # what is less sure is no action item


class Judgement(NamedTuple):
    """What kind of action item a sentence is, and how surely."""

    kind: ActionKind
    confidence: float


class Verdict(NamedTuple):
    """What cues and head together say of a sentence, and what the cues say alone; None: no action item."""

    judgement: Judgement | None
    ruled: Judgement | None


def judge(sentence: str) -> Verdict | None:
    """Look at one sentence by itself; None if it holds what no action item does, whatever else it holds."""
    text = plain(sentence)
    if CUES.never.search(text):
        return None
    ruled = _ruled(text)
    return Verdict(_weighed(text, ruled), ruled)


def by_rules(sentence: str) -> Judgement | None:
    """What the cues say alone, without the head, which is trained on it."""
    text = plain(sentence)
    return None if CUES.never.search(text) else _ruled(text)


def _ruled(text: str) -> Judgement | None:
    for rule in CUES.rules:
        if rule.pattern.search(text):
            return Judgement(rule.kind, rule.confidence)
    return None


def _weighed(text: str, ruled: Judgement | None) -> Judgement | None:
    probability = _head().probability(task_head.tokens(text), opinion(ruled))
    if probability is None:
        return ruled
    if probability < THRESHOLD:
        # A question that waits for an answer is not what the head has learned to know.
        return ruled if ruled and ruled.kind is ActionKind.QUESTION else None
    return Judgement(ruled.kind if ruled else _kind(text), probability)


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
