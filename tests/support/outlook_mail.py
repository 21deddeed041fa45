"""Writes what Outlook writes: winmail.dat (MS-OXTNEF), .msg with messages inside (MS-OXMSG), wrapped RTF."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tests.support.office.cfb import Tree, container

Value = str | bytes | int


@dataclass(frozen=True)
class Mail:
    """Properties by id, recipients, and attachments: (properties, content or message)."""

    properties: dict[int, Value]
    recipients: list[dict[int, Value]] = field(default_factory=list)
    attachments: list[tuple[dict[int, Value], bytes | Mail]] = field(default_factory=list)


def stored_rtf(rtf: bytes) -> bytes:
    """RTF in its envelope, not compressed."""
    return struct.pack("<IIII", len(rtf) + 12, len(rtf), 0x414C454D, 0) + rtf


def msg(mail: Mail, *, narrow: str = "") -> bytes:
    """A .msg file; with a code page its strings are of 8 bits."""
    return container(_storage(mail, narrow, 32))


def _storage(mail: Mail, narrow: str, header: int) -> Tree:
    tree = _streams(mail.properties, narrow, header)
    for number, recipient in enumerate(mail.recipients):
        tree[f"__recip_version1.0_#{number:08X}"] = _streams(recipient, narrow, 8)
    for number, (properties, content) in enumerate(mail.attachments):
        method = 1 if isinstance(content, bytes) else 5
        below = _streams({0x3705: method, **properties}, narrow, 8)
        if isinstance(content, bytes):
            below["__substg1.0_37010102"] = content
        else:
            below["__substg1.0_3701000D"] = _storage(content, narrow, 24)
        tree[f"__attach_version1.0_#{number:08X}"] = below
    return tree


def _streams(properties: dict[int, Value], narrow: str, header: int) -> Tree:
    tree: Tree = {}
    fixed = b""
    for key, value in properties.items():
        if isinstance(value, int):
            kind = 0x0040 if value > 1 << 32 else 0x0003
            fixed += struct.pack("<HHIq", kind, key, 6, value)
        elif isinstance(value, str):
            kind, coding = (0x001E, narrow) if narrow else (0x001F, "utf-16-le")
            tree[f"__substg1.0_{key:04X}{kind:04X}"] = value.encode(coding)
        else:
            tree[f"__substg1.0_{key:04X}0102"] = value
    tree["__properties_version1.0"] = bytes(header) + fixed
    return tree


def tnef(mail: Mail) -> bytes:
    """A winmail.dat."""
    out = struct.pack("<IH", 0x223E9F78, 1)
    out += _attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    out += _attribute(1, 0x00069003, _packed(mail.properties))
    for properties, content in mail.attachments:
        out += _attribute(2, 0x00069002, bytes(14))
        if isinstance(content, bytes):
            out += _attribute(2, 0x0006800F, content)
            out += _attribute(2, 0x00069005, _packed(properties))
        else:
            inner = bytes(16) + tnef(content)
            out += _attribute(2, 0x00069005, _packed(properties, (0x3701, inner)))
    return out


def _attribute(level: int, attribute: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, attribute, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def _packed(properties: dict[int, Value], thing: tuple[int, bytes] | None = None) -> bytes:
    rows = [_property(key, value) for key, value in properties.items()]
    rows.append(struct.pack("<HH", 0x0003, 0x8001) + bytes(16) + struct.pack("<II", 0, 0x8205) + bytes(4))
    name = "Keyword".encode("utf-16-le")
    named = struct.pack("<II", 1, len(name)) + name + bytes(-len(name) % 4)
    rows.append(
        struct.pack("<HH", 0x101F, 0x8002) + bytes(16) + named + struct.pack("<I", 2) + 2 * _counted(b"a\0")
    )
    if thing:
        rows.append(struct.pack("<HHI", 0x000D, thing[0], 1) + _counted(thing[1]))
    return struct.pack("<I", len(rows)) + b"".join(rows)


def _property(key: int, value: Value) -> bytes:
    if isinstance(value, int):
        wide = value > 1 << 32
        return struct.pack("<HH", 0x0040 if wide else 0x0003, key) + struct.pack(
            "<q" if wide else "<i", value
        )
    data = value.encode("utf-16-le") if isinstance(value, str) else value
    return struct.pack("<HHI", 0x001F if isinstance(value, str) else 0x0102, key, 1) + _counted(data)


def _counted(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data + bytes(-len(data) % 4)
