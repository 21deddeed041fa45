"""The little markup that every invented document is written in, and its parse into blocks.

`# heading`, `- list item`, `| table | row |`, `---` (new page or slide), all else paragraphs by blank line.
How a block looks in a format is the business of the renderers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Block:
    """One piece of a document: `kind` is heading, paragraph, item, table or page."""

    kind: str
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


def parse(body: str) -> list[Block]:
    """The blocks of `body` in order."""
    blocks: list[Block] = []
    for chunk in body.strip().split("\n\n"):
        blocks.extend(_chunk(chunk.strip("\n").split("\n")))
    return blocks


def pages(blocks: list[Block]) -> list[list[Block]]:
    """Cut at the page marks."""
    runs = groupby(blocks, key=lambda block: block.kind == "page")
    return [list(run) for is_mark, run in runs if not is_mark]


def _chunk(lines: list[str]) -> Iterator[Block]:
    for kind, run in groupby(lines, key=_kind):
        group = list(run)
        if kind == "table":
            rows = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in group)
            yield Block("table", rows=tuple(rows))
        elif kind == "heading":
            for line in group:
                marks = len(line) - len(line.lstrip("#"))
                yield Block("heading", line[marks:].strip(), level=marks)
        elif kind == "item":
            yield from (Block("item", line[2:]) for line in group)
        elif kind == "page":
            yield Block("page")
        else:
            yield Block("paragraph", "\n".join(group))


def _kind(line: str) -> str:
    if line == "---":
        return "page"
    if line.startswith("|"):
        return "table"
    if line.startswith("- "):
        return "item"
    return "heading" if line.startswith("#") else "paragraph"
