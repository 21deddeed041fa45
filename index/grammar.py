"""The reader of the query language: cuts a query into pieces and says what they ask for. Pure.

Words are looked for together and none is required. Required are phrases, beginnings (`roof*`), what stands in
the subject, and one of several that `OR` joins; what follows a minus is refused, passage by passage. Fields
are conditions on items (`fields.py`). A plain question needs no operators, and a word before a colon that is
no field is a word like any other. The table of all of it is `docs/query.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from index.errors import QueryError
from index.fields import NAMES, TEXT_FIELDS, beside, condition, meant
from index.query import Filters, Piece, Wanted
from policy.limits import Limits
from store.filters import Condition

_FIELD = re.compile(r"([^\W\d_]+):")
_BRACKET = re.compile(r"-?\(+-?")
_OPENING, _CLOSING = frozenset('"“„'), frozenset('"“”')  # telephones write “this” and „this“
_OR = "OR"
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


class _Token(NamedTuple):
    """One piece of a query as it was written."""

    at: int  # where it begins, with its signs
    text: str
    quoted: bool = False
    negated: bool = False
    field: str | None = None
    prefix: bool = False

    @property
    def joins(self) -> bool:
        return self.text == _OR and not self.quoted and not self.negated and self.field is None

    @property
    def is_condition(self) -> bool:
        return self.field is not None and self.field not in TEXT_FIELDS

    @property
    def is_word(self) -> bool:
        return not (self.quoted or self.negated or self.field or self.prefix)

    @property
    def piece(self) -> Piece:
        return Piece(self.text, prefix=self.prefix, subject=self.field in TEXT_FIELDS)


def parse(query: str, limits: Limits, now: float, filters: Filters = Filters()) -> Wanted:  # noqa: B008
    """Read a query.

    Args:
        query: what the owner typed.
        now: seconds since the epoch; what "last month" refers to.
        filters: beside it; they become conditions like those in it.

    Raises:
        QueryError: it says nothing, or what it says cannot be understood or is too much.
    """
    _check(query, limits.query_chars)
    tokens = list(_tokens(query))
    groups = _groups(tokens)
    conditions = beside(filters, limits)
    words, required, without = list[str](), list[tuple[Piece, ...]](), list[Piece]()
    for group in groups:
        first = group[0]
        if first.is_condition:
            conditions.append(tuple(_condition(token, now) for token in group))
        elif len(group) > 1 or not (first.is_word or first.negated):
            required.append(tuple(token.piece for token in group))
        elif first.negated:
            without.append(first.piece)
        else:
            words.append(first.text)
    _bound(tokens, required, without, conditions, limits)
    if not (words or required or conditions):
        what = "the query only says what is not wanted" if without else "the query holds no word"
        raise QueryError(what, remedy="add a word to look for")
    telling = [word for word in words if word.casefold() not in _STOP_WORDS]
    together = bool(words) and not telling and not required
    text = [token.text for group in groups for token in group if not (token.is_condition or token.negated)]
    operators = any(token.joins or not token.is_word for token in tokens)
    return Wanted(
        words=tuple(dict.fromkeys(words if together else telling))[:_WORDS],
        together=together,
        required=tuple(required),
        without=tuple(without),
        plain=" ".join(text if operators else query.replace("\0", " ").split()),
        conditions=tuple(conditions),
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


def _condition(token: _Token, now: float) -> Condition:
    assert token.field is not None
    found = condition(token.field, token.text, now, token.at)
    return msgspec.structs.replace(found, negated=token.negated)


def _bound(
    tokens: Sequence[_Token],
    required: Sequence[tuple[Piece, ...]],
    without: Sequence[Piece],
    conditions: Sequence[tuple[Condition, ...]],
    limits: Limits,
) -> None:
    pieces = [*without, *(piece for group in required for piece in group)]
    for what, count, most in (
        ("phrases, alternatives and exclusions", len(pieces), limits.query_pieces),
        ("words that end in a star", sum(piece.prefix for piece in pieces), limits.query_prefixes),
        ("conditions", sum(map(len, conditions)), limits.query_conditions),
    ):
        if count > most:
            raise QueryError(f"the query has more than {most} {what}", position=None, remedy="leave some out")


def _groups(tokens: Sequence[_Token]) -> list[list[_Token]]:
    """What `OR` joins; all else stands alone."""
    groups: list[list[_Token]] = []
    joining: _Token | None = None
    for token in tokens:
        if token.joins:
            if joining or not groups:
                raise _nothing_joined(token)
            joining = token
        elif joining is None:
            groups.append([token])
        else:
            _check_joined(groups[-1][0], token)
            groups[-1].append(token)
            joining = None
    if joining:
        raise _nothing_joined(joining)
    return groups


def _nothing_joined(token: _Token) -> QueryError:
    return QueryError(
        "OR stands beside nothing that it could join",
        position=token.at,
        remedy='write it between two words, or "OR" in quotation marks to look for it',
    )


def _check_joined(first: _Token, token: _Token) -> None:
    if first.is_condition is not token.is_condition:
        raise QueryError(
            "OR joins words, or fields, but not a word and a field",
            position=token.at,
            remedy="search for them one after the other",
        )
    for each in (first, token):
        if each.negated and not each.is_condition:
            raise QueryError(
                "OR joins what is wanted, and this is refused",
                position=each.at,
                remedy="leave OR out: -one -two refuses both",
            )


# ------------------------------------------------------------------------------------------- cutting it up


def _tokens(query: str) -> Iterator[_Token]:
    """Cut into pieces; those without a letter or digit say nothing and are dropped."""
    at = 0
    while at < len(query):
        if _is_space(query[at]):
            at += 1
            continue
        negated = query[at] == "-" and (
            query[at + 1 : at + 2].isalnum() or query[at + 1 : at + 2] in _OPENING
        )
        field, start = _field(query, at + negated, at)
        quoted = query[start : start + 1] in _OPENING
        # A quotation mark opens a phrase only where a word could begin: in `5" pipe` it is an inch.
        text, end = _in_quotes(query, start) if quoted else _word(query, start)
        token = _Token(at, text.replace("\0", " "), quoted, negated, field)
        if any(letter.isalnum() for letter in text):
            yield _prefix(token) if not quoted else token
        elif field is not None:
            raise QueryError(
                f"nothing follows {field}:",
                position=at,
                remedy=f'write {field}:word or {field}:"two words", without a space between',
            )
        at = end


def _is_space(letter: str) -> bool:
    return letter.isspace() or letter == "\0"


def _field(query: str, start: int, at: int) -> tuple[str | None, int]:
    """The field that begins here, if one does, and where its value begins."""
    match = _FIELD.match(query, start)
    if match is None:
        _check_bracket(query, at)
        return None, start
    name = match[1].lower()
    if name in NAMES:
        return name, match.end()
    follows = query[match.end() : match.end() + 1]
    if (field := meant(name)) and (follows.isalnum() or follows in _OPENING):
        raise QueryError(
            f"this is no field; {field}: is one",
            position=start,
            remedy=f"write {field}:… or, to look for it as it stands, put it into quotation marks",
        )
    return None, start


def _check_bracket(query: str, at: int) -> None:
    """A bracket before an operator would be taken for text, and the operator too."""
    inner = _BRACKET.match(query, at)
    if inner and (field := _FIELD.match(query, inner.end())) and field[1].lower() in NAMES:
        raise QueryError(
            "brackets do not group",
            position=at,
            remedy="leave them out: OR joins its two neighbours, all else must hold together",
        )


def _in_quotes(query: str, start: int) -> tuple[str, int]:
    close = next((at for at in range(start + 1, len(query)) if query[at] in _CLOSING), -1)
    if close < 0:
        raise QueryError("a quotation mark is never closed", position=start, remedy="close it")
    if query[close + 1 : close + 2] == "*":
        raise QueryError(
            "a star stands behind a quotation", position=close + 1, remedy="write it behind a word: roof*"
        )
    return query[start + 1 : close], close + 1


def _word(query: str, start: int) -> tuple[str, int]:
    end = start
    while end < len(query) and not _is_space(query[end]):
        end += 1
    return query[start:end], end


def _prefix(token: _Token) -> _Token:
    """The token as a beginning, if it ends in a star."""
    stem = token.text[:-1]
    if not token.text.endswith("*") or "*" in stem or not stem[-1:].isalnum():
        return token
    if token.is_condition:
        raise QueryError(
            f"{token.field}: takes no star",
            position=token.at,
            remedy="leave it out" if token.field in ("from", "to") else "write the whole",
        )
    if not stem[-2:].isalnum() or len(stem) < 2:
        raise QueryError(
            "there are fewer than two letters before a star",
            position=token.at,
            remedy="write more of the word",
        )
    return token._replace(text=stem, prefix=True)
