"""What is asked: the structs of a search and the reader of its query language. Pure.

The language is small: words, "phrases", `-word` and `-"phrase"`. Words are looked for together and none is
required; a phrase is required; what follows a minus is refused, passage by passage. A plain question needs no
operators. Everything else (dates, tags, senders) is a filter: a typed field beside the query.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from index.errors import QueryError

_WORDS = 64  # more distinct words than this add cost and no precision; search by meaning reads them all

# Words that nearly every passage holds. They are left out unless nothing else is asked for; inside a phrase
# they count. English and German, the two languages that are stemmed.
_STOP_WORDS = frozenset(
    """
    a about all also am an and any are as at be been being but by can could did do does doing for from had
    has have having he her here hers him his how i if in into is it its just me more most my no nor not
    now of off on once only or other our ours out over own same she should so some such than that the
    their theirs them then there these they this those through to too under until up us very was we were
    what when where which while who whom whose why will with would you your yours
    aber alle als also am an auch auf aus bei beim bin bis bist da damit dann das dass dein dem den denn
    der des dich die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen
    einer eines er es euch euer für hat habe haben hier ich ihm ihn ihr ihre im in ist ja kann kein keine
    man mein mich mir mit nach nicht noch nur ob oder ohne sehr sein seine sich sie sind so über um und
    uns unser vom von vor wann war waren warum was weil welche welcher welches wenn wer werden wie wieder
    wir wird wo zu zum zur zwischen
    """.split()  # noqa: SIM905
)


class Mode(StrEnum):
    """Which indexes answer."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    KEYWORD = "keyword"


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Restrictions on items; all that are given must hold. Times are UTC seconds since the epoch."""

    types: tuple[str, ...] = ()  # media types, or their first half: "image", "application/pdf"
    tags: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    sender: str | None = None  # part of the sender's name or address
    recipient: str | None = None
    source: str | None = None
    after: float | None = None  # the item's own date, else when it was stored
    before: float | None = None
    language: str | None = None  # ISO 639-1
    include_superseded: bool = False


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One search as a client sends it."""

    query: str
    filters: Filters = Filters()
    limit: int = 10
    mode: Mode = Mode.HYBRID


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A query that was understood. Each entry is text as written; an index cuts it into its own tokens."""

    words: tuple[str, ...]  # any of them counts
    together: bool  # all of `words` are required: they are so common that any alone says nothing
    phrases: tuple[str, ...]  # all required
    without: tuple[str, ...]  # words and phrases, all refused
    plain: str  # the question without its operators, for search by meaning


def parse(query: str, most_chars: int) -> Wanted:
    """Read a query.

    Args:
        query: what the owner typed.
        most_chars: longer queries are refused.

    Raises:
        QueryError: empty, too long, nothing but exclusions, an open quotation mark, or not valid text.
    """
    _check(query, most_chars)
    words: list[str] = []
    phrases: list[str] = []
    without: list[str] = []
    for text, quoted, refused in _pieces(query):
        if refused:
            without.append(text)
        elif quoted:
            phrases.append(text)
        else:
            words.append(text)
    if not words and not phrases:
        what = "the query only says what is not wanted" if without else "the query holds no word"
        raise QueryError(what, remedy="add a word to look for")
    telling = [word for word in words if word.casefold() not in _STOP_WORDS]
    together = not telling and not phrases
    return Wanted(
        words=tuple(dict.fromkeys(words if together else telling))[:_WORDS],
        together=together,
        phrases=tuple(phrases),
        without=tuple(without),
        plain=" ".join([*words, *phrases]) if without or phrases else " ".join(query.split()),
    )


def _check(query: str, most_chars: int) -> None:
    if len(query) > most_chars:
        raise QueryError(
            f"the query is longer than {most_chars} characters", position=most_chars, remedy="shorten it"
        )
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise QueryError("the query holds half a character", position=error.start) from None


def _pieces(query: str) -> list[tuple[str, bool, bool]]:
    """Cut into (text, quoted, refused); pieces without a letter or digit say nothing and are dropped."""
    pieces: list[tuple[str, bool, bool]] = []
    at = 0
    while at < len(query):
        if query[at].isspace() or query[at] == "\0":
            at += 1
            continue
        refused = (
            query[at] == "-" and at + 1 < len(query) and (query[at + 1].isalnum() or query[at + 1] == '"')
        )
        start = at + refused
        # A quotation mark opens a phrase only where a word could begin: in `5" pipe` it is an inch.
        quoted = query[start] == '"'
        if quoted:
            close = query.find('"', start + 1)
            if close < 0:
                raise QueryError("a quotation mark is never closed", position=start, remedy="close it")
            text, at = query[start + 1 : close], close + 1
        else:
            at = start
            while at < len(query) and not query[at].isspace() and query[at] != "\0":
                at += 1
            text = query[start:at]
        if any(letter.isalnum() for letter in text):
            pieces.append((text.replace("\0", " "), quoted, refused))
    return pieces
