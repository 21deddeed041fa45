"""What Word, PowerPoint and Excel hold alike: charts, diagrams, and documents inside documents."""

from __future__ import annotations

import io
import posixpath
import re
import struct
from collections.abc import Iterator
from typing import Any

from lxml import etree

from ingest.readers.containers import olefile
from ingest.readers.draft import Draft, Kind
from ingest.readers.errors import UnreadableDocument
from ingest.readers.package import ERRORS, Package, local
from ingest.readers.sheets_formats import shown

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_NO_NODE = frozenset(("pres", "parTrans", "sibTrans"))
_KIND = re.compile(r"([a-z]+?)(?:3D)?Chart")
_OLD_STREAMS = {"WordDocument": ".doc", "Workbook": ".xls", "Book": ".xls", "PowerPoint Document": ".ppt"}
_NATIVE = "\x01Ole10Native"
_INNER_STREAMS = ("Package", "CONTENTS", "EmbeddedOdf", _NATIVE)
_GUESSED = re.compile(r"automatically generated|AI-generated content", re.IGNORECASE)
_PICTURE = re.compile(r"\.(?:png|jpe?g|tiff?|gif|bmp|webp)$", re.IGNORECASE)
OLE_ERRORS = (OSError, ValueError, IndexError, TypeError, struct.error, RecursionError)

Points = dict[int, str]


def add_chart(package: Package, part: str, draft: Draft, page: int | None = None) -> None:
    """What a chart is called, and the figures that it keeps of its series, as a table."""
    root = package.optional(part, draft)
    if root is None:
        return
    kinds = dict.fromkeys(
        f"{kind[1].capitalize()} chart"
        for element in root.iter()
        if (kind := _KIND.fullmatch(local(element)))
    )
    titles = [text for title in root.iter("{*}title") if (text := _words(title))]
    heads = ", ".join(kinds) or "Chart"
    draft.add(Kind.CAPTION, f"{heads}: {' | '.join(titles)}" if titles else heads, page=page)
    series = [_series(entry) for entry in root.iter(f"{C}ser")] or list(_new_series(root))
    if not any(values for _, _, values in series):
        return
    axis = next((categories for _, categories, _ in series if categories), {})
    places = sorted({place for _, _, values in series for place in values} | axis.keys())
    rows = [[axis.get(place, ""), *(values.get(place, "") for _, _, values in series)] for place in places]
    names = [name for name, _, _ in series]
    draft.add_table([["", *names], *rows] if any(names) else rows, header_rows=int(any(names)), page=page)


def _series(entry: etree._Element) -> tuple[str, Points, Points]:
    """(name, categories, values) of a series, as its chart remembers them."""
    name = " ".join(_points(entry.find(f"{C}tx")).values()) or _words(entry.find(f"{C}tx"))
    categories = _points(entry.find(f"{C}cat")) or _points(entry.find(f"{C}xVal"))
    values = _points(entry.find(f"{C}val")) or _points(entry.find(f"{C}yVal"))
    return name, categories, values


def _new_series(root: etree._Element) -> Iterator[tuple[str, Points, Points]]:
    """The series of charts of 2016 and later (waterfalls, treemaps), which are written otherwise."""
    for data in root.iter("{*}chartData"):
        for entry in data.iter("{*}data"):
            words = [_points(dimension) for dimension in entry.iter("{*}strDim")]
            figures = [_points(dimension) for dimension in entry.iter("{*}numDim")]
            for values in figures:
                yield "", words[0] if words else {}, values


def _points(holder: etree._Element | None) -> Points:
    """The values below an element by their place; of nested categories the words of all levels."""
    found: Points = {}
    for point in holder.iter("{*}pt") if holder is not None else ():
        place = point.get("idx", "")
        text = " ".join("".join(point.itertext()).split())
        if text and place.isdecimal() and len(place) < 10:
            cache = point.getparent()
            code = cache.findtext(f"{C}formatCode") if cache is not None else None
            text = shown(text, code) if code else text
            found[int(place)] = f"{text} {found[int(place)]}" if int(place) in found else text
    return found


