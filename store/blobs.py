"""The originals on disk: each a sealed stream in a file named by the keyed hash of its bytes. Which item a
blob belongs to, and its data key, are the catalog's.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from policy.redact import Private
from store.crypto import Sealer, Unsealer
from store.durable import disk_errors, sync_folder
from store.errors import BlobDamaged, ItemTooLarge

_CHUNK = 1 << 20


class Incoming:
    """A sealed stream under a temporary name: durable, read back, not yet placed."""

    def __init__(self, path: Path, blob: str, size: int) -> None:
        self.path = path
        self.blob = blob  # the name that it will have
        self.size = size  # of the plaintext, in bytes

    def discard(self) -> None:
        """Remove it, if it was not placed."""
        self.path.unlink(missing_ok=True)


class Blobs:
    """`blobs/ab/abcdef…` for what is stored, `incoming/` for what is on its way. Thread-safe but for `place`
    and `remove` of the same name, which the vault serialises.
    """

    def __init__(self, home: Path, identity: Private[bytes]) -> None:
        self._folder = home / "blobs"
        self._incoming = home / "incoming"
        self._identity = identity

    def make_folders(self) -> None:
        """Make what a new home needs."""
        for folder in (self._folder, self._incoming):
            folder.mkdir(mode=0o700, exist_ok=True)

    def receive(self, content: BinaryIO, item: str, data_key: bytes, cap: int) -> Incoming:
        """Seal a stream into a temporary file, fsync it, read it back and compare.

        Args:
            content: read to its end; an error of the store or of a source in its `read` passes through.
            cap: most bytes of plaintext.

        Raises:
            ItemTooLarge, StoreFull, DiskFault, BlobDamaged: nothing is left on the disk.
        """
        path = self._incoming / secrets.token_hex(16)
        try:
            # Around everything, since closing a file on a full disk is refused as well.
            with disk_errors():
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with open(descriptor, "w+b") as file:
                    blob, size = self._seal(content, file, item, data_key, cap)
                    self._read_back(file, blob, item, data_key)
            return Incoming(path, blob, size)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def place(self, incoming: Incoming) -> None:
        """Give the stream its name, durably."""
        target = self._path(incoming.blob)
        with disk_errors():
            try:
                os.rename(incoming.path, target)
            except FileNotFoundError:
                target.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._folder)
                os.rename(incoming.path, target)
            sync_folder(target.parent)

    def copy_out(self, blob: str, item: str, data_key: bytes, sink: BinaryIO | None = None) -> int:
        """Decrypt a blob, prove that it is the bytes that its name says, and write them to `sink`.

        The proof comes at the end: use what was written only if this returns.

        Returns:
            the number of bytes.

        Raises:
            BlobDamaged: missing, or not what was stored.
        """
        digest, size = hmac.new(self._identity.reveal(), digestmod="sha256"), 0
        for chunk in self._plaintext(blob, item, data_key):
            digest.update(chunk)
            size += len(chunk)
            if sink is not None:
                sink.write(chunk)
        if not hmac.compare_digest(digest.hexdigest(), blob):
            raise BlobDamaged("the original is not the one that was stored", item=item)
        return size

    def remove(self, blobs: Collection[str]) -> None:
        """Remove blobs, durably. Those that are gone already are passed over."""
        folders = set[Path]()
        with disk_errors():
            for blob in blobs:
                path = self._path(blob)
                if path.parent.exists():
                    path.unlink(missing_ok=True)
                    folders.add(path.parent)
            for folder in folders:
                sync_folder(folder)

    def exists(self, blob: str) -> bool:
        """Whether there is a file of this name."""
        return self._path(blob).exists()

    def names(self) -> set[str]:
        """The names of all blobs on the disk."""
        return {
            entry.name
            for folder in os.scandir(self._folder)
            if folder.is_dir(follow_symlinks=False)
            for entry in os.scandir(folder)
        }

    def sweep_incoming(self) -> int:
        """Remove what a killed process left on its way; returns how many files."""
        leftovers = list(self._incoming.iterdir())
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def _seal(
        self, content: BinaryIO, file: BinaryIO, item: str, data_key: bytes, cap: int
    ) -> tuple[str, int]:
        digest, size = hmac.new(self._identity.reveal(), digestmod="sha256"), 0
        sealer = Sealer(file, data_key, item)
        while chunk := content.read(_CHUNK):
            size += len(chunk)
            if size > cap:
                raise ItemTooLarge(f"it is larger than {cap} bytes", remedy="split it, or raise the limit")
            digest.update(chunk)
            sealer.write(chunk)
        sealer.finish()
        file.flush()
        os.fsync(file.fileno())
        return digest.hexdigest(), size

    def _read_back(self, file: BinaryIO, blob: str, item: str, data_key: bytes) -> None:
        # What is in the page cache proves only that we can decrypt; forgetting it makes the disk answer.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        digest = hmac.new(self._identity.reveal(), digestmod="sha256")
        reader = Unsealer(file, data_key, item)
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
        if not hmac.compare_digest(digest.hexdigest(), blob):
            raise BlobDamaged(
                "what the disk gave back is not what was written", item=item, remedy="check the disk"
            )

    def _plaintext(self, blob: str, item: str, data_key: bytes) -> Iterator[bytes]:
        path = self._path(blob)
        if not path.exists():
            raise BlobDamaged("the original is missing", item=item, remedy="restore it from a backup")
        with disk_errors(), open(path, "rb") as file:
            reader = Unsealer(file, data_key, item)
            while chunk := reader.read(_CHUNK):
                yield chunk

    def _path(self, blob: str) -> Path:
        return self._folder / blob[:2] / blob
