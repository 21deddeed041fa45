"""Bombs that are mail: parts in parts, parts without number, headers that never end, and what keeps a pattern
busy; and containers of Outlook that go round.
"""

from __future__ import annotations

import base64
import struct

from tests.support.bomb import CHILDREN, TEXT, Made, bomb

_HEAD = b"From: A <a@b.example>\r\nTo: b@c.example\r\nSubject: words\r\nMessage-ID: <1@b.example>\r\n"
_MIME = b"MIME-Version: 1.0\r\n"
_ENDS = (TEXT, CHILDREN, "TRUNCATED", "TOO_LARGE", "UNSUPPORTED", "TIMEOUT")


@bomb(*_ENDS, slow=True)
def parts_in_parts() -> Made:
    part = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
    return "deep.eml", _HEAD + _MIME + b"".join(part % (n, n) for n in range(10_000)) + b"\r\nwords\r\n"


@bomb(*_ENDS, slow=True)
def messages_in_messages() -> Made:
    return "deep.eml", (_HEAD + _MIME + b"Content-Type: message/rfc822\r\n\r\n") * 10_000 + b"words\r\n"


@bomb(*_ENDS, slow=True)
def many_parts() -> Made:
    part = b"--b\r\nContent-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\nwords\r\n"
    return "parts.eml", _HEAD + _MIME + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 100_000


@bomb(*_ENDS, slow=True)
def boundary_everywhere() -> Made:
    head = _HEAD + _MIME + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    return "boundary.eml", head + b"--b\r\n" * 1_000_000


@bomb(*_ENDS)
def header_of_ten_megabytes() -> Made:
    return "header.eml", b"From: a@b.example\r\nSubject: " + b"word " * 2_000_000 + b"\r\n\r\nwords\r\n"


@bomb(*_ENDS, slow=True)
def header_of_folds() -> Made:
    return "folds.eml", b"From: a@b.example\r\nSubject: w\r\n" + b" a\r\n" * 1_000_000 + b"\r\nwords\r\n"


@bomb(*_ENDS, slow=True)
def many_headers() -> Made:
    return "headers.eml", _HEAD + b"Received: from a by b\r\n" * 500_000 + b"\r\nwords\r\n"


@bomb(*_ENDS)
def header_of_encoded_words() -> Made:
    return "words.eml", b"From: a@b.example\r\nSubject: " + b"=?utf-8?q?a?= " * 300_000 + b"\r\n\r\nwords\r\n"


@bomb(*_ENDS)
def addresses_without_end() -> Made:
    to = b"To: " + b"a@b.example, " * 300_000 + b"\r\nCc: " + b"(" * 200_000 + b"\r\nBcc: " + b'"' * 200_001
    return (
        "addresses.eml",
        b"From: a@b.example\r\n" + to + b"\r\nReply-To: " + b"<" * 200_000 + b"\r\n\r\nwords\r\n",
    )


@bomb(*_ENDS)
def references_without_end() -> Made:
    return (
        "references.eml",
        _HEAD + b"References: " + b"<a@b> " * 500_000 + b"<" * 200_000 + b"\r\n\r\nwords\r\n",
    )


@bomb(*_ENDS, slow=True)
def parameters_without_end() -> Made:
    parts = b"".join(b" name*%d*=a;" % n for n in range(100_000))
    return "parameters.eml", _HEAD + _MIME + b"Content-Type: text/plain;" + parts + b"\r\n\r\nwords\r\n"


@bomb(*_ENDS)
def mail_for_patterns() -> Made:
    """What looks like the beginning of a quotation, a signature, an address, a disclaimer, and never ends."""
    lines = ("On " * 50_000, "> " * 50_000, "-" * 100_000, "_" * 100_000, "From: " * 30_000, "*" * 100_000)
    lines += (
        "wrote:" * 20_000,
        " " * 100_000 + "x",
        "On Mon, a\n" * 20_000,
        "-----Original " * 10_000,
        "a@" * 50_000,
    )
    lines += ("Von: a\nGesendet: b\n" * 5_000, ">" * 20_000 + "\n" * 1_000, "[" * 50_000, "http://" * 20_000)
    return "patterns.eml", _HEAD + b"\r\n" + "\n\n".join(lines).encode()


