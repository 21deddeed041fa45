"""Text out of pictures by Tesseract, in this process. The one place that imports `tesserocr`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

from PIL import Image

from ingest.readers.draft import Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why

_FOLDERS = "/usr/share/tesseract-ocr/*/tessdata"
_CONFIDENCE = 40  # percent; below it a picture holds shapes, not words
_MAX_PIXELS = 40_000_000  # more is scaled down: an A4 page at 600 dpi is 35 million
_MIN_SIDE = 16
_NO_DATA = (
    "it is a picture, and reading pictures needs the Debian packages tesseract-ocr and tesseract-ocr-{}"
)


class _Api(Protocol):
    def SetImage(self, image: Image.Image) -> None: ...
    def SetSourceResolution(self, ppi: int) -> None: ...
    def GetUTF8Text(self) -> str: ...
    def MeanTextConf(self) -> int: ...
    def Clear(self) -> None: ...
    def SetVariable(self, name: str, value: str) -> bool: ...
    def GetVariableAsString(self, name: str) -> str: ...


@cache
def tessdata() -> Path | None:
    """Where Debian keeps the language data; the newest version if there are several."""
    return max(Path("/").glob(_FOLDERS.lstrip("/")), default=None)


def languages(wanted: tuple[str, ...]) -> str:
    """The wanted languages that are installed, as Tesseract takes them.

    Raises:
        UnreadableDocument: none of them is.
    """
    folder = tessdata()
    usable = [
        name
        for name in wanted
        if name.isidentifier() and folder and (folder / f"{name}.traineddata").exists()
    ]
    if not usable:
        raise UnreadableDocument(
            Why.UNSUPPORTED, _NO_DATA.format(next(iter(wanted), "eng").replace("_", "-"))
        )
    return "+".join(usable)


@lru_cache(maxsize=2)
def engine(language: str) -> _Api:
    """A loaded engine; it is kept, because loading takes longer than reading a short page."""
    os.environ["OMP_THREAD_LIMIT"] = (
        "1"  # one document, one core: threads would only fight with the other workers
    )
    import tesserocr

    api: _Api = tesserocr.PyTessBaseAPI(path=str(tessdata()), lang=language, psm=tesserocr.PSM.AUTO)
    # By default its remarks go to a file that it opens for writing when it has the first one to make; that is
    # refused to the parser, and it crashes over it. Standard error is open, and leads nowhere in a worker.
    api.SetVariable("debug_file", "")
    return api


def paragraphs(image: Image.Image, wanted: tuple[str, ...], dpi: int = 0) -> Iterator[str]:
    """The paragraphs of a page in reading order; nothing when there are no words in it.

    Args:
        image: any mode and size.
        wanted: Tesseract's names of languages.
        dpi: resolution of the page, 0 if not known.
    """
    language = languages(wanted)
    if min(image.size) < _MIN_SIDE:
        return
    image = _grey(image)
    api = engine(language)
    api.SetImage(image)
    if dpi:
        api.SetSourceResolution(dpi)
    text = api.GetUTF8Text()
    confident = api.MeanTextConf() >= _CONFIDENCE
    api.Clear()
    if confident:
        for paragraph in text.split("\n\n"):
            if any(map(str.isalnum, paragraph)):
                yield paragraph


def _grey(image: Image.Image) -> Image.Image:
    """On white and in grey, which is what Tesseract makes of it anyhow, and not larger than needed."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image)
        image = paper
    image = image.convert("L")
    pixels = image.width * image.height
    if pixels > _MAX_PIXELS:
        scale = (_MAX_PIXELS / pixels) ** 0.5
        image = image.resize((max(int(image.width * scale), 1), max(int(image.height * scale), 1)))
    return image


def read_picture(image: Image.Image, number: int, wanted: tuple[str, ...], dpi: int, draft: Draft) -> None:
    """Add what is read in a picture of one page."""
    for text in paragraphs(image, wanted, dpi):
        draft.add(Kind.PARAGRAPH, text, page=number)
