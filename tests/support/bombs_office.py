"""Bombs that are office documents and books: trees, sheets and lists that are larger than their files."""

from __future__ import annotations

from tests.support.bomb import SCANS, TEXT, Made, bomb
from tests.support.bombs_archives import packed

_ENDS = (TEXT, SCANS, "EMPTY", "TRUNCATED", "TOO_LARGE", "UNSUPPORTED")
_SCHEMAS = "http://schemas.openxmlformats.org"
_OFFICE = f"{_SCHEMAS}/officeDocument/2006/relationships"
_TYPES = f"{_SCHEMAS}/package/2006"
_W = f'xmlns:w="{_SCHEMAS}/wordprocessingml/2006/main"'
_S = f'xmlns="{_SCHEMAS}/spreadsheetml/2006/main" xmlns:r="{_OFFICE}"'
_P = f'xmlns:p="{_SCHEMAS}/presentationml/2006/main" xmlns:a="{_SCHEMAS}/drawingml/2006/main"'
_P += f' xmlns:r="{_OFFICE}"'
_PART = "application/vnd.openxmlformats-officedocument."


def _package(main: str, kind: str, parts: dict[str, tuple[str, str]], links: dict[str, str]) -> bytes:
    """A package: of each part its type and content; `links` are what the main part names, by their type."""
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{_PART}{type_}+xml"/>'
        for name, (type_, _) in parts.items()
    )
    folder, _, name = main.rpartition("/")
    relation = '<Relationship Id="{}" Type="{}" Target="{}"/>'
    named = "".join(
        relation.format(f"r{n}", f"{_OFFICE}/{type_}", to) for n, (to, type_) in enumerate(links.items())
    )
    relations = f'<Relationships xmlns="{_TYPES}/relationships">'
    members = {
        "[Content_Types].xml": f'<Types xmlns="{_TYPES}/content-types"><Default Extension="rels"'
        f' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{overrides}</Types>',
        "_rels/.rels": relations
        + relation.format("r", f"{_OFFICE}/officeDocument", main)
        + "</Relationships>",
        f"{folder}/_rels/{name}.rels": f"{relations}{named}</Relationships>",
        **{name: content for name, (_, content) in parts.items()},
    }
    return packed((name, content.encode()) for name, content in members.items())


def word(body: str, styles: str = "", numbering: str = "") -> bytes:
    kind = "wordprocessingml"
    parts = {
        "word/document.xml": (
            f"{kind}.document.main",
            f"<w:document {_W}><w:body>{body}</w:body></w:document>",
        ),
        "word/styles.xml": (f"{kind}.styles", f"<w:styles {_W}>{styles}</w:styles>"),
        "word/numbering.xml": (f"{kind}.numbering", f"<w:numbering {_W}>{numbering}</w:numbering>"),
    }
    return _package("word/document.xml", kind, parts, {"styles.xml": "styles", "numbering.xml": "numbering"})


def workbook(sheet: str, strings: str = "") -> bytes:
    kind = "spreadsheetml"
    book = f'<workbook {_S}><sheets><sheet name="A" sheetId="1" r:id="r0"/></sheets></workbook>'
    parts = {
        "xl/workbook.xml": (f"{kind}.sheet.main", book),
        "xl/sheet.xml": (f"{kind}.worksheet", f"<worksheet {_S}>{sheet}</worksheet>"),
        "xl/strings.xml": (f"{kind}.sharedStrings", f"<sst {_S}>{strings}</sst>"),
    }
    return _package(
        "xl/workbook.xml", kind, parts, {"sheet.xml": "worksheet", "strings.xml": "sharedStrings"}
    )


def slides(tree: str) -> bytes:
    kind = "presentationml"
    show = f'<p:presentation {_P}><p:sldIdLst><p:sldId id="256" r:id="r0"/></p:sldIdLst></p:presentation>'
    slide = f"<p:sld {_P}><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:sld>"
    parts = {
        "ppt/presentation.xml": (f"{kind}.presentation.main", show),
        "ppt/slide.xml": (f"{kind}.slide", slide),
    }
    return _package("ppt/presentation.xml", kind, parts, {"slide.xml": "slide"})


