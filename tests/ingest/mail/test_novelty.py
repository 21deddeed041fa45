"""What a message repeats of its parents: found whatever its marks and wrapping, and cut exactly."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mail.novelty import relabel
from store.records import Element, ElementKind
from tests.support.linear import grows_evenly

PARENT = (
    "Dear Ann,\n\nthe scaffold on the north side has to stay until the roofers have replaced the battens "
    "above\nthe stair, which they promise for the second week of May if the larch arrives in time.\n\n"
    "Please do not hesitate to contact me if you have any questions.\n\nJörg\n"
)
SENTENCE = PARENT.split("\n\n")[1]


def cut(*pieces: str, kinds: str = "") -> tuple[str, list[Element]]:
    """A text of these elements; `kinds` has a q for each that is quoted already."""
    elements, start = [], 0
    for number, piece in enumerate(pieces):
        kind = ElementKind.QUOTED if kinds[number : number + 1] == "q" else ElementKind.PARAGRAPH
        elements.append(Element(kind=kind, start=start, end=start + len(piece)))
        start += len(piece) + 2
    return "\n\n".join(pieces), elements


def told(text: str, elements: list[Element] | None) -> list[tuple[str, str]]:
    assert elements is not None
    return [(element.kind.value, text[element.start : element.end]) for element in elements]


def test_an_unmarked_repetition_becomes_quoted() -> None:
    text, elements = cut("Until May? Fine with me.", SENTENCE)
    assert told(text, relabel(text, elements, [PARENT])) == [
        ("paragraph", "Until May? Fine with me."),
        ("quoted", SENTENCE),
    ]


def test_marks_and_wrapping_do_not_hide_it() -> None:
    wrapped = "\n".join(f"| {line}" for line in SENTENCE.replace("\n", " ").split(", "))
    text, elements = cut(f"Fine.\n{wrapped}\nWho pays?")
    assert [kind for kind, _ in told(text, relabel(text, elements, [PARENT]))] == [
        "paragraph",
        "quoted",
        "paragraph",
    ]


def test_words_between_repeated_lines_stay_new() -> None:
    first, second = SENTENCE.split("\n")
    text, elements = cut(f"{first}\nNo: until June.\n{second}")
    assert told(text, relabel(text, elements, [PARENT]))[1] == ("paragraph", "No: until June.")


def test_a_word_changed_inside_a_line_is_not_a_piece_of_its_own() -> None:
    longer = f"{SENTENCE} {SENTENCE.replace('scaffold', 'ladder')}"
    changed = f"{SENTENCE} {SENTENCE.replace('scaffold', 'crane')}"
    text, elements = cut(changed)
    assert [kind for kind, _ in told(text, relabel(text, elements, [longer]))] == ["quoted"]


def test_a_polite_formula_is_no_quotation() -> None:
    text, elements = cut("Please do not hesitate to contact me if you have any questions.")
    assert relabel(text, elements, [PARENT]) is None


def test_what_is_known_is_left_alone() -> None:
    text, elements = cut(SENTENCE, "New words.", kinds="q")
    assert relabel(text, elements, [PARENT]) is None
    assert relabel(text, cut(SENTENCE)[1], []) is None


def test_a_run_does_not_reach_across_another_zone() -> None:
    words = SENTENCE.split()
    text, elements = cut(" ".join(words[:12]), "some quotation", " ".join(words[12:24]), kinds=" q ")
    assert relabel(text, elements, [PARENT]) is None


def test_scripts_without_spaces() -> None:
    sentence = (
        "北側の足場は、屋根屋が五月の第二週に階段の上の下地を取り替えるまで、残しておく必要があります。"
    )
    text, elements = cut("了解しました。", sentence)
    pieces = told(text, relabel(text, elements, [f"> {sentence[:20]}\n> {sentence[20:]}"]))
    assert [kind for kind, _ in pieces] == ["paragraph", "quoted"]


def test_a_patch_sent_again_repeats_itself() -> None:
    hunk = "".join(f"+\treg{number} = readl(base + 0x{number:02x});\n" for number in range(20))
    old = f"--- a/probe.c\n+++ b/probe.c\n@@ -1,3 +1,22 @@\n{hunk}+\treturn 0;\n"
    new = "Version 2 returns the error.\n\n" + old.replace("return 0", "return err")
    text, elements = cut(*new.rstrip().split("\n\n"))
    pieces = told(text, relabel(text, elements, [old]))
    assert [kind for kind, _ in pieces] == ["paragraph", "quoted", "paragraph"]
    assert pieces[2][1].endswith("err;")


WORDS = st.one_of(st.sampled_from(SENTENCE.split()), st.sampled_from([",", "(", ">", "\n", "\n\n", "a"]))
TEXTS = st.lists(WORDS, max_size=120).map(" ".join)


@given(st.lists(st.tuples(TEXTS, st.booleans()), max_size=5), st.lists(TEXTS, max_size=3), st.booleans())
def test_pieces_are_exact_and_telling_twice_changes_nothing(
    parts: list[tuple[str, bool]], parents: list[str], repeat: bool
) -> None:
    parts = [(piece.strip(), quoted) for piece, quoted in parts if piece.strip()]
    if repeat and parts:
        parents = [*parents, parts[0][0]]
    text, elements = cut(*(piece for piece, _ in parts), kinds="".join(" q"[quoted] for _, quoted in parts))
    once = relabel(text, elements, parents)
    if once is None:
        return
    spans = [(element.start, element.end) for element in once]
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    kept = "".join("".join(text[start:end].split()) for start, end in spans)
    assert kept == "".join(text.split())
    assert relabel(text, once, parents) is None


@pytest.mark.parametrize(
    "piece", ["a ", "a b ", ">", "a\n", "（", "中", "a中 ", SENTENCE, "a b c d e f g h x "]
)
def test_hostile_texts_cost_no_more_than_their_length(piece: str) -> None:
    def compare(text: str) -> None:
        relabel(*cut(text.strip()), [text, text[1:], f"{SENTENCE} {text}"])

    assert grows_evenly(compare, piece, 20_000)
