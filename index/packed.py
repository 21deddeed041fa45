"""The forward pass of a BERT encoder over many texts at once, without padding and in the precision that this
machine computes fastest. It reads a loaded sentence-transformers model and answers like it; docs/adr/0004 has
the measurements. Imports torch: for the model process only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

# Tokens of one pass. Fewer leave the matrix kernels idle; more push the activations (6 KiB a token in the
# widest layer) out of the second-level cache.
_TOKENS = 1024

_SAMPLES = ("The invoice is due on Friday.", "Who?", "A longer sentence, so that several lengths are compared.")
_LEAST_COSINE = 0.98

Linear = Callable[[Tensor], Tensor]


class _Layer(NamedTuple):
    qkv: Linear
    attention_out: Linear
    attention_norm: nn.Module
    widen: Linear
    narrow: Linear
    norm: nn.Module


class PackedBert:
    """A BERT encoder with mean pooling. Thread-safe.

    All texts of a pass stand one after the other in one long sequence: the matrix products see no padding, and
    attention is taken text by text. One pass runs on one core, and as many passes side by side as there are
    cores: that needs no barrier after every product, so a core that is taken away for a moment (by a query, by
    the parser) stops nobody else.
    """

    def __init__(self, model: SentenceTransformer, precision: str) -> None:
        bert = model[0].auto_model
        self.precision = precision
        self._type = torch.bfloat16 if precision == "bf16" else torch.float32
        self._heads: int = bert.config.num_attention_heads
        self._width: int = bert.config.hidden_size
        with torch.inference_mode():
            self._read_weights(bert)
        # Its own tokenizer: a shared one cannot be borrowed by two threads.
        self._tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(model.max_seq_length or bert.config.max_position_embeddings)
        cores = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
        self._cores = ThreadPoolExecutor(cores, "embed", initializer=_one_thread)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors, shape (len(texts), width)."""
        vectors = np.empty((len(texts), self._width), np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]

        def run(batch: list[int]) -> None:
            with torch.inference_mode():
                vectors[batch] = self._forward([tokens[number] for number in batch]).numpy()

        for _ in self._cores.map(run, _batches([len(ids) for ids in tokens])):
            pass  # an error of a pass is raised here
        return vectors

    def _forward(self, texts: Sequence[Sequence[int]]) -> Tensor:
        lengths = [len(text) for text in texts]
        total = sum(lengths)
        words = torch.tensor([id for text in texts for id in text])
        places = torch.cat([torch.arange(length) for length in lengths])
        states = self._embedding_norm(self._words[words] + self._places[places])
        for layer in self._layers:
            heads = layer.qkv(states).view(total, 3, self._heads, -1)
            attended = []
            for text in heads.split(lengths):
                query, key, value = text.permute(1, 2, 0, 3).unsqueeze(1).unbind(0)
                seen = functional.scaled_dot_product_attention(query, key, value)
                attended.append(seen[0].transpose(0, 1).reshape(-1, self._width))
            states = layer.attention_norm(layer.attention_out(torch.cat(attended)) + states)
            states = layer.norm(layer.narrow(functional.gelu(layer.widen(states))) + states)
        means = torch.stack([text.float().mean(0) for text in states.split(lengths)])
        return functional.normalize(means)

    def _read_weights(self, bert: nn.Module) -> None:
        embeddings = bert.embeddings
        self._words = self._cast(embeddings.word_embeddings.weight)
        # All text is of type 0, so its vector can be added to every place beforehand.
        types = embeddings.token_type_embeddings.weight[0]
        self._places = self._cast(embeddings.position_embeddings.weight + types)
        self._embedding_norm = self._norm(embeddings.LayerNorm)
        self._layers = [self._read_layer(number, layer) for number, layer in enumerate(bert.encoder.layer)]

    def _read_layer(self, number: int, layer: nn.Module) -> _Layer:
        own = layer.attention.self
        parts = (own.query, own.key, own.value)
        qkv = nn.Linear(self._width, 3 * self._width)
        qkv.weight = nn.Parameter(torch.cat([part.weight for part in parts]), requires_grad=False)
        qkv.bias = nn.Parameter(torch.cat([part.bias for part in parts]), requires_grad=False)
        return _Layer(
            self._linear(qkv),
            self._linear(layer.attention.output.dense),
            self._norm(layer.attention.output.LayerNorm),
            self._linear(layer.intermediate.dense),
            self._linear(layer.output.dense),
            self._norm(layer.output.LayerNorm),
        )

    def _linear(self, source: nn.Linear) -> Linear:
        weight, bias = self._cast(source.weight), self._cast(source.bias)
        return lambda states: functional.linear(states, weight, bias)

    def _norm(self, source: nn.LayerNorm) -> nn.Module:
        norm = nn.LayerNorm(self._width, eps=source.eps, dtype=self._type)
        norm.load_state_dict(source.state_dict())
        return norm

    def _cast(self, weight: Tensor) -> Tensor:
        return weight.detach().to(self._type)
