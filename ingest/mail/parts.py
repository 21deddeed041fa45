"""One part of a message: its name, its bytes out of whatever transfer encoding they are in, its text."""

from __future__ import annotations

import binascii
import re
from email.message import Message
from email.utils import collapse_rfc2231_value
from itertools import islice

from ingest.mail.headers import decode_words
from ingest.readers.encoding import decode
from ingest.readers.hypertext import declared_text, mail_text, parse

HTML = frozenset(("text/html", "text/enriched", "text/richtext", "application/xhtml+xml"))
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_BASE64_BODY = re.compile(rb"\s*(?:[A-Za-z0-9+/]{60,76}\r?\n){2,}[A-Za-z0-9+/]{0,76}={0,2}\s*")
_BASE64_LINE = re.compile(rb"^[A-Za-z0-9+/]{60,}={0,2}\s*$", re.MULTILINE)
_PLAIN_FOOTER = re.compile(rb"^[^\n]*[ _.:@-][^\n]*[^\s]", re.MULTILINE)
_QP_SURE = re.compile(rb"=(?:3D|20\r?\n|C3=[89AB][0-9A-F]|E2=80|\r?\n)")
_QP_FALSE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n|[ \t]*\Z)")
_UU_BEGIN = re.compile(
    rb"^begin(?:-base64 [0-7]{3,4} ([^\r\n]{1,200})\r?\n(?=[\w+/=]+\r?\n)"
    rb"| [0-7]{3,4} ([^\r\n]{1,200})\r?\n(?=M[ -`]{56,64}\r?\n|[!-L][ -`]{2,64}\r?\n[` ]?\r?\n?end))",
    re.MULTILINE,
)
_UU_END = re.compile(rb"^(?:end|====)[ \t]*\r?$", re.MULTILINE)
_MOST_FILES = 100  # in one text; more are an attack: each without an end is followed to the end of the text
_YENC = re.compile(
    rb"^=ybegin [^\r\n]{0,200}?name=([^\r\n]{1,200})\r?\n(?:=ypart [^\r\n]*\r?\n)?(.*?)\r?\n=yend[^\r\n]*",
    re.MULTILINE | re.DOTALL,
)
_MARKUP = re.compile(r"\s*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE)
_STUFFED = re.compile(r"^(>*)[ ]", re.MULTILINE)
_FLOWED = re.compile(r"^(>*)( ?)(.*)$")


def payload(part: Message, kind: str) -> bytes:
    """The content of a part of this kind, its transfer encoding undone; of one that lies, by its looks."""
    raw: object = part._payload  # type: ignore[attr-defined]  # get_payload would decode as declared
    if not isinstance(raw, str):
        return b""
    content = _raw_bytes(raw)
    words = str(part.get("content-transfer-encoding", "")).lower().split()
    coding = words[0].strip("\"';") if words else ""
    if coding.startswith("base64"):
        return from_base64(content)
    if coding.startswith(("quoted", "qp")):
        return binascii.a2b_qp(content)
    if coding in ("x-uuencode", "uuencode", "uue", "x-uue"):
        files, rest = inline_files(content)
        return files[0][1] if files else rest
    if kind.startswith("text/"):
        return _without_unsaid_coding(content)
    return content


def _raw_bytes(raw: str) -> bytes:
    try:
        return raw.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return raw.encode("utf-8", "surrogateescape")


def from_base64(content: bytes) -> bytes:
    """As much as can be had of base64 that may be cut off, interrupted, or no base64 at all."""
    footer = _PLAIN_FOOTER.search(content)
    if footer and footer.start() and not _BASE64_LINE.search(content, footer.start()):  # a list's software
        return from_base64(content[: footer.start()]) + b"\n\n" + content[footer.start() :]
    letters = _NOT_BASE64.sub(b"", content)
    if content.count(b" ") > len(content) // 20 and len(letters) < 0.95 * len(content):
        return content  # words with spaces between them: it was never encoded
    if b"=" in content[:-4].rstrip():  # several encoded pieces, one after the other
        pieces = [_NOT_BASE64.sub(b"", piece) for piece in re.split(rb"=+", content)]
    else:
        pieces = [letters]
    return b"".join(_decoded_piece(piece) for piece in pieces if piece)


def _decoded_piece(letters: bytes) -> bytes:
    usable = len(letters) - 1 if len(letters) % 4 == 1 else len(letters)
    return binascii.a2b_base64(letters[:usable] + b"=" * (-usable % 4))


def _without_unsaid_coding(content: bytes) -> bytes:
    """Text whose transfer encoding is not declared, or got lost with a broken header."""
    if _BASE64_BODY.fullmatch(content):
        decoded = from_base64(content)
        if decoded.count(b" ") > len(decoded) // 50 and not re.search(rb"[\x00-\x08\x0e-\x1a]", decoded):
            return decoded
    elif b"=3D" in content and len(_QP_SURE.findall(content)) >= 2 and not _QP_FALSE.search(content):
        return binascii.a2b_qp(content)
    return content


def inline_files(content: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """Files that stand within a text by uuencode or yEnc: (name, bytes) each, and the text without them."""
    files: list[tuple[str, bytes]] = []
    if 0 < content.count(b"=ybegin ") <= _MOST_FILES:
        for found in _YENC.finditer(content):
            files.append((decode(found[1]).strip(), _from_yenc(found[2])))
        content = _YENC.sub(b"", content)
    if b"begin" not in content:
        return files, content
    kept, at = [], 0
    for found in islice(_UU_BEGIN.finditer(content), _MOST_FILES):
        if found.start() < at:
            continue
        end = _UU_END.search(content, found.end())
        lines = content[found.end() : end.start() if end else len(content)].splitlines()
        data = from_base64(b"\n".join(lines)) if found[1] else _from_uu(lines)
        if data is None:
            continue  # a sentence that begins so
        files.append((decode(found[1] or found[2]).strip(), data))
        kept.append(content[at : found.start()])
        at = end.end() if end else len(content)
    return files, b"".join((*kept, content[at:]))


def _from_uu(lines: list[bytes]) -> bytes | None:
    """The file in these lines; None if they are none. A damaged line is repaired as uudecode does."""
    out: list[bytes] = []
    for line in lines:
        if not line.strip(b" `"):
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            if not out or not 32 < line[0] <= 96:
                return None
            width = ((line[0] - 32) & 63) * 4 // 3 + 2
            try:
                out.append(binascii.a2b_uu(line[:width]))
            except binascii.Error:
                return None
    return b"".join(out) or None


def _from_yenc(content: bytes) -> bytes:
    """yEnc: every byte moved up by 42, and by 64 more after "="."""
    content = content.replace(b"\r", b"").replace(b"\n", b"")
    first, *escaped = content.split(b"=")
    shifted = first + b"".join(bytes(((piece[0] - 64) & 255,)) + piece[1:] for piece in escaped if piece)
    return shifted.translate(bytes((value - 42) & 255 for value in range(256)))


def text_of(part: Message, kind: str, content: bytes) -> str:
    """A text part of this kind as plain text with LF line ends.

    Args:
        content: what `payload` gave for it.
    """
    charset = parameter(part, "content-type", "charset")
    if kind in HTML:
        return html_text(decode(content, charset) if charset else declared_text(content))
    text = decode(content, charset)
    if _MARKUP.match(text):
        return html_text(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if parameter(part, "content-type", "format").lower() == "flowed":
        return _unflowed(text, joined=parameter(part, "content-type", "delsp").lower() == "yes")
    return text


def html_text(markup: str) -> str:
    """The text of a page; of one that shows nothing, whatever words are in it."""
    shown = mail_text(markup)
    if shown.strip():
        return shown
    root = parse(markup)
    words: list[str] = []
    for element in root.iter() if root is not None else ():  # hidden in its head, in drawings
        if element.tag not in ("script", "style"):
            words.append(element.text or "")
        words.append(element.tail or "")
    return " ".join("".join(words).split())


def _unflowed(text: str, *, joined: bool) -> str:
    """RFC 3676. Lines stay as they are (quotations are compared by line), but a text whose spaces at the ends
    of lines are to be deleted (Chinese, Japanese) is put together, or words would be cut.
    """
    if not joined:
        return _STUFFED.sub(r"\1", text)
    out: list[str] = []
    flowing, depth = False, 0
    for line in text.split("\n"):
        found = _FLOWED.match(line)
        marks, words = (found[1], found[3]) if found else ("", line)
        flows = words.endswith(" ") and words != "-- "
        words = words[:-1] if flows else words
        if flowing and len(marks) == depth:
            out[-1] += words
        else:
            out.append(f"{marks} {words}" if marks else words)
        flowing, depth = flows, len(marks)
    return "\n".join(out)


def is_attachment(part: Message, name: str) -> bool:
    """A part that its sender meant as a file: so marked, or named and not the message itself."""
    disposition = str(part.get("content-disposition", "")).lower().lstrip()
    return disposition.startswith("attachment") or (bool(name) and not disposition.startswith("inline"))


def file_name(part: Message) -> str:
    """The name a part was sent under, out of RFC 2231, RFC 2047 or both at once; no path."""
    for header, name in (("content-disposition", "filename"), ("content-type", "name")):
        value = parameter(part, header, name)
        if value:
            return re.split(r"[/\\]", decode_words(value))[-1].strip()
    location = str(part.get("content-location", "")).strip()
    last = re.split(r"[/\\]", location.partition("?")[0])[-1]
    return last if re.fullmatch(r"[\w. -]{1,80}\.\w{1,5}", last) else ""


def parameter(part: Message, header: str, name: str) -> str:
    """A parameter of a field, decoded; empty when it is not there or beyond understanding."""
    try:
        value = part.get_param(name, header=header)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    if isinstance(value, tuple):
        charset, _, words = value
        try:
            return decode(words.encode("latin-1"), charset)
        except UnicodeEncodeError:
            return collapse_rfc2231_value(value)
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else decode(value.encode("utf-8", "surrogateescape"))
