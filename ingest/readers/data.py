"""Data written as text, JSON in one document or one per line: made readable line by line."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.text import add_paragraphs, decoded

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
