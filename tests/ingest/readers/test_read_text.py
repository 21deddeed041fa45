"""Text of all kinds: encodings, what it is told apart by, and what becomes of it."""

from __future__ import annotations

import io
import sys

import pytest

from ingest.readers.draft import text_of
from ingest.readers.encoding import decode
from ingest.readers.samples import opendocument, pack, pdf
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply

GERMAN = "Die Miete für die Räume am Fluss wächst ab März – das ist ärgerlich, aber üblich."
RUSSIAN = "Арендная плата за помещения у реки вырастет с марта, это неприятно, но обычно."
JAPANESE = "川沿いの部屋の家賃は三月から上がります。残念ですが、よくあることです。"
POLISH = "Czynsz za pomieszczenia nad rzeką wzrośnie od marca; to przykre, ale zwyczajne, więc płaćmy."


def read_bytes(content: bytes, name: str) -> Reply:
    return read(io.BytesIO(content), Job(name=name), io.BytesIO())


def pieces(reply: Reply) -> list[tuple[str, str]]:
    return [(element.kind, text_of(element)) for element in reply.elements]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "cp1252"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-32"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (POLISH, "cp1250"),
    ],
)
def test_text_is_read_in_any_encoding(text: str, encoding: str) -> None:
    assert pieces(read_bytes(text.encode(encoding), "note.txt")) == [("paragraph", text)]


def test_a_declared_charset_is_believed_only_where_the_bytes_allow_it() -> None:
    assert decode(GERMAN.encode(), "iso-8859-1") == GERMAN
    assert decode(RUSSIAN.encode("koi8-r"), "koi8-r") == RUSSIAN
    assert decode("日本".encode("iso2022_jp"), "iso-2022-jp") == "日本"


def test_language_is_named_only_when_it_is_certain() -> None:
    assert read_bytes(GERMAN.encode(), "a.txt").language == "de"
    assert read_bytes(b"Please send the plan for the river house by Friday.", "a.txt").language == "en"
    assert read_bytes(b"OK 4711", "a.txt").language is None


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (pdf(["The rent rises in May this year."]), "note.txt", "application/pdf"),
        (b"plain words and no more", "scan.pdf", "text/plain"),
        (b"<!DOCTYPE html><title>x</title><p>words", "page.txt", "text/html"),
        (b"<?xml version='1.0'?><a>words</a>", "data.txt", "application/xml"),
        (b'{"rent": 700}', "data", "application/json"),
        (b"name;rent;due\nAnn;700;May\nBob;650;June\nCid;600;July\n", "rents", "text/csv"),
        (b"# Rent\n\n- [ ] pay\n\n```\ncode\n```\n", "notes", "text/markdown"),
        (b"{\\rtf1\\ansi words\\par}", "letter.doc", "application/rtf"),
        (opendocument("<text:p>words</text:p>"), "x.zip", "application/vnd.oasis.opendocument.text"),
        (b"Well, [this] is prose, with commas, and more,\nand more.", "a.txt", "text/plain"),
    ],
)
def test_kind_is_told_by_content(content: bytes, name: str, media_type: str) -> None:
    assert read_bytes(content, name).media_type == media_type


def test_markdown_blocks() -> None:
    text = (
        "---\ntitle: River House\n---\n# Rent\n\nIt **rises** in\nMay, see [plan](http://a.example/p).\n\n"
        "- first\n  - second\n\n| who | rent |\n|---|---|\n| Ann | 700 |\n\n```py\nx = 1\n```\n\nEnd\n===\n"
    )
    reply = read_bytes(text.encode(), "a.md")
    assert reply.title == "River House"
    assert pieces(reply) == [
        ("paragraph", "title: River House"),
        ("title", "Rent"),
        ("paragraph", "It rises in\nMay, see plan."),
        ("list_item", "first"),
        ("list_item", "second"),
        ("table", "who | rent\nAnn | 700"),
        ("code", "x = 1"),
        ("title", "End"),
    ]
    assert [element.level for element in reply.elements if element.kind == "list_item"] == [1, 2]


def test_csv_is_one_table() -> None:
    reply = read_bytes(b'name;note\nAnn;"pays; late"\n\nBob;\n', "a.csv")
    assert pieces(reply) == [("table", "name | note\nAnn | pays; late\nBob")]


def test_json_shows_the_way_to_each_value() -> None:
    reply = read_bytes(b'[{"who": {"name": "Ann"}, "paid": true}, {"rents": [1, 2.5, null, ""]}]', "a.json")
    assert pieces(reply) == [
        ("paragraph", "who.name: Ann\npaid: true"),
        ("paragraph", "rents: 1\nrents: 2.5"),
    ]
    assert pieces(read_bytes(b'{"a": 1}\n{"a": 2}\n', "a.jsonl")) == [
        ("paragraph", "a: 1"),
        ("paragraph", "a: 2"),
    ]
    assert pieces(read_bytes(b'{"a": 1, // why\n', "a.json")) == [("paragraph", '{"a": 1, // why')]


