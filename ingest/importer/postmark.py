"""The lines that separate the messages of an mbox, and the marks that mailbox programs leave in messages.

Pure rules over bytes; taking a file apart by them is left to `mbox.py`. The dialects are those of
https://www.loc.gov/preservation/digital/formats/fdd/fdd000383.shtml (mboxo, mboxrd, mboxcl, mboxcl2).
"""

from __future__ import annotations

import re

LOOK_BYTES = 2_048  # what must be seen from the start of a "From " line to judge it

_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_TIME = rb"\d{1,2}:\d\d(?::\d\d)?"
_YEAR = rb"(?:19|20)\d\d"

# The form that asctime() gives, as nearly all programs write it; zones before or behind the year.
_STRICT = re.compile(
    rb"From (?:\S+|\"[^\"\r\n]{0,200}\"\S*) +"
    + _DAY + rb",? +" + _MONTH + rb" +\d{1,2} +" + _TIME + rb" +(?:[A-Za-z+-]\S{0,8} +)?" + _YEAR
    + rb"[^\r\n]{0,60}\r?\n",
    re.IGNORECASE,
)  # fmt: skip
# Whatever has a sender, a day and a time: other orders, zones in odd places, senders written "joe at host".
_LOOSE = re.compile(
    rb"From (?=[^\r\n]{0,300}?\b" + _TIME + rb"\b)(?=[^\r\n]{0,300}?\b" + _YEAR + rb"\b)"
    rb"(?=[^\r\n]{0,300}?(?:\b" + _MONTH + rb"\b|\d{4}-\d\d-\d\d|\d/\d{1,2}/))[^\r\n]{1,400}\r?\n",
    re.IGNORECASE,
)  # fmt: skip
_EUDORA = re.compile(rb"From \?\?\?@\?\?\?[^\r\n]{0,100}\r?\n")
_FIELD = re.compile(rb"[!-9;-~]{1,100}[ \t]*:|>From ")
_KNOWN_FIELD = re.compile(
    rb"(?:Return-Path|Received|Delivered-To|From|To|Date|Message-ID|Subject|Sender|Reply-To|MIME-Version"
    rb"|Content-[a-z-]{1,40}|Status|X-[a-z0-9-]{1,60}|DKIM-Signature|Envelope-To):",
    re.IGNORECASE,
)
_BLANK = re.compile(rb"\r?\n|\Z")


def postmark(look: bytes, *, after_blank: bool) -> int:
    """The length of the separating line that these bytes begin with; 0 if it is a line of a message.

    A line counts after a blank line, at the start of the file, or in a file whose writer left the blank lines
    out, when what follows cannot be but a message's header. "From " in a body that nobody escaped is told
    from it by its want of a date, and by what follows.

    Args:
        look: from the "From " on, as much as there is up to LOOK_BYTES.
    """
    if strict := _STRICT.match(look) or _EUDORA.match(look):
        if after_blank and (_FIELD.match(look, strict.end()) or _BLANK.match(look, strict.end())):
            return strict.end()
        return strict.end() if _KNOWN_FIELD.match(look, strict.end()) else 0
    if after_blank and (loose := _LOOSE.match(look)) and _FIELD.match(look, loose.end()):
        return loose.end()
    return 0


_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,12})[ \t]*\r?(?=\n)", re.IGNORECASE)
_QUOTED = re.compile(rb"(?<=\n)>(?=>*From )")

# What a mailbox program keeps in a message for itself, and changes as the message is read and moved. None of
# it was delivered; kept, the same message would be another one after it was read. Values are checked
# so that a sender's own field of that name stays.
_OWN_MARKS = re.compile(
    rb"\n(?:Status:[ \t]*[RODUN]{0,4}|X-Status:[ \t]*[ADFTROU-]{0,8}|X-Keywords:[^\r\n]*|X-UID:[ \t]*\d+"
    rb"|X-IMAP(?:base)?:[^\r\n]*|X-Mozilla-(?:Status2?|Keys):[^\r\n]*)[ \t]*\r?(?=\n)"
)
_HINTS = (b"\nStatus:", b"\nX-Status:", b"\nX-Keywords:", b"\nX-UID:", b"\nX-IMAP", b"\nX-Mozilla-")
# Gmail's export puts these on top.
_TOP_MARKS = re.compile(rb"(?:\n(?:X-GM-THRID|X-Gmail-Labels):[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?(?=\n))+")
_EXPUNGED = re.compile(rb"\nX-Mozilla-Status:[ \t]*([0-9a-fA-F]{4})")
_MOZILLA_EXPUNGED = 0x0008
_INTERNAL = re.compile(rb"\nX-IMAP(?:base)?:[ \t]*\d+[ \t]+\d+")
_INTERNAL_SUBJECT = re.compile(rb"\nSubject:[^\r\n]*FOLDER INTERNAL DATA")


def header_end(message: bytes | bytearray, most: int) -> int:
    """Where the body begins, behind the first blank line; -1 if that is not among the first `most` bytes."""
    for start in (b"\n", b"\r\n"):
        if message.startswith(start):
            return len(start)
    end = message.find(b"\n\n", 0, most)
    wide = message.find(b"\n\r\n", 0, most if end < 0 else end)
    return wide + 3 if wide >= 0 else end + 2 if end >= 0 else -1


def announced_length(header: bytes | bytearray) -> int | None:
    """The length of the body that the header announces; it may lie."""
    if b"ontent-" not in header and b"CONTENT-" not in header:
        return None
    found = _LENGTH.search(b"\n" + header)
    return int(found[1]) if found else None


def clean_header(header: bytes, *, measured: bool) -> bytes:
    """A header without the marks of the mailbox it was in.

    Args:
        measured: the announced length was true, so the mailbox's writer put it there.
    """
    lines = b"\n" + header
    if top := _TOP_MARKS.match(lines):
        lines = lines[top.end() :]
    if _has_marks(lines):
        lines = _OWN_MARKS.sub(b"", lines)
    if measured:
        lines = _LENGTH.sub(b"", lines)
    return lines[1:]


def is_leftover(header: bytes) -> str | None:
    """Why this is no message of the owner's: deleted but not cleared away yet, or the program's record."""
    lines = b"\n" + header
    if not _has_marks(lines):
        return None
    status = _EXPUNGED.search(lines)
    if status and int(status[1], 16) & _MOZILLA_EXPUNGED:
        return "deleted in the mail program"
    if _INTERNAL.search(lines) and _INTERNAL_SUBJECT.search(lines):
        return "a record of the mail program's own"
    return None


def _has_marks(lines: bytes) -> bool:
    return any(map(lines.__contains__, _HINTS))


def is_unquoted(body: bytes | bytearray) -> bool:
    """Whether a line begins with "From ": its writer quotes nothing (as of mboxcl2), or would have."""
    return body.startswith(b"From ") or b"\nFrom " in body


def unquote(body: bytes) -> bytes:
    """Take one ">" from each line that writers of mboxo, mboxrd and mboxcl have put one before.

    mboxo leaves ">From " as it is, so there a line that was ">From " already loses a sign; the three cannot
    be told apart, and mboxrd is the one that can be undone.
    """
    if b">From " not in body:
        return body
    return _QUOTED.sub(b"", b"\n" + body)[1:]
