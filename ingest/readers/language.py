"""The language that a text is written in, as far as that is certain enough to be useful."""

from __future__ import annotations

from functools import cache
from typing import Protocol

SAMPLE_CHARS = 1000
_CONFIDENCE = 0.5
_LETTERS = 24  # a shorter text says too little


class _Identifier(Protocol):
    def classify(self, text: str) -> tuple[str, float]: ...


@cache
def _identifier() -> _Identifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier: _Identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return identifier


def language_of(text: str) -> str | None:
    """ISO 639-1 code of the language of a sample, None when it is short or in doubt."""
    if sum(map(str.isalpha, text)) < _LETTERS:
        return None
    code, confidence = _identifier().classify(text[:SAMPLE_CHARS])
    return code if confidence >= _CONFIDENCE and len(code) == 2 else None
