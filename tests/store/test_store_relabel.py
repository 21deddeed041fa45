"""New elements for a text that stays: what is embedded otherwise is cut anew, and nothing else changes."""

from __future__ import annotations

import pytest

from store.errors import IllegalStep, NoSuchItem
from store.records import ActionStatus, Element, ElementKind, NewPassage, State
from store.vault import Vault
from tests.support.findings import MODEL, VECTOR, findings, start_run, store_indexed, store_read
from tests.support.homes import put

TEXT = "Yes, do. You wrote: mend the roof"
NOVEL, QUOTED = TEXT[:8], TEXT[9:]


def zones(kind: ElementKind) -> list[Element]:
    return [
        Element(kind=ElementKind.PARAGRAPH, start=0, end=len(NOVEL)),
        Element(kind=kind, start=len(NOVEL), end=len(TEXT)),
    ]


def cut_again(vault: Vault, item: str) -> None:
    novel, quoted = len(NOVEL), len(TEXT)
    ids = vault.catalog.save_passages(
        item,
        [
            NewPassage(start=0, end=novel, text=TEXT[:novel]),
            NewPassage(start=novel, end=quoted, text=TEXT[novel:], embed=False),
        ],
    )
    vault.catalog.save_vectors(MODEL, [(ids[0], VECTOR)])


@pytest.mark.parametrize("state", [State.PARSED, State.INDEXED, State.ENRICHED])
def test_a_stretch_that_turns_out_to_be_quoted_is_embedded_no_more(vault: Vault, state: State) -> None:
    item = (store_read if state is State.PARSED else store_indexed)(vault, TEXT, "a.eml")
    if state is State.ENRICHED:
        vault.catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    before, mark = vault.catalog.passage_ids([item]), vault.catalog.generation()
    vault.catalog.relabel(item, zones(ElementKind.QUOTED))
    assert vault.catalog.elements(item) == zones(ElementKind.QUOTED)
    assert vault.catalog.text(item) == TEXT
    assert vault.catalog.item(item).state is State.PARSED
    assert vault.catalog.removed_since(mark) == before
    assert vault.catalog.unembedded_count() == 0
    assert [waiting.id for waiting in vault.catalog.unchunked(9)] == [item]
    cut_again(vault, item)
    assert vault.catalog.item(item).state is State.INDEXED
    assert vault.verify().problems == []


def test_what_the_owner_said_outlives_it(vault: Vault) -> None:
    item = store_indexed(vault, TEXT, "a.eml")
    vault.catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    (action,) = vault.catalog.actions(item=item)
    vault.catalog.change_action(action.id, status=ActionStatus.DONE)
    vault.catalog.relabel(item, zones(ElementKind.QUOTED))
    assert vault.catalog.actions(item=item)[0].status is ActionStatus.DONE
    cut_again(vault, item)
    vault.catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    (again,) = vault.catalog.actions(item=item)
    assert (again.id, again.status) == (action.id, ActionStatus.DONE)


def test_if_the_same_is_embedded_nothing_is_done_again(vault: Vault) -> None:
    item = store_indexed(vault, TEXT, "a.eml")
    mark = vault.catalog.generation()
    vault.catalog.relabel(item, zones(ElementKind.LIST_ITEM))
    assert vault.catalog.elements(item) == zones(ElementKind.LIST_ITEM)
    vault.catalog.relabel(item, zones(ElementKind.LIST_ITEM))
    assert (vault.catalog.generation(), vault.catalog.item(item).state) == (mark, State.INDEXED)
    vault.catalog.relabel(item, zones(ElementKind.QUOTED))
    cut_again(vault, item)
    mark = vault.catalog.generation()
    vault.catalog.relabel(item, zones(ElementKind.SIGNATURE))
    assert (vault.catalog.generation(), vault.catalog.item(item).state) == (mark, State.INDEXED)


def test_what_waits_to_be_read_is_left_to_the_reader(vault: Vault) -> None:
    item = store_read(vault, TEXT, "a.eml")
    before = vault.catalog.elements(item)
    vault.ledger.advance(item, State.STORED)
    vault.catalog.relabel(item, zones(ElementKind.QUOTED))
    assert vault.catalog.item(item).state is State.STORED
    assert vault.catalog.elements(item) == before
    with pytest.raises(IllegalStep):
        vault.catalog.relabel(put(vault, b"unread", "b.eml").item, [])
    vault.delete(item)
    with pytest.raises(NoSuchItem):
        vault.catalog.relabel(item, [])
