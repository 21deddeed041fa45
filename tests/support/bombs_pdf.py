"""Bombs that are PDFs: objects that name each other, streams in streams, pages without number, and drawings
that draw themselves.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

from tests.support.bomb import SCANS, TEXT, Made, bomb, squeezed_zeros

_ENDS = (TEXT, SCANS, "EMPTY", "TRUNCATED", "IMAGE_ONLY", "TOO_LARGE")
_PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << {} >> >>"
_FONT = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
_WORDS = b"BT /F 12 Tf 72 720 Td (words of a letter that is long enough) Tj ET "


def stream(content: bytes, entries: str = "", *, squeeze: bool = True) -> bytes:
    if squeeze:
        content = zlib.compress(content, 6)
        entries += " /Filter /FlateDecode"
    return f"<< /Length {len(content)} {entries} >>\nstream\n".encode() + content + b"\nendstream"


def pdf(objects: Mapping[int, str | bytes] | Sequence[str | bytes], extra: str = "") -> bytes:
    """A file of these objects; the first is its catalog."""
    numbered = objects if isinstance(objects, Mapping) else dict(enumerate(objects, 1))
    parts, offsets, at = [b"%PDF-1.7\n"], {}, 9
    for number, content in numbered.items():
        body = content.encode() if isinstance(content, str) else content
        parts.append(b"%d 0 obj\n" % number + body + b"\nendobj\n")
        offsets[number] = at
        at += len(parts[-1])
    rows = "".join(f"{number} 1\n{offset:010} 00000 n \n" for number, offset in offsets.items())
    tail = (
        f"xref\n{rows}trailer\n<< /Size {max(offsets) + 1} /Root 1 0 R {extra} >>\nstartxref\n{at}\n%%EOF\n"
    )
    return b"".join([*parts, tail.encode()])


def one_page(
    contents: bytes, resources: str = _FONT, more: Mapping[int, str | bytes] | None = None, catalog: str = ""
) -> bytes:
    return pdf(
        {
            1: f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
            2: "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: _PAGE.format(resources),
            4: contents,
            **(more or {}),
        }
    )


@bomb(*_ENDS, slow=True)
def pdf_of_a_million_objects() -> Made:
    objects = b"".join(b"%d 0 obj 1 endobj\n" % n for n in range(5, 1_000_005))
    whole = one_page(stream(_WORDS))
    at = whole.index(b"xref\n")
    return "objects.pdf", whole[:at] + objects + b"%%EOF\n"  # it is searched, for lack of a table


@bomb(*_ENDS)
def pdf_whose_pages_go_round() -> Made:
    return "round.pdf", pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R 2 0 R 3 0 R] /Count 1000000 /Parent 3 0 R >>",
            "<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 1000000 /Parent 2 0 R >>",
        ]
    )


@bomb(*_ENDS)
def pdf_whose_pages_lie_deep() -> Made:
    count = 100_000
    nodes = {
        n: f"<< /Type /Pages /Kids [{n + 1} 0 R] /Count 1 /Parent {n - 1} 0 R >>" for n in range(5, count)
    }
    last = f"<< /Type /Page /Parent {count - 1} 0 R /MediaBox [0 0 612 792] >>"
    return "deep.pdf", pdf({1: "<< /Type /Catalog /Pages 5 0 R >>", **nodes, count: last})


@bomb(*_ENDS)
def pdf_whose_tables_go_round() -> Made:
    whole = one_page(stream(_WORDS))
    at = whole.index(b"xref\n")
    round_ = b"/Root 1 0 R /Prev %d /XRefStm %d" % (at, at)
    return "tables.pdf", whole.replace(b"/Root 1 0 R", round_)


@bomb(*_ENDS)
def pdf_whose_objects_are_in_themselves() -> Made:
    """The stream that holds the objects is one of the objects that it holds; and its length is another."""
    inner = (
        b"1 0 5 33 6 66 " + b"<< /Type /Catalog /Pages 2 0 R >> ".ljust(33) + b"<< /Type /ObjStm >>".ljust(33)
    )
    holder = stream(inner + b"7", "/Type /ObjStm /N 3 /First 14 /Extends 5 0 R")
    holder = holder.replace(b"/Length %d" % len(zlib.compress(inner + b"7", 6)), b"/Length 6 0 R")
    parts, at = [b"%PDF-1.7\n", b"5 0 obj\n" + holder + b"\nendobj\n"], 9
    at += len(parts[1])
    rows = b"".join(
        struct.pack(">BIH", *row) for row in ((0, 0, 0), (2, 5, 0), (2, 5, 1), (2, 5, 2), (2, 5, 0))
    )
    rows += struct.pack(">BIH", 2, 5, 1) + struct.pack(">BIH", 2, 5, 2) + struct.pack(">BIH", 1, at, 0)
    parts.append(b"7 0 obj\n" + stream(rows, f"/Type /XRef /W [1 4 2] /Size 8 /Root 1 0 R /Prev {at}"))
    return "objects.pdf", b"".join([*parts, b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % at])


@bomb(*_ENDS, slow=True)
def pdf_of_filters() -> Made:
    """Zeros that were compressed again and again: kilobytes of terabytes."""
    content = zlib.compress(bytes(64 << 20), 9)
    for _ in range(3):
        content = zlib.compress(content * 100, 9)
    filters = "/Filter [" + "/FlateDecode " * 5 + "/ASCIIHexDecode " * 1_000 + "]"
    return "filters.pdf", one_page(stream(content, filters, squeeze=False))


@bomb(*_ENDS, slow=True)
def pdf_with_a_stream_of_gigabytes() -> Made:
    content = squeezed_zeros(1 << 20, 1_000)
    return "stream.pdf", one_page(stream(content, "/Filter /FlateDecode", squeeze=False))


@bomb(*_ENDS, slow=True)
def pdf_of_many_pages() -> Made:
    count = 100_000
    kids = " ".join(["3 0 R"] * count)
    return "pages.pdf", pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
            _PAGE.format(_FONT),
            stream(_WORDS),
        ]
    )


@bomb(*_ENDS, slow=True)
def pdf_of_many_words() -> Made:
    text = b"BT /F 8 Tf " + b"1 0 0 1 72 700 Tm (words) Tj " * 1_000_000 + b"ET"
    return "words.pdf", one_page(stream(text))


@bomb(*_ENDS, slow=True)
def pdf_of_many_lines() -> Made:
    return "lines.pdf", one_page(
        stream(_WORDS + b"1 1 m 600 700 l 300 20 l S 10 10 50 50 re f\n" * 1_000_000)
    )


@bomb(*_ENDS)
def pdf_of_a_grid() -> Made:
    """A table of a million cells, to whoever looks for tables."""
    lines = b"".join(b"0 %d m 612 %d l S %d 0 m %d 792 l S\n" % (n, n, n, n) for n in range(1, 1_000)) * 5
    return "grid.pdf", one_page(stream(_WORDS + lines))


@bomb(*_ENDS, slow=True)
def pdf_that_draws_itself() -> Made:
    """A form draws the next one twice, sixty times over; and the last draws the first."""
    forms = {
        n: stream(
            b"/X Do /X Do " + (_WORDS if n == 79 else b""),
            "/Type /XObject /Subtype /Form /BBox [0 0 612 792]"
            f" /Resources << {_FONT} /XObject << /X {20 + (n - 19) % 60} 0 R >> >>",
        )
        for n in range(20, 80)
    }
    return "forms.pdf", one_page(stream(b"/X Do"), "/XObject << /X 20 0 R >>", forms)


@bomb(*_ENDS, slow=True)
def pdf_with_letters_that_draw_themselves() -> Made:
    """A font whose letters are drawn with letters of itself."""
    glyph = stream(b"1000 0 d0 BT /F 1 Tf (aaaaaaaaaa) Tj ET")
    font = (
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1000 1000] /FontMatrix [.001 0 0 .001 0 0]"
        " /CharProcs << /a 6 0 R >> /Encoding << /Type /Encoding /Differences [97 /a] >> /FirstChar 97"
        " /LastChar 97 /Widths [1000] /Resources << /Font << /F 5 0 R >> >> >>"
    )
    contents = stream(b"BT /F 12 Tf 72 720 Td " + b"(aaaaaaaaaaaaaaaa) Tj " * 1_000 + b"ET")
    return "letters.pdf", one_page(contents, "/Font << /F 5 0 R >>", {5: font, 6: glyph})


@bomb(*_ENDS, slow=True)
def pdf_with_a_font_in_circles() -> Made:
    """A TrueType font whose only glyph is made of itself, twice."""
    part = struct.pack(">HHbb", 0x0001 | 0x0002 | 0x0020, 0, 0, 0)[:4] + struct.pack(">hh", 0, 0)
    last = struct.pack(">HHhh", 0x0003, 0, 5, 5)
    glyph = struct.pack(">hhhhh", -1, 0, 0, 1000, 1000) + part + last
    glyph += bytes(-len(glyph) % 4)
    tables = {
        b"cmap": struct.pack(">HHHHI", 0, 1, 1, 0, 12) + struct.pack(">HHH", 0, 262, 0) + bytes(256),
        b"glyf": glyph,
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh", 65536, 0, 0, 0x5F0F3CF5, 0, 1000, 0, 0, 0, 0, 1000, 1000, 0, 8, 2, 1, 0
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhhhhhhhH", 65536, 800, -200, 0, 1000, 0, 0, 1000, 1, 0, 0, 0, 0, 0, 0, 0, 1
        ),
        b"hmtx": struct.pack(">Hh", 1000, 0),
        b"loca": struct.pack(">II", 0, len(glyph)),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 65536, 1, 9, 9, 9, 9, 2, 0, 0, 0, 0, 0, 0, 9, 0xFFFF),
    }
    at, directory, body = 12 + 16 * len(tables), b"", b""
    for name, content in sorted(tables.items()):
        directory += name + struct.pack(">III", 0, at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    file = struct.pack(">IHHHH", 65536, len(tables), 64, 2, 48) + directory + body
    font = "<< /Type /Font /Subtype /TrueType /BaseFont /A /FontDescriptor 6 0 R /FirstChar 0 /LastChar 0 >>"
    descriptor = "<< /Type /FontDescriptor /FontName /A /Flags 4 /FontFile2 7 0 R /FontBBox [0 0 1 1] >>"
    contents = stream(b"BT /F 12 Tf 72 720 Td <" + b"0041" * 10_000 + b"> Tj ET")
    more = {5: font, 6: descriptor, 7: stream(file, f"/Length1 {len(file)}")}
    return "font.pdf", one_page(contents, "/Font << /F 5 0 R >>", more)


@bomb(*_ENDS, slow=True)
def pdf_with_a_map_of_all_letters() -> Made:
    ranges = b"100 beginbfrange\n" + b"<0000> <ffff> <0041>\n" * 100 + b"endbfrange\n"
    cmap = b"/CIDInit /ProcSet findresource begin begincmap\n" + ranges * 300 + b"endcmap end"
    font = (
        "<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /ToUnicode 7 0 R /DescendantFonts"
        " [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /CIDSystemInfo << >> >>] >>"
    )
    contents = stream(b"BT /F 12 Tf 72 720 Td <" + b"0041" * 1_000 + b"> Tj ET")
    return "map.pdf", one_page(contents, "/Font << /F 5 0 R >>", {5: font, 7: stream(cmap)})


@bomb(*_ENDS, slow=True)
def pdf_with_a_huge_picture() -> Made:
    entries = "/Type /XObject /Subtype /Image /Width 100000 /Height 100000 /BitsPerComponent 8"
    picture = stream(bytes(1 << 20), f"{entries} /ColorSpace /DeviceRGB")
    return "picture.pdf", one_page(
        stream(b"600 0 0 700 0 0 cm /X Do"), "/XObject << /X 5 0 R >>", {5: picture}
    )


@bomb(*_ENDS, slow=True)
def pdf_with_a_picture_of_bits() -> Made:
    """JBIG2: a page of 2**32 by 2**32 points, whose one region has as many."""
    page = struct.pack(">IBBI", 0, 48, 1, 19) + struct.pack(">IIIIBH", 0xFFFFFFF0, 0xFFFFFFF0, 0, 0, 0, 0)
    region = struct.pack(">IIIIB", 60_000, 60_000, 0, 0, 0) + b"\0" + b"\3\xff\xfd\xff\2\xfe\xfe\xfe"
    segment = struct.pack(">IBBI", 1, 38, 1, len(region) + 500) + region + bytes(500)
    entries = "/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /BitsPerComponent 1"
    picture = stream(page + segment, f"{entries} /ColorSpace /DeviceGray /Filter /JBIG2Decode", squeeze=False)
    return "bits.pdf", one_page(stream(b"600 0 0 700 0 0 cm /X Do"), "/XObject << /X 5 0 R >>", {5: picture})


@bomb(*_ENDS, slow=True)
def pdf_of_a_huge_page() -> Made:
    whole = one_page(stream(b"0 0 m 1 1 l S " + _WORDS[:20]))
    return "page.pdf", whole.replace(b"[0 0 612 792]", b"[0 0 9e9 9e9]")


@bomb(*_ENDS, slow=True)
def pdf_of_many_notes() -> Made:
    note = "<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /Contents (words) /Parent 5 0 R /Popup 5 0 R >>"
    whole = one_page(stream(_WORDS), more={5: note, 6: f"[{'5 0 R ' * 200_000}]"})
    return "notes.pdf", whole.replace(b"/Contents 4 0 R", b"/Contents 4 0 R /Annots 6 0 R", 1)


@bomb(*_ENDS, "CHILDREN")
def pdf_of_trees_that_go_round() -> Made:
    """Outline, form fields, names and structure."""
    catalog = "/Outlines 5 0 R /AcroForm << /Fields [6 0 R 6 0 R] >> /StructTreeRoot 8 0 R"
    catalog += " /Names << /EmbeddedFiles 7 0 R /Dests 7 0 R >>"
    more = {
        5: "<< /Title (words) /First 5 0 R /Last 5 0 R /Next 5 0 R /Prev 5 0 R /Parent 5 0 R /Count 9999 >>",
        6: "<< /T (words) /FT /Tx /V (words) /Kids [6 0 R 6 0 R] /Parent 6 0 R >>",
        7: "<< /Kids [7 0 R 7 0 R] /Limits [(a) (z)] >>",
        8: "<< /Type /StructTreeRoot /K [8 0 R 8 0 R] /P 8 0 R >>",
    }
    return "trees.pdf", one_page(stream(_WORDS), more=more, catalog=catalog)


@bomb(*_ENDS)
def pdf_of_deep_brackets() -> Made:
    deep = "[" * 200_000 + "]" * 200_000
    return "brackets.pdf", one_page(stream(_WORDS), more={5: deep, 6: "<< /A " * 100_000 + ">>" * 100_000})
