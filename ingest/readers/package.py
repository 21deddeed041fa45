"""Zip containers and the XML inside them, opened with limits and with nothing that could reach outside."""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from datetime import UTC, datetime
from typing import BinaryIO

from lxml import etree

from ingest.readers.draft import Draft
from ingest.readers.errors import UnreadableDocument, Why

_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
MIB = 1024 * 1024
_MEMBERS = 20_000
_MEMBER_BYTES = 128 * MIB  # one XML part; a tree takes about five times its text
_TOTAL_BYTES = 1024 * MIB
_RATIO = 200  # office documents stay below 50

ERRORS = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, RuntimeError, KeyError, OSError, OverflowError, ValueError),
)


class Package:
    """A zip whose table of contents has been checked before anything is unpacked."""

    def __init__(self, stream: BinaryIO) -> None:
        stream.seek(0)
        self.zip = zipfile.ZipFile(stream)
        members = self.zip.infolist()
        total = sum(member.file_size for member in members)
        packed = sum(member.compress_size for member in members) or 1
        largest = max((member.file_size for member in members if member.filename.endswith(".xml")), default=0)
        bomb = total > 64 * MIB and total > _RATIO * packed
        if bomb or largest > _MEMBER_BYTES or total > _TOTAL_BYTES or len(members) > _MEMBERS:
            raise UnreadableDocument(Why.TOO_LARGE, "it unpacks to more than is allowed")
        if any(member.flag_bits & 1 for member in members):
            raise UnreadableDocument(Why.ENCRYPTED, "it is protected by a password")
        self.names = {member.filename: member.file_size for member in members}

    def read(self, name: str) -> bytes:
        """One member, whole; empty when there is none of that name."""
        size = self.names.get(name)
        if size is None:
            return b""
        if size > _MEMBER_BYTES:
            raise UnreadableDocument(Why.TOO_LARGE, "a part of it is larger than is allowed")
        return self.zip.read(name)

    def tree(self, name: str) -> etree._Element | None:
        """One member as XML; None when it is absent or empty."""
        content = self.read(name)
        return parse_xml(content) if content else None


def parse_xml(content: bytes, *, recover: bool = False) -> etree._Element:
    """A tree, with entities left unresolved and libxml2's own limits on depth and size in force.

    Args:
        content: the bytes of the part.
        recover: read past faults; then the result is None when nothing could be made of it.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )
    return etree.fromstring(content, parser)


def transitional(package: Package) -> BinaryIO:
    """A copy of an office document in ISO's "strict" flavour under the names that libraries know."""
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as out:
        for name in package.names:
            content = package.read(name)
            if name.endswith((".xml", ".rels")):
                content = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", content)
            out.writestr(name, content)
    copy.seek(0)
    return copy


def local(element: etree._Element) -> str:
    """The name of an element without its namespace; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def describe(properties: etree._Element | None, draft: Draft) -> None:
    """Title, author and date out of Dublin Core metadata, wherever in this tree they stand."""
    found: dict[str, str] = {}
    for element in properties.iter() if properties is not None else ():
        if element.text and element.text.strip():
            found.setdefault(local(element), element.text.strip())
    draft.describe(
        title=found.get("title"),
        author=found.get("creator") or found.get("initial-creator"),
        created_at=iso_time(found.get("created") or found.get("creation-date") or found.get("date")),
    )


def iso_time(value: str | None) -> float | None:
    """Seconds since the epoch of an ISO 8601 time; UTC where it names no zone."""
    try:
        when = datetime.fromisoformat(value.strip()) if value else None
        if when is None:
            return None
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
