"""FictionBook (fb2): a book in one XML file, paragraph by paragraph as it is parsed."""

from __future__ import annotations

from lxml import etree

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.package import blocks, iso_time, local

ERRORS = (etree.LxmlError, ValueError)
_DEPTH = 100  # sections within sections


def read_fictionbook(document: Document, draft: Draft) -> None:
    """The annotation, the text with its titles, and the notes; pictures are left out."""
    document.stream.seek(0)
    tags = ("title-info", "p", "v", "subtitle", "text-author", "table")
    parts = blocks(document.stream, _DEPTH, *(f"{{*}}{tag}" for tag in tags))
    for count, element in enumerate(parts):
        if count % 1000 == 0:
            draft.tick(len(draft.elements) // 1000)
        if local(element) == "title-info":
            _describe(element, draft)
        else:
            _add(element, draft)


def _describe(info: etree._Element, draft: Draft) -> None:
    names = ("first-name", "middle-name", "last-name", "nickname")
    author = info.find("{*}author")
    said = (author.findtext(f"{{*}}{name}") if author is not None else None for name in names)
    date = info.find("{*}date")
    draft.describe(
        title=info.findtext("{*}book-title"),
        author=" ".join(filter(None, said)),
        created_at=iso_time(date.get("value")) if date is not None else None,
    )


def _add(element: etree._Element, draft: Draft) -> None:
    text = " ".join("".join(map(str, element.itertext())).split())
    name = local(element)
    above = {local(ancestor) for ancestor in element.iterancestors()}
    if name == "table":
        rows = [["".join(map(str, cell.itertext())) for cell in row] for row in element.iter("{*}tr")]
        heads = int(all(local(cell) == "th" for row in element[:1] for cell in row))
        draft.add_table(rows, header_rows=heads)
    elif "table" in above:
        return
    elif name == "subtitle" or "title" in above:
        depth = sum(1 for ancestor in element.iterancestors() if local(ancestor) == "section")
        draft.add(Kind.TITLE, text, level=depth + 1)
    else:
        draft.add(Kind.CAPTION if name == "text-author" else Kind.PARAGRAPH, text)
