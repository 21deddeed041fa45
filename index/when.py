"""Dates as people write them in a query, in English and German: which span of days is meant. Pure, but for
the time zone, which is the machine's.

Table-driven. Days and months without a year are the last ones that have begun; weeks begin on Monday. Where
two readings differ ("04/05/2026") there is none.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

Groups = dict[str, str]


class Days(NamedTuple):
    """From `first` on, and before `after`."""

    first: date
    after: date


def instants(text: str, now: float) -> tuple[float, float] | None:
    """The span that an expression means, in seconds since the epoch: its first instant, and the first one
    behind it. None: it is no date.

    Args:
        text: "2026-03", "last month", "14.03.2026", "7d", …
        now: what "today" and "last" refer to.
    """
    try:
        found = days(text, datetime.fromtimestamp(now).date())
        return (_instant(found.first), _instant(found.after)) if found else None
    except (ValueError, OverflowError):  # the 30th of February, a thousand years ago
        return None


def days(text: str, today: date) -> Days | None:
    """The days that an expression means.

    Raises:
        ValueError, OverflowError: there is no such day.
    """
    plain = _plain(text)
    for pattern, resolve in _PATTERNS:
        if match := pattern.fullmatch(plain):
            return resolve({name: value for name, value in match.groupdict().items() if value}, today)
    return None


def _instant(day: date) -> float:
    return datetime(day.year, day.month, day.day).timestamp()


def _plain(text: str) -> str:
    """Lower case, single spaces; a hyphen beside a letter is a space: "last-month", "2026-Q1"."""
    lower = unicodedata.normalize("NFC", text).lower()
    return " ".join(re.sub(r"(?<=[^\W\d])-|-(?=[^\W\d])|_", " ", lower).split())


# ------------------------------------------------------------------------------------ what a form resolves to


def _month_of(year: int, month: int, months: int = 1) -> Days:
    year, month = year + (month - 1) // 12, (month - 1) % 12
    after = month + months
    return Days(date(year, month + 1, 1), date(year + after // 12, after % 12 + 1, 1))


def _one(day: date) -> Days:
    return Days(day, day + timedelta(days=1))


def _year(groups: Groups, today: date) -> Days:
    return _month_of(int(groups["year"]), 1, 12)


def _month(groups: Groups, today: date) -> Days:
    """With its year, or the last one that has begun."""
    name = groups["month"]
    month = int(name) if name.isdecimal() else MONTHS[name]
    if not 1 <= month <= 12:
        raise ValueError
    return _month_of(int(groups.get("year") or today.year - (month > today.month)), month)


def _day(groups: Groups, today: date) -> Days:
    """With its year, which may have two digits, or the last one that has begun."""
    name = groups["month"]
    month, day = int(name) if name.isdecimal() else MONTHS[name], int(groups["day"])
    if year := groups.get("year"):
        return _one(date(int(year if len(year) == 4 else f"20{year}"), month, day))
    return _one(date(today.year - ((month, day) > (today.month, today.day)), month, day))


def day_and_month(groups: Groups) -> tuple[int, int] | None:
    """`first` and `second` in the order that only one reading allows; there need be no such month."""
    first, second = int(groups["first"]), int(groups["second"])
    if first <= 12 and second <= 12 and first != second:
        return None
    return max(first, second), min(first, second)


def _either_order(groups: Groups, today: date) -> Days | None:
    if (found := day_and_month(groups)) is None:
        return None
    day, month = found
    return _one(date(int(groups["year"]), month, day))


def _quarter(groups: Groups, today: date) -> Days:
    first = int(groups["quarter"]) * 3 - 2
    return _month_of(int(groups.get("year") or today.year - (first > today.month)), first, 3)


def _this(groups: Groups, today: date) -> Days:
    return _calendar(groups["unit"], today, 0)


def _last(groups: Groups, today: date) -> Days:
    return _calendar(groups["unit"], today, 1)


def _calendar(unit: str, today: date, back: int) -> Days:
    """The day, week, month, quarter or year that holds today, or one so many before it."""
    match _UNITS[unit]:
        case "day":
            return _one(today - timedelta(days=back))
        case "week":
            monday = today - timedelta(days=today.weekday() + 7 * back)
            return Days(monday, monday + timedelta(days=7))
        case "month":
            return _month_of(today.year, today.month - back)
        case "quarter":
            return _month_of(today.year, (today.month - 1) // 3 * 3 + 1 - 3 * back, 3)
        case _:
            return _month_of(today.year - back, 1, 12)


def _ago(groups: Groups, today: date) -> Days:
    """From the day so long ago up to today."""
    count = int(groups["count"])
    unit = _UNITS[groups["unit"]]
    if unit in ("day", "week"):
        first = today - timedelta(days=count * (7 if unit == "week" else 1))
    else:
        months = count * {"month": 1, "quarter": 3, "year": 12}[unit]
        month = _month_of(today.year, today.month - months).first
        last = calendar.monthrange(month.year, month.month)[1]
        first = month.replace(day=min(today.day, last))
    return Days(first, today + timedelta(days=1))


def _back(count: int) -> Callable[[Groups, date], Days]:
    return lambda groups, today: _one(today - timedelta(days=count))


# --------------------------------------------------------------------------------------------- how it is said


def table(*rows: str) -> dict[str, int]:
    """Word -> number of its row."""
    return {word: number for number, row in enumerate(rows) for word in row.split()}


MONTHS = table(
    "",
    "january jan januar jänner",
    "february feb februar",
    "march mar märz maerz mär mrz",
    "april apr",
    "may mai",
    "june jun juni",
    "july jul juli",
    "august aug",
    "september sept sep",
    "october oct oktober okt",
    "november nov",
    "december dec dezember dez",
)
_UNITS = {
    word: unit
    for unit, words in {
        "day": "d t day days tag tage tagen",
        "week": "w week weeks woche wochen",
        "month": "m month months monat monate monaten",
        "quarter": "q quarter quarters quartal quartale quartalen",
        "year": "y j year years jahr jahre jahren",
    }.items()
    for word in words.split()
}


def any_of(words: Iterable[str], shortest: int = 1) -> str:
    """A pattern of any of the words, the longest first, without those that are too short."""
    return "|".join(sorted((word for word in words if len(word) >= shortest), key=len, reverse=True))


_Y = r"(?P<year>(?:19|20|21)\d\d)"
_M = r"(?P<month>\d{1,2})"
_D = r"(?P<day>\d{1,2})"
_NAME = rf"(?P<month>{any_of(MONTHS)})\.?"
_UNIT = rf"(?P<unit>{any_of(_UNITS)})"
_COUNT = rf"(?P<count>\d{{1,4}}) ?{_UNIT}"
_PAST = r"(?:last|past|previous|(?:letzt|vergangen|vorig)e[nrsm]?)"

_ROWS: tuple[tuple[str, Callable[[Groups, date], Days | None]], ...] = (
    ("today|heute", _back(0)),
    ("yesterday|gestern", _back(1)),
    ("(?:the )?day before yesterday|vorgestern", _back(2)),
    (_Y, _year),
    (rf"{_Y}[-/]{_M}", _month),
    (rf"{_M}[./]{_Y}", _month),
    (rf"{_NAME}(?:,? {_Y})?", _month),
    (rf"{_Y} {_NAME}", _month),
    (rf"{_Y}(?P<dash>[-/]){_M}(?P=dash){_D}", _day),
    (rf"{_D}\. ?{_M}\.(?: ?{_Y})?", _day),
    (rf"{_D}\. ?{_M}\. ?(?P<year>\d\d)", _day),
    (rf"(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/{_Y}", _either_order),
    (rf"{_D}(?:st|nd|rd|th|\.)?(?: of)? ?{_NAME}(?:,? {_Y})?", _day),
    (rf"{_NAME} {_D}(?:st|nd|rd|th)?(?:,? {_Y})?", _day),
    (rf"(?:{_Y} ?)?q(?P<quarter>[1-4])", _quarter),
    (rf"q(?P<quarter>[1-4])[ /]{_Y}", _quarter),
    (rf"(?P<quarter>[1-4])\. quartal(?: {_Y})?", _quarter),
    (rf"(?:this|diese[nrsm]?) {_UNIT}", _this),
    (rf"{_PAST} {_UNIT}", _last),
    (rf"{_COUNT}(?: ago)?", _ago),
    (rf"vor {_COUNT}", _ago),
    (rf"(?:the |die |den |der )?{_PAST} {_COUNT}", _ago),
)
_PATTERNS = tuple((re.compile(pattern), resolve) for pattern, resolve in _ROWS)
