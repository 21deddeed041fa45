"""Renders blocks into the formats that are ZIP archives: docx, pptx, xlsx, odt, epub.

The first three come from python-docx, python-pptx and openpyxl, so they look as real programs write them;
every archive is packed again with one fixed date, so that the same source always gives the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from html import escape

import docx as python_docx
import openpyxl
import pptx as python_pptx
from docx.enum.text import WD_BREAK
from pptx.util import Inches

from tests.support.office.markup import Block, pages
from tests.support.office.plain import html_body

_WRITTEN = datetime(2026, 7, 3, 12, 0, 0)
_AUTHOR = "Orchard Lighting"


def pack(files: Mapping[str, bytes], *, stored_first: bool = False) -> bytes:
    """A ZIP of the files in order; `stored_first` leaves the first one uncompressed (odt, epub: mimetype)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, (name, content) in enumerate(files.items()):
            info = zipfile.ZipInfo(name, _WRITTEN.timetuple()[:6])
            info.external_attr = 0o644 << 16
            plain = stored_first and number == 0
            info.compress_type = zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED
            archive.writestr(info, content, compresslevel=None if plain else 9)
    return out.getvalue()


def _repack(raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return pack({info.filename: archive.read(info) for info in archive.infolist()})


def docx(title: str, blocks: list[Block], language: str) -> bytes:
    """A letter or report."""
    document = python_docx.Document()
    document.core_properties.title = title
    document.core_properties.author = _AUTHOR
    document.core_properties.created = document.core_properties.modified = _WRITTEN
    for block in blocks:
        if block.kind == "heading":
            document.add_heading(block.text, block.level)
        elif block.kind == "item":
            document.add_paragraph(block.text, style="List Bullet")
        elif block.kind == "page":
            document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        elif block.kind == "paragraph":
            document.add_paragraph(block.text)
        else:
            table = document.add_table(rows=0, cols=len(block.rows[0]), style="Table Grid")
            for row in block.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
    document.sections[0].footer.paragraphs[0].text = title
    out = io.BytesIO()
    document.save(out)
    return _repack(out.getvalue())


def pptx(title: str, blocks: list[Block], language: str) -> bytes:
    """One slide a page: its heading is the title, the rest goes into the body or a table."""
    deck = python_pptx.Presentation()
    deck.core_properties.title = title
    deck.core_properties.author = _AUTHOR
    deck.core_properties.created = deck.core_properties.modified = _WRITTEN
    for page in pages(blocks):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = page[0].text
        body = slide.placeholders[1].text_frame
        texts = [block.text for block in page[1:] if block.kind in ("item", "paragraph")]
        body.text = "\n".join(texts)
        for block in page:
            if block.kind == "table":
                shape = slide.shapes.add_table(
                    len(block.rows), len(block.rows[0]), Inches(1), Inches(4), Inches(8), Inches(2)
                )
                for at, row in enumerate(block.rows):
                    for to, text in enumerate(row):
                        shape.table.cell(at, to).text = text
    out = io.BytesIO()
    deck.save(out)
    return _repack(out.getvalue())


def xlsx(title: str, blocks: list[Block], language: str) -> bytes:
    """One sheet a page, named by its heading; amounts become numbers."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for page in pages(blocks):
        name = next((block.text for block in page if block.kind == "heading"), title)
        sheet = book.create_sheet(name[:31])
        for block in page:
            if block.kind == "table":
                for row in block.rows:
                    sheet.append([_number(cell) for cell in row])
            elif block.kind != "heading":
                sheet.append([block.text])
    book.properties.title = title
    book.properties.creator = _AUTHOR
    book.properties.created = book.properties.modified = _WRITTEN
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    stamp = b"</dcterms:modified>"
    core = files["docProps/core.xml"]
    end = core.index(stamp)
    start = core.rindex(b">", 0, end) + 1
    files["docProps/core.xml"] = core[:start] + _WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode() + core[end:]
    return pack(files)


def _number(cell: str) -> str | float | int:
    try:
        return int(cell)
    except ValueError:
        try:
            return float(cell)
        except ValueError:
            return cell


_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_ODT_NAMES = " ".join(f'xmlns:{name}="{_OASIS}:{name}:1.0"' for name in ("office", "text", "table"))
_DUBLIN_CORE = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'


def odt(title: str, blocks: list[Block], language: str) -> bytes:
    """OpenDocument text, the smallest that every reader takes."""
    kind = "application/vnd.oasis.opendocument.text"
    listed = (("/", kind), ("content.xml", "text/xml"), ("meta.xml", "text/xml"))
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{media}"/>'
        for path, media in listed
    )
    files = {
        "mimetype": kind,
        "content.xml": f'{_XML}<office:document-content office:version="1.3" {_ODT_NAMES}>'
        "<office:body><office:text>\n"
        + "\n".join(_odt(block) for block in blocks)
        + "\n</office:text></office:body></office:document-content>\n",
        "meta.xml": f'{_XML}<office:document-meta office:version="1.3" {_ODT_NAMES} {_DUBLIN_CORE}>'
        f"<office:meta><dc:title>{escape(title)}</dc:title><dc:creator>{_AUTHOR}</dc:creator>"
        f"<dc:language>{language}</dc:language></office:meta></office:document-meta>",
        "META-INF/manifest.xml": f'{_XML}<manifest:manifest manifest:version="1.3" '
        f'xmlns:manifest="{_OASIS}:manifest:1.0">{entries}</manifest:manifest>',
    }
    return pack({name: text.encode() for name, text in files.items()}, stored_first=True)


def _odt(block: Block) -> str:
    text = escape(block.text, quote=False).replace("\n", "<text:line-break/>")
    if block.kind == "heading":
        return f'<text:h text:outline-level="{block.level}">{text}</text:h>'
    if block.kind == "item":
        return f"<text:list><text:list-item><text:p>{text}</text:p></text:list-item></text:list>"
    if block.kind == "table":
        rows = "".join(
            f"<table:table-row>{''.join(map(_odt_cell, row))}</table:table-row>" for row in block.rows
        )
        columns = f'<table:table-column table:number-columns-repeated="{len(block.rows[0])}"/>'
        return f'<table:table table:name="Table">{columns}{rows}</table:table>'
    return f"<text:p>{text}</text:p>"


def _odt_cell(cell: str) -> str:
    paragraph = f"<text:p>{escape(cell)}</text:p>"
    return f'<table:table-cell office:value-type="string">{paragraph}</table:table-cell>'


def epub(title: str, blocks: list[Block], language: str) -> bytes:
    """EPUB 3 with one chapter a page."""
    chapters = {f"chapter{n}.xhtml": _chapter(title, page) for n, page in enumerate(pages(blocks), start=1)}
    links = "".join(f'<li><a href="{name}">{n}</a></li>' for n, name in enumerate(chapters, start=1))
    nav = (
        f'{_XML}<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f"<head><title>{escape(title)}</title></head>"
        f'<body><nav epub:type="toc"><ol>{links}</ol></nav></body></html>'
    )
    container = (
        f'{_XML}<container version="1.0" xmlns="{_OASIS}:container"><rootfiles>'
        '<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>"
    )
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "book/package.opf": _package(title, list(chapters), language),
        "book/nav.xhtml": nav,
        **{f"book/{name}": text for name, text in chapters.items()},
    }
    return pack({name: text.encode() for name, text in files.items()}, stored_first=True)


def _package(title: str, chapters: list[str], language: str) -> str:
    page = 'media-type="application/xhtml+xml"'
    items = "".join(f'<item id="c{n}" href="{name}" {page}/>' for n, name in enumerate(chapters))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    return (
        f'{_XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
        f'<metadata {_DUBLIN_CORE}><dc:identifier id="id">urn:orchard:{escape(title)}</dc:identifier>'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>{_AUTHOR}</dc:creator>"
        f"<dc:language>{language}</dc:language>"
        f'<meta property="dcterms:modified">{_WRITTEN:%Y-%m-%dT%H:%M:%SZ}</meta></metadata><manifest>'
        f'<item id="nav" href="nav.xhtml" {page} properties="nav"/>{items}</manifest>'
        f"<spine>{spine}</spine></package>"
    )


def _chapter(title: str, page: list[Block]) -> str:
    body = html_body(page).replace("<br>", "<br/>")
    return (
        f'{_XML}<html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title>{escape(title)}</title></head><body>\n{body}\n</body></html>"
    )
