"""Search by word: Tantivy in a private folder of memory (the core mounts a tmpfs there). It finds passage
ids; what a passage is and what is shown of it are others' concern. What is asked of Tantivy is built in
`index/asking.py` and planned in `index/plan.py`.
"""

from __future__ import annotations

import json
import mmap
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from index.allowed import Allowed
from index.asking import Asking
from index.errors import IndexDamaged
from index.lexicon import PASSAGE, Lexicon, TextDocument
from index.matching import Span, matches
from index.meta import META, ask_for_merge, read_segments
from index.plan import Plan
from index.query import Wanted
from policy.priority import INTAKE, lower

_HEAP = 30_000_000  # bytes; Tantivy's least is 15 million
_DUMP_ATTEMPTS = 20
_PURGE_S = 900.0  # at most; a million passages take 20 s


Buffer = bytes | bytearray | memoryview


class TextIndex(Protocol):
    """Passages by word."""

    def add(self, documents: Iterable[TextDocument]) -> None:
        """Take passages in; they are found after `commit`. A passage that is in is replaced."""

    def remove(self, passages: Collection[int]) -> None:
        """Take passages out, with effect from `commit`."""

    def commit(self) -> None:
        """Let searches see everything up to now."""

    def search(self, wanted: Wanted, limit: int, allowed: Allowed | None = None) -> list[tuple[int, float]]:
        """The `limit` best passages (id, score), the best first; of the allowed items only, if given.

        Where nothing but frequent words and phrases is required, they are the best of the newest passages.
        """

    def keep(self, passages: Collection[int], wanted: Wanted) -> set[int]:
        """Those passages that hold all that is required and nothing that is refused."""

    def matches(self, text: str, language: str | None, wanted: Wanted) -> list[Span]:
        """Where the wanted words stand in a passage's text: (start, end), ascending, not overlapping."""


