"""Tables written as text, CSV in its dialects and TSV: one table, row by row, with its column names."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator

from ingest.readers.draft import Document, Draft
from ingest.readers.text import decoded

_SAMPLE = 32_768
_SAMPLE_ROWS = 60
_CELL = 1 << 18  # a quoted cell that goes on for longer was never closed
_MARKS = ",;\t|"
_SEPARATOR = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)  # what Excel writes into the first line
_VALUE = re.compile(
    r"[\s\d.,:/%()+€$£¥'-]*\d[\s\d.,:/%()+€$£¥'TZe-]*|.*(?:@|://).*|true|false|null|nan|n/a", re.I
)
_NAME_CHARS = 80
_TICK_ROWS = 1000


def read_csv(document: Document, draft: Draft) -> None:
    """One table, its first row a header where it names the columns."""
    text = decoded(document, draft)
    found = _SEPARATOR.match(text)
    start = found.end() if found else 0
    delimiter = found[1] if found else delimiter_of(text, document.extension)
    sample = _sample(text[start : start + _SAMPLE], delimiter)
    draft.add_table(_rows(text, start, delimiter, draft), header_rows=int(names_columns(sample)))


def delimiter_of(text: str, hint: str = "") -> str:
    """What separates the cells: what cuts the lines most evenly, or occurs most in them."""
    sample = text[:_SAMPLE]
    best = max(_MARKS, key=lambda mark: evenness(sample, mark))
    if evenness(sample, best) > 0:
        return best
    return "\t" if hint == "tsv" else max(_MARKS, key=sample.count)


def evenness(sample: str, delimiter: str) -> float:
    """How evenly a character cuts lines into cells: 0 (not at all), or more than their usual number times the
    share of rows that have it.
    """
    widths = Counter(len(row) for row in _sample(sample, delimiter) if row)
    if not widths:
        return 0.0
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    share = count / widths.total()
    return share * (1 + width / 100) if width > 1 and share >= 0.5 else 0.0


def names_columns(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns of those below: words, each another, and no values."""
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        return False
    names = [cell.strip() for cell in rows[0]]
    while names and not names[-1]:
        names.pop()
    told = [name for name in names if name]
    if len(told) < max(1, len(names) - 1) or len(set(told)) < len(told):
        return False
    return not any(len(name) > _NAME_CHARS or _VALUE.fullmatch(name) for name in told)


def _sample(text: str, delimiter: str) -> list[list[str]]:
    """The first rows of a text that may be cut off."""
    whole = len(text) < _SAMPLE
    rows: list[list[str]] = []
    try:
        for row in csv.reader(text.split("\n"), delimiter=delimiter):
            rows.append(row)
            if len(rows) > _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    return rows[:_SAMPLE_ROWS] if whole or len(rows) > _SAMPLE_ROWS or len(rows) < 2 else rows[:-1]


class _Lines:
    """The lines of a text, one after the other, without a copy of it."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        start = self.at
        if start >= len(self.text):
            raise StopIteration
        end = self.text.find("\n", start) + 1 or len(self.text)
        self.at = end
        return self.text[start:end]


def _rows(text: str, start: int, delimiter: str, draft: Draft) -> Iterator[list[str]]:
    """All rows. From a quotation mark that is never closed, marks are taken for what they are: characters."""
    lines = _Lines(text, start)
    csv.field_size_limit(_CELL)
    reader = csv.reader(lines, delimiter=delimiter)
    count = 0
    while True:
        begin = lines.at
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            csv.field_size_limit(len(text) + 1)
            lines.at = begin
            reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            continue
        count += 1
        if count % _TICK_ROWS == 0:
            done = count // _TICK_ROWS
            draft.tick(done, max(done, done * len(text) // lines.at))
        yield row
