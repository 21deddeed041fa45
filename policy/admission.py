"""Whether anything untrusted may come in. One object for the whole service: what takes in asks it, and what
finds that a layer of confinement is missing shuts it. Search of what is stored does not ask.
"""

from __future__ import annotations

import logging
import threading

from policy.errors import ConfinementError

log = logging.getLogger("strongroom.policy")


class Admission:
    """Open until it is shut; then shut until the next start, whose confinement is tried anew. Thread-safe.

    Args:
        refusal: why it is shut from the beginning.
    """

    def __init__(self, refusal: ConfinementError | None = None) -> None:
        self._refusal = refusal
        self._lock = threading.Lock()

    @property
    def refusal(self) -> ConfinementError | None:
        """Why nothing may come in; None while it may."""
        return self._refusal

    def shut(self, refusal: ConfinementError) -> None:
        """Let nothing in any more. The first reason stays."""
        with self._lock:
            if self._refusal is not None:
                return
            self._refusal = refusal
        log.error("nothing is taken in and nothing is read: %s", refusal)

    def check(self) -> None:
        """For who is about to take something in.

        Raises:
            ConfinementError: it is shut.
        """
        if self._refusal is not None:
            raise ConfinementError(self._refusal.what, remedy=self._refusal.remedy)
