"""Renders a note as one saved mail: .msg as Outlook writes it ([MS-OXMSG]), or .eml.

The first paragraph of the document is its header: lines `From: Name <address>`, `To:`, `Date:` (ISO).
"""

from __future__ import annotations

import struct
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from tests.support.office.cfb import Tree, container
from tests.support.office.markup import Block

_MESSAGE_CLASS_ID = bytes.fromhex("0B0D020000000000C000000000000046")
_STRING, _LONG, _TIME = 0x001F, 0x0003, 0x0040


def msg(title: str, blocks: list[Block], language: str) -> bytes:
    """A message store of one message with its recipients."""
    header, body = _split(blocks)
    sender, address = parseaddr(header["From"])
    when = datetime.fromisoformat(header["Date"])
    recipients = [parseaddr(one) for one in header["To"].split(", ")]
    texts = {
        0x001A: "IPM.Note",
        0x0037: title,
        0x0E1D: title,
        0x0070: title,
        0x0C1A: sender,
        0x0C1E: "SMTP",
        0x0C1F: address,
        0x5D01: address,
        0x0042: sender,
        0x0065: address,
        0x0E04: "; ".join(name for name, _ in recipients),
        0x1000: body,
    }
    stamp = int((when.timestamp() + 11_644_473_600) * 10_000_000)
    fixed = [
        _fixed(0x0039, _TIME, struct.pack("<Q", stamp)),
        _fixed(0x0E06, _TIME, struct.pack("<Q", stamp)),
        _fixed(0x0E07, _LONG, struct.pack("<II", 1, 0)),
        _fixed(0x340D, _LONG, struct.pack("<II", 0x00040000, 0)),  # the strings are Unicode
    ]
    count = len(recipients)
    head = struct.pack("<8xIIII8x", count, 0, count, 0)
    tree: Tree = {
        "__nameid_version1.0": {
            "__substg1.0_00020102": b"",
            "__substg1.0_00030102": b"",
            "__substg1.0_00040102": b"",
        },
        "__properties_version1.0": head + b"".join([*map(_variable, texts.items()), *fixed]),
        **_strings(texts),
    }
    for number, (name, mail) in enumerate(recipients):
        tree[f"__recip_version1.0_#{number:08X}"] = _recipient(number, name, mail)
    return container(tree, _MESSAGE_CLASS_ID)


def eml(title: str, blocks: list[Block], language: str) -> bytes:
    """The same as an Internet message."""
    header, body = _split(blocks)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = header["From"], header["To"], title
    when = datetime.fromisoformat(header["Date"])
    mail["Date"] = format_datetime(when)
    mail["Message-ID"] = f"<{when:%Y%m%d%H%M%S}.note@{parseaddr(header['From'])[1].partition('@')[2]}>"
    mail.set_content(body, cte="8bit")
    return mail.as_bytes()


def _split(blocks: list[Block]) -> tuple[dict[str, str], str]:
    header = dict(line.split(": ", 1) for line in blocks[0].text.split("\n"))
    return header, "\n\n".join(block.text for block in blocks[1:]) + "\n"


def _recipient(number: int, name: str, mail: str) -> Tree:
    texts = {0x3001: name, 0x3002: "SMTP", 0x3003: mail, 0x39FE: mail, 0x5FF6: name}
    fixed = [
        _fixed(0x0C15, _LONG, struct.pack("<II", 1, 0)),
        _fixed(0x3000, _LONG, struct.pack("<II", number, 0)),
    ]
    return {
        "__properties_version1.0": bytes(8) + b"".join([*map(_variable, texts.items()), *fixed]),
        **_strings(texts),
    }


def _strings(texts: dict[int, str]) -> Tree:
    return {f"__substg1.0_{tag:04X}{_STRING:04X}": text.encode("utf-16-le") for tag, text in texts.items()}


def _variable(item: tuple[int, str]) -> bytes:
    tag, text = item
    return struct.pack("<HHIII", _STRING, tag, 6, len(text.encode("utf-16-le")) + 2, 0)


def _fixed(tag: int, kind: int, value: bytes) -> bytes:
    return struct.pack("<HHI", kind, tag, 6) + value
