"""Text with marks in its lines: Markdown, reStructuredText, Org, LaTeX, YAML, notebooks, subtitles, mail."""

from __future__ import annotations

import io
import json

import pytest

from ingest.readers.draft import text_of
from ingest.readers.markdown import plain
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply


def read_text(content: str, name: str) -> Reply:
    return read(io.BytesIO(content.encode()), Job(name=name), io.BytesIO())


def pieces(content: str, name: str) -> list[tuple[str, str]]:
    return [(element.kind, text_of(element)) for element in read_text(content, name).elements]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("It **rises** in _May_, ~~June~~", "It rises in May, June"),
        ("snake_case_name and 2 * 3 ** 4", "snake_case_name and 2 * 3 ** 4"),
        (r"\*not\* \[this\]", "*not* [this]"),
        (
            "[plan](http://a.example/p) ![fox](f.png) [![x](y)](z) <https://a.example/>",
            "plan fox x https://a.example/",
        ),
        ("`a * b_c` and ``x ` y``", "a * b_c and x ` y"),
        ("5 &lt; 6 &amp; <b>bold</b><br/>", "5 < 6 & bold"),
        ("see[^1] and [text][id]", "see[1] and text"),
        ("an `open tick", "an `open tick"),
    ],
)
def test_marks_of_markdown_go_and_nothing_else(written: str, shown: str) -> None:
    assert plain(written) == shown


def test_markdown_with_html_tasks_notes_and_tables() -> None:
    text = (
        "+++\ntitle = 'Rent'\n+++\nRent\n====\n\n1. first\n2. second\n   goes on\n\n- [ ] open\n"
        "- [x] done\n\n"
        "<details><summary>More</summary>\n<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr>"
        "</table></details>\n\n<!-- not\nseen -->\n\n| who | rent |\n|:--|--:|\n| A\\|B | `7` |\n\n"
        "    x = 1\n\n"
        "> # Quoted\n> words\n> - entry\n\n[^1]: A note\n\n~~~\ny = 2\n"
    )
    reply = read_text(text, "a.md")
    assert reply.title == "Rent"
    assert [(e.kind, text_of(e)) for e in reply.elements] == [
        ("paragraph", "title = 'Rent'"),
        ("title", "Rent"),
        ("list_item", "1. first"),
        ("list_item", "2. second\ngoes on"),
        ("list_item", "\u2610 open"),
        ("list_item", "\u2611 done"),
        ("paragraph", "More"),
        ("table", "a | b\n1 | 2"),
        ("table", "who | rent\nA|B | 7"),
        ("code", "x = 1"),
        ("title", "Quoted"),
        ("paragraph", "words"),
        ("list_item", "entry"),
        ("paragraph", "[1] A note"),
        ("code", "y = 2"),
    ]
    assert [element.header_rows for element in reply.elements if element.rows] == [1, 1]


def test_restructured_text() -> None:
    text = (
        "====\nRent\n====\n\nRiver\n-----\n\nIt *rises*, see :ref:`the plan <plan>` and ``code_x``.\n\n"
        "- one\n  goes on\n\n#. first\n\nLike this::\n\n    x = 1\n\n.. note:: Mind\n   the gap\n\n"
        ".. code-block:: python\n   :linenos:\n\n   y = 2\n\n.. a comment\n   of two lines\n\n.. _plan:\n\n"
        ".. image:: a.png\n   :alt: A fox\n\n====  ====\nwho   rent\n====  ====\nAnn   700\n====  ====\n\n"
        "+-----+------+\n| who | rent |\n+=====+======+\n| Bob | 650  |\n|     | more |\n+-----+------+\n\n"
        ":Author: Ann\n\nHeat\n----\n"
    )
    reply = read_text(text, "a.rst")
    assert [(e.kind, text_of(e), e.level) for e in reply.elements if e.kind == "title"] == [
        ("title", "Rent", 1),
        ("title", "River", 2),
        ("title", "Heat", 2),
    ]
    assert [(e.kind, text_of(e)) for e in reply.elements if e.kind != "title"] == [
        ("paragraph", "It rises, see the plan and code_x."),
        ("list_item", "one\ngoes on"),
        ("list_item", "first"),
        ("paragraph", "Like this:"),
        ("code", "x = 1"),
        ("paragraph", "Mind"),
        ("paragraph", "the gap"),
        ("code", "y = 2"),
        ("caption", "A fox"),
        ("table", "who | rent\nAnn | 700"),
        ("table", "who | rent\nBob | 650 more"),
        ("paragraph", "Author: Ann"),
    ]


