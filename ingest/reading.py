"""Makes a stranger's reply into a `Reading`. Pure: nothing is stored and nothing is read here.

Two rules. What only the parser decides (counts, kinds, offsets, reasons) must be right, or the parser lied.
What the document decides (characters, names, dates) is cleaned and cut, since a document may say anything.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ingest.errors import ParserLied
from ingest.sandbox.messages import BAR, ReadAddress, ReadChild, ReadElement, ReadMail, Reply
from policy.limits import Limits
from store.records import Address, Element, ElementKind, Glimpse, MailHeader, Mark, Reading, Reason, Table

SEPARATOR = "\n\n"  # between elements in an item's text

_LINE_CHARS = 1_000  # titles, subjects, sentences for the owner
_NAME_CHARS = 200  # of a file; with its place in the parent it stays below what any system allows
_FOLDERS = 20
_ADDRESS_CHARS = 320  # RFC 3696: 64 @ 255
_ID_CHARS = 998  # RFC 5322: one line
_ADDRESSES = 1_000
_REFERENCES = 1_000
_PAGES = 1_000_000
_LEVELS = 100
_ZONES = 24 * 60  # minutes
_EARLIEST, _LATEST = -2_208_988_800.0, 4_102_444_800.0  # 1900 and 2100: outside, a date says nothing

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_LANGUAGE = re.compile(r"[a-z]{2}")
# Control characters but tab and line feed, surrogates, and the two code points that are no characters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# In a single line also what would break it or turn it around.
_UNLINED = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")


@dataclass(frozen=True)
class Child:
    """A stretch of the children's descriptor that is a document of its own."""

    name: str  # no path, never empty
    path: str  # inside its parent, "/" between; ends with the name
    offset: int
    length: int


@dataclass(frozen=True)
class Refused:
    """The document has no reading, and why."""

    reason: Reason
    detail: str | None
    seen: Glimpse


@dataclass(frozen=True)
class Accepted:
    """A reading, and the children to store before it is saved."""

    reading: Reading
    children: tuple[Child, ...]


def check(untrusted_reply: Reply, limits: Limits, children_bytes: int) -> Accepted | Refused:
    """Check a reply completely.

    Args:
        children_bytes: how much the parser wrote to the children's descriptor.

    Raises:
        ParserLied: no honest parser answers so.
    """
    reply = untrusted_reply
    seen = _glimpse(reply)
    if reply.reason is not None:
        _honest(not reply.elements and not reply.children, "a reason together with a reading")
        return Refused(_reason(reply.reason), _line_or_none(reply.detail), seen)
    if reply.convert is not None:
        return Refused(Reason.UNSUPPORTED, "it would have to be converted first", seen)
    children = _children(reply.children, limits, children_bytes)
    text, elements = _text(reply.elements, limits, reply.pages)
    mail = _mail(reply.mail) if reply.mail else None
    if not (elements or children or mail):
        return Refused(Reason.EMPTY, "it was read and holds no text", seen)
    _honest(reply.zone is None or abs(reply.zone) < _ZONES, "a time zone that is none")
    _honest(reply.language is None or bool(_LANGUAGE.fullmatch(reply.language)), "a language that is none")
    reading = Reading(
        media_type=reply.media_type,
        text=text,
        elements=elements,
        title=seen.title,
        author=seen.author,
        created_at=seen.created_at,
        zone=reply.zone,
        language=reply.language,
        pages=seen.pages,
        mail=mail,
        partial=_line_or_none(reply.partial),
    )
    return Accepted(reading, children)


def _glimpse(untrusted_reply: Reply) -> Glimpse:
    """What is said of the document besides its text."""
    media_type, pages = untrusted_reply.media_type, untrusted_reply.pages
    _honest(bool(_MEDIA_TYPE.fullmatch(media_type)), "a media type that is none")
    _honest(pages is None or 0 <= pages <= _PAGES, "a number of pages out of range")
    return Glimpse(
        media_type=media_type,
        title=_line_or_none(untrusted_reply.title),
        author=_line_or_none(untrusted_reply.author),
        created_at=_date(untrusted_reply.created_at),
        pages=pages,
    )


def line(text: str, chars: int = _LINE_CHARS) -> str:
    """Text as one line of at most `chars` characters, with nothing in it that acts on a terminal."""
    return _UNLINED.sub(" ", text[: 2 * chars]).strip()[:chars]


def _honest(condition: bool, what: str) -> None:
    if not condition:
        raise ParserLied(f"the parser answered with {what}")


def _reason(untrusted_reason: str) -> Reason:
    try:
        return Reason(untrusted_reason)
    except ValueError:
        raise ParserLied("the parser answered with an unknown reason") from None


