"""Old office documents through the real LibreOffice."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.converter import libreoffice
from ingest.converter.convert import Converter
from ingest.errors import ConversionFailed, ConverterUnavailable, ParserError
from policy.limits import Limits
from tests.support.converting import (
    convert,
    converting,
    needs_a_box,  # noqa: F401 a fixture
)
from tests.support.old_office import made
from tests.support.reading_whole import read_whole

PATIENT = Limits(convert_wall_s=120.0)  # the machine may be busy


@pytest.fixture
def converter(tmp_path: Path) -> Iterator[Converter]:
    with converting(tmp_path, PATIENT) as made:
        yield made.converter


def words(content: bytes, name: str) -> str:
    reply = read_whole(content, name)
    assert reply.reason is None
    return " ".join(
        " ".join(cell for row in element.rows or [] for cell in row) + element.text
        for element in reply.elements
    )


def test_a_word_document_comes_back_with_its_heading_table_and_comment(converter: Converter) -> None:
    converted = convert(converter, made("doc"), "doc")
    found = words(converted, "a.docx")
    for expected in ("Der Leuchtturm", "Linse", "1.250 €", "Bitte nachrechnen", "Monat", "März", "412"):
        assert expected in found
    assert read_whole(converted, "a.docx").title == "Tagebuch"
    assert {"Landlock", "seccomp", "no capabilities", "bubblewrap"} <= set(converter.layers)


def test_a_presentation_comes_back_with_its_slides(converter: Converter) -> None:
    reply = read_whole(convert(converter, made("ppt"), "ppt"), "a.pptx")
    assert [(e.page, e.text) for e in reply.elements if e.text] == [
        (1, "Harbour survey"),
        (2, "Three buoys drifted"),
    ]


def test_a_password_opens_what_it_locks(converter: Converter) -> None:
    assert "Leuchtturm" in words(convert(converter, made("doc", "geheim"), "doc", "geheim"), "a.docx")
    with pytest.raises(ConversionFailed):
        convert(converter, made("doc", "geheim"), "doc", 'a"b\n')


def test_what_is_no_such_document_is_said_to_be_damaged(converter: Converter) -> None:
    noise = random.Random(1).randbytes(20_000)
    for content in (noise, b"plain words", made("ppt"), made("doc")[:3000]):
        with pytest.raises(ConversionFailed, match="LibreOffice cannot convert it"):
            convert(converter, content, "doc")
    with pytest.raises(ConversionFailed):
        convert(converter, made("ppt"), "ppt", "it is not locked")


@pytest.mark.parametrize(
    "count", [pytest.param(3, id="3"), pytest.param(300, id="300", marks=pytest.mark.nightly)]
)
def test_damaged_documents_end_with_words_or_a_reason(converter: Converter, count: int) -> None:
    for seed in range(count):
        rng = random.Random(seed)
        kind = rng.choice(["doc", "ppt"])
        content = bytearray(made(kind))
        for _ in range(rng.randint(1, 40)):
            content[rng.randrange(512, len(content))] = rng.randrange(256)
        try:
            converted = convert(converter, bytes(content), kind)
        except (ConversionFailed, ParserError) as error:
            print(f"seed {seed}, {kind}: {error}")
        else:
            assert converted.startswith(b"PK")


def test_two_at_once_do_not_meet(converter: Converter) -> None:
    converted: dict[str, bytes] = {}
    threads = [
        threading.Thread(
            target=lambda kind=kind: converted.update({kind: convert(converter, made(kind), kind)})
        )
        for kind in ("doc", "ppt")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "Leuchtturm" in words(converted["doc"], "a.docx")
    assert "buoys" in words(converted["ppt"], "a.pptx")


def test_where_libreoffice_is_not_installed_that_is_said(
    converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libreoffice, "PROGRAM", Path("/nonexistent"))
    with pytest.raises(ConverterUnavailable, match=r"an old Word document.*libreoffice-writer-nogui"):
        convert(converter, b"", "doc")
