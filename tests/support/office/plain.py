"""Renders blocks into the formats that are text at heart: txt, md, rst, org, html, mhtml, fb2, xml, csv, tsv,
json, yaml, rtf.
"""

from __future__ import annotations

import csv
import io
import json
import quopri
from html import escape
from textwrap import fill

from tests.support.office.markup import Block


def txt(title: str, blocks: list[Block], language: str) -> bytes:
    """Plain text as an editor would leave it: wrapped, headings underlined."""
    parts: list[str] = []
    for block in blocks:
        if block.kind == "heading":
            parts.append(f"{block.text}\n{('=' if block.level == 1 else '-') * len(block.text)}")
        elif block.kind == "table":
            widths = [max(len(row[i]) for row in block.rows) for i in range(len(block.rows[0]))]
            lines = [
                "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in block.rows
            ]
            parts.append("\n".join(line.rstrip() for line in lines))
        elif block.kind == "item":
            parts.append(fill(block.text, 76, initial_indent="* ", subsequent_indent="  "))
        elif block.kind == "paragraph":
            parts.append("\n".join(fill(line, 78, break_on_hyphens=False) for line in block.text.split("\n")))
    return ("\n\n".join(parts) + "\n").encode()


def md(title: str, blocks: list[Block], language: str) -> bytes:
    """Markdown with pipe tables."""
    parts: list[str] = []
    for block in blocks:
        if block.kind == "heading":
            parts.append(f"{'#' * block.level} {block.text}")
        elif block.kind == "table":
            head, *rest = [f"| {' | '.join(row)} |" for row in block.rows]
            parts.append("\n".join([head, "|" + " --- |" * len(block.rows[0]), *rest]))
        elif block.kind == "item":
            parts.append(f"- {block.text}")
        elif block.kind == "paragraph":
            parts.append(block.text)
    return ("\n\n".join(parts) + "\n").encode()


def rst(title: str, blocks: list[Block], language: str) -> bytes:
    """reStructuredText with simple tables."""
    parts: list[str] = []
    for block in blocks:
        if block.kind == "heading":
            parts.append(f"{block.text}\n{'=-~'[block.level - 1] * len(block.text)}")
        elif block.kind == "table":
            widths = [max(len(row[i]) for row in block.rows) for i in range(len(block.rows[0]))]
            rule = "  ".join("=" * width for width in widths)
            rows = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in block.rows]
            parts.append("\n".join([rule, rows[0], rule, *rows[1:], rule]))
        elif block.kind == "item":
            parts.append(f"- {block.text}")
        elif block.kind == "paragraph":
            parts.append(fill(block.text, 78, break_on_hyphens=False))
    return ("\n\n".join(parts) + "\n").encode()


def org(title: str, blocks: list[Block], language: str) -> bytes:
    """An outline as Emacs keeps it."""
    parts = [f"#+TITLE: {title}"]
    for block in blocks:
        if block.kind == "heading":
            parts.append(f"{'*' * block.level} {block.text}")
        elif block.kind == "table":
            head, *rest = [f"| {' | '.join(row)} |" for row in block.rows]
            parts.append("\n".join([head, "|" + "+".join("---" for _ in block.rows[0]) + "|", *rest]))
        elif block.kind == "item":
            parts.append(f"- {block.text}")
        elif block.kind == "paragraph":
            parts.append(block.text)
    return ("\n\n".join(parts) + "\n").encode()


def html_body(blocks: list[Block]) -> str:
    """The blocks as HTML, without the document around them."""
    parts: list[str] = []
    for block in blocks:
        text = escape(block.text, quote=False).replace("\n", "<br>\n")
        if block.kind == "heading":
            parts.append(f"<h{block.level}>{text}</h{block.level}>")
        elif block.kind == "item":
            parts.append(f"<ul><li>{text}</li></ul>")
        elif block.kind == "paragraph":
            parts.append(f"<p>{text}</p>")
        elif block.kind == "table":
            parts.append(f"<table>\n{_html_rows(block)}\n</table>")
    return "\n".join(parts)


def _html_rows(block: Block) -> str:
    lines = []
    for number, row in enumerate(block.rows):
        tag = "th" if number == 0 else "td"
        lines.append("<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>")
    return "\n".join(lines)


def html(title: str, blocks: list[Block], language: str) -> bytes:
    """A page with a style sheet and a script that a reader has to leave out."""
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{escape(title)}</title>
<style>body {{ font: 16px/1.5 Georgia, serif; max-width: 40em }} td, th {{ padding: 0 1em 0 0 }}</style>
<script>var printed = false; window.onbeforeprint = function () {{ printed = true }};</script>
</head>
<body>
{html_body(blocks)}
</body>
</html>
""".encode()


def mhtml(title: str, blocks: list[Block], language: str) -> bytes:
    """A page as a browser saves it into one file (RFC 2557)."""
    page = quopri.encodestring(html(title, blocks, language)).decode("ascii")
    return f"""\
