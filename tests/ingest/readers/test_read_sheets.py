"""Spreadsheets, of Excel and of OpenDocument: every sheet, as its tables show it."""

from __future__ import annotations

import io
import struct
from datetime import datetime

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.worksheet.table import Table

from ingest.readers.package import Package
from ingest.readers.samples import office, opendocument, pack
from ingest.readers.sheets_formats import shown
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply

SPANNED, REPEATED = 'table:number-columns-spanned="2"', 'table:number-columns-repeated="2"'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def saved(book: openpyxl.Workbook) -> Reply:
    out = io.BytesIO()
    book.save(out)
    return read(out, Job(name="a.xlsx"), io.BytesIO())


def sheet(rows: str, rest: str = "") -> bytes:
    names = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    return office(
        "xl/workbook.xml",
        f'<workbook xmlns="{MAIN}" {names}><sheets><sheet name="S" r:id="worksheet"/></sheets></workbook>',
        worksheet=f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{rest}</worksheet>',
    )


def said(reply: Reply) -> list[tuple[int | None, str, object]]:
    return [
        (element.page, element.kind, element.rows if element.rows is not None else element.text)
        for element in reply.elements
    ]


def test_tables_stand_under_the_name_of_their_sheet() -> None:
    book = openpyxl.Workbook()
    book.active.title = "Rents"
    book.active.append(("who", "rent", "since", "share", "open"))
    book.active.append(("Ann", 700, datetime(2026, 3, 3), 0.125, True))
    book.active["D2"].number_format, book.active["B2"].number_format = "0.0%", "#,##0 [$€-407]"
    book.create_sheet("Empty")
    hidden = book.create_sheet("Sums")
    hidden.sheet_state = "hidden"
    hidden["B2"], hidden["C2"], hidden["B3"], hidden["C3"] = "total", 1350.5, "mean", "=C2/2"
    hidden["B5"] = "A note by itself"
    reply = saved(book)
    assert reply.pages == 3
    assert said(reply) == [
        (1, "title", "Rents"),
        (
            1,
            "table",
            [
                ["who", "rent", "since", "share", "open"],
                ["Ann", "700 €", "2026-03-03 00:00", "12.5%", "TRUE"],
            ],
        ),
        (3, "title", "Sums"),
        (3, "table", [["total", "1350.5"], ["mean", "=C2/2"]]),
        (3, "paragraph", "A note by itself"),
    ]
    assert [element.header_rows for element in reply.elements if element.rows] == [1, 0]


def test_titles_merged_cells_comments_and_charts() -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.append(("Rents of the year", None, None))
    page.append(("who", "paid", None))
    page.append(("Ann", "May", 700))
    page.append((None, "June", 710))
    page.merge_cells("A1:C1")
    page.merge_cells("B2:C2")
    page.merge_cells("A3:A4")
    page["C4"].comment = Comment("ten more", "Ben")
    chart = BarChart()
    chart.title = "Paid"
    chart.add_data(Reference(page, min_col=3, min_row=3, max_row=4))
    page.add_chart(chart, "E2")
    assert said(saved(book))[1:] == [
        (1, "paragraph", "Rents of the year"),
        (1, "table", [["who", "paid", "paid"], ["Ann", "May", "700"], ["Ann", "June", "710"]]),
        (1, "caption", "Bar chart: Paid"),
        (1, "paragraph", "C4: ten more"),
    ]


def test_a_defined_table_has_its_head_and_side_by_side_tables_are_apart() -> None:
    book = openpyxl.Workbook()
    page = book.active
    for row in (("a", 1), ("b", 2), ("c", 3), ("d", 4)):
        page.append(row)
    page["D2"], page["E2"], page["D3"], page["E3"] = "x", "y", "1", "2"
    page.add_table(Table(displayName="T", ref="D2:E3"))
    tables = [element for element in saved(book).elements if element.rows]
    assert [table.rows for table in tables] == [
        [["a", "1"]],
        [["b", "2"], ["c", "3"], ["d", "4"]],
        [["x", "y"], ["1", "2"]],
    ]
    assert [table.header_rows for table in tables][2] == 1


