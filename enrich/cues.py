"""Reads `cues.txt`, the table by which requests, promises and questions are known.

How a rule is applied to a sentence stands in `judge.py`.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import NamedTuple

from store.records import ActionKind


class Rule(NamedTuple):
    """A sentence in which `pattern` occurs is of this kind with this confidence."""

    kind: ActionKind
    confidence: float
    pattern: re.Pattern[str]


class Cues(NamedTuple):
    """The whole table."""

    rules: tuple[Rule, ...]  # the first that matches counts
    never: re.Pattern[str]  # no action item, whatever else the sentence holds
    bulk: re.Pattern[str]  # the whole item is a mailing to many
    nameless: frozenset[str]  # begin a sentence with a capital and are nobody's name
    verbs: str  # alternatives: what tasks begin with


def load() -> Cues:
    """Read and compile the table.

    Raises:
        ValueError: a line is none of the forms that the file's head describes.
    """
    pieces: dict[str, str] = {}
    lists: dict[str, list[str]] = {"never": [], "bulk": [], "nameless": []}
    rules: list[Rule] = []
    for line in resources.files("enrich").joinpath("cues.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if piece := re.fullmatch(r"([A-Z]+) = (.+)", line):
            value = _filled(piece[2], pieces)
            pieces[piece[1]] = "|".join(value.split()) if re.fullmatch(r"[\w -]+", value) else value
            continue
        word, _, rest = line.partition(" ")
        if word in lists:
            lists[word].append(rest)
            continue
        confidence, _, pattern = rest.partition(" ")
        rules.append(Rule(ActionKind(word), float(confidence), re.compile(_filled(pattern, pieces))))
    never, bulk = (re.compile("|".join(lists[word])) for word in ("never", "bulk"))
    verbs = f"{pieces['VERBS']}|{pieces['NOUNS']}"
    return Cues(tuple(rules), never, bulk, frozenset(" ".join(lists["nameless"]).split()), verbs)


def _filled(text: str, pieces: dict[str, str]) -> str:
    return re.sub(r"%([A-Z]+)%", lambda found: pieces[found[1]], text)
