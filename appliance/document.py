"""A document as it is shown: each element with the headings above it, tables as HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

import msgspec

from store.outline import heading_paths
from store.records import Element, Table


class ShownElement(Element, frozen=True, kw_only=True):
    """An element and where it stands in its document."""

    heading: tuple[str, ...]  # the headings above it, the outermost first
    html: str | None = None  # of a table: safe to be put into a page, with no attribute and no link


def shown(text: str, elements: Sequence[Element]) -> list[ShownElement]:
    """The elements of an item's text for people and tools that draw them."""
    return [
        ShownElement(
            **msgspec.structs.asdict(element),
            heading=path,
            html=table_html(text, element.table) if element.table else None,
        )
        for element, path in zip(elements, heading_paths(text, elements), strict=True)
    ]


def table_html(text: str, table: Table) -> str:
    """A table whose header rows are marked as such; every cell is escaped."""
    head, body = table.rows[: table.header], table.rows[table.header :]
    parts = ["<table>"]
    if head:
        parts += ["<thead>", *(_row(text, row, "th") for row in head), "</thead>"]
    parts += ["<tbody>", *(_row(text, row, "td") for row in body), "</tbody></table>"]
    return "".join(parts)


def _row(text: str, spans: tuple[int, ...], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in _cells(text, spans))}</tr>"


def _cells(text: str, spans: tuple[int, ...]) -> Iterator[str]:
    for number, (start, end) in enumerate(pairwise(spans)):
        if number % 2 == 0:
            yield escape(text[start:end])
