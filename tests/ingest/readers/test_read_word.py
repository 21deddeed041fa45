"""Word: everything that is shown, in its order and with its numbers."""

from __future__ import annotations

import io

import docx
import pytest
from docx.oxml import parse_xml

from ingest.readers.package import Package
from ingest.readers.samples import office, pack
from ingest.readers.table import read
from ingest.readers.word_math import latex
from ingest.sandbox.messages import Job, Reply

SCHEMAS = "http://schemas.openxmlformats.org"
NAMES = " ".join(
    f'xmlns:{name}="{space}"'
    for name, space in {
        "w": f"{SCHEMAS}/wordprocessingml/2006/main",
        "m": f"{SCHEMAS}/officeDocument/2006/math",
        "r": f"{SCHEMAS}/officeDocument/2006/relationships",
        "a": f"{SCHEMAS}/drawingml/2006/main",
        "c": f"{SCHEMAS}/drawingml/2006/chart",
        "wp": f"{SCHEMAS}/drawingml/2006/wordprocessingDrawing",
        "mc": f"{SCHEMAS}/markup-compatibility/2006",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
    }.items()
)


def word(body: str, **parts: str) -> Reply:
    xml = f"<w:document {NAMES}><w:body>{body}</w:body></w:document>"
    content = office("word/document.xml", xml, **parts)
    return read(io.BytesIO(content), Job(name="a.docx"), io.BytesIO())


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def texts(reply: Reply) -> list[str]:
    return [element.text for element in reply.elements]


def pieces(reply: Reply) -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in reply.elements]


STYLES = f"""<w:styles {NAMES}>
<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/>
  <w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/>
  <w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="Ours"/><w:basedOn w:val="H2"/></w:style>
<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop2"/></w:style>
<w:style w:type="paragraph" w:styleId="Loop2"><w:name w:val="Loop two"/><w:basedOn w:val="Loop"/></w:style>
<w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="C"><w:name w:val="caption"/></w:style></w:styles>"""


def level(depth: int, form: str, text: str, start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


NUMBERING = (
    f'<w:numbering {NAMES}><w:abstractNum w:abstractNumId="0">{level(0, "decimal", "%1")}'
    f'{level(1, "decimal", "%1.%2")}</w:abstractNum><w:abstractNum w:abstractNumId="1">'
    f"{level(0, 'lowerLetter', '%1)', 3)}{level(1, 'lowerRoman', '%2.')}{level(2, 'bullet', 'o')}"
    "</w:abstractNum>"
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/>'
    "</w:lvlOverride></w:num></w:numbering>"
)


def item(text: str, depth: int, number: int) -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>')


def test_headings_have_their_levels_and_numbers() -> None:
    body = "".join(
        paragraph(text, f'<w:pStyle w:val="{style}"/>')
        for text, style in (("Lease", "T"), ("Rent", "H1"), ("Rise", "H2"), ("Fall", "Own"), ("End", "H1"))
    )
    reply = word(body + paragraph("x", '<w:pStyle w:val="Loop"/>'), styles=STYLES, numbering=NUMBERING)
    assert [(element.kind, element.text, element.level) for element in reply.elements] == [
        ("title", "Lease", 1),
        ("title", "1 Rent", 1),
        ("title", "1.1 Rise", 2),
        ("title", "1.2 Fall", 2),
        ("title", "2 End", 1),
        ("paragraph", "x", None),
    ]


def test_lists_count_as_word_shows_them() -> None:
    order = ((0, 2), (1, 2), (1, 2), (2, 2), (0, 2), (1, 2), (0, 3), (0, 3))
    reply = word("".join(item("x", *place) for place in order), numbering=NUMBERING)
    assert texts(reply) == ["c) x", "i. x", "ii. x", "x", "d) x", "i. x", "g) x", "h) x"]
    assert {element.kind for element in reply.elements} == {"list_item"}


@pytest.mark.parametrize("tag", ["sdt", "customXml", "ins"])
def test_text_in_wrappers_is_found_in_its_place(tag: str) -> None:
    inner = paragraph("inside")
    inner = f"<w:sdtContent>{inner}</w:sdtContent>" if tag == "sdt" else inner
    body = f"{paragraph('before')}<w:{tag}>{inner}</w:{tag}>{paragraph('after')}"
    assert texts(word(body)) == ["before", "inside", "after"]


def test_changes_fields_boxes_and_signs() -> None:
    box = "<w:txbxContent>" + paragraph("boxed") + "</w:txbxContent>"
    reply = word(
        "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:t>gone</w:t></w:r></w:del></w:p>"
        "<w:p><w:r><w:t>anchor</w:t><mc:AlternateContent><mc:Choice>"
        f"{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
        "<w:p><w:r><w:ruby><w:rt><w:r><w:t>kana</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>kanji</w:t></w:r>"
        "</w:rubyBase></w:ruby></w:r></w:p>"
        '<w:p><w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="1"/></w14:checkbox></w:sdtPr><w:sdtContent>'
        "<w:r><w:t>☒</w:t></w:r></w:sdtContent></w:sdt><w:r><w:t> agreed</w:t></w:r></w:p>"
        '<w:p><w:r><w:fldChar><w:ffData><w:checkBox><w:default w:val="0"/></w:checkBox></w:ffData>'
        "</w:fldChar>"
        "<w:instrText>FORMCHECKBOX</w:instrText><w:t> refused</w:t></w:r></w:p>"
        '<w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t>'
        '<w:sym w:font="Symbol" w:char="F061"/></w:r></w:p>'
    )
    assert texts(reply) == ["new", "anchor", "boxed", "kanji", "[x] agreed", "[ ] refused", "a\tbα"]


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text) if text else '<w:p/>'}</w:tc>"


