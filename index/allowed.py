"""Which items a search may show, in the form that both indexes take. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Owners = npt.NDArray[np.int32]  # of passages: the numbers of their items


class Allowed:
    """A set of items by their numbers, asked for many passages at once.

    Args:
        numbers: of the items (`Item.number`), in any order. They are rows of the catalog, so a bit for each
            number up to the largest is small.
    """

    def __init__(self, numbers: Sequence[int] | Owners) -> None:
        some = np.asarray(numbers, np.int32)
        self._bits = np.zeros(int(some.max(initial=0)) + 1, np.bool_)
        self._bits[some] = True
        self.numbers = np.flatnonzero(self._bits).astype(np.int32)  # ascending; sorting would take far longer

    def __len__(self) -> int:
        return len(self.numbers)

    def __and__(self, other: Allowed) -> Allowed:
        return Allowed(self.numbers[other.hold(self.numbers)])  # type: ignore[arg-type]

    def hold(self, owners: Owners) -> npt.NDArray[np.bool_]:
        """For each passage whether its item is in, shape (len(owners),)."""
        known = owners < len(self._bits)
        return known & self._bits[np.where(known, owners, 0)]
