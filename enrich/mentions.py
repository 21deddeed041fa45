"""Finds whom and what the author of an item names: people, days with their year, amounts of money.

By rules, in English and German. What is in doubt is left out: a day that could be read in two ways, a number
without its currency, a name without a title that is not one of the mail's own parties.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from email.utils import parseaddr

from enrich import evidence
from enrich.document import Document
from enrich.schema import MAX_MENTIONS
from enrich.sentences import Sentence
from index.when import MONTHS, any_of, days
from store.records import Item, Mention, MentionKind

_CURRENCIES = {
    "EUR": r"€|eur|euros?",
    "USD": r"us\$|\$|usd|(?:us[ -])?dollars?",
    "GBP": r"£|gbp|pounds sterling",
    "CHF": r"chf|sfr\.?|(?:schweizer )?franken|swiss francs?",
}
_CURRENCY = "|".join(_CURRENCIES.values())
# 1.234,50 or 1,234.50 or 1'234.50 or 1 234,50 or 1234.5; "40,–" and "40.-" have no cents.
_NUMBER = (
    r"\d{1,3}(?:(?P<mark>[.,'’\u00a0\u202f ])\d{3})(?:(?P=mark)\d{3})*(?:[.,]\d{1,2}(?!\d))?"
    r"|\d+(?:[.,]\d{1,2}(?!\d))?"
)
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?:(?P<before>{_CURRENCY})\s?)?(?P<number>{_NUMBER})(?:[.,][-–—]{{1,2}})?"
    rf"(?:\s?(?P<after>{_CURRENCY})(?!\w))?",
    re.IGNORECASE,
)
_YEAR = r"(?:19|20)\d\d"
_MONTH = rf"(?:{any_of(MONTHS)})\.?"
_DAYS = tuple(
    re.compile(rf"(?<![\w/.-]){pattern}(?![\w/-]|\.\d)", re.IGNORECASE)
    for pattern in (
        rf"{_YEAR}-\d\d-\d\d",
        rf"\d{{1,2}}\.\s?\d{{1,2}}\.\s?{_YEAR}",
        rf"\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}",
        rf"{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+{_YEAR}",
        rf"\d{{1,2}}/\d{{1,2}}/{_YEAR}",
    )
)
_DEGREES = r"(?:(?:Dr|Prof|med|jur|Ing|Mag|Dipl)\.?[ -]+)*"
_TITLES = re.compile(rf"^(?:(?:Mr|Mrs|Ms|Herrn?|Frau)\.?\s+)?{_DEGREES}")
_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herrn?|Frau|Notar(?:in)?|Rechtsanw(?:alt|ältin)|Richter(?:in)?)\.?\s+"
    rf"{_DEGREES}"
    r"(?P<name>[A-ZÄÖÜ][\w’'-]+(?:\s+(?:(?:von|van|de|der|zu|da|di)\s+)*[A-ZÄÖÜ][\w’'-]+)?)"
)
_SHORTEST = 3  # of a name


def find_mentions(document: Document) -> tuple[Mention, ...]:
    """Each person, day and amount once, where it is named first, in reading order; of each kind at most
    `MAX_MENTIONS`.
    """
    found: dict[tuple[MentionKind, str], Mention] = {}
    item, finders = document.item, _finders(document.item)
    for sentence in document.own:
        for kind, find in finders:
            for start, end, value in find(sentence):
                if (kind, value) not in found:
                    proof = evidence.cut(document.text, sentence.start + start, sentence.start + end)
                    found[kind, value] = Mention(item=item.id, kind=kind, value=value, evidence=proof)
    kept = [m for kind in MentionKind for m in [m for m in found.values() if m.kind is kind][:MAX_MENTIONS]]
    return tuple(sorted(kept, key=lambda mention: mention.evidence.start))


Spans = Iterator[tuple[int, int, str]]  # in the sentence, with what it means


def _finders(item: Item) -> tuple[tuple[MentionKind, Callable[[Sentence], Spans]], ...]:
    written = (parseaddr(one)[0] for one in (item.sender or "", *item.recipients))
    parties = [name for name in (_TITLES.sub("", one).strip() for one in written) if name]
    return (
        (MentionKind.PERSON, lambda sentence: _people(sentence.text, parties)),
        (MentionKind.DATE, lambda sentence: _days(sentence.text)),
        (MentionKind.AMOUNT, lambda sentence: _amounts(sentence.text)),
    )


def _people(text: str, parties: Sequence[str]) -> Spans:
    """Who is named with a title, and the mail's own parties by their whole names; "Frau Huber" is the one
    party of that name.
    """
    for titled in _TITLED.finditer(text):
        name = " ".join(titled["name"].split())
        meant = [party for party in parties if party.split()[-1] == name]
        yield titled.start(), titled.end(), meant[0] if len(meant) == 1 else name
    for name in parties:
        if len(name) >= _SHORTEST and (found := re.search(rf"\b{re.escape(name)}\b", text)):
            yield found.start(), found.end(), name


def _days(text: str) -> Spans:
    for pattern in _DAYS:
        for match in pattern.finditer(text):
            try:
                found = days(match[0], date.min)  # with its year it is the same whatever today is
            except ValueError:  # the 31st of February
                continue
            if found is not None:
                yield match.start(), match.end(), found.first.isoformat()


def _amounts(text: str) -> Spans:
    for match in _AMOUNT.finditer(text):
        written = match["before"] or match["after"]
        if written:
            currency = next(
                code for code, names in _CURRENCIES.items() if re.fullmatch(names, written, re.IGNORECASE)
            )
            yield match.start(), match.end(), f"{_decimal(match['number'])} {currency}"


def _decimal(written: str) -> str:
    """With a point and two places: the last mark parts the cents, unless three digits follow it."""
    whole, cents = written, ""
    if found := re.search(r"[.,](\d{1,2})$", written):
        whole, cents = written[: found.start()], found[1]
    return f"{int(re.sub(r'[^0-9]', '', whole))}.{cents.ljust(2, '0')}"
