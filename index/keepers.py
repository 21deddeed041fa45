"""What keeps each of the two indexes equal to the catalog: opened from a snapshot and replayed, or rebuilt;
then one step at a time; snapshots when it is quiet. Whose turn it is, is decided in `index/refresh.py`.

Safety. Each keeper has one thread that steps, and `forget` may come from any thread. A keeper writes to the
catalog and to its index under its lock, so whoever holds the lock sees an index that covers every generation
of the catalog up to now but for removals; and removals are read from the catalog by generation. A generation
that can be read is committed, with all before it: the catalog has one writer at a time. Passage ids are never
used twice, so a replay that repeats what is there changes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from index.chunk import chunk
from index.embed import Embedder, Half
from index.errors import IndexDamaged
from index.fulltext import TantivyIndex
from index.gpu import MakeFlat, flat_on_gpu
from index.lexicon import TextDocument
from index.names import kind_words, name_words
from index.turns import crowded, give_way
from index.vectors import MUTABLE, FaissIndex, Growth
from store.errors import NoSuchItem, StoreError
from store.passages import Uncut
from store.records import Item, NewPassage, Passage
from store.vault import Vault

log = logging.getLogger("strongroom.index")

Cut = tuple[Uncut, Sequence[NewPassage]]

_ITEMS = 256  # taken in together at most
_COMMIT_S = 0.25  # of work before a commit, and between two commits: so long an item waits, however many come
_PASSAGES_IN_CROWD = 16
_BATCHES = 4  # embedded by one step, each while the one before it is stored
_PURGE_LOOK_S = 0.25  # while the index is written anew
_REPLAYED = 2_000  # passages or vectors taken in at once when an index is rebuilt
_REMEMBERED = 50_000  # texts, 200 bytes each
_NAME_ONLY = NewPassage(start=0, end=0, text="", embed=False)  # of an item without text
_META = "meta.json"
_IDENTITY = "identity"


class TextKeeper:
    """Keeps the full text.

    Args:
        folder: private, in memory; what is in it is removed.
    """

    def __init__(self, vault: Vault, folder: Path) -> None:
        self._vault = vault
        self._folder = folder
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._removed_through = 0  # generation up to which removals are applied
        self._saved = -1  # generation of the last snapshot
        self._damaged = False
        self._uncommitted = False
        self._committed = 0.0  # when, monotonic
        self.index: TantivyIndex | None = None

    def step(self) -> bool:
        """Chunk and index some new items, the newest first; False if there are none.

        Raises:
            IndexDamaged: the folder is full or broken; the next step begins with a new index.
        """
        index = self._open() if self.index is None else self.index
        if self._damaged:
            index = self._renew(index)
        try:
            self.forget()
            items = self._vault.catalog.unchunked(_ITEMS)
            cuts: list[Cut] = []
            began = time.monotonic()
            for item in items:
                with contextlib.suppress(NoSuchItem):  # deleted meanwhile
                    uncut = self._vault.catalog.uncut(item)
                    cuts.append((uncut, chunk(uncut.text, uncut.elements) or [_NAME_ONLY]))
                if time.monotonic() - began > _COMMIT_S:
                    break
            if cuts:
                self._take(index, cuts)
        except IndexDamaged:
            self._damaged = True
            raise
        return bool(items)

    def rest(self, stop: threading.Event) -> None:
        """Between two steps while there is more to do: let what comes gather for one commit."""
        stop.wait(max(0.0, self._committed + _COMMIT_S - time.monotonic()))

    def flush(self) -> None:
        """Let everything that is in the catalog as passages be found."""
        with self._lock:
            if self._uncommitted and self.index is not None:
                self.index.commit()
                self._uncommitted = False
                self._committed = time.monotonic()

    def forget(self) -> None:
        """Take out what the catalog no longer has, now."""
        with self._lock:
            if self.index is not None:
                self._apply_removals(self.index)

    def settle(self) -> None:
        """While it is quiet: make the removal of tokens final, and write a snapshot.

        A removed passage is never found, but its words stay in their segment until that is written anew. So
        no snapshot is made before, and the owner's deletion becomes complete here. What comes meanwhile is
        indexed as ever.
        """
        while (index := self.index) is not None and not self._purged(index):
            sequence = self._vault.ledger.sequence
            if not self.step():
                self._vault.ledger.wait(sequence, _PURGE_LOOK_S)
        if index is None:
            return
        with self._lock:
            self._apply_removals(index)
            generation = self._vault.catalog.generation()
            if generation == self._saved or index.tombstones:
                return
            files = index.dump()
        immutable = files.keys() - {_META}
        self._vault.snapshots.save("text", generation, files, immutable=immutable)
        self._saved = generation

    def _purged(self, index: TantivyIndex) -> bool:
        try:
            return index.purge()
        except IndexDamaged:
            self._damaged = True
            raise

    def _take(self, index: TantivyIndex, cuts: Sequence[Cut]) -> None:
        with self._lock:
            ids = self._vault.catalog.save_cuts(cuts)
            self._uncommitted = True
            paths = self._vault.catalog.paths(ids.keys())
            index.add(
                _document(uncut.item, paths.get(uncut.item.id, ()), id, passage)
                for uncut, passages in cuts
                for id, passage in zip(ids.get(uncut.item.id, ()), passages, strict=False)
            )
        self.flush()

    def _apply_removals(self, text: TantivyIndex) -> None:
        generation = self._vault.catalog.generation()
        if generation > self._removed_through:
            removed = self._vault.catalog.removed_since(self._removed_through)
            if removed:
                text.remove(removed)
                text.commit()
            self._removed_through = generation

    def _open(self) -> TantivyIndex:
        for stale in self._folder.iterdir():
            shutil.rmtree(stale)
        with self._lock:
            loaded = self._load()
            self.index = self._rebuilt() if loaded is None else loaded
            return self.index

    def _load(self) -> TantivyIndex | None:
        snapshot = self._vault.snapshots.open("text")
        if snapshot is None:
            return None
        generation, files = snapshot
        folder = self._new_folder()
        try:
            text = TantivyIndex.restore(folder, files)
        except (IndexDamaged, StoreError) as error:
            log.warning("the snapshot text is not whole (%s); it is built anew", type(error).__name__)
            shutil.rmtree(folder)
            return None
        self._saved = self._removed_through = generation
        self._replay(text, generation)
        self._apply_removals(text)
        return text

    def _rebuilt(self) -> TantivyIndex:
        """A new index of all passages that were there when it began."""
        self._removed_through = self._vault.catalog.generation()
        text = TantivyIndex(self._new_folder())
        self._replay(text, 0)
        self._apply_removals(text)
        return text

    def _renew(self, former: TantivyIndex) -> TantivyIndex:
        """Put a new index in the place of the present one, which answers until then."""
        before = self._vault.catalog.generation()
        text = TantivyIndex(self._new_folder())
        self._replay(text, 0)
        with self._lock:
            # What changed while the passages were read.
            self._replay(text, before)
            self._removed_through = before
            self._apply_removals(text)
            self.index = text
        self._damaged = False
        former.close()
        # Searches that still have its files open keep them; a damaged one may have none.
        shutil.rmtree(former.folder, ignore_errors=True)
        return text

    def _replay(self, text: TantivyIndex, generation: int) -> None:
        passages = self._vault.catalog.passages_since(generation)
        while some := list(itertools.islice(passages, _REPLAYED)):
            text.add(self._documents(some))
        text.commit()

    def _documents(self, passages: Sequence[Passage]) -> Iterable[TextDocument]:
        items = self._vault.catalog.items_by_id({passage.item for passage in passages})
        paths = self._vault.catalog.paths(items.keys())
        for passage in passages:
            if passage.item in items:
                yield _document(items[passage.item], paths.get(passage.item, ()), passage.id, passage)

    def _new_folder(self) -> Path:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir(mode=0o700)
        return folder


class VectorKeeper:
    """Keeps the vectors of the embedder's model.

    Args:
        flush: lets what is embedded be found by word too, before its item is INDEXED: that is the promise.
        growth: when the index grows, if not as usual.
    """

    def __init__(
        self, vault: Vault, embedder: Embedder, flush: Callable[[], None], growth: Growth | None = None
    ) -> None:
        self._vault = vault
        self._embedder = embedder
        self._flush = flush
        self._growth = growth
        self._lock = threading.Lock()
        self._removed_through = 0
        self._saved = -1
        self._worked_s = 0.0  # in the last step
        self._oldest = True  # where the next step does not begin
        self._passages: OrderedDict[bytes, int] = OrderedDict()  # digest of a text -> passage that has it
        self._growing: threading.Thread | None = None
        self.index: FaissIndex | None = None

    def step(self) -> bool:
        """Embed some passages across items; False if none wait.

        Those of the newest and of the oldest item by turns: what has just come is embedded soon, and so is
        the newest mail of a mailbox that is coming in, which came first.

        Raises:
            EmbedderDown: the embedder does not answer.
        """
        vectors = self._open() if self.index is None else self.index
        self._tend(vectors)
        model, catalog = self._embedder.identity, self._vault.catalog
        generation = catalog.generation()
        began = time.monotonic()
        crowd = crowded(self._vault.ledger)
        self._oldest = not self._oldest
        batch = _PASSAGES_IN_CROWD if crowd else self._embedder.batch
        waiting = catalog.unembedded(model, batch if crowd else _BATCHES * batch, oldest=self._oldest)
        if not waiting:
            self.forget()
            return False
        parts = [waiting[start : start + batch] for start in range(0, len(waiting), batch)]
        with ThreadPoolExecutor(1, "embed") as ahead:  # the next part is embedded while one is stored
            embedded = ahead.map(lambda part: self._embed(vectors, [one.text for one in part]), parts)
            for part, rows in zip(parts, embedded, strict=True):
                self._take(vectors, generation, part, rows)
        self._worked_s = time.monotonic() - began
        return True

    def _take(self, vectors: FaissIndex, generation: int, waiting: Sequence[Passage], rows: Half) -> None:
        """Store what was embedded, but for what was removed since a generation."""
        catalog = self._vault.catalog
        self._flush()
        with self._lock:
            # What was deleted while it was embedded is not taken in: `forget` may have come and gone already.
            gone = set(catalog.removed_since(generation))
            kept = [number for number, passage in enumerate(waiting) if passage.id not in gone]
            ids = [waiting[number].id for number in kept]
            owners = catalog.numbers_of(ids)
            kept = [number for number in kept if waiting[number].id in owners]
            vectors.add(
                [waiting[number].id for number in kept],
                [owners[waiting[number].id] for number in kept],
                rows[kept],
            )
            saved = [(waiting[number].id, rows[number].tobytes()) for number in kept]
            catalog.save_vectors(self._embedder.identity, saved)
            self._apply_removals(vectors)
            self._remember(waiting)

    def rest(self, stop: threading.Event) -> None:
        """Between two steps while there is more to do: words come first."""
        give_way(self._vault.ledger, self._worked_s, stop)

    def forget(self) -> None:
        """Take out what the catalog no longer has, now."""
        with self._lock:
            if self.index is not None:
                self._apply_removals(self.index)

    def settle(self) -> None:
        """While it is quiet: write a snapshot."""
        if (vectors := self.index) is None:
            return
        with self._lock:
            self._apply_removals(vectors)
            generation = self._vault.catalog.generation()
            if generation == self._saved:
                return
            files = vectors.dump({_IDENTITY: self._embedder.identity.encode()})
            self._saved = generation
        try:
            # Made part by part while searches and removals go on. What is removed meanwhile comes out again
            # when the snapshot is replayed; what is erased makes the store throw it away.
            immutable = set(files) - {MUTABLE, _IDENTITY}
            self._vault.snapshots.save("vectors", generation, files, immutable=immutable)
        except BaseException:
            self._saved = -1
            raise

    def _tend(self, vectors: FaissIndex) -> None:
        """If the index wants to grow, let it, on a thread of its own.

        Of no lower priority than others: it holds the interpreter for moments, and who waits for that waits
        for as long as this thread does not get its turn.
        """
        if vectors.outgrown and (self._growing is None or not self._growing.is_alive()):
            self._growing = threading.Thread(target=self._grow, args=(vectors,), name="grow")
            self._growing.start()

    def _grow(self, vectors: FaissIndex) -> None:
        # The interpreter waits for this thread when it ends, so it must notice that.
        vectors.grow(stopped=lambda: not threading.main_thread().is_alive())
        self._saved = -1  # the catalog is where it was, and yet there is something to be saved
        self._vault.ledger.poke()

    def _embed(self, vectors: FaissIndex, texts: Sequence[str]) -> Half:
        """The vectors of texts; what stands word for word in a passage that is indexed is not computed again.

        Forwarded attachments, several formats of one document, disclaimers: up to a quarter of real tokens.
        """
        had = {text: known for text in texts if (known := self._passages.get(_digest(text))) is not None}
        stored = vectors.get(set(had.values()))
        unknown = list(dict.fromkeys(text for text in texts if had.get(text) not in stored))
        fresh = dict(zip(unknown, self._embedder.embed_passages(unknown) if unknown else (), strict=True))
        return np.stack([fresh[text] if text in fresh else stored[had[text]] for text in texts])

    def _remember(self, passages: Iterable[Passage]) -> None:
        """Which passage has a text: a number only, so nothing of a deleted passage outlives it."""
        for passage in passages:
            self._passages[_digest(passage.text)] = passage.id
        while len(self._passages) > _REMEMBERED:
            self._passages.popitem(last=False)

    def _open(self) -> FaissIndex:
        with self._lock:
            vectors = self._load()
            if vectors is None:
                vectors = FaissIndex(self._embedder.dimension, self._growth, _gpu())
            self._replay(vectors, self._removed_through)
            self._apply_removals(vectors)
            self.index = vectors
        return vectors

    def _load(self) -> FaissIndex | None:
        snapshot = self._vault.snapshots.open("vectors")
        if snapshot is None:
            return None
        generation, files = snapshot
        try:
            if bytes(files.get(_IDENTITY, b"")) != self._embedder.identity.encode():
                return None
            vectors = FaissIndex.load(files, self._embedder.dimension, self._growth, _gpu())
        except (IndexDamaged, StoreError) as error:
            log.warning("the snapshot vectors is not whole (%s); it is built anew", type(error).__name__)
            return None
        self._saved = self._removed_through = generation
        return vectors

    def _replay(self, vectors: FaissIndex, generation: int) -> None:
        catalog = self._vault.catalog
        rows = catalog.vectors_since(self._embedder.identity, generation)
        while some := list(itertools.islice(rows, _REPLAYED)):
            items = catalog.numbers_of([id for id, _ in some])
            some = [(id, row) for id, row in some if id in items]
            stacked: Half = np.frombuffer(b"".join(row for _, row in some), "<f2").astype(np.float16)
            vectors.add([id for id, _ in some], [items[id] for id, _ in some], stacked.reshape(len(some), -1))

    def _apply_removals(self, vectors: FaissIndex) -> None:
        generation = self._vault.catalog.generation()
        if generation > self._removed_through:
            vectors.remove(self._vault.catalog.removed_since(self._removed_through))
            self._removed_through = generation


def _gpu() -> MakeFlat | None:
    import faiss

    return flat_on_gpu(faiss)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _document(item: Item, paths: Sequence[str], id: int, passage: NewPassage) -> TextDocument:
    name = name_words(item.name, paths)
    if not passage.text:  # the item is found by nothing else
        name = "\n".join((name, item.title or "", kind_words(item.media_type)))
    return TextDocument(
        passage=id,
        item=item.number,
        text=passage.text,
        language=passage.language or item.language,
        heading=passage.heading,
        title=item.title,
        name=name,
        sender=item.sender or item.author,
    )
