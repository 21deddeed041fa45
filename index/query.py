"""What is asked: the structs of a search. How a query is read stands in `grammar.py` and `fields.py`, what
can be written in it in `docs/query.md`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from store.filters import Condition


class Mode(StrEnum):
    """Which indexes answer."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    KEYWORD = "keyword"


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions beside a query, each as the field of the language that it names: all that are given must
    hold, and of each any value. Times are UTC seconds since the epoch.
    """

    types: tuple[str, ...] = ()  # type:
    tags: tuple[str, ...] = ()  # tag:
    projects: tuple[str, ...] = ()  # project:
    sender: str | None = None  # from:
    recipient: str | None = None  # to:
    source: str | None = None  # in:
    after: float | None = None  # after:
    before: float | None = None  # before:
    language: str | None = None  # lang:
    include_superseded: bool = False  # former versions too


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One search as a client sends it."""

    query: str = ""  # may be empty beside filters: then the newest items are listed
    filters: Filters = Filters()
    limit: int = 10
    mode: Mode = Mode.HYBRID
    explain: bool = False  # let every hit say why it stands where it does


class Piece(msgspec.Struct, frozen=True):
    """Text as it was written; an index cuts it into its own tokens, and several of them are a phrase."""

    text: str
    prefix: bool = False  # what begins so
    subject: bool = False  # in the title of an item only; a mail's title is its subject


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A query that was understood."""

    words: tuple[str, ...] = ()  # any of them counts
    together: bool = False  # all of `words` are required: they are so common that any alone says nothing
    required: tuple[tuple[Piece, ...], ...] = ()  # of each group at least one piece
    without: tuple[Piece, ...] = ()  # all refused
    plain: str = ""  # the text without its operators, for search by meaning; empty if nothing is looked for
    conditions: tuple[tuple[Condition, ...], ...] = ()  # on items: of each group at least one

    @property
    def demands(self) -> bool:
        """Whether a passage must hold, or must not hold, any text."""
        return bool(self.required or self.without)

    @property
    def texts(self) -> list[str]:
        """All that is looked for, as it was written."""
        return [*self.words, *(piece.text for group in self.required for piece in group)]
