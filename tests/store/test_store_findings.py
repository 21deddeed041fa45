"""Findings replace one another, the owner's word outlives them, and a run can be undone as a whole."""

from __future__ import annotations

import pytest

from store.errors import IllegalStep, NoSuchItem, Unproven
from store.readings import pack
from store.records import ActionStatus, Findings, State
from store.vault import Vault
from tests.support.findings import findings, reading, start_run, store_indexed
from tests.support.homes import put

TEXT = "Please pay the invoice"


@pytest.fixture
def item(vault: Vault) -> str:
    return store_indexed(vault, TEXT, "a.txt")


def test_findings_come_back_with_their_evidence(vault: Vault, item: str) -> None:
    said = findings(item, TEXT)
    run = start_run(vault)
    vault.catalog.save_findings(item, run, said)
    assert vault.catalog.item(item).state is State.ENRICHED
    assert tuple(vault.catalog.tags_of(item)) == said.tags
    assert tuple(vault.catalog.links(item=item)) == said.links
    assert tuple(vault.catalog.links(project="Alder House")) == said.links
    (action,) = vault.catalog.actions(item=item)
    assert (action.evidence, action.what) == (said.actions[0].evidence, TEXT)
    assert action.status is ActionStatus.OPEN
    assert vault.catalog.summary(item) == "A summary."
    assert vault.catalog.tag_counts() == {"invoice": 1}
    assert vault.catalog.projects() == {"Alder House": 1}
    assert vault.catalog.run_of(item) == run
    assert [entry.id for entry in vault.catalog.runs()] == [run]


def test_a_later_run_replaces_what_an_earlier_one_said(vault: Vault, item: str) -> None:
    vault.catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    vault.catalog.save_findings(item, start_run(vault, "2"), findings(item, TEXT, tag="bill"))
    assert vault.catalog.tag_counts() == {"bill": 1}
    assert len(vault.catalog.actions()) == len(vault.catalog.links()) == 1
    assert vault.catalog.item(item).state is State.ENRICHED


def test_what_the_owner_said_of_an_action_outlives_every_run(vault: Vault, item: str) -> None:
    vault.catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    (action,) = vault.catalog.actions(among=(ActionStatus.OPEN,))
    assert vault.catalog.change_action(action.id, status=ActionStatus.DONE).status is ActionStatus.DONE
    assert vault.catalog.actions(among=(ActionStatus.OPEN,)) == []
    later = start_run(vault, "2")
    vault.catalog.save_findings(item, later, findings(item, TEXT))
    (again,) = vault.catalog.actions(among=(ActionStatus.DONE,))
    assert again.id == action.id
    vault.catalog.reread_run(later)
    assert vault.catalog.actions() == []
    vault.catalog.save_findings(item, start_run(vault, "3"), findings(item, TEXT))
    assert [entry.status for entry in vault.catalog.actions()] == [ActionStatus.DONE]
    with pytest.raises(NoSuchItem):
        vault.catalog.change_action(999, status=ActionStatus.DONE)


def test_a_run_is_undone_as_a_whole_and_only_where_it_still_stands(vault: Vault, item: str) -> None:
    other = store_indexed(vault, "Please sign", "b.txt")
    first, second = start_run(vault), start_run(vault, "2")
    for each in (item, other):
        vault.catalog.save_findings(each, first, findings(each, "Please"))
    vault.catalog.save_findings(other, second, findings(other, "Please"))
    assert vault.catalog.reread_run(first) == 1
    assert [entry.item for entry in vault.catalog.actions()] == [other]
    assert [entry.id for entry in vault.ledger.pending(State.INDEXED, 9)] == [item]
    assert vault.catalog.summary(item) is None
    assert vault.catalog.reread_run(first) == 0


def test_findings_need_an_indexed_item(vault: Vault) -> None:
    unread = put(vault, b"x").item
    with pytest.raises(IllegalStep):
        vault.catalog.save_findings(unread, start_run(vault), Findings())
    with pytest.raises(NoSuchItem):
        vault.catalog.save_findings("0123456789abcdef", start_run(vault), Findings())
    assert vault.catalog.item(unread).state is State.STORED


def test_actions_of_superseded_versions_are_not_listed_unless_asked_for(vault: Vault, item: str) -> None:
    vault.catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    put(vault, b"another text", "a.txt", new_version=True)
    assert vault.catalog.actions() == []
    assert len(vault.catalog.actions(item=item)) == 1


