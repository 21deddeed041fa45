"""Values of cells as a spreadsheet shows them: dates, times, percentages, currencies by their formats."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

_BUILT_IN = {
    9: "0%",
    10: "0.00%",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yy h:mm",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mmss.0",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 59)), "yyyy-mm-dd"),
    **dict.fromkeys(range(32, 36), "h:mm"),
}
_SKIPPED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!\$|h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_CURRENCY = re.compile(
    r"\[\$([^\]-]{1,5})(?:-[^\]]*)?\]|\"([^\"A-Za-z0-9]{0,2}[$€£¥₹₽₩][^\"]{0,2})\"|([$€£¥₹₽₩])"
)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_EPOCH = datetime(1899, 12, 30)
_EPOCH_1904 = datetime(1904, 1, 1)
_LAST_DAY = 2_958_466  # the end of the year 9999


def built_in(number: int) -> str:
    """The code of a format that has only a number; empty for one that shows a number as it is."""
    return _BUILT_IN.get(number, "")


@lru_cache(maxsize=1024)
def _sort(code: str) -> tuple[str, str]:
    """(what a format shows, its currency): "date", "time", "both", "elapsed", "percent", "number"."""
    first = code.partition(";")[0] if '"' not in code else code
    currency = _CURRENCY.search(first)
    sign = next((part for part in currency.groups() if part), "").strip() if currency else ""
    bare = re.sub(r"\[\$[^\]]*\]", "", _SKIPPED.sub("", first)).lower().partition(";")[0]
    if bare in ("", "general", "@"):
        return "number", sign
    if _ELAPSED.search(bare):
        return "elapsed", ""
    time = "h" in bare or "s" in bare or "am/pm" in bare
    date = any(letter in bare for letter in "yd") or ("m" in bare and not time)
    if date or time:
        return ("both" if date and time else "date" if date else "time"), ""
    return ("percent" if "%" in bare else "number"), sign


def shown(raw: str, code: str, *, since_1904: bool = False) -> str:
    """A number as its format shows it, with all its digits; what is no number is left as it is.

    Args:
        raw: as it stands in the file.
        code: of the format; empty for a plain number.
        since_1904: days are counted as Excel for Macintosh once did.
    """
    try:
        number = float(raw)
    except ValueError:
        return raw
    what, sign = _sort(code) if code else ("number", "")
    if what == "percent":
        return f"{plain(number * 100)}%"
    if what == "elapsed":
        return _elapsed(number)
    if what != "number":
        return _moment(number, what, since_1904) or plain(number)
    text = plain(number) if len(raw) > 15 or not raw.lstrip("-").isdecimal() else raw
    return f"{text} {sign}" if sign else text


def plain(number: float) -> str:
    """A number with at most fifteen digits, as spreadsheets count."""
    if number == int(number) if abs(number) < 1e15 else False:
        return str(int(number))
    return f"{number:.15g}"


def _moment(days: float, what: str, since_1904: bool) -> str:
    """A date, a time or both, in ISO's order; empty where the number is none."""
    if not 0 <= days < _LAST_DAY:
        return ""
    epoch = _EPOCH_1904 if since_1904 else _EPOCH
    if not since_1904 and days < 60:  # Excel counts a 29 February 1900 that never was
        days += 1
    when = epoch + timedelta(seconds=round(days * 86_400))
    if what == "date":
        return f"{when:%Y-%m-%d}" if when.year >= 1900 else ""
    clock = f"{when:%H:%M:%S}" if when.second else f"{when:%H:%M}"
    return clock if what == "time" else f"{when:%Y-%m-%d} {clock}"


def _elapsed(days: float) -> str:
    """A duration in hours, minutes and seconds."""
    seconds = round(abs(days) * 86_400) if abs(days) < 1e9 else 0
    text = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"-{text}" if days < 0 else text
