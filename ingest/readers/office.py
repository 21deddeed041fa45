"""Word, PowerPoint and Excel by `unstructured`; what it passes over is put in its way or added after it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import BinaryIO

from lxml import etree

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.hypertext import parse, table_lines
from ingest.readers.offline_unstructured import Piece, partitioners
from ingest.readers.package import Package, describe, local, transitional

ERRORS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    etree.LxmlError,
)
_KINDS = {
    "Title": Kind.TITLE,
    "ListItem": Kind.LIST_ITEM,
    "Table": Kind.TABLE,
    "Header": Kind.HEADER,
    "Footer": Kind.FOOTER,
    "FigureCaption": Kind.CAPTION,
}
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_WRAPPERS = (
    *(_W + name for name in ("ins", "moveTo", "smartTag", "fldSimple", "customXml", "sdtContent")),
    f"{_M}oMathPara",
)
_DROPPED = tuple(_W + name for name in ("del", "moveFrom", "sdtPr", "sdtEndPr", "smartTagPr", "customXmlPr"))
_CHART = re.compile(r"/charts/chart[^/]*$")
_BESIDE = re.compile(
    r"(?:ppt/comments/|xl/comments|xl/threadedComments/|xl/drawings/drawing|/diagrams/data)[^/]*$"
)
_NOTES = ("word/footnotes.xml", "word/endnotes.xml", "word/comments.xml")


def read_docx(document: Document, draft: Draft) -> None:
    """Word: the body with its text boxes and content controls, then notes and comments."""
    package, stream = _open(document, draft)
    _take(partitioners().docx(stream, _prepare), draft)
    for name in _NOTES:
        tree = package.tree(name)
        for note in tree if tree is not None else ():
            draft.add(Kind.PARAGRAPH, "\n".join(_texts(note, f"{_W}p", f"{_W}t")))
    _add_drawn(package, "word/", draft)


def read_pptx(document: Document, draft: Draft) -> None:
    """PowerPoint: slides with their notes, comments and the words in charts and diagrams."""
    package, stream = _open(document, draft)
    _take(partitioners().pptx(stream), draft)
    draft.pages = sum(bool(re.fullmatch(r"ppt/slides/slide\d+\.xml", name)) for name in package.names)
    _add_drawn(package, "ppt/", draft)


def read_xlsx(document: Document, draft: Draft) -> None:
    """Excel of today: its sheets, then comments and what is drawn on them."""
    package, stream = _open(document, draft)
    _add_sheets(stream, draft)
    _add_drawn(package, "xl/", draft)


def read_xls(document: Document, draft: Draft) -> None:
    """Excel of old, as far as its cells."""
    _add_sheets(document.stream, draft)


def _open(document: Document, draft: Draft) -> tuple[Package, BinaryIO]:
    """The container and the stream for the library, the strict flavour translated; metadata is taken over."""
    package = Package(document.stream)
    describe(package.tree("docProps/core.xml"), draft)
    kinds = package.read("_rels/.rels")
    if b"purl.oclc.org/ooxml" in kinds:
        stream = transitional(package)
        return Package(stream), stream
    return package, document.stream


def _add_sheets(stream: BinaryIO, draft: Draft) -> None:
    """Each sheet under its name, as the tables that stand in it."""
    sheet = None
    for piece in partitioners().xlsx(stream):
        if piece.metadata.page_name != sheet:
            sheet = piece.metadata.page_name
            draft.add(Kind.TITLE, sheet or "", page=piece.metadata.page_number, level=1)
        _take((piece,), draft)
        draft.pages = piece.metadata.page_number


def _take(pieces: Iterable[Piece], draft: Draft) -> None:
    """Take over what unstructured found; running heads that repeat are taken once."""
    seen: set[str] = set()
    for piece in pieces:
        kind = _KINDS.get(piece.category, Kind.PARAGRAPH)
        text, level = piece.text, None
        if kind in (Kind.HEADER, Kind.FOOTER):
            if text in seen:
                continue
            seen.add(text)
        elif kind is Kind.TABLE and piece.metadata.text_as_html:
            root = parse(piece.metadata.text_as_html)
            text = "\n".join(table_lines(root)) if root is not None else text
        elif kind in (Kind.TITLE, Kind.LIST_ITEM):
            level = (piece.metadata.category_depth or 0) + 1
        draft.add(kind, text, page=piece.metadata.page_number, level=level)


def _prepare(root: etree._Element) -> None:
    """Rearrange a Word body so that its text stands where python-docx looks for it.

    Content controls, tracked insertions and fields wrap runs that it then does not see; text boxes hang
    inside drawings. Wrappers are dissolved, deletions dropped, and a text box follows its anchor.
    """
    for element in list(root.iter(_FALLBACK, *_DROPPED)):
        _remove(element)
    for ruby in list(root.iter(f"{_W}ruby")):  # East Asian reading aids: the base text is the text
        _replace(ruby, [text for base in ruby.iter(f"{_W}rubyBase") for text in base.iter(f"{_W}t")])
    for formula in list(root.iter(f"{_M}oMath")):
        run = formula.makeelement(f"{_W}r")
        etree.SubElement(run, f"{_W}t").text = "".join(part.text or "" for part in formula.iter(f"{_M}t"))
        _replace(formula, [run])
    for box in list(root.iter(f"{_W}txbxContent")):
        anchor = next((above for above in box.iterancestors(f"{_W}p")), None)
        if anchor is not None and anchor.getparent() is not None:
            for block in reversed(list(box)):
                anchor.addnext(block)
    for element in reversed(list(root.iter(f"{_W}sdt", *_WRAPPERS))):
        _replace(element, list(element))


def _replace(element: etree._Element, by: list[etree._Element]) -> None:
    parent = element.getparent()
    if parent is not None:
        at = parent.index(element)
        parent[at : at + 1] = by


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _texts(root: etree._Element, block: str, run: str) -> list[str]:
    """The text of each block below a tree, put together from its runs."""
    return ["".join(part.text or "" for part in found.iter(run)) for found in root.iter(block)]


def _add_texts(package: Package, name: str, draft: Draft, tags: tuple[str, ...]) -> None:
    """Every stretch of text of a part that is no document of its own, as one paragraph."""
    tree = package.tree(name)
    if tree is not None:
        found = [element.text for element in tree.iter() if element.text and local(element) in tags]
        draft.add(Kind.PARAGRAPH, "\n".join(text for text, _ in groupby(found)))


def _add_drawn(package: Package, folder: str, draft: Draft) -> None:
    """Comments, diagrams, charts and boxes drawn on sheets: words that stand outside the main text.

    Raises:
        UnreadableDocument: there is not one word in the document, but pictures are.
    """
    for name in package.names:
        if not (name.startswith(folder) and name.endswith(".xml")):
            continue
        if _CHART.search(name):
            tree = package.tree(name)
            parts = tree.iter() if tree is not None else ()
            words = [part.text.strip() for part in parts if part.text and local(part) in ("t", "v")]
            draft.add(Kind.CAPTION, " | ".join(dict.fromkeys(filter(None, words))))
        elif _BESIDE.search(name):
            _add_texts(package, name, draft, ("t", "text"))
    if not draft.elements and any(name.startswith(f"{folder}media/") for name in package.names):
        raise UnreadableDocument(Why.IMAGE_ONLY, "it holds pictures and no text")
