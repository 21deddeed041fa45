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
from policy.admission import Admission
from policy.errors import StrongroomError
from policy.limits import Limits
from store.errors import ItemTooLarge, StoreError, StoreFull
from store.records import Origin
from store.vault import Vault

PAUSE_S = 2.0

log = logging.getLogger("strongroom.ingest")


class Intake:
    """Takes from any number of sources, each on its own thread, into one vault.

    What the owner deleted here is not taken again from a place that still has it.
    """

    def __init__(self, vault: Vault, limits: Limits, admission: Admission | None = None) -> None:
        self._vault = vault
        self._limits = limits
        self.admission = admission or Admission()
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
            while not self._takes(source, news):
                if stop.wait(PAUSE_S):
                    return

    def _takes(self, source: Source, news: Arrival | Batch) -> bool:
        if self.admission.refusal is not None:
            self.paused = str(self.admission.refusal)
            return False
        try:
            if isinstance(news, Batch):
                self._take_all(source, news)
            else:
                self._take(source, news)
        except StoreFull as error:
            if self.paused is None:
                log.warning("intake pauses: %s", error)
            self.paused = str(error)
            return False
        if self.paused is not None:
            self.paused = None
            log.info("there is space again: intake goes on")
        return True

    def _take(self, source: Source, arrival: Arrival) -> None:
        origin = arrival.origin
        try:
            if (origin.size or 0) > (limit := self._limits.item_bytes):
                raise ItemTooLarge(f"TOO_LARGE: {origin.size} bytes, the limit is {limit}", remedy="split it")
            if not self._vault.catalog.was_deleted(origin):
                with source.open(arrival) as content:
                    stored = self._vault.put(content, origin, new_version=arrival.new_version)
                self._counter.taken(origin.source, origin.locator, created=stored.created)
        except StoreFull:
            raise
        except (SourceError, StoreError) as error:
            self._put_off(source, arrival, origin, error)
        else:
            try:
                source.acknowledge(arrival)
            except SourceError as error:
                self._counter.refused(origin.source, origin.locator, error)

    def _take_all(self, source: Source, batch: Batch) -> None:
        try:
            given = [(one.content, one.origin) for one in batch.documents]
            deleted = self._vault.were_deleted(given)
            wanted = [one for one, was in zip(batch.documents, deleted, strict=True) if not was]
            stored = self._vault.put_many([(one.content, one.origin) for one in wanted])
        except StoreFull:
            raise
        except StoreError as error:
            if len(batch.documents) == 1:
                self._put_off(source, batch, batch.documents[0].origin, error)
            else:
                for one in batch.documents:  # one that fails fails alone
                    self._take_all(source, Batch((one,)))
        else:
            for one, result in zip(wanted, stored, strict=True):
                self._counter.taken(one.origin.source, one.origin.locator, created=result.created)
            source.acknowledge(batch)

    def _let_go(self, source: Source, departure: Departure) -> None:
        try:
            self._vault.catalog.drop_origin(source.name, departure.locator)
        except StoreError:
            source.defer(departure)
        else:
            self._counter.gone(source.name, departure.locator)
            source.acknowledge(departure)

    def _put_off(self, source: Source, news: Arrival | Batch, origin: Origin, error: StrongroomError) -> None:
        if not isinstance(error, NotWhole):
            self._counter.refused(origin.source, origin.locator, error)
        if not isinstance(error, ItemTooLarge):  # that one must change to fit, and is told anew when it does
            source.defer(news)
