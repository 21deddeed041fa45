"""Keeps both indexes up with the catalog: text at once, vectors as the embedder gets to them."""

from __future__ import annotations

import threading
from collections.abc import Sequence


class Refresher:
    """Owns the two indexes: opens or rebuilds them, follows the ledger, snapshots them."""

    def open(self) -> None:
        """Load snapshots and replay forward from the catalog, or rebuild."""
        raise NotImplementedError

    def run(self, stop: threading.Event) -> None:
        """Chunk and index until `stop` is set, then write snapshots."""
        raise NotImplementedError

    def forget(self, passages: Sequence[int]) -> None:
        """Remove passages from both indexes at once."""
        raise NotImplementedError
