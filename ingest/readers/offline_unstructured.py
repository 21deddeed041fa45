"""The one place that imports `unstructured`, made silent and unable to fetch anything.

Left to itself it pings its maker, runs `nvidia-smi`, and at the first sentence downloads a spaCy model into
site-packages. The switches stop the first two; the module that downloads is never loaded, because one without
that ability stands in its place before the import. What is lost is the guess whether unstyled text is prose:
kinds come from styles and placeholders, which is what they should come from.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import BinaryIO, Protocol

from lxml import etree

from ingest.readers.errors import UnreadableDocument, Why

# Guesses at the kind of a text by its words; two are regular expressions that take seconds on a long line.
_GUESSES = ("is_possible_title", "is_email_address", "is_us_city_state_zip")
_SWITCHES = ("DO_NOT_TRACK", "SCARF_NO_ANALYTICS", "UNSTRUCTURED_DISABLE_NOTICE")
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_WORD_FLAVOURS = (  # templates, and documents with macros, which are never run
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
)
_DAMAGE = (
    ("docx.exceptions", "PythonDocxError"),
    ("docx.opc.exceptions", "OpcError"),
    ("msoffcrypto.exceptions", "DecryptionError"),
    ("msoffcrypto.exceptions", "FileFormatError"),
    ("msoffcrypto.exceptions", "ParseError"),
    ("openpyxl.utils.exceptions", "InvalidFileException"),
    ("pptx.exc", "PythonPptxError"),
    ("struct", "error"),
    ("xlrd.biffh", "XLRDError"),
    ("xlrd.compdoc", "CompDocError"),
)
_SHOW = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_SHOW_FLAVOURS = (
    "application/vnd.ms-powerpoint.template.macroEnabled.main+xml",
    "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
)


class Metadata(Protocol):
    """What we use of an element's metadata."""

    page_number: int | None
    page_name: str | None
    category_depth: int | None
    text_as_html: str | None


class Piece(Protocol):
    """What we use of an element of unstructured."""

    category: str
    text: str
    metadata: Metadata


class Partitioners:
    """Its three office readers, each a function from an open file to a stream of elements."""

    def __init__(self) -> None:
        self._docx, self._pptx, self._xlsx = (
            import_module(f"unstructured.partition.{name}") for name in ("docx", "pptx", "xlsx")
        )
        for module in (self._docx, self._pptx, self._xlsx):
            module.__dict__.update(is_possible_narrative_text=_always, **dict.fromkeys(_GUESSES, _never))
        reader = self._docx._DocxPartitioner
        reader._paragraph_emphasis = reader._table_emphasis = _no_emphasis  # we keep no bold and italic
        self._word = import_module("docx.package").Package
        self._refusal: type[Exception] = import_module("unstructured.errors").UnprocessableEntityError
        self._damage = tuple(getattr(import_module(module), name) for module, name in _DAMAGE)
        _accept_flavours()
        _compile_queries()

    def docx(self, file: BinaryIO, prepare: Callable[[etree._Element], None]) -> Iterator[Piece]:
        """Word. `prepare` may rearrange the body (a `w:document` element) before it is read."""
        with self._own_errors():
            options = self._docx.DocxPartitionerOptions.load(
                file=file,
                file_path=None,
                include_page_breaks=False,
                infer_table_structure=True,
                strategy="fast",
            )
            options.__dict__["document"] = self._word.open(file).main_document_part.document
            prepare(options.document.element)
            yield from self._docx._DocxPartitioner.iter_document_elements(options)

    def pptx(self, file: BinaryIO) -> Iterator[Piece]:
        """PowerPoint, with the notes of each slide."""
        with self._own_errors():
            options = self._pptx.PptxPartitionerOptions(
                file=file,
                file_path=None,
                include_page_breaks=False,
                include_slide_notes=True,
                infer_table_structure=True,
                strategy="fast",
            )
            yield from self._pptx._PptxPartitioner.iter_presentation_elements(options)

    def xlsx(self, file: BinaryIO) -> Iterator[Piece]:
        """Excel, old and new; the page of an element is the number of its sheet."""
        with self._own_errors():
            yield from self._xlsx.partition_xlsx(file=file, languages=[""])

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        """Turn what unstructured and the libraries below it raise into our own error."""
        try:
            yield
        except self._refusal as error:
            if "password" in str(error):
                raise UnreadableDocument(Why.ENCRYPTED, "it is protected by a password") from error
            if "maximum" in str(error):
                raise UnreadableDocument(Why.TOO_LARGE, "it has more cells than are allowed") from error
            raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error
        except self._damage as error:
            raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off") from error


@cache
def partitioners() -> Partitioners:
    """Import unstructured, once."""
    for switch in _SWITCHES:
        os.environ[switch] = "1"
    tokenize = ModuleType("unstructured.nlp.tokenize")
    tokenize.__dict__.update(sent_tokenize=_sentences, word_tokenize=str.split, pos_tag=_untagged)
    words = ModuleType("unstructured.nlp.english_words")
    words.__dict__["ENGLISH_WORDS"] = (
        frozenset()
    )  # 57 MB of words, used only for the guess that we do not make
    for module in (tokenize, words):
        sys.modules.setdefault(module.__name__, module)
    logging.getLogger("unstructured").setLevel(logging.CRITICAL)  # its warnings quote text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Partitioners()


def _accept_flavours() -> None:
    """Let templates, shows and documents with macros pass like plain ones; nothing here runs a macro."""
    for package, main, flavours in (
        ("docx.opc.part", _WORD, _WORD_FLAVOURS),
        ("pptx.opc.package", _SHOW, _SHOW_FLAVOURS),
    ):
        known = import_module(package).PartFactory.part_type_for
        known.update(dict.fromkeys(flavours, known[main]))
    import_module("pptx.api").__dict__["_is_pptx_package"] = _always


def _compile_queries() -> None:
    """Compile each of python-docx's XPath queries once: a long book is read in a fifth of the time.

    One of them joins two sets of nodes and so makes libxml2 sort them; its twin finds them in order.
    """
    element = import_module("docx.oxml.xmlchemy").BaseOxmlElement
    names = import_module("docx.oxml.ns").nsmap
    twins = {"./w:p | ./w:tbl": "./*[self::w:p or self::w:tbl]"}

    @cache
    def compiled(query: str) -> etree.XPath:
        return etree.XPath(twins.get(query, query), namespaces=names)

    element.xpath = lambda self, query: compiled(query)(self)


def _always(_text: object, **_: object) -> bool:
    return True


def _no_emphasis(_reader: object, _part: object) -> tuple[list[str], list[str]]:
    return [], []


def _never(_text: str, **_: object) -> bool:
    return False


def _sentences(text: str) -> list[str]:
    return [text]


def _untagged(_text: str) -> list[tuple[str, str]]:
    return []
