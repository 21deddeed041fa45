"""What a line of a message looks like, or a few lines together: a separator, an attribution, a header block,
a quote mark, a line of a patch. Each look is bounded; what follows from it is decided in `zones`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ingest.mail import phrases

RULING = "-_*=~#+—–"
MARKS = ">|＞:"
_TRIMMED = RULING + ":： \t\xa0<>[]"
_MOST_ATTRIBUTION = 400
_MOST_HEADER_LINES = 60
_BROAD = "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"


def _words(table: Mapping[str, str]) -> list[str]:
    return [word for words in table.values() for word in words.split("|")]


def _names(table: Mapping[str, str]) -> frozenset[str]:
    return frozenset(word.casefold() for word in _words(table))


def _any_of(words: Iterable[str]) -> str:
    """A pattern for whole words; in scripts without spaces a word has no border."""
    pattern = sorted({word for word in words if not re.match(_BROAD, word)}, key=len, reverse=True)
    broad = sorted({word for word in words if re.match(_BROAD, word)}, key=len, reverse=True)
    return f"(?:(?<![\\w-])(?:{'|'.join(pattern)})(?![\\w-])|{'|'.join(broad)})"


_WROTE = re.compile(_any_of(_words(phrases.WROTE)), re.IGNORECASE)
_STARTS = "|".join(sorted(set(_words(phrases.ATTRIBUTION_STARTS)), key=len, reverse=True))
_WEEKDAYS = "|".join(sorted(set(_words(phrases.WEEKDAYS)), key=len, reverse=True))
_ATTRIBUTION_START = re.compile(
    rf"[-+*\s\"']{{0,4}}(?:(?:{_STARTS})(?:\b|(?=\d))|(?i:{_WEEKDAYS})\b[.,]?\s|\d)"
)
_DATE = re.compile(r"\d[:.h]\d\d|(?<!\d)(?:19|20)\d\d(?!\d)|\d[./-]\d{1,2}[./-]\d\d|\d年")
_ADDRESS = re.compile(r"<[^<>\s]{1,60}@[^<>\s]{1,60}>")
_ADDRESS_LAST = re.compile(r"@[^<>\s]{1,60}>\s?[:：]$")
_TIME = re.compile(r"\d[:.h]\d\d")
ATTRIBUTION_ENDS = (":", "：", "wrote", "wrote...", "writes", "schrieb", "a écrit", ":-")

_SENDERS = _names(phrases.SENDER_FIELDS)
_DATE_LINE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},?\s+\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[AaPp][Mm])?")
_FIELDS = _SENDERS | _names(phrases.OTHER_FIELDS)
_ANY_FIELD = re.compile(r"\*{0,2}[^\W\d_][^:：\n]{0,24}[:：]")
_ORIGINALS = _names(phrases.ORIGINALS)
_FORWARDS = _names(phrases.FORWARDS)
_FORWARDED_BY = tuple(words.casefold() for words in phrases.FORWARDED_BY)
_RULE = re.compile(r"([-_=*~])\1{4,}$")

_PREFIX = r"\s*(?:\[[^\]]{{0,60}}\]\s*)?(?:{})\s*(?:\[\d+\]|\(\d+\))?\s*[:：]"
_REPLY = re.compile(_PREFIX.format(phrases.REPLY_SUBJECTS), re.IGNORECASE)
_FORWARD = re.compile(_PREFIX.format(phrases.FORWARD_SUBJECTS), re.IGNORECASE)

_SENT_FROM = tuple(sorted(_names(phrases.SENT_FROM)))
_SENT_FIRST = frozenset(prefix[0] for prefix in _SENT_FROM)

_SNIP = re.compile(
    r"[\[(<{]?\s*(?:\.{2,}|…|snip|snipped)\s*[\])>}]?"
    r"|[\[(<{*-]{1,3}\s*(?:big )?(?:snip|cut|trimmed|deleted)\b.{0,40}",
    re.IGNORECASE,
)
_INITIALS = re.compile(r"([A-Z][A-Za-z]{0,3})>")
_NOT_INITIALS = frozenset(("SQL", "PS", "C", "D", "E"))  # prompts
_CODE = re.compile(
    r"\w\(.*\)|<-|[;{}]$|=>|^\$ |^[\w.]+ = |^(?:git|npm|pip|cd|ls|sudo|select|insert|make) ", re.IGNORECASE
)


def is_reply(subject: str) -> bool:
    """Re: and its sisters."""
    return _REPLY.match(subject) is not None


def is_forward(subject: str) -> bool:
    """Fwd: and its sisters."""
    return _FORWARD.match(subject) is not None


def is_rule(bare: str) -> bool:
    """A line drawn with one sign."""
    return _RULE.match(bare) is not None


def separator(bare: str) -> str:
    """ "original" or "forward" for the words that mail programs put above an earlier message, else ""."""
    if len(bare) > 200:
        return ""
    core = bare.strip(_TRIMMED).casefold()
    ruled = bare[0] in RULING
    if core in _FORWARDS:
        return "forward"
    if ruled and core in _ORIGINALS:
        return "original"
    return "forward" if ruled and core.startswith(_FORWARDED_BY) else ""


def attribution(lines: list[str], at: int) -> tuple[int, bool]:
    """(how many lines, ending with this one, say who wrote what follows; whether they are sure of it).

    0 lines: none does. One that is not sure of itself counts only above a marked line.
    """
    joined, short, sure = "", 0, False
    for length in range(1, 5):
        line = lines[at - length + 1] if at >= length - 1 else ""
        joined = f"{line.strip()} {joined}".rstrip()
        if not line or line.isspace() or line.lstrip()[0] in MARKS or len(joined) > _MOST_ATTRIBUTION:
            break
        wrote = _WROTE.search(joined, max(len(joined) - 200, 0)) is not None
        addressed = "@" in joined
        dated = _DATE.search(joined) is not None
        if dated and (wrote or _ADDRESS_LAST.search(joined)) and _ATTRIBUTION_START.match(joined):
            return length, addressed or _TIME.search(joined) is not None
        if not short and wrote and _ADDRESS.search(joined):
            short, sure = length, True
        elif not short and ((wrote and (addressed or joined.count(" ") < 14)) or (addressed and dated)):
            short = length
    return short, sure


def field(bare: str) -> str:
    """The name of the header field that a line holds ("From: …"), else ""."""
    head = bare[:32]
    if ":" not in head and "：" not in head:
        return ""
    name = head.replace("：", ":").partition(":")[0].strip("* \t\xa0").casefold()
    return name if name in _FIELDS else ""


def header_block(lines: list[str], at: int, *, least: int = 3) -> int:
    """How many lines the header of an earlier message takes that begins here; 0 when none does."""
    names: set[str] = set()
    end = at
    loose = 0
    for index in range(at, min(at + _MOST_HEADER_LINES, len(lines))):
        bare = lines[index].strip()
        if name := field(bare):
            if name in names:  # no header says a thing twice
                break
            names.add(name)
            end, loose = index + 1, 0
        else:  # the rest of a long list of recipients, or one empty line between two fields
            loose += 1
            if (not bare and loose > 1) or loose > 8:
                break
    return end - at if len(names) >= least and (least < 3 or names & _SENDERS) else 0


def notes_block(lines: list[str], at: int) -> int:
    """How many lines the header takes that Lotus Notes puts below a name: a date, then "To:" and more."""
    if len(lines[at]) > 40 or not _DATE_LINE.fullmatch(lines[at].strip()):
        return 0
    length = header_block(lines, at + 1, least=2) if at + 1 < len(lines) else 0
    return 1 + length if length else 0


def ruled_block(lines: list[str], at: int) -> int:
    """How many lines a rule and the header of an earlier message below it take, in whatever language."""
    first = at + 1
    while first < min(at + 3, len(lines)) and not lines[first].strip():
        first += 1
    if first < len(lines) and field(lines[first].strip()) and (length := header_block(lines, first)):
        return first + length - at
    end = first
    while end < min(first + 8, len(lines)) and _ANY_FIELD.match(lines[end].lstrip()):
        end += 1
    held = " ".join(lines[first:end])
    return end - at if end - first >= 3 and "@" in held and _DATE.search(held) else 0


def is_sent_from(bare: str) -> bool:
    """The line of a phone or a mail program about itself."""
    if len(bare) > 160:
        return False
    low = bare.lower().lstrip("-–—*_[( ").partition("<http")[0]
    if not (low[:1] in _SENT_FIRST and low.startswith(_SENT_FROM)) and not low.rstrip("*_]) .").endswith(
        phrases.SENT_ENDS
    ):
        return False
    return len(low) <= 90 and any(device in low for device in phrases.DEVICES)


def is_snip(line: str) -> bool:
    """The words for what was left out of a quotation: "[...]", "<snip>"."""
    return len(line) < 80 and _SNIP.fullmatch(line.strip()) is not None


def marked_end(lines: list[str], at: int) -> int:
    """The end of the run of lines with quote marks that begins here; `at` itself when none does."""
    end = at
    while end < len(lines) and is_marked(lines, end):
        end += 1
    return end


def is_marked(lines: list[str], at: int) -> bool:
    """Whether a line has a quote mark: ">", a bar, or the initials of who is quoted."""
    line = lines[at]
    bare = line.lstrip()
    if not bare or len(line) - len(bare) > 4:
        return False
    if bare[0] in ">＞":
        return not bare.startswith(">From ") or _neighbour(lines, at, ">")
    if bare[0] == "|":
        return bare[1:2] in ("", " ", "\t", ">") and "|" not in bare[2:] and _neighbour(lines, at, "|")
    if bare[0] == ":":
        return bare[1:2] == " " and _neighbour(lines, at, ": ")
    initials = _INITIALS.match(bare) if ">" in bare[1:5] else None
    if initials is None or initials[1] in _NOT_INITIALS:
        return False
    return any(
        other.lstrip().startswith(initials[0])
        for other in (*lines[max(at - 4, 0) : at], *lines[at + 1 : at + 5])
    )


def own_mark(lines: list[str], at: int) -> str:
    """The sign before the lines that begin here, if it is one and the same: some quote with ") " or "% "."""
    some = [line for line in lines[at : at + 6] if line.strip()]
    sign = some[0].strip()[0] if some else ""
    if not sign or sign.isalnum() or sign in "\"'([<-*•" or len(some) < 2:
        return ""
    return sign if all(line.strip()[:2] in (sign, f"{sign} ") for line in some[:2]) else ""


def depth(line: str) -> int:
    """How many quote marks a line begins with."""
    marks = line[: len(line) - len(line.lstrip(" >＞"))]
    return len(marks) - marks.count(" ")


def _neighbour(lines: list[str], at: int, mark: str) -> bool:
    return any(
        line.lstrip().startswith(mark) for line in (*lines[max(at - 1, 0) : at], *lines[at + 1 : at + 2])
    )


def is_code(lines: list[str], at: int, end: int) -> bool:
    """Whether marked lines look like what somebody typed at a prompt."""
    return end - at <= 2 and all(_CODE.search(line[1:200].strip()) for line in lines[at:end])


def is_python_session(lines: list[str]) -> bool:
    """Whether the only quote marks of a message are Python's prompts: a quotation has shallower ones too."""
    marked = [line for line in lines if line.startswith(">")]
    return bool(marked) and all(line.startswith(">>> ") or line.rstrip() == ">>>" for line in marked)


