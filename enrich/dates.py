"""Due expressions in English and German, resolved against the day on which the item was written. Pure.

The forms are in `due_forms.py`; here is decided which expression of a sentence is the day by which it wants
something. Where two readings differ ("04/05/2026", "by Friday" written on a Friday, "nächsten Freitag" in
mid-week), or the day may be another's ("the report that I sent on Monday"), it abstains.
"""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import NamedTuple

from enrich.due_forms import DAY_END, FORMS, HINT, Form, Groups


class Due(NamedTuple):
    """A due date and the words that gave it: `sentence[start:end]`."""

    start: int
    end: int
    day: date


_CLOCK = (
    rf"(?:(?:\d{{1,2}}(?:[:.]\d\d)?\s*(?:am|pm|a\.m\.|p\.m\.|uhr|h|o'clock)?|noon|midday|midnight|lunch|mittag"
    rf"|{DAY_END})\s*,?\s+)?(?:(?:on|am|the|den|dem|zum)\s+)?$"
)
_DEADLINE = re.compile(
    r"\b(?P<word>by|until|till?|(?:no|not) later than|at the latest|latest|due(?: date)?|deadline"
    r"|on or before|before|prior to|bis|spätestens|vor|fällig|frist)"
    r"(?: is| was| ist| ist der| endet am| zum| zur| spätestens| einschließlich| latest| on| am)?:?\s+"
    + _CLOCK
)
_DEADLINE_AFTER = re.compile(r"\W*(?:at the latest|latest|spätestens|deadline)\b")
_DEADLINE_WORD = re.compile(r"\b(?:by|before|prior to|deadline|due|bis|vor|spätestens)\b")
_FIRST_OF_SPAN = frozenset({"before", "prior to", "vor"})
_ON = re.compile(r"\b(?:on|am|zum|den|at)\s+(?:the\s+|den\s+|dem\s+)?$")
_VAGUE = re.compile(
    r"\b(?:early|mid|middle of|beginning of|start of|late|later|anfang|mitte|about|around|etwa|ca\.)"
    r"[\s-]+(?:the\s+)?$"
)
# What stands before a day that nobody has to keep.
_NOT_DUE = re.compile(
    r"(?:\b(?:of|from|dated|since|after|last|past|previous|every|each|between|for|your|our|starting|beginning"
    r"|effective|as of|week of|back|back on|black|earlier|(?:yesterday|gestern) (?:and|und)"
    r"|vom|von|seit|nach|ab|für|zwischen"
    r"|(?:letzt|vergangen|vorig|jed|ihr|unser)e?[nrms]?|not before|nicht vor)|\bw/c)"
    r"\s+(?:the\s+|dem\s+|den\s+|der\s+)?$"
    # The end of a stretch: "from 15 to 18 May", "vom 15. bis 18. Mai", "away until Friday".
    r"|\b(?:from|vom|von|between|zwischen)\s+[^,;]{0,30}?(?:\bto|\buntil|\btill?|\bbis|\band|\bund|-|–)\s*"
    r"(?:the\s+|zum\s+|dem\s+)?$"
    r"|\b(?:jeweils|immer|always|every|each|jede[nrsm]?)\b[^,;]{0,20}$"
    r"|\b(?:runs?|lasts?|läuft|dauert|reach|away|out|off|on leave|holiday|vacation|closed|valid|open|absent"
    r"|available|unavailable|travell?ing|gültig|abwesend|urlaub|verreist|geschlossen|geöffnet|verfügbar"
    r"|erreichbar|unterwegs)\b[^,;]{0,30}"
    r"\b(?:until|till?|through|bis)\s+(?:the\s+|zum\s+|einschließlich\s+)?(?:\d[\d.:]*\s*(?:am|pm|uhr)?\s+)?$"
    r"|\b(?:don['’]t|do not|not|never|nicht|nie)\b[^,;]{0,60}"
    r"\b(?:before|until|till?|vor)\s+(?:the\s+|dem\s+)?$"
)
_NOT_DUE_AFTER = re.compile(
    r"['’]s?\b(?!\s+time\b)|\s+week\b|\s+(?:of\s+(?:the|this|your|our|receipt|delivery)|after|onwards?|on,)\b"
    r"|\s+(?:nach|ab)\s+(?:erhalt|eingang|lieferung|zustellung|rechnung|abnahme|dem|der)"
    r"|\s+(?:or|oder)\s+(?:the\s+)?\d|\s+(?:invoice|letter|mail|e-?mail|report|statement|payment|bill)s?\b"
    r"|\s+(?:nicht\s+(?:da|im\s+büro|erreichbar)|im\s+urlaub|abwesend|verreist|unterwegs|krank|geschlossen)\b"
)
# What happened on that day, told before it: "the report that I sent on Monday", "as agreed on Monday" …
_PAST = re.compile(
    r"(?<!\bbe )(?<!\bget )(?<!\bit )(?<!\bthem )(?<!\bthis )(?<!\bthat )(?<!\bneed )(?<!\bnot )"
    r"\b(?:sent|spoke|met|wrote|said|told|got|gave|came|went|made|paid|took|bought|left|heard|saw|found|was|were"
    r"|did|had|kam(?:en)?|war(?:en)?"
    r"|(?!need|speed|feed|indeed|proceed|succeed|(?:moved|extended|postponed) to)[a-z]{2,}ed)\s+"
    r"(?:(?!by|before|until)[^\s,;]+\s+){0,3}(?:on\s+)?$"
    # … or that it does not happen then: "I will not be in the office on Thursday".
    r"|\bthank(?:s| you)\b[^,;]*$|(?:\b(?:not|cannot|unable|nicht|keine?[nrms]?)|n't)\b(?! forget)[^,;]*$"
)
# … in a clause of its own: "the lease that begins on 1 November", "der Vertrag, der am 1. November beginnt" …
_CLAUSE = re.compile(
    r"\b(?:that|which|who|whose)\s+(?:[\w']+\s+){1,3}(?:on\s+)?$"
    r"|\b(?:when|once|while|wenn|sobald|während)\s+"
    r"(?:i|you|he|she|it|we|they|the|ich|sie|du|er|wir|ihr|die|der|das)\b[^,;]{1,60}$"
    r"|,\s*(?:der|die|das|den|dem|deren|welche[nrs]?)\s+(?:\w+\s+){0,3}(?:am\s+)?$"
    r"|(?<!deadline )(?<!frist )"
    r"\b(?:ends?|begins?|starts?|expires?|endet|beginnt|startet|gilt)\s+(?:on\s+|am\s+)?$"
)
_ATTRIBUTE = re.compile(r"\b(?:der|die|das|den|dem|des)\s+am\s+$")
_ATTRIBUTE_AFTER = re.compile(r"\s+(?!bitte)\w{3,}(?:te|ene)[nrsm]?\s+\w")
# … or behind it: "wie am Montag besprochen", "den ich am Montag geschickt habe"; but not "geschickt werden".
_PAST_AFTER = re.compile(
    r"\s+(?:[\wäöüß]+\s+){0,4}?(?:(?:\w+)?ge\w{2,}(?:t|en)|be(?:sprochen|kommen|sucht|zahlt)|er(?:halten|ledigt)"
    r"|ver(?:einbart|schickt|sprochen|abredet)|unterschrieben|telefoniert|kam(?:en)?|war(?:en)?)"
    r"(?=\s*(?:[,.;!?]|$)|\s+(?:habe[nt]?|hast|hat|hatten?|worden|wurden?|ist|sind|war(?:en)?)\b)"
)
# An event that takes place that day; what is asked about it may be due before.
_EVENT = re.compile(
    r"\b(?:the|our|your|that|der|die|das|dem|den|zum|zur|unsere?[mnr]?|ihre?[mnr]?)\s+(?:\w+\s+){0,2}"
    r"(?:meeting|call|appointment|session|workshop|conference|hearing|interview|lunch|dinner|event|party|termin|treffen|sitzung"
    r"|besprechung|gespräch|verhandlung|veranstaltung|feier)\s+(?:(?:on|am|next|this|of|nächsten|kommenden)\s+)*$"
)
_ATTENDS = re.compile(r"\b(?:join|attend|come to|dabei|teilnehmen|kommen)\b")
# "The shop opens on 1 September; please order the sign": told in one clause, asked in the next.
_ASKED_NEXT = re.compile(r"[^,;]*[,;]\s.*\b(?:please|pls|kindly|bitte)\s+\w")
_ASKS = re.compile(
    r"\b(?:please|pls|kindly|bitte|needs?|must|ha(?:ve|s) to|should|can|could|will|would|let|i'll|we'll|shall"
    r"|want|deadline|due|brauch\w*|benötig\w*|muss|müssen|soll\w*|kann\w*|könn\w*|werden?|wird|möchte\w*"
    r"|frist|termin)\b"
)
_LAST_CLAUSE = re.compile(r"[^,;]*$")
_SUBJECT_AFTER = re.compile(
    r"\s+(?:is|was|sounds?|works?|looks?|seems?|suits?|ist|war|wäre|passt|geht|klingt)\b"
)
_ARTICLE = re.compile(r"\b(?:the|a|der|die|das)\s+$")  # "the 15 June invoice"
_JOINED = re.compile(r"\s*(?:[-–—/&]|to|through|thru|bis|and|und|or|oder)\s*|\s*,\s*")
_JOINED_LOOSELY = re.compile(r"\s*,?\s*(?:on\s+|am\s+)?\(?")


