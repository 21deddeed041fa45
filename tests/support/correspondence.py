"""Mails between a few people, read as they come over the wire and understood by the built-in reader."""

from __future__ import annotations

import threading

from enrich.documents import Documents
from enrich.reader import BuiltinReader
from enrich.refresh import EnrichStage
from enrich.schema import Vocabulary
from store.records import NewPassage
from store.vault import Vault
from tests.support.documents import read_file
from tests.support.homes import put

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


def take_in(vault: Vault, *mails: bytes) -> list[str]:
    """Store messages in this order, each understood before the next one comes; their items."""
    stage = EnrichStage(vault, [BuiltinReader(Vocabulary())], Documents(vault.catalog, None))
    items = []
    for raw in mails:
        reading = read_file(raw)
        item = put(vault, raw, f"{hash(raw)}.eml").item
        vault.catalog.save_reading(item, reading)
        whole = NewPassage(start=0, end=len(reading.text), text=reading.text, embed=False)
        vault.catalog.save_passages(item, [whole])
        assert stage.step(threading.Event()) == 1
        items.append(item)
    return items
