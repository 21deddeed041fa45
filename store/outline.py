"""Where each piece of a document stands below its headings. Pure; what a heading is, its reader said."""

from __future__ import annotations

from collections.abc import Sequence

from store.records import Element, ElementKind

HEADING_CHARS = 120  # kept of one heading
_DEEPEST = 12  # headings above one another that are kept: the nearest
_UNRANKED = 1 << 16  # a heading without a level stands below all that have one


def heading_paths(text: str, elements: Sequence[Element]) -> list[tuple[str, ...]]:
    """The headings above each element, the outermost first; of a heading, those above itself.

    Args:
        text: the item's whole text.
        elements: its pieces in reading order, cutting `text`.
    """
    paths: list[tuple[str, ...]] = []
    above: list[tuple[int, str]] = []
    path: tuple[str, ...] = ()  # one object for all elements below the same headings
    for element in elements:
        words = heading_words(text, element)
        if element.kind is not ElementKind.TITLE or not words:
            paths.append(path)
            continue
        level = _UNRANKED if element.level is None else element.level
        while above and above[-1][0] >= level:
            above.pop()
        paths.append(tuple(heading for _, heading in above))
        above.append((level, words))
        del above[:-_DEEPEST]
        path = tuple(heading for _, heading in above)
    return paths


def heading_words(text: str, element: Element) -> str:
    """A heading as it stands in a path: one line, not too long."""
    # Of a long text more is not looked at than could be needed, if it is not all white space.
    return " ".join(text[element.start : min(element.end, element.start + 4 * HEADING_CHARS)].split())[
        :HEADING_CHARS
    ]
