"""The stretch of a passage that is shown, with the places to highlight. Pure."""

from __future__ import annotations

from collections.abc import Sequence

Span = tuple[int, int]

WIDTH = 240  # characters


def snippet(text: str, matches: Sequence[Span], width: int = WIDTH) -> tuple[int, int, tuple[Span, ...]]:
    """Choose the stretch of at most `width` characters that holds the most matches, cut between words.

    Args:
        text: the passage.
        matches: (start, end) of matched words in `text`, ascending, not overlapping.

    Returns:
        start and end of the stretch in `text`, and the highlights, counted from its start.
    """
    start, end = _window(len(text), matches, width)
    start, end = _between_words(text, start, end)
    inside = tuple((first - start, last - start) for first, last in matches if first >= start and last <= end)
    return start, end, inside


def _window(length: int, matches: Sequence[Span], width: int) -> Span:
    if length <= width or not matches:
        return 0, min(length, width)
    best, best_count, last = 0, 0, 0
    for first in range(len(matches)):
        last = max(last, first)
        while last < len(matches) and matches[last][1] - matches[first][0] <= width:
            last += 1
        if last - first > best_count:
            best, best_count = first, last - first
    # Half of what is left over stands before the first match, so that it is seen in its sentence.
    taken = matches[best + max(best_count, 1) - 1][1] - matches[best][0]
    start = max(0, matches[best][0] - max(0, width - taken) // 2)
    start = min(start, length - width)
    return start, start + width


def _between_words(text: str, start: int, end: int) -> Span:
    """Move both cuts inwards to the next white space, unless that is far: then the word is cut."""
    reach = 24
    if start > 0 and not text[start - 1].isspace():
        start = next((at + 1 for at in range(start, min(start + reach, end)) if text[at].isspace()), start)
    if end < len(text) and not text[end].isspace():
        end = next((at for at in range(end - 1, max(end - reach, start), -1) if text[at].isspace()), end)
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
