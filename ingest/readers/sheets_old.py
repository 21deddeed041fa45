"""Excel of before 2007 (xls): its cells by `unstructured`, which cuts each sheet into its tables; text
boxes, comments, words of charts and embedded documents out of the records that it passes over.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from lxml import etree

from ingest.readers.containers import olefile
from ingest.readers.delimited import names_columns
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.hypertext import parse
from ingest.readers.office_drawings import OLE_ERRORS, unwrapped
from ingest.readers.offline_unstructured import BOOKS, Piece, partitioner
from ingest.readers.offline_unstructured import ERRORS as ERRORS

_OLE = BOOKS[0]
_TEXT_OBJECT, _CONTINUED, _CHART_TEXT = 0x01B6, 0x003C, 0x100D  # [MS-XLS] 2.3: TxO, Continue, SeriesText
_RECORDS = 5_000_000


def read_xls(document: Document, draft: Draft) -> None:
    """Each sheet under its name, then what lies on the sheets."""
    sheet = None
    for piece in partitioner().workbook(document.stream):
        page = piece.metadata.page_number
        if piece.metadata.page_name != sheet:
            sheet = piece.metadata.page_name
            draft.pages = page
            draft.tick(page or 0)
            draft.add(Kind.TITLE, sheet or "", page=page, level=1)
        _add(piece, draft)
    if document.head.startswith(_OLE):
        with olefile().OleFileIO(io.BytesIO(document.content())) as ole:
            said = ole.get_metadata()
            when = said.create_time.replace(tzinfo=UTC).timestamp() if said.create_time else None
            draft.describe(title=said.title, author=said.author, created_at=when)
            _add_beside(ole, draft)


def _add(piece: Piece, draft: Draft) -> None:
    root = parse(piece.metadata.text_as_html) if piece.metadata.text_as_html else None
    if root is None:
        draft.add(Kind.PARAGRAPH, piece.text, page=piece.metadata.page_number)
        return
    rows = [[_text(cell) for cell in row.iter("td", "th")] for row in root.iter("tr")]
    heads = int(names_columns(rows[:20]))
    draft.add_table(rows, header_rows=heads, page=piece.metadata.page_number)


def _text(cell: etree._Element) -> str:
    return "".join(map(str, cell.itertext()))


def _add_beside(ole: Any, draft: Draft) -> None:
    """What lies on the sheets, and the objects in folders of the container."""
    book = next((name for name in ("Workbook", "Book") if ole.exists(name)), None)
    data = ole.openstream(book).read() if book else b""
    for kind, text in _texts(data):
        draft.add(kind, text)
    for folder in sorted({path[0] for path in ole.listdir() if len(path) > 1 and path[0].startswith("MBD")}):
        try:
            name, content = unwrapped(ole, folder)
        except OLE_ERRORS:
            draft.missing.append("an embedded document is damaged")
            continue
        if content:
            draft.add_child(name, content)
        else:
            draft.missing.append("an embedded object is of a kind that is not read")


def _texts(data: bytes) -> Iterator[tuple[Kind, str]]:
    """Text boxes and comments, and the titles and names of series in charts."""
    at = records = 0
    wanted = 0  # characters of a text box still to come
    while at + 4 <= len(data) and records < _RECORDS:
        kind, size = struct.unpack_from("<HH", data, at)
        body = data[at + 4 : at + 4 + size]
        at, records = at + 4 + size, records + 1
        if kind == _TEXT_OBJECT and size >= 12:
            (wanted,) = struct.unpack_from("<H", body, 10)
        elif kind == _CONTINUED and wanted and body:
            yield Kind.PARAGRAPH, _string(body, wanted)
            wanted = 0
        elif kind == _CHART_TEXT and size > 4:
            yield Kind.CAPTION, _string(body[3:], body[2])


def _string(body: bytes, chars: int) -> str:
    """Text after a byte that says whether its characters take two bytes each."""
    if body[0] & 1:
        return body[1 : 1 + 2 * chars].decode("utf-16-le", "replace")
    return body[1 : 1 + chars].decode("latin-1")
