"""Compressed streams and tars, taken apart a piece at a time: no call gives more than a few MiB, however much
is packed in what it was given. What is done with the pieces is left to the readers and the importer.
"""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Protocol

import zstandard

PIECE = 64 * 1024
MARKS = {
    "gz": b"\x1f\x8b\x08",
    "bz2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "zst": b"\x28\xb5\x2f\xfd",
}
WINDOW_BYTES = 128 << 20  # of what was unpacked, kept to unpack the rest: what all tools take unasked
_ERRORS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError)
TAR_ERRORS = (  # what `tarfile` raises on damage; each was seen
    *(tarfile.TarError, ValueError, OverflowError, EOFError, LookupError, AttributeError, TypeError),
    RecursionError,
)
_ZSTD_FED = 256
_BLOCK = 512


class Damaged(Exception):
    """What comes now is damaged, or missing because the file is cut off; what came before holds."""


class NeedsMemory(Exception):
    """It cannot be unpacked in the memory that is allowed."""


class Decoder(Protocol):
    """The interface of `bz2.BZ2Decompressor`, and of all others here."""

    @property
    def eof(self) -> bool:
        """Whether the stream has come to its end."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to be had without more data."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What came after the end."""
        ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """About as much as is asked for, from this data and earlier."""
        ...


class Inflater:
    """Deflate as a Decoder.

    Args:
        wbits: as `zlib.decompressobj`; it says what is around the data.
    """

    def __init__(self, wbits: int) -> None:
        self._stream = zlib.decompressobj(wbits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """See Decoder."""
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        """See Decoder."""
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """See Decoder."""
        out = self._stream.decompress(self._stream.unconsumed_tail + data, max_length)
        self.needs_input = len(out) < max_length and not self._stream.unconsumed_tail
        return out


class Zstandard:
    """One frame of zstandard as a Decoder.

    It is fed little at a time: there is no other bound to what one call gives back (128 KiB for 4 bytes).
    """

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES).decompressobj()
        self._packed = b""

    @property
    def eof(self) -> bool:
        """See Decoder."""
        return bool(self._frame.eof)

    @property
    def needs_input(self) -> bool:
        """See Decoder."""
        return not self._packed

    @property
    def unused_data(self) -> bytes:
        """See Decoder."""
        return bytes(self._frame.unused_data) + self._packed

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """See Decoder."""
        packed = memoryview(self._packed + data)
        at, out = 0, b""
        while not out and at < len(packed) and not self._frame.eof:
            out = self._frame.decompress(packed[at : at + _ZSTD_FED])
            at += _ZSTD_FED
        self._packed = bytes(packed[at:])
        return out


DECODERS: dict[str, Callable[[], Decoder]] = {
    "gz": lambda: Inflater(31),
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2 * WINDOW_BYTES),
    "zst": Zstandard,
}


def unpacked(start: Callable[[], Decoder], packed: Iterable[bytes], *, many: bool = True) -> Iterator[bytes]:
    """What is in a compressed stream, in pieces of a few MiB at most.

    Args:
        start: makes a decoder.
        packed: never an empty piece.
        many: other streams may follow the first one, and zeros.

    Raises:
        Damaged: it is wrong from here on, or cut off.
        NeedsMemory
    """
    source = iter(packed)
    data = next(source, b"")
    while True:
        decoder = start()
        while not decoder.eof:
            out = _step(decoder, data)
            if out:
                yield out
            data = b""
            if not decoder.eof and decoder.needs_input and not (data := next(source, b"")):
                raise Damaged
        data = decoder.unused_data
        if not many:
            return
        while not (data := data.lstrip(b"\0")):
            if not (data := next(source, b"")):
                return


def _step(decoder: Decoder, data: bytes) -> bytes:
    try:
        return decoder.decompress(data, PIECE)
    except MemoryError as error:
        raise NeedsMemory from error
    except _ERRORS as error:
        if "emory" in str(error):  # "Memory usage limit exceeded", "Frame requires too much memory …"
            raise NeedsMemory from error
        raise Damaged from error


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    """A file from where it stands, in pieces."""
    return iter(lambda: file.read(PIECE), b"")


class _Pieces(io.RawIOBase):
    """Pieces as a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def as_file(pieces: Iterable[bytes]) -> io.BufferedReader:
    """Pieces as a file that is read once; what they raise, reading raises."""
    return io.BufferedReader(_Pieces(pieces), PIECE)


def is_tar(head: bytes) -> bool:
    """Whether these first bytes are those of a tar: the checksum of its first header is right."""
    if len(head) < _BLOCK or not head[0]:
        return False
    digits = head[148:156].strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        return False
    return int(digits, 8) == sum(head[:148]) + 8 * 32 + sum(head[156:_BLOCK])


class _Header(tarfile.TarInfo):
    """A header that tells its archive what it met: `tarfile` goes on, or ends, without a word."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _Header:
        assert isinstance(archive, Tar)
        try:
            header = super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            archive.ended = True
            raise
        except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError:
            archive.is_damaged = True
            raise
        archive.ended = False
        return header


class Tar(tarfile.TarFile):
    """A tar that is read from its beginning to its end, once.

    It goes on behind damage and behind the end of one archive to the next, and notes what it met.
    """

    tarinfo = _Header
    is_damaged = False  # something in it is no header where one should be
    ended = False  # the mark of an end came after the last member

    @classmethod
    def of(cls, file: IO[bytes], *, seekable: bool = False) -> Tar:
        """Open a tar.

        Raises:
            TAR_ERRORS, and what reading the file raises.
        """
        mode = "r:" if seekable else "r|"
        return cls.open(fileobj=file, mode=mode, ignore_zeros=True, encoding="utf-8")  # type: ignore[call-overload, no-any-return]

    def members_once(self) -> Iterator[tarfile.TarInfo]:
        """Each member, to be read before the next is asked for.

        Raises:
            Damaged, TAR_ERRORS, and what reading the file raises.
        """
        while (member := self.next()) is not None:
            self.members: list[tarfile.TarInfo] = []  # it would keep them all
            if member.size < 0:  # a way back, and so around for ever
                raise Damaged
            yield member
