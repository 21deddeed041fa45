"""Markdown: headings, lists, code, tables and HTML, told apart by the marks that lines begin with."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.hypertext import add_blocks, parse
from ingest.readers.paragraphs import Paragraphs
from ingest.readers.text import decoded

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_RULED = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"[ \t]*(```+|~~~+)")
_ITEM = re.compile(r"([ \t]*)([-*+]|\d{1,9}[.)])[ \t]+(?:(\[[ xX]\])[ \t]+)?")
_NOTE = re.compile(r"\[\^([^\[\]\s]{1,80})\]:[ \t]*")
_HTML = re.compile(
    r" {0,3}</?(?:div|table|details|summary|p|img|ul|ol|li|dl|center|h[1-6]|pre|section|article|figure"
    r"|picture|form|iframe|script|style|nav|header|footer|main|aside|video|blockquote|hr|br|a|sub|sup|kbd|svg)[\s>/]"
    r"|\s*<!--",
    re.IGNORECASE,
)
_QUOTED = re.compile(r" {0,3}(?:>[ \t]?)+")
_IMAGE_OR_LINK = re.compile(
    r"(!?)\[([^\[\]\n]{0,2000})\](?:\(([^()\s]{0,2000}(?:\([^()\s]{0,200}\)[^()\s]{0,200})?)"
    r"""(?:[ \t]{1,9}(?:"[^"]{0,500}"|'[^']{0,500}'))?\)|\[[^\[\]\n]{0,200}\])"""
)
_FOOTNOTE = re.compile(r"\[\^([^\[\]\s]{1,80})\]")
_ADDRESS = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000}|[^<>\s@]{1,80}@[^<>\s@]{1,200})>")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>|<!--[^<>]{0,2000}-->")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_HELD = re.compile("\ue000(\\d{1,9})\ue001")
_EMPHASIS = re.compile(r"(?<![\w*_~])(?:[*_]{1,3}|~~)(?=[^\s*_~])|(?<=[^\s*_~])(?:[*_]{1,3}|~~)(?![\w*_~])")
_TICKS = re.compile(r"(`+)")
_FRONT_LINES = 400


def read_markdown(document: Document, draft: Draft) -> None:
    """A page of notes; front matter is metadata and text."""
    lines = decoded(document, draft).removeprefix("\ufeff").split("\n")
    add_markdown(lines[_front_matter(lines, draft) :], draft)


def add_markdown(lines: list[str], draft: Draft) -> None:
    """The blocks of a text without front matter."""
    _Blocks(lines, draft).read()


def plain(text: str) -> str:
    """A text without its marks: links and pictures are their texts, code is as it is."""
    parts = _TICKS.split(text)
    if len(parts) == 1:
        return _without_marks(text)
    left = Counter(parts[1::2])  # how many runs of as many ticks are still to come
    shown: list[str] = []
    marked: list[str] = []
    at = 0
    while at < len(parts):
        part = parts[at]
        if at % 2 and left[part] > 1:
            end = parts.index(part, at + 2)
            shown += (_without_marks("".join(marked)), unescape("".join(parts[at + 1 : end])))
            marked = []
            left.subtract(parts[at : end + 1 : 2])
            at = end + 1
            continue
        if at % 2:
            left[part] -= 1
        marked.append(part)
        at += 1
    return "".join(shown) + _without_marks("".join(marked))


def _without_marks(text: str) -> str:
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found[1])
        return f"\ue000{len(held) - 1}\ue001"

    if "\\" in text:
        text = _ESCAPED.sub(hold, text)
    if "<" in text:
        text = _TAG.sub("", _ADDRESS.sub(r"\1", text))
    if "[" in text:
        text = _FOOTNOTE.sub(r"[\1]", text)
        for _ in range(2):  # a picture in a link
            text = _IMAGE_OR_LINK.sub(lambda found: found[2] or ("" if found[1] else found[3] or ""), text)
    text = unescape(_EMPHASIS.sub("", text))
    return _HELD.sub(lambda found: held[int(found[1])], text) if held else text


def _front_matter(lines: list[str], draft: Draft) -> int:
    """Take what a page says of itself above its text; returns where the text begins."""
    mark = lines[0].rstrip() if lines else ""
    if mark not in ("---", "+++"):
        return 0
    ends = (mark, "...") if mark == "---" else (mark,)
    end = next((at for at in range(1, min(len(lines), _FRONT_LINES)) if lines[at].rstrip() in ends), 0)
    for line in lines[1:end]:
        name, colon, value = line.partition(":" if mark == "---" else "=")
        value = value.strip().strip("\"'")
        if colon and name.strip().lower() == "title":
            draft.describe(title=value)
        elif colon and name.strip().lower() == "author":
            draft.describe(author=value)
    draft.add(Kind.PARAGRAPH, "\n".join(lines[1:end]))
    return end + 1 if end else 0


