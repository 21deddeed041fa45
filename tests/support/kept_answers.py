"""Answers of a language model kept in memory, as the catalog keeps them."""

from __future__ import annotations

from store.answers import ModelAnswer


class KeptAnswers:
    """See `enrich.llm_reader.Answers`."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, bytes, bytes], ModelAnswer] = {}

    def model_answer(self, item: str, prompt: bytes, stretch: bytes) -> ModelAnswer | None:
        return self.kept.get((item, prompt, stretch))

    def save_model_answer(self, item: str, prompt: bytes, stretch: bytes, answer: ModelAnswer) -> None:
        self.kept.setdefault((item, prompt, stretch), answer)
