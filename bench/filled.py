"""A throw-away vault for what is measured through the product: documents as the parser reads them are stored,
cut, indexed and embedded by its own keepers.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from index.embed import Embedder
from index.keepers import TextKeeper, VectorKeeper
from ingest.readers.table import read
from ingest.reading import Accepted, check
from ingest.relatives import Relatives
from ingest.sandbox.messages import Job
from policy.limits import Limits
from policy.redact import Private
from store.keys import KdfParameters
from store.records import Origin, Reading
from store.vault import Vault

LIMITS = Limits(free_disk_bytes=0)
_SAVED = 100  # readings at once


class Document(NamedTuple):
    """What is read in."""

    name: str
    content: bytes
    reading: Reading


class Filled(NamedTuple):
    """A vault and its indexes."""

    vault: Vault
    items: list[str]  # of each document, in their order; the same bytes are one item
    text: TextKeeper
    vectors: VectorKeeper


@contextmanager
def filled(embedder: Embedder, documents: Sequence[Document]) -> Iterator[Filled]:
    """A vault of these documents."""
    secret = Private(b"measured")
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        home, memory = Path(folder, "home"), Path(folder, "index")
        memory.mkdir()
        Vault.create(home, secret, kdf=KdfParameters(memory_kib=64, passes=1, lanes=1))
        vault = Vault.open(home, secret, limits=LIMITS)
        try:
            items = _stored(vault, documents)
            text = TextKeeper(vault, memory)
            vectors = VectorKeeper(vault, embedder, text.flush)
            for keeper in (text, vectors):
                while keeper.step():
                    pass
            yield Filled(vault, items, text, vectors)
        finally:
            vault.close()


def _stored(vault: Vault, documents: Sequence[Document]) -> list[str]:
    items: list[str] = []
    relatives = Relatives(vault.catalog)
    for start in range(0, len(documents), _SAVED):
        saved: dict[str, Reading] = {}
        for name, content, reading in documents[start : start + _SAVED]:
            origin = Origin(source="measured", locator=name, name=name, size=len(content))
            stored = vault.put(io.BytesIO(content), origin)
            if stored.created:
                saved[stored.item] = reading
            items.append(stored.item)
        relatives.save(list(saved.items()))
    return items


def read_message(content: bytes) -> Reading | None:
    """A message as the parser reads it; None if it is refused."""
    children = io.BytesIO()
    outcome = check(read(io.BytesIO(content), Job(name="m.eml"), children), LIMITS, children.tell())
    return outcome.reading if isinstance(outcome, Accepted) else None
