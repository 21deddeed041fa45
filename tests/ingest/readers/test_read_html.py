"""Web pages: lists as they are numbered, tables with their labels, forms, captions, and nothing unseen."""

from __future__ import annotations

import io

import pytest

from ingest.readers.draft import text_of
from ingest.readers.table import read
from ingest.sandbox.messages import Job, ReadElement, Reply


def read_page(body: str, name: str = "a.html") -> Reply:
    return read(io.BytesIO(f"<html><body>{body}</body></html>".encode()), Job(name=name), io.BytesIO())


def pieces(body: str) -> list[tuple[str, str]]:
    return [(element.kind, text_of(element)) for element in read_page(body).elements]


def table(body: str) -> ReadElement:
    [element] = [element for element in read_page(body).elements if element.kind == "table"]
    return element


def test_lists_are_numbered_as_they_are_shown() -> None:
    page = (
        "<ol><li>one<li><p>two</p><p>more of two</p><ol type=a start=3><li>c</ol><li value=7>seven<li>eight"
        "</ol><ol reversed><li>b<li>a</ol><ol type=I><li>first</ol><ul><li>bullet</ul>"
        "<ol style='list-style: none'><li>bare</ol>"
    )
    assert pieces(page) == [
        ("list_item", "1. one"),
        ("list_item", "2. two"),
        ("paragraph", "more of two"),
        ("list_item", "c. c"),
        ("list_item", "7. seven"),
        ("list_item", "8. eight"),
        ("list_item", "2. b"),
        ("list_item", "1. a"),
        ("list_item", "I. first"),
        ("list_item", "bullet"),
        ("list_item", "bare"),
    ]


def test_what_is_in_a_heading_or_an_entry_keeps_its_kind() -> None:
    page = "<h2><div>Rent</div></h2><ul><li><div><b>W</b>ater</div></ul><dl><dt>Fox<dd>An animal</dl>"
    elements = read_page(page).elements
    assert [(e.kind, e.text, e.level) for e in elements] == [
        ("title", "Rent", 2),
        ("list_item", "Water", 1),
        ("list_item", "Fox", 1),
        ("list_item", "An animal", 2),
    ]


def test_header_cells_and_spans_of_a_table() -> None:
    found = table(
        "<table><caption>Rents</caption><tr><th rowspan=2>House<th colspan=2>Rent<tr><th>2025<th>2026"
        "<tr><td rowspan=2>River<td>700<td>720<tr><td colspan=2>to be agreed</table>"
    )
    assert found.rows == [
        ["House", "Rent", "Rent"],
        ["House", "2025", "2026"],
        ["River", "700", "720"],
        ["River", "to be agreed"],
    ]
    assert found.header_rows == 2


def test_a_row_of_mere_labels_stands_in_the_rows_that_it_labels() -> None:
    rows = "<tr><th rowspan=3>2026</th></tr><tr><td>May<td>700</tr><tr><td>June<td>710</tr>"
    found = table(f"<table><thead><tr><th>Year<th>Month<th>Rent</thead>{rows}</table>")
    assert found.rows == [["Year", "Month", "Rent"], ["2026", "May", "700"], ["2026", "June", "710"]]
    assert found.header_rows == 1


def test_a_caption_is_kept_and_comes_first() -> None:
    page = "<table><caption>Rents</caption><tr><th>a<th>b<tr><td>1<td>2</table>"
    assert [kind for kind, _ in pieces(page)] == ["caption", "table"]


@pytest.mark.parametrize(
    "page",
    [
        "<table><tr><td><h2>News</h2><td>words</table>",
        "<table role=presentation><tr><th>a<th>b<tr><td>1<td>2</table>",
        "<table><tr><td>one<td><table><tr><td>two</table></table>",
        "<table><tr><td>only one cell</table>",
    ],
)
def test_a_table_that_arranges_a_page_is_no_table(page: str) -> None:
    assert "table" not in [kind for kind, _ in pieces(page)]


def test_cells_hold_what_is_seen_in_them() -> None:
    cell = "<td><p>a</p><ul><li>b</ul><img alt=c><script>no()</script><b>d</b>e"
    assert table(f"<table><tr><th>x<th>y<tr>{cell}<td>f</table>").rows == [["x", "y"], ["a b c de", "f"]]


def test_fields_of_a_form_show_their_values() -> None:
    page = (
        "<form><label>Name <input value=Ann></label><br><input type=checkbox checked> paid"
        " <input type=checkbox> late <input type=hidden value=secret><input type=password value=secret>"
        "<textarea>dear all</textarea><select><option>May<option>June</select></form>"
    )
    text = " ".join(text for _, text in pieces(page))
    assert "Name Ann" in text
    assert "\u2611 paid \u2610 late" in text
    assert "dear all" in text
    assert "May June" in text
    assert "secret" not in text


def test_pictures_formulas_and_drawings_say_what_they_show() -> None:
    page = (
        "<p><img alt='A fox'></p><p>See <img alt=this> fox</p><p>so <math alttext='a^2'><mi>a</mi></math></p>"
        "<p><math><mi>b</mi><annotation>B</annotation></math></p><svg><text>axis</text><path d='M0'/></svg>"
    )
    assert pieces(page) == [
        ("caption", "A fox"),
        ("paragraph", "See this fox"),
        ("paragraph", "so a^2"),
        ("paragraph", "b"),
        ("paragraph", "axis"),
    ]


def test_marks_where_a_word_may_break_do_not_break_it() -> None:
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    page = f"<p>Donau\u00addampf\u200bschiff\u00a0fährt</p><p>{persian}</p>"
    assert [text for _, text in pieces(page)] == ["Donaudampfschiff fährt", persian]


def test_scripts_styles_and_templates_are_never_text() -> None:
    page = "<style>p{}</style><script>a()</script><template><p>b</p></template><noscript>words</noscript>"
    assert pieces(page) == [("paragraph", "words")]


def test_what_a_page_says_of_itself() -> None:
    head = (
        "<html><head><title>Rent</title><meta name=author content=Ann>"
        "<meta property='article:published_time' content='2026-03-01T00:00:00Z'></head><body><p>words"
    )
    reply = read(io.BytesIO(head.encode()), Job(name="a"), io.BytesIO())
    assert (reply.title, reply.author, reply.created_at) == ("Rent", "Ann", 1772323200.0)


def test_a_saved_page_and_its_frames() -> None:
    page = (
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://a.example/\r\nSubject: Rent\r\n"
        "Date: Sun, 1 Mar 2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related; boundary="x"; type="text/html"\r\n\r\n--x\r\n'
        "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        "<html><body><h1>R=C3=A4ume</h1></body></html>\r\n--x\r\nContent-Type: image/png\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\niVBO\r\n--x\r\nContent-Type: text/html\r\n\r\n"
        "<p>frame</p>\r\n--x--\r\n"
    )
    reply = read(io.BytesIO(page.encode()), Job(name="page.mhtml"), io.BytesIO())
    assert (reply.media_type, reply.title, reply.created_at) == ("multipart/related", "Rent", 1772323200.0)
    assert [(e.kind, e.text) for e in reply.elements] == [("title", "Räume"), ("paragraph", "frame")]
    assert reply.children == []
