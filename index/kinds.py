"""What people call kinds of documents and languages, in English and German, and what the catalog calls them.

The endings of the formats that are read are among them; what a file is, its content tells, never its ending.
"""

from __future__ import annotations

import re

_OFFICE = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9!#$&^_.+-]*")

# Names, and the media types that they stand for; with a slash at the end, all that begin so.
_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("eml", ("message/rfc822",)),
    ("msg", ("application/vnd.ms-outlook",)),
    ("tnef dat", ("application/vnd.ms-tnef",)),
    ("p7m", ("application/pkcs7-mime",)),
    ("mbox mbx", ("application/mbox",)),
    ("ics", ("text/calendar",)),
    ("vcf", ("text/vcard",)),
    ("txt log plain", ("text/plain",)),
    ("source py js c java sql sh", ("text/x-source",)),
    ("md markdown", ("text/markdown",)),
    ("rst", ("text/x-rst",)),
    ("org", ("text/org",)),
    ("tex latex ltx", ("application/x-tex",)),
    ("vtt srt subtitles untertitel", ("text/vtt",)),
    ("htm xhtml", ("text/html",)),
    ("mht mhtml", ("multipart/related",)),
    ("webarchive", ("application/x-webarchive",)),
    ("xml", ("application/xml",)),
    ("csv tsv", ("text/csv",)),
    ("json ndjson jsonl", ("application/json",)),
    ("ipynb notebook", ("application/x-ipynb+json",)),
    ("yaml yml", ("application/yaml",)),
    ("docx docm dotx dotm", (f"{_OFFICE}wordprocessingml.document",)),
    ("pptx pptm ppsx potx", (f"{_OFFICE}presentationml.presentation",)),
    ("xlsx xlsm xltx", (f"{_OFFICE}spreadsheetml.sheet",)),
    ("xls", ("application/vnd.ms-excel",)),
    ("doc dot", ("application/msword",)),
    ("ppt pps pot", ("application/vnd.ms-powerpoint",)),
    ("wpd wordperfect", ("application/vnd.wordperfect",)),
    ("odt ott fodt", (f"{_ODF}text",)),
    ("ods ots fods", (f"{_ODF}spreadsheet",)),
    ("odp otp fodp", (f"{_ODF}presentation",)),
    ("epub", ("application/epub+zip",)),
    ("fb2", ("application/x-fictionbook+xml",)),
    ("rtf", ("application/rtf",)),
    ("pdf", ("application/pdf",)),
    ("png", ("image/png",)),
    ("jpg jpeg", ("image/jpeg",)),
    ("tif tiff", ("image/tiff",)),
    ("gif", ("image/gif",)),
    ("bmp", ("image/bmp",)),
    ("webp", ("image/webp",)),
    ("heic heif", ("image/heic",)),
    ("avif", ("image/avif",)),
    ("zip", ("application/zip",)),
    ("tar", ("application/x-tar",)),
    ("7z", ("application/x-7z-compressed",)),
    ("gz tgz", ("application/gzip",)),
    ("bz2 tbz2", ("application/x-bzip2",)),
    ("xz txz", ("application/x-xz",)),
    ("zst", ("application/zstd",)),
    ("mail mails email emails e-mail message messages nachricht", (
        "message/", "application/vnd.ms-outlook", "application/vnd.ms-tnef")),
    ("calendar kalender invitation einladung", ("text/calendar",)),
    ("contact contacts kontakt kontakte", ("text/vcard",)),
    ("text texts", ("text/plain", "text/markdown", "text/x-rst", "text/org", "application/x-tex")),
    ("code program programm", ("text/x-source", "application/x-ipynb+json")),
    ("html web webpage webseite", (
        "text/html", "multipart/related", "application/x-webarchive")),
    ("word", (f"{_OFFICE}wordprocessingml.document", "application/msword")),
    ("excel", (f"{_OFFICE}spreadsheetml.sheet", "application/vnd.ms-excel")),
    ("powerpoint", (f"{_OFFICE}presentationml.presentation", "application/vnd.ms-powerpoint")),
    ("document documents dokument dokumente", (
        f"{_OFFICE}wordprocessingml.document", "application/msword", f"{_ODF}text", "application/rtf",
        "application/vnd.wordperfect")),
    ("sheet sheets spreadsheet spreadsheets table tabelle tabellen", (
        f"{_OFFICE}spreadsheetml.sheet", "application/vnd.ms-excel", f"{_ODF}spreadsheet", "text/csv")),
    ("slides presentation presentations folien präsentation präsentationen", (
        f"{_OFFICE}presentationml.presentation", "application/vnd.ms-powerpoint", f"{_ODF}presentation")),
    ("book books ebook buch bücher", (
        "application/epub+zip", "application/x-fictionbook+xml", "application/x-mobipocket-ebook")),
    ("image images picture pictures photo photos bild bilder foto fotos scan scans", ("image/",)),
    ("audio sound ton", ("audio/",)),
    ("video videos film", ("video/",)),
    ("archive archives archiv archive", (
        "application/zip", "application/x-tar", "application/x-7z-compressed", "application/gzip",
        "application/x-bzip2", "application/x-xz", "application/zstd", "application/vnd.rar")),
)  # fmt: skip
_BY_NAME = {name: types for names, types in _KINDS for name in names.split()}

