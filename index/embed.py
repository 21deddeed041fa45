"""Text to vectors: the protocol, the real model (runs in the model process) and its client in the core."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns text into unit-length vectors whose inner product is the cosine."""

    identity: str  # sha256 of the weights: vectors of two identities are never compared
    dimension: int

    def embed_passages(self, texts: Sequence[str]) -> Half:
        """Shape (n, dimension), float16, unit length. Raises EmbedderDown."""
        ...

    def embed_query(self, text: str) -> Single:
        """Shape (dimension,), float32, unit length. Raises EmbedderDown."""
        ...


class SentenceEmbedder:
    """A sentence-transformers model from a local folder, its weights' hash checked before loading."""

    identity: str
    dimension: int

    def __init__(self, folder: Path | None = None) -> None:
        raise NotImplementedError
