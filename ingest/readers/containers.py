"""Tells the formats apart that share a container: zip by its members, OLE by its streams."""

from __future__ import annotations

import io
import re
from functools import cache
from importlib import import_module
from types import ModuleType

from ingest.readers.archives import archive_kind
from ingest.readers.archives_zip import has_table, member_names
from ingest.readers.draft import Document
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.foreign import SIGNED, foreign_kind, foreign_ole, foreign_zip
from ingest.readers.package import ERRORS, Package
from ingest.readers.sniff import is_binary

_OFFICE = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
_OPENDOCUMENT = (("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp"))
_OFFICE_PARTS = ("mimetype", "META-INF/container.xml", "[Content_Types].xml")
_OLD = {"worddocument": "doc", "powerpoint document": "ppt"}
_UNKNOWN = "this kind of file is not one that can be read"


def zip_kind(document: Document) -> str:
    """Name of the format of a zip.

    Raises:
        UnreadableDocument: it is a document that is cut off, locked, too large or not read.
    """
    names = member_names(document)
    if known := foreign_zip(set(names)):
        raise known.refusal()
    if not any(
        name in _OFFICE_PARTS or name.startswith(("word/", "ppt/", "xl/", "docProps/")) for name in names
    ):
        return "zip"
    try:
        package = Package(document.stream)
        mimetype = package.read("mimetype")[:200].decode("latin-1").strip()
    except ERRORS as error:
        raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error
    if mimetype == "application/epub+zip" or (
        "META-INF/container.xml" in package.names and any(name.endswith(".opf") for name in package.names)
    ):
        return "epub"
    if mimetype.startswith("application/vnd.oasis.opendocument."):
        for word, name in _OPENDOCUMENT:
            if mimetype.removeprefix("application/vnd.oasis.opendocument.").startswith(word):
                return name
        raise UnreadableDocument(Why.UNSUPPORTED, _UNKNOWN)
    if "[Content_Types].xml" in package.names:
        if "xl/workbook.bin" in package.names:
            raise UnreadableDocument(
                Why.UNSUPPORTED, "binary workbooks (.xlsb) are not read; save it as .xlsx"
            )
        for folder, name in _OFFICE:
            if any(member.startswith(folder) for member in package.names):
                return name
        raise UnreadableDocument(Why.UNSUPPORTED, _UNKNOWN)
    return "zip"


@cache
def olefile() -> ModuleType:
    """The one place that imports olefile."""
    return import_module("olefile")


def ole_kind(document: Document) -> str:
    """Name of the format of an OLE compound file.

    Raises:
        UnreadableDocument: it is cut off, locked, or of a kind that is not read.
    """
    try:
        with olefile().OleFileIO(io.BytesIO(document.content())) as ole:
            streams = {"/".join(path) for path in ole.listdir(streams=True, storages=False)}
    except (OSError, ValueError, IndexError, TypeError, RecursionError) as error:
        raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error
    if "EncryptedPackage" in streams:
        raise UnreadableDocument(Why.ENCRYPTED, "it is protected by a password")
    if any(name.startswith("__properties_version") for name in streams):
        return "msg"
    if streams & {"Workbook", "Book"}:
        return "xls"
    folded = {name.lower() for name in streams}  # as OLE compares them
    for stream, name in _OLD.items():
        if stream in folded:
            return name
    if known := foreign_ole(streams):
        raise known.refusal()
    raise UnreadableDocument(Why.UNSUPPORTED, _UNKNOWN)


_MAGIC = (
    (re.compile(rb"[\s\S]{0,1024}?%PDF-"), "pdf"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"\xff\xd8\xff"), "jpg"),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "tiff"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"BM[\s\S]{4}\x00{4}"), "bmp"),
    (re.compile(rb"RIFF[\s\S]{4}WEBP"), "webp"),
    (re.compile(rb"[\s\S]{4}ftyp(?:hei[cxms]|hev[cx]|mif1|msf1)"), "heic"),
    (re.compile(rb"[\s\S]{4}ftypavi[fs]"), "avif"),
    (re.compile(rb"\x78\x9f\x3e\x22"), "tnef"),
    (re.compile(rb"\x09(?:\x00\x04|[\x02\x04]\x06|\x08\x08)\x00[\x00-\x07][\x00-\x06]"), "xls"),
    (re.compile(rb"\s{0,16}\{\\rtf"), "rtf"),
    (re.compile(rb"bplist00[\s\S]{0,80}WebMainResource"), "webarchive"),
    (re.compile(rb"\xffWPC[\s\S]{4}\x01\x0a"), "wpd"),
)


def binary_kind(document: Document) -> str | None:
    """Name of the format that the first bytes announce; None if it may be text.

    Raises:
        UnreadableDocument: it is something known that is not read.
    """
    head = document.head
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK00PK\x03\x04", b"PK\x07\x08PK\x03\x04")):
        return zip_kind(document)
    if archive := archive_kind(head):  # before the others: what is in it may stand near its beginning
        return archive
    for pattern, name in _MAGIC:
        if pattern.match(head):
            return name
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return ole_kind(document)
    binary = is_binary(head)
    if binary and has_table(document):  # a program that unpacks itself, or something before the zip
        return "zip"
    known = foreign_kind(head, binary=binary)
    if known is SIGNED:
        return "p7m"
    if known:
        raise known.refusal()
    if binary:
        raise UnreadableDocument(Why.UNSUPPORTED, _UNKNOWN)
    return None
