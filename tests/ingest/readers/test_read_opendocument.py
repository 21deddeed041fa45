"""OpenDocument texts and slides, in packages and flat; books of FictionBook and EPUB."""

from __future__ import annotations

import io

from ingest.readers.package import Package
from ingest.readers.samples import opendocument, pack
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply

ODF = "urn:oasis:names:tc:opendocument:xmlns:"
NAMES = " ".join(
    f'xmlns:{name}="{ODF}{name}:1.0"' for name in ("office", "text", "table", "drawing", "style")
)


def odt(body: str, styles: str = "", shared: str = "") -> Reply:
    content = (
        f"<office:document-content {NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    package = Package(io.BytesIO(opendocument("")))
    members = {name: package.read(name) for name in package.names}
    packed = pack({**members, "content.xml": content, "styles.xml": shared})
    return read(io.BytesIO(packed), Job(name="a.odt"), io.BytesIO())


def said(reply: Reply) -> list[tuple[str, object]]:
    return [(element.kind, element.rows or element.text) for element in reply.elements]


def test_lists_and_headings_are_counted() -> None:
    styles = (
        '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1"'
        ' style:num-suffix="."/><text:list-level-style-number text:level="2" style:num-format="a"'
        ' style:num-suffix=")" text:display-levels="1"/></text:list-style>'
        '<text:outline-style><text:outline-level-style text:level="1" style:num-format="I"/>'
        "</text:outline-style>"
        '<style:style style:name="P1" style:parent-style-name="Title"/>'
    )
    inner = "<text:list><text:list-item><text:p>deep</text:p></text:list-item></text:list>"
    item = "<text:list-item><text:p>x</text:p>{}</text:list-item>"
    body = (
        '<text:p text:style-name="P1">Lease</text:p><text:h text:outline-level="1">Rent</text:h>'
        f'<text:list text:style-name="L">{item.format(inner)}{item.format("")}</text:list>'
        f'<text:list text:style-name="L" text:continue-numbering="true">{item.format("")}</text:list>'
        f'<text:list text:style-name="L">{item.format("")}</text:list>'
        '<text:h text:outline-level="1">End</text:h>'
    )
    assert said(odt(body, styles)) == [
        ("title", "Lease"),
        ("title", "I Rent"),
        ("list_item", "1. x"),
        ("list_item", "a) deep"),
        ("list_item", "2. x"),
        ("list_item", "3. x"),
        ("list_item", "1. x"),
        ("title", "II End"),
    ]


def test_tables_notes_boxes_forms_and_running_heads() -> None:
    cell = "<table:table-cell{}><text:p>{}</text:p></table:table-cell>"
    heads = cell.format("", "who") + cell.format(' table:number-columns-spanned="2"', "paid")
    figures = "".join(cell.format("", text) for text in ("Ann", "May", "700"))
    table = (
        f"<table:table><table:table-header-rows><table:table-row>{heads}<table:covered-table-cell/>"
        f"</table:table-row></table:table-header-rows><table:table-row>{figures}</table:table-row>"
        "</table:table>"
    )
    body = (
        '<office:forms><office:form><office:checkbox office:label="agreed" office:current-state="checked"/>'
        "</office:form></office:forms><text:p>see<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>by law</text:p></text:note-body></text:note> this<drawing:frame>"
        f"<drawing:text-box><text:p>boxed</text:p></drawing:text-box></drawing:frame></text:p>{table}"
    )
    shared = (
        f"<office:document-styles {NAMES}><style:master-page><style:header><text:p>Alder</text:p>"
        "</style:header><style:footer><text:p>end</text:p></style:footer></style:master-page></office:document-styles>"
    )
    reply = odt(body, shared=shared)
    assert said(reply) == [
        ("header", "Alder"),
        ("paragraph", "[x] agreed"),
        ("paragraph", "see this"),
        ("paragraph", "by law"),
        ("paragraph", "boxed"),
        ("table", [["who", "paid", "paid"], ["Ann", "May", "700"]]),
        ("footer", "end"),
    ]
    assert next(element for element in reply.elements if element.rows).header_rows == 1


def test_slides_are_pages() -> None:
    page = (
        '<drawing:page><drawing:frame drawing:class="title"><drawing:text-box><text:p>Rents</text:p>'
        "</drawing:text-box></drawing:frame><drawing:custom-shape><text:p>shape</text:p>"
        "</drawing:custom-shape></drawing:page>"
    )
    reply = read(io.BytesIO(opendocument(page * 2, "presentation")), Job(name="a.odp"), io.BytesIO())
    assert reply.pages == 2
    assert [(element.page, element.kind, element.text) for element in reply.elements] == [
        (1, "title", "Rents"),
        (1, "paragraph", "shape"),
        (2, "title", "Rents"),
        (2, "paragraph", "shape"),
    ]


def test_a_flat_file_is_read_like_a_package() -> None:
    flat = (
        f'<?xml version="1.0"?><office:document {NAMES}'
        ' office:mimetype="application/vnd.oasis.opendocument.text">'
        "<office:body><office:text><text:p>flat</text:p></office:text></office:body></office:document>"
    )
    reply = read(io.BytesIO(flat.encode()), Job(name="a.fodt"), io.BytesIO())
    assert reply.media_type == "application/vnd.oasis.opendocument.text"
    assert said(reply) == [("paragraph", "flat")]


def test_a_fiction_book_in_an_old_encoding() -> None:
    book = (
        '<?xml version="1.0" encoding="windows-1251"?><FictionBook><description><title-info><author>'
        "<first-name>Лев</first-name><last-name>Толстой</last-name></author><book-title>Война</book-title>"
        "</title-info></description><body><section><title><p>Часть</p></title><p>Текст</p><section>"
        "<subtitle>Два</subtitle><table><tr><th>а</th><th>б</th></tr><tr><td>1</td><td>2</td></tr></table></section>"
        "</section></body></FictionBook>"
    )
    reply = read(io.BytesIO(book.encode("cp1251")), Job(name="a.fb2"), io.BytesIO())
    assert (reply.title, reply.author) == ("Война", "Лев Толстой")
    assert said(reply) == [
        ("title", "Часть"),
        ("paragraph", "Текст"),
        ("title", "Два"),
        ("table", [["а", "б"], ["1", "2"]]),
    ]
    assert [element.level for element in reply.elements] == [2, None, 3, None]


def test_a_book_that_its_publisher_locked_says_so() -> None:
    container = '<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>'
    opf = '<package><item id="a" href="a.xhtml"/><spine><itemref idref="a"/></spine></package>'
    book = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "b.opf": opf}
    page = "<html><body><table><tr><th>who</th></tr><tr><td>Ann</td></tr></table></body></html>"
    reply = read(io.BytesIO(pack({**book, "a.xhtml": page})), Job(name="a.epub"), io.BytesIO())
    assert said(reply) == [("table", [["who"], ["Ann"]])]
    locked = '<encryption><CipherReference URI="a.xhtml"/></encryption>'
    content = pack({**book, "a.xhtml": "?", "META-INF/encryption.xml": locked})
    assert read(io.BytesIO(content), Job(name="a.epub"), io.BytesIO()).reason == "ENCRYPTED"
