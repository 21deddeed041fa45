"""What a bomb is: a document, small to make, that is meant to cost its reader more than it may. The kinds
themselves are in the `bombs_…` modules, all of them in `bombs.py`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

# How reading a document may end, besides with a reason: text (perhaps not all of it), members or attachments,
# pages to be read as pictures.
TEXT, CHILDREN, SCANS = "text", "children", "scans"

Made = tuple[str, bytes]  # file name, content


def squeezed_zeros(size: int, times: int) -> bytes:
    """So many times so many zeros as zlib packs them, made as fast as once (RFC 1950 and 1951)."""
    squeeze = zlib.compressobj(9)
    block = squeeze.compress(bytes(size)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    checksum = (size * times % 65_521) << 16 | 1
    return b"\x78\xda" + block.removeprefix(b"\x78\xda") * times + b"\3\0" + struct.pack(">I", checksum)


@dataclass(frozen=True)
class Bomb:
    """One kind."""

    name: str
    make: Callable[[], Made]
    ends: frozenset[str]  # acceptable ends: those above, and reasons
    slow: bool  # more than half a second to make and read


KINDS: list[Bomb] = []


def bomb(*ends: str, slow: bool = False) -> Callable[[Callable[[], Made]], Callable[[], Made]]:
    """Put a function that makes a bomb on the list."""

    def listed(make: Callable[[], Made]) -> Callable[[], Made]:
        KINDS.append(Bomb(make.__name__, make, frozenset(ends), slow))
        return make

    return listed
