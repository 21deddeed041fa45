"""XML of any vocabulary as text. The words that articles (JATS), books (DocBook), feeds and patents have for
headings, lists, tables and code are known; in any other what stands beside text is part of its sentence.
"""

from __future__ import annotations

import re
from html.entities import html5

from lxml import etree

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.grids import xml_grid
from ingest.readers.hypertext import add_blocks, markup_of, parse
from ingest.readers.package import iso_time, local, parse_xml
from ingest.readers.text import words

ERRORS = (etree.LxmlError, ValueError)


# For machines.
_SKIPPED = words(
    "journal-id issn article-id contrib-id institution-id object-id counts custom-meta-group script style"
    " context unit schemaref bindata binary-data"
)
_TITLES = words("title article-title heading bridgehead subtitle invention-title")
_SECTIONS = words(
    "sec section chapter part appendix preface app ref-list bibliography glossary abstract simplesect item"
    " sect1 sect2 sect3 sect4 sect5 refsect1 refsect2 refsect3"
)
_ITEMS = words("list-item listitem li ref")
_CODE = words("preformat programlisting screen pre literallayout")
_CAPTIONS = words("caption fig figure table-wrap informalfigure mediaobject")
_TABLES = words("table informaltable tgroup")
# Their parts make one line.
_LINES = words(
    "ref mixed-citation element-citation nlm-citation citation biblioentry bibliomixed contrib string-name"
    " personname person address aff pub-date ptext stext disp-formula"
)
_INLINE_LINES = words("name author editor date term math formula")
_BLOCKS = words(
    "p para simpara formalpara list itemizedlist orderedlist variablelist varlistentry def-list def-item"
    " disp-quote blockquote boxed-text fn footnote note warning tip caution important claim claim-text ack"
    " body front back description summary content encoded link pubdate updated published"
).union(_TITLES, _SECTIONS, _ITEMS, _CODE, _CAPTIONS, _TABLES, _LINES)
_DATES = words("pubdate published updated date")
_ENTITY = re.compile(r"&([A-Za-z][\w.:-]{0,40});")
_DEFINED = re.compile(
    r"""<!ENTITY\s+([A-Za-z][\w.:-]{0,40})\s+(?:"([^"&<%]{0,100})"|'([^'&<%]{0,100})')\s*>"""
)
_PREDEFINED = words("amp lt gt quot apos")
_GREEK = dict(
    zip(
        [
            "a",
            "b",
            "g",
            "d",
            "e",
            "z",
            "ee",
            "th",
            "i",
            "k",
            "l",
            "m",
            "n",
            "x",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "ph",
            "kh",
            "ps",
            "oh",
            "sf",
        ],
        "αβγδεζηθικλμνξοπρστυφχψως",
        strict=True,
    )
)
_DECLARATION = re.compile(r"<\?xml[^>]{0,1000}>")
_SPACE = re.compile(r"\s+")
_SUBSET_END = re.compile(r"\]\s{0,100}>")
_PROLOGUE_CHARS = 10_000
_TICK_ELEMENTS = 20_000
_TEX = ("\\begin{document}", "\\end{document}")
_MARKUP = re.compile(r"\s*<(?:!doctype|/?[a-z][a-z0-9]{0,9})\b[^<>]{0,4000}>", re.IGNORECASE)
_LINES_CHARS = 2_000  # short texts side by side are lines of one paragraph until it is so long


def read_xml(document: Document, draft: Draft) -> None:
    """The text of all elements; of a file that keeps all in attributes, those."""
    root = _tree(markup_of(document, draft), draft)
    if root is None:
        raise UnreadableDocument(Why.TRUNCATED, "the XML is damaged or cut off")
    _Walk(draft).run(root)
    if draft.elements:
        return
    lines: list[str] = []
    for element in root.iter(etree.Element):
        for name, value in element.attrib.items():
            if value.strip():
                lines.append(f"{etree.QName(name).localname}: {value.strip()}")
    draft.add(Kind.PARAGRAPH, "\n".join(lines))
    if draft.missing and not draft.elements:
        raise UnreadableDocument(Why.TRUNCATED, "the XML is damaged, or nested too deeply to be read")


