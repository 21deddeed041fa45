"""PowerPoint: slides with all that is on them, in the order in which they are read aloud."""

from __future__ import annotations

import io

import pptx

from ingest.readers.samples import office
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply

SCHEMAS = "http://schemas.openxmlformats.org"
NAMES = " ".join(
    f'xmlns:{name}="{space}"'
    for name, space in {
        "p": f"{SCHEMAS}/presentationml/2006/main",
        "a": f"{SCHEMAS}/drawingml/2006/main",
        "r": f"{SCHEMAS}/officeDocument/2006/relationships",
        "m": f"{SCHEMAS}/officeDocument/2006/math",
        "mc": f"{SCHEMAS}/markup-compatibility/2006",
    }.items()
)


def slide(shapes: str) -> Reply:
    content = office(
        "ppt/presentation.xml",
        f'<p:presentation {NAMES}><p:sldIdLst><p:sldId r:id="slide"/></p:sldIdLst></p:presentation>',
        slide=f"<p:sld {NAMES}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>",
    )
    return read(io.BytesIO(content), Job(name="a.pptx"), io.BytesIO())


def shape(*paragraphs: str, place: str = "", words: str = "") -> str:
    inner = "".join(
        text if text.startswith("<") else f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>" for text in paragraphs
    )
    holder = f'<p:ph type="{place}"/>' if place else ""
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="x" descr="{words}"/><p:nvPr>{holder}</p:nvPr></p:nvSpPr>'
        f"<p:txBody>{inner}</p:txBody></p:sp>"
    )


def numbered(text: str, kind: str, level: int = 0, start: int = 1) -> str:
    number = f'<a:buAutoNum type="{kind}" startAt="{start}"/>'
    return f'<a:p><a:pPr lvl="{level}">{number}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>'


def said(reply: Reply) -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in reply.elements]


def test_the_title_comes_first_and_groups_and_choices_are_opened() -> None:
    choice = f"<mc:Choice>{shape('new')}</mc:Choice><mc:Fallback>{shape('old')}</mc:Fallback>"
    reply = slide(
        f"<p:grpSp>{shape('in a group')}<p:grpSp>{shape('deeper')}</p:grpSp></p:grpSp>"
        f"<mc:AlternateContent>{choice}</mc:AlternateContent>{shape('Rents', place='title')}"
        f"{shape('7', place='sldNum')}{shape('Alder Office', place='ftr')}{shape('', words='A red house')}"
    )
    assert said(reply) == [
        ("title", "Rents"),
        ("paragraph", "in a group"),
        ("paragraph", "deeper"),
        ("paragraph", "new"),
        ("footer", "Alder Office"),
        ("caption", "A red house"),
    ]


def test_lists_are_counted_and_formulas_written() -> None:
    formula = (
        "<m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f>"
        "</m:oMath>"
    )
    reply = slide(
        shape(
            numbered("one", "arabicPeriod"),
            numbered("deep", "alphaLcParenR", level=1),
            numbered("two", "arabicPeriod"),
            f"<a:p>{formula}</a:p>",
            numbered("again", "romanUcPeriod", start=4),
        )
    )
    assert said(reply) == [
        ("list_item", "1. one"),
        ("list_item", "a) deep"),
        ("list_item", "2. two"),
        ("paragraph", r" $\frac{a}{b}$ ".strip()),
        ("list_item", "IV. again"),
    ]


def test_tables_keep_their_heads_and_what_is_joined() -> None:
    def cell(text: str, attributes: str = "") -> str:
        return f"<a:tc {attributes}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"

    joined, covered = 'gridSpan="2"', 'hMerge="1"'
    rows = f"<a:tr>{cell('who')}{cell('paid', joined)}{cell('', covered)}</a:tr>"
    rows += f"<a:tr>{cell('Ann')}{cell('May')}{cell('700')}</a:tr>"
    table_part = f'<a:graphic><a:tbl><a:tblPr firstRow="1"/>{rows}</a:tbl></a:graphic>'
    [table] = slide(f"<p:graphicFrame>{table_part}</p:graphicFrame>").elements
    assert table.rows == [["who", "paid", "paid"], ["Ann", "May", "700"]]
    assert table.header_rows == 1


def test_a_show_as_a_library_writes_it() -> None:
    show = pptx.Presentation()
    for number in (1, 2):
        page = show.slides.add_slide(show.slide_layouts[1])
        page.shapes.title.text = f"Slide {number}"
        page.placeholders[1].text = "Rent rises\vin May"
    page.notes_slide.notes_text_frame.text = "say it slowly"
    far = page.shapes.add_textbox(-pptx.util.Inches(1), -pptx.util.Inches(1), 10, 10)
    far.text_frame.text = "half outside"
    out = io.BytesIO()
    show.save(out)
    reply = read(out, Job(name="a.pptx"), io.BytesIO())
    assert reply.pages == 2
    assert [(element.page, element.kind, element.text) for element in reply.elements] == [
        (1, "title", "Slide 1"),
        (1, "paragraph", "Rent rises\nin May"),
        (2, "title", "Slide 2"),
        (2, "paragraph", "Rent rises\nin May"),
        (2, "paragraph", "half outside"),
        (2, "paragraph", "say it slowly"),
    ]


def test_groups_within_groups_end() -> None:
    deep = "<p:grpSp>" * 120 + shape("far down") + "</p:grpSp>" * 120
    assert said(slide(shape("top") + deep)) == [("paragraph", "top")]
