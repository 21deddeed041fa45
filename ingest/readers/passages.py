"""Passages in another language than the rest of their document, found by common words first, since to ask the
model about each of them would cost more than the reading.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ingest.readers.draft import Kind, text_of
from ingest.readers.language import identify
from ingest.sandbox.messages import ReadElement

_WINDOW = 240  # characters: about 200 letters
_ALONE = 120  # a paragraph of so many is looked at by itself
_SAMPLE = 600  # characters looked at in a long element
_WINDOWS = 400  # looked at in one document; of a longer one every n-th
_QUESTIONS = 8  # to the model, about passages whose words are no help
_SURE = 0.95
_SHARE = 0.12  # of the words: those that a language cannot do without
_PLENTY = 0.2
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = (
    ("latin", re.compile("[A-Za-z\u00c0-\u024f]")),
    ("cyrillic", re.compile("[\u0400-\u04ff]")),
    ("greek", re.compile("[\u0370-\u03ff]")),
    ("arabic", re.compile("[\u0600-\u06ff]")),
    ("hebrew", re.compile("[\u0590-\u05ff]")),
    ("cjk", re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")),
)
_COMMON = {
    "en": "the and of to is that for it with was are this have from be not by on which you we",
    "de": "der die das und ist nicht ein eine zu den mit von für auf dem des sich auch wir sie ich bei",
    "fr": "le la les des et est une un dans que pour pas sur qui par avec plus vous nous ce au aux du sont",
    "es": "el la los las que y del una por con para es se no como más su al lo este pero sus está son",
    "it": "il lo la gli che di e è un una per con non del della sono si dei nel alla come più anche le i",
    "pt": "o os as que e do da dos das em uma um para com não por mais se no na como foi ao são seu",
    "nl": "de het een en van is dat niet op te zijn voor met die aan door ook wij ik naar bij wordt",
    "sv": "och att det som är på för inte med av en ett den till har jag vi om kan från eller ska",
    "da": "og at det som er på for ikke med af en et den til har jeg vi om kan fra eller skal der",
    "no": "og at det som er på for ikke med av en et den til har jeg vi om kan fra eller skal",
    "fi": "ja on ei että se hän joka oli mutta ovat kuin myös tai sen ole jos kun niin tämä voi",
    "pl": "i w na z się nie że do jest to o jak za od po ale przez dla są który oraz być tego",
    "cs": "a se na v je že do to s o i jako ale za po od pro by jsou který nebo jsem bude",
    "hu": "a az és hogy nem is egy van meg ez de csak már volt mint vagy ha el kell",
    "tr": "ve bir bu için ile da de olarak çok daha olan gibi ne kadar sonra ama değil en var",
    "ro": "și în de la cu pe nu este a un o să care din mai pentru sunt ce au al prin",
    "ru": "и в не на я что с по это как а но он к у за из от так же для было мы вы",
    "uk": "і в не на що з до це як а але він за та від для є ми ви про було його",
}
_KNOWN = {code: frozenset(common.split()) for code, common in _COMMON.items()}
_NONE: frozenset[str] = frozenset()
_SPEAKS: dict[str, tuple[str, ...]] = {}
for _code, _common in _KNOWN.items():
    for _word in _common:
        _SPEAKS[_word] = (*_SPEAKS.get(_word, ()), _code)


def mark_passages(elements: Sequence[ReadElement], language: str | None) -> None:
    """Name the language of elements that surely are in another than their document.

    Args:
        elements: of the document; those found are changed.
        language: of the document.
    """
    prose = [element for element in elements if element.kind != Kind.CODE.value]
    windows = list(_windows(prose))
    questions = _QUESTIONS
    for start, end in windows[:: -(-len(windows) // _WINDOWS) or 1]:
        if prose[start].language or (end - start) == len(prose):
            continue
        found, asked = _foreign(_text(prose[start:end]), language, questions)
        questions -= asked
        if found is not None:
            for element in prose[start:end]:
                if not _speaks(element, language or "", instead_of=found):
                    element.language = found
            _spread(prose, range(start - 1, -1, -1), found, language)
            _spread(prose, range(end, len(prose)), found, language)
    _forget_short(prose)


def _forget_short(prose: Sequence[ReadElement]) -> None:
    """Unmark stretches that are too short to be sure of."""
    for language, stretch in groupby(prose, key=lambda element: element.language):
        if language:
            marked = list(stretch)
            if len(_text(marked)) < _WINDOW:
                for element in marked:
                    element.language = None


def _spread(prose: Sequence[ReadElement], places: Iterable[int], found: str, language: str | None) -> None:
    """Mark what follows in a direction, as long as it is in the language that was found by its words."""
    for place in places:
        if prose[place].language or not _speaks(prose[place], found, instead_of=language or ""):
            break
        prose[place].language = found


def _speaks(element: ReadElement, language: str, *, instead_of: str) -> bool:
    counts, total = _common_words(_middle(element))
    return counts[language] >= max(1, _SHARE * total) and counts[language] > counts[instead_of]


def _windows(elements: Sequence[ReadElement]) -> Iterator[tuple[int, int]]:
    """Where elements side by side begin and end that together are long enough to tell their language."""
    start = chars = 0
    for at, element in enumerate(elements):
        length = len(element.text) if element.rows is None else _WINDOW
        if length >= _ALONE and start < at:
            yield start, at
            start, chars = at, 0
        chars += length
        if chars >= _WINDOW or length >= _ALONE:
            yield start, at + 1
            start, chars = at + 1, 0


def _text(window: Iterable[ReadElement]) -> str:
    return "\n".join(map(_middle, window))


def _middle(element: ReadElement) -> str:
    text = text_of(element, _SAMPLE) if element.rows is not None else element.text
    start = max(0, (len(text) - _SAMPLE) // 2)
    return text[start : start + _SAMPLE]


def _common_words(text: str) -> tuple[Counter[str], int]:
    """How many words each language could not do without, and how many words there are."""
    words = _WORD.findall(text.lower())
    counts: Counter[str] = Counter()
    for word in words:
        for code in _SPEAKS.get(word, ()):
            counts[code] += 1
    return counts, len(words)


def _foreign(text: str, language: str | None, questions: int) -> tuple[str | None, bool]:
    """The language of a text if it is surely another than the document's; whether the model was asked
    without a hint.
    """
    rough = text.lower().split()
    if sum(map(_KNOWN.get(language or "", _NONE).__contains__, rough)) > _PLENTY * len(rough):
        return None, False
    counts, total = _common_words(text)
    own = counts.get(language or "", 0)
    count = max(counts.values(), default=0)
    told = count >= _SHARE * max(total, 12)
    if told and (count <= own or own >= count * 0.75):
        return None, False
    if not told and (questions <= 0 or (language in _COMMON and not _is_strange(text, language))):
        return None, False
    code, confidence = identify(text)
    if confidence < _SURE or code == language or (code in _COMMON and (not told or not counts[code])):
        return None, not told
    return code, not told


def _is_strange(text: str, language: str | None) -> bool:
    """Whether a text of no known words is in another script than the language, or is prose all the same."""
    script = "latin" if text.isascii() else max(_SCRIPTS, key=lambda entry: len(entry[1].findall(text)))[0]
    usual = "cyrillic" if language in ("ru", "uk") else "latin"
    if script != usual:
        return True
    words = _WORD.findall(text)
    small = sum(word.islower() for word in words)
    return len(words) >= 20 and small >= 0.75 * len(words) and text.count("|") * 8 < len(words)
