"""PowerPoint (pptx, shows and templates, with macros or without): a walk over the shapes of each slide.

Shapes come in the order in which PowerPoint reads them aloud, the title first; notes and comments follow.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.grids import Cell, spread
from ingest.readers.office_drawings import (
    A,
    R,
    add_chart,
    add_diagram,
    add_embedded,
    add_pictures,
    described,
    paragraphs,
)
from ingest.readers.package import Package, Relation, describe, local
from ingest.readers.word_math import latex
from ingest.readers.word_numbering import numeral

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TITLES = ("title", "ctrTitle")
_RUNNING = {"ftr": Kind.FOOTER, "hdr": Kind.HEADER}
_NUMBERS = ("sldNum", "dt")
_PICTURED = frozenset(("pic", "sp", "graphicFrame", "grpSp", "cxnSp"))
_KINDS = {
    "arabic": "decimal",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
} | {"romanUc": "upperRoman"}
_ENDS = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Plain": "{}"}
_DEPTH = 50  # of groups within groups


def read_pptx(document: Document, draft: Draft) -> None:
    """Slides in order, hidden ones too."""
    package = Package(document.stream)
    describe(package.optional("docProps/core.xml", draft), draft)
    main = package.main("ppt/presentation.xml")
    show = package.tree(main)
    if show is None:
        raise UnreadableDocument(Why.TRUNCATED, "the part that lists its slides is missing")
    links = package.relations(main)
    named = [links.get(slide.get(f"{R}id", "")) for slide in show.iter(f"{P}sldId")]
    slides = list(dict.fromkeys(named))  # a slide that is named a million times is shown once
    reading = _Reading(package, draft, _authors(package, links, draft))
    draft.pages = len(slides) or None
    for page, slide in enumerate(slides, 1):
        if slide is None or slide.outside or slide.target not in package:
            draft.missing.append("a slide is missing")
            continue
        reading.read(slide.target, page)
        draft.tick(page, len(slides))
    if not draft.elements:
        add_pictures(package, "ppt/media/", draft)


def _authors(package: Package, links: dict[str, Relation], draft: Draft) -> dict[str, str]:
    """The names of those who made comments, by their ids."""
    found: dict[str, str] = {}
    for link in links.values():
        if link.kind in ("commentAuthors", "authors") and not link.outside:
            tree = package.optional(link.target, draft)
            found.update(
                (author.get("id", ""), author.get("name", ""))
                for author in (tree if tree is not None else ())
            )
    return found


class _Reading:
    """The reading of one show: what its slides share."""

    def __init__(self, package: Package, draft: Draft, authors: dict[str, str]) -> None:
        self._package, self._draft, self._authors = package, draft, authors
        self._running: set[str] = set()
        self._links: dict[str, Relation] = {}
        self._page = 0

    def read(self, part: str, page: int) -> None:
        """One slide with all that belongs to it."""
        tree = self._package.optional(part, self._draft)
        if tree is None:
            return
        self._page, self._links = page, self._package.relations(part)
        shapes = list(_shapes(tree))
        for shape in sorted(shapes, key=lambda shape: _placeholder(shape) not in _TITLES):
            self._add_shape(shape)
        for link in self._links.values():
            if link.outside:
                continue
            if link.kind == "notesSlide":
                self._add_notes(link.target)
            elif link.kind == "comments":
                self._add_comments(link.target)
            elif link.kind in ("oleObject", "package"):
                add_embedded(self._package, link.target, self._draft)

    def _add_shape(self, shape: etree._Element) -> None:
        name = local(shape)
        for properties in shape.iterfind("*/{*}cNvPr"):
            self._draft.add(Kind.CAPTION, described(properties), page=self._page)
        if name == "graphicFrame":
            self._add_graphic(shape)
            return
        body = shape.find("{*}txBody")
        if body is None:
            return
        kind = _placeholder(shape)
        if kind in _NUMBERS:
            return
        if kind in _RUNNING:
            text = paragraphs(body)
            if text not in self._running:
                self._running.add(text)
                self._draft.add(_RUNNING[kind], text, page=self._page)
            return
        counts: dict[int, int] = {}
        for paragraph in body.iterfind(f"{A}p"):
            self._add_paragraph(paragraph, counts, title=kind in _TITLES)

    def _add_paragraph(self, paragraph: etree._Element, counts: dict[int, int], *, title: bool) -> None:
        """A paragraph of a shape.

        Args:
            counts: the numbers of the shape's lists, by level.
        """
        text = _text(paragraph)
        if not text.strip():
            return
        properties = paragraph.find(f"{A}pPr")
        depth = properties.get("lvl", "0") if properties is not None else "0"
        level = int(depth) if depth.isdecimal() and len(depth) < 3 else 0
        number = properties.find(f"{A}buAutoNum") if properties is not None else None
        for below in [other for other in counts if other > level or (other == level and number is None)]:
            del counts[below]
        if number is not None:
            counts[level] = counts.get(level, _start(number) - 1) + 1
            text = f"{_label(number.get('type', ''), counts[level])} {text}"
        listed = number is not None or (properties is not None and properties.find(f"{A}buChar") is not None)
        if title and not listed:
            self._draft.add(Kind.TITLE, text, page=self._page, level=1)
        elif listed or level:
            self._draft.add(Kind.LIST_ITEM, text, page=self._page, level=level + 1)
        else:
            self._draft.add(Kind.PARAGRAPH, text, page=self._page)

    def _add_graphic(self, frame: etree._Element) -> None:
        """A table, a chart or a diagram."""
        for element in frame.iter():
            name = local(element)
            if name == "tbl":
                self._add_table(element)
            elif name == "chart" and (link := self._links.get(element.get(f"{R}id", ""))):
                add_chart(self._package, link.target, self._draft, self._page)
            elif name == "relIds" and (link := self._links.get(element.get(f"{R}dm", ""))):
                add_diagram(self._package, link.target, self._draft, self._page)

    def _add_table(self, table: etree._Element) -> None:
        rows: list[list[Cell]] = []
        for row in table.iterfind(f"{A}tr"):
            rows.append(
                [
                    Cell(_lines(cell), _span(cell, "gridSpan"), _span(cell, "rowSpan"))
                    for cell in row.iterfind(f"{A}tc")
                    if not (cell.get("hMerge") in ("1", "true") or cell.get("vMerge") in ("1", "true"))
                ]
            )
        look = table.find(f"{A}tblPr")
        heads = int(look is not None and look.get("firstRow") in ("1", "true") and len(rows) > 1)
        self._draft.add_table(spread(rows, heads), header_rows=heads, page=self._page)

    def _add_notes(self, part: str) -> None:
        """What the speaker is to say."""
        tree = self._package.optional(part, self._draft)
        for shape in _shapes(tree) if tree is not None else ():
            if _placeholder(shape) == "body":
                self._draft.add(Kind.PARAGRAPH, _lines(shape), page=self._page)

    def _add_comments(self, part: str) -> None:
        tree = self._package.optional(part, self._draft)
        for comment in tree.iter("{*}cm", "{*}reply") if tree is not None else ():
            author = self._authors.get(comment.get("authorId", ""), "")
            body = comment.find("{*}txBody")
            text = comment.findtext(f"{P}text") or "" if body is None else paragraphs(body)
            self._draft.add(Kind.PARAGRAPH, f"{author}: {text}" if author and text else text, page=self._page)


def _shapes(slide: etree._Element) -> Iterator[etree._Element]:
    """The shapes of a slide, those in groups too; of two ways to draw the same, the newer."""
    stack = [(child, 0) for tree in slide.iter(f"{P}spTree") for child in tree][::-1]
    while stack:
        element, depth = stack.pop()
        name = local(element)
        if name in _PICTURED:
            yield element
        if name == "AlternateContent":
            choice = element.find("{*}Choice")
            inner = choice if choice is not None else element.find("{*}Fallback")
            stack.extend((child, depth + 1) for child in reversed(inner if inner is not None else ()))
        elif name == "grpSp" and depth < _DEPTH:
            stack.extend((child, depth + 1) for child in reversed(element))


def _placeholder(shape: etree._Element) -> str:
    """What a shape is a placeholder for; "obj" where that is not said, empty for none."""
    place = shape.find(f"*/{P}nvPr/{P}ph")
    return place.get("type", "obj") if place is not None else ""


def _lines(holder: etree._Element) -> str:
    """The text of all paragraphs below an element, a line for each."""
    return "\n".join(text for part in holder.iter(f"{A}p") if (text := _text(part)).strip())


def _text(paragraph: etree._Element) -> str:
    """The text of a paragraph with its formulas."""
    parts: list[str] = []
    for element in paragraph.iter():
        name = local(element)
        if element.tag == f"{A}t":
            parts.append(element.text or "")
        elif element.tag == f"{A}br":
            parts.append("\n")
        elif name == "oMath" and next(element.iterancestors("{*}Fallback"), None) is None:
            parts.append(f" ${latex(element)}$ ")
    return "".join(parts)


def _span(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "1")
    return max(int(value), 1) if value.isdecimal() and len(value) < 5 else 1


def _start(number: etree._Element) -> int:
    start = number.get("startAt", "1")
    return int(start) if start.isdecimal() and len(start) < 6 else 1


def _label(kind: str, count: int) -> str:
    """The number of an item in one of PowerPoint's ways, "alphaLcParenR" among them."""
    for end, pattern in _ENDS.items():
        if kind.endswith(end):
            return pattern.format(numeral(count, _KINDS.get(kind.removesuffix(end), "decimal")))
    return f"{count}."
