"""HTML to blocks of text: one walk over the tree, for pages, for books and for mail without plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from ingest.mail.markup import Role, role
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.encoding import decode
from ingest.readers.grids import Grid, html_grid
from ingest.readers.package import is_out_of_memory, iso_time
from ingest.readers.text import words

_SKIPPED = words("script style template head object iframe canvas audio video datalist")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LOOSE = words("p ul ol dl table blockquote pre hr section article h1 h2 h3 h4 h5 h6")
_BLOCKS = _LOOSE | words(
    "address aside body center dd details dialog div dt fieldset figcaption figure footer form header html"
    " legend li main nav option select summary caption tbody td tfoot th thead tr"
)
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,100}encoding=["']([\w.:-]+)""",
    re.IGNORECASE,
)
_NESTING = re.compile(r"</?(?!(?:p|br|title|style|script)\b)[a-z][^<>]*>", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f\xa0][ \t\r\n\f\xa0\u200c\u200d\u034f]*")
_INVISIBLE = str.maketrans("", "", "\xad\u200b\u2060\ufeff")  # where a word may be broken
_BOXES = {"checkbox": "\u2611\u2610", "radio": "\u25c9\u25cb"}  # chosen and not
_UNSEEN = words("hidden password file image color range")
_DATES = words("article:published_time dcterms.created dc.date dcterms.date date datepublished")
_MOST_BYTES = 16 * 1024 * 1024  # a tree takes up to thirty times its text
_RULE = "_" * 32  # what Outlook puts above the header of an earlier message when it writes plain text
_DELIMITER = "-- "  # above a signature
_ROMAN_VALUES = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
_ROMAN_SIGNS = ["m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"]


@dataclass
class Block:
    """A stretch of text that stands on its own."""

    kind: Kind
    text: str
    level: int | None = None
    quotes: int = 0  # in a mail: how many quotations it stands in
    loose: bool = True  # an empty line goes before it; False for a mere new line
    grid: Grid | None = None  # of a table, whose text is its rows


def read_html(document: Document, draft: Draft) -> None:
    """A saved page."""
    add_page(markup_of(document, draft), draft)


def add_page(markup: str, draft: Draft) -> None:
    """The blocks of a page, and what it says of itself."""
    root = parse(markup)
    if root is None:
        return
    title = root.find(".//head/title")
    draft.describe(title="".join(title.itertext()) if title is not None else None)
    for meta in root.iterfind(".//head/meta"):
        name = (meta.get("name") or meta.get("property") or meta.get("itemprop") or "").lower()
        content = meta.get("content", "")
        if name in ("author", "dc.creator", "dcterms.creator"):
            draft.describe(author=content)
        elif name in _DATES:
            draft.describe(created_at=iso_time(content))
    add_blocks(root, draft)
    if not draft.elements:  # a page of frames or scripts still has a name
        draft.add(Kind.TITLE, draft.title or "", level=1)


def add_blocks(root: etree._Element, draft: Draft, *, page: int | None = None) -> None:
    """Add what stands in a tree."""
    for block in blocks(root):
        if block.grid is not None:
            draft.add_table(block.grid.rows, header_rows=block.grid.header_rows, page=page)
        else:
            draft.add(block.kind, block.text, level=block.level, page=page)


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


def markup_of(document: Document, draft: Draft) -> str:
    """A document of markup as text, no more of it than a tree may be made of."""
    if document.size > _MOST_BYTES:
        draft.missing.append(f"only the first {_MOST_BYTES:,} bytes were read")
    return declared_text(document.content(_MOST_BYTES))


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
    except etree.XMLSyntaxError as error:  # only when there is not one element
        if is_out_of_memory(error):
            raise MemoryError from error
        return None
    if any("depth" in error.message for error in parser.error_log) and _NESTING.search(markup):
        return parse(_NESTING.sub(" ", markup))  # what was nested deeper would be left out without a word
    return root


def blocks(root: etree._Element) -> Iterator[Block]:
    """The blocks of a tree in document order."""
    return _Walk().run(root)


class _List:
    """A list that is open: how its next entry is numbered."""

    def __init__(self, element: etree._Element, tag: str) -> None:
        self._style = element.get("type", "1") if tag == "ol" else ""
        if "none" in element.get("style", ""):
            self._style = ""
        self._step = -1 if element.get("reversed") is not None else 1
        first = sum(child.tag == "li" for child in element) if self._step < 0 else 1
        self._next = _whole(element.get("start"), first)

    def mark(self, entry: etree._Element) -> str:
        """What a browser shows before an entry of a numbered list."""
        if not self._style:
            return ""
        number = _whole(entry.get("value"), self._next)
        self._next = number + self._step
        shown = _letters(number) if self._style in "aA" else _roman(number) if self._style in "iI" else ""
        return f"{shown.upper() if self._style in 'AI' else shown or number}. "


class _Frame:
    """An element that says what the text in it is; a list's entry only until its first block."""

    def __init__(self, element: etree._Element, kind: Kind, level: int | None = None, mark: str = "") -> None:
        self.element = element
        self.kind = kind
        self.level = level
        self.mark = mark

    def take(self) -> tuple[Kind, int | None, str]:
        """What the next block in it is, and what stands before it."""
        taken = self.kind, self.level, self.mark
        if self.kind is Kind.LIST_ITEM:
            self.kind, self.level, self.mark = Kind.PARAGRAPH, None, ""
        return taken


