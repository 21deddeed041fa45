"""Throw-away homes for tests: real ones, with a key derivation that costs a millisecond instead of a
second.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from policy.limits import Limits
from policy.redact import Private
from store.filters import Condition
from store.keys import KdfParameters
from store.records import Origin
from store.vault import Stored, Vault

PASSPHRASE = Private(b"correct horse battery staple")
CHEAP_KDF = KdfParameters(memory_kib=64, passes=1, lanes=1)
LIMITS = Limits(free_disk_bytes=0)


def make_home(home: Path) -> Path:
    """Create a home with `PASSPHRASE`."""
    Vault.create(home, PASSPHRASE, kdf=CHEAP_KDF)
    return home


def open_vault(home: Path, limits: Limits = LIMITS) -> Vault:
    """Open a home that `make_home` made; the caller closes it."""
    return Vault.open(home, PASSPHRASE, limits=limits)


@contextlib.contextmanager
def throwaway_vault(folder: Path, limits: Limits = LIMITS) -> Iterator[Vault]:
    """A new, open vault in `folder/home`, closed at the end of the block."""
    vault = open_vault(make_home(folder / "home"), limits)
    try:
        yield vault
    finally:
        vault.close()


@contextlib.contextmanager
def fast_folder() -> Iterator[Path]:
    """A folder in memory where there is one: for tests that commit thousands of times and cut no power."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


def put(
    vault: Vault,
    content: bytes,
    locator: str = "letter.txt",
    *,
    source: str = "drop",
    parent: str | None = None,
    new_version: bool = False,
) -> Stored:
    """Put some bytes in, as if a file of that name had been dropped."""
    origin = Origin(source=source, locator=locator, name=Path(locator).name, size=len(content))
    return vault.put(io.BytesIO(content), origin, parent=parent, new_version=new_version)


def matching(vault: Vault, *groups: Sequence[Condition], include_superseded: bool = False) -> set[str]:
    """The ids of the items that groups of conditions leave."""
    numbers = set(vault.catalog.matching_items(groups, include_superseded=include_superseded).tolist())
    found = vault.catalog.items(limit=1000, include_superseded=True)
    return {item.id for item in found if item.number in numbers}
