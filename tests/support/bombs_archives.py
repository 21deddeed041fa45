"""Bombs that are archives: what they unpack to, what they say of it, and what is inside of what."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable

import zstandard

from tests.support.bomb import CHILDREN, TEXT, Made, bomb

MIB = 1 << 20
_ZEROS = bytes(16 * MIB)


def packed(members: Iterable[tuple[str, bytes]], level: int = 6) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


@bomb(TEXT, "TOO_LARGE")
def zip_of_zips() -> Made:
    """Sixteen in each of sixteen, six levels down: 16 million times 64 MiB."""
    content = packed([("zeros", bytes(64 * MIB))], level=9)
    for level in range(6):
        content = packed((f"{level}/{n}.zip", content) for n in range(16))
    return "42.zip", content


@bomb(TEXT)
def quine_zip() -> Made:
    """A zip that holds itself, and so on for ever."""
    return "r.zip", quine()


def quine() -> bytes:
    """A zip whose only member is the zip itself.

    Source: Russ Cox, "Zip Files All The Way Down" (2010). A program in an assembler of two instructions,
    both five bytes long, prints itself: a stored block prints what follows, a compressed one prints again
    what was printed last. The checksums in it are the solution of linear equations.
    """
    size = 0
    for _ in range(3):  # until its length no longer changes what it says of its length
        size = len(_quine(size, 0))
    rows = []
    at_zero = zlib.crc32(_quine(size, 0))
    for bit in range(32):
        column = zlib.crc32(_quine(size, 1 << bit)) ^ at_zero ^ (1 << bit)
        rows.append((column, 1 << bit))
    checksum, wanted = 0, at_zero
    for bit in reversed(range(32)):  # Gauss
        pivot = next((row for row in rows if row[0] >> bit & 1), None)
        if pivot is None:
            assert not wanted >> bit & 1
            continue
        rows = [(r[0] ^ pivot[0], r[1] ^ pivot[1]) if r[0] >> bit & 1 else r for r in rows if r is not pivot]
        if wanted >> bit & 1:
            wanted ^= pivot[0]
            checksum ^= pivot[1]
    content = _quine(size, checksum)
    assert zlib.crc32(content) == checksum
    return content


def _quine(size: int, checksum: int) -> bytes:
    name = b"r.zip"
    squeezed = 0 if size == 0 else size - (30 + len(name)) - (46 + len(name) + 22 + 1)
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, checksum, squeezed, size, len(name), 0)
    p = b"PK\3\4" + facts + name
    directory = b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\5\6" + struct.pack(
        "<HHHHIIH", 0, 0, 1, 1, len(directory), max(size - len(directory) - 23, 0), 1
    )
    s = b"\1\0\0\xff\xff" + directory + end + b"\xff"

    def print_next(count: int) -> bytes:
        return struct.pack("<BHH", 0, count, count ^ 0xFFFF)

    lp, ls, l0, l1, l4 = (print_next(n) for n in (len(p) + 5, len(s) + 5, 0, 5, 20))
    rp, rs, r4 = _print_again(len(p) + 5, 0xFF), _print_again(len(s) + 5, 0xFF), _print_again(20)
    program = [
        p,
        lp,
        p,
        lp,
        rp,
        l1,
        rp,
        l1,
        l1,
        l4,
        rp,
        l1,
        l1,
        l4,
        r4,
        l4,
        r4,
        l4,
        r4,
        l4,
        r4,
        l4,
        r4,
        l0,
        l0,
    ]
    return b"".join([*program, ls, r4, l0, l0, ls, rs, s, rs, s])


_LENGTHS = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
]
_LENGTHS += [
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
]
_DISTANCES = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
]
_DISTANCES += [(65, 5), (97, 5), (129, 6)]


def _print_again(count: int, last: int | None = None) -> bytes:
    """Five bytes of deflate that print again the last `count` bytes; `last` is the last of them, printed as
    itself, or there are two halves (RFC 1951, fixed codes).
    """
    bits = "010"  # not the last block; fixed codes, lowest bit first
    lengths = [count // 2, count - count // 2] if last is None else [count - 1]
    for length in lengths:
        code = max(n for n, (low, _) in enumerate(_LENGTHS) if low <= length)
        low, extra = _LENGTHS[code]
        bits += f"{code + 1:07b}" + f"{length - low:0{extra}b}"[::-1] * bool(extra)
        code = max(n for n, (low, _) in enumerate(_DISTANCES) if low <= count)
        low, extra = _DISTANCES[code]
        bits += f"{code:05b}" + f"{count - low:0{extra}b}"[::-1] * bool(extra)
    if last is not None:
        bits += f"{0b110010000 + last - 144:09b}"
    bits += "0000000"
    assert 38 <= len(bits) <= 40
    bits = bits.ljust(40, "0")
    return bytes(int(bits[n : n + 8][::-1], 2) for n in range(0, 40, 8))


@bomb(TEXT, "TOO_LARGE", "TRUNCATED")
def overlapping_zip() -> Made:
    """A thousand members that share the same packed bytes: gigabytes out of 100 kB, and no nesting."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = kernel.compress(bytes(32 * MIB)) + kernel.flush()
    crc = zlib.crc32(bytes(32 * MIB))
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(body), 32 * MIB, 1, 0)
    local = b"PK\3\4" + facts + b"a" + body
    entry = b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a"
    directory = entry * 1000
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1000, 1000, len(directory), len(local), 0)
    return "overlap.zip", local + directory + end


