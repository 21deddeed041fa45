"""Due expressions in English and German, resolved against the day on which the item was written.

Table-driven and pure. Where two readings differ ("04/05/2026", "by Friday" written on a Friday, "nächsten
Freitag" in mid-week) it abstains. A span of days is due on its last working day: "next week" is next Friday;
"before 10 June" carries the day that it names.
"""

from __future__ import annotations

import calendar
import itertools
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from index.when import MONTHS, any_of, table

Groups = dict[str, str]
Resolve = Callable[[Groups, date], "date | None"]

_SATURDAY = 5
_FRIDAY = 4
_FUTURE_DAYS = 300  # a day without a year further ahead than this was more likely just missed


class Row(NamedTuple):
    """One form of expression."""

    pattern: str
    resolve: Resolve
    needs_cue: bool = False  # too common otherwise: "1/2", "sat" count only after "by", "on", "am" ...


class Due(NamedTuple):
    """A due date and the words that gave it: `sentence[start:end]`."""

    start: int
    end: int
    day: date


_WEEKDAYS = table(
    "monday mon montag mo",
    "tuesday tues tue dienstag di",
    "wednesday wed mittwoch mi",
    "thursday thurs thur thu donnerstag do",
    "friday fri freitag fr",
    "saturday sat samstag sonnabend sa",
    "sunday sun sonntag so",
)
_NUMBERS = table(
    "zero null",
    "one a an ein eine einem einen einer eines",
    "two zwei",
    "three drei",
    "four vier",
    "five fünf",
    "six sechs",
    "seven sieben",
    "eight acht",
    "nine neun",
    "ten zehn",
    "eleven elf",
    "twelve zwölf",
    "thirteen dreizehn",
    "fourteen vierzehn",
)


_DAY = rf"(?:{any_of(_WEEKDAYS, 3)})"
_DAY_NAME = rf"(?P<weekday>{_DAY})"
_NAMED_MONTH = rf"(?P<month>{any_of(MONTHS)})"
_COUNT = rf"(?P<count>\d{{1,3}}|{any_of(_NUMBERS)})"
_YEAR = r"(?P<year>20\d\d)"
_PART = r"(?:\s+(?:morning|noon|afternoon|evening|night|früh|vormittag|mittag|nachmittag|abend))?"
_NEXT_DE = r"(?:nächste|kommende)"


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word]


def _make(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _last_of_month(year: int, month: int) -> date:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, calendar.monthrange(year, month)[1])


def _month_after(today: date, months: int) -> date:
    last = _last_of_month(today.year, today.month + months)
    return last.replace(day=min(today.day, last.day))


def _friday(today: date, weeks: int) -> date:
    return today + timedelta(days=_FRIDAY - today.weekday() + 7 * weeks)


def _year_given(groups: Groups, today: date, month: int, day: int) -> date | None:
    """With its year, or the next such day, unless that would be nearly a year away."""
    if groups.get("year"):
        return _make(int(groups["year"]), month, day)
    found = _make(today.year, month, day)
    if found is not None and found < today:
        found = _make(today.year + 1, month, day)
    return found if found is not None and (found - today).days <= _FUTURE_DAYS else None


def _named(groups: Groups, today: date) -> date | None:
    found = _year_given(groups, today, MONTHS[groups["month"]], int(groups["day"]))
    weekday = groups.get("weekday")
    if found is not None and weekday and found.weekday() != _WEEKDAYS[weekday]:
        return None  # "Friday, 14 May" in a year in which it is a Thursday
    return found


def _numeric(groups: Groups, today: date) -> date | None:
    """Day and month in the order that only one reading allows."""
    first, second = int(groups["first"]), int(groups["second"])
    if first > 12 >= second or first == second:
        return _year_given(groups, today, second, first)
    if second > 12 >= first:
        return _year_given(groups, today, first, second)
    return None


