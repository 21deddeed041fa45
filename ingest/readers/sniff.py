"""Tells kinds of text apart by their looks; the file's ending only tips the scale where looks allow two."""

from __future__ import annotations

import re
from email.utils import parsedate_tz

from ingest.importer.postmark import LOOK_BYTES, postmark
from ingest.readers.delimited import delimiter_of, evenness
from ingest.readers.draft import Document
from ingest.readers.encoding import decode, wide_encoding
from ingest.readers.text import words

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
_ONE_FILE = re.compile(
    r"^<\?xml[\s\S]{0,2000}?<(?:(FictionBook)[\s>]|office:document\s[^>]{0,8000}?office:mimetype=\""
    r"application/vnd\.oasis\.opendocument\.(text|spreadsheet|presentation)[\"-])"
)
_ONE_FILE_KINDS = {"FictionBook": "fb2", "text": "odt", "spreadsheet": "ods", "presentation": "odp"}
_ENTRIES = re.compile(r"BEGIN:(VCALENDAR|VCARD)\s", re.IGNORECASE)
_PROLOGUE_PARTS = 20
_HTML = re.compile(
    r"<!doctype\s+html|<(?:html|head|body|title|meta|div|p|table|h[1-6]|span|script)[\s>]", re.I
)
_XML = re.compile(r"<!DOCTYPE\s|<[A-Za-z_][\w.:-]*(?:\s[^<>]*)?/?>")
_JSON = re.compile(r"[\[{]\s*(?:[\"\[{\]}\d-]|true|false|null)")
_NOTEBOOK = re.compile(r"\"(?:nbformat|cell_type)\"\s*:")
_MARKDOWN = re.compile(
    r"^(?:#{1,6} \S|```|[-*] \[[ x]\] |\|[ :-]{0,40}-{3}[ :|-]*$|.*\]\(https?://)", re.MULTILINE
)
_ORG = re.compile(
    r"^(?:#\+(?:TITLE|AUTHOR|STARTUP|OPTIONS|BEGIN_SRC|FILETAGS):?[ \t]|[ \t]*:PROPERTIES:$)",
    re.MULTILINE | re.IGNORECASE,
)
_RST = re.compile(
    r"^(?:\.\. [A-Za-z][\w:-]{0,60}::|\.\. _[^:\n]{1,80}:|:[A-Za-z][\w -]{0,40}:[ \t]\S|.{1,500}::$)"
    r"|:(?:ref|doc|class|func|meth|mod|term|code):`",
    re.MULTILINE,
)
_TEX = re.compile(
    r"^[ \t]*\\(?:documentclass|documentstyle|begin\{|(?:sub)*section\*?\{|chapter\*?\{)", re.MULTILINE
)
_VTT = re.compile(r"WEBVTT(?:[ \t\n]|$)")
_SRT = re.compile(r"\d{1,6}[ \t]*\n\d{1,3}:\d\d:\d\d[,.]\d{1,3} +--> +\d{1,3}:\d\d")
_YAML_LINE = re.compile(r"[ \t]*(?:- ?)*(?:[\w.$/\"' -]{1,80}:(?:[ \t]|$)|- |#|---|\.\.\.)")
_CODE_LINE = re.compile(
    r"[ \t]*(?:#include|#define|import |from [\w.]+ import|def |class |function |public |private |static "
    r"|const |let |var |return\b|if ?\(|for ?\(|while ?\(|package |using |namespace |func |fn |impl |struct "
    r"|enum |@\w|//|/\*|\*/|[{}\])]|(?:SELECT|CREATE|INSERT|UPDATE) )|.*[;{}][ \t]*$"
)
_CODE_ENDINGS = words(
    "py pyi js mjs ts tsx jsx c h cc cpp cxx hpp hh java cs go rs rb php pl pm sh bash zsh ps1 bat cmd"
    " lua r jl kt kts swift scala sql m mm vb vbs f90 f for pas asm s css scss less vue svelte groovy"
    " gradle clj ex exs erl hs ml lisp el tcl awk sed cmake make mk dart proto graphql tf"
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
    text = decode(document.head).lstrip("\ufeff \t\r\n").replace("\r\n", "\n").replace("\r", "\n")
    hint = document.extension
    if entry := _ENTRIES.match(text):
        return "ics" if entry[1].upper() == "VCALENDAR" else "vcf"
    if text.startswith("{\\rtf"):
        return "rtf"
    if book := _ONE_FILE.search(text[:8192]):
        return _ONE_FILE_KINDS[book[1] or book[2]]
    return _markup_kind(text, document, hint) or _marked_kind(text, hint) or "txt"


def _markup_kind(text: str, document: Document, hint: str) -> str | None:
    """HTML, XML or JSON."""
    if _HTML.match(text, _after_prologue(text)) or (hint in ("html", "htm", "xhtml") and "<" in text):
        return "html"
    if text.startswith("<?xml") or (_XML.match(text) and _closes(text, document, ">")):
        return "xml"
    if hint in ("json", "jsonl", "ndjson", "ipynb") or (_JSON.match(text) and _closes(text, document, "]}")):
        return "ipynb" if _NOTEBOOK.search(text) and text[:1] == "{" else "json"
    return None


def _marked_kind(text: str, hint: str) -> str | None:
    """What the marks in its lines tell; where there are few of them, the ending decides."""
    free = hint in ("", "txt", "text", "dat", "log")
    sample = text[:8192]
    if _VTT.match(text) or _SRT.match(text):
        return "subtitles"
    if hint in ("tex", "latex", "ltx", "sty", "cls") or (
        hint != "md" and text[:1] in "%\\" and _TEX.search(text)
    ):
        return "tex"
    if hint == "org" or (free and len(_ORG.findall(sample)) >= 2):
        return "org"
    if hint in ("rst", "rest") or (free and len(_RST.findall(sample)) >= 4):
        return "rst"
    if hint in ("md", "markdown") or (free and len(_MARKDOWN.findall(sample)) >= 3):
        return "md"
    if hint in ("yaml", "yml") or (free and text.startswith(("---\n", "%YAML")) and _is_yaml(sample)):
        return "yaml"
    if hint in ("csv", "tsv", "tab") or (free and _is_table(text)):
        return "csv"
    return "code" if text.startswith("#!/") or (hint in _CODE_ENDINGS and _is_code(sample)) else None


def _after_prologue(text: str) -> int:
    """Where markup begins behind comments and instructions."""
    at = 0
    for _ in range(_PROLOGUE_PARTS):
        while at < len(text) and text[at].isspace():
            at += 1
        mark = "-->" if text.startswith("<!--", at) else "?>" if text.startswith("<?", at) else ""
        end = text.find(mark, at) if mark else -1
        if end < 0:
            break
        at = end + len(mark)
    return at


def _closes(text: str, document: Document, marks: str) -> bool:
    """Whether what begins like data also ends like it, as far as the head shows."""
    return document.size > len(document.head) or text.rstrip()[-1:] in marks


def _is_yaml(sample: str) -> bool:
    """Whether nearly all lines are keys, entries or comments."""
    lines = [line for line in sample.split("\n")[:60] if line.strip()]
    return len(lines) > 2 and sum(bool(_YAML_LINE.match(line)) for line in lines) >= 0.8 * len(lines)


def _is_code(sample: str) -> bool:
    """Whether some of the lines look like those of a program."""
    lines = [line for line in sample.split("\n") if line.strip()]
    return sum(bool(_CODE_LINE.match(line[:300])) for line in lines) >= max(1, 0.15 * len(lines))


def _is_table(text: str) -> bool:
    """Whether at least three lines have the same number of cells, three or more, and none is a sentence."""
    sample = text[:16_384]
    lines = [line for line in sample.split("\n")[:50] if line.strip()]
    if len(lines) < 3 or any(". " in line for line in lines):
        return False
    mark = delimiter_of(sample)
    return evenness(sample, mark) >= 1.03  # all rows, and three cells in each


def is_mail(document: Document) -> bool:
    """Whether a document begins with the header of a message, and not with a memo's or a letter's lines."""
    head = document.head[:_MAIL_BYTES]
    if not _MAIL_START.match(head):
        return False
    lines = decode(head).lstrip("\ufeff \t\r\n\x00").splitlines()
    # One message that kept the line that stood above it in its mailbox is as sure as one that is named so.
    named = document.extension == "eml" or postmark(document.head[:LOOK_BYTES], after_blank=True) > 0
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


def is_saved_page(document: Document) -> bool:
    """Whether what looks like a message is a web page with all that belongs to it (MHTML)."""
    head = decode(document.head[:4096]).lower().replace("\r\n", "\n").partition("\n\n")[0]
    if "multipart/related" not in head and "text/html" not in head:
        return False
    saved = "snapshot-content-location:" in head or "from: <saved by" in head or 'from: "saved by' in head
    return saved or (document.extension in ("mht", "mhtml") and "\nto:" not in head)
