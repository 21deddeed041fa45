"""The head of the audit log outside of the catalog: a small file that says where the log ends and, while
the home is closed, what the catalog's bytes are. What follows from it is the business of `store/audit.py`.

Two slots, each (number of the newest entry, its hash, SHA-256 of the closed catalog or zeros, HMAC-SHA256
under a key that only the open home has). SQLCipher proves each page by itself, so a page of an earlier
catalog passes in its old place; the digest of the whole shows it. It stands only between a close and the next
open: a home whose service was killed has none, and a write-ahead log lies beside its catalog.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from pathlib import Path
from typing import NamedTuple

from policy.redact import Private
from store.durable import disk_errors, replace_atomically
from store.errors import StoreFull

_SAID = struct.Struct(">Q32s32s")
_MAC_BYTES = 32
_SAID_BEFORE = struct.Struct(">Q32s")  # by homes from before the digest
_SLOT_BYTES = 4096  # one block each, so that one torn write cannot reach both
_OPEN = bytes(32)


class Slot(NamedTuple):
    """What one half of the file says."""

    number: int
    digest: bytes  # of that entry
    closed: bytes = _OPEN  # SHA-256 of the catalog as it was closed


class Head:
    """The file. One owner at a time."""

    def __init__(self, path: Path, key: Private[bytes]) -> None:
        self._path = path
        self._key = key

    def slots(self) -> list[Slot | None]:
        """Both halves; None for one that was not written by this home."""
        with disk_errors():
            content = self._path.read_bytes() if self._path.exists() else b""
        if len(content) != 2 * _SLOT_BYTES:
            return [None, None]
        return [self._opened(content[at : at + _SLOT_BYTES]) for at in (0, _SLOT_BYTES)]

    def advance(self, half: int, slot: Slot) -> None:
        """Overwrite one half. Handed to the kernel, not forced to the disk."""
        with disk_errors():
            # Overwrites blocks that the file has already, so it works on a full disk too.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.pwrite(descriptor, self._sealed(slot), half * _SLOT_BYTES)
            finally:
                os.close(descriptor)

    def replace(self, slot: Slot) -> None:
        """Make both halves say this, durably and at once."""
        block = self._sealed(slot).ljust(_SLOT_BYTES, b"\0")
        with disk_errors():
            replace_atomically(self._path, block + block)

    def reopen(self, catalog: Path) -> str | None:
        """Before anything touches the catalog: compare it with how it was closed, and note that it is open.

        Returns:
            what is wrong. Then nothing was noted, so that it is found again if the alarm is not stored.
        """
        said = [slot for slot in self.slots() if slot is not None]
        newest = max(said, default=None)
        if newest is None or newest.closed == _OPEN:
            return None
        log = _log_of(catalog)
        if _is_used(log):
            # The engine would take its pages for newer ones.
            with disk_errors():
                log.unlink()
            return "a write-ahead log lay beside the closed catalog"
        if not hmac.compare_digest(_digest(catalog), newest.closed):
            return "the catalog is not as it was closed: rolled back, exchanged in parts, or damaged"
        if len(said) == 2:  # else half of it is damaged, which must show
            self._note_open(newest._replace(closed=_OPEN))
        return None

    def close(self, catalog: Path, number: int, digest: bytes) -> None:
        """Note the bytes of a catalog that nobody has open any more, unless its log is still needed."""
        if not _is_used(_log_of(catalog)):
            self.replace(Slot(number, digest, _digest(catalog)))

    def _note_open(self, slot: Slot) -> None:
        try:
            self.replace(slot)
        except StoreFull:
            for half in (0, 1):
                self.advance(half, slot)

    def _sealed(self, slot: Slot) -> bytes:
        said = _SAID.pack(*slot)
        return said + self._mac(said)

    def _opened(self, block: bytes) -> Slot | None:
        for shape in (_SAID, _SAID_BEFORE):
            said, mac = block[: shape.size], block[shape.size : shape.size + _MAC_BYTES]
            is_whole = not block[shape.size + _MAC_BYTES :].strip(b"\0")
            if is_whole and hmac.compare_digest(mac, self._mac(said)):
                return Slot(*shape.unpack(said))
        return None

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._key.reveal(), said, "sha256")


def _log_of(catalog: Path) -> Path:
    return catalog.with_name(catalog.name + "-wal")


def _is_used(log: Path) -> bool:
    return log.exists() and log.stat().st_size > 0


def _digest(catalog: Path) -> bytes:
    with disk_errors(), open(catalog, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