def test_tables_keep_rows_heads_and_what_is_joined() -> None:
    across, begin = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>'
    inner = f"<w:tbl><w:tr>{cell('in')}{cell('ner')}</w:tr></w:tbl>"
    rows = (
        f"<w:tr><w:trPr><w:tblHeader/></w:trPr>{cell('who')}{cell('paid', across)}</w:tr>"
        f"<w:tr>{cell('Ann', begin)}{cell('May')}{cell('700')}</w:tr>"
        f"<w:tr>{cell('', '<w:vMerge/>')}{cell('June')}<w:tc>{paragraph('710')}{inner}</w:tc></w:tr>"
    )
    outer, nested = word(f"<w:tbl>{rows}</w:tbl>").elements
    assert outer.rows == [["who", "paid", "paid"], ["Ann", "May", "700"], ["Ann", "June", "710"]]
    assert outer.header_rows == 1
    assert nested.rows == [["in", "ner"]]


def test_a_table_of_one_cell_only_frames_its_text() -> None:
    assert pieces(word(f"<w:tbl><w:tr>{cell('framed')}</w:tr></w:tbl>")) == [("paragraph", "framed")]


def run(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run('2')}</m:sup></m:sSup>", "x^{2}"),
        (f"<m:f><m:num>{run('a')}</m:num><m:den>{run('b')}</m:den></m:f>", r"\frac{a}{b}"),
        (
            '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>'
            f"<m:sub>{run('n=1')}</m:sub><m:sup>{run('∞')}</m:sup><m:e>{run('n')}</m:e></m:nary>",
            r"\sum_{n=1}^{\infty} n",
        ),
        (f"<m:d><m:e>{run('x')}</m:e></m:d>", r"\left(x\right)"),
        (f"<m:rad><m:deg>{run('3')}</m:deg><m:e>{run('x')}</m:e></m:rad>", r"\sqrt[3]{x}"),
        (f"<m:func><m:fName>{run('sin')}</m:fName><m:e>{run('x')}</m:e></m:func>", r"\sin(x)"),
        (
            f"<m:m><m:mr><m:e>{run('a')}</m:e><m:e>{run('b')}</m:e></m:mr>"
            f"<m:mr><m:e>{run('c')}</m:e><m:e>{run('d')}</m:e></m:mr></m:m>",
            r"\begin{matrix}a & b \\ c & d\end{matrix}",
        ),
        (
            f"<m:limLow><m:e>{run('lim')}</m:e><m:lim>{run('n→0')}</m:lim></m:limLow>",
            r"\lim_{n\rightarrow 0}",
        ),
    ],
)
def test_formulas_become_latex(formula: str, expected: str) -> None:
    assert latex(parse_xml(f"<m:oMath {NAMES}>{formula}</m:oMath>")) == expected
    inline = f"<w:p><w:r><w:t>so</w:t></w:r><m:oMath>{formula}</m:oMath></w:p>"
    assert texts(word(inline)) == [f"so ${expected}$ ".rstrip()]


def test_charts_pictures_and_diagrams_follow_their_paragraph() -> None:
    points = "".join(f'<c:pt idx="{n}"><c:v>{text}</c:v></c:pt>' for n, text in enumerate(("May", "June")))
    figures = '<c:pt idx="0"><c:v>700</c:v></c:pt><c:pt idx="1"><c:v>0.5</c:v></c:pt>'
    chart = (
        f"<c:chartSpace {NAMES}><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Rents</a:t></a:r></a:p>"
        "</c:rich></c:tx></c:title><c:plotArea><c:barChart><c:ser><c:tx><c:strRef><c:strCache>"
        "<c:pt idx='0'><c:v>Ann</c:v></c:pt></c:strCache></c:strRef></c:tx>"
        f"<c:cat><c:strRef><c:strCache>{points}</c:strCache></c:strRef>"
        f"</c:cat><c:val><c:numRef><c:numCache>{figures}</c:numCache></c:numRef></c:val></c:ser></c:barChart>"
        "</c:plotArea></c:chart></c:chartSpace>"
    )
    body = (
        '<w:p><w:r><w:t>see</w:t><w:drawing><wp:docPr id="1" descr="A red house by the river"/></w:drawing>'
        '<w:drawing><c:chart r:id="chart"/></w:drawing></w:r></w:p>'
    )
    reply = word(body, chart=chart)
    assert pieces(reply)[:3] == [
        ("paragraph", "see"),
        ("caption", "A red house by the river"),
        ("caption", "Bar chart: Rents"),
    ]
    assert reply.elements[3].rows == [["", "Ann"], ["May", "700"], ["June", "0.5"]]


