"""Tells kinds of text apart by their looks; the file's ending only tips the scale where looks allow two."""

from __future__ import annotations

import csv
import re
from email.utils import parsedate_tz

from ingest.readers.draft import Document
from ingest.readers.encoding import decode, wide_encoding

_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x08"))
_FIELD = re.compile(r"([!-9;-~]{1,76})[ \t]*:(?:[ \t]|$)")
_MAIL_BYTES = 16_384
_BROKEN_LINES = 20
_MACHINE_FIELDS = frozenset(
    ("message-id", "received", "mime-version", "return-path", "delivered-to", "x-mailer")
)
_PERSON_FIELDS = frozenset(("from", "to", "subject", "date", "cc", "reply-to", "sender", "content-type"))
_MAIL_START = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\r\n]{0,1000}(?:>?From |[!-9;-~]{1,76}[ \t]*:|\xff\xfe|\xfe\xff|.\x00.\x00)",
    re.DOTALL,
)
_FROM_LINE = re.compile(r">?From (?![ \t]*:)")
_ENTRIES = re.compile(r"BEGIN:(VCALENDAR|VCARD)\s", re.IGNORECASE)
_PROLOGUE = re.compile(r"\s*(?:<!--.*?-->|<\?.{0,300}?\?>)\s*", re.DOTALL)
_HTML = re.compile(
    r"<!doctype\s+html|<(?:html|head|body|title|meta|div|p|table|h[1-6]|span|script)[\s>]", re.I
)
_XML = re.compile(r"<!DOCTYPE\s|<[A-Za-z_][\w.:-]*(?:\s[^<>]*)?>")
_JSON = re.compile(r"[\[{]\s*(?:[\"\[{\]}\d-]|true|false|null)")
_MARKDOWN = re.compile(
    r"^(?:#{1,6} \S|```|[-*] \[[ x]\] |\|[ :-]*-{3}[ :|-]*$|.*\]\(https?://)", re.MULTILINE
)


def is_binary(head: bytes) -> bool:
    """Whether these bytes are no text in any encoding: zeros or many control characters."""
    if wide_encoding(head) or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    if b"\x00" in head[:4096]:
        return True
    sample = head[:4096]
    return len(sample) - len(sample.translate(None, _CONTROLS)) > 0.02 * len(sample)


def text_kind(document: Document) -> str:
    """Name of the format of a document that is text."""
    head = decode(document.head)
    text = head.lstrip("\ufeff \t\r\n")
    hint = document.extension
    if entry := _ENTRIES.match(text):
        return "ics" if entry[1].upper() == "VCALENDAR" else "vcf"
    if text.startswith("{\\rtf"):
        return "rtf"
    if _HTML.match(_PROLOGUE.sub("", text, count=20)) or (hint in ("html", "htm", "xhtml") and "<" in text):
        return "html"
    if text.startswith("<?xml") or (_XML.match(text) and _closes(text, document, ">")):
        return "xml"
    if hint == "json" or hint in ("jsonl", "ndjson") or (_JSON.match(text) and _closes(text, document, "]}")):
        return "json"
    if hint in ("md", "markdown") or (hint in ("", "txt") and len(_MARKDOWN.findall(text[:8192])) >= 3):
        return "md"
    if hint in ("csv", "tsv") or (hint in ("", "txt", "dat") and _is_table(text)):
        return "csv"
    return "txt"


def _closes(text: str, document: Document, marks: str) -> bool:
    """Whether what begins like data also ends like it, as far as the head shows."""
    return document.size > len(document.head) or text.rstrip()[-1:] in marks


def _is_table(text: str) -> bool:
    """Whether at least three lines have the same number of cells, three or more, and none is a sentence."""
    lines = [line for line in text[:16_384].splitlines()[:50] if line.strip()]
    return len(lines) >= 3 and (_cells(lines) or ("", 0))[1] >= 3 and not any(". " in line for line in lines)


def _cells(lines: list[str]) -> tuple[str, int] | None:
    """The character that cuts all lines into the same number of cells, and that number; None if none does."""
    best = None
    for candidate in ",;\t|":
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=candidate) if row]
        except csv.Error:
            continue
        if widths and min(widths) == max(widths) > (best[1] if best else 1):
            best = candidate, widths[0]
    return best


def is_mail(document: Document) -> bool:
    """Whether a document begins with the header of a message, and not with a memo's or a letter's lines."""
    head = document.head[:_MAIL_BYTES]
    if not _MAIL_START.match(head):
        return False
    lines = decode(head).lstrip("\ufeff \t\r\n\x00").splitlines()
    named = document.extension == "eml"
    while lines and _FROM_LINE.match(lines[0]):
        del lines[0]
    fields: dict[str, str] = {}
    broken, last = 0, ""
    for line in lines:
        match = _FIELD.match(line)
        if match:
            last = match[1].lower()
            fields.setdefault(last, line[match.end() :].strip())
            if _is_header(fields, broken, named=named):
                return True
        elif not line.strip():
            break
        elif line[0] in " \t":
            fields[last] = fields.get(last, "") + line
        else:
            broken += 1
            if broken > (_BROKEN_LINES if named else 1):
                break
    return _is_header(fields, broken, named=named) or (named and bool(fields) and not broken)


def _is_header(fields: dict[str, str], broken: int, *, named: bool) -> bool:
    """Whether these fields are enough to tell a message.

    Args:
        broken: how many lines among them are no fields.
        named: the file's name says that it is one.
    """
    known = fields.keys() & (_MACHINE_FIELDS | _PERSON_FIELDS)
    if named:
        return bool(known)
    if "boundary=" in fields.get("content-type", "") and not broken:
        return True
    if len(known) < 2 + broken:
        return False
    return bool(fields.keys() & _MACHINE_FIELDS) or (
        "from" in fields and parsedate_tz(fields.get("date", "")) is not None
    )
