"""PDF by pypdfium2: pages in reading order, and what else is in the file. Text in pictures waits for a job of
its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import LimitReached, UnreadableDocument, Why
from ingest.readers.pdf_blocks import Block, blocks_of
from ingest.readers.pdf_extras import (
    add_attached_files,
    add_attachments,
    bookmarks_of,
    notes_of,
    xfa_texts,
)
from ingest.readers.pdf_glyphs import Layer, layer_of
from ingest.readers.pdf_graphics import Graphics, graphics_of
from ingest.readers.pdf_kinds import told
from ingest.readers.pdf_library import Page, Pdf, opened, pdfium
from ingest.readers.pdf_order import Placed, columns
from ingest.readers.pdf_scans import is_scan, pictures_of_words, read_scan
from ingest.readers.pdf_tables import ruled

ERRORS = (ValueError, LookupError, TypeError, OSError)
_WAITING = ("please wait", "adobe reader")  # what an XFA form shows to programs that do not know such forms
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d)'?(\d\d)?)?")


def read_pdf(document: Document, draft: Draft) -> None:
    """All pages, or for a job of pages what OCR finds on these; pages without usable text go to `scans`."""
    with opened(document) as pdf:
        draft.pages = len(pdf)
        if document.job.pages is not None:
            _read_scans(pdf, document, draft)
            return
        info = pdf.get_metadata_dict(skip_empty=True)
        draft.describe(
            title=info.get("Title"), author=info.get("Author"), created_at=_time(info.get("CreationDate", ""))
        )
        pdf.init_forms()
        reading = _Reading(pdf, draft)
        reading.pages()
        reading.finish()


def _read_scans(pdf: Pdf, document: Document, draft: Draft) -> None:
    """What OCR finds on the pages of the job."""
    for number in document.job.pages or ():
        if not 1 <= number <= len(pdf):
            raise UnreadableDocument(Why.EMPTY, "there is no such page")
        try:
            page = pdf[number - 1]
        except pdfium().PdfiumError as error:
            raise UnreadableDocument(Why.TRUNCATED, "the page is damaged") from error
        read_scan(page, number, document.job.ocr_languages, draft)
        page.close()
    if not draft.elements:
        raise UnreadableDocument(Why.IMAGE_ONLY, "no words were found")


@dataclass
class _Reading:
    """The first pass over a document: blocks are gathered, since what they are shows at its end only."""

    pdf: Pdf
    draft: Draft
    blocks: list[Block] = field(default_factory=list)
    heights: dict[int, float] = field(default_factory=dict)
    broken: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)  # pages that are not blank
    seen: set[tuple[int, ...]] = field(default_factory=set)  # where there were pictures among text

    def pages(self) -> None:
        """Read all pages, or those that there is time for."""
        total = len(self.pdf)
        last = min(total, self.draft.limits.pages)
        try:
            for number in range(1, last + 1):
                try:
                    page = self.pdf[number - 1]
                except pdfium().PdfiumError:
                    self.broken.append(number)
                    continue
                self._page(page, number)
                page.close()
                self.draft.tick(number, total)
        except LimitReached as reached:
            self.draft.missing.append(reached.what)
        if total > last:
            self.draft.missing.append(f"only the first {last:,} of {total:,} pages were read")

    def _page(self, page: Page, number: int) -> None:
        layer = layer_of(page)
        lines = layer.lines if layer.legible else []
        graphics = graphics_of(page)
        size = page.get_size()
        self.heights[number] = size[1]
        if graphics.objects:
            self.shown.append(number)
        if is_scan(layer, graphics, size) or self._new_pictures(layer, graphics, size):
            self.draft.scans.append(number)
        grids, rest = ruled([line for line in lines if not line.turned], graphics)
        placed: list[Placed] = [*rest, *grids]
        order = columns(placed)
        order += [[[line]] for line in lines if line.turned]
        self.blocks += blocks_of(order, number)
        notes, fields = notes_of(page)
        if fields:
            self.blocks.append(Block(number, Kind.TABLE, "", rows=fields))
        self.blocks += (Block(number, Kind.PARAGRAPH, note) for note in notes)
        add_attached_files(page, self.draft)

    def _new_pictures(self, layer: Layer, graphics: Graphics, size: tuple[float, float]) -> bool:
        """Whether pictures stand among the text where none was on the pages before: a logo is read once."""
        boxes = {tuple(map(round, box)) for box in pictures_of_words(layer, graphics, size)}
        new = boxes - self.seen
        self.seen |= boxes
        return bool(new)

    def finish(self) -> None:
        """Add what was gathered, now that the whole of the document is known."""
        if self._is_xfa():
            self.blocks = [Block(1, Kind.PARAGRAPH, text) for text in xfa_texts(self.pdf)] or self.blocks
        for block, level in told(self.blocks, self.heights, bookmarks_of(self.pdf)):
            if block.rows is not None:
                self.draft.add_table(block.rows, header_rows=block.header_rows, page=block.page)
            else:
                self.draft.add(block.kind, block.text, page=block.page, level=level)
        add_attachments(self.pdf, self.draft)
        if not (self.draft.elements or self.draft.scans or self.draft.children):
            self.draft.scans += self.shown  # lines and shapes; but what they show may be words
        if not self.broken:
            return
        if not self.draft.elements and not self.draft.scans:
            raise UnreadableDocument(Why.TRUNCATED, "none of its pages could be read")
        self.draft.missing.append(f"{_page_list(self.broken)} could not be read")

    def _is_xfa(self) -> bool:
        """Whether the pages are but a note that this is a form of another kind."""
        if not self.blocks:
            return True
        text = "\n".join(block.text for block in self.blocks[:20]).lower()
        return len(self.pdf) == 1 and all(word in text for word in _WAITING)


def _page_list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20])) + (" and more" if len(numbers) > 20 else "")
    return f"page {shown}" if len(numbers) == 1 else f"pages {shown}"


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