def _tree(text: str, draft: Draft) -> etree._Element | None:
    """The tree of a file; of one that is not well formed, what can be made of it."""
    text = text.lstrip("\ufeff \t\r\n")
    if declaration := _DECLARATION.match(text):
        text = text[declaration.end() :]
    if "&" in text:
        text = _with_entities(text)
    text = _without_doctype(text)
    content = text.encode("utf-8", "replace")
    try:
        return parse_xml(content)
    except ERRORS:
        root = parse_xml(content, recover=True)
        if root is not None:
            draft.missing.append("the XML is not well formed: words near the fault may be missing")
        return root


def _without_doctype(text: str) -> str:
    """A file without what it says of its own grammar, which may lie anywhere and is no text."""
    begin = text.find("<!DOCTYPE", 0, _PROLOGUE_CHARS)
    if begin < 0:
        return text
    end = text.find(">", begin)
    inner = text.find("[", begin, end)
    if inner >= 0:
        closed = _SUBSET_END.search(text, inner)
        end = closed.end() - 1 if closed else -1
    return text[:begin] + text[end + 1 :] if end >= 0 else text


def _with_entities(text: str) -> str:
    """Entities of HTML, of the ISO's Greek, and short ones that the file defines, as their characters; any
    other is nothing, so none can grow or reach outside.
    """
    begin = text.find("<!ENTITY")
    defined = (
        {found[1]: found[2] or found[3] or "" for found in _DEFINED.finditer(text, begin, begin + 100_000)}
        if begin >= 0
        else {}
    )

    def shown(found: re.Match[str]) -> str:
        name = found[1]
        if name in _PREDEFINED:
            return found[0]
        if name in defined:
            return defined[name]
        greek = _GREEK.get(name[:-2].lower()) if name.endswith("gr") else None
        if greek:
            return greek if name.islower() else greek.upper()
        character = html5.get(f"{name};", "")
        return "" if character in "<>&" else character

    return _ENTITY.sub(shown, text)


