"""Nothing without a span that equals the item's text at its offset is ever stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich import evidence
from store.proof import holds
from store.records import Evidence, Findings, Tag


@given(st.text(min_size=1, max_size=60), st.integers(-3, 70), st.integers(-3, 70))
def test_whatever_is_cut_holds(text: str, start: int, end: int) -> None:
    try:
        proof = evidence.cut(text, start, end)
    except ValueError:
        assert not 0 <= start < end <= len(text) or not text[start:end].strip()
    else:
        assert holds(text, proof)
        assert start <= proof.start < proof.end <= end


@given(st.text(max_size=60), st.text(max_size=12), st.integers(0, 60), st.integers(0, 60))
def test_whatever_is_located_holds_and_stays_in_its_window(
    text: str, quote: str, start: int, end: int
) -> None:
    proof = evidence.locate(text, quote, start, end)
    if proof is not None:
        assert holds(text, proof)
        assert start <= proof.start < proof.end <= end
        assert proof.text.split() == quote.split()


@given(st.text(alphabet="ab \n\t.", min_size=1, max_size=60), st.data())
def test_a_quotation_is_found_however_its_white_space_was_changed(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    quote = text[start : data.draw(st.integers(start + 1, len(text)))]
    flattened = " ".join(quote.split())
    if sum(map(len, quote.split())) >= 3 and quote.strip() == quote:
        assert evidence.locate(text, flattened) is not None


@given(
    st.text(max_size=40), st.lists(st.tuples(st.integers(-2, 45), st.integers(-2, 45), st.text(max_size=5)))
)
def test_only_what_holds_is_proven(text: str, spans: list[tuple[int, int, str]]) -> None:
    tags = tuple(
        Tag(item="i", name="t", confidence=1, evidence=Evidence(start=start, end=end, text=words))
        for start, end, words in spans
    )
    for tag in evidence.proven(text, Findings(tags=tags)).tags:
        assert text[tag.evidence.start : tag.evidence.end] == tag.evidence.text
        assert tag.evidence.text.strip()


@pytest.mark.parametrize("quote", ["", "  ", "a", "ab", "zebra", "Alder  Houses"])
def test_what_is_not_there_or_proves_nothing_is_not_located(quote: str) -> None:
    assert evidence.locate("ab Alder\nHouse ab", quote) is None
