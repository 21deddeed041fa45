"""Search by word: Tantivy in a private folder of memory (the core mounts a tmpfs there). It finds passage
ids; what a passage is and what is shown of it are others' concern.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from index.allowed import Allowed
from index.errors import IndexDamaged
from index.query import Wanted

if TYPE_CHECKING:
    import tantivy

# Each passage is indexed in the fields of its own language only, a query is asked of all of them. More
# stemmers would make more fields to ask: a language is worth them when it is more than a guest.
_STEMMERS = {"en": "english", "de": "german"}
_OTHER = "xx"
_LANGUAGES = (*_STEMMERS, _OTHER)

_HEAD_WEIGHT = 1.0  # title and headings; short fields already weigh more by BM25
_NAME_WEIGHT = 0.5  # a name or a folder says less of a passage than its own words
_NAMES = "en"  # how names are stemmed: "Invoices" is a folder's name, an invoice is looked for
_TOKEN_BYTES = 128  # longer "words" are encoded data
_HEAP = 30_000_000  # bytes; Tantivy's least is 15 million
_SEGMENT_FILES = ("store", "term", "idx", "pos", "fast", "fieldnorm")
_DUMP_ATTEMPTS = 20

Span = tuple[int, int]


class TextDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One passage and what is known of its item."""

    passage: int
    item: int  # its number
    text: str
    language: str | None
    heading: str | None
    title: str | None
    name: str  # and all else by which the item is found (`index/names.py`)
    sender: str | None  # or author


class TextIndex(Protocol):
    """Passages by word."""

    def add(self, documents: Iterable[TextDocument]) -> None:
        """Take passages in; they are found after `commit`. A passage that is in is replaced."""

    def remove(self, passages: Collection[int]) -> None:
        """Take passages out, with effect from `commit`."""

    def commit(self) -> None:
        """Let searches see everything up to now."""

    def search(self, wanted: Wanted, limit: int, allowed: Allowed | None = None) -> list[tuple[int, float]]:
        """The `limit` best passages (id, BM25), the best first; of the allowed items only, if given."""

    def keep(self, passages: Collection[int], wanted: Wanted) -> set[int]:
        """Those passages that hold every required phrase and nothing that is refused."""

    def matches(self, text: str, language: str | None, wanted: Wanted) -> list[Span]:
        """Where the wanted words stand in a passage's text: (start, end), ascending, not overlapping."""


