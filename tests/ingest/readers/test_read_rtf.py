"""Rich Text Format: characters in every way of writing them, tables, lists, and what stands apart."""

from __future__ import annotations

import io
import time

import pytest

from ingest.readers.rtf import rtf_text
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply


def rtf(body: str, head: str = r"\ansi\ansicpg1252") -> bytes:
    return f"{{\\rtf1{head} {body}}}".encode("latin-1")


def reply(body: str, head: str = r"\ansi\ansicpg1252") -> Reply:
    return read(io.BytesIO(rtf(body, head)), Job(name="a.rtf"), io.BytesIO())


def said(answer: Reply) -> list[tuple[str, object]]:
    return [(element.kind, element.rows or element.text) for element in answer.elements]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"caf\'e9 \u8364?20 {\b bold}\~x", "café €20 bold\xa0x"),
        (r"{\uc0 \u955}x{\uc2 \u955 ??}y", "λxλy"),
        (r"\u-10179?\u-8704?!", "😀!"),
        (r"a\emdash b\line c\tab d", "a—b\nc\td"),
        (r"{\fonttbl{\f0\fnil\fcharset204 Arial;}{\f1 Times;}}{\f0 \'cf\'f0}\f1 \'e9", "Прé"),
        (r"{\*\unknown hidden}{\field{\*\fldinst HYPERLINK x}{\fldrslt shown}}", "shown"),
        (r"{\upr{old}{\*\ud{new}}}", "new"),
        (r"a{\v hidden}b{\deleted gone}c", "abc"),
        (r"{\pict\pngblip 89504e470d0a}after{\shppict x}", "afterx"),
        (r"\{x\\y\}", r"{x\y}"),
    ],
)
def test_characters(body: str, expected: str) -> None:
    assert rtf_text(rtf(body)) == expected


def test_japanese_of_two_bytes() -> None:
    assert rtf_text(rtf(r"\'82\'b1\'82\'f1", r"\ansi\ansicpg932")) == "こん"


def test_what_is_announced_as_binary_is_passed_over() -> None:
    assert rtf_text(rb"{\rtf1 a{\pict\bin5 }}}{{}b}") == "ab"


def test_tables_lists_headings_and_what_stands_apart() -> None:
    answer = reply(
        r"{\stylesheet{\s1 heading 1;}{\s2 Normal;}}{\info{\title Lease}{\author Ann}}"
        r"{\header Alder Office\par}{\header Alder Office\par}"
        r"\pard\s1 Rent\par\pard\s2 It rises{\footnote by law} in May.\par"
        r"{\listtext\pard 1.\tab}\ls1 first\par{\listtext\'b7\tab}second\par\pard "
        r"\trowd\trhdr\cellx1\cellx2\pard\intbl who\cell paid\cell\row"
        r"\trowd\cellx1\cellx2\pard\intbl Ann\par and Ben\cell 700\cell\row\pard after\par"
        r"{\shp{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt boxed\par}}}\pard end"
    )
    assert (answer.title, answer.author) == ("Lease", "Ann")
    assert said(answer) == [
        ("header", "Alder Office"),
        ("title", "Rent"),
        ("paragraph", "by law"),
        ("paragraph", "It rises in May."),
        ("list_item", "1. first"),
        ("list_item", "second"),
        ("table", [["who", "paid"], ["Ann and Ben", "700"]]),
        ("paragraph", "after"),
        ("paragraph", "boxed"),
        ("paragraph", "end"),
    ]
    assert answer.elements[6].header_rows == 1


def test_it_takes_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        rtf_text(rtf(r"{\b word} \'e9\u8364? text\par " * count))
        return time.process_time() - began

    seconds(100)
    assert seconds(16_000) < 12 * max(seconds(4_000), 0.02)


def test_nesting_beyond_reason_is_refused() -> None:
    answer = read(io.BytesIO(b"{\\rtf1 " + b"{" * 200_000), Job(name="a.rtf"), io.BytesIO())
    assert (answer.reason, answer.detail) == ("UNSUPPORTED", "it is nested too deeply to be read")


def test_what_is_cut_off_is_read_to_its_end() -> None:
    answer = read(io.BytesIO(rtf(r"one\par {\b two")[:-1]), Job(name="a.rtf"), io.BytesIO())
    assert said(answer) == [("paragraph", "one"), ("paragraph", "two")]


def test_what_swallows_the_text_is_damage() -> None:
    answer = read(io.BytesIO(rb"{\rtf1 {\fonttbl{\f0 Arial;} all is lost}"), Job(name="a.rtf"), io.BytesIO())
    assert answer.reason == "TRUNCATED"
    assert rtf_text(rb"{\rtf1 seen{\info lost") == "seen"
