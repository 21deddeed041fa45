"""Which sentences ask, promise or wait for an answer, who owes what by when, and what is nobody's task."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.actions import find_actions
from enrich.judge import THRESHOLD, judge
from store.proof import holds
from store.records import Action
from tests.support.documents import document

TUESDAY = datetime(2026, 5, 12, 9, tzinfo=UTC).timestamp()
MARIA = "Maria Egger <maria@example.org>"
TOM = "Tom Ash <tom@example.org>"
ANN = "Ann Lee <ann@example.org>"


def mail(*paragraphs: str, sender: str | None = MARIA, to: tuple[str, ...] = (TOM,)) -> tuple[Action, ...]:
    one = document(*paragraphs, created_at=TUESDAY, sender=sender, recipients=to)
    found = find_actions(one)
    assert all(holds(one.text, action.evidence) for action in found)
    return found


REQUESTS = """
Please send me the plan by Friday.
Could you check the invoice?
Would you mind forwarding it to Ann?
Let me know when you are there.
Send the signed copy to the notary.
If the roof leaks, call the roofer.
Tom, can you get three quotes?
I need your answer before the weekend.
We would appreciate a reply.
Don't forget to book the train.
You need to sign page four.
Bitte schicken Sie mir die Unterlagen.
Könnten Sie das bis Montag prüfen?
Kannst du bitte Ann anrufen?
Gib mir Bescheid, wenn es klappt.
Geben Sie mir bitte bis Mittwoch Bescheid.
Ruf mich an, sobald du da bist.
Ich bitte um Rückmeldung bis Freitag.
Wir benötigen noch die Steuernummer.
Schicken Sie die Rechnung an das Büro.
""".strip().splitlines()
COMMITMENTS = """
I will send the contract tomorrow.
I'll call the county on Monday.
We will pay the invoice this week.
I'm going to measure the doors.
You will have the drawings on Thursday.
The certified copy will follow by Friday.
Ich schicke dir den Entwurf morgen.
Den Ziegel bringe ich am Mittwoch vorbei.
Wir melden uns bis Freitag.
Ich werde das prüfen.
""".strip().splitlines()
QUESTIONS = """
Is the east wall carrying anything?
Which plug do you need outside Europe?
Wann kommt der Statiker auf die Baustelle?
Are you coming on Friday?
""".strip().splitlines()
NOTHING = """
Thank you for your letter.
The roof was repaired last week.
Please find attached the invoice.
Please note that the office is closed.
Bitte beachten Sie unsere Geschäftsbedingungen.
Feel free to call me with any questions.
Please do not hesitate to contact us.
I was asked to send the photographs.
If you are not the intended recipient, please delete this mail.
You don't need to do anything.
Sie müssen nichts tun.
Die Rechnung liegt im Anhang.
Can you believe how quickly it went?
I will be out of the office until Monday.
Talk to you soon.
Das Gerüst steht.
Wie geht es dir?
The train leaves at nine.
""".strip().splitlines()


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [(s, "request") for s in REQUESTS]
    + [(s, "commitment") for s in COMMITMENTS]
    + [(s, "question") for s in QUESTIONS],
)
def test_kinds(sentence: str, kind: str) -> None:
    verdict = judge(sentence)
    assert verdict is not None
    assert verdict.judgement is not None
    assert verdict.judgement.confidence >= THRESHOLD
    assert verdict.judgement.kind == kind


@pytest.mark.parametrize("sentence", NOTHING)
def test_no_action(sentence: str) -> None:
    verdict = judge(sentence)
    assert verdict is None or verdict.judgement is None


def test_the_whole_finding() -> None:
    (action,) = mail("Hi Tom,", "the roof leaks. Could you send\nme three quotes by Friday? Thanks.")
    assert action.kind == "request"
    assert action.what == "Could you send me three quotes by Friday?"
    assert action.evidence.text == "Could you send\nme three quotes by Friday?"
    assert (action.due, action.due_text, action.owner) == ("2026-05-15", "Friday", TOM)


def test_who_owes_it() -> None:
    both = (TOM, ANN)
    assert mail("I will pay it tomorrow.")[0].owner == MARIA
    assert mail("Ann, please pay it.", to=both)[0].owner == ANN
    assert mail("Gerd, please pay it.", to=both)[0].owner == "Gerd"
    assert mail("Hi Tom,", "please pay it.", to=both)[0].owner == TOM
    assert mail("Hi Tom and Ann,", "please pay it.", to=both)[0].owner is None
    assert mail("Please pay it.", to=both)[0].owner is None
    assert mail("However, please pay it.", to=both)[0].owner is None


def owes(
    sentence: str, to: tuple[str, ...] = (TOM,), sender: str | None = MARIA
) -> tuple[str | None, str | None]:
    """Of the first action item in a mail of Maria's: who owes it, and to whom."""
    action = mail(sentence, sender=sender, to=to)[0]
    return action.owner, action.owed_to


