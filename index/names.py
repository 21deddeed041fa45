"""The words by which an item is found whatever its text is: of its file name, of the folders it lies in, and
of what kind it is where that is all that is known. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_PATH_CHARS = 1_000  # of one path: the nearest folders
_WORD = re.compile(r"[^\W_]+")
_SAY_NOTHING = frozenset({"application", "octet", "stream", "vnd", "x"})
# What people call it, where the type says it otherwise.
_CALLED = {"audio": "sound", "image": "picture", "video": "film"}


def name_words(name: str, paths: Sequence[str]) -> str:
    """A name and paths as text to be indexed: each as it is, and what its words are made of.

    Args:
        name: of a file: "InvoiceMay_2026-03.pdf".
        paths: where it lies: "Taxes/2026/InvoiceMay_2026-03.pdf".
    """
    whole = [name, *(path[-_PATH_CHARS:].removesuffix(f"/{name}") for path in paths)]
    whole = list(dict.fromkeys(text for text in whole if text))
    made_of = (part for text in whole for word in _WORD.findall(text) for part in _parts(word))
    return "\n".join([*whole, " ".join(dict.fromkeys(made_of))])


def kind_words(media_type: str | None) -> str:
    """A media type in words: "audio/x-wav" is "audio sound wav"."""
    words = [word for word in _WORD.findall(media_type or "") if word not in _SAY_NOTHING]
    return " ".join(dict.fromkeys(each for word in words for each in (word, _CALLED.get(word, "")) if each))


def _parts(word: str) -> Iterator[str]:
    """The words in a word that is made of several: "scanPDF2024" is "scan", "PDF", "2024"."""
    start = 0
    for at in range(1, len(word)):
        before, here, after = word[at - 1], word[at], word[at + 1 : at + 2]
        if (
            before.isdigit() != here.isdigit()
            or (before.islower() and here.isupper())
            or (before.isupper() and here.isupper() and after.islower())
        ):
            yield word[start:at]
            start = at
    if start:
        yield word[start:]
