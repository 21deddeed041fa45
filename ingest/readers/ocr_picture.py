"""A picture of a page made fit for OCR: grey on white, evenly lit, its lines straight. Pillow only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from PIL import Image, ImageChops, ImageFilter, ImageOps

_MAX_PIXELS = 25_000_000  # more is scaled down: an A4 page at 300 dpi is 9 million
_SMALL = 800  # pixels of the longer side: enough to see which way lines run
_MAX_ANGLE = 10  # degrees
_STRAIGHT = 0.3  # degrees that need no turning
_SHADOW = 50  # of 255: paper that is so much darker in one place than in another is lit unevenly
_SAMPLE = 800  # pixels of each side, of the middle of a picture
_GRAIN = 6  # of 255: most pixels of a clean picture differ less from their neighbours
_INK = 0.02  # percent of a page that holds a single line
_WHITE, _BLACK = 255, 0


@dataclass(frozen=True)
class Slant:
    """How the lines of a picture run."""

    angle: float  # degrees by which it is to be turned, counter-clockwise
    clear: float  # how clearly lines are seen: comparable between the same picture upright and on its side


def grey(image: Image.Image) -> Image.Image:
    """Dark letters on white paper, in grey, and not larger than needed."""
    half = 2 if image.width * image.height > _MAX_PIXELS else 1  # before there are more pictures so large
    if image.has_transparency_data:
        if image.mode not in ("RGBA", "LA"):
            image = image.convert("RGBA")
        light = image.convert("L").reduce(half)
        light.paste(_WHITE, mask=ImageChops.invert(image.getchannel("A").reduce(half)))
        image = light
    elif image.mode in ("RGB", "CMYK", "YCbCr"):
        image = image.convert("L").reduce(half)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _narrowed(image)
    image = image.convert("L")
    scale = (_MAX_PIXELS / max(image.width * image.height, 1)) ** 0.5
    if scale < 1:
        image = resized(image, scale)
    if 2 * sum(image.resize((64, 64), Image.Resampling.BOX).histogram()[:110]) > 64 * 64:
        image = ImageChops.invert(image)
    return ImageOps.autocontrast(_smooth(_evenly_lit(image)), cutoff=(_INK, 1))


def _narrowed(image: Image.Image) -> Image.Image:
    """A picture of more than 8 bits a pixel, with 8."""
    image = image.convert("F")
    low, high = cast(tuple[float, float], image.getextrema())
    scale = _WHITE / max(high - low, 1)
    return image.point(lambda value: value * scale - low * scale)


def resized(image: Image.Image, scale: float) -> Image.Image:
    """Larger or smaller."""
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    return image.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX)


def turned(image: Image.Image, angle: float) -> Image.Image:
    """Turned counter-clockwise, with white corners."""
    quarters = {
        90: Image.Transpose.ROTATE_90,
        180: Image.Transpose.ROTATE_180,
        270: Image.Transpose.ROTATE_270,
    }
    if angle % 360 == 0:
        return image
    if angle in quarters:
        return image.transpose(quarters[int(angle)])
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=_WHITE)


def _evenly_lit(image: Image.Image) -> Image.Image:
    """A photograph without its shadows: what is darker than the paper around it."""
    small = image.copy()
    small.thumbnail((200, 200), Image.Resampling.BOX)
    side = max(3, min(small.size) // 12 | 1)
    paper = small.filter(ImageFilter.MaxFilter(min(side, 15))).filter(ImageFilter.GaussianBlur(side))
    shades = sorted(paper.tobytes())
    if shades[-len(shades) // 20] - shades[len(shades) // 20] < _SHADOW:
        return image
    background = paper.resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.invert(ImageChops.subtract(background, image))


def _smooth(image: Image.Image) -> Image.Image:
    """Without the grain of a photograph, in which Tesseract finds no lines."""
    left, top = max(0, image.width - _SAMPLE) // 2, max(0, image.height - _SAMPLE) // 2
    sample = image.crop((left, top, min(left + _SAMPLE, image.width), min(top + _SAMPLE, image.height)))
    grain = ImageChops.difference(sample, sample.filter(ImageFilter.MedianFilter(3))).histogram()
    if sum(grain[:_GRAIN]) * 2 > sum(grain):
        return image
    return image.filter(ImageFilter.GaussianBlur(1))


def slant_of(image: Image.Image) -> Slant:
    """Find the angle at which the rows of a picture differ most from one another: that of its lines.

    After W. Postl's patent of 1986 on detecting skew by the energy of projections; columns are sheared
    instead of turning the picture.
    """
    small = image.copy()
    small.thumbnail((_SMALL, _SMALL), Image.Resampling.BOX)
    histogram = small.histogram()
    mean = sum(shade * count for shade, count in enumerate(histogram)) / max(sum(histogram), 1)
    ink = small.point([_WHITE if shade < 0.8 * mean else _BLACK for shade in range(256)])
    best = max(range(-_MAX_ANGLE, _MAX_ANGLE + 1), key=lambda angle: (_clear(ink, angle), -abs(angle)))
    angle, step = float(best), 0.25
    for step in (0.25, 0.05):
        angle = max((angle + step * n for n in range(-4, 5)), key=lambda angle: _clear(ink, angle))
    return Slant(angle if abs(angle) > _STRAIGHT else 0.0, _clear(ink, angle))


def _clear(ink: Image.Image, angle: float) -> float:
    """How sharply inked and empty rows change when each column is shifted as the angle demands."""
    width, height = ink.size
    shift = math.tan(math.radians(angle))
    sheared = ink.transform(
        ink.size,
        Image.Transform.AFFINE,
        (1, 0, 0, shift, 1, -shift * width / 2),
        Image.Resampling.NEAREST,
        fillcolor=_BLACK,
    )
    rows = sheared.resize((1, height), Image.Resampling.BOX).tobytes()
    return sum((row - other) ** 2 for row, other in pairwise(rows)) / height