@pytest.mark.parametrize(
    ("sentence", "owner", "owed_to"),
    [
        ("Please send me the plan by Friday.", TOM, MARIA),
        ("Could you send the plan to the county?", TOM, MARIA),
        ("Can you ask Jonas to send me the plan?", TOM, MARIA),
        ("Which plug do you need outside Europe?", TOM, MARIA),
        ("I will send you the contract tomorrow.", MARIA, TOM),
        ("We'll pay the invoice tomorrow.", MARIA, TOM),
        ("You will have the drawings on Thursday.", MARIA, TOM),
        ("I need to call the bank tomorrow.", MARIA, None),
        ("The line is broken here, so I\nneed to call the bank tomorrow.", MARIA, None),
        ("Let's meet on Thursday.", None, None),
        ("We should check the roof.", None, None),
        ("Can someone please check the roof?", None, MARIA),
        ("Please have somebody check the roof.", TOM, MARIA),
        ("Gerd, please send me the plan.", "Gerd", MARIA),
        ("Gerd, I will send you the plan tomorrow.", MARIA, "Gerd"),
        ("Jonas to send me the plan by Friday.", "Jonas", MARIA),
        ("Jonas will send you the plan by Friday.", "Jonas", TOM),
        ("Jonas to check the gutters by Friday.", "Jonas", None),
        ("Bitte schicken Sie mir die Unterlagen.", TOM, MARIA),
        ("Können Sie Jonas bitten, mir den Plan zu schicken?", TOM, MARIA),
        ("Ich schicke Ihnen den Entwurf morgen.", MARIA, TOM),
        ("Ich muss morgen bei der Bank anrufen, das werde ich prüfen.", MARIA, None),
        ("Lass uns bitte am Donnerstag treffen.", None, None),
        ("Kann jemand bitte das Dach prüfen?", None, MARIA),
        ("Gerd, bitte schick mir den Plan.", "Gerd", MARIA),
        ("Jonas bestellt bis Freitag zwei Gestelle.", "Jonas", None),
    ],
)
def test_who_owes_what_to_whom(sentence: str, owner: str | None, owed_to: str | None) -> None:
    assert owes(sentence) == (owner, owed_to)


def test_of_several_readers_nobody_is_picked() -> None:
    both = (TOM, ANN)
    assert owes("Please send me the plan.", both) == (None, MARIA)
    assert owes("I will send the plan tomorrow.", both) == (MARIA, None)
    assert owes("Ann, please send me the plan.", both) == (ANN, MARIA)
    assert owes("Please pay the invoice by Friday.", (MARIA,)) == (MARIA, None)  # a note to herself


def test_minutes_give_tasks_by_name() -> None:
    (first, second) = mail(
        "Maria to check the gutters by Friday.",
        "Jonas bestellt bis Freitag zwei Gestelle.",
        sender=None,
        to=(),
    )
    assert (first.owner, first.due) == ("Maria", "2026-05-15")
    assert (second.owner, second.due) == ("Jonas", "2026-05-15")


def test_a_manual_asks_nobody_for_anything() -> None:
    assert mail("Put the lamp on the table.", "Please read the safety notes.", sender=None, to=()) == ()
    assert len(mail("Please return the form by Friday.", sender=None, to=())) == 1


def test_a_mailing_asks_all_its_readers_and_none_in_particular() -> None:
    assert mail("Send us your best photograph and win!", "To unsubscribe, visit the page.") == ()


def test_a_sentence_said_twice_is_one() -> None:
    assert len(mail("Please call me.", "Please  call me.")) == 1


HOSTILE = ["so, " * 140, "a-- " * 140, "if a," * 110, "you " * 140, "please " * 80, "hi a " * 110, "?" * 500]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_sentence_makes_the_rules_run_away(text: str) -> None:
    judge(text)


@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    mail(text)
