"""XML: articles, books, feeds, figures, and vocabularies that nobody knows."""

from __future__ import annotations

import io

from ingest.readers.draft import text_of
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply


def read_xml(content: str) -> Reply:
    return read(io.BytesIO(content.encode()), Job(name="a.xml"), io.BytesIO())


def pieces(content: str) -> list[tuple[str, str, int | None]]:
    return [(element.kind, text_of(element), element.level) for element in read_xml(content).elements]


def test_an_article() -> None:
    article = (
        "<article><front><article-meta><article-id>10.1/x</article-id><title-group><article-title>River"
        " <italic>rents</italic></article-title></title-group><contrib-group><contrib><name><surname>Heron"
        "</surname><given-names>Ann</given-names></name></contrib></contrib-group></article-meta>"
        "</front><body>"
        "<sec><title>Methods</title><p>We asked <xref>[1]</xref> CO<sub>2</sub>.<list><list-item><p>first"
        "</p></list-item></list>And on.</p><sec><title>Rooms</title><table-wrap><label>Table 1</label>"
        "<caption>"
        "<p>Rents</p></caption><table><thead><tr><th>who</th><th>rent</th></tr></thead><tbody><tr><td>"
        "Ann</td>"
        "<td>700</td></tr></tbody></table></table-wrap></sec></sec></body><back><ref-list><ref><label>"
        "1</label>"
        "<mixed-citation><name><surname>Fox</surname><given-names>B</given-names></name>"
        ". <article-title>On rent"
        "</article-title>. <year>2020</year>.</mixed-citation></ref></ref-list></back></article>"
    )
    assert pieces(article) == [
        ("title", "River rents", 1),
        ("paragraph", "Heron Ann", None),
        ("title", "Methods", 1),
        ("paragraph", "We asked [1] CO2.", None),
        ("list_item", "first", None),
        ("paragraph", "And on.", None),
        ("title", "Rooms", 2),
        ("caption", "Table 1 Rents", None),
        ("table", "who | rent\nAnn | 700", None),
        ("list_item", "1 Fox B. On rent. 2020.", None),
    ]
    assert read_xml(article).title == "River rents"


def test_a_table_after_the_model_of_cals() -> None:
    book = (
        '<chapter><title>Rents</title><informaltable><tgroup cols="3"><colspec colname="a"/>'
        '<colspec colname="b"/><colspec colname="c"/><thead><row><entry>House</entry>'
        '<entry namest="b" nameend="c">Rent</entry></row></thead><tbody><row><entry morerows="1">'
        "River</entry><entry>700</entry><entry>710</entry></row><row>"
        "<entry>720</entry><entry>730</entry></row></tbody></tgroup></informaltable>"
        "<programlisting>a = 1\n  b</programlisting></chapter>"
    )
    [title, table, code] = read_xml(book).elements
    assert (title.text, title.level) == ("Rents", 1)
    assert table.rows == [["House", "Rent", "Rent"], ["River", "700", "710"], ["River", "720", "730"]]
    assert table.header_rows == 1
    assert (code.kind, code.text) == ("code", "a = 1\n  b")


def test_a_feed_with_pages_in_it() -> None:
    feed = (
        "<rss><channel><title>River news</title><item><title>Rent</title><pubDate>x</pubDate>"
        "<description>&lt;p&gt;It &lt;b&gt;rises&lt;/b&gt;&lt;/p&gt;&lt;ul&gt;&lt;li&gt;now&lt;/ul&gt;"
        "</description></item></channel></rss>"
    )
    assert [(kind, text) for kind, text, _ in pieces(feed)] == [
        ("title", "River news"),
        ("title", "Rent"),
        ("paragraph", "x"),
        ("paragraph", "It rises"),
        ("list_item", "now"),
    ]


def test_figures_of_a_report_keep_their_names() -> None:
    report = (
        '<xbrl xmlns:a="urn:a"><context id="c"><entity>4711</entity></context>'
        '<a:Rent contextRef="c">700</a:Rent><a:Heat contextRef="c">80</a:Heat></xbrl>'
    )
    assert [text for _, text, _ in pieces(report)] == ["Rent: 700\nHeat: 80"]


def test_short_texts_side_by_side_are_lines() -> None:
    rows = "".join(f"<p1><name>Ann {n}</name><rent>{n}</rent></p1>" for n in range(2))
    assert [text for _, text, _ in pieces(f"<all>{rows}</all>")] == ["Ann 0\n0", "Ann 1\n1"]


def test_many_children_take_no_longer_each() -> None:
    reply = read_xml("<a>" + "<b>x</b>" * 20_000 + "</a>")
    assert sum(text_of(element).count("x") for element in reply.elements) == 20_000


def test_a_grammar_that_lies_elsewhere_is_not_asked_for() -> None:
    concept = '<!DOCTYPE a PUBLIC "-//A//DTD A//EN" "http://a.example/a.dtd" [<!ENTITY me "Ann">]>'
    reply = read_xml(f'<?xml version="1.0"?>{concept}<a><p>&me;&nbsp;&agr;&unknown; pays</p></a>')
    assert [element.text for element in reply.elements] == ["Ann α pays"]
    assert reply.partial is None
