"""Rich Text Format, by striprtf."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Protocol

from ingest.readers.draft import Document, Draft, Kind

ERRORS = (ValueError, LookupError, TypeError, AttributeError)
# Pictures are kept as hexadecimal text; striprtf would walk through it digit by digit.
_HEX = re.compile(rb"[0-9a-fA-F\r\n]{2000,}")
_BIN = re.compile(rb"\\bin(\d+) ?")
_TITLE = re.compile(r"\{\\(title|author)\s([^{}]{0,500})\}")
_CREATED = re.compile(
    r"\{\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})(?:\\hr(\d{1,2}))?(?:\\min(\d{1,2}))?"
)


class _ToText(Protocol):
    def __call__(self, text: str, encoding: str = ..., errors: str = ...) -> str: ...


@cache
def _to_text() -> _ToText:
    from striprtf.striprtf import rtf_to_text

    convert: _ToText = rtf_to_text
    return convert


def read_rtf(document: Document, draft: Draft) -> None:
    """Paragraphs; rows of tables are lines with cells separated by bars."""
    data = document.content()
    head = data[:20_000].decode("latin-1")
    found = {
        name: _to_text()(f"{{\\rtf1 {value}}}", errors="replace") for name, value in _TITLE.findall(head)
    }
    draft.describe(title=found.get("title"), author=found.get("author"), created_at=_created(head))
    rows: list[str] = []
    for line in [*rtf_text(data).split("\n"), ""]:
        if line.rstrip().endswith("|"):
            rows.append(" | ".join(cell.strip() for cell in line.rstrip().rstrip("|").split("|")))
            continue
        draft.add(Kind.TABLE, "\n".join(rows))
        rows = []
        draft.add(Kind.PARAGRAPH, line)


def rtf_text(data: bytes) -> str:
    """RTF as text, pictures left out."""
    return _to_text()(_HEX.sub(b"", _without_binary(data)).decode("latin-1"), errors="replace")


def _without_binary(data: bytes) -> bytes:
    r"""Cut out what `\binN` announces: N raw bytes that may look like anything."""
    parts: list[bytes] = []
    at = 0
    while match := _BIN.search(data, at):
        parts.append(data[at : match.start()])
        at = match.end() + int(match[1][:9])
    return b"".join(parts) + data[at:]


def _created(head: str) -> float | None:
    match = _CREATED.search(head)
    if not match:
        return None
    year, month, day, hour, minute = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()
    except ValueError:
        return None
