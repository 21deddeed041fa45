"""Dates of a query: what each form means, in the zone of the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.when import days, instants

TODAY = date(2026, 11, 18)  # a Wednesday


@pytest.mark.parametrize(
    ("texts", "first", "last"),
    [
        (("2026",), "2026-01-01", "2026-12-31"),
        (("2026-03", "2026/3", "03.2026", "3/2026", "march", "Mar 2026", "März 2026", "märz-2026",
          "mrz. 2026", "2026 March", "Ma\u0308rz"), "2026-03-01", "2026-03-31"),
        (("december", "Dez."), "2025-12-01", "2025-12-31"),
        (("november", "this month", "this-month", "diesen Monat"), "2026-11-01", "2026-11-30"),
        (("2026-03-14", "2026/03/14", "14.03.2026", "14.3.26", "14. 3. 2026", "14.3.", "14/03/2026",
          "03/14/2026", "14 March 2026", "14. März 2026",
          "March 14, 2026", "14th mar 2026", "14-March-2026", "14 march"),
         "2026-03-14", "2026-03-14"),
        (("24.12.", "24. Dezember", "dec 24"), "2025-12-24", "2025-12-24"),
        (("05/05/2026",), "2026-05-05", "2026-05-05"),
        (("2024-02-29",), "2024-02-29", "2024-02-29"),
        (("today", "HEUTE", "18.11."), "2026-11-18", "2026-11-18"),
        (("yesterday", "gestern", "last day", "letzter Tag"), "2026-11-17", "2026-11-17"),
        (("vorgestern", "day before yesterday"), "2026-11-16", "2026-11-16"),
        (("this week", "diese Woche"), "2026-11-16", "2026-11-22"),
        (("last week", "last-week", "last_week", "Letzte Woche", "vorige woche", "past week"),
         "2026-11-09", "2026-11-15"),
        (("last month", "letzter Monat", "letzten Monat", "vergangenen Monat"), "2026-10-01", "2026-10-31"),
        (("2026-Q1", "2026Q1", "q1 2026", "Q1/2026", "q1", "1. Quartal 2026", "1. Quartal"),
         "2026-01-01", "2026-03-31"),
        (("this quarter", "dieses Quartal", "q4"), "2026-10-01", "2026-12-31"),
        (("last quarter", "letztes Quartal"), "2026-07-01", "2026-09-30"),
        (("this year", "dieses Jahr"), "2026-01-01", "2026-12-31"),
        (("last year", "letztes Jahr", "previous-year", "2025"), "2025-01-01", "2025-12-31"),
        (("7d", "7 days ago", "last 7 days", "vor 7 Tagen", "letzte 7 Tage", "die letzten 7 tage",
          "1w", "7t"), "2026-11-11", "2026-11-18"),
        (("3w", "vor-3-Wochen"), "2026-10-28", "2026-11-18"),
        (("9m", "last 9 months"), "2026-02-18", "2026-11-18"),
        (("1y", "1j", "vor 1 Jahr", "12 months ago"), "2025-11-18", "2026-11-18"),
        (("0d",), "2026-11-18", "2026-11-18"),
    ],
)  # fmt: skip
def test_what_is_said_and_meant(texts: tuple[str, ...], first: str, last: str) -> None:
    for text in texts:
        found = days(text, TODAY)
        assert found, text
        assert (found.first, found.after) == (
            date.fromisoformat(first),
            date.fromisoformat(last) + timedelta(days=1),
        ), text


@pytest.mark.parametrize(
    "text",
    ["", "someday", "2026-13", "2026-02-30", "04/05/2026", "1066", "20260314", "3.14", "30.02.", "13 13 2026",
     "²⁰²⁶", "2026-0", "2026-03-14T10:00", "last", "week", "q5", "9999y", "99999d", "-7d", "2026-03/14",
     "last monday", "٢٠٢٦-٠٣-٩٩"],
)  # fmt: skip
def test_what_is_no_date_or_could_be_two(text: str) -> None:
    assert instants(text, datetime(2026, 11, 18).timestamp()) is None


def test_months_back_end_on_a_day_that_there_is() -> None:
    assert days("1m", date(2026, 3, 31)) == (date(2026, 2, 28), date(2026, 4, 1))
    assert days("1y", date(2024, 2, 29)) == (date(2023, 2, 28), date(2024, 3, 1))
    assert days("last month", date(2026, 1, 31)) == (date(2025, 12, 1), date(2026, 1, 1))
    assert days("last quarter", date(2026, 2, 1)) == (date(2025, 10, 1), date(2026, 1, 1))


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_days_begin_where_the_machine_stands() -> None:
    now = datetime(2026, 11, 18, 23, 30, tzinfo=UTC).timestamp()  # there it is the 19th
    assert instants("today", now) == tuple(
        datetime(2026, 11, day, 23, tzinfo=UTC).timestamp() for day in (18, 19)
    )
    assert instants("2026-03", now) == (
        datetime(2026, 2, 28, 23, tzinfo=UTC).timestamp(),
        datetime(2026, 3, 31, 22, tzinfo=UTC).timestamp(),  # in summer, asked in winter
    )


@given(st.text(max_size=40), st.dates(date(1980, 1, 1), date(2100, 1, 1)))
def test_any_text_is_a_span_or_none(text: str, today: date) -> None:
    found = instants(text, datetime(today.year, today.month, today.day).timestamp())
    assert found is None or found[0] < found[1]


@given(st.dates(date(1980, 1, 1), date(2100, 1, 1)), st.dates(date(1980, 1, 1), date(2100, 1, 1)))
def test_a_day_is_found_in_each_way_of_writing_it(day: date, today: date) -> None:
    for form in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y"):
        assert days(day.strftime(form), today) == (day, day + timedelta(days=1)), form
