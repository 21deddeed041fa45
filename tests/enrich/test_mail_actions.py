"""Action items of whole mails: only in the author's own words, resolved on his own clock."""

from __future__ import annotations

import pytest

from enrich.actions import find_actions
from enrich.claims import find_claims
from store.records import Action, Claim
from tests.support.correspondence import MARIA, TOM, mail
from tests.support.documents import document_of, read_file


def actions(raw: bytes) -> tuple[Action, ...]:
    return find_actions(document_of(read_file(raw)))


def claims(raw: bytes) -> tuple[Claim, ...]:
    return find_claims(document_of(read_file(raw)))


QUOTED = """Hi Maria,

thanks, that is fine with me.

Tom

On Mon, 11 May 2026 at 10:00, Maria Egger <maria@example.org> wrote:
> Could you send me the revised drawings by Friday?
> I have paid the invoice.
> Please call the roofer."""
GERMAN_QUOTED = """Liebe Maria,

das passt so.

Gruß
Tom

Am 11.05.2026 um 10:00 schrieb Maria Egger:
> Bitte schicken Sie mir die Unterlagen bis Freitag.
> Die Rechnung habe ich bezahlt."""
OUTLOOK = """That works for me.

-----Original Message-----
From: Maria Egger <maria@example.org>
Sent: Monday, May 11, 2026 10:00 AM
To: Tom Ash <tom@example.org>
Subject: The stair

Please send me the revised drawings by Friday. The invoice is paid."""
SIGNED = """The stair looks good.

--
Tom Ash, Ash & Sons
Please visit our new showroom in Alder Lane!
Bitte rufen Sie uns an: 01234 567890"""
DISCLAIMED = """The stair looks good.

Tom

This e-mail and any attachments are confidential. If you are not the intended recipient, please notify the
sender immediately, delete this message and do not copy it. Please consider the environment."""
GERMAN_DISCLAIMED = """Die Treppe sieht gut aus.

Tom

Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind, informieren Sie
bitte sofort den Absender und vernichten Sie diese E-Mail."""


@pytest.mark.parametrize("body", [QUOTED, GERMAN_QUOTED, OUTLOOK, SIGNED, DISCLAIMED, GERMAN_DISCLAIMED])
def test_what_is_quoted_signed_or_disclaimed_asks_nobody(body: str) -> None:
    raw = mail(1, body, sender=TOM, to=MARIA)
    assert [action.what for action in actions(raw)] == []
    assert [claim.evidence.text for claim in claims(raw)] == []


def test_an_answer_between_the_quoted_lines_counts() -> None:
    body = "> Could you send me the drawings?\n\nAttached.\n\n> Who calls the roofer?\n\nI will call him."
    raw = mail(1, body, sender=TOM, to=MARIA)
    assert [action.what for action in actions(raw)] == ["I will call him."]
    assert [claim.evidence.text for claim in claims(raw)] == ["Attached."]


@pytest.mark.parametrize(
    ("date", "zone", "due"),
    [
        ("Tue, 12 May 2026 23:40:00 -0700", -420, "2026-05-12"),
        ("Wed, 13 May 2026 00:20:00 +0200", 120, "2026-05-13"),
        ("Wed, 13 May 2026 06:40:00 +0000", 0, "2026-05-13"),
        ("Tue, 12 May 2026 22:20:00 GMT", 0, "2026-05-12"),
        ("Wed, 13 May 2026 03:50:00 +0545", 345, "2026-05-13"),
        ("Tue, 12 May 2026 22:20:00 -0000", 0, "2026-05-12"),
        ("Tue, 12 May 2026 22:20:00 +9900", None, "2026-05-08"),
    ],
)
def test_today_is_today_where_it_was_written(date: str, zone: int | None, due: str) -> None:
    raw = mail(1, "Please call me today.", date=date)
    assert read_file(raw).zone == zone
    assert [action.due for action in actions(raw)] == [due]
