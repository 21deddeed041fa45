"""Which other items an item refers to or is referred to by: what it answers, its versions, names of files,
and numbers and amounts that few items have. Each with its reason and, where the text says it, its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from enrich import evidence
from enrich.sentences import split
from index.query import Mode, Query
from index.search import Searcher
from store.catalog import Catalog
from store.errors import NoSuchThread
from store.records import Element, Evidence, Item, Record

FEW = 6  # conversations or documents: a number that more of them have relates none of them
_CODES = 12  # numbers of one item that are looked for
_MOST = 40  # relations of one item
_NOWHERE = Evidence(start=0, end=0, text="")

_FILE = re.compile(
    r"(?<![\w/.@-])[\w(][\w().+-]*\.(?:pdf|docx?|xlsx?|pptx?|od[tsp]|txt|csv|jpe?g|png|zip|eml|dwg|msg)\b"
)
# An amount with its hundredths, or letters and digits in one code. Dates, times and addresses say too little.
_AMOUNT = re.compile(r"(?<![\w.,/-])\d{1,3}(?:[., ’']?\d{3})*[.,]\d\d(?![\w.,/-]*\d)")
_CODE = re.compile(r"(?<![\w@.:/-])(?=[\w./-]*\d)[A-Za-z0-9]+(?:[-/.][A-Za-z0-9]+)*(?![\w@]|[-:/.]\w)")
_DATE = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}\.\d{1,2}\.?|\d{1,3}(?:st|nd|rd|th|[a-zA-Z]{1,2})?"
)
_AMOUNT_DIGITS, _CODE_DIGITS, _CODE_CHARS = 5, 3, 6


class Related(Record, frozen=True, kw_only=True):
    """Another item and what connects it."""

    item: Item  # the other one
    reason: str  # "answers it", "same number ‘26-118-3307’"
    evidence: Evidence  # in the item that was asked about; empty where a header or a place says so


class References:
    """Cross-references over a catalog and its full text."""

    def __init__(self, catalog: Catalog, searcher: Searcher) -> None:
        self._catalog = catalog
        self._searcher = searcher

    def of(self, item: Item) -> list[Related]:
        """What is connected with an item: by headers first, then by what the text says."""
        text = self._catalog.text(item.id)
        elements = self._catalog.elements(item.id)
        found: dict[str, Related] = {}
        for one in (
            *self._versions(item),
            *self._answers(item),
            *self._files(item, text, elements),
            *self._codes(item, text, elements),
        ):
            if one.item.id != item.id:
                found.setdefault(one.item.id, one)
        return list(found.values())[:_MOST]

    def _versions(self, item: Item) -> Iterator[Related]:
        for other in self._catalog.versions(item.family):
            reason = "a later version of it" if other.version > item.version else "an earlier version of it"
            yield Related(item=other, reason=reason, evidence=_NOWHERE)

    def _answers(self, item: Item) -> Iterator[Related]:
        """The message that it answers, and those that answer it."""
        try:
            messages = self._catalog.conversation(item.thread).messages if item.thread else ()
        except NoSuchThread:
            return
        places = {node.item: place for place, node in enumerate(messages) if node.item}
        place = places.get(item.id)
        if place is None:
            return
        reasons: dict[str, str] = {}
        above = messages[place].parent
        if above is not None and (answered := messages[above].item):
            reasons[answered] = "it answers this"
        reasons |= {node.item: "answers it" for node in messages if node.item and node.parent == place}
        items = self._catalog.items_by_id(reasons)
        for other, reason in reasons.items():
            if other in items:
                yield Related(item=items[other], reason=reason, evidence=_NOWHERE)

    def _files(self, item: Item, text: str, elements: Sequence[Element]) -> Iterator[Related]:
        """Files that it names, and what names its own."""
        for name in list(dict.fromkeys(_FILE.findall(text)))[:_CODES]:
            for other in self._having(name):
                if other.name.casefold() == name.casefold():
                    yield Related(
                        item=other, reason=f"mentions ‘{name}’", evidence=_where(name, text, elements)
                    )
        if _FILE.fullmatch(item.name):
            for other in self._having(item.name):
                if item.name in self._catalog.text(other.id):
                    yield Related(item=other, reason=f"is mentioned as ‘{item.name}’", evidence=_NOWHERE)

    def _codes(self, item: Item, text: str, elements: Sequence[Element]) -> Iterator[Related]:
        """What has the same numbers and amounts."""
        for code in codes(text)[:_CODES]:
            others = self._having(code)
            if len(others) <= FEW:
                for other in others:
                    if code in codes(self._catalog.text(other.id)):
                        what = "amount" if _AMOUNT.fullmatch(code) else "number"
                        proof = _where(code, text, elements)
                        yield Related(item=other, reason=f"same {what} ‘{code}’", evidence=proof)

    def _having(self, words: str) -> list[Item]:
        """Documents, and the best message of each conversation, that have these words in a row."""
        query = Query(query=f'"{words}"', mode=Mode.KEYWORD, limit=FEW + 1)
        hits = self._searcher.search(query).hits
        items = self._catalog.items_by_id([hit.item for hit in hits])
        return [items[hit.item] for hit in hits if hit.item in items]


def codes(text: str) -> list[str]:
    """The numbers of a text that may be one matter's own, and its amounts, the longest first."""
    found = {amount for amount in _AMOUNT.findall(text) if _digits(amount) >= _AMOUNT_DIGITS}
    for code in _CODE.findall(text):
        if _digits(code) >= _CODE_DIGITS and len(code) >= _CODE_CHARS and not _DATE.fullmatch(code):
            found.add(code)
    return sorted(found, key=lambda code: (-len(code), code))


def _digits(code: str) -> int:
    return sum(character.isdigit() for character in code)


def _where(words: str, text: str, elements: Sequence[Element]) -> Evidence:
    """The sentence in which they stand first."""
    at = text.index(words)
    for element in elements:
        if element.start <= at < element.end:
            for sentence in split(text, element.start, element.end):
                if sentence.start <= at < sentence.end:
                    return evidence.cut(text, sentence.start, sentence.end)
    return evidence.cut(text, at, at + len(words))