def _paragraph(text: str = "words", properties: str = "") -> str:
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


@bomb(*_ENDS)
def word_of_tables_in_tables() -> Made:
    opened, closed = "<w:tbl><w:tr><w:tc>" * 3_000, f"{_paragraph()}</w:tc></w:tr></w:tbl>" * 3_000
    return "tables.docx", word(_paragraph() + opened + _paragraph() + closed)


@bomb(*_ENDS, slow=True)
def word_of_a_huge_table() -> Made:
    cell = f'<w:tc><w:tcPr><w:gridSpan w:val="1000000000"/><w:vMerge/></w:tcPr>{_paragraph("a")}</w:tc>'
    return "table.docx", word(f"<w:tbl>{f'<w:tr>{cell * 60}</w:tr>' * 2_000}</w:tbl>")


@bomb(*_ENDS, "TIMEOUT", "TOO_LARGE", slow=True)
def word_of_a_million_runs() -> Made:
    run = "<w:r><w:rPr><w:b/></w:rPr><w:t>a </w:t></w:r>"
    return "runs.docx", word(f"<w:p>{run * 1_000_000}</w:p>")


@bomb(*_ENDS, slow=True)
def word_of_many_paragraphs() -> Made:
    return "paragraphs.docx", word(_paragraph("a") * 1_000_000)


@bomb(*_ENDS, slow=True)
def word_whose_styles_go_round() -> Made:
    """Each style is based on another, and so on; each paragraph has one; and so have the lists."""
    style = (
        '<w:style w:type="paragraph" w:styleId="s{}"><w:name w:val="{}"/><w:basedOn w:val="s{}"/></w:style>'
    )
    styles = "".join(style.format(n, n, (n + 1) % 2_000) for n in range(2_000))
    numbering = "".join(
        f'<w:abstractNum w:abstractNumId="{n}"><w:numStyleLink w:val="s{n}"/></w:abstractNum>'
        for n in range(500)
    )
    numbering += "".join(f'<w:num w:numId="{n}"><w:abstractNumId w:val="{n}"/></w:num>' for n in range(500))
    paragraphs = "".join(
        _paragraph(
            properties=f'<w:pPr><w:pStyle w:val="s{n % 2_000}"/><w:numPr><w:ilvl w:val="8"/>'
            f'<w:numId w:val="{n % 500}"/></w:numPr></w:pPr>'
        )
        for n in range(20_000)
    )
    return "styles.docx", word(paragraphs, styles, numbering)


@bomb(*_ENDS)
def word_of_controls_in_controls() -> Made:
    opened, closed = (
        "<w:sdt><w:sdtContent><w:ins><w:smartTag>",
        "</w:smartTag></w:ins></w:sdtContent></w:sdt>",
    )
    return "controls.docx", word(opened * 20_000 + _paragraph() + closed * 20_000)


@bomb(*_ENDS)
def word_of_large_numbers() -> Made:
    """Lists that are counted in Roman numbers and letters, from numbers that are long in both."""
    level = '<w:lvl w:ilvl="0"><w:start w:val="2000000000"/><w:numFmt w:val="{}"/>'
    level += '<w:lvlText w:val="%1."/></w:lvl>'
    kinds = ("lowerRoman", "upperLetter", "decimal")
    numbering = "".join(
        f'<w:abstractNum w:abstractNumId="{n}">{level.format(kind)}</w:abstractNum>'
        f'<w:num w:numId="{n}"><w:abstractNumId w:val="{n}"/></w:num>'
        for n, kind in enumerate(kinds, 1)
    )
    paragraphs = "".join(
        _paragraph(properties=f'<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="{n}"/></w:numPr></w:pPr>')
        * 200
        for n in range(1, 4)
    )
    return "numbers.docx", word(paragraphs, numbering=numbering)


