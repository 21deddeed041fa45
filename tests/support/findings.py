"""Short ways to fill a vault: a reading of a plain text, passages, vectors, findings with their evidence."""

from __future__ import annotations

from store.records import (
    Action,
    ActionKind,
    Address,
    Element,
    ElementKind,
    Evidence,
    Findings,
    Link,
    MailHeader,
    Mention,
    MentionKind,
    NewPassage,
    Reading,
    Tag,
)
from store.vault import Vault
from tests.support.homes import put

MODEL = "test-model"
VECTOR = bytes(8)


def reading(text: str, *, mail: MailHeader | None = None, media_type: str = "text/plain") -> Reading:
    """A reading with one paragraph."""
    whole = Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text))
    return Reading(media_type=media_type, text=text, elements=(whole,), mail=mail, language="en")


def mail_header(
    message_id: str | None = None,
    *,
    subject: str = "",
    sender: str = "anna@example.org",
    to: tuple[str, ...] = ("ben@example.org",),
    in_reply_to: str | None = None,
    references: tuple[str, ...] = (),
) -> MailHeader:
    """A header of a message between two people."""
    return MailHeader(
        message_id=message_id,
        subject=subject,
        sender=Address(name="", email=sender),
        recipients=tuple(Address(name="", email=email) for email in to),
        in_reply_to=in_reply_to,
        references=references,
    )


def span(text: str, part: str) -> Evidence:
    """The evidence that `part` is in `text`."""
    start = text.index(part)
    return Evidence(start=start, end=start + len(part), text=part)


def store_read(vault: Vault, text: str, locator: str, *, mail: MailHeader | None = None) -> str:
    """Put a text in and save its reading; returns the item."""
    item = put(vault, text.encode(), locator).item
    vault.catalog.save_reading(item, reading(text, mail=mail))
    return item


def store_indexed(vault: Vault, text: str, locator: str) -> str:
    """Put a text in and take it to INDEXED, as one passage with one vector; returns the item."""
    item = store_read(vault, text, locator)
    ids = vault.catalog.save_passages(item, [NewPassage(start=0, end=len(text), text=text)])
    vault.catalog.save_vectors(MODEL, [(id, VECTOR) for id in ids])
    return item


def findings(item: str, text: str, *, tag: str = "invoice", project: str = "Alder House") -> Findings:
    """One of each kind, each proven by the first word of the text."""
    first = span(text, text.split()[0])
    return Findings(
        tags=(Tag(item=item, name=tag, confidence=0.9, evidence=first),),
        actions=(Action(item=item, kind=ActionKind.REQUEST, what=text, confidence=0.8, evidence=first),),
        links=(Link(item=item, project=project, reason="mentions it", confidence=0.7, evidence=first),),
        mentions=(Mention(item=item, kind=MentionKind.PERSON, value="Ann", evidence=first),),
        summary="A summary.",
    )


def start_run(vault: Vault, version: str = "1") -> int:
    """Register a run of the built-in reader."""
    return vault.catalog.run_by("builtin", version, 1.0).id
