"""What can go wrong in the index room.

StrongroomError
└── IndexingError
    ├── QueryError           the query cannot be understood; says where
    ├── EmbedderDown         the model process is away; retryable
    ├── RerankerDown         the cross-encoder gives no scores now; the order stays as it was; retryable
    ├── ModelRejected        the model folder is not the one that was pinned, or not a model
    ├── IndexClosed          the index is still being opened; retryable
    └── IndexDamaged         an index in memory disagrees with itself; rebuild it from the catalog
"""

from __future__ import annotations

from policy.errors import EXIT_CONFIG, EXIT_USAGE, StrongroomError


class IndexingError(StrongroomError):
    """Base of the index room."""


class QueryError(IndexingError):
    """The query cannot be understood.

    Attributes:
        position: character offset into the query where reading stopped; None: it is in a filter beside it.
    """

    exit_code = EXIT_USAGE

    def __init__(self, what: str, *, position: int | None = 0, remedy: str | None = None) -> None:
        where = "" if position is None else f", at character {position + 1} of the query"
        super().__init__(what + where, remedy=remedy)
        self.position = position


class EmbedderDown(IndexingError):
    """The model process is not answering; search by word goes on, and embedding resumes when it is back."""

    retryable = True


class RerankerDown(IndexingError):
    """The cross-encoder is away, slow or refused; the order stays as it was."""

    retryable = True


class ModelRejected(IndexingError):
    """The model folder is damaged, is not the one that was pinned, or is none that can be used here."""

    exit_code = EXIT_CONFIG


class IndexDamaged(IndexingError):
    """An index in memory could not be opened or written; it is rebuilt from the catalog."""

    retryable = True


class IndexClosed(IndexingError):
    """The index is still being opened; searches are answered in a moment."""

    retryable = True
