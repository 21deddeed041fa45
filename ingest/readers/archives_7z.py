"""The members of a 7z archive: its header, and the streams that its files lie in one behind the other.

Source: 7zFormat.txt of the LZMA SDK. The methods are in `archives_coders.py`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingest.packed import Damaged, NeedsMemory
from ingest.readers.archives_coders import Coder, decoded
from ingest.readers.archives_member import Foreign, Locked, Member, Meter, stretch
from ingest.readers.draft import Document

MARK = b"7z\xbc\xaf\x27\x1c"
_START = struct.Struct("<6s2sIQQI")
_HEADER_BYTES = 64 << 20  # unpacked; a million files take about as much
_WRAPPED = 4  # times that a header may be packed, and locked; nobody does it twice
(_END, _HEADER, _MAIN, _FILES, _PACKED, _FOLDERS, _STREAMS) = (0, 1, 4, 5, 6, 7, 8)
(_SIZE, _CRC, _FOLDER, _SIZES, _COUNTS) = (9, 10, 11, 12, 13)
(_NO_STREAM, _NO_CONTENT, _NAMES, _ATTRIBUTES, _ENCODED) = (14, 15, 17, 21, 23)
_FOLDER_BIT, _UNIX_BIT, _UNIX_KINDS, _UNIX_FILE, _REPARSE_BIT = 0x10, 0x8000, 0xF000, 0x8000, 0x400


@dataclass
class _Folder:
    """One stream of files, and the coders that it went through, in the order in which they are undone."""

    coders: list[Coder]
    order: list[int]  # the number of each of them
    streams: int  # packed streams that go into it
    outputs: int  # of all its coders
    sizes: list[int] = field(default_factory=list)  # after each coder
    files: list[int] = field(default_factory=list)  # the length of each file in it
    crcs: list[int | None] = field(default_factory=list)
    crc: int | None = None  # of all of it
    packed: tuple[int, int] = (0, 0)  # where it lies in the file, and how many bytes

    @property
    def is_locked(self) -> bool:
        return any(coder.is_lock for coder in self.coders)


@dataclass
class _File:
    name: str
    has_content: bool
    is_folder: bool
    is_other: bool  # a link, or something that is no file


class _Reader:
    """The bytes of a header. No number in it is believed beyond how many bytes there are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise Damaged
        self._at += count
        return self._data[self._at - count : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """Of the first byte, each leading 1 bit stands for a byte that follows; the rest of it is highest."""
        first = self.byte()
        more = 0
        while more < 8 and first & (0x80 >> more):
            more += 1
        low = int.from_bytes(self.take(more), "little")
        return low if more == 8 else low | ((first & (0x7F >> more)) << (8 * more))

    def count(self, most: int = 1_000_000) -> int:
        """A number of things."""
        number = self.number()
        if number > most:
            raise Damaged
        return number

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def bits(self, count: int) -> list[bool]:
        packed = self.take((count + 7) // 8)
        return [bool(packed[n // 8] & (0x80 >> n % 8)) for n in range(count)]

    def bits_or_all(self, count: int) -> list[bool]:
        return [True] * count if self.byte() else self.bits(count)

    def crcs(self, count: int) -> list[int | None]:
        return [
            int.from_bytes(self.take(4), "little") if known else None for known in self.bits_or_all(count)
        ]

    def expect(self, kind: int) -> None:
        if self.byte() != kind:
            raise Damaged


def sevenzip_members(document: Document, missing: list[str], meter: Meter) -> Iterator[Member]:
    """Every file in a 7z archive.

    Args:
        missing: takes what is wrong with the archive as a whole, in words for the owner.
        meter: sees all that is unpacked.

    Raises:
        Damaged, NeedsMemory, Locked, Foreign: nothing in it can be named.
    """
    folders, files = _contents(document)
    others = sum(file.is_other for file in files)
    if others:
        missing.append(f"{others:,} links were left out")
    opened = _opened(document, folders, meter)
    for file in files:
        if file.is_folder:
            continue
        if not file.has_content:
            if not file.is_other:
                yield Member(file.name, 0, ())
            continue
        one = next(opened, None)
        if one is None:
            raise Damaged
        if not file.is_other:
            yield Member(file.name, one.size, one.pieces())


class _One:
    """One file in a stream."""

    def __init__(self, stream: _Stream, size: int, crc: int | None) -> None:
        self.size = size
        self._stream = stream
        self._crc = crc

    def pieces(self) -> Iterator[bytes]:
        seen = 0
        for piece in self._stream.rest():
            seen = zlib.crc32(piece, seen)
            yield piece
        if self._crc is not None and seen != self._crc:
            raise self._stream.fault()


class _Stream:
    """What comes out of a folder, cut into its files."""

    def __init__(self, document: Document, folder: _Folder, meter: Meter) -> None:
        self._folder = folder
        packed = stretch(document.stream, *folder.packed)
        self._pieces = meter(decoded(packed, folder.coders, folder.sizes, document.job.password))
        self._rest = b""
        self._skip = self._left = 0  # of the files before, and of this one
        self._fault: Exception | None = None
        self._given = document.job.password is not None

    def fault(self) -> Exception:
        """What is wrong where the content is: a wrong password unpacks to nonsense."""
        return Locked(given=self._given) if self._folder.is_locked else Damaged()

    def begin(self, size: int) -> None:
        """Go on to the next file; it need not be read."""
        self._skip += self._left
        self._left = size

    def rest(self) -> Iterator[bytes]:
        """What has not been read of the file."""
        while self._skip:
            self._skip -= len(self._next(self._skip))
        while self._left:
            piece = self._next(self._left)
            self._left -= len(piece)
            yield piece

    def _next(self, most: int) -> bytes:
        if self._fault is None and not self._rest:
            try:
                self._rest = next(self._pieces, b"")
                self._fault = None if self._rest else self.fault()
            except Damaged:
                self._fault = self.fault()
            except (NeedsMemory, Locked, Foreign) as error:
                self._fault = error
        if self._fault is not None:
            raise self._fault
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece


def _opened(document: Document, folders: Sequence[_Folder], meter: Meter) -> Iterator[_One]:
    for folder in folders:
        stream = _Stream(document, folder, meter)
        for size, crc in zip(folder.files, folder.crcs, strict=True):
            stream.begin(size)
            yield _One(stream, size, crc)


def _contents(document: Document) -> tuple[list[_Folder], list[_File]]:
    reader, is_locked = _header(document)
    folders, files = list[_Folder](), list[_File]()
    if reader is None:
        return folders, files
    try:
        reader.expect(_HEADER)
        while (part := reader.byte()) != _END:
            if part == _FILES:
                files = _files(reader)
            elif part == _MAIN:
                folders = _streams(reader)
            else:  # properties of the archive, and streams of its own for them: nobody writes them
                raise Damaged
    except Damaged:
        if is_locked:  # a wrong password unpacks to nonsense
            raise Locked(given=True) from None
        raise
    return folders, files


def _header(document: Document) -> tuple[_Reader | None, bool]:
    """The header at its first byte (None: it has none), and whether it was locked."""
    document.stream.seek(0)
    start = document.stream.read(_START.size)
    if len(start) < _START.size:
        raise Damaged
    _, _, _, offset, size, crc = _START.unpack(start)
    if size == 0:
        return None, False
    if _START.size + offset + size > document.size or size > _HEADER_BYTES:
        raise Damaged
    header = b"".join(stretch(document.stream, _START.size + offset, size))
    if zlib.crc32(header) != crc:
        raise Damaged
    is_locked = False
    for _ in range(_WRAPPED):
        if header[0] != _ENCODED:
            break
        folders = _streams(_Reader(header[1:]))
        if len(folders) != 1 or folders[0].sizes[-1] > _HEADER_BYTES:
            raise Damaged
        is_locked = folders[0].is_locked
        stream = _Stream(document, folders[0], iter)
        stream.begin(folders[0].sizes[-1])
        header = b"".join(stream.rest())
        if not header or (folders[0].crc is not None and zlib.crc32(header) != folders[0].crc):
            raise stream.fault()
    return _Reader(header), is_locked


def _streams(reader: _Reader) -> list[_Folder]:
    """The folders, each with its place in the file."""
    position, packed, folders = 0, list[int](), list[_Folder]()
    part = reader.byte()
    if part == _PACKED:
        position, packed = _packed(reader)
        part = reader.byte()
    if part == _FOLDERS:
        folders = _folders(reader)
        part = reader.byte()
    for folder in folders:
        folder.files, folder.crcs = [folder.sizes[-1]], [folder.crc]
    if part == _STREAMS:
        _cut_into_files(reader, folders)
        part = reader.byte()
    if part != _END:
        raise Damaged
    used = 0
    for folder in folders:
        lengths = packed[used : used + folder.streams]
        if len(lengths) < folder.streams:
            raise Damaged
        folder.packed = _START.size + position, lengths[0]
        position += sum(lengths)
        used += folder.streams
    return folders


def _packed(reader: _Reader) -> tuple[int, list[int]]:
    """Where the packed streams begin, and how long each is."""
    position, count = reader.number(), reader.count()
    sizes = [0] * count
    while (part := reader.byte()) != _END:
        if part == _SIZE:
            sizes = [reader.number() for _ in range(count)]
        elif part == _CRC:
            reader.crcs(count)
        else:
            raise Damaged
    return position, sizes


def _folders(reader: _Reader) -> list[_Folder]:
    reader.expect(_FOLDER)
    count = reader.count()
    reader.expect(0)  # they stand here, and not elsewhere
    folders = [_folder(reader) for _ in range(count)]
    reader.expect(_SIZES)
    for folder in folders:
        sizes = [reader.number() for _ in range(folder.outputs)]
        folder.sizes = [sizes[n] for n in folder.order]
    while (part := reader.byte()) != _END:
        if part != _CRC:
            raise Damaged
        for folder, crc in zip(folders, reader.crcs(count), strict=True):
            folder.crc = crc
    return folders


def _folder(reader: _Reader) -> _Folder:
    """One folder, its sizes yet to come.

    Where several streams go into one coder (BCJ2), that one stands for all: it cannot be undone here.
    """
    coders = [_coder(reader) for _ in range(reader.count(32))]
    source = {reader.count(): reader.count() for _ in range(len(coders) - 1)}  # input -> coder
    inputs = sum(coder.inputs for coder in coders)
    streams = inputs - len(source)
    if not coders or streams < 1:
        raise Damaged
    if streams > 1:
        for _ in range(streams):
            reader.count()
    order = [n for n in range(len(coders)) if n not in source.values()]
    if inputs > len(coders):
        several = next(coder for coder in coders if coder.inputs > 1)
        return _Folder([several], order[:1], streams, len(coders))
    while order and order[-1] in source and len(order) < len(coders):
        order.append(source[order[-1]])
    if len(order) != len(coders) or max(order) >= len(coders):
        raise Damaged
    order.reverse()
    return _Folder([coders[n] for n in order], order, streams, len(coders))


def _coder(reader: _Reader) -> Coder:
    flags = reader.byte()
    method = reader.take(flags & 0xF)
    inputs, outputs = (reader.count(32), reader.count(32)) if flags & 0x10 else (1, 1)
    properties = reader.take(reader.count()) if flags & 0x20 else b""
    if inputs < 1 or outputs != 1:
        raise Damaged
    return Coder(method, properties, inputs)


def _cut_into_files(reader: _Reader, folders: Sequence[_Folder]) -> None:
    """How many files are in each folder, how long each is, and their checksums."""
    counts = [1] * len(folders)
    part = reader.byte()
    if part == _COUNTS:
        counts = [reader.count() for _ in folders]
        part = reader.byte()
    sized = part == _SIZE
    for folder, count in zip(folders, counts, strict=True):
        if count > 1 and not sized:
            raise Damaged
        sizes = [reader.number() for _ in range(count - 1)]
        last = folder.sizes[-1] - sum(sizes)
        if last < 0:
            raise Damaged
        folder.files = [*sizes, last] if count else []
    if sized:
        part = reader.byte()
    unknown = [folder for folder in folders if len(folder.files) != 1 or folder.crc is None]
    crcs: Iterator[int | None] = iter(())
    while part != _END:
        if part != _CRC:
            raise Damaged
        crcs = iter(reader.crcs(sum(len(folder.files) for folder in unknown)))
        part = reader.byte()
    for folder in folders:
        if len(folder.files) == 1 and folder.crc is not None:
            folder.crcs = [folder.crc]
        else:
            folder.crcs = [next(crcs, None) for _ in folder.files]


def _files(reader: _Reader) -> list[_File]:
    count = reader.count()
    names: list[str] = []
    no_stream, no_content = [False] * count, list[bool]()
    attributes: list[int | None] = [None] * count
    while (part := reader.number()) != _END:
        field_ = _Reader(reader.take(reader.number()))
        if part == _NO_STREAM:
            no_stream = field_.bits(count)
        elif part == _NO_CONTENT:
            no_content = field_.bits(sum(no_stream))
        elif part == _NAMES:
            field_.expect(0)
            names = field_.rest().decode("utf-16-le", "replace").split("\0")[:count]
        elif part == _ATTRIBUTES:
            known = field_.bits_or_all(count)
            field_.expect(0)
            attributes = [int.from_bytes(field_.take(4), "little") if each else None for each in known]
    if len(names) != count:
        raise Damaged
    empty_files = iter(no_content)
    return [
        _file(name, attribute or 0, has_content=not empty, is_empty=empty and next(empty_files, False))
        for name, attribute, empty in zip(names, attributes, no_stream, strict=True)
    ]


def _file(name: str, attributes: int, *, has_content: bool, is_empty: bool) -> _File:
    kind = attributes >> 16 & _UNIX_KINDS if attributes & _UNIX_BIT else 0
    is_folder = not has_content and (not is_empty or bool(attributes & _FOLDER_BIT))
    is_other = not is_folder and (kind not in (0, _UNIX_FILE) or bool(attributes & _REPARSE_BIT))
    return _File(name, has_content, is_folder, is_other)
