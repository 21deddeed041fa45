"""The one place that imports pypdfium2, what is used of it, and how a document is opened with it."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Protocol

from PIL import Image

from ingest.readers.draft import Document
from ingest.readers.errors import UnreadableDocument, Why

_MAX_STRING_BYTES = 1 << 20


class Bitmap(Protocol):
    """A page drawn."""

    def to_pil(self) -> Image.Image:
        """The same memory as a picture of Pillow's."""


class TextPage(Protocol):
    """The characters of a page."""

    raw: object

    def count_chars(self) -> int:
        """How many there are."""

    def get_text_range(self) -> str:
        """All of them."""

    def close(self) -> None:
        """Free them."""


class Page(Protocol):
    """One page."""

    raw: object
    formenv: object | None

    def get_textpage(self) -> TextPage:
        """Its characters."""

    def get_size(self) -> tuple[float, float]:
        """Width and height as shown, in points."""

    def get_rotation(self) -> int:
        """Degrees, clockwise, by which it is turned when shown."""

    def get_bbox(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of what is shown, before it is turned."""

    def render(self, *, scale: float, grayscale: bool = False) -> Bitmap:
        """Draw it; a scale of 1 is 72 dots per inch."""

    def close(self) -> None:
        """Free it."""


class Pdf(Protocol):
    """An open document."""

    raw: object
    formenv: object | None

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Page: ...
    def get_metadata_dict(self, *, skip_empty: bool) -> dict[str, str]:
        """Title, author and the like."""

    def init_forms(self) -> None:
        """Make the fields of forms known."""

    def close(self) -> None:
        """Free it."""


@cache
def pdfium() -> ModuleType:
    """The one place that imports pypdfium2."""
    logging.getLogger("pypdfium2").setLevel(logging.ERROR)  # it warns of each XFA form
    return import_module("pypdfium2")


@contextmanager
def opened(document: Document) -> Iterator[Pdf]:
    """The PDF of a document, opened with the owner's password if it takes one.

    Raises:
        UnreadableDocument: it is locked, or too damaged to be opened.
    """
    pdf = _open(document)
    try:
        yield pdf
    finally:
        pdf.close()


def _open(document: Document) -> Pdf:
    library = pdfium()
    password = document.job.password
    try:
        pdf: Pdf = library.PdfDocument(document.content(), password=password)
        len(pdf)
    except library.PdfiumError as error:
        raise _refusal(getattr(error, "err_code", None), password) from error
    return pdf


def _refusal(code: int | None, password: str | None) -> UnreadableDocument:
    raw = pdfium().raw
    if code == raw.FPDF_ERR_PASSWORD and password is None:
        return UnreadableDocument(Why.NEEDS_PASSWORD, "it is protected by a password")
    if code == raw.FPDF_ERR_PASSWORD:
        return UnreadableDocument(Why.NEEDS_PASSWORD, "the password does not open it")
    if code == raw.FPDF_ERR_SECURITY:
        return UnreadableDocument(Why.ENCRYPTED, "it is encrypted in a way that no password opens")
    return UnreadableDocument(Why.TRUNCATED, "the PDF is damaged or cut off")


def wide(get: Callable[[object, int], int]) -> str:
    """A string of the library's: `get(buffer, bytes)` fills a buffer with UTF-16 and says how long it is."""
    size = min(get(None, 0), _MAX_STRING_BYTES)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size + size % 2)
    get(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw.decode("utf-16-le", "replace").split("\x00", 1)[0]
