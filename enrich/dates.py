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

from enrich.due_forms import DAY, DAY_END, FORMS, HINT, SPAN_OF_DAYS, Form, Groups, shifted


class Due(NamedTuple):
    """A due date and the words that gave it: `sentence[start:end]`."""

    start: int
    end: int
    day: date


_TIME = (
    r"(?:\d{1,2}(?:[:.]\d\d)?\s*(?:am|pm|a\.m\.|p\.m\.|uhr|h|o'clock)?|noon|midday|midnight|lunch|mittag"
    rf"|{DAY_END})"
)
_CLOCK = rf"(?:{_TIME}\s*,?\s+)?(?:(?:on|am|the|den|dem|zum)\s+)?$"
_DEADLINE = re.compile(
    r"\b(?P<word>by|until|till?|later than|später als|at the latest|latest|due(?: date)?|deadline"
    r"|(?:moved|extended|postponed) to|(?:verschoben|verlegt) auf"
    r"|on or before|before|prior to|bis|spätestens|vor|fällig|frist)"
    r"(?: is| was| ist| ist der| endet am| zum| zur| spätestens| einschließlich| latest| on| am)?:?\s+"
    + _CLOCK
)
_DEADLINE_AFTER = re.compile(
    rf"\W*(?:at the latest|latest|spätestens|deadline)\b(?!\s+(?:(?:am|bis|zum)\b|\d|{DAY}))"
)
_DEADLINE_WORD = re.compile(r"\b(?:by|before|prior to|deadline|due|bis|vor|spätestens)\b")
_FIRST_OF_SPAN = frozenset({"before", "prior to", "vor"})
# So much before or after it: "48 hours before the hearing on 9 April".
_OFFSET = re.compile(
    rf"\b{SPAN_OF_DAYS}\s+(?:(?P<back>before|prior to|ahead of|vor)|after|nach)\s+"
    r"(?!(?:i|you|he|she|it|we|they|ich|du|er|sie|es|wir|ihr)\b)"
    r"(?:(?:[\w'’-]+\s+){1,4}(?:on|of|am|vom)\s+)?(?:the\s+|dem\s+)?$"
)
_ON = re.compile(r"\b(?:on|am|zum|den|at)\s+(?:the\s+|den\s+|dem\s+)?$")
_VAGUE = re.compile(
    r"\b(?:early|mid|middle of|beginning of|start of|late|later|anfang|mitte|about|around|etwa|ca\.)"
    r"[\s-]+(?:the\s+)?$"
)
# What stands before a day that nobody has to keep.
_NOT_DUE = re.compile(
    r"(?:\b(?:of|from|dated|since|after|last|past|previous|every|each|between|for|your|our|effective|as of"
    r"|week of|(?:starting|beginning|commencing|ending|closing|arriving|departing|leaving|expiring)(?: on)?"
    r"|(?:am|is|are|be|been|\w'm|\w's|\w're) back(?: on)?|black|earlier|(?:yesterday|gestern) (?:and|und)"
    rf"|(?:after|from|since|ab|nach|seit) {_TIME}(?: on| am)?"
    r"|vom|von|seit|nach|ab|für|zwischen"
    r"|(?:letzt|vergangen|vorig|jed|ihr|unser)e?[nrms]?|not before|nicht vor"
    r"|extend(?:ing)? \w+(?: \w+)? (?:to|until|by))|\bw/[ce])"
    r"\s+(?:the\s+|dem\s+|den\s+|der\s+)?$"
    # The end of a stretch: "from 15 to 18 May", "vom 15. bis 18. Mai", "away until Friday".
    r"|\b(?:from|vom|von|between|zwischen)\s+[^,;]{0,30}?"
    r"(?:\bto|\buntil|\btill?|\bthrough|\bbis|\bauf|\band|\bund|-|–)\s*(?:the\s+|zum\s+|de[mn]\s+)?$"
    r"|\b(?:week|month|period|year|woche|monat|zeitraum|jahr|\w*verlängerung)\s+(?:to|through|bis)\s+(?:zum\s+)?$"
    r"|\b(?:jeweils|immer|always|every|each|jede[nrsm]?)\b[^,;]{0,20}$"
    r"|\b(?:runs?|lasts?|läuft|dauert|reach|away|out|off|on leave|holiday|vacation|closed|valid|open|absent"
    r"|available|unavailable|travell?ing|gültig|abwesend|urlaub|verreist|geschlossen|geöffnet|verfügbar"
    r"|erreichbar|unterwegs)\b[^,;]{0,30}"
    r"\b(?:until|till?|through|bis)\s+(?:the\s+|zum\s+|einschließlich\s+)?(?:\d[\d.:]*\s*(?:am|pm|uhr)?\s+)?$"
    r"|(?:n['’]t|\b(?:cannot|unable|not|never|no one|nobody|nothing|nicht|nie|niemand|nichts))\b[^,;]{0,60}"
    r"\b(?:before|until|till?|vor)\s+(?:the\s+|dem\s+)?$"
)
_NOT_DUE_AFTER = re.compile(
    r"-?ish\b|['’]s?\b(?!\s+time\b)|\s+week\b"
    r"|\s+(?:of\s+(?:the|this|your|our|each|every|receipt|delivery)|after|onwards?|on,|eines\s+jeden|jeden)\b"
    r"|\s+(?:nach|ab)\s+(?:erhalt|eingang|lieferung|zustellung|rechnung|abnahme|dem|der)"
    r"|\s+(?:widerspruch|einspruch|klage|beschwerde|berufung)\b"  # counted from when the decision was served
    r"|\s+(?:or|oder)\s+(?:so\b|(?:the\s+)?(?:\d|next|nächste))"
    r"|\s+(?:invoice|letter|mail|e-?mail|report|statement|payment|bill)s?\b"
    r"|\s+(?:(?:bin|ist|sind|seid)\s+\w+\s+)?(?:leider\s+)?(?:nicht\s+(?:da|im\s+büro|erreichbar)|im\s+urlaub"
    r"|abwesend|verreist|unterwegs|krank|geschlossen|weg)\b"
)
# What happened on that day, told before it: "the report that I sent on Monday", "as agreed on Monday" …
_PAST = re.compile(
    r"(?<!\bbe )(?<!\bget )(?<!\bit )(?<!\bthem )(?<!\bthis )(?<!\bthat )(?<!\bneed )(?<!\bnot )"
    r"\b(?:sent|spoke|met|wrote|said|told|got|gave|came|went|made|paid|took|bought|left|heard|saw|found|was|were"
    r"|did|had|kam(?:en)?|war(?:en)?"
    r"|(?!need|speed|feed|indeed|proceed|succeed)[a-z]{2,}ed)\s+"
    r"(?:(?!by|before|until)[^\s,;]+\s+){0,3}(?:on\s+)?$"
    # … or that it does not happen then: "I will not be in the office on Thursday".
    r"|\b(?:am|is|are|be|\w'm|\w's|\w're)\s+(?:out|away|off|abroad|travell?ing|busy|on (?:leave|holiday))\s+"
    r"(?:on\s+)?$"
    r"|\bthank(?:s| you)\b[^,;]*$|(?:\b(?:not|cannot|unable|nicht|keine?[nrms]?)|n't)\b(?! forget)[^,;]*$"
)
# … in a clause of its own: "the lease that begins on 1 November", "der Vertrag, der am 1. November beginnt" …
_CLAUSE = re.compile(
    r"\b(?:that|which|who|whose)\s+(?:[\w']+\s+){1,3}(?:on\s+)?$"
    r"|\b(?:whoever|what|how|where|why)\s+(?!about)(?:[\w']+\s+){0,4}(?:on\s+)?$"
    r"|\b(?:was|wer|wie|wo|warum)\s+(?!wäre)(?:[\wäöüß]+\s+){0,4}(?:am\s+)?$"
    r"|\b(?:when|once|while|by the time|wenn|sobald|während|bis)\s+"
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
    r"(?:meeting|call|appointment|session|workshop|conference|hearing|interview|lunch|dinner|event|party|day|fair"
    r"|wedding|birthday|trip|flight|visit|exam|concert|training|course|termin|treffen|sitzung|besprechung|gespräch"
    r"|verhandlung|veranstaltung|feier|messe|hochzeit|geburtstag|reise|flug|besuch|prüfung|konzert|schulung|kurs"
    r"|tag der offenen tür)\s+(?:(?:on|am|next|this|of|nächsten|kommenden)\s+)*$"
)
_WAS_DUE = re.compile(r"\b(?:was|were|been|fell)\s+due\s+(?:on\s+|by\s+)?(?:the\s+)?$")
# Somebody's earlier deadline, of which is told: "you asked for it by Friday".
_REPORTED = re.compile(
    r"\b(?:asked|wanted|requested|demanded|promised|forderten?|baten?|wollten?|versprach(?:en|st)?)\b[^,;]*$"
)
_HALF_A_YEAR = 183  # days
_NAMES_A_DAY = frozenset(("month", "first"))  # groups of a form
# "until" ends a stretch, unless somebody is given time, or what is asked takes but a moment.
_UNTIL = re.compile(r"\b(?:until|till?)\s+" + _CLOCK)
_ENDS_A_TASK = re.compile(
    r"\b(?:have|has|had|got|g[ia]ves?|given|grant(?:s|ed)|allow(?:s|ed))\s+"
    r"(?:(?:me|you|him|her|us|them|time|only|still)\s+){0,3}(?:until|till?)\s+[^,;]*$"
    r"|\b(?:send|return|reply|respond|answer|confirm|pay|tell|let \w+ (?:know|have)|submit|provide|deliver"
    r"|finish|complete|sign|apply|register|object|order|book)\b[^,;]*$"
)
# "bis" ends a stretch only with what lasts.
_BIS = re.compile(r"\bbis\s+(?:(?:spätestens|einschließlich|inklusive)\s+)?(?:(?:zum|zur)\s+)?" + _CLOCK)
_LASTS = re.compile(
    r"\b(?:bleib(?:e|en|t|st)?|wart(?:e|en|et)?|halt(?:e|en|et)?|behalt(?:e|en|et)?|gilt|gelten|liegt|liegen"
    r"|steht|stehen|verlänger[ent]+|täglich|stündlich|wöchentlich|regelmäßig)\b[^,;]{0,60}$"
)
_LASTS_AFTER = re.compile(
    r"\s+(?:dran|drauf|drin|liegen|stehen|ruhen)\b"
    r"|[^,;]*\b(?:einnehmen|warten|bleiben|behalten|aufbewahren|pausieren)\b"
)
_IS = re.compile(r"(?<!frist )\b(?:bin|ist|sind|seid|war|waren)\s+(?:[\wäöüß]+\s+){0,3}bis\s[^,;]*$")
_IS_AFTER = re.compile(r"(?!.*(?:\bzu\b|zu\w+en\b|fällig|fertig|bereit|erledigt|möglich|\bda\b))\s+[\wäöüß]")
_ATTENDS = re.compile(r"\b(?:join|attend|come to|dabei|teilnehmen|kommen)\b")
# "The shop opens on 1 September; please order the sign": told in one clause, asked in the next.
_ASKED_NEXT = re.compile(r"[^,;]*[,;]\s.*\b(?:please|pls|kindly|bitte)\s+\w")
_ASKS = re.compile(
    r"\b(?:please|pls|kindly|bitte|needs?|must|ha(?:ve|s) to|should|can|could|will(?! be)|would|let|i'll"
    r"|we'll|shall|want|deadline|due|brauch\w*|benötig\w*|muss|müssen|soll\w*|kann\w*|könn\w*|werden?|wird"
    r"|möchte\w*|frist|termin)\b"
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
        offset = _OFFSET.search(text[: one.start])
        before, after = text[: offset.start() if offset else one.start], text[one.end :]
        if _NOT_DUE.search(before) or _NOT_DUE_AFTER.match(after) or _goes_on(before, after):
            continue
        deadline = _DEADLINE.search(before)
        cue = deadline or _DEADLINE_AFTER.match(after)
        certain = cue is not None and not _REPORTED.search(before)
        if not certain and _is_told(one, before, after):
            continue
        if one.form.needs_cue and not (cue or offset or _ON.search(before)):
            continue
        vague = one.start in joined or _is_vague(one, before, deadline)
        due = None if vague else _resolved(one, written, offset)
        if due is None or not _is_past(one, due, written, before, certain=certain):
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


def _goes_on(before: str, after: str) -> bool:
    """Whether the day is the end of a stretch: "keep it until Friday", "warten Sie bis Freitag"."""
    if _UNTIL.search(before):
        return not _ENDS_A_TASK.search(before)
    if not _BIS.search(before):
        return False
    if _LASTS.search(before) or _LASTS_AFTER.match(after):
        return True
    return _IS.search(before) is not None and _IS_AFTER.match(after) is not None


def _is_vague(one: _Found, before: str, deadline: re.Match[str] | None) -> bool:
    """Whether the words mean some day of several: "early June", "before next week", "the call next week"."""
    if _VAGUE.search(before):
        return True
    return one.form.span and (
        (deadline is not None and deadline["word"] in _FIRST_OF_SPAN) or _EVENT.search(before) is not None
    )


def _is_past(one: _Found, due: Due, written: date | None, before: str, *, certain: bool) -> bool:
    """Whether a day without its year rather is the last one of that name than the next: "it was due on
    Monday", "the accident on 10 January" told in March.
    """
    if written is None or "year" in one.groups:
        return False
    if _WAS_DUE.search(before):
        return due.day > written
    named = not one.groups.keys().isdisjoint(_NAMES_A_DAY)
    return named and not certain and (due.day - written).days > _HALF_A_YEAR


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


def _resolved(one: _Found, written: date | None, offset: re.Match[str] | None) -> Due | None:
    if written is None and "year" not in one.groups:
        return None
    day = one.form.resolve(one.groups, written or date.min)
    if day is not None and offset is not None:
        day = shifted(day, offset.groupdict(), back=offset["back"] is not None)
        if day is not None and written is not None and day < written:
            return None
    return None if day is None else Due(offset.start() if offset else one.start, one.end, day)
