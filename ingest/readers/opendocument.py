"""OpenDocument (odt, odp, their templates and flat files) by a walk over its XML, block by block as it is
parsed; its spreadsheets are the business of `opendocument_sheets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from lxml import etree

from ingest.readers import locked
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.grids import Cell, spread
from ingest.readers.office_drawings import add_embedded, add_pictures
from ingest.readers.opendocument_lists import Counter, Styles, attribute, number
from ingest.readers.opendocument_sheets import read_sheets
from ingest.readers.package import Package, blocks, describe, local

_MAX_REPEAT = 100
_NO_TEXT = frozenset(
    (
        *("tracked-changes", "sequence-decls", "script", "scripts", "binary-data", "event-listeners"),
        *("variable-decls", "user-field-decls", "dde-connection-decls", "alphabetical-index-auto-mark-file"),
        *("ruby-text", "note-citation", "bibliography-configuration", "table-of-content-source", "title"),
        *("illustration-index-source", "alphabetical-index-source", "user-index-source", "desc"),
        *("table-index-source", "page-thumbnail", "creator", "date", "date-string", "annotation-end"),
    )
)
_HANGING = frozenset(("note", "annotation", "frame", "custom-shape", "rect", "object", "g", "control"))
_MARKS = {"tab": "\t", "line-break": "\n"}
_BLOCKS = (
    *("{*}p", "{*}h", "{*}list", "{*}numbered-paragraph", "{*}table", "{*}section", "{*}page", "{*}forms"),
    *("{*}frame", "{*}custom-shape", "{*}g", "{*}table-of-content", "{*}alphabetical-index", "{*}user-index"),
    *("{*}illustration-index", "{*}table-index", "{*}object-index", "{*}bibliography"),
)
_OBJECTS = 50  # objects inside one document that are read as part of it


def read_opendocument(document: Document, draft: Draft) -> None:
    """Running heads, then text, tables and slides in the order of the file."""
    source = _Source(document, draft)
    if source.kind == "spreadsheet":
        read_sheets(source.content(), draft, lambda frame, page: _Walk(draft, source, page).frame(frame))
    else:
        _read_text(source, draft)
    if not draft.elements and source.package is not None:
        add_pictures(source.package, "Pictures/", draft)


def _read_text(source: _Source, draft: Draft) -> None:
    heads, feet = _running(source.styles_tree)
    for text in heads:
        draft.add(Kind.HEADER, text)
    walk = _Walk(draft, source, None)
    for count, block in enumerate(blocks(source.content(), 3, "{*}automatic-styles", *_BLOCKS)):
        if count % 500 == 0:
            draft.tick(len(draft.elements) // 1000)
        if local(block) == "automatic-styles":
            source.styles.learn(block)
        elif next(block.iterancestors("{*}body"), None) is not None:
            walk.block(block)
    for text in feet:
        draft.add(Kind.FOOTER, text)


class _Source:
    """Where the parts of a document are: in a package, or all in one flat file."""

    def __init__(self, document: Document, draft: Draft) -> None:
        self.draft = draft
        self.package: Package | None = None
        self.styles = Styles()
        self.objects = 0
        self._document = document
        if document.head.startswith(b"PK"):
            self.package = self._open(document)
            describe(self.package.optional("meta.xml", draft), draft)
            self.styles_tree = self.package.optional("styles.xml", draft)
        else:
            for part in blocks(self.content(), 1, "{*}meta"):
                describe(part, draft)
                break
            self.styles_tree = next(blocks(self.content(), 1, "{*}master-styles"), None)
            for part in blocks(self.content(), 1, "{*}styles"):
                self.styles.learn(part)
        self.styles.learn(self.styles_tree)
        self.kind = self._kind()

    def _open(self, document: Document) -> Package:
        package = Package(document.stream)
        manifest = package.optional("META-INF/manifest.xml", self.draft)
        if manifest is not None:
            package = locked.opened(package, manifest, document.job.password)
        if "content.xml" not in package:
            raise UnreadableDocument(Why.TRUNCATED, "the part that holds its text is missing")
        return package

    def content(self) -> IO[bytes]:
        """The part with the text, from its beginning."""
        if self.package is not None:
            return self.package.open("content.xml")
        self._document.stream.seek(0)
        return self._document.stream

    def _kind(self) -> str:
        for _, element in etree.iterparse(self.content(), events=("start",), resolve_entities=False):
            if local(element) in ("text", "spreadsheet", "presentation", "drawing", "chart"):
                parent = element.getparent()
                if parent is not None and local(parent) == "body":
                    return local(element)
        raise UnreadableDocument(Why.TRUNCATED, "the part that holds its text is missing")


class _Walk:
    """One walk over blocks; the state is the page, the numbers of headings and lists, and what hangs."""

    def __init__(self, draft: Draft, source: _Source, page: int | None) -> None:
        self._draft, self._source, self._page = draft, source, page
        self._outline = Counter()
        self._lists: dict[str, Counter] = {}
        self._hanging: list[etree._Element] = []

    def block(self, element: etree._Element) -> None:
        """Add a block and what hangs in it."""
        self._add(element)
        while self._hanging:
            self._hang(self._hanging.pop(0))

    def frame(self, element: etree._Element) -> None:
        """Add what is drawn."""
        self._hang(element)
        while self._hanging:
            self._hang(self._hanging.pop(0))

    def _add(self, element: etree._Element) -> None:
        name = local(element)
        if name == "h":
            level = number(element, "outline-level", 1)
            label = self._outline.label(self._source.styles.outline, level)
            self._say(Kind.TITLE, element, level, label)
        elif name == "p":
            title = self._source.styles.title_level(attribute(element, "style-name"))
            self._say(Kind.TITLE if title else Kind.PARAGRAPH, element, title)
        elif name == "list":
            self._add_list(element)
        elif name == "table":
            self._add_table(element)
        elif name == "page":
            self._page = self._draft.pages = (self._page or 0) + 1
            self._draft.tick(self._page)
            for child in element:
                self._add(child)
        elif name == "forms":
            self._add_forms(element)
        elif name in _HANGING:
            self._hang(element)
        elif name not in _NO_TEXT:
            for child in element:
                self._add(child)

    def _say(self, kind: Kind, element: etree._Element, level: int | None, label: str = "") -> None:
        text = self._text(element).strip()
        self._draft.add(kind, f"{label} {text}" if label and text else text, page=self._page, level=level)

    def _add_list(self, root: etree._Element) -> None:
        for text, level, kind in self._items(root):
            if isinstance(text, etree._Element):
                self._add(text)
            else:
                self._draft.add(kind, text, page=self._page, level=level)

    def _items(self, root: etree._Element) -> Iterator[tuple[str | etree._Element, int, Kind]]:
        """The items of a list and of those in it, with their numbers; a block that is no text, as it is."""
        style = attribute(root, "style-name")
        counter = self._lists.get(style)
        if counter is None or not (
            attribute(root, "continue-numbering") == "true" or attribute(root, "continue-list")
        ):
            counter = self._lists[style] = Counter()
        yield from self._list(root, style, counter, 1)

    def _list(
        self, holder: etree._Element, style: str, counter: Counter, depth: int
    ) -> Iterator[tuple[str | etree._Element, int, Kind]]:
        levels = self._source.styles.list_levels(style)
        for item in holder:
            labelled = local(item) != "list-item"  # the header of a list has no number
            for child in item:
                name = local(child)
                if name == "list":
                    own = attribute(child, "style-name") or style
                    yield from self._list(child, own, counter, depth + 1)
                elif name in ("p", "h"):
                    start = number(item, "start-value", 0) or None
                    label = "" if labelled else counter.label(levels, depth, start)
                    labelled = True
                    text = self._text(child).strip()
                    kind = Kind.TITLE if name == "h" else Kind.LIST_ITEM
                    level = number(child, "outline-level", 1) if name == "h" else depth
                    yield f"{label} {text}" if label and text else text, level, kind
                else:
                    yield child, depth, Kind.PARAGRAPH

    def _add_table(self, table: etree._Element) -> None:
        """A table; those that stand in its cells follow it."""
        rows = list(_rows(table))
        heads = sum(1 for row in rows if next(row.iterancestors("{*}table-header-rows"), None) is not None)
        nested: list[etree._Element] = []
        grid = [[cell for entry in row for cell in self._cells(entry, nested)] for row in rows]
        self._draft.add_table(spread(grid, heads), header_rows=heads, page=self._page)
        for inner in nested:
            self._add_table(inner)

    def _cells(self, cell: etree._Element, nested: list[etree._Element]) -> list[Cell]:
        """A cell, as often as it is repeated; what another covers is none."""
        if local(cell) != "table-cell":
            return []
        lines: list[str] = []
        for child in cell:
            name = local(child)
            if name == "list":
                for item, _, _ in self._items(child):
                    if isinstance(item, str):
                        lines.append(item)
            elif name == "table":
                nested.append(child)
            elif name in ("p", "h"):
                lines.append(self._text(child))
            elif name in _HANGING:
                self._hanging.append(child)
        across, down = number(cell, "number-columns-spanned", 1), number(cell, "number-rows-spanned", 1)
        repeated = min(number(cell, "number-columns-repeated", 1), _MAX_REPEAT)
        return [Cell("\n".join(lines), across, down)] * repeated

    def _text(self, element: etree._Element) -> str:
        """The text of a paragraph; spaces, tabs and breaks are elements in ODF. What hangs in it is kept."""
        parts: list[str] = [element.text or ""]
        for child in element:
            name = local(child)
            if name == "s":
                parts.append(" " * min(number(child, "c", 1), _MAX_REPEAT))
            elif name in _MARKS:
                parts.append(_MARKS[name])
            elif name in _HANGING:
                self._hanging.append(child)
            elif name not in _NO_TEXT:
                parts.append(self._text(child))
            parts.append(child.tail or "")
        return "".join(parts)

    def _hang(self, element: etree._Element) -> None:
        """Notes, comments, boxes, shapes and pictures, after the block that they hang in."""
        name = local(element)
        if name == "annotation":
            author = (element.findtext("{*}creator") or "").strip()
            text = "\n".join(self._text(part) for part in element.iter("{*}p"))
            self._draft.add(Kind.PARAGRAPH, f"{author}: {text}" if author else text, page=self._page)
            return
        if name == "object":
            self._add_object(element)
            return
        if attribute(element, "class") == "title":
            self._say_title(element)
            return
        for child in element:
            inner = local(child)
            if inner == "desc":
                self._draft.add(Kind.CAPTION, child.text or "", page=self._page)
            elif inner in ("object-ole", "object"):
                self._add_object(child)
            else:
                self._add(child)

    def _say_title(self, frame: etree._Element) -> None:
        text = "\n".join(self._text(part) for part in frame.iter("{*}p", "{*}h"))
        self._draft.add(Kind.TITLE, text, page=self._page, level=1)

    def _add_object(self, element: etree._Element) -> None:
        """An object in a folder of the package: a chart, a formula, or another document."""
        package, name = self._source.package, attribute(element, "href").removeprefix("./").rstrip("/")
        if package is None or not name or self._source.objects >= _OBJECTS:
            return
        self._source.objects += 1
        if f"{name}/content.xml" not in package:
            if local(element) == "object-ole":
                add_embedded(package, name, self._draft)
            return
        tree = package.optional(f"{name}/content.xml", self._draft)
        if tree is None:
            return
        formula = next(tree.iter("{*}annotation"), None)
        if local(tree) == "math":
            text = formula.text if formula is not None else " ".join("".join(tree.itertext()).split())
            self._draft.add(Kind.PARAGRAPH, text or "", page=self._page)
            return
        chart = next(tree.iter("{*}chart"), None)
        for title in chart.iter("{*}title", "{*}subtitle") if chart is not None else ():
            self._draft.add(Kind.CAPTION, " ".join("".join(title.itertext()).split()), page=self._page)
        for body in tree.iter("{*}body"):
            for block in list(body.iter("{*}table") if chart is not None else body):
                self._add(block)

    def _add_forms(self, forms: etree._Element) -> None:
        """Labels of a form's fields and what is filled in."""
        for control in forms.iter():
            name = local(control)
            if name in ("form", "forms", "property", "properties", "hidden", "option", "item"):
                continue
            label = attribute(control, "label")
            if name in ("checkbox", "radio"):
                on = attribute(control, "current-state") or attribute(control, "current-selected")
                mark = "[x]" if on in ("checked", "true") else "[ ]"
                self._draft.add(Kind.PARAGRAPH, f"{mark} {label}", page=self._page)
                continue
            value = attribute(control, "current-value") or attribute(control, "value")
            self._draft.add(Kind.PARAGRAPH, ": ".join(filter(None, (label, value))), page=self._page)


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    """The rows of a table, in its groups too, and not those of tables in its cells."""
    for child in table:
        name = local(child)
        if name == "table-row":
            yield child
        elif name in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(child)


def _running(styles: etree._Element | None) -> tuple[list[str], list[str]]:
    """Heads and feet of all page styles, each text once."""
    found: tuple[dict[str, None], dict[str, None]] = {}, {}
    names = ("header", "header-left", "header-first", "footer", "footer-left", "footer-first")
    for element in styles.iter(*(f"{{*}}{name}" for name in names)) if styles is not None else ():
        lines = (" ".join("".join(part.itertext()).split()) for part in element.iter("{*}p", "{*}h"))
        found[local(element).startswith("footer")]["\n".join(filter(None, lines))] = None
    return list(found[0]), list(found[1])
