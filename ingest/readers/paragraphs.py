"""Texts in which marks at the beginning of lines say what a line is: the loop over them, and the paragraph
that is being gathered. What the marks are is left to `markdown.py` and `restructured.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from ingest.readers.draft import Draft, Kind
from ingest.readers.text import TICK_LINES


class Paragraphs(ABC):
    """The lines of a text, and the paragraph that is being gathered."""

    def __init__(self, lines: list[str], draft: Draft) -> None:
        self._lines = lines
        self._draft = draft
        self._at = 0  # the line after the one that is looked at
        self._paragraph: list[str] = []
        self._kind = Kind.PARAGRAPH
        self._level: int | None = None

    def read(self) -> None:
        """Add all blocks."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if self._at % TICK_LINES == 0:
                self._draft.tick(self._at // TICK_LINES, len(self._lines) // TICK_LINES)
            if not line.strip() or len(self._paragraph) >= TICK_LINES:
                self._end()
            if line.strip():
                self._take(line)
        self._end()

    @abstractmethod
    def _take(self, line: str) -> None:
        """Take a line that is not empty, and those after it that belong to it."""

    @abstractmethod
    def _plain(self, text: str) -> str:
        """A text without the marks within it."""

    def _entry(self, indent: str, text: str) -> None:
        """Begin an entry of a list."""
        self._end()
        self._kind, self._level = Kind.LIST_ITEM, len(indent.expandtabs(4)) // 2 + 1
        self._paragraph.append(text.strip())

    def _title(self, text: str, level: int) -> None:
        """Add a heading."""
        self._end()
        text = self._plain(text.strip())
        self._draft.describe(title=text)
        self._draft.add(Kind.TITLE, text, level=level)

    def _end(self) -> None:
        """Add the paragraph so far."""
        if self._paragraph:
            self._draft.add(self._kind, self._plain("\n".join(self._paragraph)), level=self._level)
            self._paragraph = []
        self._kind, self._level = Kind.PARAGRAPH, None
