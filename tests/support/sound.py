"""What must hold of whatever was made of a stranger's reply."""

from __future__ import annotations

import math
import re
import unicodedata

from ingest.reading import Accepted, Refused
from policy.limits import Limits
from store.records import ElementKind, Glimpse, Mark, Reading, Reason

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_LANGUAGE = re.compile(r"[a-z]{2}")
_LINE = 1_000


def assert_sound(outcome: Accepted | Refused, limits: Limits, children_bytes: int) -> None:
    """Every offset, page, level, count, language and character of it is within bounds."""
    if isinstance(outcome, Refused):
        assert isinstance(outcome.reason, Reason)
        _line(outcome.detail)
        _seen(outcome.seen)
        return
    assert len(outcome.children) <= limits.children
    end = 0
    for child in outcome.children:
        assert end <= child.offset
        assert child.length >= 0
        end = child.offset + child.length
        assert child.name
        assert child.path.rpartition("/")[2] == child.name
        parts = child.path.split("/")
        assert len(parts) <= 21
        assert all(part and not part.startswith(".") and len(part) <= 200 for part in parts)
        assert not any("\\" in part for part in parts)
        _line(child.path, 21 * 201)
    assert end <= children_bytes
    _reading(outcome.reading, limits)


def _reading(reading: Reading, limits: Limits) -> None:
    text = reading.text
    text.encode()  # no surrogates
    assert len(text) <= limits.text_chars
    assert printable(text.replace("\n", "").replace("\t", ""))
    assert len(reading.elements) <= limits.elements
    assert "\n\n".join(text[e.start : e.end] for e in reading.elements) == text
    cells = 0
    for element in reading.elements:
        assert isinstance(element.kind, ElementKind)
        assert element.page is None or 1 <= element.page <= (reading.pages or 1_000_000)
        assert element.level is None or 0 <= element.level <= 100
        assert element.language is None or _LANGUAGE.fullmatch(element.language)
        if element.table is None:
            continue
        assert 0 <= element.table.header <= len(element.table.rows)
        at = element.start
        for row in element.table.rows:
            cells += len(row) // 2
            for start, stop in zip(row[::2], row[1::2], strict=True):
                assert at <= start <= stop <= element.end
                at = stop
    assert cells <= limits.table_cells
    assert reading.language is None or _LANGUAGE.fullmatch(reading.language)
    _line(reading.partial)
    _seen(reading)
    if reading.mail is not None:
        mail = reading.mail
        assert max(len(mail.references), len(mail.recipients), len(mail.marks)) <= 1_000
        assert all(isinstance(mark, Mark) for mark in mail.marks)
        addresses = [*mail.recipients, *([mail.sender] if mail.sender else [])]
        for said in (mail.message_id, mail.in_reply_to, mail.subject, *mail.references):
            _line(said)
        for address in addresses:
            _line(address.name)
            _line(address.email)


def _seen(seen: Glimpse | Reading) -> None:
    assert _MEDIA_TYPE.fullmatch(seen.media_type)
    assert seen.pages is None or 0 <= seen.pages <= 1_000_000
    assert seen.created_at is None or math.isfinite(seen.created_at)
    _line(seen.title)
    _line(seen.author)


def _line(text: str | None, chars: int = _LINE) -> None:
    if text is not None:
        assert len(text) <= chars
        assert printable(text)
        assert len(text.splitlines()) <= 1


def printable(text: str) -> bool:
    """Whether nothing in it acts on a terminal, or is no character."""
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
