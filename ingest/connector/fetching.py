"""What a FETCH answer says of one message: pure, and alone in its trouble when it is nonsense."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from imapclient.datetime_util import parse_to_datetime
from imapclient.exceptions import ProtocolError
from imapclient.response_parser import parse_response

from ingest.connector.engine import Part
from ingest.connector.messages import Fetched
from ingest.connector.spans import LAST_UID

# What most servers say of most messages; imapclient's parser takes everything, byte by byte, at 70 µs each.
_USUAL = re.compile(
    rb'\d+ \((?:UID (?P<uid>\d{1,10}) |RFC822\.SIZE (?P<size>\d{1,18}) |INTERNALDATE "(?P<date>[^"\\]*)" )+'
    rb"BODY\[\](?:<\d+>)? \{\d+\}"
)


def answers(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """The parts of FETCH, answer by answer: each ends with its one part that has no literal."""
    answer: list[Part] = []
    for part in parts:
        answer.append(part)
        if isinstance(part, bytes):
            yield answer
            answer = []


def message_of(answer: list[Part]) -> Fetched | None:
    """The message of one answer, with its body or a stretch of it.

    None: it is of no message, such as news of a flag, or it is nonsense, which concerns this one only.
    """
    items = _usual(answer) or _any(answer)
    uid = items.get(b"UID")
    if not isinstance(uid, int) or not 0 < uid <= LAST_UID or b"BODY[]" not in items:
        return None
    size = items.get(b"RFC822.SIZE")
    return Fetched(
        uid=uid,
        content=_content(items[b"BODY[]"]),
        size=size if isinstance(size, int) and size < 2**63 else None,
        received_at=_moment(items.get(b"INTERNALDATE")),
    )


def _usual(answer: list[Part]) -> dict[bytes, object] | None:
    if len(answer) != 2 or answer[1] != b")" or not isinstance(answer[0], tuple):
        return None
    head, body = answer[0]
    found = _USUAL.fullmatch(head)
    if found is None:
        return None
    numbers = {
        name: int(found[group]) for name, group in ((b"UID", "uid"), (b"RFC822.SIZE", "size")) if found[group]
    }
    return {**numbers, b"INTERNALDATE": found["date"], b"BODY[]": body}


def _any(answer: list[Part]) -> dict[bytes, object]:
    try:
        _, items = parse_response(answer)
        return {_name(key): value for key, value in zip(items[::2], items[1::2], strict=True)}
    except (ProtocolError, ValueError, TypeError, RecursionError):
        return {}


def _name(key: object) -> bytes:
    """An item's name without the offset: `BODY[]<0>` answers `BODY.PEEK[]<0.100>`."""
    return key.upper().partition(b"<")[0] if isinstance(key, bytes) else b""


def _content(body: object) -> bytes | None:
    if isinstance(body, int):  # digits that stood for themselves
        return str(body).encode()
    return body if isinstance(body, bytes) and body.upper() != b"NIL" else None


def _moment(text: object) -> float | None:
    """INTERNALDATE as UTC seconds since the epoch."""
    try:
        return float(parse_to_datetime(text, normalise=False).timestamp())
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None
