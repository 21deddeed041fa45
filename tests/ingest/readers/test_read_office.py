"""Word, PowerPoint and Excel, made by the libraries that offices write them with or very like."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import docx
import openpyxl
import pptx
from docx.oxml import parse_xml
from msoffcrypto.format.ooxml import OOXMLFile

from ingest.readers.package import Package
from ingest.readers.samples import pack
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def read_bytes(content: bytes, name: str) -> Reply:
    return read(io.BytesIO(content), Job(name=name), io.BytesIO())


def pieces(reply: Reply) -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in reply.elements]


def saved(save: Callable[[io.BytesIO], None]) -> bytes:
    out = io.BytesIO()
    save(out)
    return out.getvalue()


def letter() -> bytes:
    document = docx.Document()
    document.core_properties.title = "River House"
    document.core_properties.author = "Ann"
    document.core_properties.created = datetime(2026, 3, 3, tzinfo=UTC)
    document.sections[0].header.paragraphs[0].text = "Alder Office"
    document.add_heading("Rent", 2)
    document.add_paragraph("It rises in May, short and plain.")
    document.add_paragraph("first", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("who", "rent", "Ann", "700"), strict=True):
        cell.text = text
    return saved(document.save)


def test_word() -> None:
    reply = read_bytes(letter(), "a.docx")
    assert (reply.title, reply.author, reply.created_at) == ("River House", "Ann", 1772496000.0)
    assert pieces(reply) == [
        ("header", "Alder Office"),
        ("title", "Rent"),
        ("paragraph", "It rises in May, short and plain."),
        ("list_item", "first"),
        ("table", "who | rent\nAnn | 700"),
    ]
    assert reply.elements[1].level == 2


def test_word_text_that_hangs_in_wrappers_is_found() -> None:
    document = docx.Document()
    body = document.element.body
    for xml in (
        "<w:sdt><w:sdtPr/><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        "<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>",
        "<w:p><w:r><w:t>anchor</w:t><w:pict><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
        "</w:pict></w:r></w:p>",
        "<w:p><w:r><w:ruby><w:rt><w:r><w:t>kana</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>kanji</w:t></w:r></w:rubyBase>"
        "</w:ruby></w:r></w:p>",
    ):
        start, rest = xml.split(">", 1)
        body.insert(len(body) - 1, parse_xml(f"{start} {W}>{rest}"))
    texts = [text for _, text in pieces(read_bytes(saved(document.save), "a.docx"))]
    assert texts == ["in a control", "inserted", "anchor", "boxed", "kanji"]


def test_word_notes_and_comments_follow_the_body() -> None:
    document = docx.Document()
    run = document.add_paragraph("the body").add_run("!")
    document.add_comment(run, text="is this so?", author="Ann")
    assert [text for _, text in pieces(read_bytes(saved(document.save), "a.docx"))] == [
        "the body!",
        "is this so?",
    ]


def test_word_with_macros_and_in_the_strict_flavour() -> None:
    package = Package(io.BytesIO(letter()))
    parts = {name: package.read(name) for name in package.names}
    types = parts["[Content_Types].xml"]
    macro = types.replace(
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        b"application/vnd.ms-word.document.macroEnabled.main+xml",
    )
    assert macro != types
    assert ("title", "Rent") in pieces(read_bytes(pack({**parts, "[Content_Types].xml": macro}), "a.docm"))
    strict = {
        name: content.replace(
            b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        ).replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        )
        for name, content in parts.items()
    }
    assert ("title", "Rent") in pieces(read_bytes(pack(strict), "a.docx"))


def test_powerpoint_slides_tables_and_notes() -> None:
    show = pptx.Presentation()
    for number in (1, 2):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = "Rent rises\vin May"
    slide.notes_slide.notes_text_frame.text = "say it slowly"
    table = slide.shapes.add_table(
        1, 2, 0, pptx.util.Inches(5), pptx.util.Inches(4), pptx.util.Inches(1)
    ).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Ann", "700"
    reply = read_bytes(saved(show.save), "a.pptx")
    assert reply.pages == 2
    assert [(element.page, element.kind, element.text) for element in reply.elements] == [
        (1, "title", "Slide 1"),
        (1, "paragraph", "Rent rises\nin May"),
        (2, "paragraph", "say it slowly"),
        (2, "title", "Slide 2"),
        (2, "paragraph", "Rent rises\nin May"),
        (2, "table", "Ann | 700"),
    ]


def test_excel_sheets_become_tables_under_their_names() -> None:
    book = openpyxl.Workbook()
    book.active.title = "Rents"
    for row in (("who", "rent", "since"), ("Ann", 700, datetime(2026, 3, 3))):
        book.active.append(row)
    book.create_sheet("Empty")
    other = book.create_sheet("Sums")
    other["B2"], other["C2"], other["B3"], other["C3"] = "total", 1350.5, "mean", 675
    reply = read_bytes(saved(book.save), "a.xlsx")
    assert [(element.page, element.kind) for element in reply.elements] == [
        (1, "title"),
        (1, "table"),
        (3, "title"),
        (3, "table"),
    ]
    rents, sums = (element.text for element in reply.elements if element.kind == "table")
    assert rents.split("\n")[0] == "who | rent | since"
    assert rents.split("\n")[1].startswith("Ann | 700 | 2026-03-03")
    assert "total | 1350.5" in sums


def test_a_locked_document_says_so() -> None:
    locked = saved(lambda out: OOXMLFile(io.BytesIO(letter())).encrypt("secret", out))
    reply = read_bytes(locked, "a.docx")
    assert reply.reason == "ENCRYPTED"


def test_pictures_without_text_and_nothing_at_all() -> None:
    document = docx.Document()
    assert read_bytes(saved(document.save), "a.docx").reason == "EMPTY"
    package = Package(io.BytesIO(saved(document.save)))
    parts = {name: package.read(name) for name in package.names}
    assert read_bytes(pack({**parts, "word/media/image1.png": b"x"}), "a.docx").reason == "IMAGE_ONLY"
