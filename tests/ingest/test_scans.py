"""Text in pictures of pages finds its place among what the first pass read, and what is missing is said."""

from __future__ import annotations

import pytest

from ingest.errors import ParserLied
from ingest.sandbox.messages import ReadChild, ReadElement, Reply
from ingest.scans import merge, page_list, read_scans
from policy.limits import Limits

LIMITS = Limits()


def element(text: str, page: int | None = None) -> ReadElement:
    return ReadElement(kind="paragraph", text=text, page=page)


def said(*texts: str, language: str | None = None, page: int | None = None) -> Reply:
    return Reply(elements=[element(text, page) for text in texts], language=language)


NO_WORDS = Reply(reason="IMAGE_ONLY", detail="no words were found in the picture")
NO_OCR = Reply(reason="UNSUPPORTED", detail="reading pictures needs tesseract-ocr-eng")
CRASH = Reply(reason="PARSER_CRASH", detail="the parser died of SIGSEGV while reading it")


def test_pages_stand_where_they_belong_behind_what_is_there() -> None:
    first = Reply(
        pages=4,
        scans=[2, 4],
        elements=[element("title"), element("one", 1), element("note", 2), element("three", 3)],
    )
    merged = merge(first, {4: said("four"), 2: said("two", "more", page=9)})
    assert [e.text for e in merged.elements] == ["title", "one", "note", "two", "more", "three", "four"]
    assert [e.page for e in merged.elements] == [None, 1, 2, 2, 2, 3, 4]
    assert (merged.scans, merged.partial, merged.pages) == ([], None, 4)


def test_the_order_of_the_first_pass_stays() -> None:
    first = Reply(pages=3, scans=[2], elements=[element("three", 3), element("one", 1), element("end")])
    merged = merge(first, {2: said("two")})
    assert [e.text for e in merged.elements] == ["two", "three", "one", "end"]


def test_what_is_missing_is_named_once() -> None:
    first = Reply(pages=9, elements=[element("one", 1)], partial="an attachment is empty")
    merged = merge(first, {2: NO_WORDS, 3: CRASH, 5: NO_WORDS, 6: said("six"), 7: NO_OCR, 8: NO_OCR})
    assert merged.reason is None
    assert merged.partial == (
        "an attachment is empty; no words were found on pages 2, 5; "
        "page 3 could not be read (the parser died of SIGSEGV while reading it); "
        "pages 7-8 could not be read (reading pictures needs tesseract-ocr-eng)"
    )


@pytest.mark.parametrize(
    ("pages", "reason", "detail"),
    [
        ({1: NO_WORDS, 2: NO_WORDS}, "IMAGE_ONLY", "its pages are pictures in which no words were found"),
        ({1: Reply(), 2: NO_WORDS}, "IMAGE_ONLY", "no words were found on pages 1-2"),
        ({1: NO_OCR, 2: NO_OCR}, "UNSUPPORTED", "reading pictures needs tesseract-ocr-eng"),
        (
            {1: CRASH, 2: NO_WORDS, 3: CRASH},
            "PARSER_CRASH",
            "no words were found on page 2; pages 1, 3 could",
        ),
    ],
)
def test_a_document_without_any_words_has_a_reason(pages: dict[int, Reply], reason: str, detail: str) -> None:
    merged = merge(Reply(media_type="image/tiff", pages=3, scans=sorted(pages)), pages)
    assert (merged.reason, merged.elements) == (reason, [])
    assert str(merged.detail).startswith(detail)
    assert merged.media_type == "image/tiff"


def test_a_single_picture_says_so_itself() -> None:
    assert merge(Reply(pages=1, scans=[1]), {1: NO_WORDS}).detail == "no words were found in the picture"


def test_children_are_a_reading_too() -> None:
    first = Reply(pages=1, scans=[1], children=[ReadChild(name="a", offset=0, length=3)])
    merged = merge(first, {1: NO_WORDS})
    assert (merged.reason, merged.partial) == (None, "no words were found on page 1")


def test_the_language_is_the_first_passes_else_that_of_most_pages() -> None:
    pages = {
        1: said("a", language="de"),
        2: said("b", language="en"),
        3: said("c", language="de"),
        4: said("d"),
    }
    assert merge(Reply(pages=4), pages).language == "de"
    assert merge(Reply(pages=4, language="fr"), pages).language == "fr"


@pytest.mark.parametrize("scans", [[0], [3], [1, 1], [2, 1], [-1, 2]])
def test_pages_that_cannot_be_are_a_lie(scans: list[int]) -> None:
    with pytest.raises(ParserLied):
        read_scans(Reply(pages=2, scans=scans), lambda _: NO_WORDS, LIMITS)
    with pytest.raises(ParserLied):
        read_scans(Reply(pages=50, scans=[40]), lambda _: NO_WORDS, Limits(pages=30))


def test_after_some_pages_in_vain_the_others_are_not_tried() -> None:
    asked: list[int] = []

    def ask(number: int) -> Reply:
        asked.append(number)
        return said("two") if number == 2 else Reply(reason="TIMEOUT", detail="it was not read within 18 s")

    whole = read_scans(Reply(pages=500, scans=list(range(1, 501))), ask, LIMITS)
    assert asked == [1, 2, 3, 4, 5, 6, 7]
    assert "pages 1, 3-7 could not be read (it was not read within 18 s)" in str(whole.partial)
    assert "pages 8-500 could not be read (after others that could not be read)" in str(whole.partial)


@pytest.mark.parametrize("limits", [Limits(text_chars=250), Limits(elements=2)])
def test_more_text_than_may_be_is_not_asked_for(limits: Limits) -> None:
    asked: list[int] = []

    def ask(number: int) -> Reply:
        asked.append(number)
        return said("x" * 100)

    whole = read_scans(Reply(pages=9, scans=list(range(1, 10))), ask, limits)
    assert asked == [1, 2, 3]
    assert [e.page for e in whole.elements] == [1, 2]
    assert whole.partial == "pages 3-9 could not be read (there is as much text as may be)"


def test_pages_in_words() -> None:
    assert page_list([3]) == "page 3"
    assert page_list([2, 5, 6, 7]) == "pages 2, 5-7"
    assert page_list(range(1, 100, 2)).endswith("39 and others")
