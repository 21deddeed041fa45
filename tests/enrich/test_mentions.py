"""Whom and what a text names: people, days and amounts, each the same however it is written, or left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.mentions import find_mentions
from enrich.schema import MAX_MENTIONS
from store.proof import holds
from store.records import ElementKind, Mention, MentionKind
from tests.support.documents import document


def mentions(text: str, kind: ElementKind = ElementKind.PARAGRAPH) -> tuple[Mention, ...]:
    to = ("Tom Ash <tom@example.org>", "office@example.org")
    return find_mentions(document((kind, text), sender="Maria Egger <maria@example.org>", recipients=to))


def values(text: str, kind: MentionKind) -> list[str]:
    return [found.value for found in mentions(text) if found.kind is kind]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The sum is 1.234,50 EUR.", ["1234.50 EUR"]),
        ("The sum is €1,234.50 in all.", ["1234.50 EUR"]),
        ("Es kostet 1'234.50 Franken.", ["1234.50 CHF"]),
        ("Es kostet CHF 40.– im Monat.", ["40.00 CHF"]),
        ("Zahlbar sind 12 000 Euro.", ["12000.00 EUR"]),
        ("US$ 3.5 for each", ["3.50 USD"]),
        ("It was £12 or 12.00 GBP.", ["12.00 GBP"]),
        ("We owe 1.200 € and $15.", ["1200.00 EUR", "15.00 USD"]),
        ("Invoice 4711 of page 12, 30 % off", []),
        ("eurostar 12 euroland", []),
        ("Version 1.2.3 EUR", []),
    ],
)
def test_amounts(text: str, expected: list[str]) -> None:
    assert values(text, MentionKind.AMOUNT) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Signed on 3 June 2026 in Linz.", ["2026-06-03"]),
        ("Signed on June 3rd, 2026.", ["2026-06-03"]),
        ("Signed on the 3rd of June, 2026.", ["2026-06-03"]),
        ("Am 3. Juni 2026 unterschrieben.", ["2026-06-03"]),
        ("Am 03.06.2026 und am 4.6.2026.", ["2026-06-03", "2026-06-04"]),
        ("2026-06-03T10:00", []),
        ("From 2026-06-03 on", ["2026-06-03"]),
        ("On 25/12/2025 we were closed.", ["2025-12-25"]),
        ("On 04/05/2026, whichever that is.", []),
        ("The 31st of February 2026 never came; 31.02.2026 neither.", []),
        ("In June 2026, on the 3rd.", []),
    ],
)
def test_days(text: str, expected: list[str]) -> None:
    assert values(text, MentionKind.DATE) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Frau Dr. Huber hat angerufen.", ["Huber"]),
        ("Mr. Rowan Pell wrote to Mrs von Arnim.", ["Rowan Pell"]),
        ("Tom Ash will bring it, Maria knows.", ["Tom Ash"]),
        ("Herrn Karl van der Berg", ["Karl van der Berg"]),
        ("Tomash and Drone", []),
        ("Mr Ash knows it. Mrs Lee does not.", ["Tom Ash", "Lee"]),
    ],
)
def test_people(text: str, expected: list[str]) -> None:
    assert values(text, MentionKind.PERSON) == expected


def test_each_is_named_once_and_only_in_the_authors_own_words() -> None:
    assert len(mentions("40 EUR, then 40.00 EUR, then 40,00 €")) == 1
    assert mentions("40 EUR on 3 June 2026", ElementKind.QUOTED) == ()
    many = " ".join(f"{n} EUR" for n in range(1, 100))
    assert len(mentions(many)) == MAX_MENTIONS


_WORDS = st.sampled_from(
    ("40", "1.234,50", "EUR", "€", "Mr.", "Dr.", "Tom", "Ash", "3.", "June", "2026", "\n")
)


@given(st.lists(_WORDS, max_size=30))
def test_whatever_is_found_is_in_the_text(words: list[str]) -> None:
    text = " ".join(words)
    assert all(holds(text, found.evidence) for found in mentions(text))
