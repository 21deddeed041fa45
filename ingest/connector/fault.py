"""The connector's own errors: a `Fault` becomes a `Failed`, and ends the connection or the folder."""

from __future__ import annotations

from ingest.connector.messages import Failure
from ingest.errors import IngestError


class Fault(IngestError):
    """What went wrong with the server, in one line without a credential."""

    def __init__(self, failure: Failure, what: str) -> None:
        super().__init__(what)
        self.failure = failure


class CoreGone(IngestError):
    """The core hung up: nobody waits for an answer any more."""
