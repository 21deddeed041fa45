"""The actions that find: one search, an answer to a question, what is like an item; searches that are kept
and asked of all that comes in, questions that are remembered.
"""

from __future__ import annotations

import threading

import msgspec

from appliance.errors import BadRequest
from enrich.ask import Answer
from enrich.memory import Memory
from index.allowed import Allowed
from index.answers import Answers
from index.query import Query
from index.search import Hit, Results, Searcher
from policy.limits import Limits
from store.questions import Question
from store.records import Item, Record, RowNumber
from store.searches import SavedSearch
from store.vault import Vault

_NAME_CHARS = 100
_NEWEST = 10_000  # items that are followed at most; more come in by an import, not by the day


class SimilarRequest(Record, frozen=True, kw_only=True):
    """What to find more of."""

    id: str
    limit: int = 10


class AskRequest(Record, frozen=True, kw_only=True):
    """A question; conditions are written into it as into a query."""

    question: str


class QuestionRef(Record, frozen=True, kw_only=True):
    """Names one remembered question."""

    id: RowNumber


class FollowRequest(Record, frozen=True, kw_only=True):
    """Which of the newest items answer a query."""

    query: Query
    since: RowNumber | None = None  # number of an item; None: only say the number of the newest


class Followed(Record, frozen=True, kw_only=True):
    """What came in and answers a query, by its best passage."""

    hits: tuple[Hit, ...]
    since: int  # to be asked again with


class KeepRequest(Record, frozen=True, kw_only=True):
    """A search to be asked of everything that comes in from now on."""

    name: str
    query: Query


class SearchRef(Record, frozen=True, kw_only=True):
    """Names one kept search."""

    id: str  # its name


class MatchesRequest(Record, frozen=True, kw_only=True):
    """Which matches of a kept search to list."""

    id: str
    all: bool = False  # those that were seen too
    limit: int = 50


class KeptSearch(Record, frozen=True, kw_only=True):
    """A search that is asked of everything that comes in."""

    name: str
    query: Query
    created_at: float
    unseen: int  # matches that the owner has not been shown


class SearchOperations:
    """What a search can do over an open vault."""

    def __init__(
        self, vault: Vault, searcher: Searcher, answers: Answers, memory: Memory, limits: Limits
    ) -> None:
        self._vault = vault
        self._searcher = searcher
        self._answers = answers
        self._memory = memory
        self._limits = limits

    def search(self, request: Query) -> Results:
        """The best hits for a question, by word and by meaning."""
        self._check(request.limit)
        return self._searcher.search(request)

    def ask(self, request: AskRequest, gone: threading.Event) -> Answer:
        """What the documents answer, each sentence with its citation; or nothing. It is remembered, and asked
        again every night. `gone`: who asked is.
        """
        return self._memory.ask(request.question, gone)

    def questions(self, request: Record) -> list[Question]:
        """What was asked, the last one first, and what answers it now where that is something else."""
        return self._vault.catalog.questions()

    def forget_question(self, request: QuestionRef) -> None:
        """Forget a question and its answers."""
        self._vault.catalog.forget_question(request.id)

    def similar(self, request: SimilarRequest) -> Results:
        """The items that are most like one, without its own versions."""
        self._check(request.limit)
        return self._answers.similar(self._vault.catalog.item(request.id), request.limit)

    def follow(self, request: FollowRequest) -> Followed:
        """Which of the items that came in after one answer a query, the newest first."""
        self._check(request.query.limit)
        if request.since is None:
            self._answers.check(request.query)
            return Followed(hits=(), since=self._vault.catalog.newest_number())
        among = Allowed(self._vault.catalog.numbers_after(request.since, _NEWEST))
        return Followed(hits=self._answers.news(request.query, among), since=request.since)

    def keep(self, request: KeepRequest) -> KeptSearch:
        """Keep a search; from now on it is asked of everything that comes in."""
        name = " ".join(request.name.split())
        if not 0 < len(name) <= _NAME_CHARS or not name.isprintable() or "/" in name:
            raise BadRequest("this is no name for a search", remedy="use a few words, without a slash")
        self._answers.check(request.query)
        query = msgspec.json.encode(request.query).decode()
        return _shown(self._vault.catalog.keep_search(name, query, self._limits.kept_searches))

    def kept(self, request: Record) -> list[KeptSearch]:
        """All kept searches by name."""
        return [_shown(kept) for kept in self._vault.catalog.searches()]

    def matches(self, request: MatchesRequest) -> list[Item]:
        """What came in since a search was kept and answers it, the newest first."""
        limit = self._limits.page(request.limit)
        return self._vault.catalog.matches(request.id, limit, unseen=not request.all)

    def seen(self, request: SearchRef) -> KeptSearch:
        """The owner has seen all matches of a kept search."""
        self._vault.catalog.mark_seen(request.id)
        return _shown(self._vault.catalog.search_named(request.id))

    def forget(self, request: SearchRef) -> None:
        """Forget a kept search and its matches."""
        self._vault.catalog.forget_search(request.id)

    def _check(self, limit: int) -> None:
        if not 1 <= limit <= self._limits.page_size:
            raise BadRequest(f"limit is {limit}", remedy=f"use 1 to {self._limits.page_size}")


def _shown(kept: SavedSearch) -> KeptSearch:
    return KeptSearch(
        name=kept.name,
        query=msgspec.json.decode(kept.query, type=Query),
        created_at=kept.created_at,
        unseen=kept.unseen,
    )
