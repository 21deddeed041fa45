"""HTML to blocks of text: one walk over the tree, for pages, for books and for mail without plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from ingest.mail.markup import Role, role
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.encoding import decode


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SKIPPED = _tags("script style template head svg math object iframe canvas audio")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LOOSE = _tags("p ul ol table blockquote pre hr section article h1 h2 h3 h4 h5 h6")
_BLOCKS = _LOOSE | _tags(
    "address aside body center dd details dialog div dl dt fieldset figcaption figure footer form header html"
    " legend li main nav option summary caption tbody td tfoot th thead tr"
)
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,100}encoding=["']([\w.:-]+)""",
    re.IGNORECASE,
)
_NESTING = re.compile(r"</?(?!(?:p|br|title|style|script)\b)[a-z][^<>]*>", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f\xa0\u200b\u200c\u00ad]+")
_RULE = "_" * 32  # what Outlook puts above the header of an earlier message when it writes plain text
_DELIMITER = "-- "  # above a signature


@dataclass
class Block:
    """A stretch of text that stands on its own."""

    kind: Kind
    text: str
    level: int | None = None
    quotes: int = 0  # in a mail: how many quotations it stands in
    loose: bool = True  # an empty line goes before it; False for a mere new line


def read_html(document: Document, draft: Draft) -> None:
    """A saved page."""
    root = parse(declared_text(document.content()))
    if root is None:
        return
    title = root.find(".//title")
    author = root.find(".//meta[@name='author']")
    draft.describe(
        title="".join(title.itertext()) if title is not None else None,
        author=author.get("content") if author is not None else None,
    )
    for block in blocks(root):
        draft.add(block.kind, block.text, level=block.level)
    if not draft.elements:  # a page of frames or scripts still has a name
        draft.add(Kind.TITLE, draft.title or "", level=1)


def mail_text(markup: str) -> str:
    """The HTML body of a message as plain text with the marks of plain mail: ">" before what is quoted, a
    rule above the header of an earlier message, "-- " above a signature.
    """
    root = parse(markup)
    lines: list[str] = []
    last = ""
    for block in _Walk(mail=True).run(root) if root is not None else ():
        mark = ">" * block.quotes + " " if block.quotes else ""
        if lines and (block.loose or mark != last):
            lines.append(mark.strip() if mark == last else "")
        last = mark
        lines.extend(mark + line for line in block.text.split("\n"))
    return "\n".join(lines)


def declared_text(data: bytes) -> str:
    """Markup as text, in the encoding that it declares for itself unless the bytes say otherwise."""
    match = _CHARSET.search(data[:4096])
    return decode(data, (match[1] or match[2]).decode("ascii") if match else None)


def parse(markup: str) -> etree._Element | None:
    """The tree of a page, however broken; None when there is none."""
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True
    )
    try:
        root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:  # only when there is not one element
        return None
    if any("depth" in error.message for error in parser.error_log) and _NESTING.search(markup):
        return parse(_NESTING.sub(" ", markup))  # what was nested deeper would be left out without a word
    return root


def blocks(root: etree._Element) -> Iterator[Block]:
    """The blocks of a tree in document order."""
    return _Walk().run(root)


class _Walk:
    """The state of one walk: the block that is being gathered and what it stands in."""

    def __init__(self, *, mail: bool = False) -> None:
        self._mail = mail
        self._parts: list[str] = []
        self._kind = Kind.PARAGRAPH
        self._level: int | None = None
        self._lists = 0
        self._pre = 0
        self._quotes: list[tuple[etree._Element, Role]] = []
        self._loose = True

    def run(self, root: etree._Element) -> Iterator[Block]:
        """Walk without recursion: depth is the sender's choice."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag
            if event == "start":
                if tag in _SKIPPED:
                    walk.skip_subtree()
                    continue
                yield from self._open(element, tag)
                if tag == "table" and (rows := table_rows(element)):
                    walk.skip_subtree()
                    yield Block(Kind.TABLE, "\n".join(rows), quotes=self._depth())
                elif element.text:
                    self._parts.append(element.text)
            else:
                yield from self._close(element, tag)
                if element.tail:
                    self._parts.append(element.tail)
        yield from self._flush()

    def _open(self, element: etree._Element, tag: str) -> Iterator[Block]:
        if tag == "br":
            self._parts.append("\n" if self._pre else "\v")
        elif tag == "img":
            self._parts.append(f" {element.get('alt', '')} ")
        if tag in _BLOCKS:
            yield from self._flush()
            self._loose = self._loose or tag in _LOOSE
            if tag in _HEADINGS:
                self._kind, self._level = Kind.TITLE, _HEADINGS[tag]
            elif tag == "li":
                self._kind, self._level = Kind.LIST_ITEM, max(self._lists, 1)
            elif tag in ("ul", "ol"):
                self._lists += 1
            elif tag == "pre":
                self._kind, self._pre = Kind.CODE, self._pre + 1
            elif tag in ("figcaption", "caption"):
                self._kind = Kind.CAPTION
        if self._mail and (tag in _BLOCKS or tag == "span"):
            yield from self._open_role(element, role(element, tag))

    def _open_role(self, element: etree._Element, what: Role) -> Iterator[Block]:
        if what is Role.ORDINARY:
            return
        yield from self._flush()
        if what in (Role.QUOTE, Role.OPEN_QUOTE):
            self._quotes.append((element, what))
        else:
            yield Block(
                Kind.PARAGRAPH, _RULE if what is Role.HEADER else _DELIMITER, quotes=len(self._quotes)
            )

    def _depth(self) -> int:
        return sum(what is Role.QUOTE for _, what in self._quotes) or min(len(self._quotes), 1)

    def _close(self, element: etree._Element, tag: str) -> Iterator[Block]:
        if tag in _BLOCKS and tag not in _SKIPPED:
            yield from self._flush()
            self._loose = self._loose or tag in _LOOSE
            if tag in ("ul", "ol"):
                self._lists -= 1
            elif tag == "pre":
                self._pre -= 1
        if self._quotes and self._quotes[-1][0] is element:
            _, what = self._quotes.pop()
            if what is Role.QUOTE and self._quotes and self._quotes[-1][1] is Role.OPEN_QUOTE:
                self._quotes.pop()

    def _flush(self) -> Iterator[Block]:
        text = "".join(self._parts)
        self._parts.clear()
        if self._kind is not Kind.CODE:
            text = "\n".join(line.strip() for line in _SPACE.sub(" ", text).split("\v"))
        if text.strip():
            yield Block(self._kind, text.strip("\n"), self._level, self._depth(), self._loose)
            self._loose = False
        elif "\n" in text:
            self._loose = True  # an empty line that somebody typed
        self._kind, self._level = Kind.PARAGRAPH, None


def table_rows(table: etree._Element) -> list[str]:
    """The rows of a table of data, cells separated by " | "; none for one that only arranges a page."""
    if any(table.find(f".//{tag}") is not None for tag in ("table", "form")):
        return []
    rows = table_lines(table)
    return rows if len(rows) > 1 and any(" | " in row for row in rows) and max(map(len, rows)) < 4000 else []


def table_lines(table: etree._Element) -> list[str]:
    """The rows of a table as lines, cells separated by " | "; empty rows are left out."""
    lines: list[str] = []
    for row in table.iter("tr"):
        cells = [
            _SPACE.sub(" ", " ".join(cell.itertext())).strip() for cell in row if cell.tag in ("td", "th")
        ]
        if any(cells):
            lines.append(" | ".join(cells))
    return lines
