"""Word (docx and its templates, with macros or without): one walk over the body as it is parsed.

Numbers of headings and lists are counted, formulas become LaTeX, what hangs in drawings follows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from string import hexdigits

from lxml import etree

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.grids import Cell, spread
from ingest.readers.office_drawings import (
    A,
    C,
    R,
    add_chart,
    add_diagram,
    add_embedded,
    add_pictures,
    described,
    paragraphs,
)
from ingest.readers.package import Package, Relation, describe
from ingest.readers.word_math import latex
from ingest.readers.word_numbering import Numbering, Styles, W, is_on, number_of, value

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_V = "{urn:schemas-microsoft-com:vml}"
_T, _P, _TABLE, _BOX = f"{W}t", f"{W}p", f"{W}tbl", f"{W}txbxContent"
_CHOICE, _FORMULA, _PROPERTIES = f"{_MC}AlternateContent", f"{_M}oMath", f"{W}pPr"
_GONE = tuple(W + name for name in ("del", "moveFrom", "rt"))
_WRAPPERS = frozenset(
    (
        *(W + name for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")),
        *(f"{_M}oMathPara", f"{_MC}AlternateContent", f"{_MC}Choice", f"{_MC}Fallback"),
    )
)
_BLOCKS = (
    *(W + name for name in ("p", "tbl", "sdt", "ins", "moveTo", "customXml")),
    f"{_M}oMathPara",
    _CHOICE,
)
_BREAK, _RENDERED = f"{W}br", f"{W}lastRenderedPageBreak"
_SIGNS = {f"{W}tab": "\t", f"{W}ptab": "\t", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
_TEXT = (_T, _BREAK, _RENDERED, *_SIGNS)
_TICKED, _OPEN = "[x]", "[ ]"
_WINGDINGS = dict.fromkeys((0x53, 0x54, 0xFD, 0xFE), _TICKED) | dict.fromkeys((0x6F, 0x71, 0xA8), _OPEN)
_WINGDINGS |= {0xFC: "✓", 0xFB: "✗", 0xE0: "→", 0xDF: "←", 0xE8: "→", 0xA7: "▪", 0x9F: "•", 0xD8: "➢"}
_SYMBOL = "abgdezhqiklmnxoprstufcywjVJ"
_LETTERS = dict(zip(map(ord, _SYMBOL), "αβγδεζηθικλμνξοπρστυφχψωϕςϑ", strict=True)) | dict(
    zip(map(ord, "DSWGPFQLYX"), "ΔΣΩΓΠΦΘΛΨΞ", strict=True)
)
_LETTERS |= {
    0xB0: "°",
    0xB1: "±",
    0xB4: "×",
    0xA3: "≤",
    0xB3: "≥",
    0xB9: "≠",
    0xA5: "∞",
    0xAE: "→",
    0xB7: "•",
}
_CODE = ("html preformatted", "plain text", "source code", "code", "macro")
_FIRST_LEVEL = {"title": 1, "subtitle": 2}
_NOTES = ("footnotes", "endnotes", "comments")
_APART = frozenset(("separator", "continuationSeparator", "continuationNotice"))


def read_docx(document: Document, draft: Draft) -> None:
    """Running heads, the body, running feet; then notes, comments and embedded documents."""
    package = Package(document.stream)
    describe(package.optional("docProps/core.xml", draft), draft)
    main = package.main("word/document.xml")
    if main not in package:
        raise UnreadableDocument(Why.TRUNCATED, "the part that holds its text is missing")
    _Reading(package, draft, main).run()
    if not draft.elements:
        add_pictures(package, "word/media/", draft)


class _Reading:
    """The reading of one document: what its parts share."""

    def __init__(self, package: Package, draft: Draft, main: str) -> None:
        self._package, self._draft, self._main = package, draft, main
        self._links = package.relations(main)
        self._styles = Styles(self._beside("styles"))
        self._numbering = Numbering(self._beside("numbering"))

    def run(self) -> None:
        """Everything, in the order in which it is told."""
        first = len(self._draft.elements)
        heads, feet = self._running("header"), self._running("footer")
        for text in heads:
            self._draft.add(Kind.HEADER, text)
        body = self._walk(self._main)
        try:
            for count, block in enumerate(self._package.blocks(self._main, 2, *_BLOCKS)):
                if count % 1000 == 0:
                    self._draft.tick(len(self._draft.elements) // 1000)
                body.block(block)
        finally:
            self._number_pages(first, body)
        for text in feet:
            self._draft.add(Kind.FOOTER, text)
        for name in _NOTES:
            self._add_notes(name)
        for link in self._links.values():
            if link.kind in ("oleObject", "package", "aFChunk") and not link.outside:
                add_embedded(self._package, link.target, self._draft)

    def _walk(self, part: str) -> _Walk:
        links = self._links if part == self._main else self._package.relations(part)
        return _Walk(self._package, self._draft, links, self._styles, self._numbering)

    def _number_pages(self, first: int, body: _Walk) -> None:
        """Pages are known only where Word, when it last laid the text out, noted one break at least."""
        if body.page == 1:
            for element in self._draft.elements[first:]:
                element.page = None
        else:
            self._draft.pages = body.page

    def _beside(self, kind: str) -> etree._Element | None:
        part = next((link.target for link in self._links.values() if link.kind == kind), "")
        return self._package.optional(part, self._draft) if part else None

    def _running(self, kind: str) -> list[str]:
        """The running heads or feet of all sections, each text once."""
        found: dict[str, None] = {}
        for link in self._links.values():
            if link.kind == kind:
                root = self._package.optional(link.target, self._draft)
                if root is not None:
                    found[self._walk(link.target).lines(root)] = None
        return [text for text in found if text.strip()]

    def _add_notes(self, kind: str) -> None:
        """Footnotes, endnotes or comments; a comment after the name of who made it."""
        root = self._beside(kind)
        walk = self._walk(kind)
        for note in root if root is not None else ():
            if note.get(f"{W}type") in _APART:
                continue
            author = note.get(f"{W}author", "").strip() if kind == "comments" else ""
            text = walk.lines(note).strip()
            self._draft.add(Kind.PARAGRAPH, f"{author}: {text}" if author and text else text)


class _Walk:
    """One walk over the blocks of a part."""

    def __init__(
        self,
        package: Package,
        draft: Draft,
        links: dict[str, Relation],
        styles: Styles,
        numbering: Numbering,
    ) -> None:
        self.page = 1
        self._package, self._draft, self._links = package, draft, links
        self._styles, self._numbering = styles, numbering
        self._boxes: list[etree._Element] = []  # of text, to be added after the block that they hang in
        self._hanging: list[Callable[[], None]] = []  # what else is shown there

    def block(self, element: etree._Element) -> None:
        """Add a block, then what hangs in it."""
        self._tidy(element)
        self._add(element)
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            for child in box:
                self._add(child)
        hanging, self._hanging = self._hanging, []
        for add in hanging:
            add()

    def lines(self, holder: etree._Element) -> str:
        """The text of all paragraphs below an element, a line for each; tables and boxes as they come."""
        self._tidy(holder)
        holders = [holder, *self._boxes]
        self._boxes, self._hanging = [], []
        lines = (self._labelled(paragraph)[0] for part in holders for paragraph in part.iter(_P))
        return "\n".join(line for line in lines if line.strip())

    def _add(self, element: etree._Element) -> None:
        tag = element.tag
        if tag == _P:
            self._add_paragraph(element)
        elif tag == _TABLE:
            self._add_table(element)
        elif tag in _WRAPPERS:
            for child in element:
                self._add(child)
        elif tag == _T:  # a formula that is a block
            self._draft.add(Kind.PARAGRAPH, element.text or "", page=self.page)

    def _add_paragraph(self, paragraph: etree._Element) -> None:
        text, kind, level = self._labelled(paragraph)
        self._draft.add(kind, text, page=self.page, level=level)

    def _labelled(self, paragraph: etree._Element) -> tuple[str, Kind, int | None]:
        """(text with its number, kind, level) of a paragraph."""
        name, own, listed, place = _format(paragraph)
        style = self._styles[name or self._styles.default]
        outline = style.outline if own is None else own
        number, depth = (listed, place or 0) if listed else (style.number, style.level)
        if number and depth is None:
            depth = self._numbering.level_of(number, name)
        text = self._text(paragraph)
        if number == "0":  # which takes a list away that the style has
            number = None
        if number:
            label = self._numbering.label(number, min(depth or 0, 8))
            text = f"{label} {text}" if label and text.strip() else text
        if outline is not None and outline < 9:
            return text, Kind.TITLE, outline + 1
        if style.name in _FIRST_LEVEL:
            return text, Kind.TITLE, _FIRST_LEVEL[style.name]
        if number or style.name.startswith("list "):
            return text, Kind.LIST_ITEM, (depth or 0) + 1
        if style.name == "caption":
            return text, Kind.CAPTION, None
        return text, Kind.CODE if style.name.startswith(_CODE) else Kind.PARAGRAPH, None

    def _text(self, paragraph: etree._Element) -> str:
        """The text of a tidied paragraph; page breaks in it are counted, those before its text for itself."""
        parts: list[str] = []
        for element in paragraph.iter(*_TEXT):
            tag = element.tag
            if tag == _T:
                if element.text:
                    parts.append(element.text)
            elif tag == _RENDERED:
                self.page += 1
            elif tag == _BREAK:
                parts.append("\n")
            elif not element.attrib or tag == f"{W}ptab":  # a tab with attributes is a tab stop
                parts.append(_SIGNS[tag])
        return "".join(parts)

    def _add_table(self, table: etree._Element) -> None:
        """A table of one cell only frames what stands in it; tables in cells follow the one they stand in."""
        rows = [list(_inside(row, f"{W}tc")) for row in _inside(table, f"{W}tr")]
        if len(rows) == 1 and len(rows[0]) == 1:
            for child in rows[0][0]:
                self._add(child)
            return
        nested: list[etree._Element] = []
        page, heads = self.page, _header_rows(table)
        self._draft.add_table(spread(self._cells(rows, nested), heads), header_rows=heads, page=page)
        for inner in nested:
            self._add_table(inner)

    def _cells(self, rows: list[list[etree._Element]], nested: list[etree._Element]) -> list[list[Cell]]:
        """The cells of each row; what a cell from above covers is none."""
        grid: list[list[Cell]] = []
        reaching: dict[int, tuple[int, int]] = {}  # by column: where the cell stands that others may continue
        for number, row in enumerate(rows):
            line: list[Cell] = []
            column = 0
            for cell in row:
                width, begins, continues = _joined(cell)
                if continues and column in reaching:
                    above, place = reaching[column]
                    grid[above][place] = replace(grid[above][place], down=number - above + 1)
                else:
                    reaching.pop(column, None)
                    if begins:
                        reaching[column] = number, len(line)
                    line.append(Cell(self._cell(cell, nested), across=width))
                column += width
            grid.append(line)
        return grid

    def _cell(self, cell: etree._Element, nested: list[etree._Element]) -> str:
        lines: list[str] = []
        for child in _inside(cell, _P, _TABLE):
            if child.tag == _TABLE:
                nested.append(child)
            else:
                lines.append(self._labelled(child)[0])
        return "\n".join(lines)

    def _tidy(self, block: etree._Element) -> None:
        """Take out what is not shown, and put text in the place of what is not text."""
        for element in list(block.iter(*_GONE, _CHOICE)):
            if element.tag == _CHOICE:
                self._choose(element)
            elif element is not block:
                _take_out(element)
        for count, element in enumerate(list(block.iter(*_RARE)), 1):
            if count % 1000 == 0:  # a bomb of one paragraph
                self._draft.tick(0)
            _RARE[element.tag](self, element)

    def _choose(self, element: etree._Element) -> None:
        """Of two ways to draw the same, the newer."""
        if element.find(f"{_MC}Choice") is not None:
            for older in element.findall(f"{_MC}Fallback"):
                element.remove(older)

    def _take_formula(self, element: etree._Element) -> None:
        if any(True for _ in element.iterancestors(_FORMULA)):
            return
        text = latex(element)
        _put_text(element, f" ${text}$ " if text else "")

    def _take_box(self, element: etree._Element) -> None:
        """A box hangs in the paragraph that it is drawn beside."""
        _take_out(element)
        self._boxes.append(element)

    def _take_symbol(self, element: etree._Element) -> None:
        char = element.get(f"{W}char", "")
        if not all(digit in hexdigits for digit in char) or not 0 < len(char) < 6:
            return
        code = int(char, 16)
        code = code & 0xFF if 0xF000 <= code < 0xF100 else code
        font = element.get(f"{W}font", "").lower()
        table = _WINGDINGS if font.startswith("wingdings") else _LETTERS if font == "symbol" else {}
        _put_text(element, table.get(code, chr(code) if code > 31 and not table else ""))

    def _tick_control(self, properties: etree._Element) -> None:
        """A content control that is a box to tick shows a mark in some font: here it is always the same."""
        box = properties.find(f"{_W14}checkbox")
        control = properties.getparent()
        if box is None or control is None:
            return
        ticked = box.find(f"{_W14}checked")
        on = ticked is not None and ticked.get(f"{_W14}val", "1") in ("1", "true", "on")
        texts = list(control.iter(_T))
        for element in texts:
            element.text = ""
        if texts:
            texts[0].text = _TICKED if on else _OPEN

    def _tick_field(self, element: etree._Element) -> None:
        ticked = element.find(f"{W}checked")
        on = is_on(ticked if ticked is not None else element.find(f"{W}default"))
        _put_text(element, _TICKED if on else _OPEN)

    def _take_choice(self, element: etree._Element) -> None:
        """A field with a list to choose from keeps the place of what was chosen."""
        entries = element.findall(f"{W}listEntry")
        chosen = number_of(element, "result") or number_of(element, "default") or 0
        _put_text(element, entries[chosen].get(f"{W}val", "") if chosen < len(entries) else "")

    def _take_description(self, element: etree._Element) -> None:
        """What a picture is said to show."""
        text = described(element)
        if text:
            self._hang(lambda: self._draft.add(Kind.CAPTION, text, page=self.page))

    def _take_chart(self, element: etree._Element) -> None:
        link = self._links.get(element.get(f"{R}id", ""))
        if link and not link.outside:
            self._hang(lambda: add_chart(self._package, link.target, self._draft, self.page))

    def _take_diagram(self, element: etree._Element) -> None:
        link = self._links.get(element.get(f"{R}dm", ""))
        if link and not link.outside:
            self._hang(lambda: add_diagram(self._package, link.target, self._draft, self.page))

    def _take_shape(self, element: etree._Element) -> None:
        """Text drawn as in PowerPoint."""
        text = paragraphs(element)
        self._hang(lambda: self._draft.add(Kind.PARAGRAPH, text, page=self.page))

    def _take_word_art(self, element: etree._Element) -> None:
        text = element.get("string", "")
        self._hang(lambda: self._draft.add(Kind.PARAGRAPH, text, page=self.page))

    def _hang(self, add: Callable[[], None]) -> None:
        self._hanging.append(add)


_RARE: dict[str, Callable[[_Walk, etree._Element], None]] = {
    f"{W}sdtPr": _Walk._tick_control,
    _FORMULA: _Walk._take_formula,
    _BOX: _Walk._take_box,
    f"{W}sym": _Walk._take_symbol,
    f"{W}checkBox": _Walk._tick_field,
    f"{W}ddList": _Walk._take_choice,
    "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}docPr": _Walk._take_description,
    f"{C}chart": _Walk._take_chart,
    "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart": _Walk._take_chart,
    "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds": _Walk._take_diagram,
    f"{A}txBody": _Walk._take_shape,
    f"{_V}textpath": _Walk._take_word_art,
}


def _format(paragraph: etree._Element) -> tuple[str, int | None, str, int | None]:
    """(style, outline level, list, level in it) that a paragraph names."""
    name, outline, number, depth = "", None, "", None
    for properties in paragraph:
        if properties.tag != _PROPERTIES:
            continue
        for entry in properties:
            tag = entry.tag
            if tag == f"{W}pStyle":
                name = entry.get(f"{W}val", "")
            elif tag == f"{W}outlineLvl":
                outline = number_of(properties, "outlineLvl")
            elif tag == f"{W}numPr":
                number, depth = value(entry, "numId"), number_of(entry, "ilvl")
        break
    return name, outline, number, depth


def _inside(holder: etree._Element, *wanted: str) -> Iterator[etree._Element]:
    """The children of these names, also those in a content control or an insertion."""
    for child in holder:
        if child.tag in wanted:
            yield child
        elif child.tag in _WRAPPERS:
            yield from _inside(child, *wanted)


def _header_rows(table: etree._Element) -> int:
    """How many rows from the first are marked as heads; else one, where the table's style sets it apart."""
    count = 0
    for row in _inside(table, f"{W}tr"):
        if not is_on(row.find(f"{W}trPr/{W}tblHeader")):
            break
        count += 1
    look = table.find(f"{W}tblPr/{W}tblLook")
    if count or look is None:
        return count
    first = look.get(f"{W}firstRow")
    if first is not None:
        return int(first in ("1", "true", "on"))
    bits = look.get(f"{W}val", "0")
    return int(bits, 16) >> 5 & 1 if bits and all(digit in hexdigits for digit in bits) else 0


def _joined(cell: etree._Element) -> tuple[int, bool, bool]:
    """(columns that a cell covers, whether rows below may continue it, whether it continues one above)."""
    properties = cell.find(f"{W}tcPr")
    if properties is None:
        return 1, False, False
    merge = properties.find(f"{W}vMerge")
    continues = merge is not None and merge.get(f"{W}val", "continue") == "continue"
    return number_of(properties, "gridSpan") or 1, merge is not None and not continues, continues


def _put_text(element: etree._Element, text: str) -> None:
    """Put text in the place of an element."""
    parent = element.getparent()
    if parent is not None:
        run = element.makeelement(_T)
        run.text = text
        parent.replace(element, run)


def _take_out(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
