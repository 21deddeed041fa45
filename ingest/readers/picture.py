"""One page of a document as it looks, for showing it to the owner."""

from __future__ import annotations

import warnings

from PIL import Image

from ingest.readers import image, pdf_library
from ingest.readers.containers import binary_kind
from ingest.readers.draft import Document
from ingest.readers.errors import UnreadableDocument, Why

_MAX_WIDTH = 2_000  # pixels
_MAX_PIXELS = 8_000_000  # of a page much higher than wide


def render(document: Document, page: int, width: int) -> tuple[int, int, bytes]:
    """Draw one page.

    Args:
        page: its number, from 1.
        width: at most so many pixels wide; never more than 2,000.

    Returns:
        Width, height and the pixels row by row, three bytes each: red, green, blue.

    Raises:
        UnreadableDocument: the document has no pages that could be shown, or not this one.
    """
    width = max(1, min(width, _MAX_WIDTH))
    kind = binary_kind(document)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "pdf":
                shown = _pdf_page(document, page, width)
            elif kind in image.PICTURES:
                shown = _picture(document, page, width)
            else:
                raise UnreadableDocument(Why.UNSUPPORTED, "pages of this kind of file cannot be shown")
    except image.ERRORS as error:
        raise UnreadableDocument(Why.TRUNCATED, "the page is damaged") from error
    return shown.width, shown.height, shown.tobytes()


def _pdf_page(document: Document, number: int, width: int) -> Image.Image:
    with pdf_library.opened(document) as pdf:
        if not 1 <= number <= len(pdf):
            raise UnreadableDocument(Why.EMPTY, "there is no such page")
        pdf.init_forms()
        page = pdf[number - 1]
        try:
            across, up = (max(side, 1.0) for side in page.get_size())
            scale = min((width - 0.01) / across, (_MAX_PIXELS / (across * up)) ** 0.5)
            return page.render(scale=scale).to_pil().convert("RGB")
        finally:
            page.close()


def _picture(document: Document, number: int, width: int) -> Image.Image:
    with image.opened(document) as picture:
        picture.draft("RGB", (width, width))
        page = image.page_of(picture, number, document.limits.image_pixels)
        scale = min(1.0, width / page.width, (_MAX_PIXELS / (page.width * page.height)) ** 0.5)
        if scale < 1:
            size = max(round(page.width * scale), 1), max(round(page.height * scale), 1)
            page = page.convert("RGBA" if page.has_transparency_data else "RGB").resize(size, reducing_gap=2)
        if not page.has_transparency_data:
            return page.convert("RGB")
        paper = Image.new("RGBA", page.size, "white")
        paper.alpha_composite(page.convert("RGBA"))
        return paper.convert("RGB")