@bomb(*_ENDS)
def subject_for_patterns() -> Made:
    subject = b"Re: " * 20_000 + b"[" * 50_000 + b"Fwd" * 20_000 + b"(" * 50_000 + b"Re[2]" * 10_000
    return "subject.eml", b"From: a@b.example\r\nSubject: " + subject + b"\r\n\r\nwords\r\n"


@bomb(*_ENDS)
def html_mail_for_patterns() -> Made:
    page = (
        b"<blockquote>" * 50_000 + b"<div class=gmail_quote>" * 20_000 + b"words<hr>From: a<br>Sent:" * 5_000
    )
    return "html.eml", _HEAD + _MIME + b"Content-Type: text/html\r\n\r\n<html>" + page


@bomb(*_ENDS, slow=True)
def attachment_of_nothing() -> Made:
    """Base64 with nothing to decode in it, and quoted-printable that is all soft line ends."""
    head = b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: "
    parts = head + b"base64\r\n\r\n" + b"=\r\n" * 3_000_000
    parts += head + b"quoted-printable\r\n\r\n" + b"=\r\n" * 3_000_000
    return "nothing.eml", _HEAD + _MIME + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts


@bomb(*_ENDS, slow=True)
def uuencoded_without_end() -> Made:
    return "uu.eml", _HEAD + b"\r\n" + b"begin 644 a.txt\r\n" * 200_000 + b"M" + b"a" * 60 + b"\r\n"


@bomb(*_ENDS)
def winmail_that_lies() -> Made:
    """Its attributes say that they have four gigabytes, its properties that there are as many."""
    lie = b"\2" + struct.pack("<II", 0x00069005, 0xFFFFFFF0) + bytes(8)
    inner = struct.pack("<IHH", 0xFFFFFFFF, 0x1E, 0x3001) + b"\xff\xff\xff\x7f" * 100
    properties = b"\1" + struct.pack("<II", 0x00069003, len(inner)) + inner + b"\0\0"
    content = struct.pack("<IH", 0x223E9F78, 1) + properties * 1_000 + lie
    head = b"--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n"
    body = (
        head + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content) + b"\r\n--b--\r\n"
    )
    return "tnef.eml", _HEAD + _MIME + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body


def compound(fat: bytes, directory: bytes, sectors: int = 0, first_directory: int = 1) -> bytes:
    """A file of Microsoft's compound format with one sector for the table ([MS-CFB], 2.2)."""
    head = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    head += struct.pack("<IIIIIIIII", 0, 1, first_directory, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<I", 0) + b"\xff" * 432
    return head + fat.ljust(512, b"\xff") + directory.ljust(512, b"\0") + bytes(512 * sectors)


def _entry(name: str, kind: int, left: int, right: int, child: int, start: int, size: int) -> bytes:
    raw = (name + "\0").encode("utf-16-le")
    entry = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, left, right, child)
    return entry + bytes(36) + struct.pack("<IQ", start, size)


@bomb(TEXT, "TRUNCATED", "UNSUPPORTED", "EMPTY", "TOO_LARGE")
def outlook_whose_table_goes_round() -> Made:
    """Each sector is followed by itself, each entry is beside and below itself."""
    fat = struct.pack("<IIII", 0xFFFFFFFD, 1, 2, 3)
    entries = _entry("Root Entry", 5, 0, 0, 1, 2, 0xFFFFFFF)
    entries += _entry("__substg1.0_1000001F", 2, 1, 1, 1, 3, 0x7FFFFFFF)
    entries += _entry("__properties_version1.0", 2, 2, 1, 2, 2, 0x7FFFFFFFFFFF)
    return "round.msg", compound(fat, entries, sectors=4)


@bomb(TEXT, "TRUNCATED", "UNSUPPORTED", "EMPTY", "TOO_LARGE")
def outlook_of_many_tables() -> Made:
    """Its list of tables has a million sectors, and every one of them is the first."""
    whole = bytearray(
        compound(struct.pack("<III", 0xFFFFFFFD, 0xFFFFFFFE, 2), _entry("Root Entry", 5, 0, 0, 0, 2, 9), 8)
    )
    whole[44:48] = struct.pack("<I", 1_000_000)  # sectors of the table
    whole[68:76] = struct.pack("<II", 3, 1_000_000)  # first sector of the list, and how many
    whole[512 + 1536 : 512 + 2048] = struct.pack("<I", 3) * 128
    return "tables.msg", bytes(whole)
