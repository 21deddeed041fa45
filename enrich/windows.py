"""Where to go on reading a text that a model's context cut. Pure."""

from __future__ import annotations

OVERLAP_CHARS = 600  # read again by the next window: about the longest sentence that its beginning could cut


def again_from(text: str, start: int, end: int) -> int:
    """Where the window after `text[start:end]` begins: at a line, else at a word, a little before its end, so
    that what its cut goes through is read whole. Beyond `start`, and not beyond `end`.
    """
    least = max(end - OVERLAP_CHARS, start + (end - start) // 2)
    for white in ("\n", " "):
        if (found := text.find(white, least, end)) >= 0:
            return found + 1
    return end
