"""EPUB: the pages of a book in the order of its spine, each read as HTML."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from lxml import etree

from ingest.readers.draft import Document, Draft
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.hypertext import add_blocks, declared_text, parse
from ingest.readers.package import Package, describe, local

ERRORS = (etree.LxmlError, ValueError)


def read_epub(document: Document, draft: Draft) -> None:
    """All pages; one that is missing is named, not fatal."""
    package = Package(document.stream)
    container = package.tree("META-INF/container.xml")
    roots = container.iter("{*}rootfile") if container is not None else ()
    path = next((root.get("full-path", "") for root in roots), "")
    book = package.tree(path)
    if book is None:
        raise UnreadableDocument(Why.TRUNCATED, "the book's table of contents is missing")
    describe(next(book.iter("{*}metadata"), None), draft)
    missing, pages = 0, list(dict.fromkeys(_spine(book, posixpath.dirname(path))))  # each page once
    if not _locked(package).isdisjoint(pages):
        raise UnreadableDocument(Why.ENCRYPTED, "its publisher locked it against copying")
    for count, name in enumerate(pages):
        draft.tick(count, len(pages))
        content = package.read(name)
        missing += not content
        root = parse(declared_text(content))
        if root is not None:
            add_blocks(root, draft)
    if missing:
        draft.missing.append(f"{missing} of the book's pages are missing")


def _locked(package: Package) -> set[str]:
    """Names of the encrypted members: the pages of a book that is sold so, else at most its fonts."""
    listed = package.tree("META-INF/encryption.xml")
    found = listed.iter("{*}CipherReference") if listed is not None else ()
    return {posixpath.normpath(unquote(reference.get("URI", ""))) for reference in found}


def _spine(book: etree._Element, folder: str) -> Iterator[str]:
    """Names of the members that hold the pages, in reading order."""
    hrefs = {item.get("id"): item.get("href", "") for item in book.iter("{*}item")}
    for entry in book.iter("{*}itemref"):
        href = hrefs.get(entry.get("idref"), "")
        if href and local(entry) == "itemref":
            yield posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))
