"""Documents as a reader is given them: made up of parts, or read from a file as the appliance reads it."""

from __future__ import annotations

from enrich.document import Document
from ingest.reading import Accepted, check
from store.readings import written
from store.records import Element, ElementKind, Item, Reading, State
from tests.support.homes import LIMITS
from tests.support.reading_mail import seen


def an_item(**fields: object) -> Item:
    """An item of which only this is known."""
    given = {"id": "i", "name": "m.eml", "state": State.INDEXED, "size": 1, "stored_at": 0.0, "family": "i"}
    return Item(**(given | fields))  # type: ignore[arg-type]


def document(*parts: str | tuple[ElementKind, str], **fields: object) -> Document:
    """One of these parts with an empty line between them: paragraphs, unless their kind is said.

    Args:
        fields: of its item.
    """
    texts: list[str] = []
    elements: list[Element] = []
    at = 0
    for part in parts:
        kind, text = (ElementKind.PARAGRAPH, part) if isinstance(part, str) else part
        texts.append(text)
        elements.append(Element(kind=kind, start=at, end=at + len(text)))
        at += len(text) + 2
    return Document(item=an_item(**fields), text="\n\n".join(texts), elements=tuple(elements))


def read_file(content: bytes, name: str = "m.eml") -> Reading:
    """A file as the parser reads it, checked; attachments and members are dropped."""
    found = seen(content, name)
    accepted = check(found.reply, LIMITS, len(found.blob))
    assert isinstance(accepted, Accepted)
    return accepted.reading


def document_of(reading: Reading, name: str = "m.eml") -> Document:
    """Its item as it is once the reading is stored."""
    mail = reading.mail
    item = an_item(
        name=name,
        title=reading.title,
        created_at=reading.created_at,
        zone=reading.zone,
        sender=written(mail.sender) if mail and mail.sender else None,
        recipients=tuple(map(written, mail.recipients)) if mail else (),
    )
    return Document(item=item, text=reading.text, elements=reading.elements)
