"""Due expressions against a table: right or abstained, never wrong."""

from __future__ import annotations

import csv
import re
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.actions import written_on
from enrich.dates import find_due, full_date
from tests.support.documents import an_item

TABLE = Path(__file__).with_name("due_dates.csv")
WORDS = re.findall(
    r"\S+",
    "by until bis zum before vor on am in of the der end mid Mitte Friday Freitag 15. 15.06.2026 31/12 Juni"
    " June KW 12 Ostern 5pm morgen next week Woche two weeks innerhalb eines Monats month sent that",
)


def _written(cell: str) -> date | None:
    """The day as the item's own date and zone give it."""
    if not cell:
        return None
    moment = datetime.fromisoformat(cell)
    offset = moment.utcoffset()
    assert offset is not None
    zone = int(offset.total_seconds()) // 60
    return written_on(an_item(created_at=moment.timestamp(), zone=zone), "")


def _found(row: dict[str, str]) -> str:
    due = find_due(row["sentence"], _written(row["written"]))
    return due.day.isoformat() if due else ""


ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("row", ROWS, ids=[row["sentence"] for row in ROWS])
def test_it_is_right_or_abstains(row: dict[str, str]) -> None:
    assert _found(row) in ("", row["due"])


def test_it_is_mostly_right_in_both_languages() -> None:
    for language in ("en", "de"):
        rows = [row for row in ROWS if row["language"] == language]
        dated = [row for row in rows if row["due"]]
        right = sum(_found(row) == row["due"] for row in rows)
        found = sum(_found(row) == row["due"] for row in dated)
        print(f"{language}: {right} of {len(rows)} right; {found} of {len(dated)} with a day")
        assert len(rows) >= 160
        assert right >= 0.95 * len(rows)
        assert found >= 0.9 * len(dated)


def test_today_is_the_authors_own_day() -> None:
    assert _written("2026-05-12T23:40-07:00") == date(2026, 5, 12)
    assert _written("2026-05-13T00:20+02:00") == date(2026, 5, 13)


def test_words_are_where_the_offsets_say() -> None:
    sentence = "Bitte schicken Sie den Entwurf bis Freitag zurück."
    found = find_due(sentence, date(2026, 5, 12))
    assert found is not None
    assert sentence[found.start : found.end] == "Freitag"


def test_a_letter_says_when_it_was_written() -> None:
    assert full_date("Pell Architects to the county, 12 June 2026") == date(2026, 6, 12)
    assert full_date("Kaltenried, den 3. März 2026") == date(2026, 3, 3)
    assert full_date("between 3 May 2026 and 5 May 2026") is None
    assert full_date("on 3 May 2026 we met") is None


@given(st.lists(st.sampled_from(WORDS), max_size=8), st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_any_words_on_any_day_give_a_day_inside_the_sentence_or_nothing(
    words: list[str], written: date
) -> None:
    sentence = " ".join(words)
    found = find_due(sentence, written)
    assert found is None or 0 <= found.start < found.end <= len(sentence)


@given(st.text(max_size=80), st.dates())
def test_any_text_is_survived(sentence: str, written: date) -> None:
    find_due(sentence, written)


HOSTILE = [
    "by 1 " * 120,
    "from 1 to " * 60,
    "ge" * 300,
    "am montag " + "a " * 280,
    "that a " * 80,
    "1." * 300,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_sentence_makes_the_forms_run_away(text: str) -> None:
    find_due(text, date(2026, 5, 12))