def test_xml_gives_text_and_failing_that_attributes() -> None:
    assert pieces(read_bytes(b"<a><b>one</b><c>two <i>and</i> three</c></a>", "a.xml")) == [
        ("paragraph", "one"),
        ("paragraph", "two and three"),
    ]
    assert pieces(read_bytes(b'<a x="1"><b y="2"/></a>', "a.xml")) == [
        ("paragraph", "x: 1\ny: 2"),
    ]


def test_xml_that_is_not_well_formed_is_read_and_said_to_be() -> None:
    reply = read_bytes(b"<?xml version='1.0'?><a><b>one</b><c>two</a>", "a.xml")
    assert pieces(reply) == [("paragraph", "one\ntwo")]
    assert reply.partial is not None


def test_xml_entities_are_not_expanded() -> None:
    bomb = (
        '<!DOCTYPE a [<!ENTITY x "'
        + "lol" * 100
        + '"><!ENTITY y "&x;&x;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    )
    reply = read_bytes(f"{bomb}<a>before &y; &f; after</a>".encode(), "a.xml")
    assert "lol" not in str(reply)
    assert "root:" not in str(reply)


def test_html_blocks() -> None:
    page = (
        "<html><head><title>Rent</title><meta name=author content=Ann><style>p {}</style></head><body>"
        "<h2>River</h2><p>It <b>rises</b>\nin<br>May.<script>no()</script><ul><li>one<ul><li>two</ul></ul>"
        "<table><tr><th>who<th>rent<tr><td>Ann<td>700</table><pre>a\n  b</pre>"
        "<table><tr><td><p>layout</p></td></tr></table></body></html>"
    )
    reply = read_bytes(page.encode(), "a.html")
    assert (reply.title, reply.author) == ("Rent", "Ann")
    assert pieces(reply) == [
        ("title", "River"),
        ("paragraph", "It rises in\nMay."),
        ("list_item", "one"),
        ("list_item", "two"),
        ("table", "who | rent\nAnn | 700"),
        ("code", "a\n  b"),
        ("paragraph", "layout"),
    ]


def test_html_in_its_declared_charset() -> None:
    page = f'<html><head><meta charset="koi8-r"></head><body><p>{RUSSIAN}</p></body></html>'
    assert pieces(read_bytes(page.encode("koi8-r"), "a.html")) == [("paragraph", RUSSIAN)]


def test_depth_of_nesting_is_the_senders_choice_and_no_danger() -> None:
    depth = 10 * sys.getrecursionlimit()
    assert read_bytes(b"[" * depth + b"]" * depth, "a.json").media_type == "application/json"
    assert read_bytes(b"<div>" * depth + b"words", "a.html").media_type == "text/html"
    assert read_bytes(b"<a>" * depth + b"words" + b"</a>" * depth, "a.xml").media_type == "application/xml"


def test_epub_in_the_order_of_its_spine() -> None:
    book = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>River House</dc:title><dc:creator>Ann</dc:creator></metadata><manifest>"
        '<item id="b" href="two.xhtml"/><item id="a" href="one%20a.xhtml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="c"/></spine></package>'
    )
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "OEBPS/book.opf": book,
        "OEBPS/two.xhtml": "<html><body><p>second</p></body></html>",
        "OEBPS/one a.xhtml": "<html><body><h1>first</h1></body></html>",
    }
    reply = read_bytes(pack(members), "a.epub")
    assert (reply.title, reply.author) == ("River House", "Ann")
    assert pieces(reply) == [("title", "first"), ("paragraph", "second")]


def test_rtf_with_title_table_and_picture() -> None:
    source = (
        rb"{\rtf1\ansi{\info{\title Rent}{\author Ann}{\creatim\yr2026\mo3\dy3}}"
        rb"Die Miete f\'fcr Mai\par{\pict\pngblip " + b"89504e47" * 500 + rb"}"
        rb"\trowd who\cell rent\cell\row\trowd Ann\cell 700\cell\row End\par}"
    )
    reply = read_bytes(source, "a.rtf")
    assert (reply.title, reply.author, reply.created_at) == ("Rent", "Ann", 1772496000.0)
    assert pieces(reply) == [
        ("paragraph", "Die Miete für Mai"),
        ("table", "who | rent\nAnn | 700"),
        ("paragraph", "End"),
    ]


def test_opendocument_text_tables_notes_and_lists() -> None:
    body = (
        '<text:h text:outline-level="2">Rent</text:h><text:p>It<text:s text:c="2"/>rises<text:line-break/>in'
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>by law</text:p>"
        "</text:note-body></text:note> May</text:p><text:list><text:list-item><text:p>one</text:p>"
        "</text:list-item></text:list><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<table:table><table:table-row><table:table-cell><text:p>Ann</text:p></table:table-cell>"
        '<table:table-cell table:number-columns-repeated="2"><text:p>700</text:p></table:table-cell>'
        '<table:table-cell table:number-columns-repeated="16000"/></table:table-row></table:table>'
    )
    reply = read_bytes(opendocument(body), "a.odt")
    assert pieces(reply) == [
        ("title", "Rent"),
        ("paragraph", "It  rises\nin May"),
        ("paragraph", "by law"),
        ("list_item", "one"),
        ("table", "Ann | 700 | 700"),
    ]
