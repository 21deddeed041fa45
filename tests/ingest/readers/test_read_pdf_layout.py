"""PDFs: columns, headings, lists, tables, margins, words cut at line ends, and scripts from right to left."""

from __future__ import annotations

import pytest

from ingest.readers.draft import Kind
from ingest.readers.pdf_glyphs import Layer, Line, Word
from ingest.readers.pdf_kinds import Speller
from ingest.readers.pdf_order import columns
from ingest.sandbox.messages import ReadElement, Reply
from tests.support.pdf_making import Making, Sheet, making, spelled_font
from tests.support.reading_whole import read_whole

LEFT = [
    "The valley was settled before the mill",
    "was built, and the first houses stood",
    "where the river bends around the rock.",
    "Nobody knows who cut the steps into it",
    "or why they end above the water line.",
]
RIGHT = [
    "Trade came later with the wooden bridge",
    "that carried salt and linen over to the",
    "market towns of the plain and returned",
    "with tools, glass and the news of wars",
    "that had been over for half a year then.",
]


def elements(*sheets: Sheet) -> list[ReadElement]:
    return read(making(*sheets)).elements


def read(content: bytes) -> Reply:
    reply = read_whole(content, "a.pdf")
    assert reply.reason is None, reply.detail
    return reply


def kinds(found: list[ReadElement]) -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in found]


@pytest.mark.parametrize("by_row", [True, False])
def test_columns_are_read_one_after_the_other(by_row: bool) -> None:
    sheet = Sheet().text(72, 740, "A short history of the valley and its bridge over the river", size=16)
    placed = [(60, 700 - 12 * n, line) for n, line in enumerate(LEFT)]
    placed += [(330, 700 - 12 * n, line) for n, line in enumerate(RIGHT)]
    if by_row:  # some programs write line by line across the page
        placed.sort(key=lambda item: -item[1])
    for x, y, line in placed:
        sheet.text(x, y, line)
    found = elements(sheet)
    assert [element.kind for element in found] == ["title", "paragraph", "paragraph"]
    assert [element.text for element in found[1:]] == [" ".join(LEFT), " ".join(RIGHT)]


def test_what_reaches_over_both_columns_parts_them() -> None:
    sheet = Sheet().lines(60, 700, LEFT).lines(330, 700, RIGHT)
    wide = "Between the two stands a sentence that is as wide as the whole of the page is, nearly."
    sheet.text(60, 610, wide)
    sheet.lines(60, 580, LEFT).lines(330, 580, RIGHT)
    texts = [element.text for element in elements(sheet)]
    assert texts == [
        *(" ".join(LEFT), " ".join(RIGHT)),
        wide,
        *(" ".join(LEFT), " ".join(RIGHT)),
    ]


def test_a_page_that_is_turned_is_read_as_it_is_shown() -> None:
    sheet = Sheet(entries="/Rotate 90")
    for number, line in enumerate((*LEFT, *RIGHT)):
        sheet.content.append(f"BT /F 10 Tf 0 1 -1 0 {100 + 12 * number} 60 Tm ({line}) Tj ET")
    sheet.content.reverse()
    assert [element.text for element in elements(sheet)] == [" ".join((*LEFT, *RIGHT))]


def test_text_that_runs_upwards_stands_behind_the_rest() -> None:
    sheet = Sheet()
    sheet.content.append("BT /F 20 Tf 0 1 -1 0 30 200 Tm (Preprint of the second of May) Tj ET")
    sheet.lines(60, 700, LEFT)
    assert kinds(elements(sheet)) == [
        ("paragraph", " ".join(LEFT)),
        ("paragraph", "Preprint of the second of May"),
    ]


def test_headings_and_their_levels() -> None:
    sheet = Sheet().text(60, 740, "The Valley", size=22).text(60, 700, "Settlement", size=14)
    sheet.lines(60, 680, LEFT).text(60, 600, "The first houses", font="B").lines(60, 580, RIGHT)
    sheet.text(60, 500, "2.1 Trade", size=14).lines(60, 480, LEFT)
    found = elements(sheet)
    assert [(element.text, element.level) for element in found if element.kind == "title"] == [
        ("The Valley", 1),
        ("Settlement", 2),
        ("The first houses", 3),
        ("2.1 Trade", 2),
    ]
    assert sum(element.kind == "paragraph" for element in found) == 3


def test_bold_is_no_heading_where_much_is_bold() -> None:
    sheet = Sheet()
    for number, line in enumerate((*LEFT, *RIGHT)):
        sheet.text(60, 700 - 30 * number, line.rstrip("."), font="B")
    assert {element.kind for element in elements(sheet)} == {"paragraph"}


def test_what_ends_as_a_sentence_does_is_no_heading() -> None:
    sheet = Sheet().text(60, 700, "Whoever reads this has come too far.", size=16).lines(60, 650, LEFT)
    assert [element.kind for element in elements(sheet)] == ["paragraph", "paragraph"]
    sheet = Sheet().text(60, 700, " ".join(LEFT[:4]).rstrip("."), size=12).lines(60, 650, LEFT)
    assert [element.kind for element in elements(sheet)] == ["paragraph", "paragraph"]


