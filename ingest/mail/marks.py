"""What a message is besides its text: signed, encrypted, from a list, automatic, an invitation. As its header
and its parts say; nothing is verified, since no key is here.
"""

from __future__ import annotations

import re
from enum import StrEnum

from ingest.mail.headers import Headers


class Mark(StrEnum):
    """The values of `store.records.Mark`, which the parser process may not import."""

    SIGNED_SMIME = "signed (S/MIME)"
    SIGNED_PGP = "signed (PGP)"
    ENCRYPTED_SMIME = "encrypted (S/MIME)"
    ENCRYPTED_PGP = "encrypted (PGP)"
    LIST = "list"
    BULK = "bulk"
    AUTOMATIC = "automatic"
    INVITATION = "invitation"


_PGP_BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----"
_MOST_SIGNED = 100  # more are an attack: each without an end is followed to the end of the text
_PGP_SIGNED = re.compile(
    r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Z][A-Za-z-]+: [^\n]*\n)*\n?"
    r"(.*?)^-----BEGIN PGP SIGNATURE-----\n.*?(?:^-----END PGP SIGNATURE-----\n?|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PGP_SECRET = re.compile(
    r"^-----BEGIN PGP MESSAGE-----\n.*?(?:^-----END PGP MESSAGE-----\n?|\Z)", re.MULTILINE | re.DOTALL
)


def header_marks(headers: Headers) -> list[Mark]:
    """What the fields of the header say: a mailing list, bulk, sent by a program."""
    found: list[Mark] = []
    if headers.raw("list-id") or headers.raw("list-post") or headers.raw("mailing-list"):
        found.append(Mark.LIST)
    if headers.raw("list-unsubscribe") or headers.raw("precedence").lower().strip() in ("bulk", "junk"):
        found.append(Mark.BULK)
    automatic = headers.raw("auto-submitted").lower().strip()
    if (automatic and not automatic.startswith("no")) or headers.raw("x-autoreply"):
        found.append(Mark.AUTOMATIC)
    return found


def undo_inline_pgp(text: str) -> tuple[str, list[Mark]]:
    """A body without the armour of inline PGP (RFC 9580, 7), and what the armour said; LF line ends."""
    if "-----BEGIN PGP " not in text:
        return text, []
    marks: list[Mark] = []
    signed = text.count(_PGP_BEGIN)
    if signed <= _MOST_SIGNED:
        text, signed = _PGP_SIGNED.subn(lambda found: re.sub(r"(?m)^- ", "", found[1]), text)
    if signed:
        marks.append(Mark.SIGNED_PGP)
    text, secret = _PGP_SECRET.subn("", text)
    if secret:
        marks.append(Mark.ENCRYPTED_PGP)
    return text, marks
