"""Bombs that are pictures: of a size that cannot be, with more in them than one sees, or hard to read."""

from __future__ import annotations

import io
import random
import struct
import zlib

from PIL import Image, ImageDraw

from tests.support.bomb import SCANS, Made, bomb, squeezed_zeros

_REFUSED = ("TOO_LARGE", "TRUNCATED", "IMAGE_ONLY", "UNSUPPORTED")


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (*chunks, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _header(width: int, height: int, depth: int = 8, colour: int = 0) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def tiff(tags: list[tuple[int, int, int, int]], following: int = 0, rest: bytes = b"") -> bytes:
    """One directory: tag, type, count and value of each entry."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + rest


def _drawn(kind: str, **options: object) -> bytes:
    image = Image.new("L", (600, 120), "white")
    ImageDraw.Draw(image).text((20, 30), "quick brown fox", fill="black", font_size=48)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@bomb(*_REFUSED)
def huge_png() -> Made:
    return "huge.png", png(_header(1_000_000, 1_000_000), (b"IDAT", zlib.compress(bytes(1000))))


@bomb(SCANS, *_REFUSED, slow=True)
def png_of_as_many_pixels_as_may_be() -> Made:
    rows = squeezed_zeros((10_900 * 3 + 1) * 100, 109)
    return "large.png", png(_header(10_900, 10_900, colour=2), (b"IDAT", rows))


@bomb(SCANS, *_REFUSED)
def png_with_a_profile_bomb() -> Made:
    gigabyte = zlib.compress(bytes(64 << 20), 9)
    profile = (b"iCCP", b"a\0\0" + gigabyte)
    words = [(b"zTXt", b"b\0\0" + gigabyte), (b"iTXt", b"c\0\1\0\0\0" + gigabyte)]
    rows = (b"IDAT", zlib.compress(bytes(101 * 100)))
    return "profile.png", png(_header(100, 100), profile, *words * 8, rows)


@bomb(SCANS, *_REFUSED, slow=True)
def png_of_a_million_parts() -> Made:
    rows = (b"IDAT", zlib.compress(bytes(101 * 100)))
    text = b"".join([struct.pack(">I", 3) + b"tEXt" + b"a\0b" + struct.pack(">I", zlib.crc32(b"tEXta\0b"))])
    whole = png(_header(100, 100), rows)
    return "parts.png", whole[:33] + text * 500_000 + whole[33:]


@bomb(*_REFUSED)
def huge_bmp() -> Made:
    header = struct.pack("<IiiHHIIiiII", 40, 2_000_000_000, 2_000_000_000, 1, 24, 0, 0, 0, 0, 0, 0)
    return "huge.bmp", b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header + bytes(100)


@bomb(*_REFUSED)
def huge_gif() -> Made:
    size = struct.pack("<HH", 65_535, 65_535)
    return "huge.gif", b"GIF89a" + size + b"\0\0\0," + struct.pack("<HH", 0, 0) + size + b"\0\2\2\x4c\1\0;"


@bomb(SCANS, *_REFUSED, slow=True)
def gif_of_many_frames() -> Made:
    frame = b"!\xf9\4\0\1\0\0\0," + struct.pack("<HHHH", 0, 0, 100, 100) + b"\0\2\2\x4c\1\0"
    return "frames.gif", b"GIF89a" + struct.pack(
        "<HH", 100, 100
    ) + b"\x80\0\0\0\0\0\xff\xff\xff" + frame * 100_000


@bomb(*_REFUSED)
def huge_webp() -> Made:
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xff\xff\xff" * 2
    return "huge.webp", b"RIFF" + struct.pack("<I", 4 + len(canvas)) + b"WEBP" + canvas


@bomb(SCANS, *_REFUSED)
def huge_jpeg() -> Made:
    whole = _drawn("JPEG")
    at = whole.index(b"\xff\xc0") + 5
    return "huge.jpg", whole[:at] + struct.pack(">HH", 65_500, 65_500) + whole[at + 4 :]


@bomb(SCANS, *_REFUSED, "TIMEOUT", slow=True)
def jpeg_of_many_scans() -> Made:
    """Each of its ten thousand scans of nearly nothing is worked through for the whole picture."""
    image = Image.effect_noise((4_000, 4_000), 50)
    out = io.BytesIO()
    image.save(out, "JPEG", progressive=True, quality=1)
    whole = out.getvalue()
    at = whole.rindex(b"\xff\xda")
    scan = whole[at : whole.index(b"\xff", at + 20)]
    return "scans.jpg", whole[:-2] + scan[:200] * 10_000 + b"\xff\xd9"


@bomb(*_REFUSED)
def huge_tiff() -> Made:
    tags = [(256, 4, 1, 4_000_000_000), (257, 4, 1, 4_000_000_000), (258, 3, 1, 8), (259, 3, 1, 1)]
    tags += [(262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 4_000_000_000), (279, 4, 1, 100)]
    return "huge.tif", tiff(tags)


@bomb(SCANS, *_REFUSED)
def tiff_that_goes_round() -> Made:
    """Its only page is followed by itself."""
    tags = [(256, 4, 1, 10), (257, 4, 1, 10), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    tags += [(277, 3, 1, 1), (278, 4, 1, 10), (279, 4, 1, 100)]
    return "round.tif", tiff(tags, following=8)


@bomb(SCANS, *_REFUSED)
def tiff_of_many_pages() -> Made:
    tags = [(256, 4, 1, 10), (257, 4, 1, 10), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    tags += [(277, 3, 1, 1), (278, 4, 1, 10), (279, 4, 1, 100)]
    length = 2 + 12 * len(tags) + 4
    entries = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    pages = (entries + struct.pack("<I", 8 + length * (n + 1)) for n in range(100_000))
    return "pages.tif", b"II*\0\x08\0\0\0" + b"".join(pages) + entries + bytes(4)


@bomb(SCANS, *_REFUSED)
def tiff_with_a_huge_tag() -> Made:
    tags = [(256, 4, 1, 10), (257, 4, 1, 10), (270, 2, 0xFFFFFFFF, 8), (273, 4, 0x3FFFFFFF, 8)]
    return "tag.tif", tiff([*tags, (279, 4, 0x3FFFFFFF, 8)])


@bomb(SCANS, slow=True)
def noise() -> Made:
    """A page on which there is something to recognise everywhere, and nothing to read."""
    image = Image.effect_noise((2_480, 3_508), 120)
    out = io.BytesIO()
    image.point(lambda value: 255 if value > 128 else 0).save(out, "PNG", compress_level=1)
    return "noise.png", out.getvalue()


@bomb(SCANS, slow=True)
def letters_without_end() -> Made:
    """A page full of tiny letters at all angles."""
    chance = random.Random(4)
    image = Image.new("L", (3_500, 4_900), "white")
    lines = Image.new("L", (3_500, 14 * 20), "white")
    for row in range(20):
        line = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz .,;:|/\\", k=500))
        ImageDraw.Draw(lines).text((0, 14 * row), line, fill="black", font_size=10)
    for y in range(0, 4_900, 14 * 20):
        image.paste(lines, (chance.randrange(20), y))
    out = io.BytesIO()
    image.rotate(7, fillcolor="white").save(out, "PNG", compress_level=1)
    return "letters.png", out.getvalue()
