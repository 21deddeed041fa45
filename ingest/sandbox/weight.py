"""Weighs the replies of a parser before anything is made of them: a byte of a message can become a hundred in
memory, so one within its length could still hold more lists than this process has room for.

Whether what they say is true is left to `ingest/reading.py`.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.msgpack import decode

from policy.limits import Limits
from policy.wire import WireError

_FIELDS = 15  # of a reply or an element, at most
_NOTHING = Raw(b"\x90")


def weigh(untrusted_answer: Raw, limits: Limits) -> None:
    """See that all replies of an answer together hold no more things than one document may. Texts weigh what
    they are long, and all other lists are bounded by their schema.

    Raises:
        WireError: they do, or they are none.
    """
    try:
        _weigh(untrusted_answer, limits)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("the parser sent something else than its replies") from error


def _weigh(untrusted_answer: Raw, limits: Limits) -> None:
    elements = children = scans = cells = 0
    _bound(_length(untrusted_answer), limits.replies)
    for untrusted_reply in _each(untrusted_answer):
        reply = _fields(untrusted_reply)
        children = _bound(children + _length(reply.get("children", _NOTHING)), limits.children)
        scans = _bound(scans + _length(reply.get("scans", _NOTHING)), limits.pages)
        untrusted_elements = reply.get("elements", _NOTHING)
        elements = _bound(elements + _length(untrusted_elements), limits.elements)
        for untrusted_element in _each(untrusted_elements):
            untrusted_rows = _fields(untrusted_element).get("rows", _NOTHING)
            # A reader hands over no empty row, so there are no more rows than cells.
            cells = _bound(cells + _length(untrusted_rows), 2 * limits.table_cells)
            for untrusted_row in _each(untrusted_rows):
                cells = _bound(cells + _length(untrusted_row), 2 * limits.table_cells)


def _bound(count: int, most: int) -> int:
    if count > most:
        raise WireError("the parser sent more than there is in any document")
    return count


def _each(untrusted: Raw) -> list[Raw]:
    """What is in an array, whose length is bounded; nothing for what is none."""
    return decode(untrusted, type=list[Raw]) if _length(untrusted) else []


def _fields(untrusted: Raw) -> dict[str, Raw]:
    """The fields of a map, each of which is there once: of two with one name only the last would be weighed,
    and both would be made.
    """
    head = memoryview(untrusted)[0]
    count = head - 0x80
    if not 0 <= count <= _FIELDS:
        raise WireError("the parser sent something else than its replies")
    fields = decode(untrusted, type=dict[str, Raw])
    if len(fields) != count:
        raise WireError("the parser sent a field twice")
    return fields


def _length(untrusted: Raw) -> int:
    """How many things an array says that it holds; 0 for what is none.

    Format: https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family
    """
    head = bytes(memoryview(untrusted)[:5])
    if 0x90 <= head[0] <= 0x9F:
        return head[0] - 0x90
    return int.from_bytes({0xDC: head[1:3], 0xDD: head[1:5]}.get(head[0], b""), "big")
