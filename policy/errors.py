"""The root of the error tree, and the exit codes that the command line turns it into.

StrongroomError
├── policy.errors.ConfinementError     a required layer is missing (exit 78)
├── store.errors.StoreError            keys, catalog, blobs
├── ingest.errors.IngestError          sources, parser pool, reading
├── index.errors.IndexingError         indexes, queries, embedder
├── enrich.errors.EnrichError          readers, model
└── appliance.errors.ApplianceError    settings, service, client
"""

from __future__ import annotations

EXIT_USAGE = 64
EXIT_UNAVAILABLE = 69
EXIT_NO_PERMISSION = 77  # wrong passphrase, missing token
EXIT_CONFIG = 78  # confinement or configuration refuses to start


class StrongroomError(Exception):
    """What happened, to which item, and what to do about it.

    `what` and `remedy` are shown to the owner and may be logged: they never hold a document's content.
    """

    exit_code: int = 1
    retryable: bool = False

    def __init__(self, what: str, *, item: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.item = item
        self.remedy = remedy

    def __str__(self) -> str:
        """One line: the item, what happened, the remedy."""
        head = f"{self.item}: {self.what}" if self.item else self.what
        return f"{head} ({self.remedy})" if self.remedy else head


class ConfinementError(StrongroomError):
    """A layer of confinement that this process requires could not be taken on, or did not hold."""

    exit_code = EXIT_CONFIG
