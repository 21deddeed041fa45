"""Answers of a language model are kept with their item: once, for the last few prompts, until it goes."""

from __future__ import annotations

import pytest

from store.answers import ModelAnswer
from store.errors import NoSuchItem
from store.vault import Vault
from tests.support.findings import store_read

FIRST = ModelAnswer(text='{"tags":[]}', read=12)


def test_an_answer_comes_back_to_the_same_prompt_and_stretch_only(vault: Vault) -> None:
    item, other = store_read(vault, "some text", "a.txt"), store_read(vault, "other text", "b.txt")
    catalog = vault.catalog
    catalog.save_model_answer(item, b"prompt", b"stretch", FIRST)
    catalog.save_model_answer(item, b"prompt", b"stretch", ModelAnswer(text="later", read=1))
    assert catalog.model_answer(item, b"prompt", b"stretch") == FIRST
    assert catalog.model_answer(item, b"another", b"stretch") is None
    assert catalog.model_answer(item, b"prompt", b"another") is None
    assert catalog.model_answer(other, b"prompt", b"stretch") is None


def test_answers_to_the_last_three_prompts_stay(vault: Vault) -> None:
    item, catalog = store_read(vault, "some text", "a.txt"), vault.catalog
    for prompt in range(5):
        for stretch in range(2):
            catalog.save_model_answer(item, bytes([prompt]), bytes([stretch]), FIRST)
    kept = [prompt for prompt in range(5) if catalog.model_answer(item, bytes([prompt]), b"\0")]
    assert kept == [2, 3, 4]
    assert catalog.model_answer(item, bytes([3]), b"\1") == FIRST


def test_nothing_is_kept_of_what_was_deleted(vault: Vault) -> None:
    item = store_read(vault, "some text", "a.txt")
    vault.catalog.save_model_answer(item, b"prompt", b"stretch", FIRST)
    receipt = vault.delete(item)
    assert receipt.residue["answers"] == 0
    with pytest.raises(NoSuchItem):
        vault.catalog.model_answer(item, b"prompt", b"stretch")
    with pytest.raises(NoSuchItem):
        vault.catalog.save_model_answer(item, b"prompt", b"stretch", FIRST)
