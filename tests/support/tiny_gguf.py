"""Writes a GGUF with random weights, mostly of a few kilobytes: a real model that follows no instruction."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np

CONTEXT = 8192


class Shape(NamedTuple):
    """How large a model is."""

    width: int
    heads: int
    shared: int  # heads that have their keys and values in common
    hidden: int
    layers: int


TINY = Shape(width=32, heads=4, shared=1, hidden=64, layers=1)
# 38 million weights in the proportions of models that are in use.
ORDINARY = Shape(width=768, heads=12, shared=3, hidden=2048, layers=6)


def write_tiny_gguf(
    path: Path,
    *,
    seed: int = 0,
    architecture: str = "llama",
    template: str | None = None,
    shape: Shape = TINY,
) -> Path:
    """A llama over bytes and a few control tokens; the same seed, the same file. Large matrices are in half
    precision, as models that are in use have them or smaller.
    """
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads // shape.shared)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    tokens = _add_vocabulary(writer)
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(seed)

    width, hidden = shape.width, shape.hidden
    precision = np.float32 if shape == TINY else np.float16

    def tensor(name: str, rows: int, columns: int) -> None:
        spread = 0.3 if shape == TINY else columns**-0.5
        writer.add_tensor(name, random.normal(0, spread, (rows, columns)).astype(precision))

    tensor("token_embd.weight", tokens, width)
    tensor("output.weight", tokens, width)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    for layer in range(shape.layers):
        for name, share in (
            ("attn_q", 1),
            ("attn_k", shape.shared),
            ("attn_v", shape.shared),
            ("attn_output", 1),
        ):
            tensor(f"blk.{layer}.{name}.weight", width // share, width)
        tensor(f"blk.{layer}.ffn_gate.weight", hidden, width)
        tensor(f"blk.{layer}.ffn_up.weight", hidden, width)
        tensor(f"blk.{layer}.ffn_down.weight", width, hidden)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: gguf.GGUFWriter) -> int:
    """SentencePiece: unknown, begin, end, one control token, every byte, and the printable characters."""
    kinds = gguf.TokenType
    rows = [
        ("<unk>", kinds.UNKNOWN),
        ("<s>", kinds.CONTROL),
        ("</s>", kinds.CONTROL),
        ("<|im_end|>", kinds.CONTROL),
    ]
    rows += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    rows += [("▁", kinds.NORMAL), *((chr(code), kinds.NORMAL) for code in range(33, 127))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in rows])
    writer.add_token_scores([0.0] * len(rows))
    writer.add_token_types([int(kind) for _, kind in rows])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    return len(rows)
