"""Excel of before 2007 (xls) by `unstructured`, which cuts each sheet into the tables that stand in it."""

from __future__ import annotations

from lxml import etree

from ingest.readers.delimited import names_columns
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.hypertext import parse
from ingest.readers.offline_unstructured import ERRORS as ERRORS
from ingest.readers.offline_unstructured import partitioner


def read_xls(document: Document, draft: Draft) -> None:
    """Each sheet under its name."""
    sheet = None
    for piece in partitioner().workbook(document.stream):
        page = piece.metadata.page_number
        if piece.metadata.page_name != sheet:
            sheet = piece.metadata.page_name
            draft.pages = page
            draft.tick(page or 0)
            draft.add(Kind.TITLE, sheet or "", page=page, level=1)
        root = parse(piece.metadata.text_as_html) if piece.metadata.text_as_html else None
        if root is None:
            draft.add(Kind.PARAGRAPH, piece.text, page=page)
            continue
        rows = [[_text(cell) for cell in row.iter("td", "th")] for row in root.iter("tr")]
        draft.add_table(rows, header_rows=int(names_columns(rows[:20])), page=page)


def _text(cell: etree._Element) -> str:
    return "".join(map(str, cell.itertext()))
