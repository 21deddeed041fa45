"""PDF by pypdfium2: each page's text layer cut into headings and paragraphs, OCR for pages without one."""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Protocol

from PIL import Image

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.ocr import paragraphs

ERRORS = (ValueError, LookupError, TypeError, OSError)
_MAX_ANNOTATIONS = 10_000
_MAX_NOTE_BYTES = 1 << 20
_OCR_DPI = 300
_OCR_PIXELS = 25_000_000
_HEADING = 1.15  # times the size of the body text
_HEADING_CHARS = 200
_GAP = 1.45  # times the line's height, between two baselines: a new paragraph
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d)'?(\d\d)?)?")


@cache
def pdfium() -> ModuleType:
    """The one place that imports pypdfium2."""
    return import_module("pypdfium2")


@dataclass(frozen=True)
class Line:
    """One line of a page; coordinates in points from the page's lower left corner, 0 where not known."""

    text: str
    top: float = 0.0
    size: float = 0.0  # height of its first letter's box: grows with the font


class _TextPage(Protocol):
    raw: object

    def count_chars(self) -> int: ...
    def get_text_range(self) -> str: ...


class _Bitmap(Protocol):
    def to_pil(self) -> Image.Image: ...


class _Page(Protocol):
    raw: object

    def get_textpage(self) -> _TextPage: ...
    def get_size(self) -> tuple[float, float]: ...
    def get_objects(self, *, max_depth: int) -> Iterator[object]: ...
    def render(self, *, scale: float, grayscale: bool) -> _Bitmap: ...
    def close(self) -> None: ...


class _Pdf(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> _Page: ...
    def get_metadata_dict(self, *, skip_empty: bool) -> dict[str, str]: ...


def read_pdf(document: Document, draft: Draft) -> None:
    """All pages, or for a job of pages what OCR finds on these; pages without usable text go to `scans`."""
    pdf = _open(document)
    draft.pages = len(pdf)
    if document.job.pages is not None:
        _read_scans(pdf, document, draft)
        return
    info = pdf.get_metadata_dict(skip_empty=True)
    draft.describe(
        title=info.get("Title"), author=info.get("Author"), created_at=_time(info.get("CreationDate", ""))
    )
    broken: list[int] = []
    for number in range(1, len(pdf) + 1):
        try:
            page = pdf[number - 1]
        except pdfium().PdfiumError:
            broken.append(number)
            continue
        _read_page(page, number, draft)
        page.close()
    if broken and not draft.elements and not draft.scans:
        raise UnreadableDocument(Why.TRUNCATED, "none of its pages could be read")
    if broken:
        draft.missing.append(f"{_pages(broken)} could not be read")


def _read_page(page: _Page, number: int, draft: Draft) -> None:
    """Add the words of one page."""
    lines = list(_lines(page))
    if _is_text(lines) or not any(True for _ in page.get_objects(max_depth=1)):
        for kind, text in blocks(lines):
            draft.add(kind, text, page=number, level=1 if kind is Kind.TITLE else None)
    else:
        draft.scans.append(number)
        for line in lines:  # a few letters are better than none
            draft.add(Kind.PARAGRAPH, line.text, page=number)
    for note in _annotations(page):
        draft.add(Kind.PARAGRAPH, note, page=number)


def _read_scans(pdf: _Pdf, document: Document, draft: Draft) -> None:
    """What OCR finds on the pages of the job."""
    for number in document.job.pages or ():
        if not 1 <= number <= len(pdf):
            continue
        page = pdf[number - 1]
        width, height = page.get_size()
        scale = min(_OCR_DPI / 72, (_OCR_PIXELS / max(width * height, 1)) ** 0.5)
        image = page.render(scale=scale, grayscale=True).to_pil()
        for text in paragraphs(image, document.job.ocr_languages, round(scale * 72)):
            draft.add(Kind.PARAGRAPH, text, page=number)
        page.close()
    if not draft.elements:
        raise UnreadableDocument(Why.IMAGE_ONLY, "no words were found")


def _pages(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20])) + (" and more" if len(numbers) > 20 else "")
    return f"page {shown}" if len(numbers) == 1 else f"pages {shown}"