class Patch:
    """Whether lines belong to a patch, whose own marks mean nothing here."""

    def __init__(self) -> None:
        self.inside = ""  # what its lines begin with

    def holds(self, lines: list[str], at: int) -> bool:
        """Whether this line, which is not blank, does; to be asked of one after the other."""
        line = lines[at]
        if self.inside:
            if line[0] == "-" and (line.rstrip() == "--" or separator(line.rstrip())):
                self.inside = ""
                return False
            if line[0] in self.inside or line.startswith(_PATCH_WORDS):
                return True
            self.inside = ""
        if line[0] in _PATCH_FIRST:
            self.inside = patch_style(lines, at)
        return bool(self.inside)


_UNIFIED, _CONTEXT, _NORMAL = " +-@\\", " +-!*\\", "<>-\\0123456789"
_PATCH_FIRST = frozenset("@-*dI0123456789")
_PATCH_WORDS = (
    "diff ", "index ", "Index: ", "=====", "new file ", "deleted file ", "old mode", "new mode", "rename ",
    "similarity ", "Only in ", "RCS file", "retrieving ", "Binary ", "copy ",
)  # fmt: skip
_NORMAL_HUNK = re.compile(r"\d{1,7}(?:,\d{1,7})?[acd]\d{1,7}(?:,\d{1,7})?\s*$")


def patch_style(lines: list[str], at: int) -> str:
    """What the lines of the patch that begins at this line begin with; "" when none does."""
    line = lines[at]
    below = lines[at + 1] if at + 1 < len(lines) else ""
    if line.startswith("@@ -") or (line.startswith("--- ") and below.startswith("+++ ")):
        return _UNIFIED
    if line.startswith(("diff -", "diff --git ")) or (line.startswith("Index: ") and below.startswith("===")):
        return _UNIFIED
    if line.startswith("*** ") and below.startswith("--- "):
        return _CONTEXT
    return _NORMAL if below.startswith(("<", ">")) and _NORMAL_HUNK.match(line) else ""
