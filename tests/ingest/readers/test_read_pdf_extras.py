"""PDFs: forms, notes, attached files, bookmarks, passwords, damaged pages, and very many of them."""

from __future__ import annotations

import io
import time

import pytest

from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply
from policy.limits import Limits
from tests.support.pdf_making import Making, Sheet, making
from tests.support.reading_whole import read_whole

SENTENCE = "The rent for the river house rises in May."


def texts(reply: Reply) -> list[str]:
    return [element.text for element in reply.elements]


def test_what_is_filled_into_a_form() -> None:
    document = Making()
    place = "/Type /Annot /Subtype /Widget /Rect [10 10 90 30]"
    fields = [
        document.add(f"<< {place} /FT /Tx /T (tenant) /TU (Name of the tenant) /V (Ada Miller) >>"),
        document.add(f"<< {place} /FT /Tx /T (empty) >>"),
        document.add(
            f"<< {place} /FT /Btn /T (pets[0]) /V /Yes /AS /Yes /AP << /N << /Yes null /Off null >> >> >>"
        ),
        document.add(f"<< {place} /FT /Ch /Ff 131072 /T (floor) /Opt [(first) (second)] /V (second) >>"),
    ]
    shown = " ".join(f"{number} 0 R" for number in fields)
    sheet = Sheet(entries=f"/Annots [{shown}]").text(72, 720, SENTENCE)
    reply = read_whole(document.write([sheet], catalog=f"/AcroForm << /Fields [{shown}] >>"), "a.pdf")
    assert reply.elements[0].text == SENTENCE
    assert reply.elements[1].rows == [
        ["Name of the tenant", "Ada Miller"],
        ["pets", "Yes"],
        ["floor", "second"],
    ]


def test_what_people_wrote_on_a_page() -> None:
    notes = (
        "/Annots [<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /Contents (call the landlord) >>"
        " << /Type /Annot /Subtype /FreeText /Rect [0 0 9 9] /Contents (too much) >>"
        " << /Type /Annot /Subtype /Link /Rect [0 0 9 9] /Contents (not said) >>]"
    )
    reply = read_whole(making(Sheet(entries=notes).text(72, 720, SENTENCE)), "a.pdf")
    assert texts(reply) == [SENTENCE, "call the landlord", "too much"]


def test_attached_files_are_children() -> None:
    document = Making()
    inside = document.stream(b"Heating is not included.", "/Type /EmbeddedFile")
    file = document.add(f"<< /Type /Filespec /F (rent.txt) /UF (rent.txt) /EF << /F {inside} 0 R >> >>")
    pinned = document.add(f"<< /Type /Filespec /F (pinned.txt) /UF (pinned.txt) /EF << /F {inside} 0 R >> >>")
    pin = f"<< /Type /Annot /Subtype /FileAttachment /Rect [0 0 9 9] /FS {pinned} 0 R >>"
    sheet = Sheet(entries=f"/Annots [{pin}]")
    sheet.text(72, 720, SENTENCE)
    content = document.write([sheet], catalog=f"/Names << /EmbeddedFiles << /Names [(rent) {file} 0 R] >> >>")
    children = io.BytesIO()
    reply = read(io.BytesIO(content), Job(name="a.pdf"), children)
    assert sorted(child.name for child in reply.children) == ["pinned.txt", "rent.txt"]
    assert children.getvalue() == 2 * b"Heating is not included."


def test_a_bookmarked_line_is_a_heading() -> None:
    document = Making()
    mark = document.add("<< /Title (On the rent) >>")
    sheet = Sheet().text(72, 720, "On the rent").lines(72, 690, [SENTENCE, "It is payable on the first day."])
    content = document.write([sheet], catalog=f"/Outlines << /First {mark} 0 R /Last {mark} 0 R >>")
    [heading, _] = read_whole(content, "a.pdf").elements
    assert (heading.kind, heading.text, heading.level) == ("title", "On the rent", 1)


