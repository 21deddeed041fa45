"""Pages of PDFs that show text without holding it: which they are, and what OCR reads on them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from ingest.readers.draft import Draft
from ingest.readers.ocr import read_picture
from ingest.readers.pdf_glyphs import Box, Layer, Line, layer_of
from ingest.readers.pdf_graphics import Graphics
from ingest.readers.pdf_library import Page

_DPI = 300
_PIXELS = 25_000_000  # a larger page is drawn smaller
_FEW_LETTERS = 12  # a page number, or a stamp
_FEW_ON_A_PICTURE = 100  # letters: less is a caption, more is what OCR found before
_VISIBLE = 0.05  # of the page: a picture that may hold words where there are few beside it
_LARGE = 0.3  # of the page: a picture that may be a page
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
        x, y = (line.left + line.right) / 2, line.middle
        if any(left <= x <= right and bottom <= y <= top for left, bottom, right, top in pictures):
            on_them += _letters(line)
    return on_them < _FEW_ON_A_PICTURE


def _letters(line: Line) -> int:
    return sum(map(str.isalnum, line.text))


def _within(box: Box, page: Box) -> Box:
    left, bottom = max(box[0], page[0]), max(box[1], page[1])
    return left, bottom, max(left, min(box[2], page[2])), max(bottom, min(box[3], page[3]))


def read_scan(page: Page, number: int, languages: tuple[str, ...], draft: Draft) -> None:
    """Add what OCR reads on a page and its text layer does not hold: that is whitened before."""
    width, height = page.get_size()
    scale = min(_DPI / 72, (_PIXELS / max(width * height, 1)) ** 0.5)
    image = page.render(scale=scale, grayscale=True).to_pil()
    layer = layer_of(page)
    if layer.legible:
        _whiten(image, layer.lines, scale)
    read_picture(image, number, languages, round(72 * scale), draft)


def _whiten(image: Image.Image, lines: Sequence[Line], scale: float) -> None:
    draw = ImageDraw.Draw(image)
    for line in lines:
        top, bottom = (image.height - scale * y for y in (line.top, line.bottom))
        draw.rectangle((scale * line.left, top, scale * line.right, bottom), fill=255)
