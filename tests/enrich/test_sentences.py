"""Sentences with their offsets, and only those of the author himself."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.sentences import sentences, split
from store.records import Element, ElementKind


def _split(text: str) -> list[str]:
    return [sentence.text for sentence in split(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Mr. Pell and Dr. Kupfer came. They left.", ["Mr. Pell and Dr. Kupfer came.", "They left."]),
        ("Bitte bis zum 15. Juni zahlen. Danke.", ["Bitte bis zum 15. Juni zahlen.", "Danke."]),
        ("Send it by 20. März. Den Rest später.", ["Send it by 20. März.", "Den Rest später."]),
        ("Lest bis Seite 3. Die Zeichnung fehlt.", ["Lest bis Seite 3.", "Die Zeichnung fehlt."]),
        ("Es gibt z. B. Ziegel, d. h. rote. Gut.", ["Es gibt z. B. Ziegel, d. h. rote.", "Gut."]),
        ("Hi Tom,\nplease send it.", ["Hi Tom,", "please send it."]),
        ("- call Ann\n- pay Bob", ["call Ann", "pay Bob"]),
        ("1. Call Ann\n2) Pay Bob", ["Call Ann", "Pay Bob"]),
        (
            "A line that was wrapped by a mail program at some\nColumn goes on.",
            ["A line that was wrapped by a mail program at some\nColumn goes on."],
        ),
        ("Rowan Pell\nPell Architects\nMill Lane", ["Rowan Pell", "Pell Architects", "Mill Lane"]),
        ("See http://a.example/b.c?d=1. Thanks.", ["See http://a.example/b.c?d=1.", "Thanks."]),
        ("It costs 3.50 or 1.284,00 EUR. Fine.", ["It costs 3.50 or 1.284,00 EUR.", "Fine."]),
    ],
)
def test_split(text: str, expected: list[str]) -> None:
    assert _split(text) == expected


@given(st.text(alphabet="aB. \n!?1-,zM", max_size=80))
def test_offsets_are_right_and_no_letter_is_lost_or_doubled(text: str) -> None:
    found = list(split(text, 0, len(text)))
    for sentence in found:
        assert text[sentence.start : sentence.end] == sentence.text == sentence.text.strip() != ""
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    letters = "".join(sentence.text for sentence in found)
    assert [c for c in letters if c.isalpha()] == [c for c in text if c.isalpha()]


def test_what_others_said_is_left_out() -> None:
    text = "Mine.\n\nTheirs.\n\nMy name."
    kinds = (ElementKind.PARAGRAPH, ElementKind.QUOTED, ElementKind.SIGNATURE)
    spans = ((0, 5), (7, 14), (16, 24))
    elements = [Element(kind=kind, start=a, end=b) for kind, (a, b) in zip(kinds, spans, strict=True)]
    assert [sentence.text for sentence in sentences(text, elements)] == ["Mine."]