class _Found(NamedTuple):
    start: int
    end: int
    form: Form
    groups: Groups


def find_due(sentence: str, written: date | None) -> Due | None:
    """The day by which the sentence wants something, or None.

    Args:
        sentence: one sentence, in English or German.
        written: the day on which the item was written, as its author's calendar had it as far as known;
            with None only days with their year are resolved.
    """
    text = sentence.lower()
    if len(text) != len(sentence) or not HINT.search(text):
        return None
    found = _expressions(text)
    joined = _joined(text, found)
    sure: list[Due | None] = []
    likely: list[Due | None] = []
    for one in found:
        before, after = text[: one.start], text[one.end :]
        if _NOT_DUE.search(before) or _NOT_DUE_AFTER.match(after):
            continue
        deadline = _DEADLINE.search(before)
        certain = deadline is not None or _DEADLINE_AFTER.match(after) is not None
        if not certain and (_is_told(one, before, after) or (one.form.needs_cue and not _ON.search(before))):
            continue
        vague = _VAGUE.search(before) or (deadline and one.form.span and deadline["word"] in _FIRST_OF_SPAN)
        due = None if one.start in joined or vague else _resolved(one, written)
        (sure if certain else likely).append(due)
    choice = sure or likely
    days = {due.day if due else None for due in choice}
    return choice[0] if len(days) == 1 else None  # two days: which one is due is anybody's guess


