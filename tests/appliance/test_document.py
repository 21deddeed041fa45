"""Elements as they are shown: the headings above them, and tables that carry nothing but text."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from appliance.document import shown, table_html
from store.records import Element, ElementKind, Table


def test_an_element_knows_the_headings_above_it() -> None:
    text = "Offer\n\nRoof\n\nSlate, 40 m²."
    elements = [
        Element(kind=ElementKind.TITLE, start=0, end=5, level=1),
        Element(kind=ElementKind.TITLE, start=7, end=11, level=2),
        Element(kind=ElementKind.PARAGRAPH, start=13, end=26),
    ]
    assert [one.heading for one in shown(text, elements)] == [(), ("Offer",), ("Offer", "Roof")]


class _Cells(HTMLParser):
    """What a browser would make of it: tags and the text of cells."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.cells[-1] += data


@given(st.lists(st.lists(st.text(alphabet="<>&\"'a1 /=", max_size=12), min_size=1, max_size=4), min_size=1))
def test_a_cell_is_text_whatever_it_says(rows: list[list[str]]) -> None:
    text, spans = "", []
    for row in rows:
        ends: list[int] = []
        for cell in row:
            ends += (len(text), len(text) + len(cell))
            text += cell + " | "
        spans.append(tuple(ends))
    found = _Cells(table_html(text, Table(rows=tuple(spans), header=1)))
    assert found.cells == [cell for row in rows for cell in row]
    assert found.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
