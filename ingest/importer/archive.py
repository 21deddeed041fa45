"""Takes archives and compressed mailboxes apart: zip, tar, gzip, bzip2, xz, zstandard, also one in another.

Nothing is ever written under a name from an archive, nor anywhere else: members are streams. Positions count
the bytes of an archive as it is unpacked (of a zip: of its members, one after the other), so that a later
start finds the same places.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from typing import IO

from ingest import packed
from ingest.importer.kinds import HEAD_BYTES, Kind, container_kind
from ingest.importer.loose import is_message, is_unfinished, place_of, unwrapped
from ingest.importer.mbox import split_mbox
from ingest.importer.messages import SMALL_BYTES
from ingest.importer.pieces import CHUNK, Broken, End, File, Foreign, Lost, Part, Pieces, Start, Stream, Whole
from ingest.importer.pst import split_pst

DEPTH = 3  # archive in archive in archive
MEMBERS = 1_000_000
HELD_BYTES = 48 << 20  # an Outlook store or a zip within an archive is held in memory
_RATIO, _FREE_BYTES = 200, 1 << 30  # so much may come out of one byte, beyond what is free
_ERRORS = (
    *(OSError, EOFError, ValueError, LookupError, RuntimeError, NotImplementedError, OverflowError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, packed.Damaged, packed.NeedsMemory, *packed.TAR_ERRORS),
)
_DAMAGED = "it is damaged or cut off"


class Budget:
    """What may be unpacked of one container in all: a bomb is cut off, a mailbox is not.

    Args:
        size: of the container, in bytes.
    """

    def __init__(self, size: int) -> None:
        self._left = max(_FREE_BYTES, _RATIO * size)
        self._members = MEMBERS

    def spend(self, count: int) -> None:
        """Note what was unpacked.

        Raises:
            Broken: it is too much.
        """
        self._left -= count
        if self._left < 0:
            raise Broken("TOO_LARGE: it unpacks to far more than mail does")

    def count_member(self) -> None:
        """Note a member.

        Raises:
            Broken: there are too many.
        """
        self._members -= 1
        if self._members < 0:
            raise Broken(f"TOO_LARGE: it has more than {MEMBERS} members")


class Unpacked:
    """What a library unpacks, as a Stream."""

    def __init__(self, source: IO[bytes], budget: Budget, head: bytes = b"") -> None:
        self._source = source
        self._budget = budget
        self._head = head
        self._at = 0

    def read(self, count: int) -> bytes:
        """See Stream."""
        if self._head:
            data, self._head = self._head[:count], self._head[count:]
        else:
            data = self._unpack(count)
        self._at += len(data)
        return data

    def seek(self, offset: int) -> None:
        """See Stream."""
        while self._at < offset and self.read(min(CHUNK, offset - self._at)):
            pass

    def peek(self, offset: int, count: int) -> bytes | None:
        """See Stream."""
        return None

    def look(self, count: int) -> bytes:
        """The first bytes, which stay."""
        assert self._at == 0
        while len(self._head) < count and (data := self._unpack(count - len(self._head))):
            self._head += data
        return self._head

    def _unpack(self, count: int) -> bytes:
        try:
            data: bytes = getattr(self._source, "read1", self._source.read)(count)
        except Broken:
            raise
        except _ERRORS as error:
            raise Broken(_DAMAGED) from error
        self._budget.spend(len(data))
        return data


class _Raw(io.RawIOBase):
    """A stream as a file for libraries; seekable where it is a file itself."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._size = stream.size if isinstance(stream, File) else None
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._size is not None

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        if self._size is None:
            raise io.UnsupportedOperation("seek")
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        self._stream.seek(self._at)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def as_file(stream: Stream) -> io.BufferedReader:
    """A stream as a file."""
    return io.BufferedReader(_Raw(stream), CHUNK)


def split_packed(stream: Stream, name: str, budget: Budget, start: int, depth: int = 0) -> Pieces:
    """What is in one compressed stream."""
    source = as_file(stream)
    magic = source.peek(8)[:8]
    suffix = next(suffix for suffix, mark in packed.MARKS.items() if magic.startswith(mark))
    opened = packed.as_file(packed.unpacked(packed.DECODERS[suffix], packed.pieces_of(source)))
    inner = name.removesuffix(f".{suffix}").removesuffix(".tgz") or name
    yield from split_any(Unpacked(opened, budget), inner, "", budget, start, depth + 1)