class TantivyIndex:
    """Full text in one folder. Thread-safe: one writer at a time; readers see the last commit.

    Args:
        folder: exists, is private and lies in memory; it is empty, or holds what `restore` put there.
    """

    def __init__(self, folder: Path) -> None:
        import tantivy

        self._tantivy = tantivy
        self.folder = folder
        self._analyzers = {language: self._analyzer(language) for language in _LANGUAGES}
        self._schema = self._build_schema()
        with _damage():
            self._index = tantivy.Index(self._schema, str(folder))
            for language, analyzer in self._analyzers.items():
                self._index.register_tokenizer(language, analyzer)
            # "manual": we reload after our own commits; the other policy watches the folder in a thread.
            self._index.config_reader("manual")
            self._writer = self._index.writer(heap_size=_HEAP, num_threads=1)
        self._lock = threading.Lock()
        self.tombstones = sum(segment.tombstones for segment in self._segments())

    @classmethod
    def restore(cls, folder: Path, files: Mapping[str, bytes]) -> TantivyIndex:
        """Open what `dump` gave, in an empty folder.

        Raises:
            IndexDamaged: it cannot be opened.
        """
        for name, content in files.items():
            if "/" in name:
                raise IndexDamaged("a file of the full-text snapshot has an impossible name")
            (folder / name).write_bytes(content)
        # Tantivy deletes only files that stand in this list: without it, merged segments would stay for ever.
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
                self._writer.add_document(self._document(document))

    def remove(self, passages: Collection[int]) -> None:
        """See TextIndex. Raises IndexDamaged, as `add` does."""
        with self._lock, _damage():
            self._delete(passages)

    def commit(self) -> None:
        """See TextIndex. Raises IndexDamaged, as `add` does."""
        with self._lock, _damage():
            self._writer.commit()
            self._index.reload()
            self.tombstones = sum(segment.tombstones for segment in self._segments())

    def search(self, wanted: Wanted, limit: int, allowed: Allowed | None = None) -> list[tuple[int, float]]:
        """See TextIndex."""
        query = self._query(wanted)
        if allowed is not None:
            query = self._both(query, self._within("owner", allowed.numbers.tolist()))
        return self._run(query, limit)

    def keep(self, passages: Collection[int], wanted: Wanted) -> set[int]:
        """See TextIndex."""
        query = self._both(self._conditions(wanted), self._within("passage", list(passages)))
        return {passage for passage, _ in self._run(query, max(1, len(passages)))}

    def matches(self, text: str, language: str | None, wanted: Wanted) -> list[Span]:
        """See TextIndex."""
        analyzer = self._analyzers[_of(language)]
        sequences = {tuple(analyzer.analyze(piece)) for piece in _written(wanted)} - {()}
        tokens = analyzer.pre_tokenize(text).tokens
        words = [token.text for token in tokens]
        longest = max(map(len, sequences), default=0)
        found: list[Span] = []
        at = 0
        while at < len(words):
            length = next(
                (
                    n
                    for n in range(min(longest, len(words) - at), 0, -1)
                    if tuple(words[at : at + n]) in sequences
                ),
                0,
            )
            if length:
                found.append((tokens[at].char_offset_from, tokens[at + length - 1].char_offset_to))
            at += max(1, length)
        return found

    def dump(self) -> dict[str, bytes]:
        """The committed index as its files. All but `meta.json` are immutable: no name changes its content.

        Raises:
            IndexDamaged: merges kept removing files while they were read.
        """
        with self._lock:
            for _ in range(_DUMP_ATTEMPTS):
                try:
                    meta = (self.folder / "meta.json").read_bytes()
                    names = [name for segment in self._segments() for name in segment.files]
                    files = {name: (self.folder / name).read_bytes() for name in names}
                except FileNotFoundError:  # a merge in the background ended: read its result
                    continue
                if meta == (self.folder / "meta.json").read_bytes():
                    return {"meta.json": meta, **files}
        raise IndexDamaged("the full-text index did not stand still for a snapshot")

    def close(self) -> None:
        """Wait for merges and let go of the folder."""
        with self._lock:
            self._writer.wait_merging_threads()

    def __len__(self) -> int:
        return self._index.searcher().num_docs

    def _analyzer(self, language: str) -> tantivy.TextAnalyzer:
        filters = self._tantivy.Filter
        builder = self._tantivy.TextAnalyzerBuilder(self._tantivy.Tokenizer.simple())
        builder = builder.filter(filters.remove_long(_TOKEN_BYTES)).filter(filters.lowercase())
        if language in _STEMMERS:  # before accents are folded: the stemmers know umlauts
            builder = builder.filter(filters.stemmer(_STEMMERS[language]))
        return builder.filter(filters.ascii_fold()).build()

    def _build_schema(self) -> tantivy.Schema:
        builder = self._tantivy.SchemaBuilder()
        builder.add_unsigned_field("passage", indexed=True, fast=True)
        builder.add_unsigned_field("owner", indexed=True, fast=True)
        for language in _LANGUAGES:
            builder.add_text_field(f"body_{language}", tokenizer_name=language)
            builder.add_text_field(f"head_{language}", tokenizer_name=language)
        builder.add_text_field("name", tokenizer_name=_NAMES)
        builder.add_text_field("sender", tokenizer_name=_OTHER)
        return builder.build()

    def _segments(self) -> list[_Segment]:
        meta = msgspec.json.decode((self.folder / "meta.json").read_bytes(), type=_Meta)
        return meta.segments

    def _delete(self, passages: Collection[int]) -> None:
        # Not `delete_documents_by_term`: it takes the number for a signed one and deletes another document.
        if passages:
            self._writer.delete_documents_by_query(
                self._tantivy.Query.term_set_query(self._schema, "passage", list(passages))
            )

    def _document(self, document: TextDocument) -> tantivy.Document:
        language = _of(document.language)
        fields: dict[str, object] = {
            "passage": document.passage,
            "owner": document.item,
            f"body_{language}": document.text,
            f"head_{language}": "\n".join(filter(None, (document.title, document.heading))),
            "name": document.name,
            "sender": document.sender or "",
        }
        return self._tantivy.Document.from_dict(fields, self._schema)

    # ------------------------------------------------------------------------------------- building queries

    def _query(self, wanted: Wanted) -> tantivy.Query:
        occur = self._tantivy.Occur
        if wanted.together:
            each = [(occur.Must, self._anywhere([word])) for word in wanted.words]
            words = self._tantivy.Query.boolean_query(each)
        else:
            words = self._anywhere(wanted.words)
        if not wanted.required and not wanted.without:
            return words  # alone, Tantivy skips whole blocks that cannot reach the best
        return self._tantivy.Query.boolean_query(
            [(occur.Must, self._conditions(wanted)), (occur.Should if wanted.required else occur.Must, words)]
        )

    def _conditions(self, wanted: Wanted) -> tantivy.Query:
        occur, query = self._tantivy.Occur, self._tantivy.Query
        must = [(occur.Must, self._anywhere([piece.text for piece in group])) for group in wanted.required]
        must_not = [(occur.MustNot, self._anywhere([piece.text])) for piece in wanted.without]
        everything = [] if must else [(occur.Must, query.const_score_query(query.all_query(), 0.0))]
        return query.boolean_query([*must, *everything, *must_not])

    def _anywhere(self, pieces: Sequence[str]) -> tantivy.Query:
        """Any of the pieces, in any field, in any language; several tokens in a piece are a phrase."""
        occur = self._tantivy.Occur
        alternatives: dict[tuple[str, tuple[str, ...]], tantivy.Query] = {}
        for piece in pieces:
            for language, analyzer in self._analyzers.items():
                tokens = analyzer.analyze(piece)
                fields = [(f"body_{language}", 1.0), (f"head_{language}", _HEAD_WEIGHT)]
                if language == _NAMES:
                    fields.append(("name", _NAME_WEIGHT))
                if language == _OTHER:
                    fields.append(("sender", 1.0))
                for field, weight in fields:
                    if tokens and (field, tuple(tokens)) not in alternatives:
                        alternatives[field, tuple(tokens)] = self._in(field, tokens, weight)
        if not alternatives:
            return self._tantivy.Query.empty_query()
        return self._tantivy.Query.boolean_query([(occur.Should, query) for query in alternatives.values()])

    def _in(self, field: str, tokens: list[str], weight: float) -> tantivy.Query:
        if len(tokens) == 1:
            query = self._tantivy.Query.term_query(self._schema, field, tokens[0])
        else:
            words: list[str | tuple[int, str]] = list(tokens)
            query = self._tantivy.Query.phrase_query(self._schema, field, words)
        return query if weight == 1.0 else self._tantivy.Query.boost_query(query, weight)

    def _within(self, field: str, values: Sequence[int]) -> tantivy.Query:
        return self._tantivy.Query.const_score_query(
            self._tantivy.Query.term_set_query(self._schema, field, values), 0.0
        )

    def _both(self, one: tantivy.Query, other: tantivy.Query) -> tantivy.Query:
        must = self._tantivy.Occur.Must
        return self._tantivy.Query.boolean_query([(must, one), (must, other)])

    def _run(self, query: tantivy.Query, limit: int) -> list[tuple[int, float]]:
        searcher = self._index.searcher()
        hits = searcher.search(query, limit, count=False).hits
        passages = searcher.fast_field_values("passage", [address for _, address in hits])
        return [
            (int(passage), float(score))
            for passage, (score, _) in zip(passages, hits, strict=True)
            if passage
        ]


class _Deletes(msgspec.Struct, frozen=True):
    num_deleted_docs: int
    opstamp: int


class _Segment(msgspec.Struct, frozen=True):
    """A live segment as `meta.json` tells of it."""

    segment_id: str
    deletes: _Deletes | None

    @property
    def files(self) -> list[str]:
        stem = self.segment_id.replace("-", "")
        gone = [f"{stem}.{self.deletes.opstamp}.del"] if self.deletes else []
        return [f"{stem}.{kind}" for kind in _SEGMENT_FILES] + gone

    @property
    def tombstones(self) -> int:
        return self.deletes.num_deleted_docs if self.deletes else 0


class _Meta(msgspec.Struct, frozen=True):
    segments: list[_Segment]


@contextmanager
def _damage() -> Iterator[None]:
    """Tantivy reports everything as ValueError; its message may quote a document, so it is dropped."""
    try:
        yield
    except (ValueError, OSError):
        raise IndexDamaged("the full-text index cannot be written", remedy="it is built anew") from None


def _written(wanted: Wanted) -> list[str]:
    """What is to be found, as it was written."""
    return [*wanted.words, *(piece.text for group in wanted.required for piece in group)]


def _of(language: str | None) -> str:
    return language if language in _STEMMERS else _OTHER
