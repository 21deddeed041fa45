"""What a FETCH answer says of one message: pure, and alone in its trouble when it is nonsense."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imapclient.datetime_util import parse_to_datetime
from imapclient.exceptions import ProtocolError
from imapclient.response_parser import parse_response

from ingest.connector.engine import Part
from ingest.connector.messages import Fetched
from ingest.connector.spans import LAST_UID


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
    try:
        _, untrusted_items = parse_response(answer)
        items = dict(zip(untrusted_items[::2], untrusted_items[1::2], strict=True))
        named = {_name(key): value for key, value in items.items()}
        uid, body = named[b"UID"], named[b"BODY[]"]
    except (ProtocolError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(uid, int) or not 0 < uid <= LAST_UID:
        return None
    size = named.get(b"RFC822.SIZE")
    return Fetched(
        uid=uid,
        content=_content(body),
        size=size if isinstance(size, int) and size < 2**63 else None,
        received_at=_moment(named.get(b"INTERNALDATE")),
    )


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