class _Walk:
    """The state of one walk: the text that is being gathered and what it stands in."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._parts: list[str] = []
        self._frames: list[tuple[etree._Element, Kind]] = []
        self._mixed: list[bool] = []  # of each open element: whether text stands between its children
        self._sections = 0
        self._whole: etree._Element | None = None
        self._label = ""
        self._lines: list[str] = []  # short texts of one parent
        self._parent: etree._Element | None = None

    def run(self, root: etree._Element) -> None:
        """Walk without recursion: depth is the writer's choice."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for count, (event, element) in enumerate(walk):
            if count % _TICK_ELEMENTS == _TICK_ELEMENTS - 1:
                self._draft.tick(count // _TICK_ELEMENTS)
            name = local(element).lower()
            if event == "start":
                if name in _SKIPPED or (name == "tex-math" and _is_doubled(element)):
                    self._mixed.append(False)
                    walk.skip_subtree()
                    continue
                self._open(element, name)
                if self._whole is None and name in _TABLES and (grid := xml_grid(element, _line)):
                    walk.skip_subtree()
                    self._end_lines()
                    self._draft.add_table(grid.rows, header_rows=grid.header_rows)
                elif element.text:
                    self._parts.append(_formula(element.text) if name == "tex-math" else element.text)
            else:
                self._close(element, name)
                if element.tail and element is not root:
                    self._parts.append(element.tail)
        self._flush(root, "")
        self._end_lines()

    def _open(self, element: etree._Element, name: str) -> None:
        mixed = bool(self._mixed and self._mixed[-1])
        self._mixed.append(_is_mixed(element))
        if self._whole is not None:
            before = element.getprevious()
            if not mixed and before is not None and not before.tail:
                self._parts.append(" ")
            return
        if name not in _BLOCKS and mixed:
            return
        parent = element.getparent()
        self._flush(parent if parent is not None else element, "")
        if name in _LINES or name in _INLINE_LINES:
            self._whole = element
        self._sections += name in _SECTIONS
        kind = _kind(name)
        if kind is not Kind.PARAGRAPH and not (kind is Kind.TITLE and self._inside(Kind.CAPTION)):
            self._frames.append((element, kind))

    def _close(self, element: etree._Element, name: str) -> None:
        self._mixed.pop()
        if self._whole is not None and self._whole is not element:
            return
        if name in _BLOCKS or not (self._mixed and self._mixed[-1]):
            self._flush(element, name)
            self._whole = None
            self._sections -= name in _SECTIONS and name not in _SKIPPED
        if self._frames and self._frames[-1][0] is element:
            self._frames.pop()

    def _inside(self, kind: Kind) -> bool:
        return any(frame[1] is kind for frame in self._frames)

    def _flush(self, element: etree._Element, name: str) -> None:
        """Add the text so far, the last of which stands in this element."""
        if not self._parts:
            return
        text = "".join(self._parts)
        self._parts.clear()
        kind = self._frames[-1][1] if self._frames else Kind.PARAGRAPH
        if kind is not Kind.CODE:
            text = _SPACE.sub(" ", text).strip()
        if not text.strip():
            return
        if name in _DATES and len(text) < 40:
            self._draft.describe(created_at=iso_time(text))
        if name == "label":
            self._label = f"{text} "
            return
        text, self._label = self._label + text, ""
        if "<" in text and _MARKUP.match(text) and (page := parse(text)) is not None:
            self._end_lines()
            add_blocks(page, self._draft)
        elif kind is Kind.PARAGRAPH and name not in _BLOCKS and not len(element):
            self._add_line(element, text)
        else:
            self._end_lines()
            self._add(kind, text)

    def _add(self, kind: Kind, text: str) -> None:
        level = None
        if kind is Kind.TITLE:
            level = max(self._sections, 1)
            self._draft.describe(title=text)
        self._draft.add(kind, text, level=level)

    def _add_line(self, element: etree._Element, text: str) -> None:
        """A short text of its own: a line below those of its neighbours."""
        parent = element.getparent()
        if parent is not self._parent or sum(map(len, self._lines[-50:])) > _LINES_CHARS:
            self._end_lines()
        self._parent = parent
        fact = element.get("contextRef") is not None  # XBRL: without its name a figure says nothing
        self._lines.append(f"{local(element)}: {text}" if fact else text)
        if len(self._lines) >= 50:
            self._end_lines()

    def _end_lines(self) -> None:
        lines, self._lines, self._parent = self._lines, [], None
        self._draft.add(Kind.PARAGRAPH, "\n".join(lines))


def _kind(name: str) -> Kind:
    if name in _TITLES:
        return Kind.TITLE
    if name in _ITEMS:
        return Kind.LIST_ITEM
    if name in _CODE:
        return Kind.CODE
    return Kind.CAPTION if name in _CAPTIONS else Kind.PARAGRAPH


def _is_mixed(element: etree._Element) -> bool:
    """Whether text stands beside this element's children."""
    if not len(element):
        return False
    beside = (element.text, *(child.tail for child in element))
    return any(text and not text.isspace() for text in beside)


def _is_doubled(element: etree._Element) -> bool:
    """Whether a formula in TeX stands beside the same in MathML."""
    parent = element.getparent()
    return parent is not None and any(local(child) == "math" for child in parent)


def _formula(text: str) -> str:
    """TeX without the document that some put around each formula."""
    begin = text.find(_TEX[0])
    return text[begin + len(_TEX[0]) :].partition(_TEX[1])[0] if begin >= 0 else text


def _line(cell: etree._Element) -> str:
    """The text of a cell; blocks in it and references to notes stand apart."""
    parts: list[str] = []
    for event, element in etree.iterwalk(cell, events=("start", "end")):
        if local(element).lower() in _BLOCKS or local(element) in ("break", "br", "xref"):
            parts.append(" ")
        if event == "start":
            parts.append(element.text or "")
        elif element is not cell:
            parts.append(element.tail or "")
    return _SPACE.sub(" ", "".join(parts)).strip()
