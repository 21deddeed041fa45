"""The form in which rules look at a sentence, and how the owner's words and names are found in a text: whole
words, any case, with the simple endings of English and German.

Pure. What a hit means is decided in `judge.py`, `claims.py`, `tags.py` and `projects.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache

_ENDINGS = r"(?:'s|’s|e?s|e[nmr]?|n|ed|ing)?"
_SHORTEST_INFLECTED = 4  # "VAT" has no endings; nor have names that are all capitals or end in a digit


def plain(sentence: str) -> str:
    """In lower case, with straight apostrophes, on one line."""
    return " ".join(sentence.lower().replace("’", "'").split())


@lru_cache(maxsize=4096)
def word_pattern(phrase: str) -> re.Pattern[str]:
    """A pattern for a word or phrase; only its last word is inflected, white space matches any white space.

    A short word in capitals is matched in that case only, because "IT" is not "it".
    """
    words = phrase.split()
    last = words[-1] if words else ""
    pieces = [re.escape(word) for word in words]
    if last.isalpha() and len(last) >= _SHORTEST_INFLECTED and not last.isupper():
        pieces[-1] = _inflected(last)
    exact = len(phrase) < _SHORTEST_INFLECTED and phrase.isupper()
    phrase_pattern = r"\s+".join(pieces)
    return re.compile(rf"(?<!\w){phrase_pattern}(?!\w)", re.NOFLAG if exact else re.IGNORECASE)


def _inflected(word: str) -> str:
    if word.endswith("y"):
        return rf"{word[:-1]}(?:ies|y(?:'s|’s|ing)?|ied)"
    if word.endswith("e"):
        return rf"{word[:-1]}(?:e(?:'s|’s|[nrsmd])?|ing)"
    return word + _ENDINGS
