"""What a taken-over parser worker may say instead of an answer, as tables: bytes and what they become."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

from msgspec import Raw
from msgspec.msgpack import encode

LIE = "ParserLied"  # called one, on the wire or by the check behind it
SOUND = "sound"  # taken, with nothing in it that does harm; what cannot be was dropped


@dataclass(frozen=True)
class Forged:
    """Some bytes, said in one breath; then the worker sleeps, or is gone."""

    said: bytes
    becomes: str = LIE
    then_gone: bool = False


def _frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def _reply(**fields: Any) -> bytes:
    return _frame(encode([fields]))


def _text(**fields: Any) -> bytes:
    """A reply with one element of these fields."""
    return _reply(pages=3, elements=[{"kind": "paragraph", "text": "text"} | fields])


def _mail(**fields: Any) -> bytes:
    return _reply(mail=fields)


def _many(count: int, each: bytes) -> Raw:
    return Raw(b"\xdd" + struct.pack(">I", count) + each * count)


def _deep(levels: int, level: bytes = b"\x91") -> Raw:
    return Raw(level * levels + b"\xc0")


def _children(*stretches: tuple[int, int]) -> bytes:
    return _reply(children=[{"name": "a", "offset": a, "length": n} for a, n in stretches])


_HONEST = _reply(elements=[{"kind": "paragraph", "text": "text"}])
_HUGE = 2**64 - 1

FRAMES = {
    "half a length": Forged(b"\0\0", then_gone=True),
    "a length and nothing": Forged(struct.pack(">I", 1000), then_gone=True),
    "half a body": Forged(_HONEST[:-3], then_gone=True),
    "nothing": Forged(b"", then_gone=True),
    "no body": Forged(_frame(b"")),
    "a length of 4 GiB": Forged(b"\xff\xff\xff\xff"),
    "a length over the limit": Forged(struct.pack(">I", (128 << 20) + 1)),
    "too long by a byte": Forged(_frame(_HONEST[4:] + b"\0")),
    "two answers": Forged(_HONEST + _HONEST),
    "an answer and a byte": Forged(_HONEST + b"\0"),
    "never msgpack": Forged(_frame(b"\xc1" * 4)),
    "nil": Forged(_frame(encode(None))),
    "a truth": Forged(_frame(encode(True))),
    "a number": Forged(_frame(encode(7))),
    "a text": Forged(_frame(encode("reply"))),
    "bytes": Forged(_frame(encode(b"reply"))),
    "a time": Forged(_frame(b"\xd6\xff" + bytes(4))),
    "an extension": Forged(_frame(b"\xc7\x04\x01pick")),
    "a pickle": Forged(_frame(b"\x80\x04cos\nsystem\n(S'true'\ntR.")),
    "json": Forged(_frame(b'[{"elements": []}]')),
    "a map": Forged(_frame(encode({"elements": []}))),
    "no reply": Forged(_frame(encode([]))),
    "two replies": Forged(_frame(encode([{}, {}]))),
    "a thousand replies": Forged(_frame(encode([{}] * 1000))),
    "a reply that is a list": Forged(_frame(encode([[]]))),
    "a reply that is a text": Forged(_frame(encode(["reply"]))),
    "a picture": Forged(_frame(encode({"type": "Drawn", "width": 1, "height": 1}))),
    "its own request": Forged(_frame(encode({"type": "Jobs", "jobs": []}))),
    "its first word again": Forged(_frame(encode({"type": "Confined"}))),
    "progress backwards": Forged(_frame(encode({"type": "Progress", "done": -1}))),
    "progress without end": Forged(_frame(encode({"type": "Progress", "done": 2**63}))),
    "progress that is none": Forged(_frame(encode({"type": "Progress", "done": "much"}))),
    "progress to nowhere": Forged(_frame(encode({"type": "Progress", "done": 1, "total": -1}))),
    "a flood of progress": Forged(1000 * _frame(encode({"type": "Progress", "done": 1}))),
}

SHAPES = {
    "elements that are a map": Forged(_reply(elements={})),
    "elements that are none": Forged(_reply(elements=None)),
    "an element that is a text": Forged(_reply(elements=["text"])),
    "an element without text": Forged(_reply(elements=[{"kind": "paragraph"}])),
    "text that is bytes": Forged(_text(text=b"text")),
    "text that is a number": Forged(_text(text=7)),
    "text that is no UTF-8": Forged(_frame(b"\x91\x81\xa5title\xa2\xff\xfe")),
    "text of surrogates": Forged(_frame(b"\x91\x81\xa5title\xa3\xed\xa0\x80")),
    "a key that is a number": Forged(_frame(b"\x91\x81\x01\x02")),
    "a key that is a list": Forged(_frame(b"\x91\x81\x90\x02")),
    "one field twice": Forged(_frame(b"\x91\x82\xa5title\xa1a\xa5title\xa1b")),
    "elements twice": Forged(_frame(b"\x91\x82\xa8elements\x90\xa8elements\x90")),
    "fields by the hundred": Forged(_reply(**{f"field{number}": 0 for number in range(100)})),
    "a field of another time": Forged(_reply(tomorrow=[1, {"a": b"b"}]), SOUND),
    "2**32 elements": Forged(_reply(elements=Raw(b"\xdd\xff\xff\xff\xff"))),
    "2**32 fields": Forged(_frame(b"\x91\xdf\xff\xff\xff\xff")),
    "a text of 4 GiB": Forged(_frame(b"\x91\x81\xa5title\xdb\xff\xff\xff\xff")),
    "bytes of 4 GiB": Forged(_frame(b"\x91\x81\xa5title\xc6\xff\xff\xff\xff")),
    "a million empty lists for elements": Forged(_reply(elements=_many(1 << 20, b"\x90"))),
    "a million empty maps for elements": Forged(_reply(elements=_many(1 << 20, b"\x80"))),
    "a million empty rows": Forged(_text(rows=_many(1 << 20, b"\x90"))),
    "a million cells": Forged(_text(rows=[_many(1 << 20, b"\xa0")])),
    "a million rows in a thousand tables": Forged(
        _reply(elements=[{"kind": "table", "text": "", "rows": _many(1024, b"\x90")}] * 1024)
    ),
    "a million children": Forged(_reply(children=_many(1 << 20, b"\x80"))),
    "a million scans": Forged(_reply(scans=_many(1 << 20, b"\x01"))),
    "a million marks": Forged(_mail(marks=_many(1 << 20, b"\xa0"))),
    "a million references": Forged(_mail(references=_many(1 << 20, b"\xa0"))),
    "a million recipients": Forged(_mail(recipients=_many(1 << 20, b"\x80"))),
    "a hundred thousand lists deep": Forged(_reply(tomorrow=_deep(100_000))),
    "a hundred thousand maps deep": Forged(_reply(tomorrow=_deep(100_000, b"\x81\xa1a"))),
    "elements a hundred thousand deep": Forged(_reply(elements=_deep(100_000))),
    "rows a thousand deep": Forged(_text(rows=_deep(1_000))),
}

CLAIMS = {
    "an unknown reason": Forged(_reply(reason="BORED")),
    "a reason and a text": Forged(_reply(reason="EMPTY", elements=[{"kind": "paragraph", "text": "text"}])),
    "a reason and children": Forged(
        _reply(reason="EMPTY", children=[{"name": "a", "offset": 0, "length": 0}])
    ),
    "a detail of many lines": Forged(_reply(reason="EMPTY", detail="a\x1b[2J\nb\u202e" * 1000), SOUND),
    "an unknown kind of element": Forged(_text(kind="sermon")),
    "page 0": Forged(_text(page=0)),
    "page -1": Forged(_text(page=-1)),
    "a page behind the last": Forged(_text(page=4)),
    "page 2**64 - 1": Forged(_text(page=_HUGE)),
    "a page and a half": Forged(_text(page=1.5)),
    "a page that is none": Forged(_text(page=math.nan)),
    "level -1": Forged(_text(level=-1)),
    "level 2**64 - 1": Forged(_text(level=_HUGE)),
    "a level that is none": Forged(_text(level=math.nan)),
    "an endless level": Forged(_text(level=math.inf)),
    "a language that is a path": Forged(_text(language="../..")),
    "a language of many lines": Forged(_reply(language="en\n", elements=[{"kind": "title", "text": "a"}])),
    "more header rows than rows": Forged(_text(rows=[["a"]], header_rows=2)),
    "fewer header rows than none": Forged(_text(rows=[["a"]], header_rows=-1)),
    "rows of unequal length": Forged(_text(rows=[["a"], [], ["b", "c" * 1000]]), SOUND),
    "cells that would be columns": Forged(_text(rows=[["a | b\n\nc", "\0"]]), SOUND),
    "-1 pages": Forged(_reply(pages=-1)),
    "2**64 - 1 pages": Forged(_reply(pages=_HUGE)),
    "a scan that is not there": Forged(_reply(pages=2, scans=[3])),
    "scan 0": Forged(_reply(pages=2, scans=[0, 1])),
    "scans backwards": Forged(_reply(pages=3, scans=[2, 1])),
    "one scan twice": Forged(_reply(pages=3, scans=[1, 1])),
    "a media type with a header": Forged(_reply(media_type="text/plain\r\nX-Evil: 1")),
    "a media type that is a path": Forged(_reply(media_type="../../x")),
    "a media type without end": Forged(_reply(media_type="a/" + "a" * 1000)),
    "made in no year": Forged(_reply(created_at=math.nan), SOUND),
    "made for ever": Forged(_reply(created_at=-math.inf), SOUND),
    "made in the year 10**300": Forged(_reply(created_at=1e300), SOUND),
    "a title that draws": Forged(_reply(title="\x1b]0;evil\x07\x9b2J" * 500), SOUND),
    "text that draws": Forged(_text(text="\x1b[2J\x00\x07\x9b\ufffe\u202e" * 100), SOUND),
    "a mark that is none": Forged(_mail(marks=["TRUSTED"])),
    "addresses of many lines": Forged(_mail(sender={"name": "a\nb", "email": "a\0" * 1000}), SOUND),
    "a conversion": Forged(_reply(convert="../../bin/sh"), SOUND),
    "a child before the beginning": Forged(_children((-1, 2))),
    "a child of negative length": Forged(_children((5, -3))),
    "a child behind the end": Forged(_children((0, 1 << 20))),
    "a child past 2**63": Forged(_children((2**63 - 1, 2**63 - 1))),
    "a child of 2**64 - 1": Forged(_children((_HUGE, _HUGE))),
    "children that overlap": Forged(_children((0, 0), (0, 3), (2, 3))),
    "children in no order": Forged(_children((3, 0), (0, 3))),
    "a child whose place is none": Forged(_reply(children=[{"name": "a", "offset": math.nan, "length": 1}])),
    **{
        f"a child named {name!r}": Forged(
            _reply(children=[{"name": name, "path": name, "offset": 0, "length": 0}]), SOUND
        )
        for name in (
            *("../../etc/passwd", "/etc/passwd", "..", "", "\0", "C:\\windows\\x", "a/../../b", "~/.ssh/id"),
            *("a" * 10_000, "x\n\x1b[2J", "\u202egnp.exe", "-rf", "aux", "/" * 10_000),
        )
    },
}
