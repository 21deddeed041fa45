"""A folder and what is below it, reached one component at a time so that no symlink ever leads out.

Holds every system call on the owner's files; what to do with them is decided in `drop_folder.py`.
Paths are relative to the root, with "/" between, surrogate escapes for bytes that are not UTF-8.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import NotWhole, SourceError
from ingest.sources.whole import Stamp, Writers

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Never waits (a FIFO), never follows a link, never becomes the controlling terminal.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_NAME_MAX = 255
_ASIDE = b".taken-"  # hidden, so nobody takes it for a document
_CHUNK = 1 << 20


class Tree:
    """One root folder. Every call opens its way anew, so the root may vanish and come back."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)  # the owner may name the root by a link; below it none is followed

    def identity(self) -> tuple[int, int] | None:
        """Which folder is the root now; None when there is none."""
        try:
            status = os.stat(self.root)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def status(self, path: str) -> os.stat_result | None:
        """What is at a path (a link is a link); None when nothing is, or it cannot be reached."""
        try:
            with self._parent(path) as (folder, name):
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return None

    def entries(self, folder: str) -> list[tuple[str, os.stat_result]]:
        """The paths in one folder ("" is the root) and what they are.

        Raises:
            OSError: it vanished or cannot be read.
        """
        found = []
        with self._folder(folder) as descriptor, os.scandir(descriptor) as listing:
            for entry in listing:
                with contextlib.suppress(FileNotFoundError):
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    found.append((path, entry.stat(follow_symlinks=False)))
        return found

    def names(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the files and of the folders in one folder; nothing else, so that many fit.

        Raises:
            OSError: it vanished or cannot be read.
        """
        files, folders = [], []
        with self._folder(folder) as descriptor, os.scandir(descriptor) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
        return files, folders

    def writers(self, path: str) -> Writers:
        """Whether anybody, in any process of this machine, has the file open for writing."""
        try:
            with self._parent(path) as (folder, name), _opened(folder, name) as descriptor:
                return _writers(descriptor)
        except OSError:
            return Writers.UNKNOWN

    def open(self, path: str, stamp: Stamp) -> io.BufferedReader:
        """Open a file that must stay as its stamp says until its last byte is read.

        Raises (here and in every read):
            NotWhole: it vanished or is not what the stamp says.
            SourceError: it cannot be read.
        """
        return io.BufferedReader(_Unchanged(self.descriptor(path), stamp), _CHUNK)

    def descriptor(self, path: str) -> int:
        """Open a file, read only.

        Raises:
            NotWhole: it vanished.
            SourceError: it cannot be read.
        """
        with _told(), self._parent(path) as (folder, name):
            return os.open(name, _FILE, dir_fd=folder)

    def head(self, path: str, count: int) -> bytes:
        """The first bytes of a file.

        Raises:
            NotWhole: it vanished.
            SourceError: it cannot be read.
        """
        descriptor = self.descriptor(path)
        try:
            with _told():
                return os.pread(descriptor, count, 0)
        finally:
            os.close(descriptor)

    def take_away(self, path: str, stamp: Stamp) -> bool:
        """Remove a file, if it is still the one of this stamp and nobody writes to it.

        It is first set aside under a hidden name: once nobody can reach it by its name, what it is cannot
        change between the last look and the removal. A newer file that slipped in is put back.

        Raises:
            SourceError: it may not be removed.
        """
        try:
            with self._parent(path) as (folder, name):
                if _stamp(folder, name) != stamp:
                    return False
                aside = os.fsdecode((_ASIDE + os.fsencode(name))[:_NAME_MAX])
                os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
                removed = False
                try:
                    with _opened(folder, aside) as descriptor:
                        same = Stamp.of(os.fstat(descriptor)) == stamp
                        if same and _writers(descriptor) is not Writers.SOME:
                            os.unlink(aside, dir_fd=folder)
                            removed = True
                finally:
                    if not removed:
                        _bring_back(folder, aside)
                return removed
        except FileNotFoundError:
            return False
        except OSError as error:
            text = f"it is stored, but could not be removed from the drop folder ({error.strerror})"
            raise SourceError(text, remedy="let the appliance write there, or remove the file") from error

    def bring_back(self, path: str) -> bool:
        """Undo what a kill left half-way in `take_away`. False: this path is nothing of that kind."""
        if not os.fsencode(path.rpartition("/")[2]).startswith(_ASIDE):
            return False
        with contextlib.suppress(OSError), self._parent(path) as (folder, name):
            _bring_back(folder, name)
        return True

    def remove_folder(self, path: str) -> bool:
        """Remove a folder if it is empty."""
        try:
            with self._parent(path) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        except OSError:
            return False
        return True

    @contextlib.contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in path.split("/") if path else ():
                below = os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        folder, _, name = path.rpartition("/")
        with self._folder(folder) as descriptor:
            yield descriptor, name


class _Unchanged(io.RawIOBase):
    """Reads a file and, at its end, makes sure that it is still what it was at the start.

    So a document that is rewritten while it is read is refused as a whole, never stored half old, half new:
    its stamp was at rest before, so any write moves its time.
    """

    def __init__(self, descriptor: int, stamp: Stamp) -> None:
        self._descriptor = descriptor
        self._stamp = stamp
        self._check()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with _told():
            count = os.readv(self._descriptor, [buffer])
        if count == 0:
            self._check()
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def _check(self) -> None:
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode) or Stamp.of(status) != self._stamp:
            raise NotWhole("it changed while it was being taken")


@contextlib.contextmanager
def _opened(folder: int, name: str) -> Iterator[int]:
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn the operating system's errors into the room's."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotWhole("it vanished before it was taken") from error
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link came in its place
            raise NotWhole("it vanished before it was taken") from error
        text = f"UNREADABLE: {error.strerror}"
        raise SourceError(text, remedy="let the appliance read it; it is tried again by itself") from error


def _writers(descriptor: int) -> Writers:
    """Ask for a read lease: the kernel grants it only while nobody has the file open for writing.

    It is given back at once: while it is held, a writer would have to wait for us. If one comes in just that
    moment the kernel sends a signal, by default SIGIO, which would end this process; SIGURG is ignored.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return Writers.SOME
    except OSError:  # not our file, or a filesystem without leases
        return Writers.UNKNOWN
    return Writers.NONE


def _stamp(folder: int, name: str) -> Stamp | None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) else None


def _bring_back(folder: int, aside: str) -> None:
    """Give a file that was set aside its name again, or the nearest one that is free."""
    name = os.fsdecode(os.fsencode(aside)[len(_ASIDE) :])
    taken = set(os.listdir(folder))
    free = next(name for name in (name, *(f"{n} {name}" for n in range(1, 1000))) if name not in taken)
    os.rename(aside, free, src_dir_fd=folder, dst_dir_fd=folder)
