"""The query language: what it reads, what it refuses, and that nothing a stranger types breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import QueryError
from index.query import Piece, parse

MOST = 4096


def test_words_phrases_and_exclusions() -> None:
    wanted = parse('budget "final offer" -draft -"out of office"', MOST)
    assert wanted.words == ("budget",)
    assert wanted.required == ((Piece("final offer"),),)
    assert wanted.without == (Piece("draft"), Piece("out of office"))
    assert wanted.plain == "budget final offer"


def test_stop_words_are_left_out_of_a_plain_question() -> None:
    wanted = parse("When is the roof of the Alder House going to be repaired?", MOST)
    assert wanted.words == ("roof", "Alder", "House", "going", "repaired?")
    assert wanted.plain == "When is the roof of the Alder House going to be repaired?"


def test_nothing_but_stop_words_are_looked_for_together() -> None:
    wanted = parse("to be or not to be", MOST)
    assert wanted.together
    assert wanted.words == ("to", "be", "or", "not")


@pytest.mark.parametrize("word", ['5" pipe', "INV-2024-0093", "a -- b", "well-known", "don't"])
def test_punctuation_inside_words_is_not_an_operator(word: str) -> None:
    wanted = parse(f"x {word}", MOST)
    assert not wanted.required
    assert not wanted.without


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("", 0),
        ("   ", 0),
        ("\0\0", 0),
        ('- -- "" ""', 0),
        ("-draft", 0),
        ('budget "never closed', 7),
        ("ab\ud800cd", 2),
        ("x" * 100_000, MOST),
        ("roof from:", 5),
        ("roof To: orchard", 5),
        ('from:"" roof', 0),
        ("from:- roof", 0),
        ('from:"Tamsin Orch', 5),
        ("from:orchard -draft", 0),
    ],
)
def test_what_cannot_be_understood_is_refused_and_says_where(query: str, position: int) -> None:
    with pytest.raises(QueryError) as refused:
        parse(query, MOST)
    assert refused.value.position == position
    assert "character" in str(refused.value)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(query: str) -> None:
    try:
        wanted = parse(query, MOST)
    except QueryError:
        return
    assert wanted.words or wanted.required or wanted.senders or wanted.recipients
    assert bool(wanted.plain.strip()) == bool(wanted.words or wanted.required)


def test_people_are_named_beside_the_question() -> None:
    wanted = parse('from:orchard roof TO:"Ben Ash" to:zoë@example.org', MOST)
    assert wanted.senders == ("orchard",)
    assert wanted.recipients == ("Ben Ash", "zoë@example.org")
    assert (wanted.words, wanted.required, wanted.plain) == (("roof",), (), "roof")


def test_people_alone_are_a_query_without_words() -> None:
    wanted = parse('from:"Tamsin Orchard"', MOST)
    assert (wanted.words, wanted.required, wanted.together, wanted.plain) == ((), (), False, "")


@pytest.mark.parametrize("query", ["-from:orchard roof", '"from:orchard" roof', "xfrom:y", "from roof to:x"])
def test_only_a_word_that_begins_so_names_a_sender(query: str) -> None:
    assert parse(query, MOST).senders == ()
