"""Old Word and PowerPoint documents, made by the LibreOffice of this machine from flat OpenDocument files.

As a program, with the arguments of `main`, it makes one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from ingest.converter import libreoffice
from ingest.converter.messages import CONVERSIONS, Conversion
from tests.support.confined import ROOT

_NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"),
        ("text", "text"),
        ("table", "table"),
        ("draw", "drawing"),
        ("presentation", "presentation"),
        ("svg", "svg-compatible"),
    )
)
_DOCUMENT = (
    f'<?xml version="1.0" encoding="UTF-8"?><office:document {_NAMES} '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" office:version="1.2" '
    'office:mimetype="application/vnd.oasis.opendocument.{kind}">'
    "<office:meta><dc:title>{title}</dc:title></office:meta>"
    "<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document>"
)
TEXT = """
<text:sequence-decls>
<text:sequence-decl text:display-outline-level="0" text:name="Bild"/></text:sequence-decls>
<text:h text:outline-level="1">Der Leuchtturm</text:h>
<text:p>Am Montag wurde die <text:span>Linse</text:span> gewechselt – für 1.250 €.<office:annotation>
<dc:creator>Ines</dc:creator><text:p>Bitte nachrechnen</text:p></office:annotation></text:p>
<text:p>Bild <text:sequence text:name="Bild" text:formula="ooow:Bild+1">1</text:sequence>: Mole</text:p>
<table:table table:name="T"><table:table-column table:number-columns-repeated="2"/>
<table:table-row><table:table-cell><text:p>Monat</text:p></table:table-cell>
<table:table-cell><text:p>Stunden</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell><text:p>März</text:p></table:table-cell>
<table:table-cell><text:p>412</text:p></table:table-cell></table:table-row></table:table>
"""
SLIDES = """
<draw:page draw:name="one"><draw:frame presentation:class="title" svg:x="1cm" svg:y="1cm" svg:width="20cm"
 svg:height="3cm"><draw:text-box><text:p>Harbour survey</text:p></draw:text-box></draw:frame></draw:page>
<draw:page draw:name="two"><draw:frame svg:x="1cm" svg:y="5cm" svg:width="20cm" svg:height="3cm">
<draw:text-box><text:p>Three buoys drifted</text:p></draw:text-box></draw:frame></draw:page>
"""
_MADE_BY = {
    "doc": ("text", TEXT, "OpenDocument Text Flat XML", "MS Word 97"),
    "ppt": ("presentation", SLIDES, "OpenDocument Presentation Flat XML", "MS PowerPoint 97"),
}

MISSING = [each.package for each in CONVERSIONS.values() if not libreoffice.installed(each)]


@cache
def made(kind: str, password: str | None = None) -> bytes:
    """A document of one of the old kinds, "Tagebuch" by title, with TEXT or SLIDES in it."""
    if MISSING:
        pytest.skip(f"LibreOffice is not installed: apt-get install {' '.join(sorted(set(MISSING)))}")
    flat, body, opened_by, saved_by = _MADE_BY[kind]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.fodx", Path(folder) / f"target.{kind}"
        source.write_text(_DOCUMENT.format(kind=flat, title="Tagebuch", body=body), "utf-8")
        given = [str(source), opened_by, CONVERSIONS[kind].service, str(target), saved_by]
        given += [password] if password else []
        subprocess.run([sys.executable, "-m", __name__, *given], check=True, cwd=ROOT, timeout=120)
        return target.read_bytes()


def main(
    source: str, opened_by: str, service: str, target: str, saved_by: str, password: str | None = None
) -> None:
    """Make one document, unconfined."""
    if password is not None:
        libreoffice._BASIC = libreoffice._BASIC.replace("Dim saving(0)", "Dim saving(1)").replace(
            "  opened.storeToURL",
            f'  saving(1).Name = "Password"\n  saving(1).Value = "{password}"\n  opened.storeToURL',
        )
    conversion = Conversion("", "", (opened_by,), saved_by, service, "", "")
    folder = Path(tempfile.mkdtemp(dir=Path(target).parent))  # stays until LibreOffice's threads are gone
    os._exit(not libreoffice.convert(conversion, Path(source), Path(target), folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
