"""The forms in which English and German say a day, and the day that each one means. Pure, table-driven.

A span of days ends on its last working day: "next week" is next Friday. A form whose readings differ resolves
to nothing. Which expression of a sentence is its due date is decided in `dates.py`.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from index.when import MONTHS, any_of, day_and_month, table

Groups = dict[str, str]
Resolve = Callable[[Groups, date], "date | None"]

_SATURDAY = 5
_FRIDAY = 4
_FUTURE_DAYS = 300  # a day without a year further ahead than this was more likely just missed


class Form(NamedTuple):
    """One form of expression, in lower case."""

    pattern: re.Pattern[str]
    resolve: Resolve
    needs_cue: bool  # too common otherwise: "1/2", "sat" count only after "by", "on", "am" ...
    span: bool  # several days: "before next week" is before the first of them, wherever that ends


WEEKDAYS = table(
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
    "fifteen fünfzehn",
) | {"twenty": 20, "zwanzig": 20, "thirty": 30, "dreißig": 30, "sixty": 60, "sechzig": 60}
_NEAR = {"today": 0, "heute": 0, "tomorrow": 1, "morgen": 1}
_ORDINALS = table("", "first ersten", "second zweiten", "third dritten", "fourth vierten")
# Feasts by their distance from Easter Sunday, or by their day.
_MOVABLE = {
    "gründonnerstag": -3, "maundy thursday": -3, "good friday": -2, "karfreitag": -2, "easter": 0,
    "ostern": 0, "easter monday": 1, "ostermontag": 1, "ascension day": 39, "christi himmelfahrt": 39,
    "whitsun": 49, "pfingsten": 49, "pentecost": 49, "whit monday": 50, "pfingstmontag": 50,
}  # fmt: skip
_FIXED = {
    "allerheiligen": (11, 1), "christmas eve": (12, 24), "heiligabend": (12, 24),
    "christmas": (12, 25), "weihnachten": (12, 25),
    "boxing day": (12, 26), "zweiten weihnachtstag": (12, 26), "zweiten weihnachtsfeiertag": (12, 26),
    "new year's eve": (12, 31), "silvester": (12, 31), "neujahr": (1, 1), "new year's day": (1, 1),
}  # fmt: skip

DAY = rf"(?:{any_of(WEEKDAYS, 3)})"
_DAY_NAME = rf"(?P<weekday>{DAY})"
_NAMED_MONTH = rf"(?P<month>{any_of(MONTHS)})"
_COUNT = rf"(?P<count>\d{{1,3}}|{any_of(_NUMBERS)})"
_YEAR = r"(?P<year>20\d\d)"
_DAY_BEFORE = rf"(?:{_DAY_NAME}\.?,?\s+(?:the\s+|den\s+|dem\s+)?)?"
_TAG_BEFORE = rf"(?:(?P<weekday>{any_of(WEEKDAYS)})\.?,?\s+(?:den\s+|dem\s+)?)?"  # "Fr 27.3."
_PART = r"(?:\s*(?:morning|noon|afternoon|evening|night|früh|vormittag|mittag|nachmittag|abend))?"
_NEXT_DE = r"(?:nächste|kommende)"
_THIS = r"(?:the|this|der|dieser|des|dieses)"
_END = r"(?:(?:the\s+)?end\s+of\s+|ende\s+(?:von\s+|der\s+|des\s+)?)"
_MID = r"(?:mid(?:dle)?[\s-]+(?:of\s+)?(?:the\s+)?|mitte\s+)"
_NEXT_WEEK = rf"(?:next\s+week|{_NEXT_DE}[rn]?\s+woche)"
DAY_END = (
    r"(?:eod|cob|eob|close\s+of\s+(?:play|business)|end\s+of\s+business"
    r"|(?:the\s+)?end\s+of\s+(?:(?:the|this)\s+)?(?:business\s+)?day)"
)
_MORGEN = r"(?<!am )(?<!jeden )(?<!heute )(?<!diesen )(?<!guten )(?<!schönen )morgen"
SPAN_OF_DAYS = (
    rf"{_COUNT}(?:\s+\(\d{{1,3}}\))?\s+(?P<unit>(?:business|working)\s+days?|days?|weeks?|months?|years?|hours?|fortnights?"
    r"|arbeitstage?n?|werktage?[ns]?|tage?[ns]?|wochen?|monate?[ns]?|jahre?[ns]?|stunden?)"
)
# But not "within 14 days of receipt": counted from another day.
_SPAN = rf"{SPAN_OF_DAYS}(?!\s+(?:or|nach|ab|vor|after|before|of|from)\b)"


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
    year = groups.get("year")
    if year:
        return _make(int(year if len(year) == 4 else f"20{year}"), month, day)
    found = _make(today.year, month, day)
    if found is not None and found < today:
        found = _make(today.year + 1, month, day)
    return found if found is not None and (found - today).days <= _FUTURE_DAYS else None


def _as_named(groups: Groups, found: date | None) -> date | None:
    """Nothing for "Friday, 14 May" in a year in which that is a Thursday."""
    weekday = groups.get("weekday")
    return None if found is None or (weekday and found.weekday() != WEEKDAYS[weekday]) else found


def _named(groups: Groups, today: date) -> date | None:
    found = _year_given(groups, today, MONTHS[groups["month"]], int(groups["day"]))
    return _as_named(groups, found)


def _numeric(groups: Groups, today: date) -> date | None:
    found = day_and_month(groups)
    return _year_given(groups, today, found[1], found[0]) if found else None


def _dotted(groups: Groups, today: date) -> date | None:
    return _as_named(groups, _year_given(groups, today, int(groups["month"]), int(groups["day"])))


def _day_of_month(groups: Groups, today: date) -> date | None:
    """The next such day: "by the 15th", "bis zum 15."."""
    day = int(groups.get("day", 1))
    this = _make(today.year, today.month, day)
    if this is not None and this >= today:
        return _as_named(groups, this)
    following = _last_of_month(today.year, today.month + 1)
    return _as_named(groups, _make(following.year, following.month, day))


def _day_of_this_month(groups: Groups, today: date) -> date | None:
    found = _make(today.year, today.month, int(groups.get("day", 1)))
    return found if found is not None and found >= today else None


def _day_of_next_month(groups: Groups, today: date) -> date | None:
    following = _last_of_month(today.year, today.month + 1)
    return _make(following.year, following.month, int(groups.get("day", 1)))


def _coming(groups: Groups, today: date) -> date | None:
    """The first such day after today; named on that very day it could be either."""
    ahead = (WEEKDAYS[groups["weekday"]] - today.weekday()) % 7
    return today + timedelta(days=ahead) if ahead else None


def _coming_sure(groups: Groups, today: date) -> date | None:
    return today + timedelta(days=(WEEKDAYS[groups["weekday"]] - today.weekday() - 1) % 7 + 1)


def _of_next_week(groups: Groups, today: date) -> date | None:
    return today + timedelta(days=WEEKDAYS[groups["weekday"]] - today.weekday() + 7)


def _nearest_agrees(groups: Groups, today: date) -> date | None:
    """ "next Friday", "nächsten Freitag": only where the coming one is also that of next week."""
    coming, next_week = _coming_sure(groups, today), _of_next_week(groups, today)
    return coming if coming == next_week else None


def _after(groups: Groups, today: date) -> date | None:
    count, unit = _number(groups["count"]), groups["unit"]
    if unit.startswith(("hour", "stunde")):
        days, rest = divmod(count, 24)
        return today + timedelta(days=days) if days and not rest else None
    if unit.startswith(("year", "jahr")):
        return _month_after(today, 12 * count)
    if unit.startswith(("month", "monat")):
        return _month_after(today, count)
    if unit.startswith(("week", "woche", "fortnight")):
        return today + timedelta(weeks=2 * count if unit.startswith("fortnight") else count)
    if unit.startswith(("business", "working", "arbeit", "werk")):
        return _working_days(today, count, saturdays=unit.startswith("werk"))
    return today + timedelta(days=count)


def _later(groups: Groups, today: date) -> date | None:
    """ "Friday week", "a fortnight tomorrow", "Dienstag in einer Woche": so much after that day."""
    near, unit = groups.get("near"), groups["unit"]
    first = today + timedelta(days=_NEAR[near]) if near else _coming(groups, today)
    if first is None:
        return None
    count = groups.get("count", "one")
    if unit.startswith("tag") and _number(count) == 8:  # "in acht Tagen" is in a week
        return None if near else first + timedelta(weeks=1)
    return _after({"count": count, "unit": unit}, first)


def shifted(day: date, groups: Groups, *, back: bool) -> date | None:
    """So much after a day, or before it: by the groups of `SPAN_OF_DAYS`; nothing for working days."""
    unit = groups["unit"]
    if unit.startswith(("business", "working", "arbeit", "werk")):
        return None
    if not back:
        return _after(groups, day)
    if unit.startswith(("year", "jahr", "month", "monat")):
        return _month_after(day, -_number(groups["count"]) * (12 if unit.startswith(("year", "jahr")) else 1))
    later = _after(groups, day)
    return None if later is None else day - (later - day)


def _working_days(today: date, count: int, *, saturdays: bool) -> date | None:
    """Nothing if a day between may be a working day or not: a holiday, a Saturday among `Werktage`."""
    day = today
    while count:
        day += timedelta(days=1)
        if (day.weekday() < _SATURDAY and _is_holiday(day)) or (saturdays and day.weekday() == _SATURDAY):
            return None
        count -= day.weekday() < _SATURDAY
    return day


def _is_holiday(day: date) -> bool:
    """Whether nobody works that day somewhere that English or German is written; those of regions are left
    out."""
    movable = (day - _easter(day.year)).days in (-2, 1, 39, 50)
    return movable or (day.month, day.day) in ((1, 1), (5, 1), (7, 4), (10, 3), (12, 24), (12, 25), (12, 26))


def _this_week(groups: Groups, today: date) -> date | None:
    return _friday(today, 0) if today.weekday() < _SATURDAY else None


def _calendar_week(groups: Groups, today: date) -> date | None:
    """Of ISO 8601, as both languages count: the one of this year, or of the next if that is near."""
    week, weekday = int(groups["week"]), WEEKDAYS[groups.get("weekday", "friday")]
    for year in [int(groups["year"])] if "year" in groups else [today.year, today.year + 1]:
        try:
            found = date.fromisocalendar(year, week, weekday + 1)
        except ValueError:  # there is no week 53 in most years
            return None
        if found >= today or "year" in groups:
            return found if "year" in groups or (found - today).days <= _FUTURE_DAYS else None
    return None


def _middle_of_month(groups: Groups, today: date) -> date | None:
    """The 15th, as the German civil code reads it (§ 192 BGB), and as English calendars have it."""
    if "month" in groups:
        return _year_given(groups, today, MONTHS[groups["month"]], 15)
    return _day_of_this_month({"day": "15"}, today)


def _quarter(groups: Groups, today: date) -> date | None:
    quarter = int(groups.get("quarter") or _ORDINALS[groups["ordinal"]])
    found = _last_of_month(int(groups.get("year") or today.year), quarter * 3)
    return found if found >= today else None


def _end_of_quarter(later: int) -> Resolve:
    return lambda _, today: _last_of_month(today.year, ((today.month + 2) // 3 + later) * 3)


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
    """The next one, if it is not most of a year away."""
    name = " ".join(groups["feast"].replace("’", "'").split())
    for year in (today.year, today.year + 1):
        movable = name in _MOVABLE
        day = _easter(year) + timedelta(days=_MOVABLE[name]) if movable else date(year, *_FIXED[name])
        if day >= today:
            return day if (day - today).days <= _FUTURE_DAYS else None
    return None


def _plus(days: int) -> Resolve:
    return lambda groups, today: today + timedelta(days=days)


def _never(groups: Groups, today: date) -> date | None:
    """Recognised, so that no part of it is taken for something else, and not resolved."""
    return None


def _form(pattern: str, resolve: Resolve, *, needs_cue: bool = False, span: bool = False) -> Form:
    return Form(re.compile(rf"(?<![\w/.-])(?:{pattern})(?!\w)"), resolve, needs_cue, span)


_FEASTS = any_of([*_MOVABLE, *_FIXED]).replace(" ", r"\s+").replace("'", "['’]")
# What else has numbers: "on the 3rd floor", "zum 2. Mal".
_COUNTED = (
    "floor|time|quarter|draft|version|page|paragraph|chapter|meeting|attempt|party|place|row|reminder|week|day"
    "|month|year|item|point|person|column|line|edition|round|working|business"
)
_GEZAEHLT = (
    "mal\\b|werktag|arbeitstag|stock|og\\b|etage|quartal|kapitel|punkt|absatz|geburtstag|versuch|teil|advent|platz"
    "|klasse|semester|jahr|lebensjahr|tag\\b|woche|treffen|entwurf|rate|mahnung|schritt|person|runde|seite"
)
_NTH = r"(?:first|second|third|fourth|last|erste[nr]?|zweite[nr]?|dritte[nr]?|vierte[nr]?|letzte[nr]?)"

# What is looked for; of overlapping matches the longest counts.
FORMS: tuple[Form, ...] = (
    # Days by their number.
    _form(rf"{_YEAR}(?P<mark>[-/.])(?P<month>\d\d)(?P=mark)(?P<day>\d\d)", _dotted),
    _form(rf"{_TAG_BEFORE}(?P<day>\d{{1,2}})\.\s?(?P<month>\d{{1,2}})\.\s?(?P<year>20\d\d|\d\d)", _dotted),
    _form(rf"{_TAG_BEFORE}(?P<day>\d{{1,2}})\.\s?(?P<month>1[0-2]|0?[1-9])\.", _dotted, needs_cue=True),
    _form(
        rf"{_TAG_BEFORE}(?P<day>\d{{1,2}})\.(?P<month>0[1-9]|1[0-2])(?![.,:]?\d)"
        r"(?!\s?(?:uhr|h|€|eur|%|m|cm|kg)\b)",
        _dotted,
        needs_cue=True,
    ),
    _form(r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>20\d\d|\d\d)", _numeric),
    _form(r"(?P<first>\d{1,2})/(?P<second>\d{1,2})(?!/)", _numeric, needs_cue=True),
    _form(
        rf"{_DAY_BEFORE}(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+"
        rf"(?:of\s+)?{_NAMED_MONTH}\b\.?(?:,?\s+{_YEAR})?",
        _named,
    ),
    _form(
        rf"{_DAY_BEFORE}{_NAMED_MONTH}\.?\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!:|\s?[-–]\s?\d)"
        rf"(?:,?\s+{_YEAR})?",
        _named,
    ),
    _form(
        rf"the\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)(?!\s+(?:{_COUNTED})\b)", _day_of_month, needs_cue=True
    ),
    _form(rf"{_DAY_NAME},?\s+the\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)", _day_of_month),
    _form(
        rf"(?:{_DAY_NAME},?\s+)?(?:zum|am|den|dem)\s+(?P<day>\d{{1,2}})\.(?!\s?(?:\d|(?:{_GEZAEHLT})))",
        _day_of_month,
    ),
    _form(
        r"(?:the\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)\s+(?:of\s+)?this\s+month"
        r"|(?:zum\s+|am\s+)?(?P<tag>\d{1,2})\.\s+(?:des|dieses)\s+monats",
        lambda groups, today: _day_of_this_month({"day": groups.get("day") or groups["tag"]}, today),
    ),
    _form(
        r"(?:the\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)\s+(?:of\s+)?next\s+month"
        rf"|(?:zum\s+|am\s+)?(?P<tag>\d{{1,2}})\.\s+(?:des\s+)?{_NEXT_DE}n\s+monats",
        lambda groups, today: _day_of_next_month({"day": groups.get("day") or groups["tag"]}, today),
    ),
    _form(rf"{_NEXT_DE}n\s+ersten|ersten\s+(?:des\s+)?{_NEXT_DE}n\s+monats", _day_of_next_month),
    # Days of the week.
    _form(rf"(?:this\s+)?(?:coming|upcoming)\s+{_DAY_NAME}{_PART}", _coming_sure),
    _form(rf"kommende[nrm]?\s+{_DAY_NAME}{_PART}", _coming_sure),
    _form(rf"(?:nächste[nrm]?|next)\s+{_DAY_NAME}{_PART}", _nearest_agrees),
    _form(rf"übernächste[nrm]?\s+(?:{DAY}|monats?)", _never),
    _form(rf"{_DAY_NAME}{_PART}\s+(?:of\s+)?{_NEXT_WEEK}", _of_next_week),
    _form(rf"{_NEXT_WEEK}(?:\s+on|\s+am)?\s+{_DAY_NAME}{_PART}", _of_next_week),
    _form(rf"{DAY}\s+(?:of\s+)?(?:last\s+week|(?:letzte|vergangene|vorige)[rn]\s+woche)", _never),
    _form(rf"(?:this\s+|diese[nrm]?\s+)?(?P<weekday>{any_of(WEEKDAYS, 4)}){_PART}", _coming),
    _form(rf"{_DAY_NAME}{_PART}", _coming, needs_cue=True),
    _form(rf"(?:{_DAY_NAME}|(?P<near>today|tomorrow))\s+(?P<unit>week|fortnight)", _later),
    _form(
        rf"{_COUNT}\s+(?P<unit>weeks?|fortnights?)\s+(?:(?:from|on)\s+)?"
        rf"(?:{_DAY_NAME}|(?P<near>today|tomorrow))",
        _later,
    ),
    _form(rf"(?:{_DAY_NAME}|(?P<near>heute|{_MORGEN}))\s+in\s+{SPAN_OF_DAYS}", _later),
    _form(rf"{_NTH}\s+{DAY}\s+(?:of|in|im|des)\s+\w+", _never),
    _form(rf"{DAY}\s+(?:after|before|nach|vor)\s+(?:the\s+)?(?!\d)\w+", _never),
    # Weeks, months, quarters, years.
    _form(
        rf"(?:{_DAY_NAME},?\s+(?:in\s+)?(?:der\s+)?)?{_END}?(?:kw|cw|kalenderwoche|calendar\s+week)\s?"
        rf"(?P<week>\d{{1,2}})(?:(?:\s?/\s?|\s+){_YEAR})?(?!\s?[-–/]\s?\d)",
        _calendar_week,
        span=True,
    ),
    _form(rf"{_END}{_NEXT_WEEK}", lambda _, today: _friday(today, 1)),
    _form(_NEXT_WEEK, lambda _, today: _friday(today, 1), span=True),
    _form(
        r"(?:the\s+)?week\s+after\s+next|übernächste[rn]?\s+woche",
        lambda _, today: _friday(today, 2),
        span=True,
    ),
    _form(r"(?:within|over|during|in)\s+the\s+(?:next|coming)\s+(?:week|month|year)", _never),
    _form(r"innerhalb\s+(?:der|des)\s+(?:nächste|kommende)n\s+(?:woche|monats|jahres)", _never),
    _form(rf"{_END}(?:{_THIS}\s+)?(?:week|woche)|eow", _this_week),
    _form(r"this\s+week|diese[rn]?\s+woche|im\s+laufe\s+der\s+woche", _this_week, span=True),
    _form(r"(?:by|before)\s+the\s+weekend|(?:vor\s+dem|bis\s+zum|bis)\s+wochenende", _this_week),
    _form(
        rf"{_END}(?:next\s+month|{_NEXT_DE}[nrs]?\s+monats?)",
        lambda _, today: _last_of_month(today.year, today.month + 1),
    ),
    _form(
        rf"next\s+month|{_NEXT_DE}[nrs]?\s+monats?",
        lambda _, today: _last_of_month(today.year, today.month + 1),
        span=True,
    ),
    _form(
        rf"{_END}(?:{_THIS}\s+)?(?:month|monats)|month[- ]end|monatsende|monatsletzten|eom",
        lambda _, today: _last_of_month(today.year, today.month),
    ),
    _form(
        r"this\s+month|diesen\s+monat", lambda _, today: _last_of_month(today.year, today.month), span=True
    ),
    _form(
        rf"{_MID}{_NAMED_MONTH}(?:\s+{_YEAR})?|{_MID}(?:(?:des|dieses)\s+monats|(?:this\s+)?month)",
        _middle_of_month,
    ),
    _form(rf"{_END}{_NAMED_MONTH}(?:\s+{_YEAR})?", _end_of_month),
    _form(rf"{_END}q(?P<quarter>[1-4])(?:\s+{_YEAR})?", _quarter),
    _form(rf"{_END}(?:the\s+|des\s+)?(?P<ordinal>{any_of(_ORDINALS)})\s+(?:quarter|quartals)", _quarter),
    _form(rf"{_END}(?:{_THIS}\s+)?(?:quarter|quartals)|quartalsende|eoq", _end_of_quarter(0)),
    _form(rf"{_END}(?:next\s+quarter|(?:des\s+)?{_NEXT_DE}n\s+quartals)", _end_of_quarter(1)),
    _form(
        rf"{_END}(?:{_THIS}\s+)?(?:year|jahres)|year[- ]end|jahresende|eoy",
        lambda _, today: date(today.year, 12, 31),
    ),
    _form(
        rf"{_END}(?:next\s+year|(?:des\s+)?{_NEXT_DE}n\s+jahres)",
        lambda _, today: date(today.year + 1, 12, 31),
    ),
    # Feasts, but not what is only named after one: "the Christmas party".
    _form(
        rf"(?P<feast>{_FEASTS})(?!\s+(?:party|parties|break|holidays?|dinner|lunch|card|cards|sale|season|present"
        r"|presents|bonus|weekend|market|shutdown|feier|ferien|urlaub)\b)",
        _feast,
        needs_cue=True,
    ),
    # Near days, and stretches from today on.
    _form(r"(?:the\s+)?day\s+after\s+tomorrow|übermorgen", _plus(2)),
    _form(rf"tomorrow{_PART}|{_MORGEN}{_PART}", _plus(1)),
    _form(
        r"today|tonight|this\s+(?:afternoon|evening)|heute"
        r"(?:\s+(?:mittag|nachmittag|abend))?|im\s+laufe\s+des\s+tages",
        _plus(0),
    ),
    _form(r"this\s+morning|heute\s+(?:morgen|früh|vormittag)", _never),  # as a rule it is over
    _form(rf"{DAY_END}|tagesende|feierabend", _plus(0)),
    _form(rf"(?:with)?in\s+(?:the\s+next\s+|the\s+coming\s+|den\s+nächsten\s+)?{_SPAN}", _after),
    _form(rf"(?:innerhalb|binnen)\s+(?:von\s+|der\s+nächsten\s+)?{_SPAN}", _after),
    _form(
        rf"{SPAN_OF_DAYS}\s+(?:(?:from|of)\s+(?:now|today(?:['’]s\s+date)?"
        r"|the\s+date\s+of\s+this\s+(?:letter|notice|e-?mail|message))"
        r"|ab\s+(?:heute|dem\s+datum\s+dieses\s+schreibens))",
        _after,
    ),
)  # fmt: skip
HINT = re.compile(
    rf"\d|{any_of(WEEKDAYS, 3)}|day|tonight|tomorrow|week|month|quarter|year|this |business|end of|ende "
    r"|fortnight|\b(?:eo[bdwmqy]|cob|kw|cw)\b|heute|morgen|woche|monat|quartal|jahr|tage|stunde|feierabend|ersten"
    rf"|{any_of(MONTHS, 3)}|{_FEASTS}"
)
