"""Writes a GGUF of a few kilobytes with random weights: a real model that follows no instruction."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, HIDDEN, LAYERS, CONTEXT = 32, 4, 64, 1, 4096


def write_tiny_gguf(
    path: Path, *, seed: int = 0, architecture: str = "llama", template: str | None = None
) -> Path:
    """A llama of one layer over bytes and a few control tokens; the same seed, the same file."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    tokens = _add_vocabulary(writer)
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(seed)

    def tensor(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(np.float32))

    tensor("token_embd.weight", tokens, WIDTH)
    tensor("output.weight", tokens, WIDTH)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{layer}.{name}.weight", WIDTH, WIDTH)
        tensor(f"blk.{layer}.ffn_gate.weight", HIDDEN, WIDTH)
        tensor(f"blk.{layer}.ffn_up.weight", HIDDEN, WIDTH)
        tensor(f"blk.{layer}.ffn_down.weight", WIDTH, HIDDEN)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, np.float32))
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