def _open(document: Document) -> _Pdf:
    library = pdfium()
    try:
        pdf: _Pdf = library.PdfDocument(document.content())
        len(pdf)
    except library.PdfiumError as error:
        said = str(error).lower()
        if "password" in said or "security" in said:
            raise UnreadableDocument(Why.ENCRYPTED, "it is protected by a password") from error
        raise UnreadableDocument(Why.TRUNCATED, "the PDF is damaged or cut off") from error
    return pdf


def _annotations(page: _Page) -> Iterator[str]:
    """What people wrote on a page (comments, free text) and into its form."""
    raw = pdfium().raw
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        key = b"V" if raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_WIDGET else b"Contents"
        size = min(raw.FPDFAnnot_GetStringValue(annotation, key, None, 0), _MAX_NOTE_BYTES)
        if size > 2:
            buffer = (ctypes.c_ushort * (size // 2))()
            raw.FPDFAnnot_GetStringValue(annotation, key, buffer, size)
            yield bytes(buffer).decode("utf-16-le", "replace").rstrip("\x00")
        raw.FPDFPage_CloseAnnot(annotation)


def _lines(page: _Page) -> Iterator[Line]:
    """The lines of a page's text layer in the order of the file, which is nearly always the reading order."""
    raw = pdfium().raw
    text_page = page.get_textpage()
    text = text_page.get_text_range()
    placed = len(text) == text_page.count_chars()  # then characters and positions can be matched
    box = raw.FS_RECTF()
    at = 0
    for line in text.split("\n"):
        first = at + len(line) - len(line.lstrip())
        at += len(line) + 1
        shown = line.strip("\r\x02 \t\ufffe")
        if not shown:
            continue
        if placed and raw.FPDFText_GetLooseCharBox(text_page.raw, first, box):
            yield Line(shown, box.top, abs(box.top - box.bottom))
        else:
            yield Line(shown)


def _is_text(lines: list[Line]) -> bool:
    """Whether the text layer says something: a page number on a scan, or glyphs without letters, do not."""
    text = "".join(line.text for line in lines)
    good = sum(char.isalnum() for char in text)
    return good >= 12 and good > 0.3 * len(text.replace(" ", ""))


def blocks(lines: list[Line]) -> Iterator[tuple[Kind, str]]:
    """Lines put together to headings (larger than the body) and paragraphs (set apart by a gap)."""
    sizes = Counter[float]()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    gathered: list[str] = []
    kind, last = Kind.PARAGRAPH, None
    for line in lines:
        large = body > 0 and line.size > _HEADING * body and len(line.text) < _HEADING_CHARS
        wanted = Kind.TITLE if large and any(map(str.isalpha, line.text)) else Kind.PARAGRAPH
        if gathered and (wanted is not kind or _is_apart(last, line)):
            yield kind, "\n".join(gathered)
            gathered = []
        gathered.append(line.text)
        kind, last = wanted, line
    if gathered:
        yield kind, "\n".join(gathered)


def _is_apart(above: Line | None, line: Line) -> bool:
    """Whether a gap, a jump to another column or a change of size separates two lines."""
    if above is None or not (above.size and line.size):
        return False
    step = above.top - line.top
    return step > _GAP * max(above.size, line.size) or step < -2 * line.size


def _time(value: str) -> float | None:
    """Seconds since the epoch of a PDF date such as D:20260303101500+01'00'."""
    match = _DATE.match(value)
    if not match:
        return None
    try:
        year, *rest = (int(part) if part else None for part in match.groups()[:6])
        month, day, hour, minute, second = rest
        when = datetime(year or 1, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=UTC)
        offset = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
        return (when + offset if match[7] == "-" else when - offset).timestamp()
    except (ValueError, OverflowError):
        return None
