"""The language that a text is written in, as far as that is certain enough to be useful."""

from __future__ import annotations

import io
import lzma
from array import array
from functools import cache
from importlib import import_module
from typing import Protocol

SAMPLE_CHARS = 1000
_CONFIDENCE = 0.5
_LETTERS = 24  # a shorter text says too little
# The model knows 140; the rest of them mostly serve to mistake a short text for something rare.
_LANGUAGES = (
    "af ar az be bg bn bs ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk ko"
    " lb lt lv mk ml mn mr ms mt ne nl nn no pa pl pt ro ru sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh"
)


class _Identifier(Protocol):
    def classify(self, text: str) -> tuple[str, float]: ...


@cache
def _identifier() -> _Identifier:
    """py3langid with its own model, loaded without the temporary file that its loader writes."""
    library, numpy = import_module("py3langid.langid"), import_module("numpy")
    with lzma.open(library.MODEL_DIR / library.MODEL_FILE) as packed:
        model = numpy.load(io.BytesIO(packed.read()), allow_pickle=False)
    names = model["classes"].tolist()
    wanted = frozenset(_LANGUAGES.split())
    kept = [column for column, name in enumerate(names) if name in wanted]
    identifier: _Identifier = library.LanguageIdentifier(
        numpy.ascontiguousarray(model["ptc"][:, kept]),
        model["pc"][kept],
        [names[column] for column in kept],
        array("I", model["nextmove"].astype("uint32").tobytes()),
        model["out_feat"].tolist(),
        norm_probs=True,
        tk_row=array("I", model["nextmove_row"].astype("uint32").tobytes()),
    )
    return identifier


def language_of(text: str) -> str | None:
    """ISO 639-1 code of the language of a sample, None when it is short or in doubt."""
    if sum(map(str.isalpha, text)) < _LETTERS:
        return None
    code, confidence = identify(text)
    return code if confidence >= _CONFIDENCE else None


def identify(text: str) -> tuple[str, float]:
    """ISO 639-1 code of the likeliest language of a sample, and how sure that is, from 0 to 1. Takes 0.3 ms
    for a paragraph.
    """
    return _identifier().classify(text[:SAMPLE_CHARS])
