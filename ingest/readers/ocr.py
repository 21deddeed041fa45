"""Text out of pictures by Tesseract, in this process. The one place that imports `tesserocr`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from statistics import median
from typing import Protocol

from PIL import Image

from ingest.readers.draft import Draft
from ingest.readers.errors import UnreadableDocument, Why
from ingest.readers.ocr_picture import resized, slant_of, turned
from ingest.readers.pdf_blocks import blocks_of
from ingest.readers.pdf_glyphs import Line, Word, parted
from ingest.readers.pdf_kinds import told
from ingest.readers.pdf_order import Row

_FOLDERS = "/usr/share/tesseract-ocr/*/tessdata"
_MIN_SIDE = 16
_PAGE_S = 13.0  # for one page, all attempts together: a document without progress ends after 18
_LEAST_S = 1.0  # less is not worth another attempt
_SURE = 65  # percent: so sure of its letters is Tesseract when a page is the right way up
_WORD = 30  # below it a word is noise
_LINE = 50  # the same for all words of a line together
_MARK = 70  # the same for what has no letter in it
_LETTERS = 42  # pixels from line to line, at which it reads best
_OSD_SIDE = 1_600  # pixels of the longer side: enough to tell which way up letters are
_OSD_LEAST_DPI = 70
_OSD_CHARS = "10"  # letters that it asks for; by itself it says nothing of a picture with less than 50
_OSD_SURE = 1.5
_MAX_SCALE = 4.0
_MAX_PIXELS = 25_000_000
_LEAST_HEIGHT = 4  # pixels; lower are specks
_CLEARER = 3.0  # times as clear are rows as columns where lines run across
_USUAL_DPI = (140, 1_300)  # outside, a file says what its screen had, not what the scanner did
_DPI = 300
_TOO_LONG = "reading the picture took longer than is allowed"
_NO_DATA = (
    "it is a picture, and reading pictures needs the Debian packages tesseract-ocr and tesseract-ocr-{}"
)


class _Words(Protocol):
    def GetUTF8Text(self, level: int) -> str: ...
    def Confidence(self, level: int) -> float: ...
    def BoundingBox(self, level: int) -> tuple[int, int, int, int] | None: ...
    def Baseline(self, level: int) -> tuple[tuple[int, int], tuple[int, int]] | None: ...
    def Empty(self, level: int) -> bool: ...
    def IsAtBeginningOf(self, level: int) -> bool: ...
    def RowAttributes(self) -> dict[str, float]: ...
    def Next(self, level: int) -> bool: ...


class _Api(Protocol):
    def SetImageBytes(self, data: bytes, width: int, height: int, pixel: int, line: int) -> None: ...
    def SetImage(self, image: Image.Image) -> None: ...
    def SetSourceResolution(self, ppi: int) -> None: ...
    def Recognize(self, timeout: int) -> bool: ...
    def GetIterator(self) -> _Words | None: ...
    def GetTextlines(self) -> list[tuple[object, dict[str, int], object, object]]: ...
    def DetectOrientationScript(self) -> dict[str, float] | None: ...
    def Clear(self) -> None: ...
    def SetVariable(self, name: str, value: str) -> bool: ...
    def GetVariableAsString(self, name: str) -> str: ...


@cache
def tessdata() -> Path | None:
    """Where Debian keeps the language data; the newest version if there are several."""
    return max(Path("/").glob(_FOLDERS.lstrip("/")), default=None)


def languages(wanted: tuple[str, ...]) -> str:
    """The wanted languages that are installed, as Tesseract takes them.

    Raises:
        UnreadableDocument: none of them is.
    """
    usable = [name for name in wanted if name.isidentifier() and _installed(name)]
    if not usable:
        raise UnreadableDocument(
            Why.UNSUPPORTED, _NO_DATA.format(next(iter(wanted), "eng").replace("_", "-"))
        )
    return "+".join(usable)


def _installed(name: str) -> bool:
    folder = tessdata()
    return folder is not None and (folder / f"{name}.traineddata").exists()


@lru_cache(maxsize=3)  # two choices of languages, and the detection of orientation
def engine(language: str) -> _Api:
    """A loaded engine; it is kept, because loading takes longer than reading a short page."""
    # One document, one core: threads would only fight with the other workers.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    import tesserocr

    mode = tesserocr.PSM.OSD_ONLY if language == "osd" else tesserocr.PSM.AUTO
    api: _Api = tesserocr.PyTessBaseAPI(path=str(tessdata()), lang=language, psm=mode)
    # By default its remarks go to a file that it opens for writing when it has the first one to make; that is
    # refused to the parser, and it crashes over it. Standard error is open, and leads nowhere in a worker.
    api.SetVariable("debug_file", "")
    if language == "osd":
        api.SetVariable("min_characters_to_try", _OSD_CHARS)
    return api


@cache
def _level(name: str) -> int:
    import tesserocr

    return int(getattr(tesserocr.RIL, name))


@dataclass
class _Found:
    """What was recognised in one attempt."""

    blocks: list[list[list[Line]]] = field(default_factory=list)  # of rows of stretches
    letters: int = 0
    sure: float = 0.0  # mean confidence, percent, weighted by letters
    whole: bool = True  # the time sufficed

    @property
    def good(self) -> bool:
        """Whether this is what the picture says."""
        return self.letters > 2 and self.sure >= _SURE

    @property
    def worth(self) -> float:
        """The more, the likelier is this the right way up."""
        return self.letters * max(self.sure - 20, 0) ** 2


def read_picture(image: Image.Image, page: int, wanted: tuple[str, ...], dpi: int, draft: Draft) -> None:
    """Add what is read in the picture of a page: paragraphs in reading order.

    Args:
        image: as `grey` makes it.
        wanted: Tesseract's names of languages.
        dpi: resolution of the page, 0 if not known.

    Raises:
        UnreadableDocument: no language is installed, or no word was read in time.
    """
    language = languages(wanted)
    if min(image.size) < _MIN_SIDE:
        return
    attempt = _Attempts(image, engine(language), dpi)
    found = attempt.best()
    if not found.whole and not found.blocks:
        raise UnreadableDocument(Why.TIMEOUT, _TOO_LONG)
    if not found.whole:
        draft.missing.append(f"{_TOO_LONG}: its end may be missing")
    columns: list[list[Row]] = [[list(row) for row in block] for block in found.blocks]
    for block, level in told(list(blocks_of(columns, page)), {}):
        if block.rows is not None:
            draft.add_table(block.rows, header_rows=block.header_rows, page=page)
        else:
            draft.add(block.kind, block.text, page=page, level=level)


class _Attempts:
    """One picture, and the ways in which it may be held."""

    def __init__(self, image: Image.Image, api: _Api, dpi: int) -> None:
        self._api = api
        self._dpi = dpi if _USUAL_DPI[0] <= dpi <= _USUAL_DPI[1] else 0
        self._until = time.monotonic() + _PAGE_S
        upright, aside = slant_of(image), slant_of(turned(image, 90))
        on_its_side = aside.clear > _CLEARER * upright.clear
        self._certain = on_its_side or upright.clear > _CLEARER * aside.clear
        self._image = turned(image, 90 + aside.angle if on_its_side else upright.angle)

    def best(self) -> _Found:
        """What is read when the picture is the right way up."""
        best = found = _Found()
        for angle in self._angles():
            found = self._read(turned(self._image, angle))
            best = max(found, best, key=lambda found: found.worth)
            if found.good or self._left() < _LEAST_S:
                break
        best.whole = best.whole and (best.good or found.whole)
        return best

    def _angles(self) -> Iterator[int]:
        """By how much to turn it, the likeliest first."""
        first = self._orientation()
        yield first
        second = (first + 180) % 360
        yield second
        if not self._certain:
            yield from sorted({0, 90, 180, 270} - {first, second})

    def _orientation(self) -> int:
        """What Tesseract's own detection says; 0 if it is not installed or says nothing."""
        if not _installed("osd"):
            return 0
        api = engine("osd")
        scale = min(1.0, _OSD_SIDE / max(self._image.size))
        small = resized(self._image, scale) if scale < 1 else self._image.copy()
        dpi = max(round(_DPI * scale), _OSD_LEAST_DPI)
        small.info["dpi"] = dpi, dpi  # it hears of it in no other way, and then complains
        api.SetImage(small)
        try:
            said = api.DetectOrientationScript()
        finally:
            api.Clear()
        if not said or said["orient_conf"] < _OSD_SURE:
            return 0
        return int(said["orient_deg"]) % 360

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _set(self, image: Image.Image) -> None:
        self._api.SetImageBytes(image.tobytes(), image.width, image.height, 1, image.width)
        self._api.SetSourceResolution(_DPI)

    def _sized(self, image: Image.Image) -> Image.Image:
        """With letters as large as they are read best; where the resolution is not known, by their height."""
        scale = _DPI / self._dpi if self._dpi else 1.0
        if not self._dpi:
            self._set(image)
            heights = [box["h"] for _, box, *_ in self._api.GetTextlines() if box["h"] > _LEAST_HEIGHT]
            self._api.Clear()
            if heights:
                scale = _LETTERS / median(heights)
        room = (_MAX_PIXELS / (image.width * image.height)) ** 0.5
        scale = min(scale, _MAX_SCALE, room)
        return resized(image, scale) if scale > 1.15 or scale < 0.6 else image

    def _read(self, image: Image.Image) -> _Found:
        image = self._sized(image)
        self._set(image)
        try:
            whole = self._api.Recognize(timeout=max(1, round(1000 * self._left())))
            words = self._api.GetIterator()
            found = _gather(words, image.height) if words else _Found()
        finally:
            self._api.Clear()
        found.whole = whole or self._left() > 0
        return found