class _Blocks(Paragraphs):
    """Markdown."""

    def __init__(self, lines: list[str], draft: Draft) -> None:
        super().__init__(lines, draft)
        self._in_list = False

    def _take(self, line: str) -> None:
        if fence := _FENCE.match(line):
            self._end()
            self._code(fence[1])
        elif not (self._is_marked(line) or self._is_table(line) or self._is_html(line)):
            self._text(line)

    def _plain(self, text: str) -> str:
        return plain(text)

    def _is_marked(self, line: str) -> bool:
        """Take a heading, a rule, an entry of a list or a footnote."""
        if heading := _HEADING.match(line):
            text = line[heading.end() :].strip()
            bare = text.rstrip("#")
            text = bare.rstrip() if bare[-1:] in ("", " ", "\t") else text
            self._title(text, len(heading[1]))
        elif (ruled := _RULED.match(line)) and len(self._paragraph) == 1 and self._kind is Kind.PARAGRAPH:
            text = self._paragraph.pop()
            self._title(text, 1 if ruled[1][0] == "=" else 2)
        elif ruled or ((len(line.strip()) > 2 and not line.strip(" \t*")) or not line.strip(" \t_")):
            self._end()
        elif entry := _ITEM.match(line):
            self._in_list = True
            number = f"{entry[2]} " if entry[2][0].isdigit() else ""
            box = "" if not entry[3] else "\u2610 " if entry[3] == "[ ]" else "\u2611 "
            self._entry(entry[1], number + box + line[entry.end() :])
        elif note := _NOTE.match(line):
            self._end()
            self._paragraph.append(f"[{note[1]}] {line[note.end() :]}")
        else:
            return False
        return True

    def _is_table(self, line: str) -> bool:
        """Take a table: a row, and below it a rule of as many cells."""
        lines, rule = self._lines, self._at
        if "|" not in line or rule >= len(lines) or not _is_table_rule(lines[rule]):
            return False
        self._end()
        end = rule + 1
        while end < len(lines) and "|" in lines[end]:
            end += 1
        self._in_list = False
        self._draft.add_table(map(_cells, (line, *lines[rule + 1 : end])), header_rows=1)
        self._at = end
        return True

    def _is_html(self, line: str) -> bool:
        """Take HTML up to the next empty line, a comment up to its end."""
        if self._paragraph or not _HTML.match(line):
            return False
        end = self._at
        if line.lstrip().startswith("<!--"):
            while end < len(self._lines) and "-->" not in self._lines[end - 1]:
                end += 1
        else:
            while end < len(self._lines) and self._lines[end].strip():
                end += 1
        root = parse("\n".join(map(_html_line, self._lines[self._at - 1 : end])))
        if root is not None:
            add_blocks(root, self._draft)
        self._in_list = False
        self._at = end
        return True

    def _text(self, line: str) -> None:
        """Take a line of a paragraph, of an entry, or of code that stands indented by itself."""
        quoted = _QUOTED.match(line)
        bare = line[quoted.end() :] if quoted else line
        if quoted and bare != line and (_HEADING.match(bare) or _ITEM.match(bare) or not bare.strip()):
            self._end()
            if bare.strip():
                self._is_marked(bare)
            return
        if not self._paragraph and not self._in_list and line.startswith(("    ", "\t")):
            start = self._at - 1
            while self._at < len(self._lines) and (
                self._lines[self._at].startswith(("    ", "\t")) or not self._lines[self._at].strip()
            ):
                self._at += 1
            self._draft.add(Kind.CODE, "\n".join(self._lines[start : self._at]))
            return
        if not self._paragraph and not line[0].isspace():
            self._in_list = False
        self._paragraph.append(bare.strip())

    def _title(self, text: str, level: int) -> None:
        self._in_list = False
        super()._title(text, level)

    def _code(self, mark: str) -> None:
        """Take a fenced block; one that is never closed runs to the end."""
        start = self._at
        while self._at < len(self._lines):
            line = self._lines[self._at].strip()
            self._at += 1
            if line.startswith(mark) and not line.strip(mark[0]):
                break
        else:
            self._lines.append(mark)
            self._at += 1
        # Programs that make Markdown of pages leave entities in code, where none should be.
        self._draft.add(Kind.CODE, unescape("\n".join(self._lines[start : self._at - 1])))


def _is_table_rule(line: str) -> bool:
    return "-" in line and "|" in line and not line.strip("|:- \t")


def _cells(line: str) -> list[str]:
    """The cells of a row; a bar behind a backslash is one of the text's."""
    line = line.strip().removeprefix("|")
    line = line[:-1] if line.endswith("|") and not line.endswith("\\|") else line
    return [plain(cell.replace("\ue002", "|").strip()) for cell in line.replace("\\|", "\ue002").split("|")]


def _html_line(line: str) -> str:
    """A line between tags, where marks count too."""
    return line if "<" in line else plain(line)
