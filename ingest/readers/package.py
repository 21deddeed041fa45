"""Zip containers and the XML inside them, opened with limits and with nothing that could reach outside."""

from __future__ import annotations

import io
import lzma
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import IO, BinaryIO

from lxml import etree

from ingest.readers.draft import Draft
from ingest.readers.errors import UnreadableDocument, Why

_PURL = b"http://purl.oclc.org/ooxml/"
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_SAFE: dict[str, bool] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}
MIB = 1024 * 1024
_MEMBERS = 20_000
_MEMBER_BYTES = 128 * MIB  # one XML part; a tree takes about five times its text
_TOTAL_BYTES = 1024 * MIB
_RATIO = 200  # office documents stay below 50

ERRORS = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, RuntimeError, KeyError, OSError, OverflowError, ValueError),
)


@dataclass(frozen=True)
class Relation:
    """What one part of an office document says of another."""

    kind: str  # the last word of its type: "image", "chart", "comments", …
    target: str  # name of the part, or an address where it is outside
    outside: bool


class Package:
    """A zip whose table of contents has been checked before anything is unpacked."""

    def __init__(self, stream: BinaryIO) -> None:
        stream.seek(0)
        self.zip = zipfile.ZipFile(stream)
        members = self.zip.infolist()
        total = sum(member.file_size for member in members)
        packed = sum(member.compress_size for member in members) or 1
        xml = (member.file_size for member in members if member.filename.endswith(".xml"))
        bomb = total > 64 * MIB and total > _RATIO * packed
        bomb = bomb or max(xml, default=0) > _MEMBER_BYTES or total > _TOTAL_BYTES
        if bomb or len(members) > _MEMBERS:
            raise UnreadableDocument(Why.TOO_LARGE, "it unpacks to more than is allowed")
        self.names = {member.filename.replace("\\", "/"): member.file_size for member in members}
        self._members = {_key(member.filename): member for member in members}

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._members

    def read(self, name: str) -> bytes:
        """One member, whole; empty when there is none of that name, in any case of letters."""
        member = self._member(name)
        return self.zip.read(member) if member else b""

    def tree(self, name: str) -> etree._Element | None:
        """One member as XML, ISO's "strict" names made the usual ones; None when it is absent or empty."""
        content = self.read(name)
        return parse_xml(usual_names(content)) if content else None

    def optional(self, name: str, draft: Draft) -> etree._Element | None:
        """A part that the document can be read without; where it is damaged, that is named."""
        try:
            return self.tree(name)
        except (etree.LxmlError, *ERRORS):
            draft.missing.append("a part of it is damaged")
            return None

    def blocks(self, name: str, depth: int, *tags: str) -> Iterator[etree._Element]:
        """Elements of a part as they are read, each gone with the next: memory stays small, however many.

        Args:
            name: of the part.
            depth: how many elements they stand in at most.
            tags: their names.
        """
        if name in self:
            yield from blocks(self.open(name), depth, *tags)

    def open(self, name: str) -> IO[bytes]:
        """One member that must be there, from its beginning and without the whole of it in memory."""
        member = self._member(name)
        if member is None:
            raise UnreadableDocument(Why.TRUNCATED, "a part of it is missing")
        source: IO[bytes] = self.zip.open(member)
        if _STRICT.search(source.read(4096)):
            source = io.BytesIO(usual_names(self.zip.read(member)))
        source.seek(0)
        return source

    def relations(self, part: str) -> dict[str, Relation]:
        """What a part names by an id; empty when it names nothing or the list is damaged."""
        folder, _, name = part.rpartition("/")
        try:
            tree = self.tree(f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels")
        except (etree.LxmlError, *ERRORS):
            return {}
        found: dict[str, Relation] = {}
        for entry in tree if tree is not None else ():
            kind, target = entry.get("Type", "").rpartition("/")[2], entry.get("Target", "")
            outside = entry.get("TargetMode") == "External"
            if not outside:
                path = posixpath.join("/", folder, target.replace("\\", "/"))
                target = posixpath.normpath(path).lstrip("/")
            found[entry.get("Id", "")] = Relation(kind, target, outside)
        return found

    def main(self, usual: str) -> str:
        """Name of the part that all else hangs on; the usual one where none is named."""
        links = self.relations("").values()
        return next((link.target for link in links if link.kind == "officeDocument"), usual)

    def _member(self, name: str) -> zipfile.ZipInfo | None:
        member = self._members.get(_key(name))
        if member is None:
            return None
        if member.file_size > _MEMBER_BYTES:
            raise UnreadableDocument(Why.TOO_LARGE, "a part of it is larger than is allowed")
        if member.flag_bits & 1:
            raise UnreadableDocument(Why.ENCRYPTED, "it is protected by a password")
        return member


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def blocks(source: IO[bytes], depth: int, *tags: str) -> Iterator[etree._Element]:
    """As `Package.blocks`, out of any open file.

    Raises:
        XMLSyntaxError: it is no XML from here on.
        MemoryError: it is more than memory holds.
    """
    events = etree.iterparse(source, tag=tags, **_SAFE)
    while True:
        try:
            _, element = next(events)
        except StopIteration:
            return
        except etree.XMLSyntaxError as error:
            raise _cause(error) from error
        above = list(islice(element.iterancestors(), depth + 1))
        if len(above) > depth:
            continue
        yield element
        element.clear(keep_tail=True)
        while element.getprevious() is not None:
            del above[0][0]


def parse_xml(content: bytes, *, recover: bool = False) -> etree._Element:
    """A tree, with entities left unresolved and libxml2's own limits on depth and size in force.

    Args:
        content: the bytes of the part.
        recover: read past faults; then the result is None when nothing could be made of it.
    """
    try:
        return etree.fromstring(content, etree.XMLParser(recover=recover, **_SAFE))
    except etree.XMLSyntaxError as error:
        raise _cause(error) from error


def _cause(error: etree.XMLSyntaxError) -> Exception:
    """The error itself, or what libxml2 reports as one."""
    return MemoryError() if is_out_of_memory(error) else error


def is_out_of_memory(error: etree.XMLSyntaxError) -> bool:
    """Whether libxml2 gave up for want of memory, and not because of what it read.

    By the code, not by the log: that one keeps what happened over earlier documents.
    """
    return bool(error.code == etree.ErrorTypes.ERR_NO_MEMORY)


def usual_names(content: bytes) -> bytes:
    """A part in ISO's "strict" flavour under the names that everybody uses."""
    if _PURL not in content:
        return content
    return _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", content)


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