def test_org() -> None:
    text = (
        "#+TITLE: Rent\n#+AUTHOR: Ann\n#+STARTUP: fold\n\n* TODO [#A] River :house:\n:PROPERTIES:\n"
        ":Due: May\n"
        ":END:\nIt *rises*, see [[http://a.example][plan]].\n- [ ] ask\n  1. first\n#+BEGIN_SRC python\n"
        "x = 1\n"
        "#+END_SRC\n#+BEGIN_QUOTE\nwords\n#+END_QUOTE\n# a comment\n| who | rent |\n|-----+------|\n"
        "| Ann | 700 |\n"
    )
    reply = read_text(text, "a.org")
    assert (reply.title, reply.author) == ("Rent", "Ann")
    assert [(e.kind, text_of(e)) for e in reply.elements] == [
        ("title", "Rent"),
        ("paragraph", "Ann"),
        ("title", "River"),
        ("paragraph", "Due: May"),
        ("paragraph", "It rises, see plan."),
        ("list_item", "\u2610 ask"),
        ("list_item", "1. first"),
        ("code", "x = 1"),
        ("paragraph", "words"),
        ("table", "who | rent\nAnn | 700"),
    ]


def test_latex() -> None:
    text = (
        "\\documentclass[a4paper]{article}\n\\usepackage{x}\n\\title{Rents \\& rooms}\n"
        '\\author{Ann F\\"uchs}\n'
        "\\begin{document}\n\\maketitle\n\\section{R\\'esum\\'e}\\label{s}\nIt \\textbf{rises} in~May % no\n"
        "by $x^2$~\\cite{fox}.\n\nNext\\footnote{A note}.\n\\begin{enumerate}\n\\item first\n\\item second\n"
        "\\end{enumerate}\n\\begin{table}[h]\n"
        "\\begin{tabular}{ll}\\hline who & rent \\\\ \\hline Ann & 700\\,\\% \\\\"
        "\n\\end{tabular}\n\\caption{Rents}\n\\end{table}\n\\begin{verbatim}\na  b\n\\end{verbatim}\n"
        "\\begin{equation}a=b\\end{equation}\n\\end{document}\n"
    )
    reply = read_text(text, "a.tex")
    assert reply.title == "Rents & rooms"
    assert [(e.kind, text_of(e)) for e in reply.elements] == [
        ("title", "Rents & rooms"),
        ("paragraph", "Ann Füchs"),
        ("title", "Résumé"),
        ("paragraph", "It rises in May by x^2 [fox] ."),
        ("paragraph", "Next [A note] ."),
        ("list_item", "1. first"),
        ("list_item", "2. second"),
        ("table", "who | rent\nAnn | 700 %"),
        ("caption", "Rents"),
        ("code", "a  b"),
        ("paragraph", "a=b"),
    ]


def test_yaml_is_kept_as_it_is_written() -> None:
    text = '# rents\nriver:\n  rent: 700  # a month\n  name: "R\\xE4ume"\n---\nother: *river\n'
    assert pieces(text, "a.yaml") == [
        ("paragraph", '# rents\nriver:\n  rent: 700  # a month\n  name: "Räume"'),
        ("paragraph", "other: *river"),
    ]


def test_a_notebook() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Rent\n", "It *rises*."]},
        {
            "cell_type": "code",
            "source": "print(rent)",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31m700\x1b[0m\n"]},
                {"data": {"text/html": "<table><tr><th>a<th>b<tr><td>1<td>2</table>", "text/plain": "a b"}},
                {"data": {"image/png": "iVBO", "text/plain": "<Figure>"}},
            ],
        },
    ]
    assert pieces(json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}), "a.ipynb") == [
        ("title", "Rent"),
        ("paragraph", "It rises."),
        ("code", "print(rent)"),
        ("code", "700"),
        ("table", "a | b\n1 | 2"),
        ("code", "<Figure>"),
    ]