def test_bookmarks_that_run_in_a_circle_end() -> None:
    document = Making()
    mark = document.add("<< /Title (Round) /Next 3 0 R /First 3 0 R >>")
    content = document.write([Sheet().text(72, 720, SENTENCE)], catalog=f"/Outlines << /First {mark} 0 R >>")
    assert texts(read_whole(content, "a.pdf")) == [SENTENCE]


def test_a_form_of_the_other_kind() -> None:
    document = Making()
    template = document.stream(b"<template><draw><text>Name of the tenant</text></draw></template>")
    data = document.stream(b"<datasets><data><tenant>Ada Miller</tenant></data></datasets>")
    sheet = Sheet().text(72, 720, "Please wait... Open this form in Adobe Reader.")
    form = f"/AcroForm << /Fields [] /XFA [(template) {template} 0 R (datasets) {data} 0 R] >>"
    reply = read_whole(document.write([sheet], catalog=form), "a.pdf")
    assert texts(reply) == ["Name of the tenant", "tenant: Ada Miller"]


def test_what_a_document_says_of_itself() -> None:
    info = "/Title (The river house) /Author (Ada Miller) /CreationDate (D:20260303101500+01'00')"
    reply = read_whole(Making().write([Sheet().text(72, 720, SENTENCE)], info=info), "a.pdf")
    assert (reply.title, reply.author, reply.created_at) == ("The river house", "Ada Miller", 1772529300.0)


@pytest.mark.parametrize(
    ("password", "given", "reason"),
    [
        ("oak and ash", None, "NEEDS_PASSWORD"),
        ("oak and ash", "wrong", "NEEDS_PASSWORD"),
        ("oak and ash", "oak and ash", None),
        ("", None, None),
    ],
)
def test_a_locked_document_opens_with_its_password(
    password: str, given: str | None, reason: str | None
) -> None:
    content = Making().write([Sheet().text(72, 720, SENTENCE)], password=password)
    reply = read_whole(content, "a.pdf", password=given)
    assert reply.reason == reason
    assert texts(reply) == ([] if reason else [SENTENCE])


def test_a_lock_that_no_password_opens() -> None:
    content = Making().write([Sheet().text(72, 720, SENTENCE)], password="x")
    assert read_whole(content.replace(b"/Standard", b"/Strangers"), "a.pdf").reason == "ENCRYPTED"


def test_a_damaged_page_is_named() -> None:
    content = making(*(Sheet().text(72, 720, SENTENCE) for _ in range(3)))
    kids = content.index(b"/Kids [") + len(b"/Kids [")
    first = content[kids : content.index(b" 0 R", kids)]
    broken = content.replace(b"/Kids [" + first, b"/Kids [" + b"9" * len(first), 1)
    reply = read_whole(broken, "a.pdf")
    assert reply.partial == "page 1 could not be read"
    assert [element.page for element in reply.elements] == [2, 3]


def test_a_page_of_many_shapes_costs_no_more_than_its_text() -> None:
    sheet = Sheet().text(72, 720, SENTENCE)
    sheet.content += [f"{n % 600} {n % 700} 3 3 re S" for n in range(60_000)]
    start = time.process_time()
    reply = read(io.BytesIO(making(sheet)), Job(name="a.pdf"), io.BytesIO())
    assert (texts(reply), reply.scans) == ([SENTENCE], [])
    assert time.process_time() - start < 10


@pytest.mark.parametrize("pages", [60, pytest.param(1000, marks=pytest.mark.nightly)])
def test_a_long_document_is_read_page_by_page(pages: int) -> None:
    lines = [f"Line {n} of a page that is full of words about rent, rivers and houses." for n in range(50)]
    content = making(*(Sheet().lines(72, 740, lines) for _ in range(pages)))
    told: list[tuple[int, int | None]] = []
    reply = read(
        io.BytesIO(content),
        Job(name="a.pdf"),
        io.BytesIO(),
        Limits(),
        lambda done, of: told.append((done, of)),
    )
    assert reply.partial is None
    assert {element.page for element in reply.elements} == set(range(1, pages + 1))
    assert told[0] == (1, pages)
