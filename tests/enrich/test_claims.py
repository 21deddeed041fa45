"""Which sentences say that something was done, and which only ask, promise or deny it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.claims import claims_done

DONE = """
Done.
All done!
Attached is the signed contract.
Please find attached the drawings.
See attached.
Signed copy attached.
Drawings sent.
I sent the drawings yesterday.
I've already paid the invoice.
We have just transferred the amount.
The invoice is paid.
The drawings have been sent to the county.
I called the roofer, he comes on Monday.
Here are the drawings.
I took care of the gutters.
I got the drawings.
Thanks for sending the drawings.
Erledigt.
Ist erledigt.
Habe ich gestern geschickt.
Gestern überwiesen.
Anbei die Zeichnungen.
Anbei der unterschriebene Vertrag, bitte prüfen.
Im Anhang finden Sie die Rechnung.
Die Unterlagen habe ich gestern geschickt.
Wir haben den Dachdecker beauftragt.
Der Vertrag ist unterschrieben.
Die Rechnung wurde am Montag bezahlt.
Danke für die Zeichnungen.
Die Zeichnungen sind angekommen.
""".strip().splitlines()
NOT_DONE = """
I will send the drawings tomorrow.
Is it done?
Have you sent the drawings?
When I have sent the drawings, I will call.
I have not sent the drawings yet.
It isn't done.
Nothing was sent.
Once it is signed, send it back.
The invoice must be paid by Friday.
Please sign the attached form and return it.
Please confirm once you have paid.
If you have already paid, ignore this.
Well done!
It will be done tomorrow.
The work is almost done.
Ich habe es noch nicht geschickt.
Sobald ich die Rechnung bezahlt habe, melde ich mich.
Die Rechnung wird morgen bezahlt.
Ist das erledigt?
Bitte schicken Sie mir die Unterlagen.
Wenn alles erledigt ist, rufe ich an.
Der Plan muss noch unterschrieben werden.
""".strip().splitlines()


@pytest.mark.parametrize("sentence", DONE)
def test_it_is_claimed(sentence: str) -> None:
    assert claims_done(sentence)


@pytest.mark.parametrize("sentence", NOT_DONE)
def test_it_is_not_claimed(sentence: str) -> None:
    assert claims_done(sentence) is None


@given(st.text(max_size=300))
def test_any_text_is_survived(sentence: str) -> None:
    claims_done(sentence)


@pytest.mark.parametrize(
    "text", ["habe ich " * 44, "i have just " * 33, "is " * 130, "a, " * 130, "sent " * 80]
)
def test_no_sentence_makes_the_rules_run_away(text: str) -> None:
    claims_done(text)
