"""Documents that `bench/reading.py` makes itself: scans of pages whose text is known, and a long PDF."""

from __future__ import annotations

import io
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pypdfium2
from PIL import Image

from bench.reading_truth import Words, words

_SEED = 11
_DPI = (150, 200, 300)
_SKEW = 2.0  # degrees, either way
_PAGES = 2  # of one PDF at most
_NOISE = 12.0  # of 255, standard deviation
_FEWEST_WORDS = 80
_LATIN = 0.97  # of the letters: the measured OCR reads one language
_PROSE = 0.75  # of the words are letters, and more than one: no charts, no formulas
_INVISIBLE = 3  # text rendering mode
_BROKEN = re.compile(
    "(?<=[a-z])(?:[-\xad]\r?\n|[\x02\ufffe](?:\r?\n)?)(?=[a-z])"
)  # a word at the end of a line
_PICTURE_SHARE = 0.3  # of a page: words in pictures are in no text layer


@dataclass(frozen=True)
class Scan:
    """A picture of a page, as a scanner would have made it."""

    name: str
    dpi: int
    picture: bytes  # JPEG
    words: Words


def scans(pdfs: Iterable[Path], count: int) -> Iterator[Scan]:
    """Pages drawn at one resolution after the other, turned a little and made noisy; the truth is what stands
    in their text layer. Only pages whose layer is what they show: enough words, none invisible, no pictures
    of any size.
    """
    chance = random.Random(_SEED)
    candidates = [(path, number) for path in pdfs for number in range(_page_count(path))]
    chance.shuffle(candidates)
    resolutions = cycle(_DPI)
    taken: Counter[Path] = Counter()
    for path, number in candidates:
        if taken.total() == count:
            return
        if taken[path] == _PAGES:
            continue
        with pypdfium2.PdfDocument(path) as document:
            page = document[number]
            known = _known(page)
            if known is None:
                continue
            dpi = next(resolutions)
            picture = _scanned(page.render(scale=dpi / 72).to_pil(), dpi, chance)
        taken[path] += 1
        yield Scan(f"{path.name} page {number + 1}", dpi, picture, known)


def long_pdf(pages: int) -> bytes:
    """A PDF of as many pages of 45 lines each."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>",
    ]
    kids = []
    for page in range(1, pages + 1):
        lines = [
            f"0 -15 Td (Page {page}, line {line}: what stands here is the {line * page}th thing said.) Tj"
            for line in range(1, 46)
        ]
        content = f"BT /F1 11 Tf 60 800 Td {' '.join(lines)} ET".encode()
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (
        pages,
        b" ".join(b"%d 0 R" % kid for kid in kids),
    )
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, 2)
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return out.getvalue()


def _page_count(path: Path) -> int:
    try:
        with pypdfium2.PdfDocument(path) as document:
            return len(document)
    except pypdfium2.PdfiumError:  # locked or damaged
        return 0


def _known(page: pypdfium2.PdfPage) -> Words | None:
    """The words that a page shows, if its text layer is to be believed."""
    if page.get_rotation():
        return None
    text = _BROKEN.sub("", page.get_textpage().get_text_bounded())
    known = words(text)
    letters = [letter for letter in text if letter.isalpha()]
    latin = sum(letter.isascii() for letter in letters)
    prose = sum(times for word, times in known.items() if len(word) > 1 and word.isalpha())
    if known.total() < _FEWEST_WORDS or prose < _PROSE * known.total():
        return None
    if latin < _LATIN * len(letters):
        return None
    area = page.get_width() * page.get_height()
    for thing in page.get_objects(max_depth=3):
        if thing.type == pypdfium2.raw.FPDF_PAGEOBJ_TEXT:
            if pypdfium2.raw.FPDFTextObj_GetTextRenderMode(thing) == _INVISIBLE:
                return None
        elif thing.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = thing.get_bounds()
            if (right - left) * (top - bottom) > _PICTURE_SHARE * area:
                return None
    return known


def _scanned(picture: Image.Image, dpi: int, chance: random.Random) -> bytes:
    angle = chance.uniform(-_SKEW, _SKEW)
    turned = picture.convert("L").rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    noise = np.random.default_rng(chance.randrange(1 << 30)).normal(0, _NOISE, (turned.height, turned.width))
    noisy = np.clip(np.asarray(turned, np.float32) + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=85, dpi=(dpi, dpi))
    return out.getvalue()