@pytest.mark.parametrize("words", ["logo", "A duck. Description automatically generated"])
def test_what_names_a_picture_or_was_guessed_is_no_text(words: str) -> None:
    body = f'<w:p><w:r><w:t>x</w:t><w:drawing><wp:docPr descr="{words}"/></w:drawing></w:r></w:p>'
    assert texts(word(body)) == ["x"]


def test_a_letter_as_a_library_writes_it() -> None:
    document = docx.Document()
    document.core_properties.title, document.core_properties.author = "River House", "Ann"
    document.sections[0].header.paragraphs[0].text = "Alder Office"
    document.sections[0].footer.paragraphs[0].text = "in confidence"
    document.add_heading("Rent", 2)
    run = document.add_paragraph("It rises in May.").add_run("!")
    document.add_comment(run, text="is this so?", author="Ben")
    document.add_paragraph("first", style="List Bullet")
    out = io.BytesIO()
    document.save(out)
    reply = read(out, Job(name="a.docx"), io.BytesIO())
    assert (reply.title, reply.author) == ("River House", "Ann")
    assert pieces(reply) == [
        ("header", "Alder Office"),
        ("title", "Rent"),
        ("paragraph", "It rises in May.!"),
        ("list_item", "first"),
        ("footer", "in confidence"),
        ("paragraph", "Ben: is this so?"),
    ]
    package = Package(out)
    strict = {
        name: package.read(name)
        .replace(
            f"{SCHEMAS}/wordprocessingml/2006/main".encode(),
            b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        )
        .replace(
            f"{SCHEMAS}/officeDocument/2006/relationships".encode(),
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        )
        for name in package.names
    }
    again = read(io.BytesIO(pack(strict)), Job(name="a.docx"), io.BytesIO())
    assert pieces(again) == pieces(reply)


def test_notes_follow_the_body_and_pages_are_those_that_word_counted() -> None:
    notes = f'<w:footnotes {NAMES}><w:footnote w:type="separator">{paragraph("-")}</w:footnote>'
    notes += f"<w:footnote>{paragraph('by law')}</w:footnote></w:footnotes>"
    broken = "<w:p><w:r><w:lastRenderedPageBreak/><w:t>second page</w:t></w:r></w:p>"
    reply = word(paragraph("first page") + broken, footnotes=notes)
    assert [(element.text, element.page) for element in reply.elements] == [
        ("first page", 1),
        ("second page", 2),
        ("by law", None),
    ]
    assert reply.pages == 2
    assert word(paragraph("unknown")).elements[0].page is None


def test_documents_inside_are_children() -> None:
    inner = office(
        "word/document.xml", f"<w:document {NAMES}><w:body>{paragraph('in')}</w:body></w:document>"
    )
    outer = Package(
        io.BytesIO(office("word/document.xml", f"<w:document {NAMES}><w:body/></w:document>", package=""))
    )
    parts = {name: outer.read(name) for name in outer.names} | {"word/package.xml": inner}
    sink = io.BytesIO()
    reply = read(io.BytesIO(pack(parts)), Job(name="a.docx"), sink)
    assert reply.reason is None
    assert [child.name for child in reply.children] == ["package.xml"]
    assert sink.getvalue() == inner


def test_a_scan_in_word_hands_on_its_pictures() -> None:
    package = Package(io.BytesIO(office("word/document.xml", f"<w:document {NAMES}><w:body/></w:document>")))
    parts = {name: package.read(name) for name in package.names}
    assert read(io.BytesIO(pack(parts)), Job(name="a.docx"), io.BytesIO()).reason == "EMPTY"
    reply = read(io.BytesIO(pack(parts | {"word/media/p.png": b"x"})), Job(name="a.docx"), io.BytesIO())
    assert [child.name for child in reply.children] == ["p.png"]


def test_what_was_read_before_the_damage_is_kept() -> None:
    package = Package(io.BytesIO(office("word/document.xml", f"<w:document {NAMES}><w:body/></w:document>")))
    parts = {name: package.read(name) for name in package.names}
    body = f"<w:document {NAMES}><w:body>{paragraph('kept') * 3000}<w:p><broken"
    reply = read(io.BytesIO(pack(parts | {"word/document.xml": body})), Job(name="a.docx"), io.BytesIO())
    assert reply.elements[0].text == "kept"
    assert reply.partial == "the file is damaged or cut off"
