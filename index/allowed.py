"""Which items a search may show, in the form that both indexes take. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Owners = npt.NDArray[np.integer]  # of passages: the numbers of their items; in 64 bits asked in half the time


class Allowed:
    """A set of items by their numbers, asked for many passages at once.

    Args:
        numbers: of the items (`Item.number`), in any order. They are rows of the catalog, so a bit for each
            number up to the largest is small.
    """

    def __init__(self, numbers: Sequence[int] | Owners) -> None:
        some = np.asarray(numbers, np.int32)
        self._bits = np.zeros(int(some.max(initial=0)) + 2, np.bool_)  # the last one is no item's
        self._bits[some] = True
        self.numbers = np.flatnonzero(self._bits).astype(np.int32)  # ascending; sorting would take far longer

    def __len__(self) -> int:
        return len(self.numbers)

    def __and__(self, other: Allowed) -> Allowed:
        return Allowed(self.numbers[other.hold(self.numbers)])

    def hold(self, owners: Owners) -> npt.NDArray[np.bool_]:
        """For each passage whether its item is in, shape (len(owners),)."""
        return self._bits.take(owners, mode="clip")
