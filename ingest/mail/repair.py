"""Makes the bytes of a message such that the standard parser finds its header and its parts: byte order
marks, "From " lines, broken header lines, lost boundaries. A sound message is left alone.
"""

from __future__ import annotations

import email
import re
from email._policybase import Compat32
from email.message import Message

from ingest.readers.encoding import decode, wide_encoding

# A header of well formed fields up to its empty line. Possessive: it never goes back, so it stays linear.
_SOUND = re.compile(rb"(?:[!-9;-~]++:[^\r\n]*+\r?\n(?:[ \t]++[^\r\n]*+\r?\n)*+)++\r?\n")
_FIELD = re.compile(rb"([!-9;-~]{1,76})[ \t]*:")
_KNOWN = re.compile(
    rb"(?:from|to|cc|bcc|subject|date|sender|reply-to|message-id|in-reply-to|references|received|return-path"
    rb"|delivered-to|mime-version|content-[a-z-]{2,40}|x-[a-z0-9-]{1,60}|resent-[a-z-]{2,20}|list-[a-z-]{2,20})"
    rb"[ \t]*:",
    re.IGNORECASE,
)
_PEOPLE = re.compile(rb"(?:from|to|cc|bcc|sender|reply-to):", re.IGNORECASE)
_FROM_LINE = re.compile(rb">?From (?![ \t]*:)")
_MAX_HEADER = 1024 * 1024
_JUNK_LINES = 20  # that many lines that are no fields may stand within a header
_DELIMITER = re.compile(
    rb"^--([^\s-][^\r\n]{0,69}?)[ \t]*\r?\n(?=content-[a-z-]+[ \t]*:)", re.I | re.MULTILINE
)


class _Lenient(Compat32):
    """The old policy, but bytes above ASCII in a field are decoded instead of lost."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value if value.isascii() else decode(value.encode("utf-8", "surrogateescape"))


_POLICY = _Lenient()


def parse(untrusted_content: bytes) -> Message:
    """The message in these bytes, however damaged its header is."""
    return email.message_from_bytes(repaired(untrusted_content), policy=_POLICY)


def repaired(content: bytes) -> bytes:
    """The same message with a header that the standard parser reads to its end."""
    if _SOUND.match(content):
        return content
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or wide_encoding(content):
        content = decode(content).encode("utf-8", "surrogateescape")
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n \t\x00")
    head = content[:_MAX_HEADER]
    if b"\n" not in head:
        content = content.replace(b"\r", b"\n")
    elif b"\r\r\n" in head:
        content = content.replace(b"\r\r\n", b"\n")
    return content if _SOUND.match(content) else _with_sound_header(content)


def _with_sound_header(content: bytes) -> bytes:
    """Lines that are no fields are joined to the field above them, or end the header if no field follows."""
    lines = content[:_MAX_HEADER].split(b"\n")
    fields: list[bytes] = []
    at = 0
    while at < len(lines) and _FROM_LINE.match(lines[at]):
        at += 1
    for index in range(at, len(lines)):
        at = index
        line = lines[at].rstrip(b"\r").replace(b"\r", b" ")
        found = _FIELD.match(line)
        if not line.strip():
            if line == lines[at].rstrip(b"\r") and not line:
                break
        elif found:
            fields.append(found[1] + b":" + line[found.end() :])
        elif line[:1] in (b" ", b"\t"):
            fields.append(line if fields else b"X-Lost:" + line)
        elif any(_KNOWN.match(later) for later in _until_blank(lines, at + 1)):
            fields.append(
                (b" " if fields and _belongs(line, fields[-1], lines[index + 1]) else b"X-Lost: ") + line
            )
        else:  # no empty line between header and body
            at -= 1
            break
    rest = content[sum(len(line) + 1 for line in lines[: at + 1]) :]
    return b"\n".join((*fields, b"", rest)) if fields else b"\n" + rest


def _belongs(line: bytes, above: bytes, below: bytes) -> bool:
    """Whether a line that is no field goes on with the one above it: never as a part of somebody's name."""
    if below[:1] in (b" ", b"\t") or not _PEOPLE.match(above):
        return True
    return above.rstrip().endswith((b",", b";")) or b"@" in line


def _until_blank(lines: list[bytes], at: int) -> list[bytes]:
    """The next lines of the header."""
    near = lines[at : at + _JUNK_LINES]
    return near[: next((index for index, line in enumerate(near) if not line.strip()), len(near))]


def with_found_boundary(part: Message, content: bytes) -> Message | None:
    """A multipart that has no part under its own boundary, taken apart by the one that is really there.

    Args:
        content: what stands below the header of the part.
    """
    found = _DELIMITER.search(content)
    if not found or b'"' in found[1]:
        return None
    head = b'Content-Type: %s; boundary="%s"\n\n' % (
        part.get_content_type().encode("ascii", "replace"),
        found[1],
    )
    again = email.message_from_bytes(head + content[found.start() :], policy=_POLICY)
    return again if again.is_multipart() else None
