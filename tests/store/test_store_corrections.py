"""The owner's word on tags and projects stands above every reader, outlives runs, and goes with the item."""

from __future__ import annotations

import pytest

from store.corrections import Correction, Named
from store.errors import NoSuchItem
from store.filters import Condition, Field, Having
from store.records import Evidence
from store.vault import Vault
from tests.support.findings import findings, reading, start_run, store_indexed
from tests.support.homes import put

TEXT = "Please pay the invoice"
NOWHERE = Evidence(start=0, end=0, text="")


@pytest.fixture
def item(vault: Vault) -> str:
    """An item that a reader called an invoice of Alder House."""
    found = store_indexed(vault, TEXT, "a.txt")
    vault.catalog.save_findings(found, start_run(vault), findings(found, TEXT))
    return found


def tags(vault: Vault, item: str) -> dict[str, tuple[float, str]]:
    return {tag.name: (tag.confidence, tag.reader) for tag in vault.catalog.tags_of(item)}


def found(vault: Vault, field: Field, value: str) -> list[int]:
    return list(vault.catalog.matching_items([[Condition(field=field, values=(value,))]]))


def test_what_the_owner_gives_stands_without_proof_and_what_he_refuses_does_not_come_back(
    vault: Vault, item: str
) -> None:
    catalog = vault.catalog
    catalog.correct(item, Named.TAG, "invoice", False)
    catalog.correct(item, Named.TAG, "roof", True)
    for _ in range(2):
        assert tags(vault, item) == {"roof": (1.0, "owner")}
        assert catalog.tags_of(item)[0].evidence == NOWHERE
        assert catalog.tag_counts() == {"roof": 1}
        catalog.save_findings(item, start_run(vault, "2"), findings(item, TEXT))
    catalog.reread_run(catalog.run_of(item) or 0)
    assert tags(vault, item) == {"roof": (1.0, "owner")}


def test_what_both_say_keeps_its_proof(vault: Vault, item: str) -> None:
    vault.catalog.correct(item, Named.TAG, "invoice", True)
    (tag,) = vault.catalog.tags_of(item)
    assert (tag.confidence, tag.reader, tag.evidence.text) == (1.0, "owner", "Please")
    vault.catalog.correct(item, Named.PROJECT, "Alder House", True)
    (link,) = vault.catalog.links(item=item)
    assert (link.confidence, link.reader, link.reason) == (1.0, "owner", "mentions it")


def test_links_are_corrected_as_tags_are(vault: Vault, item: str) -> None:
    vault.catalog.correct(item, Named.PROJECT, "Alder House", False)
    vault.catalog.correct(item, Named.PROJECT, "Brandt", True)
    assert [(link.project, link.evidence) for link in vault.catalog.links(item=item)] == [("Brandt", NOWHERE)]
    assert vault.catalog.links(project="Alder House") == []
    assert vault.catalog.projects() == {"Brandt": 1}


def test_a_word_is_taken_back(vault: Vault, item: str) -> None:
    vault.catalog.correct(item, Named.TAG, "invoice", False)
    vault.catalog.correct(item, Named.TAG, "invoice", None)
    assert tags(vault, item) == {"invoice": (0.9, "")}
    assert vault.catalog.corrections(9) == []


def test_each_change_of_mind_is_noticed_and_a_repetition_is_none(vault: Vault, item: str) -> None:
    catalog, seen = vault.catalog, set()
    for holds in (True, False, None, True):
        before = vault.ledger.sequence
        catalog.correct(item, Named.TAG, "roof", holds)
        assert vault.ledger.sequence > before
        seen.add(catalog.said_so_far())
        catalog.correct(item, Named.TAG, "roof", holds)
        seen.add(catalog.said_so_far())
    assert len(seen) == 4
    assert catalog.corrections(9) == [Correction(item=item, kind=Named.TAG, name="roof", holds=True)]


def test_filters_go_by_what_stands(vault: Vault, item: str) -> None:
    number = vault.catalog.item(item).number
    assert found(vault, Field.TAG, "invoice") == [number]
    vault.catalog.correct(item, Named.TAG, "invoice", False)
    vault.catalog.correct(item, Named.PROJECT, "Brandt Estate", True)
    assert found(vault, Field.TAG, "invoice") == []
    assert found(vault, Field.HAVING, Having.TAG) == []
    assert found(vault, Field.PROJECT, "estate") == [number]
    vault.catalog.correct(item, Named.TAG, "roof", True)
    assert found(vault, Field.TAG, "roof") == found(vault, Field.HAVING, Having.TAG) == [number]


