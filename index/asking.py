"""What a query means, as queries of Tantivy, and what they would cost. Which of them are run, in which order
and how deep, is decided in `index/plan.py`.

A passage stands in the fields of one language. So what is required is asked language by language, each time
in few lists that must meet, and only where it can be: a union of languages inside would be read through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from index.lexicon import (
    ALL,
    HEAD,
    LANGUAGES,
    NAME,
    PASSAGE,
    TEXT,
    TITLE,
    TITLE_WORDS,
    WORDS,
    Lexicon,
)
from index.query import Piece, Wanted

if TYPE_CHECKING:
    import tantivy

    Clauses = list[tuple[tantivy.Occur, tantivy.Query]]

_WEIGHTS = {TEXT: 1.0, HEAD: 1.0, NAME: 0.5}  # a name or a folder says less than a passage's own words
_CODE = 20_000  # a word of several tokens of which the rarest stands in more passages is no code: "12:00"
_NAMES_ONE = re.compile(r"\d|[^\W_][._@:#\\][^\W_]")  # a number, an address, a path: it counts as a whole
_FREQUENT = 10  # is a word that one of so many passages holds: a twentieth to a fifth rank as well
_ONE_BY_ONE = 400  # numbers: of more, a set is looked up faster
_BEGINNINGS = 256  # words that a prefix stands for at most, the most frequent
_NO_END = 1 << 62


class Asking:
    """One query, put to the index as it is at one moment.

    Args:
        wanted: its words, if they count together only, are required like the rest.
    """

    def __init__(self, lexicon: Lexicon, searcher: tantivy.Searcher, wanted: Wanted) -> None:
        import tantivy

        self._query, self._occur = tantivy.Query, tantivy.Occur
        self._unsigned = tantivy.FieldType.Unsigned
        self._lexicon = lexicon
        self._searcher = searcher
        self._counts: dict[tuple[str, str], int] = {}
        self._begun: dict[tuple[str, str], list[tuple[str, int]]] = {}
        together = tuple((Piece(word),) for word in wanted.words) if wanted.together else ()
        self._required = (*wanted.required, *together)
        self._refused = wanted.without
        self._words: list[str] = []  # of one token
        self._codes: list[Piece] = []  # of several, and not frequent
        for word in () if wanted.together else wanted.words:
            self._sort(word)
        counts = {word: self._frequency([Piece(word)]) for word in self._words}
        frequent = searcher.num_docs // _FREQUENT
        self._telling = [word for word, count in counts.items() if 0 < count <= frequent]
        self._frequent = [word for word, count in counts.items() if count > frequent]

    def _sort(self, word: str) -> None:
        tokens = self._lexicon.plain(word)
        if len(tokens) > 1 and _NAMES_ONE.search(word) and self._frequency([Piece(word)]) <= _CODE:
            self._codes.append(Piece(word))
        else:  # "free-flight" stands as "free flight" elsewhere; the "t" of "don't" says nothing
            self._words += [token for token in tokens if len(token) > 1] or tokens

    @property
    def has_any(self) -> bool:
        """Whether there are words of which any counts."""
        return bool(self._words or self._codes)

    @property
    def is_flat(self) -> bool:
        """Whether `candidates` ranks by all that is asked."""
        return not self._codes and not self._frequent

    @property
    def has_conditions(self) -> bool:
        """Whether anything is required or refused."""
        return bool(self._required or self._refused)

    @property
    def requires(self) -> bool:
        """Whether anything is required, so that a passage answers without holding any of the words."""
        return bool(self._required)

    def cost(self) -> int:
        """How many passages what is required leaves to look at, at most."""
        return min(map(self._frequency, self._required), default=self._searcher.num_docs)

    def candidates(self) -> list[tantivy.Query]:
        """Where the best passages are, by what tells most: words that are not frequent, and codes. Where
        there are none, all words together, or any in a head.

        Each is flat and of single terms, so that Tantivy skips blocks that cannot reach the best, or of what
        must meet.
        """
        if self._telling or self._codes:
            return [self._any(self._weighed(self._telling, LANGUAGES)), *self._coded()]
        together = [self._together(language) for language in LANGUAGES]
        heads = self._weighed(self._words, LANGUAGES, (HEAD, NAME))
        return [*filter(None, together), *([self._any(heads)] if heads else [])]

    def ranked(self) -> list[tantivy.Query]:
        """Any of the words, and codes."""
        return [self._any(self._weighed(self._words, LANGUAGES)), *self._coded()]

    def weighed(self, passages: Sequence[int]) -> tantivy.Query:
        """Given passages, few of them, ranked by all words and codes."""
        weighing = [*self._weighed(self._words, LANGUAGES), *self._coded()]
        return self._weighing(self.among(PASSAGE, passages), weighing)

    def strict(self, *, extra: Iterable[tantivy.Query] = ()) -> tantivy.Query:
        """What holds all that is required and nothing that is refused; words and titles only weigh.

        Args:
            extra: must hold too.
        """
        extra = list(extra)
        alone = [piece.text for group in self._required for piece in group if self._is_word(piece)]
        alternatives = []
        for languages, conditions in self._conditions():
            weighing = self._weighed([*self._words, *alone], languages) + self._coded(languages)
            if self._required:
                alternatives.append(self._weighing(self._all(extra, conditions), weighing))
            else:
                alternatives.append(self._all([*extra, self._any(weighing)], conditions))
        return self._any(alternatives)

    def holding(self, passages: Sequence[int]) -> tantivy.Query:
        """Those of the given passages that hold all that is required and nothing that is refused."""
        among = self.among(PASSAGE, passages)
        return self._any([self._all([among], conditions) for _, conditions in self._conditions()])

    def among(self, field: str, values: Sequence[int]) -> tantivy.Query:
        """A field of numbers holds one of these."""
        if len(values) > _ONE_BY_ONE:
            return self._silent(self._lexicon.among(field, values))
        terms = [self._query.term_query(self._lexicon.schema, field, value) for value in values]
        return self._silent(self._any(terms))

    def since(self, passage: int) -> tantivy.Query:
        """Passages from this id on."""
        schema, unsigned = self._lexicon.schema, self._unsigned
        return self._silent(self._query.range_query(schema, PASSAGE, unsigned, passage, _NO_END))

    def _conditions(self) -> list[tuple[Sequence[str], Clauses]]:
        """What a passage must hold and must not, by languages where it can."""
        must, must_not = self._occur.Must, self._occur.MustNot
        refused = [query for language in LANGUAGES for query in self._held(self._refused, language)]
        without = [(must_not, query) for query in refused]
        if not self._required:
            return [(LANGUAGES, without)]
        found: list[tuple[Sequence[str], Clauses]] = []
        for language in LANGUAGES:
            groups = [self._held(group, language) for group in self._required]
            if all(groups):
                found.append(((language,), [*((must, self._any(group)) for group in groups), *without]))
        return found

    def _coded(self, languages: Iterable[str] = LANGUAGES) -> list[tantivy.Query]:
        return [query for language in languages for query in self._held(self._codes, language)]

    def _together(self, language: str) -> tantivy.Query | None:
        """All of the words, in the text; None if no passage of the language can hold them."""
        stems = [stem for word in self._words for stem in self._lexicon.stems(word, language)]
        if not all(self._count(TEXT + language, stem) for stem in stems):
            return None
        return self._all([self._term(TEXT + language, stem) for stem in stems], [])

    def _weighed(
        self, texts: Iterable[str], languages: Iterable[str], fields: Iterable[str] = tuple(_WEIGHTS)
    ) -> list[tantivy.Query]:
        """Each term of the texts, in each field where it weighs and is."""
        terms = dict.fromkeys(
            (language, stem)
            for text in texts
            for language in languages
            for stem in self._lexicon.stems(text, language)
        )
        return [
            self._query.boost_query(self._term(field + language, stem), _WEIGHTS[field])
            for language, stem in terms
            for field in fields
            if self._count(field + language, stem)
        ]

    def _held(self, pieces: Iterable[Piece], language: str) -> list[tantivy.Query]:
        """Each of the pieces that a passage of a language can hold."""
        return [self._piece(piece, language) for piece in pieces if self._most(piece, language)]

    def _piece(self, piece: Piece, language: str) -> tantivy.Query:
        if piece.prefix:
            return self._beginning(piece)
        field = (TITLE if piece.subject else ALL) + language
        stems = self._lexicon.stems(piece.text, language)
        if len(stems) == 1:  # it weighs in the fields by which is ranked
            return self._silent(self._term(field, stems[0]))
        words: list[str | tuple[int, str]] = list(stems)
        return self._query.phrase_query(self._lexicon.schema, field, words)

    def _beginning(self, piece: Piece) -> tantivy.Query:
        """What begins so; of several tokens the last, and the others stand anywhere beside it."""
        field = TITLE_WORDS if piece.subject else WORDS
        *whole, last = self._lexicon.plain(piece.text)
        begun = [term for term, _ in self._begin(field, last)]
        terms = self._query.term_set_query(self._lexicon.schema, field, begun)
        return self._all([*(self._term(field, token) for token in whole), self._silent(terms)], [])

    def _begin(self, field: str, prefix: str) -> list[tuple[str, int]]:
        """The terms of a field that begin so, and in how many passages each stands."""
        if (field, prefix) not in self._begun:
            found = self._searcher.terms_with_prefix(field, prefix, limit=_BEGINNINGS)
            self._begun[field, prefix] = found
        return self._begun[field, prefix]

    def _frequency(self, pieces: Iterable[Piece]) -> int:
        """In how many passages any of the pieces can stand, at most."""
        return sum(self._most(piece, language) for piece in pieces for language in LANGUAGES)

    def _most(self, piece: Piece, language: str) -> int:
        """In how many passages of a language a piece can stand, at most."""
        if piece.prefix:
            field = TITLE_WORDS if piece.subject else WORDS
            tokens = self._lexicon.plain(piece.text)
            return sum(count for _, count in self._begin(field, tokens[-1])) if tokens else 0
        field = (TITLE if piece.subject else ALL) + language
        counts = (self._count(field, stem) for stem in self._lexicon.stems(piece.text, language))
        return min(counts, default=0)

    def _count(self, field: str, token: str) -> int:
        if (field, token) not in self._counts:
            self._counts[field, token] = self._searcher.doc_freq(field, token)
        return self._counts[field, token]

    def _is_word(self, piece: Piece) -> bool:
        return not piece.prefix and len(self._lexicon.plain(piece.text)) == 1

    def _term(self, field: str, token: str) -> tantivy.Query:
        return self._query.term_query(self._lexicon.schema, field, token)

    def _all(self, queries: Sequence[tantivy.Query], clauses: Clauses) -> tantivy.Query:
        if len(queries) == 1 and not clauses:
            return queries[0]
        return self._query.boolean_query([*((self._occur.Must, query) for query in queries), *clauses])

    def _weighing(self, query: tantivy.Query, weighing: Iterable[tantivy.Query]) -> tantivy.Query:
        """A query whose finds others weigh. One by one, as each is then only sought in what was found; a
        union of them would be read through.
        """
        for weigh in weighing:
            query = self._query.boolean_query([(self._occur.Must, query), (self._occur.Should, weigh)])
        return query

    def _any(self, queries: Sequence[tantivy.Query]) -> tantivy.Query:
        if not queries:
            return self._query.empty_query()
        if len(queries) == 1:
            return queries[0]
        return self._query.boolean_query([(self._occur.Should, query) for query in queries])

    def _silent(self, query: tantivy.Query) -> tantivy.Query:
        """Without a say in the ranking."""
        return self._query.const_score_query(query, 0.0)
