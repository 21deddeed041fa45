"""Pages of PDFs that show text without holding it: which they are, and what OCR reads on them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from ingest.readers.draft import Draft
from ingest.readers.ocr import read_picture
from ingest.readers.ocr_picture import grey
from ingest.readers.pdf_glyphs import Box, Layer, Line, layer_of
from ingest.readers.pdf_graphics import Graphics, graphics_of
from ingest.readers.pdf_library import Page

_DPI = 300
_PIXELS = 25_000_000  # a larger page is drawn smaller
_FEW_LETTERS = 12  # a page number, or a stamp
_FEW_ON_A_PICTURE = 100  # letters: less is a caption, more is what OCR found before
_VISIBLE = 0.05  # of the page: a picture that may hold words where there are few beside it
_LARGE = 0.3  # of the page: a picture that may be a page
_REGION = 0.025  # of the page: a picture that may hold words beside text
_REGION_SIDE = 30.0  # points
_MOST_REGIONS = 6
_FEW_ON_A_REGION = 20  # letters
_GROUND = 0.4  # of a picture's pixels: what is of the shade of its ground
_GROUND_SHADES = 24  # of 256, which are taken for one
_GROUND_SIDE = 128  # pixels looked at, across and down
_DRAWN = 8  # paths; fewer are a frame, more may be letters


def is_scan(layer: Layer, graphics: Graphics, size: tuple[float, float]) -> bool:
    """Whether a page shows more text than its layer holds."""
    if layer.lines and not layer.legible:
        return True
    lines = layer.lines
    letters = sum(_letters(line) for line in lines)
    if letters < _FEW_LETTERS and (graphics.pictures or graphics.drawn >= _DRAWN):
        return True
    page: Box = (0.0, 0.0, *size)
    pictures = [_within(box, page) for box in graphics.pictures]
    area = sum((right - left) * (top - bottom) for left, bottom, right, top in pictures)
    share = area / max(size[0] * size[1], 1)
    if share < _LARGE:
        return letters < _FEW_ON_A_PICTURE and share > _VISIBLE
    on_them = 0
    for line in lines:
        if any(_stands_in(line, box) for box in pictures):
            on_them += _letters(line)
    return on_them < _FEW_ON_A_PICTURE


def _letters(line: Line) -> int:
    return sum(map(str.isalnum, line.text))


def _within(box: Box, page: Box) -> Box:
    left, bottom = max(box[0], page[0]), max(box[1], page[1])
    return left, bottom, max(left, min(box[2], page[2])), max(bottom, min(box[3], page[3]))


def pictures_of_words(layer: Layer, graphics: Graphics, size: tuple[float, float]) -> list[Box]:
    """The pictures of a page, the largest first, that are as large as text is and on which none stands."""
    found: list[tuple[float, Box]] = []
    for box in graphics.readable:
        left, bottom, right, top = inside = _within(box, (0.0, 0.0, *size))
        area = (right - left) * (top - bottom)
        if area < _REGION * size[0] * size[1] or right - left < _REGION_SIDE or top - bottom < _REGION_SIDE:
            continue
        if sum(_letters(line) for line in layer.lines if _stands_in(line, inside)) < _FEW_ON_A_REGION:
            found.append((area, inside))
    return [box for _, box in sorted(found, reverse=True)[:_MOST_REGIONS]]


def _stands_in(line: Line, box: Box) -> bool:
    left, bottom, right, top = box
    return left <= (line.left + line.right) / 2 <= right and bottom <= line.middle <= top


def read_scan(page: Page, number: int, languages: tuple[str, ...], draft: Draft) -> None:
    """Add what OCR reads on a page and its text layer does not hold: that is whitened before. Where the layer
    holds the most of a page, only its pictures are looked at.
    """
    width, height = size = page.get_size()
    scale = min(_DPI / 72, (_PIXELS / max(width * height, 1)) ** 0.5)
    image = page.render(scale=scale, grayscale=True).to_pil()
    layer, graphics = layer_of(page), graphics_of(page)
    if layer.legible:
        _whiten(image, layer.lines, scale)
    dpi = round(72 * scale)
    regions = [] if is_scan(layer, graphics, size) else pictures_of_words(layer, graphics, size)
    if not regions:
        read_picture(grey(image), number, languages, dpi, draft)
    for done, (left, bottom, right, top) in enumerate(regions, 1):
        edges = left, height - top, right, height - bottom
        part = image.crop(tuple(round(scale * edge) for edge in edges))
        if _has_ground(part):
            read_picture(grey(part), number, languages, dpi, draft)
            draft.tick(done, len(regions))


def _has_ground(image: Image.Image) -> bool:
    """Whether much of a picture is of one shade, as paper is; a photograph has no such shade."""
    shades = image.resize((_GROUND_SIDE, _GROUND_SIDE), Image.Resampling.NEAREST).histogram()
    most = max(sum(shades[first : first + _GROUND_SHADES]) for first in range(256))
    return most > _GROUND * _GROUND_SIDE**2


def _whiten(image: Image.Image, lines: Sequence[Line], scale: float) -> None:
    draw = ImageDraw.Draw(image)
    for line in lines:
        top, bottom = (image.height - scale * y for y in (line.top, line.bottom))
        draw.rectangle((scale * line.left, top, scale * line.right, bottom), fill=255)