def test_the_action_items_of_a_project_are_those_of_what_the_owner_says_belongs_to_it(
    vault: Vault, item: str
) -> None:
    catalog = vault.catalog
    assert [action.item for action in catalog.actions(project="Alder House")] == [item]
    catalog.correct(item, Named.PROJECT, "Alder House", False)
    catalog.correct(item, Named.PROJECT, "Birch Lane", True)
    assert catalog.actions(project="Alder House") == []
    assert [action.item for action in catalog.actions(project="Birch Lane")] == [item]


def test_a_closed_project_gets_no_new_links_until_it_is_open_again(vault: Vault, item: str) -> None:
    catalog = vault.catalog
    catalog.close_project("Alder House", True)
    later = store_indexed(vault, "Please come", "b.txt")
    catalog.save_findings(later, start_run(vault), findings(later, "Please come"))
    catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    assert [link.item for link in catalog.links(project="Alder House")] == [item]
    assert catalog.closed_projects() == {"Alder House"}
    catalog.correct(later, Named.PROJECT, "Alder House", True)
    assert {link.item for link in catalog.links(project="Alder House")} == {item, later}
    catalog.correct(later, Named.PROJECT, "Alder House", None)
    catalog.close_project("Alder House", False)
    assert {link.item for link in catalog.links(project="Alder House")} == {item, later}
    assert catalog.closed_projects() == set()


def test_a_correction_outlives_another_text_and_goes_with_its_item(vault: Vault, item: str) -> None:
    vault.catalog.correct(item, Named.TAG, "roof", True)
    vault.ledger.retry(item)
    vault.catalog.save_reading(item, reading("another text"))
    assert tags(vault, item) == {"roof": (1.0, "owner")}
    seen = vault.catalog.said_so_far()
    assert vault.delete(item).removed["corrections"] == 1
    assert (vault.catalog.corrections(9), vault.catalog.existing([item])) == ([], set())
    assert vault.catalog.said_so_far() != seen
    with pytest.raises(NoSuchItem):
        vault.catalog.correct(item, Named.TAG, "roof", True)


def changed(vault: Vault, text: bytes, place: str = "a.txt") -> str:
    """The file at a place has other bytes now: the item that they are."""
    return put(vault, text, place, new_version=True).item


def test_what_was_said_of_a_document_holds_for_its_next_version_until_the_owner_says_otherwise(
    vault: Vault, item: str
) -> None:
    catalog = vault.catalog
    catalog.correct(item, Named.TAG, "invoice", False)
    catalog.correct(item, Named.TAG, "roof", True)
    catalog.correct(item, Named.PROJECT, "Brandt", True)
    second = changed(vault, b"Please pay the second invoice")
    assert tags(vault, second) == {"roof": (1.0, "owner")}
    assert [link.project for link in catalog.links(item=second)] == ["Brandt"]
    catalog.correct(second, Named.TAG, "roof", None)
    third = changed(vault, b"Please pay the third invoice")
    assert (tags(vault, second), tags(vault, third)) == ({}, {})
    assert tags(vault, item) == {"roof": (1.0, "owner")}
    said = {(one.item, one.name, one.holds) for one in catalog.corrections(9)}
    assert said == {(third, "invoice", False), (third, "Brandt", True)}  # of one document once


def test_of_bytes_that_came_back_what_was_said_last_holds(vault: Vault, item: str) -> None:
    first = changed(vault, b"one", "b.txt")
    vault.catalog.correct(first, Named.TAG, "roof", True)
    vault.catalog.correct(changed(vault, b"two", "b.txt"), Named.TAG, "roof", None)
    assert changed(vault, b"one", "b.txt") == first
    assert tags(vault, first) == {}


def test_what_was_said_of_a_document_itself_stands_above_what_it_inherits(vault: Vault, item: str) -> None:
    vault.catalog.correct(item, Named.TAG, "roof", True)
    elsewhere = put(vault, b"the same bytes", "c.txt").item
    vault.catalog.correct(elsewhere, Named.TAG, "roof", False)
    assert changed(vault, b"the same bytes") == elsewhere
    assert tags(vault, elsewhere) == {}


def test_a_dismissed_group_is_kept_by_its_items_and_goes_with_them(vault: Vault, item: str) -> None:
    catalog, other = vault.catalog, store_indexed(vault, "another", "b.txt")
    catalog.dismiss(Named.TAG, [item, other, "gone"], True)
    catalog.dismiss(Named.TAG, [item], True)
    assert (catalog.dismissed(Named.TAG), catalog.dismissed(Named.PROJECT)) == ({item, other}, set())
    assert changed(vault, b"of it") in catalog.dismissed(Named.TAG)
    catalog.dismiss(Named.TAG, [item], False)
    assert item not in catalog.dismissed(Named.TAG)
    assert not any(vault.delete(other).residue.values())
    assert other not in catalog.dismissed(Named.TAG)
