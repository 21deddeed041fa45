"""The table of formats as the owner sees it, and as the parser uses it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.readers import formats, table
from ingest.readers.encoding import decode
from ingest.readers.samples import pack
from ingest.sandbox.messages import Job, Reply

ROOT = Path(__file__).parents[3]
LIGHT = """
import sys
sys.path.insert(0, sys.argv[1])
import ingest.readers.formats
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[2:])))
"""


def test_every_reader_is_described_and_every_description_has_its_reader() -> None:
    assert {row.name for row in formats.FORMATS} == {row.name for row in table.FORMATS}
    assert len(formats.BY_NAME) == len(formats.FORMATS)
    for row in formats.FORMATS:
        assert row.name
        assert row.endings
        assert row.library
        assert row.detected_by
        assert row.extracts


def test_the_description_loads_nothing_heavy() -> None:
    heavy = ["lxml", "PIL", "pypdfium2", "unstructured", "numpy", "tesserocr", "py3langid", "store", "yaml"]
    command = [sys.executable, "-I", "-c", LIGHT, str(ROOT), *heavy]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def read_bytes(content: bytes, name: str) -> Reply:
    return table.read(io.BytesIO(content), Job(name=name), io.BytesIO())


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (b"\\documentclass{article}\n\\begin{document}words\\end{document}", "paper", "tex"),
        (b"#+TITLE: Rent\n#+AUTHOR: Ann\n* River\n", "notes", "org"),
        (b"Rent\n====\n\n.. note:: a\n\n.. _x: y\n\n:ref:`b`\n\n.. image:: c\n", "page", "rst"),
        (b"---\nrent: 700\nhouse: river\nrooms:\n  - one\n", "data", "yaml"),
        (b'{"cells": [{"cell_type": "code", "source": "x"}], "nbformat": 4}', "book", "ipynb"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nwords\n", "film", "subtitles"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nwords\n", "film", "subtitles"),
        (b"#!/bin/sh\necho rent\n", "run", "code"),
        (b"<!-- a -->\n<?x y?>\n<html><p>words", "page", "html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><text>words</text></svg>", "drawing", "xml"),
        ("a;b;c\r\n1;2;3\r\n4;5;6\r\n".encode("utf-16"), "rows", "csv"),
        (b"{\\rtf1 \\bin4 \x00\x01\x02\x03 words}", "letter", "rtf"),
        (b"From ann@a.example Sun Mar  1 00:00:00 2026\nSubject: x\n\nwords\n", "one", "eml"),
        (b"From the river to the house: words.\n\nMore words.\n", "letter", "txt"),
        (b"MZ is not how a letter begins.\n", "letter.txt", "txt"),
        (b"OTTO wrote: words\n", "a", "txt"),
    ],
)
def test_a_format_is_told_by_its_content(content: bytes, name: str, kind: str) -> None:
    assert read_bytes(content, name).media_type == formats.BY_NAME[kind].media_type


@pytest.mark.parametrize(
    ("content", "media_type", "words"),
    [
        (b"ID3\x04\x00\x00" + bytes(300), "audio/mpeg", "MP3"),
        (bytes(4) + b"ftypisom" + bytes(300), "video/mp4", "MPEG-4"),
        (b"RIFF\x00\x01\x00\x00WAVEfmt " + bytes(300), "audio/wav", "WAV"),
        (b"SQLite format 3\x00" + bytes(300), "application/vnd.sqlite3", "CSV"),
        (b"\x7fELF\x02\x01\x01" + bytes(300), "application/x-elf", "program"),
        (b"AC1032" + bytes(300), "image/vnd.dwg", "AutoCAD"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(300), "application/vnd.rar", "RAR"),
        (b"!BDN" + bytes(300), "application/vnd.ms-outlook-pst", "import"),
        (bytes(32769) + b"CD001" + bytes(300), "application/x-iso9660-image", "disc"),
        (b"%!PS-Adobe-3.0\n(words) show\n", "application/postscript", "PDF"),
        (pack({"Index/Document.iwa": "x"}), "application/vnd.apple.iwork", "Pages"),
        (pack({"FixedDocumentSequence.fdseq": "x"}), "application/vnd.ms-xpsdocument", "XPS"),
    ],
)
def test_what_is_not_read_is_named_with_its_remedy(content: bytes, media_type: str, words: str) -> None:
    reply = read_bytes(content, "thing")
    assert (reply.reason, reply.media_type) == ("UNSUPPORTED", media_type)
    assert words in (reply.detail or "")


def test_what_is_encrypted_is_called_so() -> None:
    armour = b"-----BEGIN PGP MESSAGE-----\n\nhQEMA0\n-----END PGP MESSAGE-----\n"
    assert read_bytes(armour, "a.asc").reason == "ENCRYPTED"


GERMAN = "Die Miete für die Räume am Fluß wächst ab März, das ist ärgerlich, aber üblich."
FRENCH = "Le château où nous étions l'été passé était agréable; ça coûte peut-être cher, voilà."
POLISH = "Czynsz za pomieszczenia nad rzeką wzrośnie od marca; to zwyczajne, więc płaćmy."
RUSSIAN = "Арендная плата за помещения у реки вырастет с марта, это неприятно."
GREEK = "Το ενοίκιο για τα δωμάτια δίπλα στο ποτάμι θα αυξηθεί από τον Μάρτιο."
HEBREW = "שכר הדירה של החדרים ליד הנהר יעלה ממרץ, זה לא נעים."
THAI = "ค่าเช่าห้องริมแม่น้ำจะขึ้นตั้งแต่เดือนมีนาคม"
JAPANESE = "川沿いの部屋の家賃は三月から上がります。残念ですが、よくあることです。"
SIMPLIFIED = "河边房间的租金从三月起上涨，这很遗憾，但很平常。请按时付款。"
TRADITIONAL = "河邊房間的租金從三月起上漲，這很遺憾，但很平常。請按時付款。"
KOREAN = "강가 방의 임대료는 삼월부터 오릅니다. 유감이지만 흔한 일입니다."


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (GERMAN, "cp1252 mac_roman cp850 cp500 utf-16-le utf-16-be utf-32-le utf-32-be"),
        (FRENCH, "cp1252 mac_roman cp850"),
        (POLISH, "cp1250 iso8859-2"),
        (RUSSIAN, "cp1251 koi8-r cp866 iso8859-5 mac_cyrillic utf-16-le"),
        (GREEK, "cp1253"),
        (HEBREW, "cp1255 utf-16-be"),
        (THAI, "cp874"),
        (JAPANESE, "cp932 euc_jp iso2022_jp utf-16-le utf-16-be"),
        (SIMPLIFIED, "gb18030 utf-16-le"),
        (TRADITIONAL, "big5"),
        (KOREAN, "cp949 utf-16-le"),
    ],
)
def test_encodings_are_told_from_a_sentence(text: str, encodings: str) -> None:
    assert {name: decode(text.encode(name)) for name in encodings.split()} == dict.fromkeys(
        encodings.split(), text
    )


@pytest.mark.parametrize("text", ["It costs £700\xa0— or more…", "“Rent”", "50 €", "naïve café", "1 000 m²"])
def test_a_few_signs_are_those_of_western_programs(text: str) -> None:
    assert decode(text.encode("cp1252")) == text
