"""Pictures and scans: every page of them by OCR."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime

from PIL import Image, ImageFile, ImageOps, ImageSequence, UnidentifiedImageError

from ingest.readers.draft import Document, Draft
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.ocr import read_picture

ERRORS = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
    EOFError,
    TypeError,
    LookupError,
)
_MAX_PAGES = 2_000
_TAKEN_AT = 0x0132
_ARTIST = 0x013B


def read_image(document: Document, draft: Draft) -> None:
    """PNG, JPEG, TIFF with all its pages, GIF, BMP and WebP."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = document.limits.image_pixels // 2  # Pillow refuses beyond twice this
    if document.head[8:10] == b"CR":
        raise UnreadableDocument(Why.UNSUPPORTED, "raw camera pictures are not read; save it as JPEG or PNG")
    try:
        with Image.open(io.BytesIO(document.content())) as image:
            _read_pages(image, document, draft)
    except Image.DecompressionBombError as error:
        raise UnreadableDocument(Why.TOO_LARGE, "the picture has more pixels than are allowed") from error
    if document.job.pages is not None and not draft.elements:
        raise UnreadableDocument(Why.IMAGE_ONLY, "no words were found")


def _read_pages(image: Image.Image, document: Document, draft: Draft) -> None:
    dpi = _resolution(image)
    exif = image.getexif()
    draft.describe(author=exif.get(_ARTIST), created_at=_taken_at(exif.get(_TAKEN_AT)))
    frames = ImageSequence.Iterator(image) if image.format == "TIFF" else [image]
    for number, frame in enumerate(frames, start=1):
        if number > _MAX_PAGES:
            draft.missing.append(f"only the first {_MAX_PAGES:,} pages were read")
            break
        draft.pages = number
        if document.job.pages is None:
            frame.load()
            draft.scans.append(number)
        elif number in document.job.pages:
            _recognise(frame, number, dpi, document, draft)


def _recognise(frame: Image.Image, number: int, dpi: int, document: Document, draft: Draft) -> None:
    read_picture(ImageOps.exif_transpose(frame), number, document.job.ocr_languages, dpi, draft)


def _resolution(image: Image.Image) -> int:
    """Dots per inch as the file says, 0 when it says nothing believable."""
    value = image.info.get("dpi", (0, 0))
    dpi = int(value[0]) if isinstance(value, tuple) and value else 0
    return dpi if 70 <= dpi <= 2400 else 0


def _taken_at(value: object) -> float | None:
    try:
        when = datetime.strptime(str(value), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return when.replace(tzinfo=UTC).timestamp()
