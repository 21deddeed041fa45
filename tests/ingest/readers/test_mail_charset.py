"""Bodies whose charset or transfer encoding is missing, misspelt or a lie."""

from __future__ import annotations

import base64
import quopri

import pytest

from ingest.readers.encoding import decode
from tests.support.reading_mail import letter, seen

GERMAN = "Die Miete für die Räume wächst – ärgerlich."
RUSSIAN = "Привет, лампа уже стоит на столе в мастерской, приезжайте завтра."
JAPANESE = "ランプは机の上にあります。明日来てください。"
CHINESE = "灯已经放在桌子上了，请明天来工作室看看。"
KOREAN = "램프는 이미 책상 위에 있습니다. 내일 작업실로 오세요."


@pytest.mark.parametrize(
    ("text", "real", "declared"),
    [
        (GERMAN, "utf-8", "utf-8;"),
        (GERMAN, "utf-8", '"utf8"'),
        (GERMAN, "utf-8", "UTF8MB4"),
        (GERMAN, "cp1252", "windows1252"),
        (GERMAN, "cp1252", "x-unknown"),
        (GERMAN, "utf-8", "utf-16"),
        (GERMAN, "utf-16", "utf-16"),
        (GERMAN, "utf-16-le", "utf-16le"),
        (GERMAN, "utf-7", "utf-7"),
        (GERMAN, "utf-8", "utf-7"),
        (GERMAN, "utf-8", "iso-2022-jp"),
        (GERMAN, "cp1252", "idna"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        (RUSSIAN, "cp1251", "win-1251"),
        (RUSSIAN, "cp1251", ""),
        (JAPANESE, "iso-2022-jp", "iso-2022-jp"),
        (JAPANESE, "iso-2022-jp", ""),
        (JAPANESE, "shift_jis", "x-sjis"),
        (JAPANESE + "①", "cp932", "shift_jis"),
        (CHINESE + "镕", "gb18030", "gb2312"),
        (CHINESE, "gb18030", "x-gbk"),
        (KOREAN, "cp949", "ks_c_5601-1987"),
        (KOREAN, "cp949", "iso-8859-1"),
        ("Text ohne Umlaut", "ascii", "utf-16"),
    ],
)
def test_charsets_and_their_lies(text: str, real: str, declared: str) -> None:
    kind = f"text/plain; charset={declared}" if declared else "text/plain"
    assert seen(letter(text.encode(real), kind=kind)).text == text


def test_circled_digits_in_iso_2022_jp() -> None:
    assert decode(b"\x1b$B-!%i%s%W\x1b(B on", "iso-2022-jp") == "①ランプ on"


def test_utf_8_with_a_footer_in_another_charset_stays_utf_8() -> None:
    body = (RUSSIAN + "\n\n").encode() + "Grüße".encode("cp1252")
    assert seen(letter(body)).text == f"{RUSSIAN}\n\nGrüße"


def test_html_that_names_another_charset_than_its_header() -> None:
    page = f'<html><head><meta charset="koi8-r"></head><body><p>{RUSSIAN}</p></body></html>'
    assert seen(letter(page.encode(), kind="text/html; charset=koi8-r")).text == RUSSIAN
    assert seen(letter(page.encode("koi8-r"), kind="text/html")).text == RUSSIAN


def coded(body: bytes, coding: str) -> str:
    return seen(letter(body, f"Content-Transfer-Encoding: {coding}\n")).text


LONG = (GERMAN + "\n") * 8


def test_base64_cut_off_or_interrupted() -> None:
    whole = base64.encodebytes(LONG.encode())
    assert coded(whole, " Base64 (of course)") == LONG.strip()
    assert coded(whole[:-7], "base64").startswith(GERMAN)
    assert coded(whole.replace(b"\n", b"\n!!\n"), "base64") == LONG.strip()
    pieces = base64.b64encode(GERMAN.encode() + b"  ") + b"\n" + base64.b64encode(b"and more")
    assert coded(pieces, "base64") == f"{GERMAN}  and more"


def test_a_plain_footer_below_base64() -> None:
    footer = b"----\nlamps mailing list\nhttps://lists.alder.example/lamps\n"
    assert coded(base64.encodebytes(LONG.encode()) + footer, "base64").endswith(footer.decode().strip())


def test_words_that_only_claim_to_be_base64() -> None:
    assert coded(GERMAN.encode(), "base64") == GERMAN


def test_encodings_that_nobody_declared() -> None:
    assert coded(base64.encodebytes(LONG.encode()), "7bit") == LONG.strip()
    assert coded(quopri.encodestring(LONG.encode() + b"1 =3D"), "8bit").startswith(GERMAN)
    assert coded(b"a = b and c=3D4 and d=3D5", "7bit") == "a = b and c=3D4 and d=3D5"


def test_quoted_printable_with_mistakes() -> None:
    assert coded(b"f=C3=BCr =ZZ Ann=\nund Bo =", "quoted-printable") == "für =ZZ Annund Bo"


def test_flowed_text_whose_spaces_are_to_be_deleted() -> None:
    flowed = letter(
        "灯已经 \n放在 \n桌子上\n> 旧 \n> 的\n".encode(), kind="text/plain; format=flowed; delsp=yes"
    )
    assert seen(flowed).text == "灯已经放在桌子上\n\n> 旧的"
    stuffed = letter(b" From here\nto there", kind="text/plain; format=flowed")
    assert seen(stuffed).text == "From here\nto there"
