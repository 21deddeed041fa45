"""Snippets: verbatim, within their width, around the matches."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from index.snippet import WIDTH, snippet


@given(st.text(alphabet="abc xyz\n.é", max_size=2000), st.sampled_from(["abc", "x", "nowhere"]))
def test_highlights_are_the_matches(text: str, word: str) -> None:
    matches = [match.span() for match in re.finditer(re.escape(word), text)]
    start, end, highlights = snippet(text, matches)
    assert 0 <= start <= end <= len(text)
    assert end - start <= WIDTH
    shown = text[start:end]
    assert all(shown[first:last] == word for first, last in highlights)
    if matches and text.strip():
        assert highlights, "a match exists and none is shown"


def test_the_densest_stretch_is_shown() -> None:
    text = "roof " + "filler " * 100 + "roof and roof again" + " filler" * 100
    matches = [match.span() for match in re.finditer("roof", text)]
    start, end, highlights = snippet(text, matches)
    assert len(highlights) == 2
    assert text[start - 1].isspace()
    assert text[end].isspace()
