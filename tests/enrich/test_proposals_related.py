"""Names that could be added, and what refers to what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from enrich.proposals import propose
from enrich.related import codes
from enrich.traits import Traits, trait_ids, words
from store.records import Item
from tests.support.documents import an_item

TEXTS = {f"s{n}": f"about the keel and the rudder of {n}" for n in range(5)}
TEXTS |= {f"o{n}": f"a letter of somebody and about the {n}" for n in range(60)}


def _item(id: str) -> Item:
    sender = "Skipper <skipper@sea.example>" if id.startswith("s") else f"<{id}@x.example>"
    return an_item(id=id, name=id, family=id, sender=sender)


def _read(items: Sequence[str]) -> list[tuple[Item, str]]:
    return [(_item(item), TEXTS[item]) for item in items]


def _pool() -> dict[str, Traits]:
    chance = np.random.default_rng(5)
    found = {}
    for item, text in TEXTS.items():
        vector = chance.normal(size=64) / 8 + 3 * np.eye(64)[0] * item.startswith("s")
        ids = np.unique(trait_ids(words(text)))
        found[item] = Traits(ids, np.ones(len(ids), np.float32), vector / np.linalg.norm(vector))
    return found


def test_items_that_are_alike_and_have_no_name_are_proposed_with_what_they_share() -> None:
    (proposal,) = propose(_pool(), [], [], _read)
    assert set(proposal.items) == {f"s{n}" for n in range(5)}
    assert set(proposal.name.split()) == {"keel", "rudder"}
    assert proposal.reasons[-1] == "same parties: Skipper <skipper@sea.example>"


def test_what_has_a_name_is_not_proposed() -> None:
    assert propose(_pool(), ["s0", "s1"], [], _read) == []
    assert propose({}, [], [], _read) == []


def test_a_group_stays_dismissed_until_most_of_it_is_new() -> None:
    for dismissed in (["s0", "s1", "s2", "o1"], ["s0", "s1"]):
        (proposal,) = propose(_pool(), [], dismissed, _read)
        assert proposal.dismissed is (len(dismissed) > 2)


def test_numbers_and_amounts_of_one_matter_are_told_from_dates_and_times() -> None:
    text = (
        "Invoice NL-26-0583 of 3.4.2026 and 2026-03-14 over 1.234,56 EUR, at 12:30, case 63-2026-0418,"
        " see http://x.example/20263 or ask a@b12345.example; 40.00 each, K2, the 14th."
    )
    assert codes(text) == ["63-2026-0418", "NL-26-0583", "1.234,56"]