def test_a_page_full_of_headings_has_but_the_highest() -> None:
    sheet = Sheet().text(60, 740, "The Valley", size=22)
    for number in range(10):
        sheet.text(60, 700 - 30 * number, f"Mill {number} and Bridge", size=12)
    sheet.lines(60, 300, (*LEFT, *RIGHT))
    assert [element.text for element in elements(sheet) if element.kind == "title"] == ["The Valley"]


def test_lists_captions_and_code() -> None:
    sheet = Sheet().lines(60, 740, LEFT)
    sheet.text(60, 660, "• Salt, which came from the mines in the south and was")
    sheet.text(70, 648, "carried over the pass")
    sheet.text(60, 634, "• Linen").text(60, 620, "1. Tools").text(60, 606, "2. Glass")
    sheet.text(60, 560, "Figure 3: The bridge from the north", size=9)
    sheet.text(60, 520, "for item in bridge:", font="M").text(84, 508, "carry(item)", font="M")
    assert kinds(elements(sheet))[1:] == [
        ("list_item", "• Salt, which came from the mines in the south and was carried over the pass"),
        ("list_item", "• Linen"),
        ("list_item", "1. Tools"),
        ("list_item", "2. Glass"),
        ("caption", "Figure 3: The bridge from the north"),
        ("code", "for item in bridge:\n    carry(item)"),
    ]


def test_a_letter_is_no_code_because_it_is_typewritten() -> None:
    sheet = Sheet()
    for number, line in enumerate(LEFT):
        sheet.text(60, 700 - 12 * number, line, font="M")
    assert [element.kind for element in elements(sheet)] == ["paragraph"]


def test_what_repeats_at_the_edges_of_pages() -> None:
    sheets = [
        Sheet().text(60, 760, "Valley Letters").lines(60, 700, LEFT).text(300, 30, f"Page {n}")
        for n in range(1, 4)
    ]
    found = elements(*sheets)
    assert kinds(found)[:3] == [
        ("header", "Valley Letters"),
        ("paragraph", " ".join(LEFT)),
        ("footer", "Page 1"),
    ]
    assert [element.page for element in found if element.kind == "footer"] == [1, 2, 3]


def test_lines_that_were_meant_stay_lines() -> None:
    sheet = Sheet().lines(60, 700, ["Ada Miller", "12 Mill Lane", "Oldbridge near the river bend"])
    assert elements(sheet)[0].text == "Ada Miller\n12 Mill Lane\nOldbridge near the river bend"


def test_words_cut_at_the_end_of_a_line_are_whole_again() -> None:
    lines = [
        "The settle-",
        "ment had a well-",
        "known bridge. A well-known bridge is rarer than a settlement.",
    ]
    assert elements(Sheet().lines(60, 700, lines))[0].text == (
        "The settlement had a well-known bridge. A well-known bridge is rarer than a settlement."
    )


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("a settle\x02ment", "a settlement"),
        ("the long\x02term plan, and a long term", "the long-term plan, and a long term"),
        ("a co\x02operation; cooperation", "a cooperation; cooperation"),
        ("d\x02dimensional", "d-dimensional"),
        ("Anglo\x02Saxon", "Anglo-Saxon"),
        ("at the end of all\x02", "at the end of all-"),
    ],
)
def test_no_word_is_lost_with_a_hyphen(text: str, spelled: str) -> None:
    assert Speller([text])(text) == spelled


def test_a_ruled_table() -> None:
    sheet = Sheet().lines(60, 740, LEFT)
    xs, ys = (60, 160, 260, 360), (660, 640, 620, 600)
    for x in xs:
        sheet.rule(x, ys[-1], x, ys[0] if x != 260 else ys[1])  # two cells of the first row are one
    for y in ys:
        sheet.rule(xs[0], y, xs[-1], y)
    rows = [["Goods", "Price in both years"], ["Salt", "12", "14"], ["Linen", "7", "9"]]
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            sheet.text(xs[column] + 8, ys[row] - 14, cell)
    sheet.lines(60, 560, RIGHT)
    found = elements(sheet)
    assert [element.kind for element in found] == ["paragraph", "table", "paragraph"]
    assert (found[1].rows, found[1].header_rows) == (rows, 1)


def test_a_table_without_lines() -> None:
    sheet = Sheet().lines(60, 740, LEFT)
    rows = [
        ["Goods", "Before", "After"],
        ["Salt", "12.50", "14.00"],
        ["Linen", "7.25", "9.10"],
        ["Glass", "3", "4"],
    ]
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            sheet.text(60 + 150 * column, 640 - 14 * row, cell)
    found = elements(sheet)
    assert (found[1].rows, found[1].header_rows) == (rows, 1)


