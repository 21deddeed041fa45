"""One tiny document of each format, made in memory: what `warm()` reads so that nothing is left to import."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from importlib import import_module

from PIL import Image, ImageDraw

_TEXT = "The quick brown fox jumps over the lazy dog near the old river bank."
_PACKAGE = "application/vnd.openxmlformats-package"
_ODF = "urn:oasis:names:tc:opendocument:xmlns:"


def documents() -> Iterator[tuple[str, bytes]]:
    """(file name, bytes) of each sample."""
    yield "a.txt", _TEXT.encode()
    yield "b.txt", "Zażółć gęślą jaźń, а также привет".encode("cp1251", "ignore")
    yield "a.eml", f"From: a@b.example\nSubject: =?utf-8?q?x?=\nMessage-ID: <1@b>\n\n{_TEXT}\n".encode()
    yield "a.html", f"<html><body><h1>Fox</h1><p>{_TEXT}</p></body></html>".encode()
    yield "a.xml", f"<?xml version='1.0'?><a><b>{_TEXT}</b></a>".encode()
    yield "a.json", b'{"fox": "quick"}'
    yield "a.csv", b"a,b\n1,2\n"
    yield "a.md", f"# Fox\n\n{_TEXT}\n".encode()
    yield "a.rtf", b"{\\rtf1\\ansi " + _TEXT.encode() + b"\\par}"
    yield "a.docx", _word()
    yield "a.pptx", _slides()
    yield "a.xlsx", _workbook()
    yield "a.odt", opendocument(f"<text:p>{_TEXT}</text:p>")
    yield "a.pdf", pdf([_TEXT])
    yield "a.png", _picture("PNG")
    yield "a.jpg", _picture("JPEG")
    yield "a.tif", _picture("TIFF")


def pack(members: Mapping[str, str | bytes]) -> bytes:
    """A zip of these members, in this order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, content in members.items():
            package.writestr(name, content)
    return out.getvalue()


def opendocument(body: str, kind: str = "text") -> bytes:
    """An OpenDocument file around the content of its body."""
    names = " ".join(f'xmlns:{name}="{_ODF}{name}:1.0"' for name in ("office", "text", "table", "drawing"))
    content = (
        f"<office:document-content {names}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
        "</office:document-content>"
    )
    return pack({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content})


def pdf(pages: list[str]) -> bytes:
    """A PDF with one line of Latin text on each page; an empty string makes a blank page."""
    count = len(pages)
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(count))
    font = "<< /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    bodies = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {count} >>"]
    for number, text in enumerate(pages):
        shown = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        stream = f"BT /F 12 Tf 72 720 Td ({shown}) Tj ET" if text else ""
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {font}"
            f" /Contents {4 + 2 * number} 0 R >>"
        )
        bodies.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(bodies) + 1
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    return out + f"{tail}startxref\n{len(out)}\n%%EOF\n".encode()


def _word() -> bytes:
    document = import_module("docx").Document()
    document.add_heading("Fox", 1)
    document.add_paragraph(_TEXT)
    document.add_paragraph("red", style="List Bullet")
    document.add_table(2, 2).cell(0, 0).text = "fox"
    return _saved(document)


def _slides() -> bytes:
    show = import_module("pptx").Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Fox"
    slide.placeholders[1].text = _TEXT
    slide.notes_slide.notes_text_frame.text = "red"
    return _saved(show)


def _workbook() -> bytes:
    """Written by hand: openpyxl would put its sheets into temporary files, and nothing here may write one."""
    schemas = "http://schemas.openxmlformats.org"
    relations = f"{schemas}/officeDocument/2006/relationships"
    sheet = f"{schemas}/spreadsheetml/2006/main"
    links = (
        f'<Relationships xmlns="{schemas}/package/2006/relationships"><Relationship Id="r" Type="{relations}'
    )
    cells = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>fox</t></is></c><c r="B{row}"><v>7</v></c></row>'
        for row in (1, 2)
    )
    part = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return pack(
        {
            "[Content_Types].xml": f'<Types xmlns="{schemas}/package/2006/content-types">'
            f'<Default Extension="rels" ContentType="{_PACKAGE}.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{part}.sheet.main+xml"/>'
            f'<Override PartName="/xl/s.xml" ContentType="{part}.worksheet+xml"/></Types>',
            "_rels/.rels": f'{links}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/_rels/workbook.xml.rels": f'{links}/worksheet" Target="s.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{sheet}" xmlns:r="{relations}"><sheets>'
            '<sheet name="Fox" sheetId="1" r:id="r"/></sheets></workbook>',
            "xl/s.xml": f'<worksheet xmlns="{sheet}"><sheetData>{cells}</sheetData></worksheet>',
        }
    )


def _picture(kind: str) -> bytes:
    image = Image.new("RGB", (600, 120), "white")
    ImageDraw.Draw(image).text((20, 30), "quick brown fox", fill="black", font_size=48)
    return _saved(image, kind)


def _saved(document: object, *arguments: str) -> bytes:
    out = io.BytesIO()
    document.save(out, *arguments)  # type: ignore[attr-defined]  # all these libraries save alike
    return out.getvalue()