@bomb(TEXT, "TOO_LARGE", "TRUNCATED", slow=True)
def zip_that_lies() -> Made:
    """It says that its member has a hundred bytes."""
    content = packed([("a.txt", bytes(96 * MIB))], level=9)
    size = struct.pack("<I", 96 * MIB)
    return "lies.zip", content.replace(size, struct.pack("<I", 100))


@bomb(TEXT, "TOO_LARGE", "EMPTY", slow=True)
def zip_of_many() -> Made:
    """A hundred thousand members of no bytes."""
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, 0, 0, 0, 6, 0)
    local = b"".join(b"PK\3\4" + facts + b"%06d" % n for n in range(100_000))
    rest = struct.pack("<HHHI", 0, 0, 0, 0)
    entries = (
        b"PK\1\2" + struct.pack("<H", 20) + facts + rest + struct.pack("<I", 36 * n) + b"%06d" % n
        for n in range(100_000)
    )
    directory = b"".join(entries)
    at = len(local) + len(directory)
    end64 = b"PK\6\6" + struct.pack(
        "<QHHIIQQQQ", 44, 45, 45, 0, 0, 100_000, 100_000, len(directory), len(local)
    )
    end64 += b"PK\6\7" + struct.pack("<IQI", 0, at, 1)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, len(directory), len(local), 0)
    return "many.zip", local + directory + end64 + end


def _again(pack: Callable[[bytes], bytes], times: int) -> bytes:
    """Streams one behind the other unpack to everything."""
    return pack(_ZEROS) * times


@bomb(TEXT, CHILDREN, "TOO_LARGE", slow=True)
def gzip_bomb() -> Made:
    return "zeros.gz", _again(lambda zeros: gzip.compress(zeros, 9, mtime=0), 640)


@bomb(TEXT, CHILDREN, "TOO_LARGE")
def bzip2_bomb() -> Made:
    return "zeros.bz2", _again(bz2.compress, 640)


@bomb(TEXT, CHILDREN, "TOO_LARGE", slow=True)
def xz_bomb() -> Made:
    return "zeros.xz", _again(lambda zeros: lzma.compress(zeros, preset=0), 640)


@bomb(TEXT, CHILDREN, "TOO_LARGE")
def xz_with_a_huge_dictionary() -> Made:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    content = bytearray(lzma.compress(b"words of a letter", filters=filters))
    header = bytes(content[12:24])  # one block header of twelve bytes (xz-file-format 1.1, 3.1)
    content[12:24] = (changed := header[:4] + b"\x28" + header[5:8]) + struct.pack("<I", zlib.crc32(changed))
    return "window.xz", bytes(content)


