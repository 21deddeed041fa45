"""What stands at the end of what somebody wrote: the block that names the writer, legal boilerplate, the
footer of a mailing list. A careful look: a short line that might be news stays news.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.mail import phrases
from ingest.mail.lines import is_rule, patch_style
from ingest.readers.draft import Kind

_MOST_PARAGRAPHS = 8
_MOST_CHARS = 2_500  # of a paragraph of boilerplate
_CHARS_PER_CUE = 250  # a memo about secrecy is longer
_LEAST_CHARS = 24
_MOST_LINES = 14  # of a signature
_LINE_CHARS = 75
_ENOUGH_CUES = 3
_SENTENCE = 9
_POSTSCRIPTS = ("p.s", "ps:", "ps.", "p.p.s", "n.b", "nb:")

_DISCLAIMERS = {language: tuple(words.split("|")) for language, words in phrases.DISCLAIMERS.items()}
_CLOSINGS = frozenset(word for words in phrases.CLOSINGS.values() for word in words.split("|"))
_PHONE = re.compile(r"(?:\+\d|\(\d|(?<![\w/.-])\d)[\d \t()./-]{6,20}\d(?![\w])")
_LINK = re.compile(r"\b(?:https?://|www\.)\S|\S@[\w-]+\.\w")
_LABEL = re.compile(
    r"(?:tel|telefon|phone|fax|mobile?|cell|skype|web|e-?mail|handy|[tmfpe])\s*[.:]", re.IGNORECASE
)
_NAME = re.compile(
    r"[^\W\d_a-z][\w'’.-]*(?:,? (?:[^\W\d_a-z][\w'’.-]*|von|van|de|der|da|di|la|le|du|of|and|&)){0,5},?"
)
_DASHED_NAME = re.compile(r"[-–—~]{1,2} ?[^\W\d_a-z]\w*(?: [^\W\d_a-z](?:\w*|\.)){0,2}")

Span = tuple[int, int]


def is_list_footer(lines: list[str]) -> bool:
    """Whether these lines, which stand below a rule, are from list software or a free mail service."""
    low = " ".join(lines)[:_MOST_CHARS].lower()
    return any(words in low for words in phrases.LIST_FOOTERS)


def mark_tail(lines: list[str], kinds: list[Kind], sender: str) -> None:
    """Label boilerplate and signatures at the ends of what is new so far."""
    top = True
    for start, end in _own(lines, kinds):
        if top and (first := next(_paragraphs(lines, start, end, backward=False), None)):
            if first[1] < end and _is_disclaimer(lines[first[0] : first[1]]):
                _mark(kinds, first, Kind.DISCLAIMER)
                start = first[1]
            top = False
        end = _mark_boilerplate(lines, kinds, start, end)
        if signature := _signature(lines, start, end, sender.lower()):
            _mark(kinds, (signature, end), Kind.SIGNATURE)


def _own(lines: list[str], kinds: list[Kind]) -> Iterator[Span]:
    """The runs of new lines, without blank ones at their ends."""
    start = end = -1
    for at, line in enumerate(lines):
        if not line or line.isspace():
            continue
        if kinds[at] is Kind.PARAGRAPH:
            start, end = (at if start < 0 else start), at + 1
        elif start >= 0:
            yield start, end
            start = -1
    if start >= 0:
        yield start, end


def _paragraphs(lines: list[str], start: int, end: int, *, backward: bool) -> Iterator[Span]:
    """The stretches without a blank line."""
    step, at = (-1, end - 1) if backward else (1, start)
    while start <= at < end:
        if not lines[at].strip():
            at += step
            continue
        other = at
        while start <= other < end and lines[other].strip():
            other += step
        yield (other + 1, at + 1) if backward else (at, other)
        at = other


def _mark(kinds: list[Kind], span: Span, kind: Kind) -> None:
    kinds[span[0] : span[1]] = [kind] * (span[1] - span[0])


def _mark_boilerplate(lines: list[str], kinds: list[Kind], start: int, end: int) -> int:
    """Label paragraphs of boilerplate near the end; returns where what was written ends now."""
    written = end
    for count, (first, last) in enumerate(_paragraphs(lines, start, end, backward=True)):
        if count >= _MOST_PARAGRAPHS:
            break
        held = lines[first:last]
        if _is_disclaimer(held) or (count < 3 and first > start and _is_service(held)):
            if first > start and is_rule(lines[first - 1].strip()):
                first -= 1
            _mark(kinds, (first, last), Kind.DISCLAIMER)
            if last == written:
                written = first
                while written > start and not lines[written - 1].strip():
                    written -= 1
    return written


def _is_disclaimer(lines: list[str]) -> bool:
    low = " ".join(lines)
    if not _LEAST_CHARS < len(low) < _MOST_CHARS:
        return False
    low = low.lower()
    if not any(anchor in low for anchor in phrases.BOILERPLATE_ANCHORS):
        return False
    enough = max(_ENOUGH_CUES, len(low) // _CHARS_PER_CUE)
    return any(sum(cue in low for cue in cues) >= enough for cues in _DISCLAIMERS.values())


def _is_service(lines: list[str]) -> bool:
    """The footer of a list or a service without a rule above it: it names an address to go to."""
    low = " ".join(lines)
    return len(low) < 800 and _LINK.search(low) is not None and is_list_footer([low])


def _signature(lines: list[str], start: int, end: int, sender: str) -> int:
    """The line where the signature at the end begins; 0 for none, and never the first line."""
    block: list[int] = []  # its lines, last first
    closing = contacts = 0
    for at in range(end - 1, start, -1):
        bare = lines[at].strip()
        if not bare:
            continue
        if patch_style(lines, at):
            return 0
        if len(bare) > _LINE_CHARS or len(block) >= _MOST_LINES or _says_something(bare):
            break
        block.append(at)
        if is_rule(bare) and bare[0] != "=":
            return at if contacts >= 2 else 0
        contacts += _is_contact(bare)
        if bare.lower().rstrip(",.! ") in _CLOSINGS:
            closing = at
            break
    if closing:
        return closing if contacts and len(block) >= 3 else 0
    return _named_block(lines, start, end, sender)


def _named_block(lines: list[str], start: int, end: int, sender: str) -> int:
    """The last paragraph, if it is nothing but a name and where to reach it."""
    first, last = next(_paragraphs(lines, start, end, backward=True), (0, 0))
    held = [line.strip() for line in lines[first:last]]
    if first <= start or lines[_above(lines, first)].rstrip().endswith((":", "：")):
        return 0
    if len(held) == 1:
        return first if _DASHED_NAME.fullmatch(held[0]) else 0
    if len(held) > _MOST_LINES or any(
        len(line) > _LINE_CHARS or line.endswith(("?", "!", ":")) for line in held
    ):
        return 0
    contacts = sum(map(_is_contact, held))
    its_own = any(len(word) > 2 and word in held[0].lower() for word in re.findall(r"\w+", sender))
    named = _NAME.fullmatch(held[0].strip("*_ ")) is not None
    return first if named and contacts >= (1 if its_own else 2) else 0


def _above(lines: list[str], at: int) -> int:
    """The last line above that is not blank; there is one."""
    at -= 1
    while not lines[at].strip():
        at -= 1
    return at


def _says_something(bare: str) -> bool:
    """A postscript, or more words than a name, a title or an address have."""
    return bare.lower().startswith(_POSTSCRIPTS) or (
        bare.count(" ") >= _SENTENCE and len(bare.split()) > _SENTENCE
    )


def _is_contact(bare: str) -> bool:
    return bool(_PHONE.search(bare) or _LINK.search(bare) or _LABEL.match(bare))