def _gather(words: _Words, height: int) -> _Found:
    """All that was recognised, but for noise."""
    block, line, word = _level("BLOCK"), _level("TEXTLINE"), _level("WORD")
    found = _Found()
    certain = 0.0
    row: list[tuple[Word, float]] = []
    bottom = size = 0.0

    def end_row() -> None:
        nonlocal certain
        stretches = _stretches(row, bottom, size)
        if stretches:
            found.blocks[-1].append(stretches)
        for kept, sure in row:
            letters = sum(map(str.isalnum, kept.text))
            found.letters += letters
            certain += letters * sure
        row.clear()

    while True:
        if words.IsAtBeginningOf(line):
            if row:
                end_row()
            base = words.Baseline(line)
            bottom = height - (base[0][1] + base[1][1]) / 2 if base else 0.0
            size = float(words.RowAttributes()["row_height"])
        if words.IsAtBeginningOf(block) or not found.blocks:
            found.blocks.append([])
        box = None if words.Empty(word) else words.BoundingBox(word)
        if box and (text := words.GetUTF8Text(word).strip()):
            row.append((Word(text, box[0], box[2]), words.Confidence(word)))
        if not words.Next(word):
            break
    if row:
        end_row()
    found.sure = certain / max(found.letters, 1)
    found.blocks = _even([rows for rows in found.blocks if rows])
    return found


def _stretches(row: Sequence[tuple[Word, float]], bottom: float, size: float) -> list[Line]:
    """The words of a row that are no noise, cut at wide gaps."""
    letters = sum(len(word.text) for word, _ in row)
    if sum(len(word.text) * sure for word, sure in row) < _LINE * letters:
        return []
    kept = [word for word, sure in row if sure >= (_WORD if any(map(str.isalnum, word.text)) else _MARK)]
    if not kept:
        return []
    return [Line(tuple(part), bottom, bottom + size, size) for part in parted(kept, size)]


def _even(blocks: list[list[list[Line]]]) -> list[list[list[Line]]]:
    """The same with letters of one size where they differ by no more than measuring does."""
    sizes = [line.size for rows in blocks for row in rows for line in row]
    usual = median(sizes) if sizes else 0.0

    def even(line: Line) -> Line:
        near = 0.7 * usual < line.size < 1.35 * usual
        return Line(line.words, line.bottom, line.top, usual) if near else line

    return [[[even(line) for line in row] for row in rows] for rows in blocks]