@bomb(TEXT, CHILDREN, "TOO_LARGE")
def zstd_bomb() -> Made:
    return "zeros.zst", _again(zstandard.ZstdCompressor(level=3).compress, 4000)


@bomb(TEXT, CHILDREN, "TOO_LARGE", "TRUNCATED")
def zstd_with_a_huge_window() -> Made:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=30)
    return "window.zst", zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(1 * MIB))


@bomb(TEXT, CHILDREN, "TOO_LARGE", "TRUNCATED")
def compressed_a_thousand_times() -> Made:
    content = b"words of a letter"
    for _ in range(1000):
        content = gzip.compress(content, 1, mtime=0)
    return "again.gz", content


@bomb(TEXT, "TOO_LARGE", "TRUNCATED")
def tar_with_a_huge_member() -> Made:
    """Its only member says that it has 2**62 bytes; a second one that it is that much with holes."""
    info = tarfile.TarInfo("a.txt")
    info.size = 1 << 62
    holes = tarfile.TarInfo("b.txt")
    holes.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": f"{1 << 62}",
    }
    return "huge.tar", holes.tobuf(tarfile.PAX_FORMAT) + info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)


@bomb(TEXT, CHILDREN, "TOO_LARGE", "EMPTY", slow=True)
def tar_of_many() -> Made:
    """A million members of no bytes, in a megabyte."""
    header = tarfile.TarInfo("a.txt").tobuf()
    return "many.tar.gz", gzip.compress(header * 100_000, 1, mtime=0) * 10


@bomb(TEXT, "TOO_LARGE", "TRUNCATED", "UNSUPPORTED")
def tar_with_long_headers() -> Made:
    """Extended headers of a gigabyte each, and a chain of long names."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 512
    links = (name.tobuf(tarfile.GNU_FORMAT) + b"a" * 512) * 10_000
    return "headers.tar", links + info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)


def seven(header: bytes, body: bytes = b"") -> bytes:
    """A 7z archive around the header that describes it (7zFormat.txt)."""
    start = struct.pack("<QQI", len(body), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + body + header


def _number(value: int) -> bytes:
    """As 7z writes a number, in its longest form."""
    return b"\xff" + struct.pack("<Q", value)


def seven_zip(body: bytes, unpacked: int, dictionary: int, files: int = 1) -> bytes:
    """One folder, packed by LZMA1, with so many files in it; what it says of itself need not be true."""
    coder = b"\1\x23\3\1\1\5" + b"\x5d" + struct.pack("<I", dictionary)
    streams = b"\6\0\1\x09" + _number(len(body)) + b"\0"
    folder = b"\7\x0b\1\0" + coder + b"\x0c" + _number(unpacked) + b"\0"
    name = "a.txt\0".encode("utf-16-le")
    names = b"\x11" + _number(1 + len(name)) + b"\0" + name
    return seven(b"\1\4" + streams + folder + b"\0" + b"\5" + _number(files) + names + b"\0\0", body)


def _lzma(content: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 0, "dict_size": 1 << 16}]
    return lzma.compress(content, format=lzma.FORMAT_RAW, filters=filters)


@bomb(TEXT, CHILDREN, "TOO_LARGE", slow=True)
def seven_zip_bomb() -> Made:
    return "zeros.7z", seven_zip(_lzma(bytes(96 * MIB)), 96 * MIB, 1 << 16)


@bomb(TEXT, CHILDREN, "TOO_LARGE", "TRUNCATED")
def seven_zip_that_lies() -> Made:
    return "lies.7z", seven_zip(_lzma(b"words"), 1 << 60, 0xFFFFFFFF)


@bomb(TEXT, "TOO_LARGE", "TRUNCATED")
def seven_zip_of_many() -> Made:
    return "many.7z", seven_zip(_lzma(b"words"), 5, 1 << 16, files=1 << 40)
