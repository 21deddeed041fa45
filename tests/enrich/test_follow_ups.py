"""Which action items of a conversation are the same, and which claim is about which of them."""

from __future__ import annotations

import itertools

import pytest

from enrich.follow_ups import related
from store.actions import Asked, Claimed
from store.records import ActionKind
from tests.support.correspondence import ANN, MARIA, TOM


def asked(id: int, what: str, *, by: str = MARIA, due: tuple[str, str] | None = None,
          kind: ActionKind = ActionKind.REQUEST, item: int | None = None) -> Asked:  # fmt: skip
    """What Maria asks of Tom, or Tom of Maria, in message `item` of as many hours."""
    owner = by if kind is ActionKind.COMMITMENT else TOM if by == MARIA else MARIA
    message = item or id
    day, words = due or (None, None)
    return Asked(id, message, 3600.0 * message, by, what, kind, owner, day, words)


def claimed(id: int, text: str, *, by: str = TOM) -> Claimed:
    return Claimed(id, id, 3600.0 * id, by, text)


PLAN = asked(
    1, "Could you send me the revised drawings of the stair by Friday?", due=("2026-05-15", "Friday")
)
PAPERS = asked(1, "Könnten Sie mir bitte die Unterlagen für das Finanzamt schicken?")


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (PLAN, "Could you please send me the revised drawings of the stair?"),
        (PLAN, "Please send me the revised drawings of the stair by Friday."),
        (PLAN, "Reminder: could you send me the revised drawings of the stair?"),
        (PLAN, "Did you have a chance to send the drawings?"),
        (PLAN, "Have you already sent the drawings?"),
        (PAPERS, "Bitte schicken Sie mir die Unterlagen für das Finanzamt."),
        (PAPERS, "Haben Sie die Unterlagen schon geschickt?"),
        (PAPERS, "Ich möchte noch einmal an die Unterlagen für das Finanzamt erinnern."),
        (asked(1, "Please call me."), "Please call me!"),
    ],
)
def test_it_is_the_same_again(first: Asked, again: str) -> None:
    kind = ActionKind.QUESTION if again.endswith("?") and "ould" not in again else ActionKind.REQUEST
    assert related([first, asked(2, again, kind=kind)], []).repeats == [(2, 1)]


@pytest.mark.parametrize(
    "other",
    [
        asked(2, "Please send me the invoice for the stair."),
        asked(
            2, "Could you send me the revised drawings of the stair by Monday?", due=("2026-05-18", "Monday")
        ),
        asked(2, "Do you like the drawings?", kind=ActionKind.QUESTION),
        asked(2, PLAN.what, by=TOM, due=("2026-05-15", "Friday")),
        asked(2, "I will send you the revised drawings of the stair.", by=TOM, kind=ActionKind.COMMITMENT),
        asked(2, PLAN.what, due=("2026-05-15", "Friday"), item=1),
        asked(2, "Have you already paid the invoice?", kind=ActionKind.QUESTION),
    ],
)
def test_it_is_another(other: Asked) -> None:
    assert related([PLAN, other], []).repeats == []


def test_numbers_tell_sentences_apart() -> None:
    one, two = (asked(n, f"Please pay invoice {4710 + n} of the roofer.") for n in (1, 2))
    assert related([one, two], []).repeats == []


def test_a_reminder_of_which_it_is_not_clear_what_it_means_stands_alone() -> None:
    other = asked(2, "Please send me the drawings of the roof.")
    reminder = asked(3, "Did you have a chance to send the drawings?", kind=ActionKind.QUESTION)
    assert related([PLAN, other, reminder], []).repeats == []


def test_all_that_are_the_same_are_known_to_be() -> None:
    same = [asked(n, "Please send me the revised drawings of the stair.") for n in (1, 2, 3)]
    for order in itertools.permutations(same):
        assert related(order, []).repeats == [(2, 1), (3, 1), (3, 2)]


@pytest.mark.parametrize(
    ("first", "claim"),
    [
        (PLAN, claimed(3, "Done.")),
        (PLAN, claimed(3, "Attached.")),
        (PLAN, claimed(3, "I sent the drawings yesterday.")),
        (PLAN, claimed(3, "Here are the revised drawings.")),
        (PLAN, claimed(3, "Thanks for the revised drawings of the stair.", by=MARIA)),
        (PLAN, claimed(3, "I have sent Maria the revised drawings.", by=ANN)),
        (PAPERS, claimed(3, "Die Unterlagen habe ich gestern geschickt.")),
        (PAPERS, claimed(3, "Anbei die Unterlagen.")),
        (PAPERS, claimed(3, "Ist erledigt.")),
        (PAPERS, claimed(3, "Habe ich gestern geschickt.")),
        (
            asked(1, "I will send the contract tomorrow.", kind=ActionKind.COMMITMENT),
            claimed(3, "The contract is attached.", by=MARIA),
        ),
    ],
)
def test_a_claim_is_about_it(first: Asked, claim: Claimed) -> None:
    assert related([first], [claim]).closings == [(1, 3)]


@pytest.mark.parametrize(
    "claim",
    [
        claimed(3, "I have paid the invoice."),
        claimed(3, "I called the roofer."),
        claimed(3, "Thanks for the drawings."),  # he only has them
        claimed(3, "Done.", by=MARIA),  # it was not hers to do
        claimed(3, "Done.", by=ANN),
        claimed(3, "I sent the revised drawings to the county.", by=MARIA),
        Claimed(3, 3, 60.0, TOM, "I sent the drawings."),  # before it was asked
        Claimed(3, 1, 7200.0, TOM, "Done."),  # in the same message
    ],
)
def test_a_claim_is_about_something_else(claim: Claimed) -> None:
    assert related([PLAN], [claim]).closings == []


def test_a_claim_without_words_is_about_the_only_one_or_none() -> None:
    roofer = asked(2, "Please call the roofer.", item=1)
    assert related([PLAN, roofer], [claimed(3, "Done.")]).closings == []
    assert related([PLAN, roofer], [claimed(3, "Attached.")]).closings == [(1, 3)]


def test_what_is_asked_again_afterwards_was_not_done() -> None:
    reminder = asked(4, "Did you have a chance to send the drawings?", kind=ActionKind.QUESTION)
    assert related([PLAN, reminder], [claimed(3, "I sent the drawings.")]).closings == []


def test_what_closes_a_reminder_closes_what_it_reminds_of() -> None:
    reminder = asked(2, "Did you have a chance to send the drawings?", kind=ActionKind.QUESTION)
    assert related([PLAN, reminder], [claimed(3, "Sent yesterday.")]).closings == [(1, 3), (2, 3)]
