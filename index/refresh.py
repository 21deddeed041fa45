"""Keeps both indexes up with the catalog: words at once, vectors as the embedder gets to them. Each has a
thread of its own, so that a document is found by word however long the embedder is busy.
"""

from __future__ import annotations

import threading
from pathlib import Path

from index.embed import Embedder
from index.errors import EmbedderDown
from index.fulltext import TextIndex
from index.keepers import TextKeeper, VectorKeeper
from index.vectors import VectorIndex
from store.vault import Vault

_QUIET_S = 20.0  # without any change before a snapshot is written
_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # pauses while the embedder is away, growing


class Refresher:
    """Owns the two indexes. `run_text` and `run_vectors` each want a thread of their own.

    Args:
        folder: exists, is private and lies in memory; what is in it is removed.
    """

    def __init__(self, vault: Vault, embedder: Embedder, folder: Path) -> None:
        self._vault = vault
        self._text = TextKeeper(vault, folder)
        self._vectors = VectorKeeper(vault, embedder, self._text.flush)

    @property
    def text(self) -> TextIndex | None:
        """The index by word as it is now; None while it is being opened."""
        return self._text.index

    @property
    def vectors(self) -> VectorIndex | None:
        """The index by meaning as it is now; None until the embedder was there once."""
        return self._vectors.index

    def run_text(self, stop: threading.Event) -> None:
        """Cut what was parsed into passages and make it findable by word, until `stop` is set and the ledger
        was poked; then write a snapshot. After an error it may be called again.

        Raises:
            IndexDamaged, StoreError: nothing is lost; it goes on where it was.
        """
        self._follow(self._text, stop)

    def run_vectors(self, stop: threading.Event) -> None:
        """Embed passages and make them findable by meaning. Otherwise as `run_text`."""
        self._follow(self._vectors, stop)

    def flush(self) -> None:
        """Let all passages that are in the catalog be found by word."""
        self._text.flush()

    def forget(self) -> None:
        """Take out of both indexes what the catalog no longer has; on return no search finds it.

        Call it after `Vault.delete`.
        """
        self._text.forget()
        self._vectors.forget()

    def _follow(self, keeper: TextKeeper | VectorKeeper, stop: threading.Event) -> None:
        failures = 0
        settled = False
        while not stop.is_set():
            sequence = self._vault.ledger.sequence
            try:
                busy = keeper.step()
            except EmbedderDown:
                stop.wait(_AGAIN_S[min(failures, len(_AGAIN_S) - 1)])
                failures += 1
                continue
            failures = 0
            if busy:
                settled = False
                keeper.rest(stop)
                continue
            # At rest nothing wakes up: once it is settled, only a change ends the waiting.
            quiet = self._vault.ledger.wait(sequence, None if settled else _QUIET_S) == sequence
            if quiet and not stop.is_set():
                keeper.settle()
            settled = quiet
        keeper.settle()
