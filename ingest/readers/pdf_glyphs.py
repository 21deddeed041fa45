"""The characters of a PDF's page, put together to lines of words with their places: what is written where.
The order in which they are to be read is the business of `pdf_order`.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import pairwise

from ingest.readers.pdf_library import Page, TextPage, pdfium

_TOKEN = re.compile("(?P<hyphen>[\x02\ufffe])|(?P<end>[\r\n]+)|(?P<word>[^\\s\x02\ufffe]+)")
_FORMS = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]+")  # ligatures and letters in the shape of their place
_ALEF_LAM = re.compile("[\u0622\u0623\u0625\u0627]\u0644")
_MARK_FIRST = re.compile("([\u064b-\u0652]+)([\u0620-\u064a])")
_SEAM = re.compile("(?<=[A-Za-z])(?=[\u0590-\u06ff])|(?<=[\u0590-\u06ff])(?=[A-Za-z])")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_STRANGE = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufff0-\uffff\U000f0000-\U0010ffff]")
_SCRIPTS = tuple(
    re.compile(f"[{letters}]")
    for letters in (
        "A-Za-z\xc0-\u017f\u1e00-\u1eff",
        "\u0370-\u03ff",
        "\u0400-\u045f",
        "\u0590-\u05ff",
        "\u0600-\u06ff\ufe70-\ufefc",
        "\u0900-\u097f",
        "\u0e00-\u0e7f",
        "\u3000-\u30ff\u3400-\u9fff\uff00-\uffef",
        "\u3130-\u318f\uac00-\ud7af",
    )
)
_VOWEL = re.compile("[aeiouyà-æè-ïò-öù-ýāăąēĕėęěīıōŏőœũūůűųAEIOUYÀ-ÆÈ-ÏÒ-ÖÙ-Ý]")
_ACCENTS = dict(
    zip(
        "`\xa8\xb4\xb8\u02c6\u02c7\u02d8\u02d9\u02da\u02db\u02dc\u02dd",
        "\u0300\u0308\u0301\u0327\u0302\u030c\u0306\u0307\u030a\u0328\u0303\u030b",
        strict=True,
    )
)
_ACCENT_REACH = 60  # characters between an accent and its letter in the file
_DOTLESS = {"\u0131": "i", "\u0237": "j"}
_TOUCHING = 1.0  # points between letters of one word
_MOVED = "\ufff9"  # stands where an accent was
_CONTROLS = frozenset((2, 3, *range(0x93, 0x99), 0xFFFE))  # characters that the library leaves out
_FIGURES = frozenset("0123456789.,")
_NUMBERS = re.compile(r"(?<!\S)[(+\-–−]?\d[\d.,:/]*[%KMBx)]?(?!\S)")  # they are doubted as little as words
_LETTER = re.compile(r"[^\W\d_]")
_BOLD = re.compile(rb"bold|black|heavy|demi|cmbx|sfbx|[-,]bd?\b|medi\b", re.IGNORECASE)
_MONO = re.compile(rb"mono|courier|consol|typewriter|menlo|cmtt|sftt|fixed|inconsolata|code", re.IGNORECASE)
_FIXED_PITCH = 1 << 0
_FORCE_BOLD = 1 << 18
_BOLD_WEIGHT = 650
_WIDE_GAP = 1.3  # times the size of the letters: no space of justified text is so wide
_NAME_BYTES = 128
_SAMPLES = 64  # characters looked at to tell whether a page's letters are known

Box = tuple[float, float, float, float]  # left, bottom, right, top; in points from the lower left corner


@dataclass(frozen=True, slots=True)
class Word:
    """What stands between two spaces."""

    text: str
    left: float
    right: float


@dataclass(frozen=True)
class Line:
    """Words beside each other with no wide gap between them; in points, upwards and rightwards."""

    words: tuple[Word, ...]
    bottom: float
    top: float
    size: float  # of the letters
    bold: bool = False
    mono: bool = False
    hyphen: bool = False  # its last word goes on in the next line
    turned: bool = False  # it runs up or down
    gaps: bool = False  # there are wide gaps in it after all: it is a row of something

    @cached_property
    def text(self) -> str:
        """Its words."""
        return " ".join(word.text for word in self.words)

    @cached_property
    def left(self) -> float:
        """Where it begins."""
        return min(word.left for word in self.words)

    @cached_property
    def right(self) -> float:
        """Where it ends."""
        return max(word.right for word in self.words)

    @property
    def middle(self) -> float:
        """Half its height."""
        return (self.bottom + self.top) / 2


def is_right_to_left(text: str) -> bool:
    """Whether most letters of a text are of a script that runs from right to left."""
    return 2 * len(_RIGHT_TO_LEFT.findall(text)) > len(_LETTER.findall(text))


@dataclass(frozen=True)
class Layer:
    """The text of a page."""

    lines: list[Line]  # in the order of the file
    doubtful: bool  # the file does not say which letters its glyphs are: the library has guessed

    @cached_property
    def legible(self) -> bool:
        """Whether these are words, and not the codes of letters that only the font knows."""
        text = "".join(line.text for line in self.lines)
        if not self.doubtful:
            return text.isascii() or 5 * len(_STRANGE.findall(text)) <= len(text)
        text = _NUMBERS.sub("", "\n".join(line.text for line in self.lines))
        chars = sum(not char.isspace() for char in text)
        letters = [len(script.findall(text)) for script in _SCRIPTS]
        if max(letters) < 0.6 * chars:
            return False
        vowels = len(_VOWEL.findall(text))
        return letters[0] < max(letters) or letters[0] < 8 or 0.2 < vowels / letters[0] < 0.65


def layer_of(page: Page) -> Layer:
    """Read a page's text layer."""
    text_page = page.get_textpage()
    try:
        glyphs = _Glyphs(page, text_page)
        return Layer(list(glyphs.lines()), glyphs.unknown())
    finally:
        text_page.close()


