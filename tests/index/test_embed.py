"""The real embedded model: pinned, the same vectors fast as slowly, in this process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from index.embed import (
    CPU,
    GPU,
    WEIGHTS,
    SentenceEmbedder,
    check_model,
    device,
    embedded_folder,
)
from index.errors import ModelRejected
from index.packed import halved

TEXTS = [
    "The roof of Alder House leaks and must be repaired before winter.",
    "Invoice 2024-0093 over 1,250.00 EUR is due on Friday.",
    "Die Rechnung ist am Freitag fällig.",
    "x",
    "",
    "word " * 400,
    "The roof of Alder House leaks and must be repaired before winter.",
]


@pytest.fixture(scope="module")
def embedder() -> Iterator[SentenceEmbedder]:
    return SentenceEmbedder()


def test_vectors_are_those_of_sentence_transformers(embedder: SentenceEmbedder) -> None:
    vectors = embedder.embed_passages(TEXTS)
    plain = embedder._model.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    assert vectors.dtype == np.float16
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    cosines = (vectors.astype(np.float32) * plain).sum(1)
    assert cosines.mean() > 0.99
    assert cosines.min() > 0.97
    assert np.array_equal(vectors[0], vectors[-1])


def test_queries_lose_no_digit_that_counts(embedder: SentenceEmbedder) -> None:
    plain = embedder._model.encode(TEXTS[0], normalize_embeddings=True, show_progress_bar=False)
    assert float(embedder.embed_query(TEXTS[0]) @ plain) > 0.999999


def test_meaning_is_found_without_a_common_word(embedder: SentenceEmbedder) -> None:
    scores = embedder.embed_passages(TEXTS[:3]).astype(np.float32) @ embedder.embed_query("damaged building")
    assert scores.argmax() == 0


def test_no_passages_make_no_vectors(embedder: SentenceEmbedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dimension)


def test_another_folder_has_its_weights_hash_as_identity(tmp_path: Path, embedder: SentenceEmbedder) -> None:
    folder = tmp_path / "model"
    shutil.copytree(embedded_folder(), folder)
    assert check_model(folder) == (folder, embedder.identity)
    with open(folder / WEIGHTS, "ab") as weights:
        weights.write(b" ")
    assert check_model(folder)[1] != embedder.identity


def test_embedded_weights_that_are_not_the_pinned_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"tampered")
    monkeypatch.setattr("index.embed.embedded_folder", lambda: tmp_path)
    with pytest.raises(ModelRejected, match="not the pinned one"):
        SentenceEmbedder()


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_a_folder_without_a_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelRejected):
        SentenceEmbedder(tmp_path)


@pytest.mark.parametrize(("there", "where"), [(True, GPU), (False, CPU)])
def test_a_gpu_is_used_where_torch_has_one(there: bool, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: there)
    assert device() == where


def test_half_precision_is_kept_only_where_the_vectors_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    model = SentenceTransformer(str(embedded_folder()), device=CPU, local_files_only=True)
    before = model.encode(TEXTS[:3], normalize_embeddings=True)
    assert halved(model)
    half = model.encode(TEXTS[:3], normalize_embeddings=True).astype(np.float32)
    assert (half * before).sum(1).min() > 0.999
    assert next(model.parameters()).dtype == torch.float16
    model.float()
    monkeypatch.setattr("index.packed._LEAST_HALVED", 1.1)
    assert not halved(model)
    assert next(model.parameters()).dtype == torch.float32
