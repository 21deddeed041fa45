"""Reads one message (.eml): its header, its text cut into zones, and its attachments as children.

By the standard library's `email` with the old policy, which keeps damaged input instead of refusing it and is
several times faster than the new one; decoding of fields is ours (`headers`).
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.message import Message
from email.utils import collapse_rfc2231_value

from ingest.mail.headers import Headers, decode_words
from ingest.mail.zones import zones
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.encoding import decode
from ingest.readers.hypertext import mail_text

# What the standard library lets escape on malformed MIME.
ERRORS = (ValueError, LookupError, TypeError, AttributeError, AssertionError)
_MAX_PARTS = 2_000
_TEXT_PARTS = frozenset(("text/plain", "text/html", "text/enriched", "message/delivery-status"))
_FLOWED = re.compile(r"^(>*)[ ]", re.MULTILINE)


def read_message(document: Document, draft: Draft) -> None:
    """A message as it came over the wire, or the first of a file that begins with a "From " line."""
    message = email.message_from_bytes(document.content())
    headers = Headers(message)
    draft.mail = headers.mail()
    sender = draft.mail.sender
    draft.describe(
        title=draft.mail.subject,
        author=(sender.name or sender.email) if sender else None,
        created_at=headers.date(),
    )
    draft.add(Kind.TITLE, draft.mail.subject, level=1)
    for part in _parts(message):
        _read_part(part, draft)
    name_parts(draft)


def add_zones(text: str, draft: Draft) -> None:
    """Add a plain body: what its author wrote, what is quoted, and the signature."""
    for kind, piece in zones(text, draft.mail.subject if draft.mail else ""):
        draft.add(kind, piece)


def name_parts(draft: Draft) -> None:
    """A message without a word is still findable: by its sender and the names of what came with it."""
    if not draft.elements:
        names = (draft.author or "", *(child.name for child in draft.children))
        draft.add(Kind.HEADER, "\n".join(names))


def _parts(message: Message) -> Iterator[Message]:
    """The parts worth reading in order; of alternatives only the best one."""
    stack, count = [message], 0
    while stack:
        part = stack.pop()
        count += 1
        if count > _MAX_PARTS:
            return
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            below = [child for child in part.get_payload() if isinstance(child, Message)]
            if part.get_content_subtype() == "alternative":
                below = _best(below)
            stack.extend(reversed(below))
        else:
            yield part


def _best(alternatives: list[Message]) -> list[Message]:
    """Plain text if it says anything, else the richest; what is not text (an invitation) is kept."""
    others = [part for part in alternatives if part.get_content_type() not in ("text/plain", "text/html")]
    plain = [
        part for part in alternatives if part.get_content_type() == "text/plain" and _text_of(part).strip()
    ]
    html = [part for part in alternatives if part.get_content_type() == "text/html"]
    nested = [part for part in others if part.get_content_maintype() == "multipart"]
    if plain:  # the files that belong to an HTML twin are still children of this message
        return plain[:1] + others if not nested else [plain[0], *_without_text(others)]
    return (nested or html[-1:]) + [part for part in others if part not in nested]


def _without_text(parts: list[Message]) -> list[Message]:
    """The leaves of these parts that are no text to read."""
    leaves = [leaf for part in parts for leaf in part.walk() if not leaf.is_multipart()]
    return [leaf for leaf in leaves if _file_name(leaf) or leaf.get_content_maintype() != "text"]


def _read_part(part: Message, draft: Draft) -> None:
    """Text goes into the reading, all else becomes a child."""
    kind = part.get_content_type()
    if kind == "message/rfc822":
        draft.add_child(_nested_name(part), _nested_bytes(part))
    elif kind.startswith("multipart/encrypted") or kind == "application/pgp-encrypted":
        draft.missing.append("the body is encrypted")
    elif kind in _TEXT_PARTS and not _is_attachment(part):
        add_zones(_text_of(part), draft)
    else:
        content = part.get_payload(decode=True)
        name = _file_name(part) or f"attachment.{part.get_content_subtype().removeprefix('x-')}"
        draft.add_child(name, content if isinstance(content, bytes) else b"")


def _text_of(part: Message) -> str:
    """A text part as plain text with LF line ends."""
    if part.is_multipart():  # delivery reports: a list of header blocks
        return "\n\n".join(str(block) for block in part.get_payload() if isinstance(block, Message))
    content = part.get_payload(decode=True)
    charset = part.get_param("charset")
    text = decode(content if isinstance(content, bytes) else b"", _plain(charset))
    if part.get_content_type() in ("text/html", "text/enriched"):
        return mail_text(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if str(part.get_param("format", "")).lower() == "flowed":
        text = _FLOWED.sub(r"\1", text)  # RFC 3676: a space that only protects the line's beginning
    return text


def _is_attachment(part: Message) -> bool:
    """Text that its sender meant as a file: so marked, or named and not the message itself."""
    disposition = str(part.get("content-disposition", "")).lower().lstrip()
    return disposition.startswith("attachment") or (
        bool(_file_name(part)) and not disposition.startswith("inline")
    )


def _file_name(part: Message) -> str:
    """The name a part was sent under, out of RFC 2231, RFC 2047 or both at once."""
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        value = part.get_param(parameter, header=header)
        if value:
            return re.split(r"[/\\]", decode_words(_plain(value)))[-1]
    return ""


def _plain(value: object) -> str:
    """A parameter of a field, which may have come in RFC 2231's three parts."""
    if isinstance(value, tuple):
        return collapse_rfc2231_value(value)
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else decode(value.encode("utf-8", "surrogateescape"))


def _nested(part: Message) -> Message | None:
    """The message inside a message/rfc822 part."""
    inner = part.get_payload()
    return inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], Message) else None


def _nested_name(part: Message) -> str:
    """A forwarded message is named as it was sent, else after its subject."""
    inner = _nested(part)
    subject = Headers(inner).text("subject") if inner is not None else ""
    return _file_name(part) or f"{subject[:80].replace('/', '-') or 'message'}.eml"


def _nested_bytes(part: Message) -> bytes:
    """The forwarded message itself; undone from base64, which is forbidden there and happens."""
    inner = _nested(part)
    if inner is None:
        return b""
    coding = str(part.get("content-transfer-encoding", "")).lower().strip()
    if coding in ("base64", "quoted-printable") and not inner.keys():
        inner["content-transfer-encoding"] = coding
        content = inner.get_payload(decode=True)
        return content if isinstance(content, bytes) else b""
    return bytes(inner)
