"""Text that is made to be slow, deep, wide or to grow: time in proportion to size, memory within bounds."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply

ROOT = Path(__file__).parents[3]
SIZE = 10_000  # characters, and four times as many
UNITS = {
    "brackets": "[",
    "braces": "{",
    "parentheses": "](",
    "less": "<",
    "tags": "<a ",
    "comments": "<!--",
    "spaces": " ",
    "lines": "\n",
    "hashes": "#",
    "heading spaces": "# x  ",
    "cells": "a,",
    "quotes": '"',
    "quote cells": '","',
    "stars": "*",
    "bold": "**a ",
    "ticks": "`",
    "tick runs": "` `` ``` ",
    "dashes": "-",
    "rules": "=== ",
    "rule lines": "=== ===\nx\n",
    "bars": "| ",
    "backslashes": "\\",
    "begins": "\\begin{tabular}",
    "arguments": "\\section{",
    "dollars": "$a ",
    "colons": ":a:`",
    "directives": ".. a::\n",
    "entities": "&amp;",
    "entity": "&a",
    "keys": "a: ",
    "times": "00:00:00,000 --> ",
    "definitions": '<!ENTITY a "',
    "escapes": "\\x41",
    "lists": "1. ",
    "notes": "[^a]: ",
    "org": "[[a][",
    "words": "a ",
    "letters": "a",
}
STARTS = {
    "a.md": "x\n",
    "a.html": "<p>",
    "a.xml": "<?xml version='1.0'?><a>",
    "a.json": "[",
    "a.csv": "a,b\n",
    "a.rst": "x\n",
    "a.org": "x\n",
    "a.tex": "\\documentclass{a}\\begin{document}",
    "a.vtt": "WEBVTT\n\n00:00.000 --> 00:01.000\n",
    "a.yaml": "a: 1\n",
    "a.py": "import a\n",
    "a.txt": "x\n",
    "a.ics": "BEGIN:VCALENDAR\nBEGIN:VEVENT\n",
    "a.eml": "From: a@b.example\nTo: c@d.example\nSubject: ",
}


def read_bytes(content: bytes, name: str) -> Reply:
    return read(io.BytesIO(content), Job(name=name), io.BytesIO())


def seconds(content: str, name: str) -> float:
    """The best of three, in CPU time."""
    taken = []
    data = content.encode()
    for _ in range(3):
        began = time.process_time()
        read_bytes(data, name)
        taken.append(time.process_time() - began)
        if taken[-1] < 0.01:
            break
    return min(taken)


def slow_ones(name: str, size: int) -> list[tuple[str, float]]:
    """What takes far more than four times as long when there is four times as much of it."""
    slow = []
    for what, unit in UNITS.items():
        small, large = (STARTS[name] + unit * (chars // len(unit)) for chars in (size, 4 * size))
        ratio = seconds(large, name) / max(seconds(small, name), 0.004)
        if ratio > 4 * 1.8:  # quadratic: 16
            slow.append((what, round(ratio, 1)))
    return slow


@pytest.mark.parametrize("name", STARTS)
def test_time_grows_with_size_and_no_faster(name: str) -> None:
    assert slow_ones(name, SIZE) == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", STARTS)
def test_time_grows_with_size_and_no_faster_in_large_documents(name: str) -> None:
    assert slow_ones(name, 50 * SIZE) == []


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<div>" * 300_000, "a.html"),
        (b"<table><tr><td>" * 30_000 + b"words", "a.html"),
        (b"<ul><li>" * 50_000 + b"words", "a.html"),
        (b"<blockquote>" * 50_000 + b"words", "a.html"),
        (b"[" * 1_000_000, "a.json"),
        (b'{"a":' * 200_000, "a.json"),
        (b"<a>" * 200_000 + b"words", "a.xml"),
        (b"> " * 200_000 + b"words", "a.md"),
        (b"a: &a [" + b"*a, " * 100_000, "a.yaml"),
        (b"\n".join(b" " * depth + b".. note::" for depth in range(600)), "a.rst"),
        (b"{" * 500_000, "a.tex"),
    ],
)
def test_depth_ends_as_text_or_with_a_reason(content: bytes, name: str) -> None:
    reply = read_bytes(content, name)
    assert bool(reply.elements) != bool(reply.reason)
    assert reply.reason in (None, "EMPTY", "UNSUPPORTED", "TRUNCATED")


def test_spans_of_cells_do_not_multiply() -> None:
    cell = "<td colspan=1000 rowspan=65534>x</td>"
    page = f"<table><tr><th>a</th></tr>{('<tr>' + cell * 20 + '</tr>') * 200}</table>"
    [table] = read_bytes(page.encode(), "a.html").elements
    assert table.rows is not None
    assert sum(map(len, table.rows)) < 200 * 20 * 30


def test_entities_neither_grow_nor_reach_outside() -> None:
    levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    outside = '<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY % p SYSTEM "http://a.example/p.dtd">%p;'
    head = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "lol">{levels}{outside}]>'
    reply = read_bytes(f"{head}<a>before &a9; &f; &a0; &uuml; after</a>".encode(), "a.xml")
    assert [element.text for element in reply.elements] == ["before lol ü after"]


WIDE = """
import sys, io
sys.path.insert(0, sys.argv[1])
from ingest.readers import table
from ingest.sandbox.messages import Job
def most():  # not getrusage: its peak is inherited from the program that started this one
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
table.read(io.BytesIO(b"a,b\\n1,2\\n"), Job(name="a.csv"), io.BytesIO())
before = most()
for content in (
    b"name,value,when\\n" + b"Heron,700,2026-03-01\\n" * 50_000,
    b"a," * 500_000,
    b"a,b\\n" * 250_000,
    b'a,b\\n1,"' + b"x,y\\n" * 250_000,
):
    reply = table.read(io.BytesIO(content), Job(name="a.csv"), io.BytesIO())
    assert reply.elements and not reply.reason
print((most() - before) // 1024)
"""


def test_large_csv_takes_little_memory() -> None:
    command = [sys.executable, "-I", "-c", WIDE, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout) < 200  # MiB, for files of 1 MB and half a million cells


_STARVED = """
import resource
from lxml import etree
from ingest.readers import hypertext, package

large = b"<a>" + b"<c>y</c>" * 1_000_000 + b"</a>"
resource.setrlimit(resource.RLIMIT_DATA, (150 << 20, resource.RLIM_INFINITY))
for parse in (package.parse_xml, lambda content: hypertext.parse(content.decode())):
    try:
        parse(large)
    except MemoryError:
        print("starved")
resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    package.parse_xml(b"<a><b></a>")
except etree.XMLSyntaxError:
    print("damaged")
print(hypertext.parse(""))
"""


def test_want_of_memory_is_not_held_against_the_next_document() -> None:
    """libxml2's log goes on from document to document."""
    done = subprocess.run(
        [sys.executable, "-c", _STARVED], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["starved", "starved", "damaged", "None"]
