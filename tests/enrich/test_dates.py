"""Due expressions against a table: right or abstained, never wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.dates import find_due, full_date

TABLE = Path(__file__).with_name("due_dates.txt")


def _rows() -> list[tuple[date | None, str, date | None]]:
    def day(cell: str) -> date | None:
        return None if cell == "-" else date.fromisoformat(cell)

    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [(day(written), sentence, day(due)) for written, sentence, due in cells]


@pytest.mark.parametrize(("written", "sentence", "due"), _rows())
def test_table(written: date | None, sentence: str, due: date | None) -> None:
    found = find_due(sentence, written)
    assert (found.day if found else None) == due


def test_table_is_large_and_mostly_resolved() -> None:
    rows = _rows()
    assert len(rows) >= 150
    assert sum(due is not None for _, _, due in rows) >= 110


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


WORDS = ["by", "until", "bis", "zum", "Friday", "Freitag", "15.", "Juni", "June", "next", "week", "end", "of"]
WORDS += [
    "the",
    "15.06.2026",
    "in",
    "two",
    "weeks",
    "before",
    "vor",
    "5pm",
    "morgen",
    "31/12",
    "der",
    "Woche",
]


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
