"""Turns the written documents (`docs/*.toml`) into files of every format, and names what each must give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.office import archive, outlook, pdf, plain, scan
from tests.support.office.markup import Block, parse

Renderer = Callable[[str, list[Block], str], bytes]

RENDERERS: dict[str, Renderer] = {
    "txt": plain.txt,
    "md": plain.md,
    "html": plain.html,
    "xml": plain.xml,
    "csv": plain.csv_,
    "json": plain.json_,
    "rtf": plain.rtf,
    "rst": plain.rst,
    "org": plain.org,
    "mhtml": plain.mhtml,
    "fb2": plain.fb2,
    "yaml": plain.yaml,
    "tsv": plain.tsv,
    "docx": archive.docx,
    "pptx": archive.pptx,
    "xlsx": archive.xlsx,
    "odt": archive.odt,
    "epub": archive.epub,
    "pdf": pdf.pdf,
    "png": scan.png,
    "jpg": scan.jpg,
    "tiff": scan.tiff,
    "msg": outlook.msg,
    "eml": outlook.eml,
}

DRAWINGS: dict[str, Callable[[], bytes]] = {"stair": scan.stair, "damage": scan.damage}


@dataclass(frozen=True)
class Document:
    """One document: its names (more than one: exact duplicates), its bytes, its source."""

    key: str
    names: tuple[str, ...]  # paths below docs/; the first is also its name as an attachment
    filed: bool  # False: lives only as an attachment
    content: bytes
    text: str  # what was written, before rendering
    facts: Mapping[str, Any]


def read_documents(tables: list[dict[str, Any]]) -> dict[str, Document]:
    """Every document of the TOML files by key."""
    documents: dict[str, Document] = {}
    for table in tables:
        for row in table["doc"]:
            documents[row["key"]] = _document({"project": table.get("project", ""), **row})
    return documents


def _document(row: Mapping[str, Any]) -> Document:
    names = (row["name"], *row.get("twins", []))
    if "drawing" in row:
        content = DRAWINGS[row["drawing"]]()
    else:
        suffix = row["name"].rpartition(".")[2].lower()
        render = RENDERERS[suffix]
        content = render(row["title"], parse(row["body"]), row["language"])
    return Document(
        key=row["key"],
        names=names,
        filed=row.get("filed", True),
        content=content,
        text=f"{row['title']}\n\n{row.get('body', '')}",
        facts=row,
    )
