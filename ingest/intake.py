"""The way in: takes what a source offers into the vault, and only then tells the source that it is safe.

Read this first. When a file is whole is the source's business (`ingest/sources/`); what becomes of an item
once it is stored is the parse stage's, which finds it in the ledger.
"""

from __future__ import annotations

import logging
import os
import threading

from store.vault import Stored, Vault

from ingest.errors import NotWhole, SourceError
from ingest.source import Arrival, Departure, Source
from ingest.tally import Counter
from policy.errors import StrongroomError
from policy.limits import MIB, Limits
from store.errors import ItemTooLarge, StoreError, StoreFull

FULL_DISK_WAIT_S = 2.0

log = logging.getLogger("strongroom.ingest")


class Intake:
    """Takes from any number of sources, each on its own thread, into one vault."""

    def __init__(self, vault: Vault, limits: Limits) -> None:
        self._vault = vault
        self._limits = limits
        self._counter = Counter()
        self.tally = self._counter.tally
        self.paused: str | None = None  # why nothing is taken at present

    def run(self, source: Source, stop: threading.Event) -> None:
        """Take everything that this source has and gets, until `stop` is set."""
        for news in source.arrivals(stop):
            if isinstance(news, Departure):
                self._let_go(source, news)
                continue
            while self.take(source, news) is None and self.paused and not stop.wait(FULL_DISK_WAIT_S):
                pass  # the disk is full: the same document is tried until it fits

    def take(self, source: Source, arrival: Arrival) -> Stored | None:
        """Store one arrival durably, then acknowledge it. None: not now, and it stays where it is."""
        origin = arrival.origin
        try:
            self._require_room(origin.size or 0)
            with source.open(arrival) as content:
                stored = self._vault.put(content, origin, new_version=arrival.new_version)
        except StoreFull as error:
            self._pause(error)
            return None
        except (SourceError, StoreError) as error:
            self._put_off(source, arrival, error)
            return None
        self._resume()
        self._counter.taken(origin.source, origin.locator, created=stored.created)
        try:
            source.acknowledge(arrival)
        except SourceError as error:
            self._counter.refused(origin.source, origin.locator, error)
        return stored

    def _let_go(self, source: Source, departure: Departure) -> None:
        try:
            self._vault.catalog.drop_origin(source.name, departure.locator)
        except StoreError:
            source.defer(departure)
            return
        self._counter.gone(source.name, departure.locator)
        source.acknowledge(departure)

    def _put_off(self, source: Source, arrival: Arrival, error: StrongroomError) -> None:
        self._resume()
        if not isinstance(error, NotWhole):
            self._counter.refused(arrival.origin.source, arrival.origin.locator, error)
        if not isinstance(error, ItemTooLarge):  # that one must change to fit, and is told anew when it does
            source.defer(arrival)

    def _require_room(self, size: int) -> None:
        disk, needed = os.statvfs(self._vault.home), self._limits.free_disk_bytes
        if (free := disk.f_bavail * disk.f_frsize) < needed:
            text = f"the disk is nearly full: {free // MIB} MiB free, {needed // MIB} MiB needed"
            raise StoreFull(text, remedy="free some space; intake goes on by itself")
        if size > (limit := self._limits.item_bytes):
            raise ItemTooLarge(f"TOO_LARGE: {size} bytes, the limit is {limit}", remedy="split it")

    def _pause(self, error: StoreFull) -> None:
        if self.paused is None:
            log.warning("intake pauses: %s", error)
        self.paused = str(error)

    def _resume(self) -> None:
        if self.paused is not None:
            self.paused = None
            log.info("there is space again: intake goes on")
