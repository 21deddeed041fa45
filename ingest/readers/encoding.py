"""From bytes to characters, whatever the sender claimed: BOM, UTF-8, the declared charset, then a guess."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESS_BYTES = 16 * 1024
_WESTERN = frozenset("ÄÖÜäöüßéèêëàâçñåøæÉÈÀÇÅØÆÑíìîïóòôõúùûãáÁÍÓÚœŒ’‘“”„–—…€£§°©®·•«»´¿¡ºª\xa0\xad½¼²³µ×±™")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{4,}")
# Names that senders use for what is really the Windows superset of it, and 7-bit names that say nothing.
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "ascii": "",
    "utf-8": "",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859-9": "cp1254",
}


def decode(data: bytes, declared: str | None = None) -> str:
    """All of `data` as text; never fails, bytes that fit nothing become U+FFFD.

    UTF-8 is tried before the declared charset: text that is valid UTF-8 beyond ASCII is UTF-8, whatever the
    label says, but ISO-2022 and UTF-7 are 7-bit and must be believed.
    """
    encoding = _normal(declared)
    if encoding and encoding.startswith(("iso2022", "hz", "utf-7", "utf-16", "utf-32")):
        return data.decode(encoding, "replace")
    if data.isascii() and b"\x00" not in data:
        return data.decode("ascii")
    for mark, name in _BOMS:
        if data.startswith(mark):
            return (
                data[len(mark) :].decode(name, "replace") if name == "utf-8" else data.decode(name, "replace")
            )
    wide = wide_encoding(data)
    if wide:
        return data.decode(wide, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) - error.start < 4 and error.reason.startswith("unexpected end"):
            return data.decode("utf-8", "replace")  # cut in the middle of its last character
    return data.decode(encoding or guess(data), "replace")


def wide_encoding(data: bytes) -> str | None:
    """UTF-16 without its mark: text in which nearly every second byte is zero."""
    sample = data[:1024]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.6 * half and odd < 0.1 * half:
        return "utf-16-be"
    return None


def guess(data: bytes) -> str:
    """The likeliest single or double byte encoding of text that is not UTF-8."""
    sample = data[:_GUESS_BYTES]
    high = bytes(byte for byte in data[: 4 * _GUESS_BYTES] if byte >= 0x80)
    if not high:
        return "cp1252"
    western = sum(char in _WESTERN for char in high.decode("cp1252", "replace"))
    if western >= 0.95 * len(high) and not _HIGH_RUN.search(sample):
        return "cp1252"
    from charset_normalizer import from_bytes  # costs 10 to 50 ms, so only when nothing simpler decides

    best = from_bytes(sample).best()
    return best.encoding if best else "cp1252"


def _normal(declared: str | None) -> str | None:
    """Python's name of a declared charset, or None when it is unknown or tells nothing."""
    try:
        name = codecs.lookup(declared.strip("\"' ")).name if declared else ""
        if name and not codecs.lookup(name)._is_text_encoding:
            return None
    except (LookupError, ValueError):
        return None
    return _SUPERSETS.get(name, name) or None
