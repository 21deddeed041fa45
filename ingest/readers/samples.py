"""One tiny document of each format, made in memory: what `warm()` reads so that nothing is left to import."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping

from PIL import Image, ImageDraw

_TEXT = "The quick brown fox jumps over the lazy dog near the old river bank."
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


def office(main: str, body: str, **parts: str) -> bytes:
    """An Office document of the parts that a reader looks at.

    Args:
        main: the name of its main part.
        body: that part's XML.
        parts: other parts by what they are to it: "styles", "slide"; they have the id of that name.
    """
    schemas = "http://schemas.openxmlformats.org"
    kinds = f"{schemas}/officeDocument/2006/relationships"
    folder, _, name = main.rpartition("/")
    head = f'<Relationships xmlns="{schemas}/package/2006/relationships">'
    links = "".join(
        f'<Relationship Id="{kind}" Type="{kinds}/{kind}" Target="{kind}.xml"/>' for kind in parts
    )
    return pack(
        {
            "[Content_Types].xml": f'<Types xmlns="{schemas}/package/2006/content-types"/>',
            "_rels/.rels": f'{head}<Relationship Id="r" Type="{kinds}/officeDocument" Target="{main}"/>'
            "</Relationships>",
            f"{folder}/_rels/{name}.rels": f"{head}{links}</Relationships>",
            main: body,
            **{f"{folder}/{kind}.xml": content for kind, content in parts.items()},
        }
    )


def _names(**spaces: str) -> str:
    return " ".join(
        f'xmlns:{name}="http://schemas.openxmlformats.org/{space}"' for name, space in spaces.items()
    )


def _word() -> bytes:
    names = _names(w="wordprocessingml/2006/main")
    body = f"<w:p><w:r><w:t>{_TEXT}</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    style = '<w:style w:styleId="a" w:type="paragraph"><w:name w:val="heading 1"/></w:style>'
    return office(
        "word/document.xml",
        f"<w:document {names}><w:body>{body}</w:body></w:document>",
        styles=f"<w:styles {names}>{style}</w:styles>",
    )


def _slides() -> bytes:
    names = _names(
        p="presentationml/2006/main", a="drawingml/2006/main", r="officeDocument/2006/relationships"
    )
    shape = f"<p:sp><p:txBody><a:p><a:r><a:t>{_TEXT}</a:t></a:r></a:p></p:txBody></p:sp>"
    return office(
        "ppt/presentation.xml",
        f'<p:presentation {names}><p:sldIdLst><p:sldId r:id="slide"/></p:sldIdLst></p:presentation>',
        slide=f"<p:sld {names}><p:cSld><p:spTree>{shape}</p:spTree></p:cSld></p:sld>",
    )


def _workbook() -> bytes:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>fox</t></is></c><c r="B{row}"><v>7</v></c></row>'
        for row in (1, 2)
    )
    return office(
        "xl/workbook.xml",
        f'<workbook xmlns="{main}" {_names(r="officeDocument/2006/relationships")}><sheets>'
        '<sheet name="Fox" sheetId="1" r:id="worksheet"/></sheets></workbook>',
        worksheet=f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    )


def _picture(kind: str) -> bytes:
    image = Image.new("RGB", (600, 120), "white")
    ImageDraw.Draw(image).text((20, 30), "quick brown fox", fill="black", font_size=48)
    return _saved(image, kind)


def _saved(document: object, *arguments: str) -> bytes:
    out = io.BytesIO()
    document.save(out, *arguments)  # type: ignore[attr-defined]  # all these libraries save alike
    return out.getvalue()
