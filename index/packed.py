"""The forward pass of a BERT encoder over many texts at once, without padding and in the precision that this
machine computes fastest. It reads a loaded sentence-transformers model and answers like it; docs/adr/0004 has
the measurements. Imports torch: for the model process only.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
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
from transformers import BertModel
from transformers.models.bert.modeling_bert import BertLayer

from policy.priority import ANSWERS, BATCHES, lower

_TOKENS = 1024  # of one pass: enough for the matrix kernels, and two cores share a batch of 64 texts evenly

# Linear layers of the embedded model that stay in fp32 when the others are int8: one outlying channel each
# takes most of the eight bits. Without them a vector's cosine to fp32 is 0.990 on average, with them 0.995.
_SENSITIVE = frozenset({(0, "attention_out"), (0, "narrow"), (2, "narrow")})

_SAMPLES = (
    "The invoice is due on Friday.",
    "Who?",
    "A longer sentence, so that several lengths are compared.",
)
_LEAST_COSINE = 0.98
_LEAST_HALVED = 0.999

Linear = Callable[[Tensor], Tensor]


def accelerate(model: SentenceTransformer, *, measured: bool) -> tuple[PackedBert, PackedBert] | None:
    """The fast way to the same vectors, for passages and for queries; None if the model is not one that this
    file computes.

    Args:
        measured: it is the model whose loss by int8 is known to be small.
    """
    bert = getattr(model[0], "auto_model", None)
    if (
        type(bert) is not BertModel
        or bert.config.hidden_act != "gelu"
        or getattr(model[1], "pooling_mode", None) != "mean"
        or any(model.prompts.values())
    ):
        return None
    cores = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
    longest = model.max_seq_length or bert.config.max_position_embeddings
    words: Tokenizer = model.tokenizer.backend_tokenizer
    passages = PackedBert(bert, words, longest, _precision(measured), cores, BATCHES)
    queries = PackedBert(bert, words, longest, _precision_of_few(), 1, ANSWERS)
    # What the lines above do not know of (adapters, another kind of positions) shows in the result.
    plain = model.encode(list(_SAMPLES), normalize_embeddings=True, show_progress_bar=False)
    agrees = all(
        (fast.encode(_SAMPLES) * plain).sum(1).min() >= _LEAST_COSINE for fast in (passages, queries)
    )
    return (passages, queries) if agrees else None


def halved(model: SentenceTransformer) -> bool:
    """Put a model into half precision, which a GPU computes several times as fast; False, and it is as it
    was, if its vectors are no longer the same.
    """

    def vectors() -> npt.NDArray[np.float32]:
        encoded = model.encode(list(_SAMPLES), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(encoded, np.float32)

    plain = vectors()
    model.half()
    if (vectors() * plain).sum(1).min() >= _LEAST_HALVED:  # not a number is not enough either
        return True
    model.float()
    return False


def _precision(measured: bool) -> str:
    """What this processor multiplies fastest without a loss that shows in the ranking."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if flags & {"avx512_bf16", "amx_bf16", "bf16"}:  # the last is aarch64's name
        return "bf16"
    # oneDNN has int8 kernels for AVX2 that are half as fast again as fp32, and faster ones for VNNI.
    return "int8" if measured and "avx2" in flags else "fp32"


def _precision_of_few() -> str:
    """What multiplies a few rows fastest and changes no digit that counts."""
    # A question is a dozen rows: reading the weights takes all the time, so half of them takes half of it.
    return "fp16" if "fbgemm" in torch.backends.quantized.supported_engines else "fp32"


class _Layer(NamedTuple):
    qkv: Linear
    attention_out: Linear
    attention_norm: nn.Module
    widen: Linear
    narrow: Linear
    norm: nn.Module