def test_reading_an_item_anew_forgets_what_was_said_of_the_old_text(vault: Vault, item: str) -> None:
    vault.catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    vault.ledger.advance(item, State.STORED)
    vault.catalog.save_reading(item, reading("another text"))
    assert (vault.catalog.tags_of(item), vault.catalog.actions(), vault.catalog.links()) == ([], [], [])


def test_tokens_are_shown_once_and_found_by_hash(vault: Vault) -> None:
    token = vault.catalog.create_token("laptop", ("search", "add"))
    assert vault.catalog.token_scopes(token) == ("search", "add")
    assert vault.catalog.token_scopes(token + "x") is None
    assert vault.catalog.token_scopes("\ud800") is None
    assert [(info.name, info.scopes) for info in vault.catalog.tokens()] == [("laptop", ("search", "add"))]
    with pytest.raises(Exception, match="already"):
        vault.catalog.create_token("laptop", ())
    assert vault.catalog.revoke_token("laptop")
    assert not vault.catalog.revoke_token("laptop")
    assert vault.catalog.token_scopes(token) is None
    assert [entry.event for entry in vault.audit.entries()] == ["token revoked", "token made", "created"]


def test_what_the_text_does_not_say_is_not_stored(vault: Vault, item: str) -> None:
    run = start_run(vault)
    with pytest.raises(Unproven, match=item):
        vault.catalog.save_findings(item, run, findings(item, "Pay whatever is asked"))
    assert vault.catalog.item(item).state is State.INDEXED
    assert vault.catalog.tags_of(item) == vault.catalog.actions() == vault.catalog.links() == []


def test_what_was_found_in_an_earlier_text_does_not_stand_for_a_later_one(vault: Vault, item: str) -> None:
    said = findings(item, TEXT)
    with vault._database.write() as connection:  # read anew while a reader is slow
        connection.execute("UPDATE texts SET text = ?", (pack(b"It was paid long ago"),))
    with pytest.raises(Unproven):
        vault.catalog.save_findings(item, start_run(vault), said)


@pytest.mark.parametrize("table", ["tags", "actions", "links", "mentions"])
def test_the_full_check_names_an_item_that_does_not_say_what_was_found(
    vault: Vault, item: str, table: str
) -> None:
    vault.catalog.save_findings(item, start_run(vault), findings(item, TEXT))
    assert vault.verify().ok
    with vault._database.write() as connection:
        connection.execute(f"UPDATE {table} SET start = start + 1, end = end + 1")
    assert vault.verify().problems == [f"{item}: 1 findings whose words are not in its text"]


def test_what_a_run_replaced_stands_again_when_it_is_undone(vault: Vault, item: str) -> None:
    first, second = start_run(vault), start_run(vault, "2")
    said = findings(item, TEXT)
    vault.catalog.save_findings(item, first, said)
    before = vault.catalog.actions()
    vault.catalog.change_action(before[0].id, status=ActionStatus.DONE)
    assert [stale.id for stale in vault.catalog.stale(second, 10)] == [item]
    vault.catalog.save_findings(item, second, findings(item, TEXT, tag="bill"))
    assert vault.catalog.stale(second, 10) == []
    assert vault.catalog.undo_run(second) == 1
    assert vault.catalog.run_of(item) == first
    assert vault.catalog.item(item).state is State.ENRICHED
    assert (vault.catalog.tag_counts(), vault.catalog.summary(item)) == ({"invoice": 1}, said.summary)
    (action,) = vault.catalog.actions()
    assert (action.id, action.status) == (before[0].id, ActionStatus.DONE)
    assert [(run.id, run.undone, run.items) for run in vault.catalog.runs()] == [
        (second, True, 0),
        (first, False, 1),
    ]
    with pytest.raises(NoSuchItem):
        vault.catalog.undo_run(99)


def test_what_only_an_undone_run_said_waits_to_be_read(vault: Vault, item: str) -> None:
    run = start_run(vault)
    vault.catalog.save_findings(item, run, findings(item, TEXT))
    assert vault.catalog.undo_run(run) == 1
    assert vault.catalog.item(item).state is State.INDEXED
    assert vault.catalog.tag_counts() == {}


def test_one_version_of_a_reader_is_one_run(vault: Vault) -> None:
    runs = [vault.catalog.run_by("builtin", version, 1.0).id for version in ("1", "2", "1")]
    assert runs[0] == runs[2] != runs[1]