@bomb(*_ENDS)
def sheet_of_all_cells() -> Made:
    """It has 17 billion cells, it says; one at each end is written, and all of them are merged."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    merged = '<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    return "cells.xlsx", workbook(f'<dimension ref="A1:XFD1048576"/><sheetData>{cells}</sheetData>{merged}')


@bomb(*_ENDS, slow=True)
def sheet_of_far_cells() -> Made:
    rows = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 50_000))
    return "far.xlsx", workbook(f"<sheetData>{rows}</sheetData>")


@bomb(*_ENDS, slow=True)
def sheet_of_one_long_string() -> Made:
    """A megabyte, a hundred thousand times."""
    cells = '<c t="s"><v>0</v></c>' * 100
    rows = f"<row>{cells}</row>" * 1_000
    return "string.xlsx", workbook(f"<sheetData>{rows}</sheetData>", f"<si><t>{'words ' * 170_000}</t></si>")


@bomb(*_ENDS, slow=True)
def sheet_of_many_cells() -> Made:
    row = f"<row>{'<c><v>1</v></c>' * 1_000}</row>"
    return "many.xlsx", workbook(f"<sheetData>{row * 3_000}</sheetData>")


@bomb(*_ENDS, "TIMEOUT", "TOO_LARGE", slow=True)
def sheet_of_many_strings() -> Made:
    return "strings.xlsx", workbook("<sheetData/>", "<si><r><t>a</t></r></si>" * 1_000_000)


@bomb(*_ENDS)
def sheet_of_many_merges() -> Made:
    merges = "".join(f'<mergeCell ref="A{n}:XFD{n + 1000}"/>' for n in range(1, 20_000))
    cells = '<row r="1"><c r="A1"><v>1</v></c></row>'
    return "merges.xlsx", workbook(f"<sheetData>{cells}</sheetData><mergeCells>{merges}</mergeCells>")


@bomb(*_ENDS)
def slide_of_groups_in_groups() -> Made:
    shape = "<p:sp><p:txBody><a:p><a:r><a:t>words</a:t></a:r></a:p></p:txBody></p:sp>"
    return "groups.pptx", slides("<p:grpSp>" * 50_000 + shape + "</p:grpSp>" * 50_000)


@bomb(*_ENDS, slow=True)
def slide_of_many_shapes() -> Made:
    shape = "<p:sp><p:txBody><a:p><a:r><a:t>a</a:t></a:r></a:p></p:txBody></p:sp>"
    return "shapes.pptx", slides(shape * 300_000)


_NAMES = ("office", "text", "table", "style", "draw")
_ODF = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in _NAMES)


def opendocument(kind: str, body: str, ending: str) -> Made:
    content = (
        f"<office:document-content {_ODF}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
    )
    members = [("mimetype", f"application/vnd.oasis.opendocument.{kind}".encode())]
    return f"a.{ending}", packed([*members, ("content.xml", f"{content}</office:document-content>".encode())])


@bomb(*_ENDS)
def open_sheet_of_repeated_cells() -> Made:
    cell = '<table:table-cell table:number-columns-repeated="16384"><text:p>words</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
    return opendocument("spreadsheet", f'<table:table table:name="A">{row * 10}</table:table>', "ods")


@bomb(*_ENDS)
def open_sheet_of_endless_numbers() -> Made:
    many = "9" * 5_000
    cell = f'<table:table-cell table:number-columns-repeated="{many}"><text:p>a</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="-{many}">{cell}</table:table-row>'
    return opendocument("spreadsheet", f'<table:table table:name="A">{row}{row}</table:table>', "ods")


@bomb(*_ENDS)
def open_text_of_spaces() -> Made:
    spaces = '<text:p>a<text:s text:c="2000000000"/>b</text:p>'
    return opendocument("text", spaces * 1_000, "odt")


@bomb(*_ENDS)
def open_text_of_deep_lists() -> Made:
    return opendocument(
        "text",
        "<text:list><text:list-item>" * 50_000
        + "<text:p>words</text:p>"
        + "</text:list-item></text:list>" * 50_000,
        "odt",
    )


@bomb(*_ENDS, slow=True)
def book_of_a_million_chapters() -> Made:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="a.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    spine = '<itemref idref="a"/>' * 1_000_000
    book = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.html"'
        f' media-type="application/xhtml+xml"/></manifest><spine>{spine}</spine></package>'
    )
    page = "<html><body><p>words of a chapter</p></body></html>"
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "a.opf": book,
        "a.html": page,
    }
    return "book.epub", packed((name, content.encode()) for name, content in members.items())