@dataclass(slots=True)
class _Row:
    """A row of a page while its words are found; places are numbers of characters."""

    words: list[Word] = field(default_factory=list)
    first: int = 0
    last: int = 0  # of the last word
    end: int = 0
    longest: int = 0  # of the longest word
    length: int = 0  # of that word
    moved: bool = False  # here stood an accent, which is now on its letter
    soft: bool = False  # it ends with a hyphen that is shown at the ends of lines only


class _Glyphs:
    """The text layer of one page."""

    def __init__(self, page: Page, text_page: TextPage) -> None:
        self._raw = pdfium().raw
        self._page = text_page.raw
        self._count = text_page.count_chars()
        self._text = text_page.get_text_range() if self._count else ""
        self._get_box = self._raw.FPDFText_GetLooseCharBox
        self._box = self._raw.FS_RECTF()
        self._turn = turn_of(page)
        self._number = self._indexes()
        if any(accent in self._text for accent in _ACCENTS):
            self._put_accents()

    def lines(self) -> Iterator[Line]:
        """Each line of the layer, cut where there is a wide gap."""
        index = self._number
        row = _Row()
        for token in _TOKEN.finditer(self._text):
            if token.lastgroup == "word":
                self._take(row, token[0], index(token.start()), index(token.end() - 1))
                continue
            if row.words:
                yield from self._cut(row, hyphen=row.soft or token.lastgroup == "hyphen")
            row = _Row()
        if row.words:
            yield from self._cut(row, hyphen=row.soft)

    def _take(self, row: _Row, text: str, start: int, end: int) -> None:
        """Put a word into its row, from the number of its first character to that of its last."""
        left, _, right, _ = self._place(start)
        if end > start:
            more = self._place(end)
            left, right = min(left, more[0]), max(right, more[2])
        if row.soft:  # it was none: the row goes on behind it
            row.words[-1] = replace(row.words[-1], text=row.words[-1].text + "-")
        if not text.isascii():
            row.soft = text.endswith("\u00ad") and len(text) > 1
            text = self._spelled(text, start, row.words)
            if " " in text:  # words of two scripts: in between, they reach further
                places = [self._place(at) for at in range(start, end + 1)]
                left, right = min(place[0] for place in places), max(place[2] for place in places)
            if not text:
                row.moved = True
                return
        else:
            row.soft = False
        if row.moved and row.words and abs(left - row.words[-1].right) < _TOUCHING:
            last = row.words.pop()  # but an accent of its own had come between
            text, left = last.text + text, last.left
        row.moved = False
        if not row.words:
            row.first = start
        if len(text) > row.length:
            row.longest, row.length = start, len(text)
        row.words.append(Word(text, left, right))
        row.last, row.end = start, end

    def unknown(self) -> bool:
        """Whether the file does not say which letters its glyphs are."""
        if not self._count:
            return False
        step = max(1, self._count // _SAMPLES)
        looked = range(0, self._count, step)
        unknown = sum(self._raw.FPDFText_HasUnicodeMapError(self._page, at) == 1 for at in looked)
        return bool(2 * unknown > len(looked))

    def _indexes(self) -> Callable[[int], int]:
        """From a place in the text to the number of the character, which counts code units of UTF-16."""
        text = self._text
        units = [0]
        if not text.isascii() and any(char > "\uffff" for char in text):
            for char in text:
                units.append(units[-1] + (2 if char > "\uffff" else 1))
        else:
            units = list(range(len(text) + 1))
        if units[-1] == self._count:
            return units.__getitem__
        convert = self._raw.FPDFText_GetCharIndexFromTextIndex
        signs = self._signs() if text.isascii() or len(text) == units[-1] else {}
        if not signs:
            return lambda at: max(0, convert(self._page, units[at]))
        parts: list[str] = []
        numbers: list[int] = []
        for at, char in enumerate(text):
            if at in signs:
                parts.append("-")
                numbers.append(signs[at])
            parts.append(char)
            numbers.append(max(0, convert(self._page, at)))
        self._text = "".join(parts)
        return numbers.__getitem__

    def _signs(self) -> dict[int, int]:
        """Minus signs that the library leaves out because their font calls them by a control character: the
        number of the character, by the place in the text of the figure that follows.
        """
        raw, page, text = self._raw, self._page, self._text
        signs: dict[int, int] = {}
        for at in range(self._count - 1):
            if raw.FPDFText_GetUnicode(page, at) not in _CONTROLS:
                continue
            then = raw.FPDFText_GetTextIndexFromCharIndex(page, at + 1)
            left_out = raw.FPDFText_GetTextIndexFromCharIndex(page, at) < 0
            if left_out and 0 <= then < len(text) and text[then] in _FIGURES and self._is_flat(at):
                signs[then] = at
        return signs

    def _is_flat(self, at: int) -> bool:
        """Whether a glyph is a stroke that lies."""
        edges = [ctypes.c_double() for _ in range(4)]
        if not self._raw.FPDFText_GetCharBox(self._page, at, *edges):
            return False
        left, right, bottom, top = (edge.value for edge in edges)
        return 0 < 2 * (top - bottom) < right - left

    def _put_accents(self) -> None:
        """Put accents that are glyphs of their own on the letters above which they stand."""
        text = list(self._text)
        for at, char in enumerate(self._text):
            if char not in _ACCENTS:
                continue
            left, bottom, right, top = self._place(self._number(at))
            middle = (left + right) / 2
            for other in range(max(0, at - _ACCENT_REACH), min(len(text), at + _ACCENT_REACH)):
                if not text[other].isalpha() or text[other] in _ACCENTS:
                    continue
                place = self._place(self._number(other))
                if place[0] <= middle <= place[2] and min(top, place[3]) > max(bottom, place[1]):
                    letter = _DOTLESS.get(text[other], text[other])
                    whole = unicodedata.normalize("NFC", letter + _ACCENTS[char])
                    if len(whole) == 1:
                        text[other], text[at] = whole, _MOVED
                    break
        self._text = "".join(text)

    def _place(self, at: int) -> Box:
        box = self._box
        if not self._get_box(self._page, at, box):
            return (0.0, 0.0, 0.0, 0.0)
        if self._turn:
            return self._turn((box.left, box.bottom, box.right, box.top))
        return box.left, box.bottom, box.right, box.top

    def _cut(self, row: _Row, *, hyphen: bool) -> Iterator[Line]:
        """The lines of one row: more than one if there is a wide gap in it."""
        words = row.words
        size, bold, mono = self._look({row.longest, row.first, row.last}, row.longest)
        _, bottom, _, top = self._place(row.longest)
        one, other = self._place(row.first), self._place(row.end)
        across, up = other[0] - one[0], other[1] - one[1]
        if abs(up) > max(abs(across), top - bottom):
            bottom, top = min(one[1], other[1]), max(one[3], other[3])
            yield Line(tuple(words), bottom, top, size, bold, mono, hyphen, turned=True)
            return
        for part in parted(words, size):
            last = part[-1] is words[-1]
            yield Line(tuple(part), bottom, top, size, bold, mono, hyphen and last)

    def _look(self, samples: set[int], main: int) -> tuple[float, bool, bool]:
        """Size, weight and pitch of a line's letters."""
        raw = self._raw
        matrix = raw.FS_MATRIX()
        raw.FPDFText_GetMatrix(self._page, main, matrix)
        scale = (matrix.c**2 + matrix.d**2) ** 0.5
        size = raw.FPDFText_GetFontSize(self._page, main) * scale
        fonts = [self._font(at) for at in samples]
        return size, all(bold for bold, _ in fonts), all(mono for _, mono in fonts)

    def _font(self, at: int) -> tuple[bool, bool]:
        name = ctypes.create_string_buffer(_NAME_BYTES)
        flags = ctypes.c_int()
        self._raw.FPDFText_GetFontInfo(self._page, at, name, _NAME_BYTES, flags)
        bold, mono = _font_of(name.value, flags.value)
        return bold or self._raw.FPDFText_GetFontWeight(self._page, at) >= _BOLD_WEIGHT, mono

    def _spelled(self, text: str, at: int, words: list[Word]) -> str:
        """A word as it is written down.

        The library turns what it finds from left to right around, character by character, and with it the two
        letters of the ligature lam-alef; it sets marks apart, and glues words of two scripts together.
        """
        for match in _ALEF_LAM.finditer(text):
            start = match.start()
            if self._place(at + start) == self._place(at + start + 1):
                text = f"{text[:start]}{text[start + 1]}{text[start]}{text[start + 2 :]}"
        text = text.replace(_MOVED, "")
        text = text.removesuffix("\u00ad").replace("\u00ad", "-")  # what is drawn inside a line is a hyphen
        text = _FORMS.sub(lambda forms: unicodedata.normalize("NFKC", forms[0]), text)
        if words and (marks := _MARK_FIRST.match(text)):
            text = f"{words.pop().text}{marks[2]}{marks[1]}{text[marks.end() :]}"
        return _SEAM.sub(" ", text)


def parted(words: list[Word], size: float) -> list[list[Word]]:
    """The words of one row cut at gaps that no justified text has, in the direction of their script."""
    wide = _WIDE_GAP * size
    if all(
        word.left - before.left >= 0 and word.left - before.right <= wide for before, word in pairwise(words)
    ):
        return [words]
    starts = _wide_gaps(words, wide)
    if not starts:
        return [words]
    parts: list[list[Word]] = [[] for _ in range(len(starts) + 1)]
    for word in words:
        parts[bisect_right(starts, word.left)].append(word)
    return parts[::-1] if is_right_to_left(" ".join(word.text for word in words)) else parts


def _wide_gaps(words: list[Word], wide: float) -> list[float]:
    """Where the stretches begin, but for the first, that no word and no space of usual width bridges."""
    starts: list[float] = []
    end = math.inf
    for word in sorted(words, key=lambda word: word.left):
        if word.left > end + wide:
            starts.append(word.left)
            end = word.right
        end = max(end, word.right) if end < math.inf else word.right
    return starts


def turn_of(page: Page) -> Callable[[Box], Box] | None:
    """From the page's own coordinates to those of the page as it is shown."""
    left, bottom, right, top = page.get_bbox()
    match page.get_rotation():
        case 90:
            return lambda box: (box[1] - bottom, right - box[2], box[3] - bottom, right - box[0])
        case 180:
            return lambda box: (right - box[2], top - box[3], right - box[0], top - box[1])
        case 270:
            return lambda box: (top - box[3], box[0] - left, top - box[1], box[2] - left)
        case _:
            return None


@lru_cache(maxsize=512)
def _font_of(name: bytes, flags: int) -> tuple[bool, bool]:
    """Whether a font is bold, and whether all its letters are of one width."""
    return bool(_BOLD.search(name) or flags & _FORCE_BOLD), bool(_MONO.search(name) or flags & _FIXED_PITCH)
