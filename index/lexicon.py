"""How text becomes tokens, and which fields a passage is indexed in. What is asked of them is built in
`index/asking.py`.

By the text, by its head (the title, the heading, the sender) and by names, passages are ranked: these fields
hold no positions. All of it stands in one more field, in which what is required is looked for, so that a
word or a phrase needs one list there; and once more as it is written, for what begins so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import tantivy

# Each passage is indexed in the fields of its own language only, a query is asked of all of them. More
# stemmers would make more fields to ask: a language is worth them when it is more than a guest. What is in
# another language, or in none that is known, is stemmed as English, in passage and query alike.
_STEMMERS = {"en": "english", "de": "german"}
_GUESTS = "en"
LANGUAGES = tuple(_STEMMERS)
_TOKEN_BYTES = 128  # longer "words" are encoded data

# Fields. Those of each language hold stems, the others tokens as they are written, for what begins so.
PASSAGE, OWNER = "passage", "owner"
ALL, TITLE = "all_", "title_"  # and the language: where it is looked
TEXT, HEAD, NAME = "text_", "head_", "name_"  # and the language: by which is ranked
WORDS, TITLE_WORDS = "words", "title_words"
_PLAIN = "plain"


class TextDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One passage and what is known of its item."""

    passage: int  # from 1
    item: int  # its number
    text: str
    language: str | None
    heading: str | None
    title: str | None
    name: str  # and all else by which the item is found (`index/names.py`)
    sender: str | None  # or author


class Lexicon:
    """The analyzers and the schema of one index."""

    def __init__(self) -> None:
        import tantivy

        self._tantivy = tantivy
        stemmed = {language: self._analyzer(stemmer) for language, stemmer in _STEMMERS.items()}
        self._analyzers = {**stemmed, _PLAIN: self._analyzer(None)}
        self.schema = self._build_schema()

    def open(self, folder: Path) -> tantivy.Index:
        """The index in a folder; a new one if it is empty. Raises ValueError if it has another schema."""
        index = self._tantivy.Index(self.schema, str(folder))
        for name, analyzer in self._analyzers.items():
            index.register_tokenizer(name, analyzer)
        # "manual": we reload after our own commits; the other policy watches the folder in a thread.
        index.config_reader("manual")
        return index

    def newest(self, searcher: tantivy.Searcher) -> int:
        """The largest id of a passage in an index; 0 if it is empty."""
        everything = self._tantivy.Query.all_query()
        hits = searcher.search(everything, 1, count=False, order_by_field=PASSAGE).hits
        return int(hits[0][0]) if hits else 0

    def among(self, field: str, values: Sequence[int]) -> tantivy.Query:
        """A field of numbers holds one of these."""
        return self._tantivy.Query.term_set_query(self.schema, field, values)

    def stems(self, text: str, language: str | None) -> tuple[str, ...]:
        """The tokens of a text as the fields of its language hold them."""
        return tuple(self._analyzers[language_of(language)].analyze(text))

    def plain(self, text: str) -> tuple[str, ...]:
        """The tokens of a text as they are written, but for case and accents."""
        return tuple(self._analyzers[_PLAIN].analyze(text))

    def stem_places(self, text: str, language: str | None) -> list[tantivy.Token]:
        """`stems` with their places in the text."""
        return self._analyzers[language_of(language)].pre_tokenize(text).tokens

    def plain_places(self, text: str) -> list[tantivy.Token]:
        """`plain` with their places in the text."""
        return self._analyzers[_PLAIN].pre_tokenize(text).tokens

    def document(self, document: TextDocument) -> tantivy.Document:
        """What is added to the index."""
        language = language_of(document.language)
        # Lists, so that no phrase goes from one into the next.
        title = [document.title] if document.title else []
        head = [*title, *filter(None, (document.heading, document.sender))]
        everything = [document.text, *head, document.name]
        fields: dict[str, object] = {
            PASSAGE: document.passage,
            OWNER: document.item,
            ALL + language: everything,
            TEXT + language: document.text,
            HEAD + language: head,
            NAME + language: document.name,
            TITLE + language: title,
            WORDS: everything,
            TITLE_WORDS: title,
        }
        return self._tantivy.Document.from_dict(fields, self.schema)

    def filler(self) -> tantivy.Document:
        """A document that nothing finds: no passage has the id 0."""
        return self._tantivy.Document.from_dict({PASSAGE: 0, OWNER: 0}, self.schema)

    def _analyzer(self, stemmer: str | None) -> tantivy.TextAnalyzer:
        filters = self._tantivy.Filter
        builder = self._tantivy.TextAnalyzerBuilder(self._tantivy.Tokenizer.simple())
        builder = builder.filter(filters.remove_long(_TOKEN_BYTES)).filter(filters.lowercase())
        if stemmer is not None:  # before accents are folded: the stemmers know umlauts
            builder = builder.filter(filters.stemmer(stemmer))
        return builder.filter(filters.ascii_fold()).build()

    def _build_schema(self) -> tantivy.Schema:
        builder = self._tantivy.SchemaBuilder()
        for number in (PASSAGE, OWNER):
            builder.add_unsigned_field(number, indexed=True, fast=True)
        for language in LANGUAGES:
            for looked in (ALL, TITLE):
                builder.add_text_field(looked + language, tokenizer_name=language)
            for ranked in (TEXT, HEAD, NAME):
                builder.add_text_field(ranked + language, tokenizer_name=language, index_option="freq")
        for words in (WORDS, TITLE_WORDS):
            builder.add_text_field(words, tokenizer_name=_PLAIN, index_option="basic")
        return builder.build()


def language_of(language: str | None) -> str:
    """The language as whose a text is indexed."""
    return language if language in _STEMMERS else _GUESTS