def full_date(line: str) -> date | None:
    """The one date with its year at the end of a line, as a letter has it: "Kaltenried, 12 June 2026"."""
    text = line.rstrip(" .").lower()
    found = [one for one in _expressions(text) if "year" in one.groups]
    if len(found) != 1 or found[0].end != len(text):
        return None
    return found[0].form.resolve(found[0].groups, date.min)


def _is_told(one: _Found, before: str, after: str) -> bool:
    """Whether the day only belongs to what is told: to a noun, to something past, to an event."""
    if (
        _PAST.search(before)
        or _CLAUSE.search(before)
        or _PAST_AFTER.match(after)
        or _SUBJECT_AFTER.match(after)
    ):
        return True
    if _ARTICLE.search(before) and not one.form.span:
        return True
    clause = _LAST_CLAUSE.search(before)
    if clause and len(clause[0].split()) > 2 and _ASKED_NEXT.match(after) and not _ASKS.search(clause[0]):
        return True
    if _ATTRIBUTE.search(before) and _ATTRIBUTE_AFTER.match(after):
        return True
    if not _EVENT.search(before):
        return False
    return not (_DEADLINE_WORD.search(before) or _ATTENDS.search(before + after))


def _expressions(text: str) -> list[_Found]:
    """All expressions in reading order, the longest of overlapping ones."""
    every = [
        _Found(match.start(), match.end(), form, {k: v for k, v in match.groupdict().items() if v})
        for form in FORMS
        for match in form.pattern.finditer(text)
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
            and re.fullmatch(DAY_END, text[one.start : one.end])
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
    day = one.form.resolve(one.groups, written or date.min)
    if day is None:
        return None
    return Due(one.start, one.end, day)