def test_subtitles() -> None:
    vtt = (
        "WEBVTT - a film\n\nSTYLE\n::cue {}\n\n1\n00:01.000 --> 00:02.000 align:left\n"
        "<v Ann>The <i>rent</i>\n"
        "rises\n\n00:03.000 --> 00:04.000\n<v Ann>in May &amp; June\n"
    )
    said = [("paragraph", "Ann: The rent\nrises"), ("paragraph", "in May & June")]
    assert pieces(vtt, "a.vtt") == said
    first, second = "00:00:01,000 --> 00:00:02,000", "00:00:03,000 --> 00:00:04,000"
    srt = f"1\n{first}\n{{\\an8}}Ann: The rent\nrises\n\n2\n{second}\nin May & June\n"
    assert pieces(srt, "film") == said


def test_a_program_is_code() -> None:
    assert pieces("import rent\n\n\ndef pay():\n    return rent.all()\n", "pay.py") == [
        ("code", "import rent\n\n\ndef pay():\n    return rent.all()")
    ]


def test_a_mailbox_is_its_messages() -> None:
    mark = "From ann@a.example Sun Mar  1 00:00:00 2026\n"
    fields = "From: Ann <ann@a.example>\nTo: bob@a.example\nDate: Sun, 1 Mar 2026 00:00:00 +0000\n"
    message = fields + "Subject: Rent {}\n\nwords\n\n"
    children = io.BytesIO()
    content = "".join(mark + message.format(number) for number in range(3))
    reply = read(io.BytesIO(content.encode()), Job(name="old.mbox"), children)
    assert [child.name for child in reply.children] == ["Rent 0.eml", "Rent 1.eml", "Rent 2.eml"]
    assert children.getvalue()[: reply.children[0].length].decode().startswith("From: Ann")
    [listed] = reply.elements
    assert listed.header_rows == 1
    assert (listed.rows or [])[1] == ["Rent 0", "Ann <ann@a.example>", "Sun, 1 Mar 2026 00:00:00 +0000"]
    assert read(io.BytesIO((mark + message).encode()), Job(name="one"), io.BytesIO()).mail is not None


@pytest.mark.parametrize(
    ("content", "rows", "header"),
    [
        ('a;b\n1;"x;\ny"\n', [["a", "b"], ["1", "x; y"]], 1),
        ("name\twhen\nAnn\t1 May\n", [["name", "when"], ["Ann", "1 May"]], 1),
        ("sep=|\nname|b\n1|2\n", [["name", "b"], ["1", "2"]], 1),
        ("1,2\n3,4\n", [["1", "2"], ["3", "4"]], 0),
        ("ann@a.example,700\nbob@a.example,650\n", [["ann@a.example", "700"], ["bob@a.example", "650"]], 0),
        ("a,b,c\n1\n2,3\n4,5,6,7\n", [["a", "b", "c"], ["1"], ["2", "3"], ["4", "5", "6", "7"]], 1),
        ("\ufeffname,rent\r\nAnn,700\r\n", [["name", "rent"], ["Ann", "700"]], 1),
        ('a,b\n1,2" wide\n3,4\n', [["a", "b"], ["1", '2" wide'], ["3", "4"]], 1),
    ],
)
def test_dialects_of_csv(content: str, rows: list[list[str]], header: int) -> None:
    [table] = read_text(content, "a.csv").elements
    assert (table.rows, table.header_rows) == (rows, header)


def test_a_quotation_mark_that_is_never_closed_costs_nothing_but_itself() -> None:
    content = 'a,b\n1,"open\n' + "3,4\n" * 100_000
    [table] = read_text(content, "a.csv").elements
    assert text_of(table).startswith('a | b\n1 | "open\n3 | 4\n')


def test_lines_of_json_with_a_broken_one() -> None:
    assert pieces('{"a": "x\u2028y"}\n{broken\n{"b": [{"c": 1}]}\n', "a.ndjson") == [
        ("paragraph", "a: x\ny"),
        ("paragraph", "{broken"),
        ("paragraph", "b.c: 1"),
    ]
