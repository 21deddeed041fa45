"""Search by word on the real Tantivy: languages, phrases, exclusions, filters, deletion, snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.allowed import Allowed
from index.errors import IndexDamaged
from index.fulltext import TantivyIndex
from index.lexicon import TextDocument
from tests.support.asking import read
from tests.support.indexing import until

TEXTS = {
    1: ("en", "The invoices for the roofing of Alder House were paid late."),
    2: ("en", "Draft: the roof of Alder House leaks, the house at Birch Lane does not."),
    3: ("de", "Die Rechnungen für die Häuser am Müllerweg sind noch offen."),
    4: ("fr", "La réunion a été déplacée à jeudi, réf. INV-2024-0093."),
    5: (None, "Minutes of the meeting: nothing was decided."),
}


def _document(passage: int, language: str | None, text: str) -> TextDocument:
    return TextDocument(
        passage=passage,
        item=1000 + passage,
        text=text,
        language=language,
        heading=None,
        title="Quarterly letter" if passage == 5 else None,
        name=f"scan_{passage}.pdf",
        sender="Ada Brown <ada@example.org>" if passage == 4 else None,
    )


@pytest.fixture
def index(tmp_path: Path) -> TantivyIndex:
    index = TantivyIndex(tmp_path)
    index.add(_document(passage, *what) for passage, what in TEXTS.items())
    index.commit()
    return index


def _found(index: TantivyIndex, query: str, allowed: Allowed | None = None) -> set[int]:
    return {passage for passage, _ in index.search(read(query), 10, allowed)}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("invoice", {1}),  # stemmed
        ("Rechnung haus", {3}),
        ("reunion", {4}),  # accents folded
        ("INV-2024-0093", {4}),
        ("2024-0093", {4}),
        ('"alder house"', {1, 2}),
        ('"house alder"', set()),
        ('"alder house" -draft', {1}),
        ("house -birch", {1}),
        ("letter", {5}),  # title
        ("scan_3.pdf", {3}),  # file name
        ("ada@example.org", {4}),  # sender
        ("for the", {1}),  # stop words alone: all of them
        ("nowhere", set()),
        ("!!! ??? nowhere", set()),
    ],
)
def test_what_is_found(index: TantivyIndex, query: str, expected: set[int]) -> None:
    assert _found(index, query) == expected


def test_a_filter_leaves_only_its_items(index: TantivyIndex) -> None:
    assert _found(index, "house", Allowed([1002, 7])) == {2}
    assert _found(index, "house", Allowed(())) == set()


def test_keep_applies_phrases_and_exclusions_to_given_passages(index: TantivyIndex) -> None:
    assert index.keep([1, 2, 3], read('"alder house" -draft')) == {1}
    assert index.keep([1, 3], read("anything -draft")) == {1, 3}


def test_removal_takes_effect_at_the_commit(index: TantivyIndex) -> None:
    index.remove([1, 99])
    index.commit()
    assert _found(index, "house") == {2}
    assert index.tombstones == 1
    assert len(index) == 4


def test_adding_again_replaces(index: TantivyIndex) -> None:
    index.add([_document(1, "en", "Now about gardens.")])
    index.commit()
    assert _found(index, "house") == {2}
    assert _found(index, "garden") == {1}
    assert len(index) == 5


def test_matches_are_exact_places_in_the_text(index: TantivyIndex) -> None:
    text = TEXTS[3][1]
    places = index.matches(text, "de", read('Haus "offen" rechnung'))
    assert [text[start:end] for start, end in places] == ["Rechnungen", "Häuser", "offen"]
    text = "the house, then Alder House"
    places = index.matches(text, "en", read('"alder house"'))
    assert [text[start:end] for start, end in places] == ["Alder House"]


def test_a_snapshot_round_trip_with_deletions(
    index: TantivyIndex, tmp_path_factory: pytest.TempPathFactory
) -> None:
    index.remove([2])
    index.commit()
    again = TantivyIndex.restore(tmp_path_factory.mktemp("again"), index.dump())
    assert _found(again, "house") == {1}
    assert again.tombstones == 1
    again.add([_document(6, "en", "One more house.")])
    again.commit()
    assert _found(again, "house") == {1, 6}


def test_only_new_files_appear_between_snapshots(index: TantivyIndex) -> None:
    before = index.dump()
    index.add([_document(6, "en", "One more house.")])
    index.commit()
    after = index.dump()
    assert all(after[name] == before[name] for name in before.keys() & after.keys() - {"meta.json"})


def test_a_damaged_snapshot_is_refused(index: TantivyIndex, tmp_path_factory: pytest.TempPathFactory) -> None:
    files = index.dump()
    with pytest.raises(IndexDamaged):
        TantivyIndex.restore(tmp_path_factory.mktemp("no-meta"), {**files, "meta.json": b"{}"})
    with pytest.raises(IndexDamaged):
        TantivyIndex.restore(tmp_path_factory.mktemp("escape"), {"../evil": b""})


@pytest.mark.parametrize("text", ["\0", "x" * 200_000, "़" * 1000, "a" + "\u0301" * 5000, "🏠" * 500])
def test_any_text_can_be_indexed_and_highlighted(index: TantivyIndex, text: str) -> None:
    index.add([_document(7, "en", text)])
    index.commit()
    for start, end in index.matches(text, "en", read("house a x")):
        assert text[start:end].strip()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("invoi*", {1}),
        ("invoiced*", set()),  # as it is written, not as it is stemmed
        ("müll*", {3}),
        ("mul*", {3}),
        ("INV-2024*", {4}),
        ("house -roof*", set()),
        ("subject:letter", {5}),
        ("subject:letters", {5}),
        ("subject:quart*", {5}),
        ('subject:"quarterly letter"', {5}),
        ("subject:meeting", set()),  # in the text only
        ("leaks OR jeudi", {2, 4}),
        ('jeudi OR "for the roofing" OR mullerw*', {1, 3, 4}),
        ("(leaks OR jeudi) draft", {2, 4}),
        ("don't decided", {5}),
        ('"meeting nothing"', {5}),
        ('"decided quarterly"', set()),  # a phrase does not go from the text into the title
    ],
)
def test_pieces(index: TantivyIndex, query: str, expected: set[int]) -> None:
    assert _found(index, query) == expected


def test_beginnings_are_highlighted_and_subjects_are_not(index: TantivyIndex) -> None:
    text = TEXTS[1][1]
    places = index.matches(text, "en", read("roof* subject:paid hous* OR late"))
    assert [text[start:end] for start, end in places] == ["roofing", "House", "late"]


def test_a_snapshot_of_another_schema_is_refused(
    index: TantivyIndex, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = index.dump()
    former = bytes(files["meta.json"]).replace(b'"text_en"', b'"body_en"')
    assert former != files["meta.json"]
    with pytest.raises(IndexDamaged):
        TantivyIndex.restore(tmp_path_factory.mktemp("former"), {**files, "meta.json": former})


@pytest.mark.parametrize("sizes", [[400], [100] * 4, [18_000, *[50] * 7]], ids=str)  # some, or none, lack
def test_removed_words_leave_while_everything_goes_on(tmp_path: Path, sizes: list[int]) -> None:
    index = TantivyIndex(tmp_path)
    last = 0
    for size in sizes:
        numbers = range(last + 1, last + size + 1)
        index.add(_document(number, "en", f"common word{number}") for number in numbers)
        index.commit()
        last += size
    index.remove([2, 3, 399])
    index.commit()
    assert _kept(index, "word2")
    assert not index.purge()
    index.remove([5])
    index.add([_document(last + 1, "en", "common latecomer")])
    index.commit()
    assert _found(index, "latecomer") == {last + 1}
    assert _found(index, "word5") == set()
    assert index.keep([4, 5], read("common -word4")) == set()
    until(index.purge)
    for gone in ("word2", "word3", "word5", "word399"):
        assert not _kept(index, gone)
    assert index.tombstones == 0
    assert len(index) == last - 4 + 1
    assert _found(index, "word1 word400") == {1, 400}


def _kept(index: TantivyIndex, word: str) -> bool:
    """Whether a word stands in the term dictionaries, of removed passages too."""
    return index._index.searcher().doc_freq("words", word) > 0
