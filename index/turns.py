"""Whose turn it is: while many items wait to be found by word, embedding and enrichment mostly rest.

Within the model process a person's query comes first by the priority of its thread (`index/packed.py`).
"""

from __future__ import annotations

import threading
import time

from store.ledger import Ledger

_MANY = 16  # fewer are some mails that have just come, or what the store cannot serve
_TIMES = 4  # as long as it worked: a fifth of the time is left to it, so that it goes on in any flood
_LONGEST_S = 5.0
_LOOK_S = 0.1


def crowded(ledger: Ledger) -> bool:
    """Whether many items wait to be found by word."""
    return ledger.waiting(_MANY) == _MANY


def give_way(ledger: Ledger, worked_s: float, stop: threading.Event) -> None:
    """Rest after a piece of background work that took so long, for as long as others have the turn."""
    until = time.monotonic() + min(_TIMES * worked_s, _LONGEST_S)
    while time.monotonic() < until and crowded(ledger) and not stop.wait(_LOOK_S):
        pass
