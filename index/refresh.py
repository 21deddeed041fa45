"""Keeps both indexes up with the catalog: words at once, vectors as the embedder gets to them. Each has a
thread of its own, so that a document is found by word however long the embedder is busy.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from index.embed import Embedder
from index.errors import EmbedderDown
from index.keepers import Indexes, TextKeeper, VectorKeeper
from policy.errors import StrongroomError
from store.vault import Vault

log = logging.getLogger("strongroom.index")

_QUIET_S = 20.0  # without any change before snapshots are written
_AGAIN_S = (0.2, 1.0, 5.0, 15.0)  # pauses after a failure, growing


class Refresher:
    """Owns the two indexes.

    Args:
        folder: exists, is private and lies in memory; what is in it is removed.
    """

    def __init__(self, vault: Vault, embedder: Embedder, folder: Path) -> None:
        self._vault = vault
        self._text = TextKeeper(vault, folder)
        self._vectors = VectorKeeper(vault, embedder, self._text.indexes)

    @property
    def indexes(self) -> Indexes:
        """What a search asks. Words are there at once; vectors as soon as the embedder is."""
        return self._text.indexes

    def run(self, stop: threading.Event) -> None:
        """Follow the ledger until `stop` is set, then write snapshots."""
        threads = [
            threading.Thread(target=self._follow, args=(keeper, stop), name=name)
            for keeper, name in ((self._text, "index-text"), (self._vectors, "index-vectors"))
        ]
        for thread in threads:
            thread.start()
        stop.wait()
        self._vault.ledger.poke()
        for thread in threads:
            thread.join()

    def forget(self) -> None:
        """Take out of both indexes what the catalog no longer has; on return no search finds it.

        Call it after `Vault.delete`.
        """
        self._text.forget()
        self._vectors.forget()

    def close(self) -> None:
        """Give up the indexes, after `run` has ended."""
        self._text.close()

    def _follow(self, keeper: TextKeeper | VectorKeeper, stop: threading.Event) -> None:
        failures = 0
        settled = False
        while not stop.is_set():
            sequence = self._vault.ledger.sequence
            try:
                if keeper.step():
                    settled, failures = False, 0
                    continue
                failures = 0
                # At rest nothing is done and nothing wakes up.
                quiet = self._vault.ledger.wait(sequence, None if settled else _QUIET_S) == sequence
                if quiet and not stop.is_set():
                    keeper.settle()
                settled = quiet
            except Exception as error:  # noqa: BLE001 - the rim of a thread
                failures += 1
                if failures == 1:
                    _report(keeper, error)
                stop.wait(_AGAIN_S[min(failures, len(_AGAIN_S)) - 1])
        try:
            keeper.settle()
        except Exception as error:  # noqa: BLE001 - the rim of a thread
            _report(keeper, error)


def _report(keeper: TextKeeper | VectorKeeper, error: Exception) -> None:
    """Ours say what is wrong and never quote a document; of the others only the name is told."""
    if not isinstance(error, EmbedderDown):  # whose absence is told by its owner
        told = error if isinstance(error, StrongroomError) else type(error).__name__
        log.warning("%s stopped for a moment: %s", type(keeper).__name__, told)
