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
_CONVERTED = "only where LibreOffice is installed"
_OCR = "text in the picture, by OCR"

_FILES = "each file in it as a document of its own; their paths and sizes"
_IN_ALL = "10,000 files and 256 MiB, 5 levels; no links"

FORMATS = (
    FormatRow("eml", "message/rfc822", ("eml",), "email (standard library)", _HEADER, _MAIL),
    FormatRow("msg", "application/vnd.ms-outlook", ("msg",), "olefile", "streams of the OLE file", _MAIL),
    FormatRow("tnef", "application/vnd.ms-tnef", ("dat",), "own", _MAGIC, _MAIL),
    FormatRow(
        *("p7m", "application/pkcs7-mime", ("p7m",), "own", _MAGIC),
        *("the document that was signed, as an item", "signatures are not checked"),
    ),
    FormatRow(
        *("mbox", "application/mbox", ("mbox", "mbx"), "own", "lines that begin messages"),
        *("each message as an item; a list of them", "10,000 messages and 256 MiB; import larger ones"),
    ),
    FormatRow(
        "ics", "text/calendar", ("ics",), "own", "BEGIN:VCALENDAR", "what, when, where, who", "no alarms"
    ),
    FormatRow("vcf", "text/vcard", ("vcf",), "own", "BEGIN:VCARD", "names, addresses, numbers, notes"),
    FormatRow(
        *("txt", "text/plain", ("txt", "log", "text"), "own", "no binary bytes, no other format"),
        *("paragraphs, in any encoding", "old 8-bit encodings are guessed from the text"),
    ),
    FormatRow(
        *("code", "text/x-source", ("py", "js", "c", "java", "sql", "sh"), "own", f"{_LOOKS}, #!"),
        "the program as code",
    ),
    FormatRow(
        *("md", "text/markdown", ("md", "markdown"), "own", _LOOKS),
        *("headings, lists, tables, code, footnotes, HTML, front matter", "no addresses of links"),
    ),
    FormatRow(
        *("rst", "text/x-rst", ("rst",), "own", _LOOKS),
        *("headings, lists, tables, code, notes", "nothing that is included from elsewhere"),
    ),
    FormatRow(
        *("org", "text/org", ("org",), "own", _LOOKS),
        *("headings, lists, tables, code, properties", "no hidden blocks (comment, export)"),
    ),
    FormatRow(
        *("tex", "application/x-tex", ("tex", "latex", "ltx"), "own", r"\documentclass, \begin"),
        *(
            "headings, lists, tables, captions, code, formulas as written",
            "own commands stay unexpanded; 4 MB",
        ),
    ),
    FormatRow(
        *("subtitles", "text/vtt", ("vtt", "srt"), "own", "WEBVTT, times"),
        "what is said and by whom, without times",
    ),
    FormatRow(
        *("html", "text/html", ("html", "htm", "xhtml"), "lxml", "first tag"),
        *(
            "headings, lists, tables with header cells, forms, alternative texts",
            "no scripts, no frames, no addresses of links; 16 MiB",
        ),
    ),
    FormatRow(
        *("mhtml", "multipart/related", ("mht", "mhtml"), "lxml", _HEADER),
        *("what is read of html, frames too", "no pictures"),
    ),
    FormatRow(
        *("webarchive", "application/x-webarchive", ("webarchive",), "plistlib (standard library)", _MAGIC),
        *("what is read of html, frames too", "no pictures"),
    ),
    FormatRow(
        *("xml", "application/xml", ("xml",), "lxml", "first tag"),
        *(
            "headings, lists and tables of articles, books and feeds; else all text",
            "no outside entities; 16 MiB",
        ),
    ),
    FormatRow(
        *("csv", "text/csv", ("csv", "tsv"), "csv (standard library)", "equal numbers of cells"),
        *("one table with its header row", "100,000 cells, then text only"),
    ),
    FormatRow(
        *("json", "application/json", ("json", "ndjson", "jsonl"), "msgspec", "first and last bracket"),
        *("each value with the names that lead to it", "200 levels"),
    ),
    FormatRow(
        *("ipynb", "application/x-ipynb+json", ("ipynb",), "msgspec", "cells in its JSON"),
        *("notes, code, what it printed", "no pictures"),
    ),
    FormatRow(
        "yaml", "application/yaml", ("yaml", "yml"), "own", _LOOKS, "keys, values and comments as written"
    ),
    FormatRow(
        *("docx", f"{_WORD}wordprocessingml.document", ("docx", "docm", "dotx", "dotm"), "lxml", _MEMBERS),
        "headings and lists with their numbers, tables, formulas as LaTeX, text boxes, headers and footers,"
        " notes, comments, insertions, fields and boxes to tick, charts, diagrams, descriptions of pictures;"
        " embedded documents as items",
        "macros are not run; pages as Word last counted them",
    ),
    FormatRow(
        *("pptx", f"{_WORD}presentationml.presentation", ("pptx", "pptm", "ppsx", "potx"), "lxml", _MEMBERS),
        "slides as pages, tables, numbered lists, formulas, notes, comments, charts, diagrams, descriptions"
        " of pictures; embedded documents as items",
        "no text of the slide master",
    ),
    FormatRow(
        *("xlsx", f"{_WORD}spreadsheetml.sheet", ("xlsx", "xlsm", "xltx"), "lxml", _MEMBERS),
        "all sheets as tables, hidden ones too, dates, percentages and currencies as shown, comments, text"
        " boxes, charts; embedded documents as items",
        "formulas by their last result",
    ),
    FormatRow(
        *("xls", "application/vnd.ms-excel", ("xls",), "unstructured", "streams of the OLE file"),
        *("sheets as tables", "Excel 97 and later; no comments"),
    ),
    FormatRow(
        *("doc", "application/msword", ("doc", "dot"), "LibreOffice", "streams of the OLE file"),
        *("what is read of a docx", _CONVERTED),
    ),
    FormatRow(
        *("ppt", "application/vnd.ms-powerpoint", ("ppt", "pps", "pot"), "LibreOffice"),
        *("streams of the OLE file", "what is read of a pptx", _CONVERTED),
    ),
    FormatRow(
        *("wpd", "application/vnd.wordperfect", ("wpd",), "LibreOffice", _MAGIC),
        *("what is read of a docx", f"{_CONVERTED}; not with a password"),
    ),
    FormatRow(
        *("odt", f"{_ODF}text", ("odt", "ott", "fodt"), "lxml", _MEMBERS),
        "headings and lists with their numbers, tables, text boxes, headers and footers, notes, comments,"
        " forms, charts, formulas, descriptions of pictures",
    ),
    FormatRow(
        *("ods", f"{_ODF}spreadsheet", ("ods", "ots", "fods"), "lxml", _MEMBERS),
        "sheets as tables, values as shown, comments, charts",
    ),
    FormatRow(
        *("odp", f"{_ODF}presentation", ("odp", "otp", "fodp"), "lxml", _MEMBERS),
        "slides as pages, tables, notes, charts",
    ),
    FormatRow(
        *("epub", "application/epub+zip", ("epub",), "lxml", _MEMBERS),
        "chapters in their order, headings, lists, tables",
    ),
    FormatRow(
        *("fb2", "application/x-fictionbook+xml", ("fb2",), "lxml", "first tag"),
        *("annotation, chapters with their titles, tables, notes", "no pictures"),
    ),
    FormatRow(
        *("rtf", "application/rtf", ("rtf",), "own", _MAGIC),
        *("headings, lists, tables, headers and footers, notes, comments, text boxes", "no embedded objects"),
    ),
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
            ("heic", "heic", ("heic", "heif")),
            ("avif", "avif", ("avif",)),
        )
    ),
    FormatRow(
        *("zip", "application/zip", ("zip",), "zipfile (standard library), own", _MEMBERS, _FILES),
        f"{_IN_ALL}; no Deflate64, no PKWARE encryption",
    ),
    FormatRow(
        *("tar", "application/x-tar", ("tar",), "tarfile (standard library)", "checksum of the first header"),
        *(_FILES, _IN_ALL),
    ),
    FormatRow(
        *("7z", "application/x-7z-compressed", ("7z",), "own", _MAGIC, _FILES),
        f"{_IN_ALL}; no BCJ2, PPMd, Deflate64",
    ),
    *(
        FormatRow(name, f"application/{media_type}", endings, library, _MAGIC, _FILES, _IN_ALL)
        for name, media_type, endings, library in (
            ("gz", "gzip", ("gz", "tgz"), "zlib (standard library)"),
            ("bz2", "x-bzip2", ("bz2", "tbz2"), "bz2 (standard library)"),
            ("xz", "x-xz", ("xz", "txz"), "lzma (standard library)"),
            ("zst", "zstd", ("zst",), "zstandard"),
        )
    ),
)
BY_NAME = {row.name: row for row in FORMATS}
