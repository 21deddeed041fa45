"""Many documents made of few real passages, and their way into a store without being read or embedded: words
exchanged, vectors turned, dates spread over ten years.
"""

from __future__ import annotations

import email
import email.policy
import random
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enrich.reader import BuiltinReader
from enrich.schema import Vocabulary
from index.chunk import chunk
from store.records import Element, ElementKind, Findings, NewPassage, Origin, Reading
from store.vault import Vault

PER_ITEM = 20  # passages of one document
DATES = (1.45e9, 1.77e9)  # of the documents: ten years
_EXCHANGED = 0.15  # share of words
_TURNED = 0.35  # length of the noise added to a unit vector
_TOGETHER = 100  # documents of one transaction
_LEAST_CHARS = 750  # of a passage: real ones that are shorter are joined, so that all have about 200 tokens
_MOST_CHARS = 1_600

Single = npt.NDArray[np.float32]


def real_passages(files: Sequence[Path], count: int) -> list[str]:
    """Passages of about 200 tokens of the mails and plain texts among the files."""
    passages: list[str] = []
    gathered = ""
    for path in files:
        text = _plain(path)
        whole = Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text))
        for passage in chunk(text, [whole]) if text.strip() else []:
            gathered = f"{gathered}\n{passage.text}".lstrip()
            if len(gathered) >= _LEAST_CHARS:
                passages.append(gathered[:_MOST_CHARS])
                gathered = ""
        if len(passages) >= count:
            break
    return passages[:count]


def _plain(path: Path) -> str:
    if path.suffix != ".eml":
        return path.read_text(encoding="utf-8", errors="replace") if path.suffix in {".txt", ".md"} else ""
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body(("plain",))
    try:
        return str(body.get_content()) if body else ""
    except LookupError:  # an unknown character set
        return ""


class Made:
    """The documents, always the same for the same passages.

    Args:
        texts: real passages.
        vectors: of each, shape (len(texts), dimension).
    """

    def __init__(self, texts: Sequence[str], vectors: Single) -> None:
        self._texts = [text.split() for text in texts]
        self._words = [word for words in self._texts for word in words]
        self._vectors = vectors

    def store(self, vault: Vault, model: str, start: int, stop: int) -> list[str]:
        """Put the documents of passages `start` to `stop` into a store as if they had been read, embedded
        with this model, and looked through; returns the items.
        """
        reader = BuiltinReader(Vocabulary())  # of its present version, else the service reads all anew
        run = vault.catalog.run_by(reader.name, reader.version, 0.0).id
        items: list[str] = []
        for first in range(start, stop, PER_ITEM * _TOGETHER):
            last = min(first + PER_ITEM * _TOGETHER, stop)
            items += _store(vault, model, run, list(self.documents(first, last)))
        return items

    def documents(self, start: int, stop: int) -> Iterator[tuple[int, list[str], Single]]:
        """Number of the first passage, passages, and their vectors, of each document."""
        for at in range(start, stop, PER_ITEM):
            yield self._document(range(at, min(at + PER_ITEM, stop)))

    def _document(self, numbers: range) -> tuple[int, list[str], Single]:
        chance, noise = random.Random(numbers.start), np.random.default_rng(numbers.start)
        real = [number % len(self._texts) for number in numbers]
        texts = [self._copy(self._texts[number], chance) for number in real]
        turn = noise.standard_normal((len(real), self._vectors.shape[1]), dtype=np.float32)
        vectors = self._vectors[real] + turn * (_TURNED / np.sqrt(self._vectors.shape[1]))
        return numbers.start, texts, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _copy(self, real: Sequence[str], chance: random.Random) -> str:
        words = list(real)
        for _ in range(int(_EXCHANGED * len(words))):
            words[int(chance.random() * len(words))] = self._words[int(chance.random() * len(self._words))]
        return " ".join(words)


def _store(
    vault: Vault, model: str, run: int, documents: Sequence[tuple[int, list[str], Single]]
) -> list[str]:
    texts = ["\n\n".join(passages) for _, passages, _ in documents]
    names = [f"made {number // PER_ITEM}.txt" for number, _, _ in documents]
    # Nothing reads these originals: a few random bytes stand for each, so that the disk is not what is timed.
    origins = [Origin(source="upload", locator=name, name=name) for name in names]
    stored = vault.put_many([(secrets.token_bytes(32), origin) for origin in origins])
    items = [entry.item for entry in stored]
    cuts = [list(_cut(passages)) for _, passages, _ in documents]
    chance = random.Random(documents[0][0])
    readings = [
        Reading(
            media_type="text/plain",
            text=text,
            elements=tuple(
                Element(kind=ElementKind.PARAGRAPH, start=passage.start, end=passage.end) for passage in cut
            ),
            created_at=chance.uniform(*DATES),
            language="en",
        )
        for text, cut in zip(texts, cuts, strict=True)
    ]
    vault.catalog.save_readings(list(zip(items, readings, strict=True)))
    uncut = [vault.catalog.uncut(vault.catalog.item(item)) for item in items]
    ids = vault.catalog.save_cuts(list(zip(uncut, cuts, strict=True)))
    rows = [
        (id, vector.tobytes())
        for item, (_, _, vectors) in zip(items, documents, strict=True)
        for id, vector in zip(ids[item], vectors.astype("<f2"), strict=True)
    ]
    vault.catalog.save_vectors(model, rows)
    for item in items:
        vault.catalog.save_findings(item, run, Findings())
    return items


def _cut(passages: Sequence[str]) -> Iterator[NewPassage]:
    at = 0
    for text in passages:
        yield NewPassage(start=at, end=at + len(text), text=text)
        at += len(text) + 2
