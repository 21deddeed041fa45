"""One message in a file of its own, in a folder or an archive: how it is recognised, named and unwrapped."""

from __future__ import annotations

import re

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIELD = re.compile(rb"([!-9;-~]{1,76})[ \t]*:|[ \t]+\S")
_KNOWN = frozenset(
    b"message-id received mime-version return-path delivered-to from to subject date cc reply-to sender"
    b" content-type x-mailer".split()
)
_FLAGS = re.compile(r"[:;!]2,[A-Za-z]*$")
_MAILDIR = re.compile(r"(^|/)(?:cur|new)/(?=[^/]+$)")
_UNFINISHED = re.compile(r"(^|/)tmp/[^/]+$")
_EMLX = re.compile(rb"\s*(\d{1,10})[ \t]*\r?\n")


def is_message(head: bytes, name: str) -> bool:
    """Whether a file is one message: of a known name, or it begins with the header of one.

    Args:
        head: its first bytes, 16 KiB or more where there are as many.
    """
    lower = name.lower()
    if lower.endswith(".msg"):
        return head.startswith(_OLE)
    if lower.endswith(".emlx"):
        return _EMLX.match(head) is not None
    fields = set()
    for number, line in enumerate(head.removeprefix(b"\xef\xbb\xbf").splitlines()):
        if number == 0 and line.startswith((b"From ", b">From ")):
            continue
        field = _FIELD.match(line)
        if field is None:
            break
        if field[1]:
            fields.add(field[1].lower())
    return len(fields & _KNOWN) >= (1 if lower.endswith(".eml") else 2)


def place_of(path: str) -> str:
    """What a message is named by, whatever its flags are: in a Maildir they are part of the file's name."""
    return _MAILDIR.sub(r"\1", _FLAGS.sub("", path))


def is_unfinished(path: str) -> bool:
    """Whether a file is one that a Maildir has not delivered yet."""
    return _UNFINISHED.search(path) is not None


def unwrapped(content: bytes, name: str) -> bytes:
    """The message itself: Apple Mail writes its length before it and its own notes after it."""
    if name.lower().endswith(".emlx") and (length := _EMLX.match(content)):
        return content[length.end() : length.end() + int(length[1])]
    return content
