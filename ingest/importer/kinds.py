"""What a file is, as far as importing goes: told from its first bytes, its name only tips the scale."""

from __future__ import annotations

import re
from enum import StrEnum

from ingest.importer.postmark import LOOK_BYTES, postmark
from ingest.packed import MARKS, is_tar

HEAD_BYTES = 64 << 10  # what is looked at


class Kind(StrEnum):
    """How a file with messages in it is taken apart."""

    MBOX = "mbox"
    PST = "pst"
    ZIP = "zip"
    TAR = "tar"
    PACKED = "packed"  # one compressed stream: of a tar, a mailbox or a message


ARCHIVES = frozenset({Kind.ZIP, Kind.TAR, Kind.PACKED})  # may hold other files than mail
_PST = b"!BDN"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK00PK\x03\x04")
# What a zip begins with that is one document, not many.
_DOCUMENT = re.compile(
    rb"mimetype|\[Content_Types\]\.xml|META-INF/|_rels/|docProps/|word/|xl/|ppt/|AndroidManifest\.xml"
)
_DOCUMENTS = re.compile(
    r"\.(?:docx|xlsx|pptx|dotx|xltx|potx|docm|xlsm|pptm|xlsb|od[tspgfb]|ot[tsp]|epub|jar|apk|whl|xpi)$", re.I
)
_ONE_MESSAGE = re.compile(r"\.(?:eml|msg|emlx|txt)$", re.IGNORECASE)


def container_kind(head: bytes, name: str) -> Kind | None:
    """What holds messages, or may hold them (an archive is not opened here); None for any other file.

    Args:
        head: the first HEAD_BYTES of the file, or all of it if it is shorter.
        name: its name.
    """
    if head.startswith(_PST):
        return Kind.PST
    if head.startswith(_ZIP):
        return None if _DOCUMENT.match(head, 30) or _DOCUMENTS.search(name) else Kind.ZIP
    if head.startswith(tuple(MARKS.values())):
        return Kind.PACKED
    if is_tar(head):
        return Kind.TAR
    return Kind.MBOX if _is_mbox(head, name) else None


def _is_mbox(head: bytes, name: str) -> bool:
    """Whether it begins with a separating line, and is not just one message that kept its own.

    Garbage may come first if the file is called a mailbox.
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    first = postmark(text[:LOOK_BYTES], after_blank=True)
    if not first and not re.search(r"\.(?:mbox|mbx|mbs)$|^mbox$", name, re.IGNORECASE):
        return False
    if first and len(head) >= HEAD_BYTES:
        return not _ONE_MESSAGE.search(name)
    found = [match.start() + 1 for match in re.finditer(rb"\nFrom ", text)]
    marks = [at for at in found if postmark(text[at : at + LOOK_BYTES], after_blank=_blank(text, at))]
    return bool(marks)


def _blank(text: bytes, at: int) -> bool:
    return text[max(0, at - 3) : at].endswith((b"\n\n", b"\n\r\n"))
