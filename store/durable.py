"""The few ways in which the store makes files durable, and what a refusing disk is called here."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from store.errors import DiskFault, StoreFull

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def store_full() -> StoreFull:
    """The one wording of a full disk."""
    return StoreFull("the disk is full", remedy="free some space; this goes on by itself")


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn the operating system's errors into `StoreFull` or `DiskFault`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise store_full() from error
        raise DiskFault(
            f"the disk refused: {error.strerror or type(error).__name__}",
            remedy="look at the disk and the kernel's log",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename survives a power cut only after this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600 and fsync it. Its name is durable only after `sync_folder`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that at every instant, also after a power cut, it is wholly old or wholly new."""
    temporary = path.with_name(path.name + ".new")
    try:
        write_private(temporary, content)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
