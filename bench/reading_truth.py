"""How much of a known text was read: the words of both sides as multisets, and where a known text comes from.

Truth and all outputs go through the same `words`. What is only Markdown's own writing is taken off first,
since the truth and one of the peers are Markdown: comments, targets of links and pictures, the languages
of code fences, tags of HTML, marks of headings, quotations and lists (a list's number with them), boxes of
tasks, backslashes before punctuation, character references, and `_` at a word's ends. Then a word is `\\w+`,
in lower case. Formulas stay as they are written. Where the truth repeats a joined cell, it stays repeated.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TARGET = re.compile(
    r"\]\((?:<[^>\n]*>|[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\)"
)
_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*$", re.MULTILINE)
_TAG = re.compile(
    r"</?(?:a|abbr|b|blockquote|br|center|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img|input|ins|kbd"
    r"|li|mark|ol|p|pre|s|small|span|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|u|ul)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_MARKS = re.compile(
    r"^[ \t]*(?:(?:#{1,6}|>|[-*+•])[ \t]+)*(?:\d{1,4}[.)][ \t]+)?(?:\[[ xX]\][ \t]+)?", re.MULTILINE
)
_BOX = re.compile(r"\[[ xX]\](?= )")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_WORD = re.compile(r"\w+")

_SAME = {"nxml": "xml", "htm": "html"}

Words = Counter[str]


@dataclass(frozen=True)
class Truth:
    """A document and what stands in it."""

    kind: str  # the row of the table that it counts for
    source: Path
    words: Words
    scan: bool = False  # a picture of text
    vouched: bool = True  # False: a text that one OCR engine read and no other confirms


@dataclass(frozen=True)
class Score:
    """Of the words that there are, how many were read; of those read, how many there are."""

    recall: float
    precision: float


def words(text: str) -> Words:
    """The multiset of words of a text, written as Markdown or plainly."""
    text = _COMMENT.sub(" ", text)
    text = _TARGET.sub("] ", text)
    text = _FENCE.sub(" ", text)
    text = _TAG.sub(" ", text)
    text = _BOX.sub(" ", _MARKS.sub("", text))
    text = html.unescape(_ESCAPE.sub(r"\1", text)).lower()
    return Counter(word for word in (found.strip("_") for found in _WORD.findall(text)) if word)


def score(truth: Words, read: Words) -> Score:
    """Token recall and precision; of nothing read the precision is 0."""
    both = (truth & read).total()
    return Score(both / max(truth.total(), 1), both / max(read.total(), 1))


def mean(scores: Sequence[Score]) -> Score:
    """Every document counts the same."""
    count = max(len(scores), 1)
    return Score(sum(s.recall for s in scores) / count, sum(s.precision for s in scores) / count)


def truths(folder: Path, only: str | None = None) -> list[Truth]:
    """The documents below a folder that have their text beside them: FORMAT/sources/x has it in
    FORMAT/groundtruth/x.md (or without the ending of x), and pictures of text in
    FORMAT/groundtruth/ENGINE/MODE/x….md, one from each OCR engine.
    """
    found = []
    for sources in sorted(folder.rglob("sources")):
        known = sources.parent / "groundtruth"
        for source in sorted(path for path in sources.iterdir() if path.is_file() and known.is_dir()):
            truth = _truth(source, known)
            if truth is not None and truth.words and only in (None, truth.kind):
                found.append(truth)
    return found


def _truth(source: Path, known: Path) -> Truth | None:
    for name in (source.name, source.stem):
        path = known / f"{name}.md"
        if path.is_file():
            ending = source.suffix.lower().removeprefix(".")
            return Truth(_SAME.get(ending, ending), source, words(path.read_text("utf-8")))
    engines = {
        engine.name: [words(path.read_text("utf-8")) for path in sorted(engine.rglob(f"{source.stem}.*.md"))]
        for engine in sorted(known.iterdir())
        if engine.is_dir()
    }
    engines = {name: texts for name, texts in engines.items() if texts}
    if not engines:
        return None
    return Truth(known.parent.name, source, agreed(engines), scan=True, vouched=len(engines) > 1)


def agreed(engines: dict[str, list[Words]]) -> Words:
    """What stands in a picture, from what several engines read in it: the reading that agrees best with those
    of all other engines. An engine misreads in its own way; what several read alike is there.
    """
    if len(engines) == 1:
        [texts] = engines.values()
        return texts[0]
    worth: list[tuple[float, int, Words]] = []
    for name, texts in engines.items():
        others = [other for them, theirs in engines.items() if them != name for other in theirs]
        for text in texts:
            agreement = sum(_alike(text, other) for other in others) / len(others)
            worth.append((agreement, -len(worth), text))
    return max(worth, key=lambda entry: entry[:2])[2]


def _alike(one: Words, other: Words) -> float:
    return 2 * (one & other).total() / max(one.total() + other.total(), 1)


def differences(truth: Words, read: Words, count: int = 25) -> tuple[str, str]:
    """Which words are missing and which are too many, for whoever looks for the cause."""
    return _listed(truth - read, count), _listed(read - truth, count)


def _listed(several: Words, count: int) -> str:
    listed = [word if times == 1 else f"{word}×{times}" for word, times in several.most_common(count)]
    return f"{several.total()}: {' '.join(listed)}" if several else "0"