def _words(holder: etree._Element | None) -> str:
    """Rich text or a remembered value, on one line."""
    if holder is None:
        return ""
    return " ".join("".join(part.text or "" for part in holder.iter(f"{A}t", f"{C}v")).split())


def add_diagram(package: Package, part: str, draft: Draft, page: int | None = None) -> None:
    """The words of a diagram (SmartArt), one item for each of its shapes."""
    root = package.optional(part, draft)
    for point in root.iter("{*}pt") if root is not None else ():
        if point.get("type") not in _NO_NODE:
            draft.add(Kind.LIST_ITEM, paragraphs(point), page=page, level=1)


def paragraphs(shape: etree._Element) -> str:
    """The text in a shape, a line for each paragraph."""
    lines = []
    for paragraph in shape.iter(f"{A}p"):
        parts = (
            "\n" if part.tag == f"{A}br" else part.text or "" for part in paragraph.iter(f"{A}t", f"{A}br")
        )
        lines.append("".join(parts))
    return "\n".join(line for line in lines if line.strip())


def described(picture: etree._Element) -> str:
    """What a person wrote that a picture shows; empty for a mere name and for what a machine guessed."""
    text = picture.get("descr", "").strip() or picture.get("title", "").strip()
    return "" if _GUESSED.search(text) or len(text.split()) < 2 else text


def add_embedded(package: Package, part: str, draft: Draft) -> None:
    """A document kept inside this one, as a child; an object that holds no file is named as missing."""
    if part not in package:
        return
    name = posixpath.basename(part)
    try:
        content = package.read(part)
        if content.startswith(b"\xd0\xcf\x11\xe0"):
            name, content = _opened(name, content)
    except UnreadableDocument as refusal:
        draft.missing.append(f"an embedded document: {refusal.what}")
        return
    except (*ERRORS, *OLE_ERRORS):
        draft.missing.append("an embedded document is damaged")
        return
    if content:
        draft.add_child(name, content)
    else:
        draft.missing.append("an embedded object is of a kind that is not read")


def _opened(name: str, content: bytes) -> tuple[str, bytes]:
    """The file inside an OLE object; the object itself where it is an old Office document."""
    with olefile().OleFileIO(io.BytesIO(content)) as ole:
        for stream, ending in _OLD_STREAMS.items():
            if ole.exists(stream):
                return f"{posixpath.splitext(name)[0]}{ending}", content
        inner, found = unwrapped(ole)
    return inner or posixpath.splitext(name)[0], found


def unwrapped(ole: Any, folder: str = "") -> tuple[str, bytes]:
    """(name, content) of the file that an OLE object holds, in a folder of its container; empty if none."""
    for name in _INNER_STREAMS:
        path = f"{folder}/{name}" if folder else name
        if ole.exists(path):
            data: bytes = ole.openstream(path).read()
            return _native(data) if name == _NATIVE else ("", data)
    return "", b""


def _native(data: bytes) -> tuple[str, bytes]:
    """(name, content) of a file that was packed by Windows' packager."""
    label, _, rest = data[6:].partition(b"\x00")
    _, _, rest = rest.partition(b"\x00")  # the path that it came from
    (length,) = struct.unpack_from("<I", rest, 4)
    (size,) = struct.unpack_from("<I", rest, 8 + length)
    return label.decode("latin-1"), rest[12 + length : 12 + length + size]


def add_pictures(package: Package, folder: str, draft: Draft) -> None:
    """Hand on the pictures of a document that has no words, as a scan put into Word has none."""
    for name in package.names:
        if name.startswith(folder) and _PICTURE.search(name):
            try:
                draft.add_child(posixpath.basename(name), package.read(name))
            except (UnreadableDocument, *ERRORS):
                draft.missing.append("a picture is damaged")
