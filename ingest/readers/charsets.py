"""Guesses the encoding of a text that is not UTF-8 and does not say what it is.

Each encoding is tried, and the one wins in which most of the characters beyond ASCII are letters of one
language, stand where such letters stand, and are common in it.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import pairwise

_SAMPLE = 16 * 1024
_SCORED = 1_500  # bytes of words with something beyond ASCII in them
_WORD = re.compile(rb"[^\s\x00]*[\x80-\xff][^\s\x00]*")
_WESTERN_ENOUGH = 0.9
_RUN = re.compile(rb"[\x80-\xff]{3,}")  # in words of Western languages letters beyond ASCII stand alone
_SIGNS = frozenset("’‘“”„‚–—…«»‹›•·€£§°©®™´²³½¼¾¿¡±×÷ªº¢¤¥¦¬¶\xa0\xad№")
_IN_WORD = re.compile("(?<=[^\\W\\d_])[“”„‚…«»•€£§°©®™²³½¼¾¿¡±×](?=[^\\W\\d_])|(?<=[^\\W\\d_])[±¶¦¬¤¥¼¾]")
_LATIN_BESIDE = re.compile("[A-Za-z][\u0370-\u06ff\u0e00-\u0e7f]|[\u0370-\u06ff\u0e00-\u0e7f][A-Za-z]")
_WESTERN = (
    "äöüß",
    "éèêëàâçîïôùûœæ",
    "áéíóúñü",
    "áâãàçéêíóôõú",
    "àèéìòù",
    "åäöé",
    "æøåé",
    "ëïéèö",
)
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîșțşţ", "čćđšž", "äöüß")
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž")
_CYRILLIC = ("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", "оаинтіервслкдупмязьбгчйхжїшюєцщфґ")
_GREEK = ("αοιετσνηυρπκμλωςδγάίέόήύώχθφβξζψ",)
_HEBREW = ("יוהלאתרבשמנםכחדןעפקצסזגטץךף",)
_ARABIC = ("اليمنرتوبدهعسةفكقحجأشصطىخذزضءغئإثظآؤ",)
_THAI = ("านรอกเง่้มยลวดทสัีิตะคขไหแุปบู็ใพชจโผถธศซืำณษ์ฐญฎฟ",)

# Encoding, what its letters are, and how much less likely it is than the one before it.
_SINGLE = (
    ("cp1252", _WESTERN, 0.0),
    ("cp1250", _CENTRAL, 0.02),
    ("cp1251", _CYRILLIC, 0.0),
    ("koi8-u", _CYRILLIC, 0.01),
    ("cp866", _CYRILLIC, 0.3),
    ("iso8859-5", _CYRILLIC, 0.1),
    ("mac_cyrillic", _CYRILLIC, 0.1),
    ("cp1253", _GREEK, 0.0),
    ("cp1255", _HEBREW, 0.0),
    ("cp1256", _ARABIC, 0.0),
    ("iso8859-6", _ARABIC, 0.02),
    ("cp874", _THAI, 0.0),
    ("cp1254", ("çğıöşüâî",), 0.015),
    ("cp1252", ("áðéíóúýþæö",), 0.05),
    ("cp1257", _BALTIC, 0.04),
    ("iso8859-2", _CENTRAL, 0.04),
    ("mac_roman", _WESTERN, 0.3),
    ("cp850", _WESTERN, 0.3),
    ("cp852", _CENTRAL, 0.35),
    ("mac_latin2", _CENTRAL, 0.35),
)
# Encodings of two bytes for a character: the first bytes of common characters, and of signs and letters.
_DOUBLE = (
    ("cp932", (0x88, 0x97), (0x81, 0x83)),
    ("euc_jp", (0xB0, 0xCF), (0xA1, 0xA5)),
    ("gb18030", (0xB0, 0xD7), (0xA1, 0xA3)),
    ("cp950", (0xA4, 0xC6), (0xA1, 0xA3)),
    ("cp949", (0xB0, 0xC8), (0xA1, 0xA3)),
)


# Units of two bytes that text in UTF-16 is made of, if it has none or few characters of ASCII.
_ALPHABETS = re.compile("[\u0370-\u06ff\u0900-\u0e7f\uac00-\ud7a3]")
_KANA = re.compile("[\u3040-\u30ff]")
_IDEOGRAPHS = re.compile("[\u4e00-\u9fff]")
_FREQUENT = re.compile("[的一是不了在人有我他中大来上国和地到]")
_BESIDE_THEM = re.compile("[\t\n\r -~\u2010-\u2027\u3000-\u303f\uff00-\uffef]")


def wide_script(data: bytes) -> str | None:
    """Whether data are UTF-16 without its mark in a script other than Latin: the name of it."""
    sample = data[: 1024 if len(data) >= 1024 else len(data) & ~1]
    if len(sample) < 8 or (sample.isascii() and b"\x00" not in sample):
        return None
    for name in ("utf-16-le", "utf-16-be"):
        text = _decoded(sample, name)
        if text is None:
            continue
        letters, kana = len(_ALPHABETS.findall(text)), len(_KANA.findall(text))
        ideographs = len(_IDEOGRAPHS.findall(text))
        if letters + kana + ideographs + len(_BESIDE_THEM.findall(text)) < 0.97 * len(text):
            continue
        chinese = kana >= 0.2 * len(text) or len(_FREQUENT.findall(text)) >= 0.03 * len(text)
        if (letters >= 0.5 * len(text) and b"\x00" in sample) or (
            ideographs + kana >= 0.6 * len(text) and chinese
        ):
            return name
    return None


def guess(data: bytes) -> str:
    """The likeliest encoding of text that is neither ASCII nor UTF-8."""
    head = data[:_SAMPLE]
    if head.count(b"@") > len(head) // 12 and head.count(b" ") < len(head) // 50:
        return "cp500"  # EBCDIC, whose spaces these are
    words = _WORD.findall(head)
    if len(data) > _SAMPLE and len(words) > 1:
        del words[-1]  # it may be cut
    sample = b" ".join(words)
    if len(sample) > _SCORED:
        sample = sample[: sample.rfind(b" ", 0, _SCORED)] if b" " in sample[:_SCORED] else sample[:_SCORED]
    best, best_score = "cp1252", -10.0
    for name, languages, unlikely in _SINGLE:
        score = _single_score(sample, name, languages) - unlikely
        if score > best_score:
            best, best_score = name, score
        if best == "cp1252" and score > _WESTERN_ENOUGH and not _RUN.search(sample):
            return best
    for name, common, letters in _DOUBLE:
        score = _double_score(sample, name, common, letters)
        if score > best_score:
            best, best_score = name, score
    return best


def _decoded(sample: bytes, name: str) -> str | None:
    """The sample in an encoding, without the character that it may be cut in; None if it is not that."""
    try:
        return sample.decode(name)
    except UnicodeDecodeError as error:
        if error.start < max(1, len(sample) - 3):
            return None
        return sample[: error.start].decode(name)


@cache
def _weights(letters: str) -> dict[str, float]:
    """What a letter of a language counts: the first, which are the most common, most."""
    few = len(letters) < 20  # Latin languages: those that they add
    weights: dict[str, float] = {}
    for place, letter in enumerate(letters):
        weight = 1.0 if few else 1.3 if place < 12 else 0.9 if place < 22 else 0.4
        weights[letter] = weight
        weights.setdefault(letter.upper(), weight - 0.1)
    return weights


def _single_score(sample: bytes, name: str, languages: tuple[str, ...]) -> float:
    text = _decoded(sample, name)
    if text is None:
        return -10.0
    counts = Counter(char for char in text if char > "\x7f")
    total = counts.total()
    if not total:
        return -10.0
    signs = sum(count for char, count in counts.items() if char in _SIGNS)
    strange = sum(
        count
        for char, count in counts.items()
        if char not in _SIGNS and not char.isalpha() and char < "\u0300"
    )
    best = max(
        sum(weights.get(char, -0.6) * count for char, count in counts.items() if char not in _SIGNS)
        for weights in map(_weights, languages)
    )
    turned = sum(a.islower() and b.isupper() and (a > "\x7f" or b > "\x7f") for a, b in pairwise(text))
    misplaced = 1.6 * len(_IN_WORD.findall(text)) + 2 * turned + len(_LATIN_BESIDE.findall(text))
    return (best + signs - strange - misplaced) / total


def _double_score(sample: bytes, name: str, common: tuple[int, int], letters: tuple[int, int]) -> float:
    text = _decoded(sample, name)
    if text is None:
        return -10.0
    score = total = 0.0
    for char in text:
        if char <= "\x7f":
            continue
        total += 1
        code = char.encode(name, "replace")
        lead = code[0]
        if len(code) != 2 or (name != "cp932" and name != "cp950" and code[1] < 0xA1):
            score -= 0.8
        elif "\u3040" <= char <= "\u30ff":
            score += 1.5 if name in ("cp932", "euc_jp") else -0.5
        elif common[0] <= lead <= common[1]:
            score += 1.1 if name == "cp949" else 1.0
        else:
            score += 0.7 if letters[0] <= lead <= letters[1] else -0.7
    return score / total if total else -10.0
