"""The words of names and folders: each is found as it is written and by what it is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.names import kind_words, name_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("invoice_2026-03.pdf", {"invoice", "2026", "03", "pdf"}),
        ("ScanPDFMay2024.tiff", {"Scan", "PDF", "May", "2024", "tiff"}),
        ("IMG20240312.jpg", {"IMG", "20240312"}),
        ("ÜberweisungMärz.pdf", {"Überweisung", "März"}),
        ("報告書2024.docx", {"報告書", "2024"}),
        ("3M", {"3", "M"}),
    ],
)
def test_a_name_is_cut_where_its_words_begin(name: str, words: set[str]) -> None:
    assert words <= set(name_words(name, []).replace("_", " ").replace(".", " ").replace("-", " ").split())


def test_folders_are_named_once_and_the_name_not_again() -> None:
    found = name_words("a.pdf", ["2026/Invoices/a.pdf", "a.pdf", "2026/Invoices/a.pdf", "Old/b.pdf"])
    assert found.splitlines() == ["a.pdf", "2026/Invoices", "Old/b.pdf"]


def test_a_very_long_path_keeps_the_nearest_folders() -> None:
    assert name_words("a", ["far/" * 10_000 + "near/a"]).splitlines()[1].endswith("far/near")
    assert len(name_words("a", ["far/" * 10_000 + "near/a"])) < 2_000


@pytest.mark.parametrize(
    ("media_type", "words"),
    [
        ("audio/x-wav", "audio sound wav"),
        ("video/mp4", "video film mp4"),
        ("application/octet-stream", ""),
        ("application/vnd.ms-powerpoint", "ms powerpoint"),
        (None, ""),
    ],
)
def test_a_kind_is_said_in_words(media_type: str | None, words: str) -> None:
    assert kind_words(media_type) == words


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=4))
def test_any_name_gives_words(name: str, paths: list[str]) -> None:
    found = name_words(name, paths)
    assert not name or found.startswith(name)
