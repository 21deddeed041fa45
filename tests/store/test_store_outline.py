"""The headings above each element, whatever levels a document gives them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.outline import HEADING_CHARS, heading_paths
from store.records import Element, ElementKind

TITLE, TEXT = ElementKind.TITLE, ElementKind.PARAGRAPH


def paths(*pieces: tuple[str, int | None] | str) -> list[str]:
    """Of headings (words, level) and paragraphs, each path with a slash between."""
    text, elements = "", []
    for piece in pieces:
        words, level = (piece, None) if isinstance(piece, str) else piece
        kind = TEXT if isinstance(piece, str) else TITLE
        elements.append(Element(kind=kind, start=len(text), end=len(text) + len(words), level=level))
        text += words + "\n\n"
    return ["/".join(path) for path in heading_paths(text, elements)]


def test_a_heading_stands_below_those_of_lower_levels() -> None:
    assert paths("a", ("Report", 1), "b", ("Scope", 2), "c", ("Cost", 2), "d", ("Annex", 1), "e") == [
        "", "", "Report", "Report", "Report/Scope", "Report", "Report/Cost", "", "Annex",
    ]  # fmt: skip


def test_levels_may_be_left_out_and_begin_anywhere() -> None:
    assert paths(("Three", 3), "a", ("Five", 5), "b", ("Four", 4), "c", ("One", 1), "d") == [
        "", "Three", "Three", "Three/Five", "Three", "Three/Four", "", "One",
    ]  # fmt: skip


def test_headings_without_a_level_stand_beside_one_another_below_those_that_have_one() -> None:
    assert paths(("One", None), "a", ("Two", None), "b") == ["", "One", "", "Two"]
    assert paths(("Top", 1), ("One", None), "a", ("Two", None), "b", ("End", 1), "c") == [
        "", "Top", "Top/One", "Top", "Top/Two", "", "End",
    ]  # fmt: skip


def test_a_subject_stands_above_all_headings_of_its_mail() -> None:
    assert paths(("Subject", 0), ("Heading", 1), "a", ("Next", 1), "b")[-1] == "Subject/Next"


def test_long_and_broken_headings_are_one_short_line() -> None:
    assert paths(("two\n  lines", 1), "a")[1] == "two lines"
    assert len(paths(("word " * 1000, 1), "a")[1]) <= HEADING_CHARS


@given(st.lists(st.tuples(st.sampled_from(list(ElementKind)), st.none() | st.integers(0, 100)), max_size=60))
def test_any_levels_give_a_short_path_to_every_element(kinds: list[tuple[ElementKind, int | None]]) -> None:
    text = "x" * len(kinds)
    elements = [
        Element(kind=kind, start=at, end=at + 1, level=level) for at, (kind, level) in enumerate(kinds)
    ]
    found = heading_paths(text, elements)
    assert len(found) == len(elements)
    assert all(len(path) <= 12 for path in found)
