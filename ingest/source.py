"""What the intake knows of a place that documents come from: the Source protocol and its kinds of news.

How a place is watched, and what makes a file whole, is left to `ingest/sources/`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from store.records import Origin, Record


class Arrival(Record, frozen=True, kw_only=True):
    """A whole document is there to be taken."""

    origin: Origin
    new_version: bool = False  # the same place held something else, already stored: this is its next version


@dataclass(frozen=True)
class Document:
    """A small document that is in memory as a whole."""

    origin: Origin
    content: bytes

    def __repr__(self) -> str:
        return f"Document({self.origin.source!r}, {len(self.content)} bytes)"


@dataclass(frozen=True)
class Batch:
    """Small documents to be stored together, so that one wait for the disk serves them all."""

    documents: tuple[Document, ...]


class Departure(Record, frozen=True, kw_only=True):
    """What was offered or stored from this place is no longer there."""

    locator: str


News = Arrival | Batch | Departure


def offered(news: News) -> list[Origin]:
    """Where the documents come from that this news offers; a departure offers none."""
    match news:
        case Batch(documents):
            return [document.origin for document in documents]
        case Arrival(origin=origin):
            return [origin]
        case Departure():
            return []


class Source(Protocol):
    """A place that documents come from.

    A source is used by one thread: it is called back only between two steps of its own iterator. News that is
    answered by neither `acknowledge` nor `defer` is told again when the place changes, and after a restart.
    """

    name: str  # as in Origin.source

    def arrivals(self, stop: threading.Event) -> Iterator[News]:
        """Yield what is there already, newest first, then what comes, until `stop` is set."""
        ...

    def open(self, arrival: Arrival) -> BinaryIO:
        """Open what was offered, from its first byte. Reading raises as well.

        Raises:
            NotWhole: it vanished or changed since it was offered; defer it, and it comes again when whole.
            SourceError: it cannot be read for another reason.
        """
        ...

    def acknowledge(self, news: News) -> None:
        """The store holds it (or has let it go): a source that consumes now removes the original.

        Raises:
            SourceError: the original could not be removed. It is not offered again while it stays the same.
        """
        ...

    def defer(self, news: News) -> None:
        """It cannot be dealt with now: tell it again later, each time after a longer wait."""
        ...
