"""Data written as text: JSON (one document or one per line) and XML, made readable line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from lxml import etree

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.hypertext import declared_text
from ingest.readers.package import local, parse_xml
from ingest.readers.text import add_paragraphs, decoded

XML_ERRORS = (etree.LxmlError, ValueError)
_SPACE = re.compile(r"\s+")
_DECLARATION = re.compile(r"\s*<\?xml[^>]*>")
_MAX_DEPTH = 200


def read_json(document: Document, draft: Draft) -> None:
    """Each entry of the outermost list or object is a paragraph of "path: value" lines."""
    text = decoded(document, draft)
    try:
        values = [msgspec.json.decode(text)]
    except msgspec.DecodeError:
        try:
            values = [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
        except msgspec.DecodeError:
            add_paragraphs(text, draft)  # JSON with comments, or cut off: still text
            return
    for value in values:
        entries = value if isinstance(value, list) else [value]
        for entry in entries:
            draft.add(Kind.PARAGRAPH, "\n".join(_leaves(entry, "", 0)))


def _leaves(value: object, path: str, depth: int) -> Iterator[str]:
    """The values below a value, each with the names that lead to it."""
    if depth > _MAX_DEPTH:
        raise UnreadableDocument(Why.UNSUPPORTED, "it is nested too deeply to be read")
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        for below in value:
            yield from _leaves(below, path, depth + 1)
    elif value is not None and value != "":
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        yield f"{path}: {shown}" if path else shown


def read_xml(document: Document, draft: Draft) -> None:
    """The text of each element that has some; of a file that keeps all in attributes, those."""
    content = document.content()
    root = _tree(content, draft)
    if root is None:
        raise UnreadableDocument(Why.TRUNCATED, "the XML is damaged or cut off")
    for element in root.iter():
        text = _own_text(element)
        if text:
            draft.add(Kind.TITLE if local(element).lower() in ("title", "heading") else Kind.PARAGRAPH, text)
    if not draft.elements:
        for element in root.iter(etree.Element):
            draft.add(Kind.PARAGRAPH, "\n".join(f"{key}: {value}" for key, value in element.attrib.items()))


def _tree(content: bytes, draft: Draft) -> etree._Element | None:
    """The tree of a file; of one that is not well formed, what can be made of it."""
    try:
        return parse_xml(content)
    except (etree.LxmlError, ValueError):
        text = _DECLARATION.sub("", declared_text(content).lstrip("\ufeff"), count=1)
        root = parse_xml(text.encode("utf-8", "replace"), recover=True)
        if root is not None:
            draft.missing.append("the XML is not well formed: words near the fault may be missing")
        return root


def _own_text(element: etree._Element) -> str:
    """The text that stands directly in an element, with inline children where there is text beside them."""
    if not isinstance(element.tag, str):
        return ""
    parent = element.getparent()
    if parent is not None and _is_mixed(parent):
        return ""  # it was part of its parent's sentence
    parts = element.itertext() if _is_mixed(element) else [element.text or ""]
    return _SPACE.sub(" ", "".join(parts)).strip()


def _is_mixed(element: etree._Element) -> bool:
    """Whether text stands between this element's children."""
    return any(child.tail and child.tail.strip() for child in element)
