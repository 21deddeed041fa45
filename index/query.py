"""What is asked: the structs of a search and the reader of its query language. Pure.

The language is small: words, "phrases", `-word` and `-"phrase"`, `from:name` and `to:name`. Words are looked
for together and none is required; a phrase is required; what follows a minus is refused, passage by passage.
`from:` and `to:` leave the mail of people, by part of any of their names and addresses (`from:orchard roof`,
`from:"Tamsin Orchard"`); several must all hold, and alone they list the newest mail. A plain question needs
no operators. Everything else (dates, tags) is a filter: a typed field beside the query.
"""

from __future__ import annotations

import re
from enum import Enum, StrEnum

import msgspec

from index.errors import QueryError

_PERSON = re.compile(r"(from|to):", re.IGNORECASE)
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


class Piece(msgspec.Struct, frozen=True):
    """Text as it was written; an index cuts it into its own tokens, and several of them are a phrase."""

    text: str
    prefix: bool = False  # what begins so
    subject: bool = False  # in the title of an item only; a mail's title is its subject


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A query that was understood."""

    words: tuple[str, ...]  # any of them counts
    together: bool  # all of `words` are required: they are so common that any alone says nothing
    required: tuple[tuple[Piece, ...], ...]  # of each group at least one piece
    without: tuple[Piece, ...]  # all refused
    plain: str  # the question without its operators, for search by meaning; empty if it names people only
    senders: tuple[str, ...] = ()  # parts of names or addresses, all required
    recipients: tuple[str, ...] = ()


def parse(query: str, most_chars: int) -> Wanted:
    """Read a query.

    Args:
        query: what the owner typed.
        most_chars: longer queries are refused.

    Raises:
        QueryError: empty, too long, nothing but exclusions, an open quotation mark, a person without a name,
            or not valid text.
    """
    _check(query, most_chars)
    said: dict[_Role, list[str]] = {role: [] for role in _Role}
    for text, role in _pieces(query):
        said[role].append(text)
    words, phrases, without = said[_Role.WORD], said[_Role.PHRASE], said[_Role.REFUSED]
    people = said[_Role.SENDER] + said[_Role.RECIPIENT]
    if not words and not phrases and (without or not people):
        what = "the query only says what is not wanted" if without else "the query holds no word"
        raise QueryError(what, remedy="add a word to look for")
    telling = [word for word in words if word.casefold() not in _STOP_WORDS]
    together = bool(words) and not telling and not phrases
    operators = bool(without or phrases or people)
    return Wanted(
        words=tuple(dict.fromkeys(words if together else telling))[:_WORDS],
        together=together,
        required=tuple((Piece(phrase),) for phrase in phrases),
        without=tuple(Piece(piece) for piece in without),
        plain=" ".join([*words, *phrases]) if operators else " ".join(query.split()),
        senders=tuple(said[_Role.SENDER]),
        recipients=tuple(said[_Role.RECIPIENT]),
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


class _Role(Enum):
    """What a piece of a query is for."""

    WORD = ""
    PHRASE = '"'
    REFUSED = "-"
    SENDER = "from"
    RECIPIENT = "to"


def _pieces(query: str) -> list[tuple[str, _Role]]:
    """Cut into pieces and their roles; those without a letter or digit say nothing and are dropped."""
    pieces: list[tuple[str, _Role]] = []
    at = 0
    while at < len(query):
        if query[at].isspace() or query[at] == "\0":
            at += 1
            continue
        start, role = _opening(query, at)
        # A quotation mark opens a phrase only where a word could begin: in `5" pipe` it is an inch.
        quoted = query.startswith('"', start)
        text, end = _quoted(query, start) if quoted else _word(query, start)
        if quoted and role is _Role.WORD:
            role = _Role.PHRASE
        if any(letter.isalnum() for letter in text):
            pieces.append((text.replace("\0", " "), role))
        elif role in (_Role.SENDER, _Role.RECIPIENT):
            raise QueryError(
                f"{role.value}: is not followed by a name",
                position=at,
                remedy=f'write {role.value}:name or {role.value}:"first last", without a space between',
            )
        at = end
    return pieces


def _opening(query: str, at: int) -> tuple[int, _Role]:
    """Where the text of a piece begins, and what the signs before it say."""
    if query[at] == "-" and at + 1 < len(query) and (query[at + 1].isalnum() or query[at + 1] == '"'):
        return at + 1, _Role.REFUSED
    if person := _PERSON.match(query, at):
        return person.end(), _Role(person[1].lower())
    return at, _Role.WORD


def _quoted(query: str, start: int) -> tuple[str, int]:
    close = query.find('"', start + 1)
    if close < 0:
        raise QueryError("a quotation mark is never closed", position=start, remedy="close it")
    return query[start + 1 : close], close + 1


def _word(query: str, start: int) -> tuple[str, int]:
    end = start
    while end < len(query) and not query[end].isspace() and query[end] != "\0":
        end += 1
    return query[start:end], end
