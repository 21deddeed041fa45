"""Action items of a conversation: said again, claimed to be done, and what the owner said outlives it all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from store.errors import NoSuchItem
from store.records import Action, ActionStatus, State
from store.vault import Vault
from tests.support.correspondence import ANN, MARIA, TOM, mail, take_in
from tests.support.findings import findings, reading, start_run, store_indexed
from tests.support.homes import fast_folder, throwaway_vault

ASKS = mail(1, "Hi Tom,\n\ncould you send me the revised drawings of the stair by Friday?")
SENT = mail(2, "Hi Maria,\n\nI sent the drawings yesterday.", sender=TOM, to=MARIA, answers=1,
            date="Wed, 13 May 2026 09:00:00 +0200")  # fmt: skip
REMINDS = mail(3, "Hi Tom,\n\ndid you have a chance to send the drawings?", answers=1,
               date="Thu, 14 May 2026 09:00:00 +0200")  # fmt: skip
SENT_AGAIN = mail(4, "Attached are the drawings, sorry.", sender=TOM, to=MARIA, answers=3,
                  date="Fri, 15 May 2026 09:00:00 +0200")  # fmt: skip


@pytest.fixture
def vault() -> Iterator[Vault]:
    with fast_folder() as folder, throwaway_vault(folder) as opened:
        yield opened


def listed(vault: Vault, *among: ActionStatus) -> list[Action]:
    return vault.catalog.actions(among=among)


def test_a_later_message_proposes_and_only_the_owner_closes(vault: Vault) -> None:
    asked, sent = take_in(vault, ASKS, SENT)
    (action,) = listed(vault)
    assert (action.item, action.due, action.owner, action.owed_to) == (asked, "2026-05-15", TOM, MARIA)
    assert action.status is ActionStatus.OPEN
    assert action.closing is not None
    assert action.closing.item == sent
    evidence = action.closing.evidence
    assert evidence.text == "I sent the drawings yesterday."
    assert vault.catalog.text(sent)[evidence.start : evidence.end] == evidence.text
    closed = vault.catalog.change_action(action.id, status=ActionStatus.DONE)
    assert (closed.status, closed.closing) == (ActionStatus.DONE, None)


def test_an_owner_who_knows_better_is_not_told_again(vault: Vault) -> None:
    take_in(vault, ASKS, SENT)
    (action,) = listed(vault)
    kept = vault.catalog.change_action(action.id, status=ActionStatus.ACCEPTED)
    assert (kept.status, kept.closing) == (ActionStatus.ACCEPTED, None)
    take_in(vault, REMINDS, SENT_AGAIN)
    (action,) = listed(vault)
    assert action.closing is not None
    assert action.closing.evidence.text == "Attached are the drawings, sorry."


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_the_order_of_arrival_does_not_matter(vault: Vault, order: tuple[int, ...]) -> None:
    mails = (ASKS, SENT, REMINDS, SENT_AGAIN)
    items = dict(zip(order, take_in(vault, *(mails[number] for number in order)), strict=True))
    (action,) = listed(vault)
    assert (action.item, action.repeats, action.again) == (items[0], 1, items[2])
    assert action.closing is not None
    assert action.closing.item == items[3]  # he was asked again after he first said so


def test_what_repeats_is_listed_with_its_own_message_only(vault: Vault) -> None:
    asked, reminder = take_in(vault, ASKS, REMINDS)
    assert [action.item for action in listed(vault)] == [asked]
    assert [action.item for action in vault.catalog.actions(item=reminder)] == [reminder]


def test_what_is_asked_for_again_after_it_was_closed_is_new(vault: Vault) -> None:
    take_in(vault, ASKS)
    vault.catalog.change_action(listed(vault)[0].id, status=ActionStatus.DONE)
    (reminder,) = take_in(vault, REMINDS)
    assert [(action.item, action.status) for action in listed(vault, ActionStatus.OPEN)] == [
        (reminder, ActionStatus.OPEN)
    ]


def test_what_was_rejected_stays_rejected_however_often_it_is_said(vault: Vault) -> None:
    take_in(vault, ASKS)
    vault.catalog.change_action(listed(vault)[0].id, status=ActionStatus.REJECTED)
    take_in(vault, REMINDS)
    assert listed(vault, ActionStatus.OPEN) == []


def test_the_same_words_in_another_conversation_are_another(vault: Vault) -> None:
    other = ASKS.replace(b"<1@", b"<9@").replace(b"The stair at Alder House", b"Something else altogether")
    take_in(vault, ASKS, other, SENT)
    both = listed(vault)
    assert [action.repeats for action in both] == [0, 0]
    assert sum(action.closing is not None for action in both) == 1


def test_deleting_a_message_takes_along_what_it_says_of_others(vault: Vault) -> None:
    asked, reminder, sent = take_in(vault, ASKS, REMINDS, SENT_AGAIN)
    assert not any(vault.delete(sent).residue.values())
    assert listed(vault)[0].closing is None
    assert not any(vault.delete(asked).residue.values())
    assert [(action.item, action.repeats) for action in listed(vault)] == [(reminder, 0)]
    vault.delete(reminder)
    assert vault.verify().problems == []


def test_the_owners_words_outlive_runs(vault: Vault) -> None:
    text = "Please pay the invoice"
    item = store_indexed(vault, text, "a.txt")
    vault.catalog.save_findings(item, start_run(vault), findings(item, text))
    (action,) = listed(vault)
    vault.catalog.change_action(action.id, what="Pay the roofer", due="2026-05-31")
    changed = vault.catalog.change_action(action.id, owner=TOM)
    said = (changed.what, changed.owner, changed.due, changed.status)
    assert said == ("Pay the roofer", TOM, "2026-05-31", ActionStatus.OPEN)
    assert changed.evidence == action.evidence
    vault.catalog.save_findings(item, start_run(vault, "2"), findings(item, text))
    (again,) = listed(vault)
    assert (again.id, again.what, again.owner, again.due) == (action.id, *said[:3])
    undated = vault.catalog.change_action(action.id, due="", owner="")
    assert (undated.what, undated.owner, undated.due) == ("Pay the roofer", None, None)
    with pytest.raises(NoSuchItem):
        vault.catalog.change_action(999, what="x")


def test_what_the_owner_accepted_stays_though_no_reader_finds_it_again(vault: Vault) -> None:
    text = "Please pay the invoice"
    item = store_indexed(vault, text, "a.txt")
    run = start_run(vault)
    vault.catalog.save_findings(item, run, findings(item, text))
    (action,) = listed(vault)
    vault.catalog.change_action(action.id, status=ActionStatus.ACCEPTED)
    vault.catalog.reread_run(run)
    assert [one.id for one in listed(vault)] == [action.id]
    found = findings(item, text)
    vault.catalog.save_findings(item, start_run(vault, "2"), type(found)(summary="nothing"))
    assert [(one.id, one.status) for one in listed(vault)] == [(action.id, ActionStatus.ACCEPTED)]
    vault.catalog.save_findings(item, start_run(vault, "3"), found)
    assert [one.id for one in listed(vault)] == [action.id]


def test_a_sentence_that_stands_elsewhere_after_reading_anew_keeps_what_was_said_of_it(vault: Vault) -> None:
    text = "Please pay the invoice"
    item = store_indexed(vault, text, "a.txt")
    vault.catalog.save_findings(item, start_run(vault), findings(item, text))
    vault.catalog.change_action(listed(vault)[0].id, status=ActionStatus.DONE)
    vault.ledger.advance(item, State.STORED)
    moved = f"Dear Tom, {text}"
    vault.catalog.save_reading(item, reading(moved))
    vault.catalog.save_passages(item, [])
    found = findings(item, moved)
    sentence = findings(item, text).actions[0]
    evidence = type(sentence.evidence)(start=10, end=16, text="Please")
    again = type(sentence)(
        item=item, kind=sentence.kind, what=text, confidence=sentence.confidence, evidence=evidence
    )
    vault.catalog.save_findings(item, start_run(vault, "2"), type(found)(actions=(again,)))
    assert [one.status for one in listed(vault)] == [ActionStatus.DONE]


def test_it_lists_by_owner_day_and_project(vault: Vault) -> None:
    take_in(
        vault,
        ASKS,
        mail(
            7, "Hi Ann,\n\nplease sign the lease by 20 May.", to=ANN, date="Tue, 12 May 2026 10:00:00 +0200"
        ),
        mail(8, "Hi Ann,\n\nplease call me.", to=ANN, date="Tue, 12 May 2026 11:00:00 +0200"),
    )
    catalog = vault.catalog
    assert [one.due for one in catalog.actions()] == ["2026-05-15", "2026-05-20", None]
    assert [one.owner for one in catalog.actions(owner="ann")] == [ANN, ANN]
    assert [one.owner for one in catalog.actions(owner="%")] == []
    assert [one.due for one in catalog.actions(due_before="2026-05-20")] == ["2026-05-15"]
    text = "Please pay the invoice"
    item = store_indexed(vault, text, "a.txt")
    catalog.save_findings(item, start_run(vault), findings(item, text))
    assert [one.item for one in catalog.actions(project="Alder House")] == [item]
    changed = catalog.change_action(catalog.actions(project="Alder House")[0].id, owner=TOM, due="2026-05-01")
    assert catalog.actions(due_before="2026-05-15", owner="tom@") == [changed]
