"""Pictures and scans: what they say of themselves; and each page of them, when it is asked for, by OCR."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib import import_module

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from ingest.readers.draft import Document, Draft
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.ocr import read_picture
from ingest.readers.ocr_picture import grey

ERRORS = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
    EOFError,
    TypeError,
    LookupError,
    RuntimeError,
)
PICTURES = frozenset(("png", "jpg", "tiff", "gif", "bmp", "webp", "heic", "avif"))  # as the table names them
_MAX_PAGES = 2_000
_EXIF = 0x8769  # the tag under which a camera's own tags stand
_ORIENTATION = 0x0112
_TAKEN_AT, _CHANGED_AT = 0x9003, 0x0132
_ARTIST, _DESCRIPTION = 0x013B, 0x010E
_ENOUGH = 2_400  # pixels of a side, A4 at 300 dots per inch: of a JPEG of twice as many, half is decoded


@cache
def _heif() -> None:
    """The one place that imports pi_heif: with it Pillow opens the pictures that telephones take."""
    library = import_module("pi_heif")
    library.options.DECODE_THREADS = 1
    library.register_heif_opener()


@contextmanager
def opened(document: Document) -> Iterator[Image.Image]:
    """A picture, nothing of it decoded yet.

    Raises:
        UnreadableDocument: it is none that can be read, or says that it is too large.
    """
    _heif()
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = document.limits.image_pixels // 2  # Pillow refuses beyond twice this
    if document.head[8:10] == b"CR":
        raise UnreadableDocument(Why.UNSUPPORTED, "raw camera pictures are not read; save it as JPEG or PNG")
    try:
        with Image.open(io.BytesIO(document.content())) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise _too_large() from error


def page_of(image: Image.Image, number: int, most_pixels: int) -> Image.Image:
    """One page of a picture, the right way up.

    Raises:
        UnreadableDocument: there is no such page, or it says that it is too large.
    """
    if not 1 <= number <= pages_of(image):
        raise UnreadableDocument(Why.EMPTY, "there is no such page")
    image.seek(number - 1)
    if image.width * image.height > most_pixels:
        raise _too_large()
    turned = image.getexif().get(_ORIENTATION, 1) != 1  # what is upright need not be copied
    return ImageOps.exif_transpose(image) if turned else image


def pages_of(image: Image.Image) -> int:
    """How many pages there are: a TIFF's; what moves in other pictures is no page."""
    return min(_frames(image), _MAX_PAGES) if image.format == "TIFF" else 1


def _frames(image: Image.Image) -> int:
    """How many frames there are, counted no further than one more than are read: `n_frames` looks for each of
    them among all those before it.
    """
    at, count = image.tell(), 0
    try:
        while count <= _MAX_PAGES:
            image.seek(count)
            count += 1
    except EOFError:
        pass
    image.seek(at)
    return count


def read_image(document: Document, draft: Draft) -> None:
    """Name the pages of a picture, all of whose text is to be seen only; or read those of the job."""
    if document.job.pages is None:
        with opened(document) as image:
            draft.pages = pages_of(image)
            draft.scans += range(1, draft.pages + 1)
            _describe(image, draft)
            if image.format == "TIFF" and _frames(image) > _MAX_PAGES:
                draft.missing.append(f"only the first {_MAX_PAGES:,} pages were read")
        return
    for number in document.job.pages:
        light, dpi = _in_grey(document, number)
        read_picture(light, number, document.job.ocr_languages, dpi, draft)
    if not draft.elements:
        raise UnreadableDocument(Why.IMAGE_ONLY, "no words were found")


def _in_grey(document: Document, number: int) -> tuple[Image.Image, int]:
    """A page as OCR needs it, and its resolution. What was decoded for it takes much room, and is let go."""
    with opened(document) as image:
        side = max(image.size)
        image.draft("L", (_ENOUGH, _ENOUGH))
        page = page_of(image, number, document.limits.image_pixels)
        side = side if number == 1 else max(page.size)
        light = grey(page)
        return light, round(_resolution(image) * max(light.size) / side)


def _too_large() -> UnreadableDocument:
    return UnreadableDocument(Why.TOO_LARGE, "the picture has more pixels than are allowed")


def _describe(image: Image.Image, draft: Draft) -> None:
    exif = image.getexif()
    taken = _time(exif.get_ifd(_EXIF).get(_TAKEN_AT)) or _time(exif.get(_CHANGED_AT))
    draft.describe(
        title=exif.get(_DESCRIPTION) or image.info.get("Title"),
        author=exif.get(_ARTIST) or image.info.get("Author"),
        created_at=taken,
    )


def _resolution(image: Image.Image) -> int:
    """Dots per inch as the file says, 0 when it says nothing."""
    value = image.info.get("dpi", (0, 0))
    dpi = float(value[0]) if isinstance(value, tuple) and value else 0.0
    return round(dpi) if 0 < dpi < 10_000 else 0


def _time(value: object) -> float | None:
    try:
        when = datetime.strptime(str(value), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return when.replace(tzinfo=UTC).timestamp()