class TantivyIndex:
    """Full text in one folder. Thread-safe: one writer at a time; readers see the last commit.

    Args:
        folder: exists, is private and lies in memory; it is empty, or holds what `restore` put there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tombstones = 0  # removed passages whose words are still there
        self._lexicon = Lexicon()
        self._lock = threading.Lock()
        self._purged: set[str] = set()  # segments that wait to be written anew
        self._late: frozenset[int] = frozenset()  # removed meanwhile: see `purge`
        self._purge_ends = 0.0  # monotonic; later it has failed
        self._open()
        self._newest = self._lexicon.newest(self._index.searcher())

    @classmethod
    def restore(cls, folder: Path, files: Mapping[str, Buffer]) -> TantivyIndex:
        """Open what `dump` gave, in an empty folder. Each file is looked up once, one after the other.

        Raises:
            IndexDamaged: it cannot be opened, or has another schema.
        """
        with _damage():
            for name, content in files.items():
                if "/" in name:
                    raise IndexDamaged("a file of the full-text snapshot has an impossible name")
                (folder / name).write_bytes(content)
            # Tantivy deletes only files in this list: without it, merged segments would stay for ever.
            (folder / ".managed.json").write_text(json.dumps(sorted(files)))
        return cls(folder)

    def add(self, documents: Iterable[TextDocument]) -> None:
        """See TextIndex.

        Raises:
            IndexDamaged: the folder is full or broken; this object is of no more use for writing.
        """
        some = list(documents)
        with self._lock, _damage():
            self._delete([document.passage for document in some])
            for document in some:
                self._writer.add_document(self._lexicon.document(document))
                self._newest = max(self._newest, document.passage)

    def remove(self, passages: Collection[int]) -> None:
        """See TextIndex. Raises IndexDamaged, as `add` does."""
        with self._lock, _damage():
            self._delete(passages)
            if self._purged:
                self._late |= frozenset(passages)

    def commit(self) -> None:
        """See TextIndex. Raises IndexDamaged, as `add` does."""
        with self._lock, _damage():
            self._writer.commit()
            self._refresh()

    def search(self, wanted: Wanted, limit: int, allowed: Allowed | None = None) -> list[tuple[int, float]]:
        """See TextIndex."""
        late = self._late  # before the searcher: what leaves this set is gone from what is searched
        searcher = self._index.searcher()
        asking = Asking(self._lexicon, searcher, wanted)
        found = Plan(searcher, asking, self._newest, limit + min(limit, len(late)), allowed).best()
        return [hit for hit in found if hit[0] not in late][:limit]

    def keep(self, passages: Collection[int], wanted: Wanted) -> set[int]:
        """See TextIndex."""
        searcher = self._index.searcher()
        asked = set(passages) - self._late
        return Plan(searcher, Asking(self._lexicon, searcher, wanted), self._newest, 0, None).keep(asked)

    def matches(self, text: str, language: str | None, wanted: Wanted) -> list[Span]:
        """See TextIndex."""
        return matches(self._lexicon, text, language, wanted)

    def dump(self) -> dict[str, bytes | memoryview]:
        """The committed index as its files, mapped. All but `meta.json` are immutable: no name changes its
        content.

        Raises:
            IndexDamaged: merges kept removing files while they were opened.
        """
        with self._lock:
            for _ in range(_DUMP_ATTEMPTS):
                try:
                    meta = (self.folder / META).read_bytes()
                    names = [name for segment in read_segments(self.folder) for name in segment.files]
                    files = {name: _mapped(self.folder / name) for name in names}
                except FileNotFoundError:  # a merge in the background ended: read its result
                    continue
                if meta == (self.folder / META).read_bytes():
                    return {META: meta, **files}
        raise IndexDamaged("the full-text index did not stand still for a snapshot")

    def purge(self) -> bool:
        """Have the segments that hold removed passages written anew in the background; call it again until
        nothing is left to do. Meanwhile everything else goes on.

        Of a segment that is said to hold next to nothing, Tantivy notes no further removal. So those that
        come in between are kept from searches here, and are made once more in the new segment.

        Returns:
            whether nothing is left: the words of what was removed are gone.

        Raises:
            IndexDamaged: as in `add`, or it does not end.
        """
        with self._lock, _damage():
            self._refresh()
            if self._purged:
                if time.monotonic() > self._purge_ends:
                    raise IndexDamaged("the full-text index is not written anew", remedy="it is built anew")
                return False
            if self._late:
                self._delete(self._late)
                self._writer.commit()
                self._refresh()
                self._late = frozenset()
            if not self.tombstones:
                self._writer.garbage_collect_files()
                return True
            self._writer.commit()
            self._writer.wait_merging_threads()
            touched = [segment for segment in read_segments(self.folder) if segment.deletes]
            self._purged = {segment.segment_id for segment in touched}
            self._purge_ends = time.monotonic() + _PURGE_S
            fillers = ask_for_merge(self.folder, touched)
            self._open()
            for _ in range(fillers):
                self._writer.add_document(self._lexicon.filler())
                self._writer.commit()
            self._writer.commit()  # at which Tantivy looks for what to merge, also where nothing was lacking
            return False

    def close(self) -> None:
        """Wait for merges and let go of the folder."""
        with self._lock, suppress(ValueError):  # one that was damaged may have lost its writer
            self._writer.wait_merging_threads()

    def __len__(self) -> int:
        searcher = self._index.searcher()
        return searcher.num_docs - searcher.doc_freq(PASSAGE, 0)

    def _open(self) -> None:
        with _damage():
            self._index = self._lexicon.open(self.folder)
            # The threads that write and merge inherit the place in the kernel's queue of the one that makes
            # the writer, and a thread that gave way cannot take that back.
            with ThreadPoolExecutor(1, "text", initializer=lower, initargs=(INTAKE,)) as thread:
                self._writer = thread.submit(self._index.writer, _HEAP, 1).result()
            self._refresh()

    def _refresh(self) -> None:
        """Let searches see the last commit, and merges since then."""
        segments = read_segments(self.folder)  # first: what is searched is no older than what is known of it
        self._index.reload()
        self._purged &= {segment.segment_id for segment in segments}
        self.tombstones = sum(segment.tombstones for segment in segments)

    def _delete(self, passages: Collection[int]) -> None:
        # Not `delete_documents_by_term`: it takes the number for a signed one and deletes another document.
        if passages:
            self._writer.delete_documents_by_query(self._lexicon.among(PASSAGE, list(passages)))


def _mapped(path: Path) -> bytes | memoryview:
    """What is in a file, also after it was removed."""
    with path.open("rb") as file:
        empty = not os.fstat(file.fileno()).st_size  # cannot be mapped
        return b"" if empty else memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


@contextmanager
def _damage() -> Iterator[None]:
    """Tantivy reports everything as ValueError; its message may quote a document, so it is dropped."""
    try:
        yield
    except (ValueError, OSError):
        raise IndexDamaged("the full-text index cannot be written", remedy="it is built anew") from None
