"""Which of the alternatives of a message is read: the text that says most."""

from __future__ import annotations

import re
from email.message import Message

from ingest.mail.parts import HTML, file_name, payload, text_of

_STUB_CHARS = 1_000  # a plain text shorter than that may only say that there is more
_STUB_SHARE = 3
_SPACE = re.compile(r"\s+")


def best(alternatives: list[Message]) -> list[Message]:
    """Plain text if it says what the others say, else the richest; what is no text (invitations) is kept."""
    plain = [part for part in alternatives if part.get_content_type() == "text/plain"]
    html = [part for part in alternatives if part.get_content_type() in HTML]
    nested = [part for part in alternatives if part.get_content_maintype() == "multipart"]
    others = [part for part in alternatives if part not in (*plain, *html, *nested)]
    spoken = [
        text for part in plain if (text := text_of(part, "text/plain", payload(part, "text/plain")).strip())
    ]
    richer = html or [
        leaf for leaf in leaves(nested) if leaf.get_content_type() in HTML and not file_name(leaf)
    ]
    if spoken and not _is_stub("\n".join(spoken), richer):
        # the files that belong to an HTML twin are still children of this message
        return [*plain, *_without_text(nested), *others]
    if richer or nested or not spoken:
        return (nested or html[-1:] or plain) + others
    return plain + others


def leaves(parts: list[Message]) -> list[Message]:
    """All parts below these that hold something themselves."""
    return [leaf for part in parts for leaf in part.walk() if not leaf.is_multipart()]


def _without_text(parts: list[Message]) -> list[Message]:
    """The leaves of these parts that are no text to read."""
    return [leaf for leaf in leaves(parts) if file_name(leaf) or leaf.get_content_maintype() != "text"]


def _is_stub(plain: str, richer: list[Message]) -> bool:
    """Whether a plain text leaves out most of what its formatted twin says."""
    if len(plain) > _STUB_CHARS or not richer:
        return False
    content = payload(richer[-1], "text/html")
    if len(content) < _STUB_SHARE * len(plain) + 200:  # a shortcut: markup only adds
        return False
    said = len(_SPACE.sub(" ", text_of(richer[-1], "text/html", content)))
    return said > _STUB_SHARE * len(_SPACE.sub(" ", plain)) + 100