def test_words_beside_each_other_are_no_table() -> None:
    sheet = Sheet()
    pairs = ("Name", "Ada Miller"), ("Town", "Oldbridge"), ("Trade", "Salt")
    for row, (name, value) in enumerate(pairs):
        sheet.text(60, 700 - 14 * row, name).text(200, 700 - 14 * row, value)
    assert kinds(elements(sheet)) == [("paragraph", "Name Ada Miller\nTown Oldbridge\nTrade Salt")]


def test_arabic_in_the_order_in_which_it_is_written() -> None:
    # A font whose glyphs are the ligature lam-alef (L) and single letters, drawn from left to right.
    document = Making()
    font = spelled_font(document, {"S": "س", "L": "لا", "M": "م", "W": "و", "R": "ر", "D": "د"})
    sheet = Sheet().text(60, 700, "MLS", font="X", size=12).text(60, 680, "DRW MLS", font="X", size=12)
    assert [e.text for e in read(document.write([sheet], fonts=font)).elements] == ["سلام سلام ورد"]


def test_letters_in_the_shape_of_their_place_are_letters() -> None:
    document = Making()
    font = spelled_font(document, {"a": "\ufeb7", "b": "\ufb01", "c": "x"})
    text = read(document.write([Sheet().text(60, 700, "cbc", font="X")], fonts=font)).elements[0].text
    assert text == "xfix"


def test_letters_that_only_the_font_knows_are_a_picture() -> None:
    document = Making()
    font = spelled_font(document, {letter: chr(0xE000 + ord(letter)) for letter in "abcdefgh"})
    sheet = Sheet().text(60, 700, "abc def gha bcd efg hab", font="X", size=20)
    reply = read(document.write([sheet], fonts=font))
    assert "abc def gha" in reply.elements[0].text  # by OCR


def test_a_minus_sign_that_only_the_font_knows_is_no_less_a_sign() -> None:
    document = Making()
    font = spelled_font(document, {"-": "\x03", **{digit: digit for digit in "0123456789."}})
    sheet = Sheet().text(60, 700, "-0.9393 17 -5", font="X")
    assert read(document.write([sheet], fonts=font)).elements[0].text == "-0.9393 17 -5"


def test_a_hyphen_that_is_shown_is_one() -> None:
    sheet = Sheet().lines(
        60, 700, ["SS\xad2541\xad03\xadM was the num\xad", "ber of the boat in those long years."]
    )
    assert elements(sheet)[0].text == "SS-2541-03-M was the number of the boat in those long years."


def test_accents_stand_on_their_letters() -> None:
    sheet = Sheet().text(60, 700, "The Cafe in").text(95, 700.5, "´").text(120, 700, "the Valley")
    assert elements(sheet)[0].text == "The Café in the Valley"


def test_numbers_say_nothing_against_the_letters_of_a_font() -> None:
    numbers = " ".join(map(str, range(1, 65)))
    assert Layer([line(numbers, 60, 700), line("Wikipedia (en)", 60, 680)], doubtful=True).legible
    assert Layer([line(numbers, 60, 700)], doubtful=True).legible
    assert not Layer([line("!\"# $%&'( )*+,- ./:;< =>?@[", 60, 700)], doubtful=True).legible


def line(text: str, x: float, y: float) -> Line:
    return Line((Word(text, x, x + 5 * len(text)),), y, y + 10, 10)


def test_a_sidebar_is_read_by_itself() -> None:
    body = [line(text, 60, 700 - 12 * n) for n, text in enumerate((*LEFT, *RIGHT))]
    aside = [
        line(text, 400, 690 - 14 * n)
        for n, text in enumerate(("Founded by nobody", "in the year 1203", "or so"))
    ]
    assert [[row[0] for row in column] for column in columns([*body, *aside])] == [body, aside]


def test_a_mark_that_hangs_over_the_gutter_does_not_join_columns() -> None:
    left = [line(text, 60, 700 - 12 * n) for n, text in enumerate((*LEFT, *RIGHT))]
    right = [line(text, 265, 700 - 12 * n) for n, text in enumerate((*RIGHT, *LEFT))]
    right[4] = line(f"“{LEFT[2]}", 259, 652)
    assert [[row[0] for row in column] for column in columns([*left, *right])] == [left, right]


def test_labels_of_a_form_stand_with_their_values() -> None:
    pairs = [("Order:", "2024-12"), ("Goods:", "Salt and glass"), ("Date:", "12/20"), ("By:", "Ada Miller")]
    sheet = Sheet()
    for n, (label, value) in enumerate(pairs):
        sheet.text(50, 700 - 12 * n, label).text(150, 700 - 12 * n, value)
    for n, (label, value) in enumerate(pairs):
        sheet.text(350, 700 - 12 * n, f"Ship {label}").text(450, 700 - 12 * n, value)
    assert [element.text.split("\n") for element in elements(sheet)] == [
        [f"{label} {value}" for label, value in pairs],
        [f"Ship {label} {value}" for label, value in pairs],
    ]


def test_kinds_are_those_of_the_store() -> None:
    assert {element.kind for element in elements(Sheet().lines(60, 700, LEFT))} <= set(Kind)
