"""S/MIME envelopes (CMS, RFC 5652), as far as they can be read without a key: what is only signed is taken
out, what is encrypted is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass

_SIGNED = bytes.fromhex("2a864886f70d010702")
_ENCRYPTED = frozenset(
    bytes.fromhex(name) for name in ("2a864886f70d010703", "2a864886f70d010706", "2a864886f70d0109100117")
)
_OBJECT_ID, _OCTETS, _CONSTRUCTED_OCTETS = 0x06, 0x04, 0x24
_MAX_DEPTH = 30


@dataclass(frozen=True)
class _Element:
    """One element of BER: its tag, and where its content and the next element begin."""

    tag: int
    start: int
    end: int
    next: int


def signed_content(untrusted_content: bytes) -> bytes | None:
    """What a signed envelope holds; None if this is none, is damaged, or holds only the signature."""
    try:
        kind, body = _opened(untrusted_content)
        if kind != _SIGNED:
            return None
        inner = _below(untrusted_content, _below(untrusted_content, body, 3)[2], 2)
        if len(inner) < 2:
            return None
        return _octets(untrusted_content, _below(untrusted_content, inner[1], 1)[0], 0)
    except (ValueError, IndexError):
        return None


def is_encrypted(untrusted_content: bytes) -> bool:
    """Whether this is an envelope that only a key opens."""
    try:
        return _opened(untrusted_content)[0] in _ENCRYPTED
    except (ValueError, IndexError):
        return False


def _opened(content: bytes) -> tuple[bytes, _Element]:
    """The type of an envelope and its body.

    Raises:
        ValueError, IndexError: it is none, or cut off.
    """
    kind, wrapped = _below(content, _element(content, 0), 2)
    if kind.tag != _OBJECT_ID:
        raise ValueError("no envelope")
    name = content[kind.start : kind.end]
    return name, wrapped if name in _ENCRYPTED else _below(content, wrapped, 1)[0]


def _element(content: bytes, at: int, depth: int = 0) -> _Element:
    tag, length = content[at], content[at + 1]
    at += 2
    if depth > _MAX_DEPTH or tag & 0x1F == 0x1F:
        raise ValueError("no envelope")
    if length == 0x80:  # of unknown length: up to two zeros
        start = at
        while content[at : at + 2] != b"\x00\x00":
            at = _element(content, at, depth + 1).next
        return _Element(tag, start, at, at + 2)
    if length > 0x80:
        size = length & 0x7F
        length = int.from_bytes(content[at : at + size], "big")
        at += size
    return _Element(tag, at, min(at + length, len(content)), at + length)


def _below(content: bytes, parent: _Element, most: int) -> list[_Element]:
    """The first elements within one."""
    found: list[_Element] = []
    at = parent.start
    while len(found) < most and at < parent.end:
        found.append(_element(content, at))
        at = found[-1].next
    return found


def _octets(content: bytes, element: _Element, depth: int) -> bytes:
    """A string of octets, which may come in pieces."""
    if element.tag == _OCTETS:
        return content[element.start : element.end]
    if element.tag != _CONSTRUCTED_OCTETS or depth > _MAX_DEPTH:
        raise ValueError("no string of octets")
    pieces: list[bytes] = []
    at = element.start
    while at < element.end:
        piece = _element(content, at)
        pieces.append(_octets(content, piece, depth + 1))
        at = piece.next
    return b"".join(pieces)
