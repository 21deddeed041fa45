"""Mails between a few people, read as they come over the wire and understood by the built-in reader."""

from __future__ import annotations

import threading

from enrich.documents import Documents
from enrich.reader import BuiltinReader
from enrich.refresh import EnrichStage
from enrich.schema import Vocabulary
from ingest.reading import Accepted, check
from store.records import NewPassage, Reading
from store.vault import Vault
from tests.support.homes import LIMITS, put
from tests.support.reading_mail import seen

MARIA = "Maria Egger <maria@example.org>"
TOM = "Tom Ash <tom@example.org>"
ANN = "Ann Lee <ann@example.org>"


def mail(
    number: int,
    body: str,
    *,
    sender: str = MARIA,
    to: str = TOM,
    date: str = "Tue, 12 May 2026 09:00:00 +0200",
    answers: int | None = None,
) -> bytes:
    """One message; `answers` is the number of the one that it replies to."""
    reply = "" if answers is None else f"In-Reply-To: <{answers}@example.org>\n"
    return (
        f"From: {sender}\nTo: {to}\nDate: {date}\nMessage-ID: <{number}@example.org>\n{reply}"
        f"Subject: {'Re: ' if reply else ''}The stair at Alder House\nMIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset=utf-8\n\n{body}\n"
    ).encode()


def read(raw: bytes) -> Reading:
    """A message as the parser reads it, checked."""
    found = seen(raw)
    accepted = check(found.reply, LIMITS, len(found.blob))
    assert isinstance(accepted, Accepted)
    return accepted.reading


def take_in(vault: Vault, *mails: bytes) -> list[str]:
    """Store messages in this order, each understood before the next one comes; their items."""
    stage = EnrichStage(vault, [BuiltinReader(Vocabulary())], Documents(vault.catalog, None))
    items = []
    for raw in mails:
        reading = read(raw)
        item = put(vault, raw, f"{hash(raw)}.eml").item
        vault.catalog.save_reading(item, reading)
        whole = NewPassage(start=0, end=len(reading.text), text=reading.text, embed=False)
        vault.catalog.save_passages(item, [whole])
        assert stage.step(threading.Event()) == 1
        items.append(item)
    return items
