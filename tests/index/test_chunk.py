"""Chunking: offsets are exact for any text and any elements, and cuts fall on structure."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.chunk import MAX_TOKENS, chunk, estimate_tokens
from store.records import NOT_EMBEDDED, Element, ElementKind, Table

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


def _grid(piece: str, at: int, header: int) -> Table | None:
    """The grid of a table whose cells are cut at white space."""
    rows = []
    for line in piece.split("\n"):
        cells = [(at + match.start(), at + match.end()) for match in re.finditer(r"\S+", line)]
        rows.append(tuple(offset for cell in cells for offset in cell))
        at += len(line) + 1
    return Table(rows=tuple(rows), header=min(header, len(rows)))


@st.composite
def _documents(draw: st.DrawFn) -> tuple[str, list[Element]]:
    """Text made as the core makes it: element texts joined by blank lines."""
    pieces = draw(_TEXTS)
    elements, at = [], 0
    for piece in pieces:
        kind = draw(st.sampled_from(list(ElementKind)))
        page = draw(st.one_of(st.none(), st.integers(1, 3)))
        level = draw(st.one_of(st.none(), st.integers(1, 3)))
        language = draw(st.sampled_from([None, "de", "fr"]))
        elements.append(
            Element(
                kind=kind,
                start=at,
                end=at + len(piece),
                page=page,
                level=level,
                language=language,
                table=_grid(piece, at, draw(st.integers(0, 2))) if kind is ElementKind.TABLE else None,
            )
        )
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


@given(_documents())
def test_a_passage_is_in_the_language_of_most_of_it(document: tuple[str, list[Element]]) -> None:
    text, elements = document
    for passage in chunk(text, elements):
        held = [
            (element.language, len(text[start:end].strip()))
            for element in elements
            if (start := max(element.start, passage.start)) < (end := min(element.end, passage.end))
        ]
        most = max(sum(chars for other, chars in held if other == language) for language, _ in held)
        own = sum(chars for language, chars in held if language == passage.language)
        assert own >= most - sum(map(str.isspace, passage.text)), "white space may tip the scale"


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


def _table(rows: list[list[str]], header: int, at: int = 0) -> tuple[str, Element]:
    """A table's text and its element, as the core makes them."""
    lines, spans, start = [], [], at
    for row in rows:
        cells, where = [], start
        for cell in row:
            cells += [where, where + len(cell)]
            where += len(cell) + 3
        lines.append(" | ".join(row))
        spans.append(tuple(cells))
        start += len(lines[-1]) + 1
    text = "\n".join(lines)
    grid = Table(rows=tuple(spans), header=header)
    return text, Element(kind=ElementKind.TABLE, start=at, end=at + len(text), table=grid)


_ROWS = [[f"2024-03-{day:02}", f"{day * 37}.50", f"The payee of number {day}"] for day in range(1, 29)] * 3


def test_a_table_that_goes_on_is_still_below_its_columns() -> None:
    title = Element(kind=ElementKind.TITLE, start=0, end=6, level=1)
    table, element = _table([["Date", "Amount", "Payee"], *_ROWS], 1, at=8)
    end = "It ends here."
    text = f"Sheet1\n\n{table}\n\n{end}"
    after = Element(kind=ElementKind.PARAGRAPH, start=len(text) - len(end), end=len(text))
    first, *others, last = chunk(text, [title, element, after])
    assert (first.heading, first.text[:22]) == ("Sheet1", "Sheet1\n\nDate | Amount ")
    assert len(others) >= 3
    assert {passage.heading for passage in others} == {"Sheet1 › Date | Amount | Payee"}
    assert all(passage.text.startswith("2024-03-") for passage in others)
    assert last.text.endswith(end)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ([["Date", "", "Date", "Payee"]], "Date | Payee"),
        ([["2024", "", ""], ["Date", "Amount", "Payee"]], "2024 | Date | Amount | Payee"),
        ([["A column with a long name"] * 3 + ["and another one of them"] * 9], None),
        ([[f"column number {number}" for number in range(400)]], None),
        ([[]], ""),
        ([], ""),
    ],
)
def test_columns_are_named_in_few_words(header: list[list[str]], columns: str | None) -> None:
    text, element = _table([*header, *_ROWS], len(header))
    last = chunk(text, [element])[-1]
    if columns is None:
        assert last.heading
        assert len(last.heading) <= 120
        assert last.heading.startswith(header[0][0])
    else:
        assert (last.heading or "") == columns


def test_a_table_too_large_for_cells_is_below_its_first_line_if_that_can_be_names() -> None:
    for names, columns in ((["Date", "Payee"], "Date | Payee"), (["1 May", "Payee"], None)):
        text, element = _table([names, *_ROWS], 1)
        whole = Element(kind=element.kind, start=element.start, end=element.end)
        first, *others = chunk(text, [whole])
        assert first.heading is None
        assert {passage.heading for passage in others} == {columns}


def _in(*languages: tuple[str | None, int]) -> list[tuple[str | None, int]]:
    """The languages and the number of sentences of each passage of a text, a paragraph to each language."""
    pieces = ["Four words make it. " * count for _, count in languages]
    text, elements = _document(*((ElementKind.PARAGRAPH, piece.rstrip(), None) for piece in pieces))
    elements = [
        Element(kind=element.kind, start=element.start, end=element.end, language=language)
        for element, (language, _) in zip(elements, languages, strict=True)
    ]
    return [(passage.language, passage.text.count(".")) for passage in chunk(text, elements)]


def test_a_passage_ends_where_another_language_begins() -> None:
    assert _in((None, 10), ("fr", 10)) == [(None, 10), ("fr", 10)]
    assert _in((None, 10), ("fr", 10), (None, 10)) == [(None, 10), ("fr", 10), (None, 10)]


def test_a_few_words_of_another_language_stay_where_they_are() -> None:
    assert _in((None, 10), ("fr", 2), (None, 10)) == [(None, 22)]
    assert _in(("fr", 2), (None, 10)) == [(None, 12)]
    assert _in((None, 10), ("fr", 2)) == [(None, 12)]
    assert _in(("fr", 2), (None, 1)) == [("fr", 3)]
    assert _in((None, 10), ("fr", 2), ("de", 10)) == [(None, 12), ("de", 10)]