def split_any(stream: Unpacked, name: str, place: str, budget: Budget, start: int, depth: int) -> Pieces:
    """What is in a stream that may be anything.

    Args:
        name: its file name.
        place: what the keys of what is in it begin with; the key of itself, if it is a message.
        start: a position within it.
    """
    head = stream.look(HEAD_BYTES)
    kind = container_kind(head, name)
    if kind is None:
        yield from _one(stream, name, place or name, head)
        return
    if kind is not Kind.MBOX and depth > DEPTH:
        yield Lost(place or name, f"an archive in an archive, more than {DEPTH} deep", start)
        return
    inside = f"{place}/" if place else ""
    match kind:
        case Kind.MBOX:
            yield from _within(split_mbox(stream, start), inside)
        case Kind.TAR:
            yield from _within(split_tar(stream, budget, start, depth), inside)
        case Kind.PACKED:
            yield from _within(split_packed(stream, name, budget, start, depth), inside)
        case Kind.ZIP | Kind.PST:
            held = bytearray()
            while len(held) <= HELD_BYTES and (data := stream.read(CHUNK)):
                held += data
            if len(held) > HELD_BYTES:
                why = f"TOO_LARGE: inside an archive it may have {HELD_BYTES >> 20} MiB; unpack it first"
                yield Lost(place or name, why, start)
                return
            file = io.BytesIO(held)
            del held
            if kind is Kind.PST:
                yield from _within(split_pst(file, start, 0), inside)
            else:
                yield from _within(split_zip(file, budget, start, depth + 1), inside)


def _one(stream: Stream, name: str, key: str, head: bytes) -> Pieces:
    """A member that is one message, or nothing of ours."""
    if is_unfinished(key) or not is_message(head, name):
        yield Foreign()
        return
    key = place_of(key)
    held, size = bytearray(), 0
    while len(held) <= SMALL_BYTES and (data := stream.read(CHUNK)):
        held += data
    size = len(held)
    if size <= SMALL_BYTES:
        yield Whole(key, unwrapped(bytes(held), name), size)
        return
    yield Start(key)
    yield Part(bytes(held))
    del held
    while data := stream.read(CHUNK):
        size += len(data)
        yield Part(data)
    yield End(size)


def split_tar(stream: Stream, budget: Budget, start: int, depth: int) -> Pieces:
    """The members of a tar."""
    file = as_file(stream)
    try:
        with packed.Tar.of(file, seekable=file.seekable()) as tar:
            for member in tar.members_once():
                budget.count_member()
                base, end = member.offset_data, member.offset_data + member.size
                if not member.isfile() or member.issparse() or end <= start:
                    continue
                content = tar.extractfile(member)
                assert content is not None, "a file has content"
                yield from _member(content, member.name, budget, base, member.size, start, depth)
            if tar.is_damaged:
                raise Broken(_DAMAGED)
    except Broken:
        raise
    except _ERRORS as error:
        raise Broken(_DAMAGED) from error


def split_zip(file: IO[bytes], budget: Budget, start: int, depth: int) -> Pieces:
    """The members of a zip."""
    try:
        archive = zipfile.ZipFile(file)
    except _ERRORS as error:
        raise Broken(_DAMAGED) from error
    base = 0
    with archive:
        for member in archive.infolist():
            budget.count_member()
            end = base + member.file_size + 1
            if not member.is_dir() and end > start:
                if member.flag_bits & 1:
                    yield Lost(_place(member.filename), "protected by a password", end)
                else:
                    try:
                        content = archive.open(member)
                    except _ERRORS:
                        yield Lost(_place(member.filename), _DAMAGED, end)
                    else:
                        with content:
                            yield from _member(
                                content, member.filename, budget, base, member.file_size + 1, start, depth
                            )
            base = end


def _member(
    content: IO[bytes], untrusted_name: str, budget: Budget, base: int, size: int, start: int, depth: int
) -> Pieces:
    """What is in one member; its positions are moved to where it lies, and one after it ends it."""
    place = _place(untrusted_name)
    last = base + max(0, size - 1)
    try:
        stream = Unpacked(content, budget)
        pieces = split_any(stream, place.rpartition("/")[2], place, budget, max(0, start - base), depth)
        for piece in pieces:
            match piece:
                case Whole(key, message, position):
                    yield Whole(key, message, min(base + position, last))
                case End(position):
                    yield End(min(base + position, last))
                case Lost(key, why, position, missed):
                    yield Lost(key, why, min(base + position, last), missed)
                case _:
                    yield piece
    except Broken as error:
        if str(error).startswith("TOO_LARGE"):
            raise
        yield Lost(place, str(error), last)


def _within(pieces: Pieces, inside: str) -> Pieces:
    """Pieces with the place that they are in before their keys."""
    for piece in pieces:
        match piece:
            case Whole(key, content, position):
                yield Whole(inside + key, content, position)
            case Start(key):
                yield Start(inside + key)
            case Lost(key, why, position, missed):
                yield Lost(inside + key, why, position, missed)
            case _:
                yield piece


def _place(untrusted_name: str) -> str:
    """A member's path as a key: nothing is opened by it, but nothing should look as if it were."""
    parts = untrusted_name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "unnamed"
