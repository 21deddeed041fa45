"""What a folder source and the imports have to say to each other about a file of messages."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from ingest.importer.kinds import Kind

Opener = Callable[[], int]  # a new descriptor of the file, read only


class Outcome(StrEnum):
    """What became of a file that was handed over."""

    PENDING = "pending"  # ask again later
    STORED = "stored"  # all that is in it is durable
    INCOMPLETE = "incomplete"  # something in it is not, and is named in the status
    DOCUMENT = "document"  # not all of it is mail, or could be read: as a document it is kept whole


class Importer(Protocol):
    """Whoever imports files of messages."""

    def offer(self, path: str, kind: Kind, open_: Opener) -> Outcome:
        """Have a file imported that lies in the owner's folder; ask again until it is done.

        Args:
            path: absolute.
            kind: what it looks like.

        Raises:
            ImportFailed, SourceError: it cannot be imported now, or not any further.
        """
        ...