@pytest.mark.parametrize(
    ("raw", "code", "expected"),
    [
        ("45000.5", "yyyy-mm-dd hh:mm", "2023-03-15 12:00"),
        ("45000", "d. mmmm yyyy", "2023-03-15"),
        ("0.25", "h:mm", "06:00"),
        ("1.5", "[h]:mm", "36:00:00"),
        ("0.30000000000000004", "", "0.3"),
        ("0.1", "0%", "10%"),
        ("1200", '"$"#,##0.00', "1200 $"),
        ("12", '0 "days"', "12"),
        ("-3", "General;[Red]-General", "-3"),
        ("1E+300", "yyyy", "1e+300"),
        ("no number", "yyyy", "no number"),
    ],
)
def test_values_are_shown_by_their_formats(raw: str, code: str, expected: str) -> None:
    assert shown(raw, code) == expected


def test_a_sheet_that_claims_to_be_endless_is_read_at_once() -> None:
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>first</t></is></c></row>'
    rows += '<row r="1048576"><c r="XFD1048576"><v>7</v></c><c r="ZZZ1"><v>8</v></c></row>'
    merged = '<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    reply = read(io.BytesIO(sheet(rows, merged)), Job(name="a.xlsx"), io.BytesIO())
    assert said(reply) == [(1, "title", "S"), (1, "paragraph", "first"), (1, "paragraph", "7")]


def test_long_sheets_are_cut_into_tables() -> None:
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>1</v></c></row>' for n in range(1, 2501)
    )
    reply = read(io.BytesIO(sheet(rows)), Job(name="a.xlsx"), io.BytesIO())
    assert [len(element.rows) for element in reply.elements if element.rows] == [1000, 1000, 500]


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def test_a_workbook_of_excel_2() -> None:
    book = record(9, struct.pack("<HH", 7, 16))
    for row, name in enumerate((b"who", b"Ann")):
        book += record(4, struct.pack("<HH", row, 0) + bytes(3) + bytes([len(name)]) + name)
        book += record(2, struct.pack("<HH", row, 1) + bytes(3) + struct.pack("<H", 700 + row))
    reply = read(io.BytesIO(book + record(10, b"")), Job(name="a.xls"), io.BytesIO())
    assert [element.rows for element in reply.elements if element.rows] == [[["who", "700"], ["Ann", "701"]]]


def ods_cell(text: str, attributes: str = "", rest: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p>{rest}</table:table-cell>"


def test_sheets_of_opendocument() -> None:
    note = "<office:annotation><text:p>really?</text:p></office:annotation>"
    body = (
        '<table:table table:name="Rents"><table:table-row>'
        f"{ods_cell('who')}{ods_cell('paid', SPANNED)}<table:covered-table-cell/>"
        f"</table:table-row><table:table-row>{ods_cell('Ann')}{ods_cell('May')}{ods_cell('700', rest=note)}"
        '</table:table-row><table:table-row table:number-rows-repeated="1048000"><table:table-cell'
        ' table:number-columns-repeated="16384"/></table:table-row></table:table>'
        f'<table:table table:name="Two"><table:table-row table:number-rows-repeated="3">'
        f"{ods_cell('x', REPEATED)}</table:table-row></table:table>"
    )
    reply = read(io.BytesIO(opendocument(body, "spreadsheet")), Job(name="a.ods"), io.BytesIO())
    assert reply.pages == 2
    assert said(reply) == [
        (1, "title", "Rents"),
        (1, "table", [["who", "paid", "paid"], ["Ann", "May", "700"]]),
        (1, "paragraph", "C2: really?"),
        (2, "title", "Two"),
        (2, "table", [["x", "x"], ["x", "x"], ["x", "x"]]),
    ]


def test_a_missing_sheet_and_a_damaged_part_are_named() -> None:
    package = Package(io.BytesIO(sheet("<row><c><v>1</v></c></row>")))
    parts = {name: package.read(name) for name in package.names}
    gone = {name: content for name, content in parts.items() if name != "xl/worksheet.xml"}
    nothing = read(io.BytesIO(pack(gone)), Job(name="a.xlsx"), io.BytesIO())
    assert nothing.reason == "TRUNCATED"
    assert nothing.detail == "nothing of it could be read: a sheet is missing"
    bad = parts | {"docProps/core.xml": b"<broken"}
    reply = read(io.BytesIO(pack(bad)), Job(name="a.xlsx"), io.BytesIO())
    assert reply.partial == "a part of it is damaged"
    assert reply.elements[1].text == "1"
