"""The index room on a throw-away vault: documents without a parser, a refresher on its threads, a quick
embedder.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from index.embed import Embedder, Half, Single
from index.errors import EmbedderDown
from index.refresh import Refresher
from index.search import Searcher
from store.records import Element, ElementKind, MailHeader, Reading
from store.vault import Vault
from tests.support.homes import LIMITS, put

DIMENSION = 128


class WordHashEmbedder:
    """A real if simple-minded embedder: the sum of a random direction for each word.

    `away` makes it answer as a dead model process does; `gate`, if set, holds every batch until it opens.
    """

    identity = "0" * 64
    dimension = DIMENSION
    batch = 64

    def __init__(self) -> None:
        self.away = False
        self.gate: threading.Event | None = None
        self.embedded = 0

    def embed_passages(self, texts: Sequence[str]) -> Half:
        """See Embedder."""
        if self.gate is not None:
            self.gate.wait(20)
        rows = np.stack([self.embed_query(text) for text in texts]).astype(np.float16)
        self.embedded += len(texts)
        return rows

    def embed_query(self, text: str) -> Single:
        """See Embedder."""
        if self.away:
            raise EmbedderDown("the model process does not answer")
        total = np.full(DIMENSION, 1e-3, np.float32)
        for word in text.lower().split():
            seed = int.from_bytes(hashlib.sha256(word.strip(".,?!").encode()).digest()[:8], "big")
            total += np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
        unit: Single = total / np.linalg.norm(total)
        return unit


def read_in(
    vault: Vault,
    text: str,
    locator: str,
    *,
    title: str | None = None,
    language: str | None = "en",
    media_type: str = "text/plain",
    mail: MailHeader | None = None,
    created_at: float | None = None,
    new_version: bool = False,
) -> str:
    """Store a document and save its reading, paragraph by paragraph, as the parse stage does."""
    content = f"{locator}\n{text}".encode(errors="replace")
    item = put(vault, content, locator, new_version=new_version).item
    elements, at = [], 0
    for paragraph in text.split("\n\n"):
        elements.append(Element(kind=ElementKind.PARAGRAPH, start=at, end=at + len(paragraph)))
        at += len(paragraph) + 2
    reading = Reading(
        media_type=media_type,
        text=text,
        elements=tuple(elements),
        title=title,
        language=language,
        mail=mail,
        created_at=created_at,
    )
    vault.catalog.save_reading(item, reading)
    return item


@contextlib.contextmanager
def indexing(vault: Vault, embedder: Embedder, folder: Path) -> Iterator[tuple[Refresher, Searcher]]:
    """A refresher on its two threads, and a searcher over it, until the end of the block."""
    folder.mkdir(exist_ok=True)
    refresher = Refresher(vault, embedder, folder)
    stop = threading.Event()
    threads = [
        threading.Thread(target=run, args=(stop,)) for run in (refresher.run_text, refresher.run_vectors)
    ]
    for thread in threads:
        thread.start()
    try:
        until(lambda: refresher.text is not None)
        yield refresher, Searcher(vault.catalog, refresher, embedder, LIMITS)
    finally:
        stop.set()
        vault.ledger.poke()
        for thread in threads:
            thread.join()


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something comes true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
