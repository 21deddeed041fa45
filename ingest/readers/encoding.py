"""From bytes to characters, whatever the sender claimed: BOM, UTF-8, the declared charset, then a guess."""

from __future__ import annotations

import codecs
import re

from ingest.readers.charsets import guess, wide_script

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BEYOND_ASCII = re.compile(r"[\x00-\x7f]+")
_STRANGE = re.compile("[\udc80-\udcff]")
_STRANGE_RUN = re.compile("[\udc80-\udcff]+")
_OTHER = {value: bytes((value,)).decode("cp1252", "replace") for value in range(0x80, 0x100)}
_GUESS_BYTES = 16 * 1024
_HIGH_RUN = re.compile(rb"[\x80-\xff]{4,}")
_ALIAS = re.compile(
    r"(?:x-)?(?:win|windows|cp|ibm|dos|ansi)[-_ ]?(\d{3,5})|(?:x-)?iso[-_ ]?8859[-_ ]?(\d{1,2})"
)
_ALIASES = {
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac_roman",
    "iso-8859-8-i": "iso8859-8",
    "iso-10646-ucs-2": "utf-16-be",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "windows-31j": "cp932",
}
_JIS = re.compile(rb"\x1b\$[@B]([\x21-\x7e\r\n]*)(?:\x1b\([BJ])?")
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
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "big5": "cp950",
}
# Encodings of Python that no sender means; some of them raise what others do not.
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem")
)
_SEVEN_BIT = ("iso2022", "hz", "utf-7")


def decode(data: bytes, declared: str | None = None) -> str:
    """All of `data` as text; never fails, bytes that fit nothing become U+FFFD.

    UTF-8 is tried before the declared charset: text that is valid UTF-8 beyond ASCII is UTF-8, whatever the
    label says, but ISO-2022 and UTF-7 are 7-bit and must be believed.
    """
    encoding = _normal(declared) or ""
    if encoding.startswith(_SEVEN_BIT) or (b"\x1b$" in data and data.isascii()):
        try:
            return data.decode(encoding or "iso2022_jp")
        except UnicodeDecodeError:
            if data.isascii():
                return _from_jis(data) if b"\x1b$" in data else data.decode(encoding, "replace")
    if data.isascii() and b"\x00" not in data:
        return data.decode("ascii")
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) if name == "utf-8" else 0 :].decode(name, "replace")
    if wide := wide_encoding(data):
        return data.decode(wide, "replace")
    return _from_utf8(data) or _from_declared(data, encoding) or data.decode(guess(data), "replace")


def _from_utf8(data: bytes) -> str | None:
    """Data that are UTF-8, all or all but a few characters; None if they are not."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) - error.start < 4 and error.reason.startswith("unexpected end"):
            return data.decode("utf-8", "replace")  # cut in the middle of its last character
    text = data.decode("utf-8", "surrogateescape")
    high = _BEYOND_ASCII.sub("", text)
    strange = len(high) - len(_STRANGE_RUN.sub("", high))
    if len(high) - strange < 4 * strange:
        return None
    return _STRANGE.sub(lambda found: _OTHER[ord(found[0]) - 0xDC00], text)  # one footer, one name


def _from_declared(data: bytes, encoding: str) -> str | None:
    """Data as they say they are; None if that fits badly or is not known."""
    if not encoding or encoding.startswith(_SEVEN_BIT) or (encoding == "cp1252" and not _is_western(data)):
        return None
    text = data.decode(encoding, "replace")
    return text if text.count("\ufffd") <= len(data) // 20 + 1 else None


def _is_western(data: bytes) -> bool:
    """Whether bytes above ASCII stand alone or in short runs, as in words of Western languages."""
    sample = data[:_GUESS_BYTES]
    return 2 * sum(map(len, _HIGH_RUN.findall(sample))) <= sum(byte >= 0x80 for byte in sample)


def _from_jis(data: bytes) -> str:
    """ISO-2022-JP with the characters of Windows that its standard does not know (circled digits)."""

    def shifted(found: re.Match[bytes]) -> bytes:
        pairs = found[1].replace(b"\r", b"").replace(b"\n", b"")
        out = bytearray()
        for row, cell in zip(pairs[::2], pairs[1::2], strict=False):  # JIS X 0208, annex 1
            lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
            trail = cell + (0x7E if row % 2 == 0 else 0x20 if cell > 0x5F else 0x1F)
            out += bytes((lead, trail))
        return bytes(out)

    return _JIS.sub(shifted, data).decode("cp932", "replace")


def wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without its mark: text in which nearly every second byte is zero, or three of four."""
    sample = data[:1024]
    if len(sample) < 4 or b"\x00" not in sample:
        return wide_script(data)
    quarter = len(sample) // 4
    zeros = [sample[place::4].count(0) for place in range(4)]
    if min(zeros[2:]) > 0.9 * quarter and zeros[0] < 0.1 * quarter:
        return "utf-32-le"
    if min(zeros[:2]) > 0.9 * quarter and zeros[3] < 0.1 * quarter:
        return "utf-32-be"
    half = len(sample) // 2
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.6 * half and odd < 0.1 * half:
        return "utf-16-be"
    return wide_script(data)


def _normal(untrusted_name: str | None) -> str | None:
    """Python's name of a declared charset, or None when it is unknown or tells nothing."""
    if not untrusted_name:
        return None
    words = untrusted_name.lower().replace(";", " ").replace(",", " ").split()
    name = words[0].strip("\"'`=<>() ") if words else ""
    name = _ALIASES.get(name, name)
    number = _ALIAS.fullmatch(name)
    if number:
        name = "utf-8" if number[1] == "65001" else f"cp{number[1]}" if number[1] else f"iso8859-{number[2]}"
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if not found._is_text_encoding or found.name in _NO_CHARSETS:
        return None
    return _SUPERSETS.get(found.name, found.name) or None
