"""The way in: takes what a source offers into the vault, and only then tells the source that it is safe.

Read this first. When a file is whole is the source's business (`ingest/sources/`); what becomes of an item
once it is stored is the parse stage's, which finds it in the ledger.
"""

from __future__ import annotations

import logging
import threading

from ingest.errors import NotWhole, SourceError
from ingest.source import Arrival, Batch, Departure, Source
from ingest.tally import Counter
from policy.errors import StrongroomError
from policy.limits import Limits
from store.errors import ItemTooLarge, StoreError, StoreFull
from store.vault import Stored, Vault

FULL_DISK_WAIT_S = 2.0

log = logging.getLogger("strongroom.ingest")


class Intake:
    """Takes from any number of sources, each on its own thread, into one vault."""

    def __init__(self, vault: Vault, limits: Limits) -> None:
        self._vault = vault
        self._limits = limits
        self._counter = Counter()
        self.tally = self._counter.tally
        self.of_source = self._counter.of_source
        self.paused: str | None = None  # why nothing is taken at present

    def run(self, source: Source, stop: threading.Event) -> None:
        """Take everything that this source has and gets, until `stop` is set."""
        for news in source.arrivals(stop):
            if isinstance(news, Departure):
                self._let_go(source, news)
                continue
            while not self._has_room_for(source, news):
                if stop.wait(FULL_DISK_WAIT_S):
                    return

    def take(self, source: Source, arrival: Arrival) -> Stored | None:
        """Store one arrival durably, then acknowledge it. None: not now, and it stays where it is.

        Raises:
            StoreFull: nothing has changed; take it again later.
        """
        origin = arrival.origin
        try:
            self._require_size(origin.size or 0)
            with source.open(arrival) as content:
                stored = self._vault.put(content, origin, new_version=arrival.new_version)
        except StoreFull:
            raise
        except (SourceError, StoreError) as error:
            self._put_off(source, arrival, error)
            return None
        self._counter.taken(origin.source, origin.locator, created=stored.created)
        try:
            source.acknowledge(arrival)
        except SourceError as error:
            self._counter.refused(origin.source, origin.locator, error)
        return stored

    def take_all(self, source: Source, batch: Batch) -> list[Stored]:
        """Store small documents durably, all together, then acknowledge them.

        Raises:
            StoreFull: nothing was acknowledged; take them again later.
        """
        try:
            stored = self._vault.put_many([(each.content, each.origin) for each in batch.documents])
        except StoreFull:
            raise
        except StoreError as error:
            self._counter.refused(source.name, "a batch", error)
            source.defer(batch)
            return []
        for each, result in zip(batch.documents, stored, strict=True):
            self._counter.taken(each.origin.source, each.origin.locator, created=result.created)
        source.acknowledge(batch)
        return stored

    def _has_room_for(self, source: Source, arrival: Arrival | Batch) -> bool:
        try:
            if isinstance(arrival, Batch):
                self.take_all(source, arrival)
            else:
                self.take(source, arrival)
        except StoreFull as error:
            if self.paused is None:
                log.warning("intake pauses: %s", error)
            self.paused = str(error)
            return False
        if self.paused is not None:
            self.paused = None
            log.info("there is space again: intake goes on")
        return True

    def _let_go(self, source: Source, departure: Departure) -> None:
        try:
            self._vault.catalog.drop_origin(source.name, departure.locator)
        except StoreError:
            source.defer(departure)
            return
        self._counter.gone(source.name, departure.locator)
        source.acknowledge(departure)

    def _put_off(self, source: Source, arrival: Arrival, error: StrongroomError) -> None:
        if not isinstance(error, NotWhole):
            self._counter.refused(arrival.origin.source, arrival.origin.locator, error)
        if not isinstance(error, ItemTooLarge):  # that one must change to fit, and is told anew when it does
            source.defer(arrival)

    def _require_size(self, size: int) -> None:
        if size > (limit := self._limits.item_bytes):
            raise ItemTooLarge(f"TOO_LARGE: {size} bytes, the limit is {limit}", remedy="split it")