def _children(untrusted_children: list[ReadChild], limits: Limits, children_bytes: int) -> tuple[Child, ...]:
    _honest(len(untrusted_children) <= limits.children, "too many children")
    _honest(children_bytes <= limits.child_bytes, "children that are too large")
    children: list[Child] = []
    end = 0
    for position, child in enumerate(untrusted_children, 1):
        # In order and apart: overlapping stretches could make terabytes of one megabyte.
        _honest(end <= child.offset and child.length >= 0, "children that overlap")
        end = child.offset + child.length
        _honest(end <= children_bytes, "a child that is not there")
        name = (_names(child.name) or [f"{position}"])[-1]
        path = "/".join([*_names(child.path)[:-1][-_FOLDERS:], name])
        children.append(Child(name, path, child.offset, child.length))
    return tuple(children)


def _names(untrusted_path: str) -> list[str]:
    """The names in a path, each fit to be shown; none that leads anywhere."""
    names = (line(part, _NAME_CHARS).lstrip(".") for part in re.split(r"[/\\]", untrusted_path))
    return [name for name in names if name]


def _text(
    untrusted_elements: list[ReadElement], limits: Limits, pages: int | None
) -> tuple[str, tuple[Element, ...]]:
    """The item's text and where each element stands in it: right by construction."""
    _honest(len(untrusted_elements) <= limits.elements, "too many elements")
    texts: list[str] = []
    elements: list[Element] = []
    start = cells = chars = 0
    for element in untrusted_elements:
        # Before anything is made of it; white space that will go counts as well.
        chars += len(element.text) + sum(sum(map(len, row)) for row in element.rows or ())
        _honest(chars <= 2 * limits.text_chars, "too much text")
        try:
            kind = ElementKind(element.kind)
        except ValueError:
            raise ParserLied("the parser answered with an unknown kind of element") from None
        last_page = _PAGES if pages is None else pages
        _honest(element.page is None or 1 <= element.page <= last_page, "a page out of range")
        _honest(element.level is None or 0 <= element.level <= _LEVELS, "a level out of range")
        _honest(
            element.language is None or bool(_LANGUAGE.fullmatch(element.language)), "a language that is none"
        )
        table: Table | None = None
        if element.rows is None:
            text = _UNPRINTABLE.sub(" ", element.text.replace("\r\n", "\n")).strip("\n").rstrip()
        else:
            cells += sum(map(len, element.rows))
            _honest(cells <= limits.table_cells, "too many cells")
            text, table = _table(element.rows, element.header_rows, start)
        if not text.strip():
            continue
        end = start + len(text)
        _honest(end <= limits.text_chars, "too much text")
        elements.append(
            Element(
                kind=kind,
                start=start,
                end=end,
                page=element.page,
                level=element.level,
                language=element.language,
                table=table,
            )
        )
        texts.append(text)
        start = end + len(SEPARATOR)
    return SEPARATOR.join(texts), tuple(elements)


def _table(untrusted_rows: list[list[str]], header: int, start: int) -> tuple[str, Table]:
    """The text of a table that begins at `start`, and where its cells stand."""
    lines: list[str] = []
    spans: list[tuple[int, ...]] = []
    line_start = start
    for untrusted_row in untrusted_rows:
        at = line_start
        cells = [" ".join(_UNPRINTABLE.sub(" ", cell).split()) for cell in untrusted_row]
        row: list[int] = []
        for cell in cells:
            row += (at, at + len(cell))
            at += len(cell) + len(BAR)
        lines.append(BAR.join(cells))
        spans.append(tuple(row))
        line_start += len(lines[-1]) + 1
    _honest(0 <= header <= len(spans), "more header rows than rows")
    return "\n".join(lines), Table(rows=tuple(spans), header=header)


def _mail(untrusted_mail: ReadMail) -> MailHeader:
    nearest = untrusted_mail.references[-_REFERENCES:]
    return MailHeader(
        message_id=_line_or_none(untrusted_mail.message_id, _ID_CHARS),
        in_reply_to=_line_or_none(untrusted_mail.in_reply_to, _ID_CHARS),
        references=tuple(r for r in (line(r, _ID_CHARS) for r in nearest) if r),
        subject=line(untrusted_mail.subject),
        sender=_address(untrusted_mail.sender) if untrusted_mail.sender else None,
        recipients=tuple(_address(a) for a in untrusted_mail.recipients[:_ADDRESSES]),
        marks=_marks(untrusted_mail.marks),
    )


def _marks(untrusted_marks: list[str]) -> tuple[Mark, ...]:
    try:
        return tuple(dict.fromkeys(Mark(mark) for mark in untrusted_marks))
    except ValueError:
        raise ParserLied("the parser answered with an unknown mark") from None


def _address(untrusted_address: ReadAddress) -> Address:
    return Address(
        name=line(untrusted_address.name, _ADDRESS_CHARS), email=line(untrusted_address.email, _ADDRESS_CHARS)
    )


def _date(untrusted_date: float | None) -> float | None:
    if untrusted_date is None or not math.isfinite(untrusted_date):
        return None
    return untrusted_date if _EARLIEST <= untrusted_date <= _LATEST else None


def _line_or_none(untrusted_text: str | None, chars: int = _LINE_CHARS) -> str | None:
    return line(untrusted_text, chars) or None if untrusted_text else None
