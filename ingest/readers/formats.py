"""What is read, in words: the rows of `strongroom formats`. Light, since the core shows it; how each format
is read stands in `table.py`, under the same name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FormatRow:
    """One format, described for the owner. Whoever adds a reader to `table.py` adds its row here."""

    name: str
    media_type: str
    endings: tuple[str, ...]  # usual ones, for display only: what a file is, its content tells
    library: str
    detected_by: str
    extracts: str
    limits: str = ""  # what is not read, or only so far


_WORD = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_MEMBERS = "members of the zip"
_MAGIC = "first bytes"
_HEADER = "header fields"
_LOOKS = "looks of its lines"
_MAIL = "header, text, quotations, signature, attachments as items"
_OCR = "text in the picture, by OCR"

FORMATS = (
    FormatRow("eml", "message/rfc822", ("eml",), "email (standard library)", _HEADER, _MAIL),
    FormatRow("msg", "application/vnd.ms-outlook", ("msg",), "olefile", "streams of the OLE file", _MAIL),
    FormatRow("tnef", "application/vnd.ms-tnef", ("dat",), "own", _MAGIC, _MAIL),
    FormatRow(
        "ics", "text/calendar", ("ics",), "own", "BEGIN:VCALENDAR", "what, when, where, who", "no alarms"
    ),
    FormatRow("vcf", "text/vcard", ("vcf",), "own", "BEGIN:VCARD", "names, addresses, numbers, notes"),
    FormatRow(
        *("txt", "text/plain", ("txt", "log", "text"), "own", "no binary bytes, no other format"),
        *("paragraphs, in any encoding", "old 8-bit encodings are guessed from the text"),
    ),
    FormatRow(
        *("md", "text/markdown", ("md", "markdown"), "own", _LOOKS),
        *("headings, lists, tables, code, front matter", "no formulas"),
    ),
    FormatRow(
        *("html", "text/html", ("html", "htm", "xhtml"), "lxml", "first tag"),
        *("headings, lists, tables with header cells, forms, alternative texts", "no scripts, no frames"),
    ),
    FormatRow(
        *("xml", "application/xml", ("xml",), "lxml", "first tag"),
        *("text of all elements, or attributes where there is none", "entities stay closed"),
    ),
    FormatRow(
        *("csv", "text/csv", ("csv", "tsv"), "csv (standard library)", "equal numbers of cells"),
        *("one table with its header row", "100,000 characters of cells, then text only"),
    ),
    FormatRow(
        *("json", "application/json", ("json", "ndjson", "jsonl"), "msgspec", "first and last bracket"),
        *("each value with the names that lead to it", "200 levels"),
    ),
    FormatRow(
        *("docx", f"{_WORD}wordprocessingml.document", ("docx", "docm", "dotx"), "unstructured", _MEMBERS),
        "headings, lists, tables, notes, comments, text boxes, headers and footers",
    ),
    FormatRow(
        *("pptx", f"{_WORD}presentationml.presentation", ("pptx", "pptm", "potx"), "unstructured", _MEMBERS),
        "slides as pages, tables, notes, charts, diagrams",
    ),
    FormatRow(
        *("xlsx", f"{_WORD}spreadsheetml.sheet", ("xlsx", "xlsm", "xltx"), "unstructured", _MEMBERS),
        "sheets as tables, notes",
    ),
    FormatRow(
        *("xls", "application/vnd.ms-excel", ("xls",), "unstructured", "streams of the OLE file"),
        "sheets as tables",
    ),
    FormatRow(
        *("odt", f"{_ODF}text", ("odt", "ott"), "lxml", _MEMBERS), "headings, lists, tables, notes, comments"
    ),
    FormatRow("ods", f"{_ODF}spreadsheet", ("ods", "ots"), "lxml", _MEMBERS, "sheets as tables"),
    FormatRow("odp", f"{_ODF}presentation", ("odp", "otp"), "lxml", _MEMBERS, "slides, notes"),
    FormatRow(
        *("epub", "application/epub+zip", ("epub",), "lxml", _MEMBERS),
        "chapters in their order, headings, lists, tables",
    ),
    FormatRow("rtf", "application/rtf", ("rtf",), "striprtf", _MAGIC, "paragraphs, tables, title, author"),
    FormatRow(
        *("pdf", "application/pdf", ("pdf",), "pypdfium2, Tesseract", _MAGIC),
        "text by page, headings, notes, form values; pages that are pictures by OCR",
    ),
    *(
        FormatRow(name, f"image/{media_type}", endings, "Pillow, Tesseract", _MAGIC, _OCR)
        for name, media_type, endings in (
            ("png", "png", ("png",)),
            ("jpg", "jpeg", ("jpg", "jpeg")),
            ("tiff", "tiff", ("tif", "tiff")),
            ("gif", "gif", ("gif",)),
            ("bmp", "bmp", ("bmp",)),
            ("webp", "webp", ("webp",)),
        )
    ),
)
BY_NAME = {row.name: row for row in FORMATS}
