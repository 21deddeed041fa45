"""Chunking: offsets are exact for any text and any elements, and cuts fall on structure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from index.chunk import MAX_TOKENS, chunk, estimate_tokens
from store.records import NOT_EMBEDDED, Element, ElementKind

_TEXTS = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet="ab .\n!?", min_size=100, max_size=3000),
        st.integers(1, 3000).map(lambda n: "x" * n),
        st.integers(1, 400).map(lambda n: "A sentence of six words ends. " * n),
        st.integers(1, 400).map(lambda n: "七転び八起き。" * n),
    ),
    max_size=12,
)


@st.composite
def _documents(draw: st.DrawFn) -> tuple[str, list[Element]]:
    """Text made as the core makes it: element texts joined by blank lines."""
    pieces = draw(_TEXTS)
    elements, at = [], 0
    for piece in pieces:
        kind = draw(st.sampled_from(list(ElementKind)))
        page = draw(st.one_of(st.none(), st.integers(1, 3)))
        level = draw(st.one_of(st.none(), st.integers(1, 3)))
        elements.append(Element(kind=kind, start=at, end=at + len(piece), page=page, level=level))
        at += len(piece) + 2
    return "\n\n".join(pieces), elements


@given(_documents())
def test_offsets_are_exact_and_nothing_is_lost(document: tuple[str, list[Element]]) -> None:
    text, elements = document
    passages = chunk(text, elements)
    covered = 0
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.text.strip() == passage.text != ""
        assert not text[covered : passage.start].strip(), "text between passages was lost"
        assert passage.start >= covered, "passages overlap"
        covered = passage.end
    assert not text[covered:].strip()


@given(_documents())
def test_no_passage_is_longer_than_the_model_reads(document: tuple[str, list[Element]]) -> None:
    for passage in chunk(*document):
        assert estimate_tokens(passage.text) <= MAX_TOKENS


@given(_documents())
def test_quoted_text_and_signatures_never_share_a_passage_with_new_text(
    document: tuple[str, list[Element]],
) -> None:
    text, elements = document
    for passage in chunk(text, elements):
        kinds = {
            element.kind in NOT_EMBEDDED
            for element in elements
            if element.start < passage.end and element.end > passage.start
            if text[max(element.start, passage.start) : min(element.end, passage.end)].strip()
        }
        assert len(kinds) == 1
        assert not (passage.embed and kinds == {True})


def _document(*pieces: tuple[ElementKind, str, int | None]) -> tuple[str, list[Element]]:
    elements, at = [], 0
    for kind, piece, level in pieces:
        elements.append(Element(kind=kind, start=at, end=at + len(piece), level=level))
        at += len(piece) + 2
    return "\n\n".join(piece for _, piece, _ in pieces), elements


def test_headings_open_passages_and_give_the_path() -> None:
    text, elements = _document(
        (ElementKind.TITLE, "Report", 1),
        (ElementKind.TITLE, "Scope", 2),
        (ElementKind.PARAGRAPH, "What is in it.", None),
        (ElementKind.PARAGRAPH, "And what is not.", None),
        (ElementKind.TITLE, "Cost", 2),
        (ElementKind.PARAGRAPH, "Little.", None),
    )
    passages = chunk(text, elements)
    assert [passage.heading for passage in passages] == ["Report › Scope", "Report › Cost"]
    assert passages[0].text == "Report\n\nScope\n\nWhat is in it.\n\nAnd what is not."


def test_a_long_table_is_cut_between_rows() -> None:
    rows = [f"row {number} | " + "value | " * 10 for number in range(60)]
    text, elements = _document((ElementKind.TABLE, "\n".join(rows), None))
    passages = chunk(text, elements)
    assert len(passages) > 2
    assert all(passage.text.startswith("row ") for passage in passages)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = "This sentence has exactly seven words here. " * 80
    assert all(passage.text.endswith("here.") for passage in chunk(text, []))


def test_a_short_rest_joins_what_came_before() -> None:
    text, elements = _document(
        (ElementKind.PARAGRAPH, "words and more of them " * 38, None),
        (ElementKind.PARAGRAPH, "A short last line.", None),
    )
    assert len(chunk(text, elements)) == 1


def test_an_empty_text_has_no_passages() -> None:
    assert chunk("", []) == []
    assert chunk(" \n\t ", [Element(kind=ElementKind.PARAGRAPH, start=0, end=4)]) == []
