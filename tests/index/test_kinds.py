"""The names of kinds and languages: every format that is read can be named by its endings."""

from __future__ import annotations

import pytest

from index.kinds import language, media_types
from ingest.readers.formats import FORMATS, FormatRow


@pytest.mark.parametrize("row", FORMATS, ids=[row.name for row in FORMATS])
def test_each_ending_of_a_format_names_it(row: FormatRow) -> None:
    for ending in row.endings:
        assert media_types(ending) == media_types(f".{ending.upper()}"), ending
        assert row.media_type in (media_types(ending) or ()), ending


def test_what_people_call_them() -> None:
    word, excel = media_types("Word"), media_types("excel")
    assert word
    assert excel
    assert set(word) < set(media_types("document") or ())
    assert set(excel) < set(media_types("Tabelle") or ())
    assert media_types("Bild") == media_types("photo") == ("image/",)
    assert media_types("image/PNG") == ("image/png",)
    for unknown in ("", "thing", "a/b/c", "/", "../x", "pdf\0", "%", "image/*"):
        assert media_types(unknown) is None, unknown


def test_languages_by_code_and_name() -> None:
    assert {language(name) for name in ("de", "DE", "German", "deutsch")} == {"de"}
    assert language("日本語") == language("japanisch") == "ja"
    assert language("xx") == "xx"
    for unknown in ("", "klingon", "d", "deu", "12", "ää"):
        assert language(unknown) is None, unknown
