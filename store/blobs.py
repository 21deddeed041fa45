"""The originals on disk: each a sealed stream in a file named by the keyed hash of its bytes. Which item a
blob belongs to, and its data key, are the catalog's.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from zstandard import ZstdCompressor

from policy.redact import Private
from store.crypto import Sealer, Unsealer, new_compressor
from store.durable import disk_errors, sync_folder
from store.errors import BlobDamaged, ItemTooLarge

_CHUNK = 1 << 20


class Unsealed(NamedTuple):
    """A stream that is to be stored."""

    content: BinaryIO  # read once, to its end
    item: str
    data_key: bytes  # fresh

    def __repr__(self) -> str:
        return f"Unsealed({self.item})"


class Incoming:
    """A sealed stream under a temporary name: durable, read back, not yet placed."""

    def __init__(self, path: Path, blob: str, size: int) -> None:
        self.path = path
        self.blob = blob  # the name that it will have
        self.size = size  # of the plaintext, in bytes
        self.is_placed = False

    def discard(self) -> None:
        """Remove it, if it was not placed. If the disk refuses, the next open of the home sweeps it."""
        if not self.is_placed:
            _let_go(self.path)


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

    def name_of(self, content: bytes) -> str:
        """The name that a blob of these bytes has."""
        return hmac.new(self._identity.reveal(), content, "sha256").hexdigest()

    def receive(self, streams: Sequence[Unsealed], cap: int) -> list[Incoming]:
        """Seal streams into temporary files, fsync them, read them back and compare.

        The disk is asked for all of them before it is waited for, so many cost little more waits than one.

        Args:
            streams: an error of the store or of a source in their `read` passes through.
            cap: most bytes of plaintext of each.

        Raises:
            ItemTooLarge, StoreFull, DiskFault, BlobDamaged: nothing of any of them is left on the disk.
        """
        paths = [self._incoming / secrets.token_hex(16) for _ in streams]
        compressor = new_compressor()
        try:
            # Around everything, since closing a file on a full disk is refused as well.
            with disk_errors(), contextlib.ExitStack() as open_files:
                files = [open_files.enter_context(_create(path)) for path in paths]
                sealed = [
                    self._seal(stream, file, compressor, cap)
                    for stream, file in zip(streams, files, strict=True)
                ]
                _flush_to_disk(files)
                for stream, file, (blob, _) in zip(streams, files, sealed, strict=True):
                    self._read_back(stream, file, blob)
            return [Incoming(path, blob, size) for path, (blob, size) in zip(paths, sealed, strict=True)]
        except BaseException:
            for path in paths:
                _let_go(path)
            raise

    def place(self, incoming: Sequence[Incoming]) -> None:
        """Give the streams their names, durably."""
        with disk_errors():
            for each in incoming:
                target = self._path(each.blob)
                try:
                    os.rename(each.path, target)
                except FileNotFoundError:
                    target.parent.mkdir(mode=0o700, exist_ok=True)
                    sync_folder(self._folder)
                    os.rename(each.path, target)
                each.is_placed = True
            for folder in {self._path(each.blob).parent for each in incoming}:
                sync_folder(folder)

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
        with disk_errors():
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
        self, stream: Unsealed, file: BinaryIO, compressor: ZstdCompressor, cap: int
    ) -> tuple[str, int]:
        digest, size = hmac.new(self._identity.reveal(), digestmod="sha256"), 0
        sealer = Sealer(file, stream.data_key, stream.item, compressor)
        while chunk := stream.content.read(_CHUNK):
            size += len(chunk)
            if size > cap:
                raise ItemTooLarge(f"it is larger than {cap} bytes", remedy="split it, or raise the limit")
            digest.update(chunk)
            sealer.write(chunk)
        sealer.finish()
        file.flush()
        return digest.hexdigest(), size

    def _read_back(self, stream: Unsealed, file: BinaryIO, blob: str) -> None:
        file.seek(0)
        digest = hmac.new(self._identity.reveal(), digestmod="sha256")
        reader = Unsealer(file, stream.data_key, stream.item)
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
        if not hmac.compare_digest(digest.hexdigest(), blob):
            raise BlobDamaged(
                "what the disk gave back is not what was written",
                item=stream.item,
                remedy="check the disk",
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


def _let_go(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _create(path: Path) -> BinaryIO:
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b")


def _flush_to_disk(files: Sequence[BinaryIO]) -> None:
    """Fsync files, and make the disk answer for what is read from them next."""
    # The same advice twice. Where nothing is written yet it starts the writing, without waiting; where all is
    # written it forgets the copy in memory, which would prove only that we can decrypt.
    for file in files:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    for file in files:
        os.fsync(file.fileno())
    for file in files:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    for file in files:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
