"""Writes a cross-encoder of a few kilobytes whose weights are set by hand: the larger the share of one word
in what it reads, the higher its score.
"""

from __future__ import annotations

import warnings
from pathlib import Path

WORD = "slate"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_WIDTH = 4


def write_tiny_cross_encoder(folder: Path, *, labels: int = 1, word: str = WORD) -> Path:
    """A BERT of one layer that knows one word; to it all others are the same.

    Attention is even, so the first token's state takes in the mean of all: that word is (0, 0, 1, -1), all
    others are (1, -1, 0, 0), and the third component grows with its share. What follows keeps the order.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own deprecations
        import torch
        from transformers import BertConfig, BertForSequenceClassification

        config = BertConfig(
            vocab_size=len(_SPECIAL) + 1,
            hidden_size=_WIDTH,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=_WIDTH,
            max_position_embeddings=512,
            num_labels=labels,
        )
        model = BertForSequenceClassification(config)
        one, none = torch.eye(_WIDTH), torch.zeros(_WIDTH, _WIDTH)
        layer = model.bert.encoder.layer[0]
        with torch.no_grad():
            for name, values in model.named_parameters():
                values.fill_(1.0 if name.endswith("LayerNorm.weight") else 0.0)
            words = model.bert.embeddings.word_embeddings.weight
            words.copy_(torch.tensor([[1.0, -1, 0, 0]] * len(_SPECIAL) + [[0.0, 0, 1, -1]]))
            for linear in (layer.attention.self.value, layer.attention.output.dense, model.bert.pooler.dense):
                linear.weight.copy_(one)
            layer.output.dense.weight.copy_(none)
            model.classifier.weight.copy_(torch.tensor([[0.0, 0, 10, 0]] * labels))
        model.save_pretrained(folder)
        _write_tokenizer(folder, word)
    return folder


def _write_tokenizer(folder: Path, word: str) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    numbers = {token: number for number, token in enumerate((*_SPECIAL, word))}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, numbers[token]) for token in ("[CLS]", "[SEP]")],
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), _SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **names).save_pretrained(folder)
