"""What the intake did and what it refused, counted for the status. It decides nothing."""

from __future__ import annotations

import logging
import threading

from ingest.errors import RemoteFailed
from policy.errors import StrongroomError
from store.records import Record

log = logging.getLogger("strongroom.ingest")


class Tally(Record, frozen=True, kw_only=True):
    """What the intake did since the start."""

    stored: int
    duplicates: int  # the same bytes were there already
    refused: dict[str, str]  # "source: path" of a file that stays where it is -> why, and what to do


class Counter:
    """Counts for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stored = self._duplicates = 0
        self._refused: dict[str, str] = {}
        self._by_source: dict[str, tuple[int, int]] = {}

    def taken(self, source: str, locator: str, *, created: bool) -> None:
        """A document was stored, or was there already."""
        with self._lock:
            self._stored += created
            self._duplicates += not created
            new, known = self._by_source.get(source, (0, 0))
            self._by_source[source] = (new + created, known + (not created))
            self._refused.pop(f"{source}: {locator}", None)

    def refused(self, source: str, locator: str, error: StrongroomError) -> None:
        """A document stays where it is. The log hears of each reason once, and no file name."""
        place = f"{source}: {locator}"
        with self._lock:
            known = self._refused.get(place) == str(error)
            self._refused[place] = str(error)
        if not known:
            # What a mail server says may quote a message.
            why = error.failure if isinstance(error, RemoteFailed) else error.what
            log.warning("a file of %s stays where it is: %s", source, why)

    def of_source(self, source: str) -> tuple[int, int]:
        """How many documents of one source were new, and how many were there already."""
        with self._lock:
            return self._by_source.get(source, (0, 0))

    def gone(self, source: str, locator: str) -> None:
        """Nothing is at this place any more."""
        with self._lock:
            self._refused.pop(f"{source}: {locator}", None)

    def tally(self) -> Tally:
        """The counts so far."""
        with self._lock:
            return Tally(stored=self._stored, duplicates=self._duplicates, refused=dict(self._refused))
