"""Markdown: headings, lists, code and tables, told apart by the marks that lines begin with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.text import decoded

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_RULED = re.compile(r"(=+|-+)[ \t]*$")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_ITEM = re.compile(r"([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?(.*)")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_FRONT = re.compile(r"---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_FRONT_FIELD = re.compile(r"^(title|author)\s*:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)?)(?:\s+\"[^\"]*\")?\)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_EMPHASIS = re.compile(r"(\*\*|__|~~|`)(?=\S)(.+?)(?<=\S)\1")


def read_markdown(document: Document, draft: Draft) -> None:
    """A page of notes; front matter is metadata and text."""
    text = decoded(document, draft)
    front = _FRONT.match(text)
    if front:
        fields = {name.lower(): value for name, value in _FRONT_FIELD.findall(front[1])}
        draft.describe(title=fields.get("title"), author=fields.get("author"))
        draft.add(Kind.PARAGRAPH, front[1])
        text = text[front.end() :]
    for kind, block, level in _blocks(text.split("\n")):
        if kind is Kind.TITLE:
            draft.describe(title=block)
        draft.add(kind, block, level=level)


def plain(line: str) -> str:
    """A line without the marks of emphasis and of escapes, links as "text (address)"."""
    if "](" in line:
        line = _LINK.sub(
            lambda match: f"{match[1]} ({match[2]})" if match[2] and match[1] else match[1] or match[2], line
        )
    line = _EMPHASIS.sub(r"\2", line)
    return unescape(_ESCAPED.sub(r"\1", line) if "\\" in line else line)


def _blocks(lines: list[str]) -> Iterator[tuple[Kind, str, int | None]]:
    """Blocks as (kind, text, level)."""
    paragraph: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        start = at
        block: tuple[Kind, str, int | None] | None = None
        if fence := _FENCE.match(line):
            at = _fence_end(lines, at, fence[1])
            block = (Kind.CODE, "\n".join(lines[start + 1 : at - 1]), None)
        elif heading := _HEADING.match(line):
            block = (Kind.TITLE, plain(heading[2]), len(heading[1]))
        elif paragraph and _RULED.match(line) and len(paragraph) == 1:
            block = (Kind.TITLE, plain(paragraph.pop()), 1 if line[0] == "=" else 2)
        elif (
            "|" in line and at + 1 < len(lines) and "|" in lines[at + 1] and _TABLE_RULE.match(lines[at + 1])
        ):
            at = _table_end(lines, at)
            block = (Kind.TABLE, "\n".join(_rows(lines[start:at])), None)
        elif item := _ITEM.match(line):
            at, text = _item_end(lines, at, item[2])
            block = (Kind.LIST_ITEM, text, len(item[1].expandtabs(4)) // 2 + 1)
        elif line.strip():
            paragraph.append(plain(line.rstrip().removeprefix("> ")))
        if paragraph and (block or not line.strip()):
            yield Kind.PARAGRAPH, "\n".join(paragraph), None
            paragraph = []
        if block:
            yield block
        at = max(at, start + 1)
    yield Kind.PARAGRAPH, "\n".join(paragraph), None


def _fence_end(lines: list[str], at: int, mark: str) -> int:
    """Index behind a fenced block; one that is never closed runs to the end."""
    for index in range(at + 1, len(lines)):
        if lines[index].strip().startswith(mark) and not lines[index].strip().strip(mark[0]):
            return index + 1
    lines.append(mark)
    return len(lines)


def _table_end(lines: list[str], at: int) -> int:
    end = at + 2
    while end < len(lines) and "|" in lines[end]:
        end += 1
    return end


def _rows(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not _TABLE_RULE.match(line):
            yield " | ".join(plain(cell.strip()) for cell in line.strip().strip("|").split("|"))


def _item_end(lines: list[str], at: int, first: str) -> tuple[int, str]:
    """Index behind a list item and its text: its lines go on indented or unmarked until an empty one."""
    text = [plain(first)]
    at += 1
    while at < len(lines) and lines[at].strip():
        line = lines[at]
        if _ITEM.match(line) or _HEADING.match(line) or _FENCE.match(line):
            break
        text.append(plain(line.strip()))
        at += 1
    return at, "\n".join(text)
