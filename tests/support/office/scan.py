"""Draws documents as scans: text by Pillow in DejaVu (Debian package fonts-dejavu-core), a little rotated
and speckled, yet readable by Tesseract. Also the one drawing and the one photograph of the office.
"""

from __future__ import annotations

import io
import random
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tests.support.office.markup import Block, pages

_FONTS = "/usr/share/fonts/truetype/dejavu/"
_WIDTH, _HEIGHT, _MARGIN = 1240, 1500, 110  # about 150 dots per inch


def png(title: str, blocks: list[Block], language: str) -> bytes:
    """The first page in sixteen greys."""
    out = io.BytesIO()
    _page(blocks, title).quantize(16).save(out, "PNG", optimize=True)
    return out.getvalue()


def jpg(title: str, blocks: list[Block], language: str) -> bytes:
    """The first page as a phone would keep it."""
    out = io.BytesIO()
    _page(blocks, title).filter(ImageFilter.GaussianBlur(0.6)).save(out, "JPEG", quality=42)
    return out.getvalue()


def tiff(title: str, blocks: list[Block], language: str) -> bytes:
    """Every page, black and white, fax compression."""
    out = io.BytesIO()
    first, *rest = [
        _page(page, f"{title} {n}").point(lambda grey: 255 * (grey > 150)).convert("1")
        for n, page in enumerate(pages(blocks))
    ]
    first.save(out, "TIFF", compression="group4", save_all=True, append_images=rest, dpi=(150, 150))
    return out.getvalue()


def _page(blocks: list[Block], seed: str) -> Image.Image:
    sheet = Image.new("L", (_WIDTH, _HEIGHT), 252)
    draw = ImageDraw.Draw(sheet)
    y = _MARGIN
    for block in blocks:
        bold = block.kind == "heading"
        font = ImageFont.truetype(
            _FONTS + ("DejaVuSerif-Bold.ttf" if bold else "DejaVuSerif.ttf"), 38 if bold else 27
        )
        for row in _rows(block):
            for column, cell in enumerate(row):
                draw.text(
                    (_MARGIN + column * (_WIDTH - 2 * _MARGIN) // len(row), y), cell, font=font, fill=25
                )
            y += 56 if bold else 41
        y += 24
    sheet = sheet.crop((0, 0, _WIDTH, min(_HEIGHT, y + _MARGIN)))
    return _worn(sheet, random.Random(seed))


def _rows(block: Block) -> list[tuple[str, ...]]:
    if block.kind == "table":
        return list(block.rows)
    mark = "– " if block.kind == "item" else ""
    return [(part,) for line in block.text.split("\n") for part in wrap(mark + line, 62)]


def _worn(sheet: Image.Image, dice: random.Random) -> Image.Image:
    """A sheet that lay a little askew, with dust on the glass."""
    sheet = sheet.rotate(
        dice.choice((-1, 1)) * dice.uniform(0.3, 0.8), Image.Resampling.BICUBIC, fillcolor=252
    )
    for _ in range(500):
        spot = (dice.randrange(sheet.width), dice.randrange(sheet.height))
        sheet.putpixel(spot, dice.randrange(90, 220))
    return sheet


def stair() -> bytes:
    """The turned stair of Alder House: a plan with three labels and fourteen treads."""
    sheet = Image.new("L", (900, 620), 255)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(_FONTS + "DejaVuSans.ttf", 24)
    draw.rectangle((80, 120, 640, 300), outline=0, width=4)
    for tread in range(10):
        draw.line((80 + 40 * tread, 120, 80 + 40 * tread, 300), fill=0, width=2)
    for end in ((640, 190), (640, 300), (560, 300)):
        draw.line((480, 120, *end), fill=0, width=2)
    draw.rectangle((480, 300, 640, 460), outline=0, width=4)
    draw.text((80, 50), "A-110  STAIR TURNED, ASH, 14 TREADS", font=font, fill=0)
    draw.text((80, 330), "rise 178   going 265", font=font, fill=0)
    draw.text((80, 520), "kiln door stays free, newel 90 x 90", font=font, fill=0)
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def damage() -> bytes:
    """A photograph after the storm, painted: sky, roof, broken battens. No text in it, by intent."""
    dice = random.Random("storm")
    sheet = Image.new("RGB", (640, 420), (150, 160, 175))
    draw = ImageDraw.Draw(sheet)
    draw.polygon(((60, 300), (320, 90), (580, 300)), fill=(122, 62, 48))
    draw.rectangle((90, 300, 550, 420), fill=(205, 198, 180))
    for _ in range(22):
        x, y = dice.randrange(150, 420), dice.randrange(150, 300)
        draw.line(
            (x, y, x + dice.randrange(30, 110), y - dice.randrange(-20, 60)), fill=(92, 70, 45), width=5
        )
    out = io.BytesIO()
    sheet.filter(ImageFilter.GaussianBlur(1.2)).quantize(24).save(out, "PNG", optimize=True)
    return out.getvalue()
