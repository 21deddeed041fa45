"""What is embedded: prose in any language; not patches, dumps and tables of numbers, which words find."""

from __future__ import annotations

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.chunk import chunk
from index.worth import is_prose, patches
from store.records import Element, ElementKind

PATCH = """diff --git a/engine/valve.c b/engine/valve.c
index 1a2b3c4..5d6e7f8 100644
--- a/engine/valve.c
+++ b/engine/valve.c
@@ -10,4 +10,5 @@ static int open(struct valve *valve)
 \tif (!valve)
-\t\treturn 1;
+\t\treturn -EINVAL;
+\tlock(valve);
{}
 \treturn 0;
""".format(" ")

PROSE = {
    "en": "We met on Tuesday to talk about the roof, and nobody could say who had ordered the slates.",
    "de": "Anbei die Rechnung RE-2024/117 über 1.250,00 EUR, fällig am 12.03. auf unser bekanntes Konto.",
    "fr": "L'été dernier, j'ai déjeuné là-bas avec elle ; ça n'a pas changé, paraît-il.",
    "ru": "Мы встретились во вторник, чтобы поговорить о крыше, и никто не знал, кто заказал плитку.",
    "hi": "भारत दक्षिण एशिया में स्थित भारतीय उपमहाद्वीप का सबसे बड़ा देश है।",
    "ar": "تقع المملكة في أقصى الجنوب الغربي من قارة آسيا، وتبلغ مساحتها حوالي مليوني كيلومتر مربع.",
    "zh": "会议定于星期二上午举行，讨论屋顶维修的费用（详见附件）、时间安排以及下一步工作。",
    "th": "ประเทศไทยเป็นรัฐชาติอันตั้งอยู่ในภูมิภาคเอเชียตะวันออกเฉียงใต้",
    "people": "Anna Berg (anna@berg.example), Otto Lind (otto@lind.example), Frau Dr. Eva Holm",
    "link": "The minutes are here, please read them before we meet: https://example.org/a/" + "0f" * 40,
}
NO_PROSE = {
    "numbers": "\n".join(f"2024-0{n}-01 | {n * 17.5:.2f} | {n * 3} | {n / 7:.4f}" for n in range(1, 9)),
    "base64": "\n".join(base64.b64encode(os.urandom(57)).decode() for _ in range(8)),
    "hex": "\n".join(f"{n:08x} " + " ".join(f"{byte:02x}" for byte in range(n, n + 16)) for n in range(8)),
    "uuencoded": "\n".join("M" + "9#IJ+R8K4U-!2E0@8V5R=&EF:6-A=&4@;V8@" for _ in range(8)),
    "statistics": "\n".join(f" drivers/net/part{n}.c | {n * 3} +++++----" for n in range(12)),
    "rule": "=" * 70 + "\n" + "-" * 70,
}


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
def test_prose_of_any_language_is_prose(text: str) -> None:
    assert is_prose(text)


@pytest.mark.parametrize("text", NO_PROSE.values(), ids=NO_PROSE)
def test_data_is_none(text: str) -> None:
    assert not is_prose(text)


def test_a_patch_is_found_from_its_first_line_to_its_last() -> None:
    text = f"The valve returned one.\n\n{PATCH}{PATCH}\nPlease test it.\n"
    assert [text[start:end] for start, end in patches(text)] == [PATCH + PATCH]
    two = f"First this:\n{PATCH}Then that:\n{PATCH}"
    assert [two[start:end] for start, end in patches(two)] == [PATCH, PATCH]


def test_a_patch_is_found_without_the_white_space_around_its_paragraphs() -> None:
    reading = "\n\n".join(part.strip() for part in f"Text.\n\n{PATCH}\nBye.".split("\n\n"))
    reading = reading.replace(" \n \treturn 0;", "\nreturn 0;")
    [(start, end)] = patches(reading)
    assert reading[:start] == "Text.\n\n"
    assert reading[end:].strip() == "Bye."


def test_a_list_of_points_is_no_patch() -> None:
    assert list(patches("- a point\n- another\n+1 from me\n@@ not a hunk @@\n")) == []


@given(st.lists(st.sampled_from([PATCH, "prose\n", "@@ -1,9 +1,9 @@\n", "\n", " x\n", "-\n", "@@ -1 +1 @@"])))
def test_patches_are_in_order_and_apart(parts: list[str]) -> None:
    text, before = "".join(parts), 0
    for start, end in patches(text):
        assert before <= start < end <= len(text)
        before = end


def test_what_is_not_embedded_is_a_passage_all_the_same() -> None:
    data, said = NO_PROSE["numbers"] * 3, "The valve returned one where it should have failed."
    text = f"{said}\n\n{PATCH}\n{data}"
    at = text.index(data)
    elements = [
        Element(kind=ElementKind.PARAGRAPH, start=0, end=at),
        Element(kind=ElementKind.TABLE, start=at, end=len(text)),
    ]
    passages = chunk(text, elements)
    assert [passage.text for passage in passages if passage.embed] == [said]
    assert "".join("".join(passage.text.split()) for passage in passages) == "".join(text.split())


def test_a_short_text_is_embedded_whatever_it_is() -> None:
    [passage] = chunk("12:30", [])
    assert passage.embed
