"""The one place that imports `unstructured`, made silent and unable to fetch anything.

Left to itself it pings its maker, runs `nvidia-smi`, and at the first sentence downloads a spaCy model into
site-packages. The switches stop the first two; the module that downloads is never loaded, because one without
that ability stands in its place before the import. What is lost is the guess whether a text is prose.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import BinaryIO, Protocol

from ingest.readers.errors import UnreadableDocument, Why

# Guesses at the kind of a text by its words; two are regular expressions that take seconds on a long line.
_GUESSES = ("is_possible_title", "is_email_address", "is_us_city_state_zip")
_SWITCHES = ("DO_NOT_TRACK", "SCARF_NO_ANALYTICS", "UNSTRUCTURED_DISABLE_NOTICE")
_DAMAGE = (("struct", "error"), ("xlrd.biffh", "XLRDError"), ("xlrd.compdoc", "CompDocError"))

BOOKS = (  # how a workbook of before 2007 begins: in a container, or as its bare records (Excel 2 to 5)
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    *(b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08\x08\x00"),
)
ERRORS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError)


class Metadata(Protocol):
    """What we use of an element's metadata."""

    page_number: int | None
    page_name: str | None
    text_as_html: str | None


class Piece(Protocol):
    """What we use of an element of unstructured."""

    category: str
    text: str
    metadata: Metadata


class _Opened:
    """Stands where unstructured asks whether a workbook is locked: it is not, `locked.py` has opened it."""

    def __init__(self, _file: BinaryIO) -> None:
        pass

    def is_encrypted(self) -> bool:
        """No."""
        return False


class Partitioner:
    """Its reader of workbooks, a function from an open file to a stream of elements."""

    def __init__(self) -> None:
        self._module = import_module("unstructured.partition.xlsx")
        self._module.__dict__.update(is_possible_narrative_text=_always, **dict.fromkeys(_GUESSES, _never))
        self._module.__dict__.update(OfficeFile=_Opened, _OLE_SIGNATURE=BOOKS)
        self._refusal: type[Exception] = import_module("unstructured.errors").UnprocessableEntityError
        self._damage = tuple(getattr(import_module(module), name) for module, name in _DAMAGE)

    def workbook(self, file: BinaryIO) -> Iterator[Piece]:
        """The tables and titles of a workbook; the page of each is the number of its sheet."""
        try:
            yield from self._module.partition_xlsx(file=file, languages=[""])
        except self._refusal as error:
            if "maximum" in str(error):
                raise UnreadableDocument(Why.TOO_LARGE, "it has more cells than are allowed") from error
            raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error
        except self._damage as error:
            raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error


@cache
def partitioner() -> Partitioner:
    """Import unstructured, once."""
    for switch in _SWITCHES:
        os.environ[switch] = "1"
    tokenize = ModuleType("unstructured.nlp.tokenize")
    tokenize.__dict__.update(sent_tokenize=_sentences, word_tokenize=str.split, pos_tag=_untagged)
    words = ModuleType("unstructured.nlp.english_words")
    words.__dict__["ENGLISH_WORDS"] = frozenset()  # 57 MB, used only for the guess that we do not make
    for module in (tokenize, words):
        sys.modules.setdefault(module.__name__, module)
    logging.getLogger("unstructured").setLevel(logging.CRITICAL)  # its warnings quote text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Partitioner()


def _always(_text: object, **_: object) -> bool:
    return True


def _never(_text: str, **_: object) -> bool:
    return False


def _sentences(text: str) -> list[str]:
    return [text]


def _untagged(_text: str) -> list[tuple[str, str]]:
    return []
