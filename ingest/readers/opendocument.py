"""OpenDocument (odt, ods, odp): an own walk of its XML, with no converter and no exec."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.package import Package, describe, local

ERRORS = (etree.LxmlError, ValueError)
_MAX_REPEAT = 100
_NO_TEXT = frozenset(
    ("tracked-changes", "sequence-decls", "forms", "script", "binary-data", "object", "object-ole")
)


def read_opendocument(document: Document, draft: Draft) -> None:
    """Text, tables and slides in the order of the file, then running heads and feet."""
    package = Package(document.stream)
    manifest = package.tree("META-INF/manifest.xml")
    if manifest is not None and any(local(element) == "encryption-data" for element in manifest.iter()):
        raise UnreadableDocument(Why.ENCRYPTED, "it is protected by a password")
    describe(package.tree("meta.xml"), draft)
    content = package.tree("content.xml")
    body = _find(content, "body")
    if body is None:
        raise UnreadableDocument(Why.TRUNCATED, "the part that holds its text is missing")
    _Walk(draft).run(body)
    _add_running_heads(package.tree("styles.xml"), draft)


class _Walk:
    """One walk over a body; the state is the slide and the nesting of lists."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._page: int | None = None

    def run(self, element: etree._Element, lists: int = 0) -> None:
        """Add every block below an element."""
        for child in element:
            name = local(child)
            if name in _NO_TEXT:
                continue
            if name == "h":
                self._add(Kind.TITLE, child, level=_number(child, "outline-level", 1))
            elif name == "p":
                self._add(Kind.LIST_ITEM if lists else Kind.PARAGRAPH, child, level=lists or None)
            elif name == "table":
                rows = "\n".join(_rows(child))
                self._draft.add(Kind.TABLE, rows, page=self._page)
            elif name == "page":
                self._page = self._draft.pages = (self._page or 0) + 1
                self.run(child)
            else:
                self.run(child, lists + (name == "list"))

    def _add(self, kind: Kind, element: etree._Element, level: int | None) -> None:
        self._draft.add(kind, _text(element), page=self._page, level=level)


def _text(element: etree._Element) -> str:
    """The text of a paragraph with its notes and boxes; spaces, tabs and breaks are elements in ODF."""
    parts: list[str] = [element.text or ""]
    for child in element:
        name = local(child)
        if name == "s":
            parts.append(" " * min(_number(child, "c", 1), _MAX_REPEAT))
        elif name == "tab":
            parts.append("\t")
        elif name == "line-break":
            parts.append("\n")
        elif name == "note-citation":
            pass
        elif name in ("annotation", "note-body", "text-box", "frame", "p", "h", "list", "list-item"):
            inner = _text(child).strip()
            parts.append(f"\n{inner}\n" if inner else "")
        elif name not in _NO_TEXT:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _rows(table: etree._Element) -> Iterator[str]:
    """The rows of a table; cells that a spreadsheet repeats are repeated only where they hold something."""
    for row in table.iter("{*}table-row"):
        cells: list[str] = []
        for cell in row:
            if local(cell) in ("table-cell", "covered-table-cell"):
                text = " ".join(" ".join(_text(part).split()) for part in cell if local(part) != "table")
                count = _number(cell, "number-columns-repeated", 1)
                cells.extend([text] * (min(count, _MAX_REPEAT) if text else min(count, 1)))
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield " | ".join(cells)


def _add_running_heads(styles: etree._Element | None, draft: Draft) -> None:
    """Headers and footers of all page styles, each text once."""
    seen: set[str] = set()
    for element in styles.iter("{*}header", "{*}footer") if styles is not None else ():
        text = "\n".join(_text(part) for part in element.iter("{*}p")).strip()
        if text and text not in seen:
            seen.add(text)
            draft.add(Kind.HEADER if local(element) == "header" else Kind.FOOTER, text)


def _find(tree: etree._Element | None, name: str) -> etree._Element | None:
    return next((child for child in tree if local(child) == name), None) if tree is not None else None


def _number(element: etree._Element, name: str, otherwise: int) -> int:
    """An attribute of any namespace as a positive number."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name and str(value).isdigit():
            return max(int(value), 1)
    return otherwise