def _dotted(groups: Groups, today: date) -> date | None:
    year = groups.get("year") or ""
    if len(year) == 2:
        groups = groups | {"year": f"20{year}"}
    return _year_given(groups, today, int(groups["month"]), int(groups["day"]))


def _iso(groups: Groups, today: date) -> date | None:
    return _make(int(groups["year"]), int(groups["month"]), int(groups["day"]))


def _day_of_month(groups: Groups, today: date) -> date | None:
    """The next such day: "by the 15th", "bis zum 15."."""
    day = int(groups["day"])
    this = _make(today.year, today.month, day)
    if this is not None and this >= today:
        return this
    following = _last_of_month(today.year, today.month + 1)
    return _make(following.year, following.month, day)


def _coming(groups: Groups, today: date) -> date | None:
    """The first such day after today; named on that very day it could be either."""
    ahead = (_WEEKDAYS[groups["weekday"]] - today.weekday()) % 7
    return today + timedelta(days=ahead) if ahead else None


def _coming_sure(groups: Groups, today: date) -> date | None:
    return today + timedelta(days=(_WEEKDAYS[groups["weekday"]] - today.weekday() - 1) % 7 + 1)


def _of_next_week(groups: Groups, today: date) -> date | None:
    return today + timedelta(days=_WEEKDAYS[groups["weekday"]] - today.weekday() + 7)


def _nearest_agrees(groups: Groups, today: date) -> date | None:
    """ "nächsten Freitag": only where the coming one is also that of next week."""
    coming, next_week = _coming_sure(groups, today), _of_next_week(groups, today)
    return coming if coming == next_week else None


def _after(groups: Groups, today: date) -> date | None:
    count = _number(groups["count"])
    unit = groups["unit"]
    if unit.startswith(("month", "monat")):
        return _month_after(today, count)
    if unit.startswith(("week", "woche")):
        return today + timedelta(weeks=count)
    if unit.startswith(("business", "working", "arbeit", "werk")):
        return _working_days(today, count)
    return today + timedelta(days=count)


def _working_days(today: date, count: int) -> date:
    while count:
        today += timedelta(days=1)
        count -= today.weekday() < _SATURDAY
    return today


def _this_week(groups: Groups, today: date) -> date | None:
    return _friday(today, 0) if today.weekday() < _SATURDAY else None


def _quarter(groups: Groups, today: date) -> date | None:
    quarter = int(groups["quarter"])
    found = _last_of_month(int(groups.get("year") or today.year), quarter * 3)
    return found if found >= today else None


def _end_of_month(groups: Groups, today: date) -> date | None:
    month = MONTHS[groups["month"]]
    year = int(groups["year"]) if groups.get("year") else today.year + (month < today.month)
    found = _last_of_month(year, month)
    return found if (found - today).days <= _FUTURE_DAYS or groups.get("year") else None


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus/Jones/Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _feast(groups: Groups, today: date) -> date | None:
    """The next Easter, Whitsun or Christmas, if it is not most of a year away."""
    for year in (today.year, today.year + 1):
        day = date(year, 12, 25)
        if not groups["feast"].startswith(("christmas", "weihnacht")):
            day = _easter(year) + timedelta(days=0 if groups["feast"] in ("easter", "ostern") else 49)
        if day >= today:
            return day if (day - today).days <= _FUTURE_DAYS else None
    return None


def _plus(days: int) -> Resolve:
    return lambda groups, today: today + timedelta(days=days)


def _never(groups: Groups, today: date) -> date | None:
    """Recognised, so that no part of it is taken for something else, and not resolved."""
    return None