From: <Saved by a browser>
Snapshot-Content-Location: https://bergbahn.example/
Subject: {title}
MIME-Version: 1.0
Content-Type: multipart/related; type="text/html"; boundary="----saved----"

------saved----
Content-Type: text/html
Content-Transfer-Encoding: quoted-printable
Content-Location: https://bergbahn.example/

{page}
------saved------
""".encode()


def fb2(title: str, blocks: list[Block], language: str) -> bytes:
    """A FictionBook 2 with one section."""
    parts = [
        f"<p>{escape(block.text, quote=False)}</p>" for block in blocks if block.kind in ("paragraph", "item")
    ]
    return f"""\
<?xml version="1.0" encoding="utf-8"?>
<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0">
<description><title-info><author><first-name>Priya</first-name><last-name>Raman</last-name></author>
<book-title>{escape(title)}</book-title><lang>{language}</lang></title-info></description>
<body><section><title><p>{escape(title)}</p></title>
{chr(10).join(parts)}
</section></body>
</FictionBook>
""".encode()


def yaml(title: str, blocks: list[Block], language: str) -> bytes:
    """Settings with a comment at the top: rows of tables become entries."""
    lines = [f"# {title}"]
    for block in blocks:
        if block.kind == "heading":
            lines.append(f"{block.text}:")
        elif block.kind == "paragraph":
            lines.append(f"  note: {json.dumps(block.text, ensure_ascii=False)}")
        elif block.kind == "table":
            lines += [f"  {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in block.rows]
    return ("\n".join(lines) + "\n").encode()


def tsv(title: str, blocks: list[Block], language: str) -> bytes:
    """The tables alone, as a spreadsheet puts them on the clipboard."""
    return "".join("\t".join(row) + "\n" for block in blocks for row in block.rows).encode()


def xml(title: str, blocks: list[Block], language: str) -> bytes:
    """A small record format such as a trade program exports: rows of tables become elements."""
    lines = [f'<?xml version="1.0" encoding="UTF-8"?>\n<document lang="{language}">']
    lines.append(f"  <title>{escape(title)}</title>")
    for block in blocks:
        if block.kind == "table":
            lines.extend(_xml_row(block.rows[0], row) for row in block.rows[1:])
        elif block.kind != "page":
            name = {"heading": "section", "item": "item", "paragraph": "note"}[block.kind]
            lines.append(f"  <{name}>{escape(block.text)}</{name}>")
    return ("\n".join([*lines, "</document>"]) + "\n").encode()


def _xml_row(head: tuple[str, ...], row: tuple[str, ...]) -> str:
    names = [
        "".join(c for c in name.lower().replace(" ", "-") if c.isalpha() or c.isdecimal() or c == "-")
        for name in head
    ]
    cells = "".join(f"<{n}>{escape(cell)}</{n}>" for n, cell in zip(names, row, strict=True))
    return f"  <row>{cells}</row>"


def csv_(title: str, blocks: list[Block], language: str) -> bytes:
    """The tables alone; German files with semicolons, as spreadsheets there write them."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if language == "de" else ",", lineterminator="\n")
    for block in blocks:
        writer.writerows(block.rows)
    return out.getvalue().encode()


def json_(title: str, blocks: list[Block], language: str) -> bytes:
    """An export: title, notes, and rows as objects."""
    rows = [
        dict(zip(block.rows[0], row, strict=True))
        for block in blocks
        if block.kind == "table"
        for row in block.rows[1:]
    ]
    notes = [block.text for block in blocks if block.kind in ("heading", "paragraph", "item")]
    record = {"title": title, "language": language, "notes": notes, "rows": rows}
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()


def rtf(title: str, blocks: list[Block], language: str) -> bytes:
    """RTF 1.5 with Unicode escapes."""
    parts = [
        r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Times New Roman;}}",
        r"{\info{\title " + _rtf(title) + "}}",
    ]
    for block in blocks:
        if block.kind == "heading":
            parts.append(r"\pard\b\fs30 " + _rtf(block.text) + r"\b0\fs22\par")
        elif block.kind == "item":
            parts.append(r"\pard\li360 \bullet  " + _rtf(block.text) + r"\par")
        elif block.kind == "table":
            parts.extend(
                r"\pard " + r"\tab ".join(_rtf(cell) for cell in row) + r"\par" for row in block.rows
            )
        elif block.kind == "page":
            parts.append(r"\page")
        else:
            parts.append(r"\pard\fs22 " + _rtf(block.text) + r"\par\par")
    return ("\n".join(parts) + "\n}\n").encode("ascii")


def _rtf(text: str) -> str:
    out = []
    for char in text:
        if char in "\\{}":
            out.append("\\" + char)
        elif char == "\n":
            out.append(r"\line ")
        elif ord(char) < 128:
            out.append(char)
        else:
            code = ord(char)
            out.append(rf"\u{code if code < 32768 else code - 65536}?")
    return "".join(out)
