"""Why a document could not be read, as every reader says it. The reasons mirror `store.records.Reason`, which
the parser process may not import because it lives beside the keys.
"""

from __future__ import annotations

from enum import StrEnum

from policy.errors import StrongroomError


class Why(StrEnum):
    """The reasons that a reader itself can find; the pool adds crashes."""

    EMPTY = "EMPTY"
    IMAGE_ONLY = "IMAGE_ONLY"
    ENCRYPTED = "ENCRYPTED"
    NEEDS_PASSWORD = "NEEDS_PASSWORD"
    TRUNCATED = "TRUNCATED"
    UNSUPPORTED = "UNSUPPORTED"
    TIMEOUT = "TIMEOUT"
    TOO_LARGE = "TOO_LARGE"


class UnreadableDocument(StrongroomError):
    """This document gives no text; `what` is the sentence for the owner and never holds content."""

    def __init__(self, why: Why, what: str, *, media_type: str | None = None) -> None:
        super().__init__(what)
        self.why = why
        self.media_type = media_type  # where it is known what it is, and it is not read


class LimitReached(StrongroomError):
    """The reading is as long as it may become; what was read so far is kept."""