# ISO 639-1, and the names of the language: English, German, its own.
_LANGUAGES = """
ar arabic arabisch العربية
bg bulgarian bulgarisch български
bn bengali bengalisch বাংলা
bs bosnian bosnisch bosanski
ca catalan katalanisch català
cs czech tschechisch čeština
cy welsh walisisch cymraeg
da danish dänisch dansk
de german deutsch
el greek griechisch ελληνικά
en english englisch
es spanish spanisch español
et estonian estnisch eesti
eu basque baskisch euskara
fa persian persisch farsi فارسی
fi finnish finnisch suomi
fr french französisch français
ga irish irisch gaeilge
gl galician galicisch galego
he hebrew hebräisch עברית
hi hindi हिन्दी
hr croatian kroatisch hrvatski
hu hungarian ungarisch magyar
hy armenian armenisch հայերեն
id indonesian indonesisch
is icelandic isländisch íslenska
it italian italienisch italiano
ja japanese japanisch 日本語
ka georgian georgisch ქართული
ko korean koreanisch 한국어
la latin latein
lb luxembourgish luxemburgisch lëtzebuergesch
lt lithuanian litauisch lietuvių
lv latvian lettisch latviešu
mk macedonian mazedonisch македонски
ms malay malaiisch melayu
nl dutch niederländisch nederlands
no norwegian norwegisch norsk
pl polish polnisch polski
pt portuguese portugiesisch português
ro romanian rumänisch română
ru russian russisch русский
sk slovak slowakisch slovenčina
sl slovenian slowenisch slovenščina
sq albanian albanisch shqip
sr serbian serbisch српски
sv swedish schwedisch svenska
ta tamil தமிழ்
th thai thailändisch ไทย
tr turkish türkisch türkçe
uk ukrainian ukrainisch українська
ur urdu اردو
vi vietnamese vietnamesisch
zh chinese chinesisch 中文
"""
_BY_LANGUAGE = {name: row.split()[0] for row in _LANGUAGES.strip().splitlines() for name in row.split()}


def media_types(name: str) -> tuple[str, ...] | None:
    """The media types of a kind, an ending or a media type; one with a slash at its end is the first half of
    all that are meant. None: nothing is called so.
    """
    plain = name.lower().removeprefix(".")
    if _MEDIA_TYPE.fullmatch(plain):
        return (plain,)
    return _BY_NAME.get(plain)


def language(name: str) -> str | None:
    """The ISO 639-1 code of a language; None: no language is called so."""
    plain = name.lower()
    return _BY_LANGUAGE.get(plain) or (plain if re.fullmatch("[a-z]{2}", plain) else None)
