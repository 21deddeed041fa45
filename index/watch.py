"""Asks the kept searches of everything that becomes known of a new item: its words, its vectors, its tags."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable

import msgspec

from index.allowed import Allowed
from index.errors import EmbedderDown, IndexClosed, QueryError
from index.query import Query
from store.searches import SavedSearch
from store.vault import Vault

log = logging.getLogger("strongroom.index")

_ITEMS = 1_000  # asked of together
_AGAIN_S = 5.0  # after the model or the index was away
_REST_S = 1.0  # between two rounds: in the midst of an intake many items share one

Matching = Callable[[Query, Allowed], Collection[int]]


class Watcher:
    """Finds what answers kept searches. `run` wants a thread of its own.

    Args:
        matching: the numbers of those items that answer a query.
        flush: lets what is in the catalog as passages be found; without it a new item would be asked before
            its words are there, and not again.
    """

    def __init__(self, vault: Vault, matching: Matching, flush: Callable[[], None]) -> None:
        self._vault = vault
        self._matching = matching
        self._flush = flush

    def run(self, stop: threading.Event) -> None:
        """Follow the ledger until `stop` is set and it was poked."""
        while not stop.is_set():
            sequence = self._vault.ledger.sequence
            try:
                busy = self.step()
            except (EmbedderDown, IndexClosed):
                stop.wait(_AGAIN_S)
                continue
            if busy:
                stop.wait(_REST_S)
            else:
                self._vault.ledger.wait(sequence, None)

    def step(self) -> bool:
        """Ask of some items; False if there is none to ask of.

        Raises:
            EmbedderDown, IndexClosed: not now; they wait.
        """
        changes = self._vault.catalog.unwatched(_ITEMS)
        if not changes:
            return False
        self._flush()
        found = {kept.id: self._answers(kept, changes.values()) for kept in self._vault.catalog.searches()}
        self._vault.catalog.save_matches(changes, found)
        return True

    def _answers(self, kept: SavedSearch, numbers: Iterable[int]) -> Collection[int]:
        news = Allowed([number for number in numbers if number > kept.newest])
        try:
            return self._matching(msgspec.json.decode(kept.query, type=Query), news) if len(news) else ()
        except (QueryError, msgspec.ValidationError):
            log.warning("a kept search is not understood by this version; it is passed over")
            return ()