class PackedBert:
    """A BERT encoder with mean pooling. Thread-safe.

    All texts of a pass stand one after the other in one long sequence: the matrix products see no padding,
    and attention is taken text by text. One pass runs on one core, and as many passes side by side as there
    are cores: that needs no barrier after every product, so a core that is taken away for a moment (by a
    query, by the parser) stops nobody else.
    """

    def __init__(
        self, bert: BertModel, tokenizer: Tokenizer, longest: int, precision: str, cores: int, niceness: int
    ) -> None:
        self.precision = precision
        self._type = torch.bfloat16 if precision == "bf16" else torch.float32
        self._heads: int = bert.config.num_attention_heads
        self._width: int = bert.config.hidden_size
        with torch.inference_mode():
            self._read_weights(bert)
        # Its own tokenizer: a shared one cannot be borrowed by two threads.
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)
        self._cores = ThreadPoolExecutor(cores, "embed", initializer=_prepare, initargs=(niceness,))

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
            for text in torch.split(heads, lengths):
                query, key, value = text.permute(1, 2, 0, 3).unsqueeze(1).unbind(0)
                seen = functional.scaled_dot_product_attention(query, key, value)
                attended.append(seen[0].transpose(0, 1).reshape(-1, self._width))
            states = layer.attention_norm(layer.attention_out(torch.cat(attended)) + states)
            states = layer.norm(layer.narrow(functional.gelu(layer.widen(states))) + states)
        means = torch.stack([text.float().mean(0) for text in torch.split(states, lengths)])
        return functional.normalize(means)

    def _read_weights(self, bert: BertModel) -> None:
        embeddings = bert.embeddings
        self._words = self._cast(embeddings.word_embeddings.weight)
        # All text is of type 0, so its vector can be added to every place beforehand.
        types = embeddings.token_type_embeddings.weight[0]
        self._places = self._cast(embeddings.position_embeddings.weight + types)
        self._embedding_norm = self._norm(embeddings.LayerNorm)
        self._layers = [
            self._read_layer(number, layer)
            for number, layer in enumerate(bert.encoder.layer)
            if isinstance(layer, BertLayer)
        ]

    def _read_layer(self, number: int, layer: BertLayer) -> _Layer:
        own = layer.attention.self
        parts = (own.query, own.key, own.value)
        qkv = nn.Linear(self._width, 3 * self._width)
        qkv.weight = nn.Parameter(torch.cat([part.weight for part in parts]), requires_grad=False)
        qkv.bias = nn.Parameter(torch.cat([part.bias for part in parts]), requires_grad=False)
        return _Layer(
            self._linear(number, "qkv", qkv),
            self._linear(number, "attention_out", layer.attention.output.dense),
            self._norm(layer.attention.output.LayerNorm),
            self._linear(number, "widen", layer.intermediate.dense),
            self._linear(number, "narrow", layer.output.dense),
            self._norm(layer.output.LayerNorm),
        )

    def _linear(self, layer: int, name: str, source: nn.Linear) -> Linear:
        if self.precision == "int8" and (layer, name) not in _SENSITIVE:
            return _int8(source)
        if self.precision == "fp16":
            return _fp16(source)
        weight, bias = self._cast(source.weight), self._cast(source.bias)
        return lambda states: functional.linear(states, weight, bias)

    def _norm(self, source: nn.LayerNorm) -> nn.Module:
        norm = nn.LayerNorm(self._width, eps=source.eps, dtype=self._type)
        norm.load_state_dict(source.state_dict())
        return norm

    def _cast(self, weight: Tensor) -> Tensor:
        return weight.detach().to(self._type)


def _fp16(source: nn.Linear) -> Linear:
    """Weights in half precision, inputs and sums in single: cosines of 0.9999999 to fp32."""
    bias = source.bias.detach()

    def linear(states: Tensor) -> Tensor:
        product: Tensor = torch.fbgemm_linear_fp16_weight_fp32_activation(states, packed, bias)
        return product

    with warnings.catch_warnings():
        # They are to go in a later release, as what `_int8` uses. The second says so when it is first called.
        warnings.simplefilter("ignore", UserWarning)
        packed = torch.fbgemm_pack_gemm_matrix_fp16(source.weight.detach())
        linear(torch.zeros(1, source.in_features))
    return linear


def _int8(source: nn.Linear) -> Linear:
    """Weights in eight bits with one scale per output channel; inputs are scaled as they come."""
    weight = source.weight.detach()
    scales = weight.abs().amax(1) / 127
    zeros = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():
        # torch is pinned; quantised tensors are to go in a later release, and the self-check in `accelerate`
        # would then be the place that notices.
        warnings.simplefilter("ignore", UserWarning)
        torch.backends.quantized.engine = "onednn"  # its packing is chosen here, once
        quantised = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(quantised, source.bias.detach())

    def linear(states: Tensor) -> Tensor:
        product: Tensor = torch.ops.quantized.linear_dynamic(states, packed, False)
        return product

    return linear


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of texts, those of like length together, in passes of about _TOKENS tokens; the longest first,
    so that the last passes are short and all cores end together.
    """
    batch: list[int] = []
    tokens = 0
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        if batch and tokens + lengths[number] > _TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(number)
        tokens += lengths[number]
    if batch:
        yield batch


def _prepare(niceness: int) -> None:
    """Of a thread that runs passes: one core, and its place in the kernel's queue."""
    torch.set_num_threads(1)
    lower(niceness)
