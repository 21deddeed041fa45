"""Keeps both indexes up with the catalog: text at once, vectors as the embedder gets to them.

The indexes live in memory. Their encrypted snapshots only make a start quick: they are replayed forward from
the catalog, which is the truth, or left out.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from index.chunk import chunk
from index.embed import Embedder, Half
from index.errors import EmbedderDown, IndexDamaged
from index.fulltext import TantivyIndex, TextDocument
from index.vectors import FaissIndex
from store.errors import NoSuchItem
from store.records import Item, NewPassage, Passage
from store.vault import Vault

log = logging.getLogger("strongroom.index")

T = TypeVar("T")

_TEXT_BATCH = 16  # items; small, so that the newest is found within a second
_VECTOR_BATCH = 64  # passages for the embedder at a time
_REPLAY_BATCH = 1000
_QUIET_S = 60.0  # after the last change, before a snapshot
_MODEL_WAIT_S = 0.5
_META = "meta.json"  # the only file of the full-text index that changes


class Refresher:
    """Owns the two indexes. `run_text` and `run_vectors` each work on a thread of their own.

    Args:
        folder: private, in memory; what is in it from before is removed.
    """

    def __init__(self, vault: Vault, embedder: Embedder, folder: Path) -> None:
        self._vault = vault
        self._catalog = vault.catalog
        self._embedder = embedder
        self._folder = folder
        # A change of catalog and index together, so that a snapshot never covers half of one and a removal
        # never falls between the two. Embedding is done outside of it.
        self._changing = threading.Lock()
        self._removed_to = 0  # generation up to which removals are applied
        self._rebuilds = 0
        self.text: TantivyIndex | None = None
        self.vectors: FaissIndex | None = None

    def run_text(self, stop: threading.Event) -> None:
        """Cut what was parsed into passages and make it findable by word, until `stop` is set."""
        if self.text is None:
            self._open_text()
        self._follow(stop, self._text_step, self._save_text)

    def run_vectors(self, stop: threading.Event) -> None:
        """Embed passages and make them findable by meaning, until `stop` is set."""
        while self.vectors is None and not stop.is_set():
            try:
                self._open_vectors()
            except EmbedderDown:
                stop.wait(_MODEL_WAIT_S)
        self._follow(stop, self._vector_step, self._save_vectors)

    def forget(self) -> None:
        """Take out of both indexes what is gone from the catalog, at once."""
        with self._changing:
            self._apply_removals()

    def _follow(self, stop: threading.Event, step: Callable[[], bool], save: Callable[[], None]) -> None:
        """Work while there is work; after a quiet while, and at the end, save a snapshot."""
        ledger = self._vault.ledger
        saved, changed_at = self._catalog.generation(), time.monotonic()
        while not stop.is_set():
            seen = ledger.sequence
            if step():
                continue
            generation = self._catalog.generation()
            ledger.wait(seen, None if generation == saved else _QUIET_S)
            if ledger.sequence != seen:
                changed_at = time.monotonic()
            elif time.monotonic() - changed_at >= _QUIET_S and not stop.is_set():
                save()
                saved = generation
        if self._catalog.generation() != saved:
            save()

    # --- by word ---------------------------------------------------------------------------------------

    def _text_step(self) -> bool:
        """Index some items that have no passages yet; False when there is none."""
        self.forget()
        items = self._catalog.unchunked(_TEXT_BATCH)
        for item in items:
            try:
                new = chunk(self._catalog.text(item.id), self._catalog.elements(item.id))
            except NoSuchItem:  # deleted meanwhile
                continue
            with self._changing:
                try:
                    ids = self._catalog.save_passages(item.id, new)
                except NoSuchItem:
                    continue
                self._text.add(_document(item, passage, id) for passage, id in zip(new, ids, strict=True))
        if items:
            self._text.commit()
        return bool(items)

    def _open_text(self) -> None:
        """Load the snapshot and replay what came since, or build anew."""
        began = time.monotonic()
        snapshot = self._vault.snapshots.load("text")
        text = None
        generation = 0
        if snapshot is not None:
            try:
                text = TantivyIndex.restore(self._fresh_folder(), snapshot[1])
                generation = snapshot[0]
            except IndexDamaged as error:
                log.warning("the full-text snapshot is not used: %s", error)
        text = text or TantivyIndex(self._fresh_folder())
        self._replay_text(text, generation)
        self.text = text
        log.info("full text: %d passages, opened in %.1f s", len(text), time.monotonic() - began)

    def _replay_text(self, text: TantivyIndex, generation: int) -> None:
        for passages in _batches(self._catalog.passages_since(generation)):
            items = self._catalog.items_by_id({passage.item for passage in passages})
            text.add(_document(items[p.item], p, p.id) for p in passages if p.item in items)
        text.remove(self._catalog.removed_since(generation))
        text.commit()

    def _save_text(self) -> None:
        """Snapshot; first without what was removed, whose words the segments still hold."""
        with self._changing:
            self._apply_removals()
            if self._text.tombstones:
                self._rebuild_text()
            generation, files = self._catalog.generation(), self._text.dump()
            self._vault.snapshots.save("text", generation, files, immutable=set(files) - {_META})

    def _rebuild_text(self) -> None:
        fresh = TantivyIndex(self._fresh_folder())
        self._replay_text(fresh, 0)
        former, self.text = self._text, fresh
        former.close()

    def _fresh_folder(self) -> Path:
        """An empty folder for a full-text index; earlier ones are removed once theirs is closed."""
        self._rebuilds += 1
        for former in self._folder.glob("text-*"):
            if former != self._folder / f"text-{self._rebuilds - 1}":
                shutil.rmtree(former)
        folder = self._folder / f"text-{self._rebuilds}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    # --- by meaning ------------------------------------------------------------------------------------

    def _vector_step(self) -> bool:
        """Embed some passages; False when none waits or the embedder is away."""
        model = self._embedder.identity
        passages = self._catalog.unembedded(model, _VECTOR_BATCH)
        if not passages:
            return False
        try:
            vectors = self._embedder.embed_passages([passage.text for passage in passages])
        except EmbedderDown:
            time.sleep(_MODEL_WAIT_S)
            return True
        with self._changing:
            rows = [(p.id, row.tobytes()) for p, row in zip(passages, vectors.astype("<f2"), strict=True)]
            self._catalog.save_vectors(model, rows)
            self._add_vectors(self._vectors, passages, vectors)
        return True

    def _add_vectors(self, index: FaissIndex, passages: Sequence[Passage], vectors: Half) -> None:
        """Only of passages that are still there: they may have been deleted while they were embedded."""
        there = self._catalog.passages([passage.id for passage in passages])
        rows = [number for number, passage in enumerate(passages) if passage.id in there]
        if rows:
            some = [passages[number] for number in rows]
            index.add([p.id for p in some], [p.item for p in some], vectors[rows])

    def _open_vectors(self) -> None:
        """Load the snapshot and replay what came since, or build anew.

        Raises:
            EmbedderDown: which vectors are wanted is not known until the model was ready once.
        """
        model, dimension = self._embedder.identity, self._embedder.dimension
        began = time.monotonic()
        index, generation = FaissIndex(dimension), 0
        snapshot = self._vault.snapshots.load(_vectors_name(model))
        if snapshot is not None:
            try:
                index, generation = FaissIndex.load(snapshot[1], dimension), snapshot[0]
            except IndexDamaged as error:
                log.warning("the snapshot of the vectors is not used: %s", error)
        for rows in _batches(self._catalog.vectors_since(model, generation)):
            passages = self._catalog.passages([id for id, _ in rows])
            some = [(passages[id], raw) for id, raw in rows if id in passages]
            vectors = np.frombuffer(b"".join(raw for _, raw in some), "<f2").reshape(-1, dimension)
            if some:
                index.add([p.id for p, _ in some], [p.item for p, _ in some], vectors)
        with self._changing:
            index.remove(self._catalog.removed_since(generation))
            self.vectors = index
        log.info("vectors: %d, opened in %.1f s", len(index), time.monotonic() - began)

    def _save_vectors(self) -> None:
        with self._changing:
            self._apply_removals()
            generation, files = self._catalog.generation(), self._vectors.dump()
        self._vault.snapshots.save(_vectors_name(self._embedder.identity), generation, files)

    # --- both ------------------------------------------------------------------------------------------

    def _apply_removals(self) -> None:
        removed = self._catalog.removed_since(self._removed_to)
        if removed:
            self._removed_to = self._catalog.generation()
            if self.text is not None:
                self.text.remove(removed)
                self.text.commit()
            if self.vectors is not None:
                self.vectors.remove(removed)

    @property
    def _text(self) -> TantivyIndex:
        assert self.text is not None
        return self.text

    @property
    def _vectors(self) -> FaissIndex:
        assert self.vectors is not None
        return self.vectors


def _document(item: Item, passage: NewPassage, id: int) -> TextDocument:
    return TextDocument(
        passage=id,
        item=item.id,
        text=passage.text,
        language=item.language,
        heading=passage.heading,
        title=item.title,
        name=item.name,
        sender=item.sender,
    )


def _vectors_name(model: str) -> str:
    return f"vectors-{model[:16]}"


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, _REPLAY_BATCH)):
        yield batch