_SPAN = (
    rf"{_COUNT}\s+(?P<unit>(?:business|working)\s+days?|days?|weeks?|months?"
    r"|arbeitstage?n?|werktage?n?|tage?n?|wochen?|monate?n?)"
)
_THIS = r"(?:the|this|der|dieser|des|dieses)"
_END = r"(?:(?:the\s+)?end\s+of\s+|ende\s+)"
_NEXT_WEEK = rf"(?:next\s+week|{_NEXT_DE}[rn]?\s+woche)"
_DAY_END = (
    r"(?:eod|cob|close\s+of\s+(?:play|business)"
    r"|(?:the\s+)?end\s+of\s+(?:(?:the|this)\s+)?(?:business\s+)?day)"
)
_MORGEN = r"(?<!am )(?<!jeden )(?<!heute )(?<!diesen )(?<!guten )(?<!schönen )morgen"

# What is looked for; of overlapping matches the longest counts.
_ROWS: tuple[Row, ...] = (
    Row(rf"{_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)", _iso),
    Row(r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>20\d\d|\d\d)", _dotted),
    Row(r"(?P<day>\d{1,2})\.\s?(?P<month>1[0-2]|0?[1-9])\.", _dotted, needs_cue=True),
    Row(rf"(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/{_YEAR}", _numeric),
    Row(r"(?P<first>\d{1,2})/(?P<second>\d{1,2})(?!/)", _numeric, needs_cue=True),
    Row(
        rf"(?:{_DAY_NAME}\.?,?\s+(?:the\s+|den\s+|dem\s+)?)?(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+"
        rf"(?:of\s+)?{_NAMED_MONTH}\b\.?(?:,?\s+{_YEAR})?",
        _named,
    ),
    Row(
        rf"(?:{_DAY_NAME}\.?,?\s+)?{_NAMED_MONTH}\.?\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!:)"
        rf"(?:,?\s+{_YEAR})?",
        _named,
    ),
    Row(rf"(?:{_DAY_NAME},?\s+)?the\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)", _day_of_month, needs_cue=True),
    Row(rf"(?:{_DAY_NAME},?\s+)?(?:zum|am|den|dem)\s+(?P<day>\d{{1,2}})\.(?!\s?\d)", _day_of_month),
    Row(rf"(?:this\s+)?(?:coming|upcoming)\s+{_DAY_NAME}{_PART}", _coming_sure),
    Row(rf"kommende[nrm]?\s+{_DAY_NAME}{_PART}", _coming_sure),
    Row(rf"nächste[nrm]?\s+{_DAY_NAME}{_PART}", _nearest_agrees),
    Row(rf"next\s+{_DAY_NAME}{_PART}", _of_next_week),
    Row(rf"{_DAY_NAME}{_PART}\s+(?:of\s+)?{_NEXT_WEEK}", _of_next_week),
    Row(rf"{_NEXT_WEEK}(?:\s+on|\s+am)?\s+{_DAY_NAME}{_PART}", _of_next_week),
    Row(rf"(?:this\s+|diese[nrm]?\s+)?(?P<weekday>{any_of(_WEEKDAYS, 4)}){_PART}", _coming),
    Row(rf"{_DAY_NAME}{_PART}", _coming, needs_cue=True),
    Row(rf"{_DAY}\s+week|(?:a|one)\s+week\s+(?:from|on)\s+{_DAY}|{_DAY}\s+in\s+\w+\s+wochen?", _never),
    Row(rf"{_END}{_NEXT_WEEK}|{_NEXT_WEEK}", lambda _, today: _friday(today, 1)),
    Row(rf"{_END}(?:{_THIS}\s+)?(?:week|woche)|this\s+week|diese[rn]?\s+woche|eow", _this_week),
    Row(
        rf"(?:{_END})?(?:next\s+month|{_NEXT_DE}[nrs]?\s+monats?)",
        lambda _, today: _last_of_month(today.year, today.month + 1),
    ),
    Row(
        rf"{_END}(?:{_THIS}\s+)?(?:month|monats)|month[- ]end|monatsende|eom|this\s+month|diesen\s+monat",
        lambda _, today: _last_of_month(today.year, today.month),
    ),
    Row(rf"{_END}{_NAMED_MONTH}(?:\s+{_YEAR})?", _end_of_month),
    Row(rf"{_END}q(?P<quarter>[1-4])(?:\s+{_YEAR})?", _quarter),
    Row(
        rf"{_END}(?:{_THIS}\s+)?(?:quarter|quartals)|quartalsende|eoq",
        lambda _, today: _last_of_month(today.year, (today.month + 2) // 3 * 3),
    ),
    Row(
        rf"{_END}(?:{_THIS}\s+)?(?:year|jahres)|year[- ]end|jahresende|eoy",
        lambda _, today: date(today.year, 12, 31),
    ),
    Row(rf"{_DAY}\s+(?:after|before|nach|vor)\s+(?:the\s+)?(?!\d)\w+", _never),
    Row(r"(?P<feast>easter|ostern|whitsun|pfingsten|christmas|weihnachten)", _feast),
    Row(r"(?:the\s+)?day\s+after\s+tomorrow|übermorgen", _plus(2)),
    Row(rf"tomorrow{_PART}|{_MORGEN}{_PART}", _plus(1)),
    Row(rf"today|tonight|this\s+(?:morning|afternoon|evening)|heute{_PART}", _plus(0)),
    Row(rf"{_DAY_END}|tagesende|feierabend", _plus(0)),
    Row(r"(?:a|one)\s+week\s+from\s+(?:today|now)|heute\s+in\s+einer\s+woche", _plus(7)),
    Row(rf"(?:with)?in\s+(?:the\s+next\s+|the\s+coming\s+|den\s+nächsten\s+)?{_SPAN}(?!\s+or)", _after),
    Row(rf"(?:innerhalb|binnen)\s+(?:von\s+|der\s+nächsten\s+)?{_SPAN}", _after),
    Row(rf"{_SPAN}\s+from\s+(?:now|today)", _after),
)
_PATTERNS = tuple((re.compile(rf"(?<![\w/.-])(?:{row.pattern})(?!\w)"), row) for row in _ROWS)
_HINT = re.compile(
    rf"\d|{any_of(_WEEKDAYS, 3)}|day|tonight|tomorrow|week|month|quarter|year|this |business|end of|ende "
    r"|\b(?:eo[dwmqy]|cob)\b|heute|morgen|woche|monat|quartal|jahr|tage|feierabend"
    r"|easter|ostern|whitsun|pfingsten|christmas|weihnacht"
)
_CLOCK = (
    rf"(?:(?:\d{{1,2}}(?:[:.]\d\d)?\s*(?:am|pm|a\.m\.|p\.m\.|uhr|h|o'clock)?|noon|midday|midnight|lunch|mittag"
    rf"|{_DAY_END})\s*,?\s+)?(?:(?:on|am|the|den|dem|zum)\s+)?$"
)
_DEADLINE = re.compile(
    r"\b(?:by|until|till?|(?:no|not) later than|at the latest|latest|due(?: date)?|deadline|on or before"
    r"|before|prior to|bis|spätestens|vor|fällig|frist)"
    r"(?: is| was| ist| ist der| endet am| zum| zur| spätestens| latest| on| am)?:?\s+" + _CLOCK
)
_DEADLINE_AFTER = re.compile(r"\W*(?:at the latest|latest|spätestens|deadline)\b")
_ON = re.compile(r"\b(?:on|am|zum|den|at)\s+(?:the\s+|den\s+|dem\s+)?$")
_VAGUE = re.compile(
    r"\b(?:early|mid|middle of|beginning of|start of|late|later|anfang|mitte)[\s-]+(?:the\s+)?$"
)
_NOT_DUE = re.compile(
    r"\b(?:of|from|dated|since|after|last|past|previous|every|each|between|for|your|our|starting|beginning"
    r"|effective|as of|week of|vom|von|seit|nach|ab|für|zwischen"
    r"|(?:letzt|vergangen|vorig|jed|ihr|unser)e?[nrms]?|not before|nicht vor)"
    r"\s+(?:the\s+|dem\s+|den\s+|der\s+)?$"
)
_NOT_DUE_AFTER = re.compile(
    r"['’]s\b|\s+week\b|\s+(?:of\s+(?:the|this|your|our|receipt|delivery)|after)\b"
    r"|\s+(?:nach|ab)\s+(?:erhalt|eingang|lieferung|zustellung|rechnung|abnahme|dem|der)"
)
_ARTICLE = re.compile(r"\b(?:the|a|der|die|das)\s+$")  # "the 15 June invoice"
_JOINED = re.compile(r"\s*(?:[-–—/&]|to|through|thru|bis|and|und|or|oder)\s*|\s*,\s*")
_JOINED_LOOSELY = re.compile(r"\s*,?\s*(?:on\s+|am\s+)?\(?")


class _Found(NamedTuple):
    start: int
    end: int
    row: Row
    groups: Groups


def find_due(sentence: str, written: date | None) -> Due | None:
    """The day by which the sentence wants something, or None.

    Args:
        sentence: one sentence, in English or German.
        written: the day on which the item was written, as its author's calendar had it as far as known;
            with None only days with their year are resolved.
    """
    text = sentence.lower()
    if len(text) != len(sentence) or not _HINT.search(text):
        return None
    found = _expressions(text)
    joined = _joined(text, found)
    sure: list[Due | None] = []
    likely: list[Due | None] = []
    for one in found:
        before, after = text[: one.start], text[one.end :]
        if _NOT_DUE.search(before) or _NOT_DUE_AFTER.match(after):
            continue
        deadline = _DEADLINE.search(before) or _DEADLINE_AFTER.match(after)
        if not deadline and (_ARTICLE.search(before) or (one.row.needs_cue and not _ON.search(before))):
            continue
        due = None if one.start in joined or _VAGUE.search(before) else _resolved(one, written)
        (sure if deadline else likely).append(due)
    choice = sure or likely
    days = {due.day if due else None for due in choice}
    return choice[0] if len(days) == 1 else None  # two days: which one is due is anybody's guess


def full_date(line: str) -> date | None:
    """The one date with its year at the end of a line, as a letter has it: "Kaltenried, 12 June 2026"."""
    text = line.rstrip(" .").lower()
    found = [one for one in _expressions(text) if "year" in one.groups]
    if len(found) != 1 or found[0].end != len(text):
        return None
    return found[0].row.resolve(found[0].groups, date.min)


def _expressions(text: str) -> list[_Found]:
    """All expressions in reading order, the longest of overlapping ones."""
    every = [
        _Found(match.start(), match.end(), row, {k: v for k, v in match.groupdict().items() if v})
        for pattern, row in _PATTERNS
        for match in pattern.finditer(text)
    ]
    kept: list[_Found] = []
    for one in sorted(every, key=lambda one: one.start - one.end):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    kept.sort(key=lambda one: one.start)
    return [
        one
        for one, following in zip(kept, [*kept[1:], None], strict=False)
        if not (  # "by EOD on Friday", "by close of business, 15 June"
            following
            and re.fullmatch(_DAY_END, text[one.start : one.end])
            and _JOINED_LOOSELY.fullmatch(text, one.end, following.start)
        )
    ]


def _joined(text: str, found: list[_Found]) -> set[int]:
    """Where "Monday to Wednesday" or "Tuesday or Friday" has its two days: neither is the one."""
    starts: set[int] = set()
    for one, following in itertools.pairwise(found):
        if _JOINED.fullmatch(text, one.end, following.start):
            starts |= {one.start, following.start}
    return starts


def _resolved(one: _Found, written: date | None) -> Due | None:
    if written is None and "year" not in one.groups:
        return None
    day = one.row.resolve(one.groups, written or date.min)
    if day is None:
        return None
    return Due(one.start, one.end, day)
