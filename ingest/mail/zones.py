"""Cuts the text of a message into what its author wrote, what is quoted from earlier mail, and the signature.

Pure and line by line. Which quoted text is truly old is decided later by comparison with its parents; here a
zone is recognised by its looks alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.readers.draft import Kind

_QUOTE = re.compile(r"\s{0,3}(?:>|\|\s|[A-Z]{1,3}>)")
_ATTRIBUTION = re.compile(
    r"(?:(?:On|Am|Le|El|Il|Em|Op|Den|Dne|W dniu|Quoting|At)\b.{4,300}"
    r"(?:wrote|writes|said|schrieb(?:en)?|a écrit|escribió|ha scritto|escreveu|schreef|skrev)\b.{0,120}"
    r"|.{0,200}\S+@\S+.{0,60}(?:wrote|writes|schrieb|schreibt|said|a écrit)\b.{0,30}"
    r"|.{2,80}\b(?:wrote|writes|schrieb|schreibt)(?:\s+(?:on|at|in|am)\b.{0,80})?)\s*:\s*$",
    re.DOTALL,
)
_ATTRIBUTION_START = re.compile(r"(?:On|Am|Le|El|Il|Em|Op|Den|At|Quoting)\b|.*@")
_ORIGINAL = re.compile(
    r"\s*[-_*]{2,}\s*(?:Original Message|Original Appointment|Urspr(?:ü|ue)ngliche (?:Nachricht|Mail)"
    r"|Message d'origine|Mensaje original|Messaggio originale|Oorspronkelijk bericht)"
    r"\s*[-_*]{2,}\s*$",
    re.IGNORECASE,
)
_FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|i|doorst)\s*:", re.IGNORECASE)
_BLOCK_FIRST = re.compile(r"\s*\*?(?:From|Von|De|Da|Van)\s*:\s?\*?\s*\S")
_BLOCK_NEXT = re.compile(
    r"\s*\*?(?:Sent|Date|To|Cc|Subject|Gesendet|Datum|An|Betreff|Envoyé|À|Objet|Enviado|Para|Asunto|Inviato|Oggetto)"
    r"(?: am| on)?\s*:",
)
_RULE = re.compile(r"\s*[_\-=]{10,}\s*$")
_SIGNATURE = re.compile(
    r"--\s?$|(?:Sent from|Sent via|Gesendet mit|Gesendet von|Envoyé de|Get Outlook for)\b.{0,40}$"
    r"|Von meinem .{0,30} gesendet\.?$"
)
_LIST_FOOTER = re.compile(r"(?:_{30,}|-{40,})$")
_LIST_WORDS = re.compile(r"mailing list|unsubscribe|listinfo|To post to", re.IGNORECASE)


def zones(text: str, subject: str = "") -> Iterator[tuple[Kind, str]]:
    """The text as (kind, piece) in order; the kinds are paragraph, quoted and signature.

    Args:
        text: the plain body with LF line ends.
        subject: a forwarding one ("Fwd: …") means that the message below is new to the reader, not quoted.
    """
    lines = text.split("\n")
    kinds = _label_lines(lines, forwarded=_FORWARD.match(subject) is not None)
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or kinds[end] != kinds[start]:
            yield from _pieces(kinds[start], lines[start:end])
            start = end


def _pieces(kind: Kind, lines: list[str]) -> Iterator[tuple[Kind, str]]:
    """A run of lines of one kind: the author's own text by paragraph, the rest whole."""
    if kind is not Kind.PARAGRAPH:
        yield kind, "\n".join(lines)
        return
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line.rstrip())
        elif paragraph:
            yield kind, "\n".join(paragraph)
            paragraph = []


def _label_lines(lines: list[str], *, forwarded: bool) -> list[Kind]:
    """One kind for each line."""
    kinds = [Kind.PARAGRAPH] * len(lines)
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line or line.isspace():
            at += 1
            continue
        if _QUOTE.match(line):
            kinds[at] = Kind.QUOTED
            at += 1
        elif _is_signature(lines, at):
            end = _signature_end(lines, at)
            kinds[at:end] = [Kind.SIGNATURE] * (end - at)
            at = end
        elif not forwarded and _starts_original(lines, at):
            kinds[at:] = [Kind.QUOTED] * (len(lines) - at)
            break
        elif length := _attribution_length(lines, at):
            end = _quote_end(lines, at + length)
            kinds[at:end] = [Kind.QUOTED] * (end - at)
            at = end
        else:
            at += 1
    _close_gaps(lines, kinds)
    return kinds


def _is_signature(lines: list[str], at: int) -> bool:
    """The standard "-- " line, or the ruled footer that list software appends."""
    line = lines[at]
    if line[0] not in "-_SGVE":
        return False
    if _SIGNATURE.match(line):
        return True
    return bool(_LIST_FOOTER.match(line)) and bool(_LIST_WORDS.search("\n".join(lines[at + 1 : at + 4])))


def _signature_end(lines: list[str], at: int) -> int:
    """A signature runs to the end, or to a quoted message below it (top-posted replies)."""
    for index in range(at + 1, len(lines)):
        if _ORIGINAL.match(lines[index]) or _QUOTE.match(lines[index]) or _attribution_length(lines, index):
            return index
    return len(lines)


def _starts_original(lines: list[str], at: int) -> bool:
    """Outlook's ways to put the earlier message below: a ruled line of words, or a block of header lines."""
    line = lines[at]
    if _ORIGINAL.match(line):
        return True
    if _RULE.match(line):
        at = next((index for index in range(at + 1, min(at + 3, len(lines))) if lines[index].strip()), at)
        line = lines[at]
    if not _BLOCK_FIRST.match(line):
        return False
    return sum(bool(_BLOCK_NEXT.match(later)) for later in lines[at + 1 : at + 6]) >= 2


def _attribution_length(lines: list[str], at: int) -> int:
    """How many lines the attribution that starts here takes (1 to 3), 0 when none does."""
    if not _ATTRIBUTION_START.match(lines[at]) and not lines[at].rstrip().endswith(":"):
        return 0
    for length in (1, 2, 3):
        piece = lines[at : at + length]
        if len(piece) < length or not piece[-1].strip():
            return 0
        if piece[-1].rstrip().endswith(":") and _ATTRIBUTION.match(" ".join(piece).strip()):
            below = next((line for line in lines[at + length :] if line.strip()), "")
            certain = _ATTRIBUTION_START.match(piece[0]) is not None
            return length if certain or _QUOTE.match(below) else 0
    return 0


def _quote_end(lines: list[str], at: int) -> int:
    """Marked lines below an attribution are found by their marks; unmarked ones run to the message's end."""
    below = next((line for line in lines[at:] if line.strip()), "")
    return at if not below or _QUOTE.match(below) else len(lines)


def _close_gaps(lines: list[str], kinds: list[Kind]) -> None:
    """Blank lines between two quoted lines are quoted too, so that one quotation stays one piece."""
    last = -2
    for index, kind in enumerate(kinds):
        if kind is Kind.QUOTED:
            if 0 <= last < index - 1 and not any(lines[gap].strip() for gap in range(last + 1, index)):
                kinds[last + 1 : index] = [Kind.QUOTED] * (index - last - 1)
            last = index