class _Walk:
    """The state of one walk: the block that is being gathered and what it stands in."""

    def __init__(self, *, mail: bool = False) -> None:
        self._mail = mail
        self._parts: list[str] = []
        self._alts: list[str] = []
        self._frames: list[_Frame] = []
        self._lists: list[_List] = []
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
                if tag in ("math", "svg"):
                    walk.skip_subtree()
                    self._parts.append(_formula(element) if tag == "math" else _labels(element))
                elif tag == "table" and (grid := html_grid(element, _cell_text)):
                    walk.skip_subtree()
                    yield from self._table(element, grid)
                elif element.text:
                    self._parts.append(element.text)
            else:
                yield from self._close(element, tag)
                if element.tail and element is not root:
                    self._parts.append(element.tail)
        yield from self._flush()

    def _table(self, table: etree._Element, grid: Grid) -> Iterator[Block]:
        for caption in table.iterchildren("caption"):
            if text := _cell_text(caption):
                yield Block(Kind.CAPTION, text, quotes=self._depth())
        text = "\n".join(" | ".join(row) for row in grid.rows if any(row))
        if text:
            yield Block(Kind.TABLE, text, quotes=self._depth(), grid=grid)

    def _open(self, element: etree._Element, tag: str) -> Iterator[Block]:
        if tag == "br":
            self._parts.append("\n" if self._pre else "\v")
        elif tag == "img":
            self._parts.append(f" {element.get('alt', '')} ")
            self._alts.append(element.get("alt", ""))
        elif tag == "input":
            self._parts.append(f" {_shown_input(element)} ")
        if tag in _BLOCKS:
            yield from self._flush()
            self._loose = self._loose or tag in _LOOSE
            self._frame(element, tag)
        if self._mail and (tag in _BLOCKS or tag == "span"):
            yield from self._open_role(element, role(element, tag))

    def _frame(self, element: etree._Element, tag: str) -> None:
        """Remember what the text in an element is."""
        depth = max(len(self._lists), 1)
        frame: _Frame | None = None
        if tag in _HEADINGS:
            frame = _Frame(element, Kind.TITLE, _HEADINGS[tag])
        elif tag == "li":
            frame = _Frame(
                element, Kind.LIST_ITEM, depth, self._lists[-1].mark(element) if self._lists else ""
            )
        elif tag in ("dt", "dd"):
            frame = _Frame(element, Kind.LIST_ITEM, depth + (tag == "dd"))
        elif tag in ("ul", "ol", "dl"):
            self._lists.append(_List(element, tag))
        elif tag == "pre":
            frame = _Frame(element, Kind.CODE)
            self._pre += 1
        elif tag in ("figcaption", "caption"):
            frame = _Frame(element, Kind.CAPTION)
        if frame:
            self._frames.append(frame)

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
        if tag in _BLOCKS:
            yield from self._flush()
            self._loose = self._loose or tag in _LOOSE
            if tag in ("ul", "ol", "dl") and self._lists:
                self._lists.pop()
            elif tag == "pre":
                self._pre -= 1
            if self._frames and self._frames[-1].element is element:
                self._frames.pop()
        if self._quotes and self._quotes[-1][0] is element:
            _, what = self._quotes.pop()
            if what is Role.QUOTE and self._quotes and self._quotes[-1][1] is Role.OPEN_QUOTE:
                self._quotes.pop()

    def _flush(self) -> Iterator[Block]:
        if not self._parts:
            return
        text = "".join(self._parts)
        alts, self._alts = self._alts, []
        self._parts.clear()
        if not self._pre:
            text = "\n".join(line.strip() for line in _spaced(text).split("\v"))
        if text.strip():
            kind, level, mark = self._frames[-1].take() if self._frames else (Kind.PARAGRAPH, None, "")
            if alts and kind is Kind.PARAGRAPH and text.split() == " ".join(alts).split():
                kind = Kind.CAPTION
            yield Block(kind, mark + text.strip("\n"), level, self._depth(), self._loose)
            self._loose = False
        elif "\n" in text:
            self._loose = True  # an empty line that somebody typed


def _cell_text(cell: etree._Element) -> str:
    """The text in a cell of a table, on one line."""
    if not len(cell):
        return _spaced(cell.text or "").strip()
    return " ".join(block.text for block in _Walk().run(cell))


def _spaced(text: str) -> str:
    """White space as one space, as browsers show it; nothing where a word may be broken."""
    return _SPACE.sub(" ", text if text.isascii() else text.translate(_INVISIBLE))


def _shown_input(element: etree._Element) -> str:
    """What a form's field shows."""
    kind = element.get("type", "text").lower()
    if kind in _BOXES:
        return _BOXES[kind][element.get("checked") is None]
    return "" if kind in _UNSEEN else element.get("value") or element.get("placeholder") or ""


def _formula(element: etree._Element) -> str:
    """A formula as it is written for those who cannot see it, or its signs."""
    if alternative := element.get("alttext"):
        return f" {alternative} "
    for note in element.iter("annotation", "annotation-xml"):
        note.clear(keep_tail=True)
    return "".join(element.itertext())


def _labels(element: etree._Element) -> str:
    """The words in a drawing."""
    return "".join(f" {''.join(label.itertext())} " for label in element.iter("text"))


def _whole(value: str | None, default: int) -> int:
    value = (value or "").strip()
    digits = value.removeprefix("-")
    return int(value) if digits.isascii() and digits.isdigit() and len(digits) < 9 else default


def _letters(number: int) -> str:
    shown = ""
    while 0 < number < 10**8:
        number, letter = divmod(number - 1, 26)
        shown = chr(ord("a") + letter) + shown
    return shown


def _roman(number: int) -> str:
    if not 0 < number < 4000:
        return ""
    shown = ""
    for value, sign in zip(_ROMAN_VALUES, _ROMAN_SIGNS, strict=True):
        count, number = divmod(number, value)
        shown += sign * count
    return shown
