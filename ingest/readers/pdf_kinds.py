"""What the blocks of a whole document are: headings and their levels, what repeats on its pages, and how
words that were cut at the end of a line are spelled. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ingest.readers.draft import Kind
from ingest.readers.pdf_blocks import SPLIT, Block

_LARGER = 1.12  # times the size of the body's letters
_HEADING_CHARS = 200
_BOLD_CHARS = 120
_HUGE = 1.4  # times the size of the body's letters
_MAX_LEVEL = 6
_MANY = 6  # headings on a page: more must not be a third of its lines
_MOST = 20
_MARGIN = 0.1  # of the page's height, above and below: where headers and footers stand
_REPEATED = 3  # pages
_MARGIN_CHARS = 250
_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(r"\W*(?:page|seite|p\.|s\.)?\s*#(?:\s*(?:/|of|von|de)\s*#)?\W*", re.IGNORECASE)
_CUT = re.compile(f"([^\\W_]*)(?:{SPLIT})(\\s*)([^\\W_]*)")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_NUMBERED = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,4}\.?|[IVX]{1,5}\.|[A-Z]\.)\s+\S")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_SENTENCE = re.compile(r"\w\S*\s+\w\S*\s+\w\S*\s+[\w(][^\s.]*[^\W\d_]{2}[.。]$|[다요][.。]$|。$", re.DOTALL)
_DATE_OR_SUM = re.compile(r"[\d\s.,:/()€$£%-]+")


def told(
    blocks: Sequence[Block], heights: dict[int, float], bookmarks: dict[str, int] | None = None
) -> Iterator[tuple[Block, int | None]]:
    """Each block with its kind and its text as they are, and the level of a heading.

    Args:
        blocks: of all pages, in reading order.
        heights: of the pages, by number.
        bookmarks: titles in the document's outline, and how deep they stand there.
    """
    margins = _margins(blocks, heights)
    spelled = Speller(block.text for block in blocks)
    style = _Style(blocks, bookmarks or {})
    levels = {
        position: level
        for position, block in enumerate(blocks)
        if position not in margins
        and block.kind in (Kind.PARAGRAPH, Kind.LIST_ITEM)
        and (level := style.level(block))
    }
    _keep_few(levels, blocks)
    for position, block in enumerate(blocks):
        kind, level = block.kind, levels.get(position)
        if position in margins:
            kind = margins[position]
        elif level:
            kind = Kind.TITLE
        elif kind is Kind.CODE and style.typewritten:
            kind = Kind.PARAGRAPH
        yield replace(block, kind=kind, text=spelled(block.text)), level


def _keep_few(levels: dict[int, int], blocks: Sequence[Block]) -> None:
    """Strike the lowest headings of pages that would be full of headings, as posters and drawings are."""
    lines = Counter[int]()
    titles: dict[int, list[int]] = {}
    for position, block in enumerate(blocks):
        lines[block.page] += block.lines if block.rows is None else len(block.rows)
        if position in levels:
            titles.setdefault(block.page, []).append(position)
    for page, left in titles.items():
        while len(left) > _MOST or (
            len(left) > _MANY and 3 * sum(blocks[at].lines for at in left) > lines[page]
        ):
            lowest = max(levels[at] for at in left)
            for at in left:
                if levels[at] == lowest:
                    del levels[at]
            left = [at for at in left if at in levels]


class _Style:
    """Which letters a document uses for its body, and which for its headings."""

    def __init__(self, blocks: Sequence[Block], bookmarks: dict[str, int]) -> None:
        self._bookmarks = bookmarks
        sizes = Counter[float]()
        bold = mono = 0
        for block in blocks:
            chars = len(block.text)
            sizes[_half(block.size)] += chars
            bold += chars * block.bold
            mono += chars * (block.kind is Kind.CODE)
        total = max(sizes.total(), 1)
        self.typewritten = 2 * mono > total
        self._body = sizes.most_common(1)[0][0] if sizes else 0.0
        self._bold_tells = 4 * bold < total
        found = {_half(block.size) for block in blocks if self._is_large(block)}
        self._sizes = sorted(found, reverse=True)

    def level(self, block: Block) -> int | None:
        """The level of a heading; None if it is none."""
        if self._is_large(block):
            return min(1 + self._sizes.index(_half(block.size)), _MAX_LEVEL)
        depth = self._bookmarks.get(" ".join(block.text.split()).casefold())
        if depth and _says_something(block.text):
            return min(depth, _MAX_LEVEL)
        if self._is_bold_heading(block):
            return min(1 + len(self._sizes), _MAX_LEVEL)
        return None

    def _is_large(self, block: Block) -> bool:
        return (
            0 < _LARGER * self._body < block.size
            and (block.kind is Kind.PARAGRAPH or bool(_NUMBERED.match(block.text)))
            and len(block.text) <= (_HEADING_CHARS if block.size > _HUGE * self._body else _BOLD_CHARS)
            and block.lines <= 4
            and _says_something(block.text)
            and not block.text.endswith((",", ";"))
            and not _SENTENCE.search(block.text)
        )

    def _is_bold_heading(self, block: Block) -> bool:
        text = block.text
        return (
            self._bold_tells
            and block.bold
            and block.size >= 0.95 * self._body
            and block.lines <= 2
            and len(text) <= _BOLD_CHARS
            and _says_something(text)
            and (block.kind is Kind.PARAGRAPH or bool(_NUMBERED.match(text)))
            and not text.endswith((".", ",", ";", ":"))
            and not text[0].islower()
        )


def _says_something(text: str) -> bool:
    return bool(_LETTERS.search(text) or _cjk(text)) and not _DATE_OR_SUM.fullmatch(text)


def _cjk(text: str) -> bool:
    return any("\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7af" for char in text)


def _half(size: float) -> float:
    return round(2 * size) / 2


def _margins(blocks: Sequence[Block], heights: dict[int, float]) -> dict[int, Kind]:
    """The headers and footers among the blocks, by position: what is on the same edge of several pages."""
    keys: dict[int, tuple[Kind, str]] = {}
    pages: dict[tuple[Kind, str], set[int]] = {}
    for position, block in enumerate(blocks):
        height = heights.get(block.page, 0.0)
        if not height or block.rows is not None or not 0 < len(block.text) <= _MARGIN_CHARS:
            continue
        if block.bottom > (1 - _MARGIN) * height:
            kind = Kind.HEADER
        elif block.top < _MARGIN * height:
            kind = Kind.FOOTER
        else:
            continue
        key = kind, _DIGITS.sub("#", block.text)
        keys[position] = key
        pages.setdefault(key, set()).add(block.page)
    return {
        position: key[0]
        for position, key in keys.items()
        if len(pages[key]) >= (2 if _PAGE_NUMBER.fullmatch(key[1]) else _REPEATED)
    }


class Speller:
    """Puts words together that were cut at the end of a line, as the document spells them elsewhere."""

    def __init__(self, texts: Iterable[str]) -> None:
        texts = [text for text in texts if text]
        asked: set[str] = set()
        for text in texts:
            if SPLIT in text:
                for match in _CUT.finditer(text):
                    first, then = match[1].lower(), match[3].lower()
                    asked |= {first + then, f"{first}-{then}", first, then}
        self._known: set[str] = set()
        if asked:
            for text in texts:
                self._known |= asked.intersection(_WORD.findall(_CUT.sub(" ", text.lower())))

    def __call__(self, text: str) -> str:
        """A text without marks where words were cut."""
        return _CUT.sub(self._word, text) if SPLIT in text else text

    def _word(self, match: re.Match[str]) -> str:
        first, space, then = match.groups()
        if not then:
            return f"{first}-{space}"
        low = first.lower(), then.lower()
        together, apart = "".join(low), "-".join(low)
        both = min(map(len, low)) > 3 and set(low) <= self._known
        keep = apart in self._known or both or len(first) == 1
        if together not in self._known and (keep or not then[0].islower()):
            return f"{first}-{then}"
        return first + then
