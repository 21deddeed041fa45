"""Data written as text: JSON in one document or one per line, notebooks, YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.hypertext import add_blocks, parse
from ingest.readers.markdown import add_markdown
from ingest.readers.text import TICK_LINES, add_paragraphs, decoded

_MAX_DEPTH = 200
_TOGETHER = 2_000  # characters of one paragraph of values
_TERMINAL = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")  # colours
_YAML_TOP = re.compile(r"[^\s#\-}\])]|- |---")
_YAML_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U00([0-9A-Fa-f]{6}))")


def read_json(document: Document, draft: Draft) -> None:
    """Each entry of the outermost list or object is a paragraph of "path: value" lines."""
    text = decoded(document, draft)
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        _read_lines(text, draft)
        return
    if isinstance(value, list) and any(isinstance(entry, (dict, list)) for entry in value):
        for entry in value:
            _add_value(entry, draft)
    else:
        _add_value(value, draft)


def _read_lines(text: str, draft: Draft) -> None:
    """One document on each line; or JSON with comments, or cut off, which is text all the same."""
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if _decoded(first) is None:
        add_paragraphs(text, draft)
        return
    for number, line in enumerate(lines):
        if number % TICK_LINES == TICK_LINES - 1:
            draft.tick(number // TICK_LINES, len(lines) // TICK_LINES)
        value = _decoded(line)
        if value is not None:
            _add_value(value, draft)
        else:
            draft.add(Kind.PARAGRAPH, line)


def _decoded(line: str) -> object:
    try:
        value: object = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return value


def _add_value(value: object, draft: Draft) -> None:
    lines: list[str] = []
    chars = 0
    for line in _leaves(value, "", 0):
        lines.append(line)
        chars += len(line)
        if chars > _TOGETHER:
            draft.add(Kind.PARAGRAPH, "\n".join(lines))
            lines, chars = [], 0
    draft.add(Kind.PARAGRAPH, "\n".join(lines))


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


def read_notebook(document: Document, draft: Draft) -> None:
    """A Jupyter notebook: its notes, its code, and what the code printed."""
    try:
        book = msgspec.json.decode(decoded(document, draft))
    except msgspec.DecodeError as error:
        raise UnreadableDocument(Why.TRUNCATED, "the notebook is damaged or cut off") from error
    if not isinstance(book, dict):
        return
    metadata = book.get("metadata")
    if isinstance(metadata, dict):
        draft.describe(title=metadata.get("title"))
    sheets = book.get("worksheets")  # until version 3
    cells = book.get("cells") or [cell for sheet in _dicts(sheets) for cell in _dicts(sheet.get("cells"))]
    for cell in _dicts(cells):
        source = _joined(cell.get("source", cell.get("input")))
        if cell.get("cell_type") == "markdown":
            add_markdown(source.split("\n"), draft)
        else:
            draft.add(Kind.CODE if cell.get("cell_type") == "code" else Kind.PARAGRAPH, source)
        for output in _dicts(cell.get("outputs")):
            _add_output(output, draft)


def _add_output(output: dict[str, object], draft: Draft) -> None:
    """What a cell printed, in the best of the forms that are there."""
    data = output.get("data", output)
    if not isinstance(data, dict):
        return
    page = parse(_joined(data.get("text/html"))) if data.get("text/html") else None
    if page is not None:
        add_blocks(page, draft)
    elif data.get("text/markdown"):
        add_markdown(_joined(data["text/markdown"]).split("\n"), draft)
    else:
        text = data.get("text/plain") or output.get("text") or output.get("traceback")
        draft.add(Kind.CODE, _TERMINAL.sub("", _joined(text)))


def _dicts(value: object) -> list[dict[str, object]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _joined(value: object) -> str:
    """Text that may be written as a list of lines."""
    if isinstance(value, list):
        parts = [part for part in value if isinstance(part, str)]
        return ("" if any(part.endswith("\n") for part in parts) else "\n").join(parts)
    return value if isinstance(value, str) else ""


def read_yaml(document: Document, draft: Draft) -> None:
    """YAML as it is written, comments too, in a paragraph for each key or entry at its left edge.

    It is written for people, and read as data its aliases could grow without end.
    """
    lines: list[str] = []
    chars = 0
    for line in decoded(document, draft).split("\n"):
        if chars > _TOGETHER or (chars > _TOGETHER // 8 and _YAML_TOP.match(line)) or line.startswith("---"):
            draft.add(Kind.PARAGRAPH, "\n".join(lines))
            lines, chars = [], 0
        if line.startswith(("---", "...")):
            line = line[3:]
        if line.strip():
            lines.append(_YAML_ESCAPE.sub(_character, line.rstrip()) if "\\" in line else line.rstrip())
            chars += len(line)
    draft.add(Kind.PARAGRAPH, "\n".join(lines))


def _character(found: re.Match[str]) -> str:
    code = int(found[1] or found[2] or found[3], 16)
    return chr(code) if 32 <= code <= 0x10FFFF else found[0]
