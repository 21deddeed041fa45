"""Cuts the text of a message into what is new, quoted, signature, boilerplate, and the header of a forwarded
text.

Pure, line by line, in linear time, by looks alone and by the words of `phrases`; what a parent in the store
says is compared later (`novelty`). When in doubt a line stays new: text that is embedded twice costs little,
and text that is taken for a quotation is not found by meaning.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.mail import lines as look
from ingest.mail.tails import is_list_footer, mark_tail
from ingest.readers.draft import Kind

_DELIMITERS = frozenset(("--", "—", "__", "–"))
_SIGNATURE_LINES = 40
_LOOSE_SIGNATURE_LINES = 12  # below a delimiter that lacks its space (RFC 3676, 4.3) it may be a mere rule
_LONG_LINE = 80
_MOST_LOOKS = 20_000  # that are dear, at one message: 20 MB of nothing but colons are read in seconds too
_ATTRIBUTION_LAST = frozenset(":：.e-bts")


def zones(text: str, subject: str = "", sender: str = "") -> Iterator[tuple[Kind, str]]:
    """The text as (kind, piece) in order; what is new is cut by paragraph. Only blank lines go.

    Args:
        text: the plain body with LF line ends.
        subject: a forwarding one ("Fwd: …") means that the message below is new to the reader, not quoted.
        sender: name and address; with them the block that names its writer is known for a signature.
    """
    lines = text.split("\n")
    kinds = _Labels(lines, subject).run()
    mark_tail(lines, kinds, sender)
    _close_gaps(lines, kinds)
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or kinds[end] is not kinds[start]:
            yield from _pieces(kinds[start], lines[start:end])
            start = end


def _pieces(kind: Kind, lines: list[str]) -> Iterator[tuple[Kind, str]]:
    """A run of lines of one kind: the author's own text by paragraph, the rest whole."""
    if kind is not Kind.PARAGRAPH:
        if piece := "\n".join(lines).strip("\n"):
            yield kind, piece
        return
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line and not line.isspace():
            paragraph.append(line.rstrip())
        elif paragraph:
            yield kind, "\n".join(paragraph)
            paragraph = []


def _close_gaps(lines: list[str], kinds: list[Kind]) -> None:
    """Blank lines between two lines of one kind are of that kind, so that one quotation stays one piece."""
    last = -1
    for at, line in enumerate(lines):
        if not line or line.isspace():
            continue
        if last < at - 1 and last >= 0 and kinds[last] is kinds[at]:
            kinds[last + 1 : at] = [kinds[at]] * (at - last - 1)
        last = at


class _Labels:
    """One walk over the lines. `_here` is what an ordinary line is at this point."""

    def __init__(self, lines: list[str], subject: str) -> None:
        self._lines = lines
        self._kinds = [Kind.PARAGRAPH] * len(lines)
        self._forward = look.is_forward(subject)
        self._reply = not subject or look.is_reply(subject)
        self._here = Kind.PARAGRAPH
        self._new = 0  # characters of new lines so far
        self._attributed = False
        self._prompts = look.is_python_session(lines)
        self._patch = look.Patch()
        self._looks = _MOST_LOOKS
        self._own_mark = ""  # a sign that somebody uses in the place of ">"

    def run(self) -> list[Kind]:
        """One kind for each line; blank lines are paragraph."""
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            if not line or line.isspace():
                at += 1
            elif self._patch.holds(self._lines, at):
                at += self._own(at, line)
            else:
                at += self._take(at, line) or self._ordinary(at, line)
        return self._kinds

    def _ordinary(self, at: int, line: str) -> int:
        if self._here is Kind.PARAGRAPH:
            self._new += len(line)
        self._kinds[at] = self._here
        return 1

    def _own(self, at: int, line: str) -> int:
        """A line that is new whatever stands above it: a patch below a signature."""
        self._here = Kind.PARAGRAPH
        return self._ordinary(at, line)

    def _take(self, at: int, line: str) -> int:
        """Label what begins at this line; returns the number of its lines, 0 if it is an ordinary one."""
        bare = line.strip()
        first, last = bare[0], bare[-1]
        if (first in look.MARKS or ">" in bare[1:5]) and (end := look.marked_end(self._lines, at)) > at:
            return self._take_marked(at, end)
        if first == self._own_mark and bare[1:2] in ("", " "):
            self._here, self._kinds[at] = Kind.PARAGRAPH, Kind.QUOTED
            return 1
        if first in look.RULING or last in ":：":
            if found := look.separator(bare):
                return self._take_earlier(at, 1, certain=True, forwarded=found == "forward")
            if first in look.RULING and (taken := self._take_rule(at, line, bare)):
                return taken
        if (
            last in _ATTRIBUTION_LAST
            and bare.endswith(look.ATTRIBUTION_ENDS)
            and (taken := self._take_attribution(at))
        ):
            return taken
        if look.field(bare) and (length := look.header_block(self._lines, at)):
            return self._take_earlier(at, length)
        if first in "0123" and (length := look.notes_block(self._lines, at)):
            return self._take_earlier(at, length)
        if look.is_sent_from(bare):
            self._kinds[at] = Kind.SIGNATURE
            return 1
        return 0

    def _label(self, start: int, end: int, kind: Kind) -> None:
        self._kinds[start:end] = [kind] * (end - start)

    def _take_marked(self, at: int, end: int) -> int:
        """A run of marked lines: quoted, unless they are prompts or the forwarded message itself."""
        lines = self._lines
        if self._prompts or not (self._attributed or self._reply or not look.is_code(lines, at, end)):
            for index in range(at, end):
                self._ordinary(index, lines[index])
            return end - at
        self._here = Kind.PARAGRAPH
        self._label(at, end, Kind.QUOTED)
        if self._forward and (head := _forwarded_head(lines, at, end)):
            self._label(at, head, Kind.FORWARDED)
            for index in range(head, end):
                if look.depth(lines[index]) < 2:
                    self._kinds[index] = Kind.PARAGRAPH
        return end - at

    def _take_rule(self, at: int, line: str, bare: str) -> int:
        """A line of dashes or the like: the signature's delimiter, a list's footer, Outlook's rule."""
        if bare in _DELIMITERS:
            if not self._ends_soon(at, _SIGNATURE_LINES if line == "-- " else _LOOSE_SIGNATURE_LINES):
                return 0
            below = self._lines[at + 1 : at + 6]
            self._here = Kind.DISCLAIMER if is_list_footer(below) else Kind.SIGNATURE
            self._kinds[at] = self._here
            return 1
        self._looks -= 1
        if self._looks <= 0 or not look.is_rule(bare):
            return 0
        if length := look.ruled_block(self._lines, at):
            return self._take_earlier(at, length)
        if is_list_footer(self._lines[at + 1 : at + 5]) and self._ends_soon(at, _SIGNATURE_LINES):
            self._here = self._kinds[at] = Kind.DISCLAIMER
            return 1
        return 0

    def _ends_soon(self, at: int, most: int) -> bool:
        """Whether what was written ends within so many lines; else a rule is no signature's."""
        self._looks -= most
        if self._looks <= 0:
            return False
        count = 0
        for index in range(at + 1, min(at + 4 * most, len(self._lines))):
            bare = self._lines[index].strip()
            if not bare:
                continue
            if bare[0] in look.MARKS or look.separator(bare) or look.patch_style(self._lines, index):
                return True
            if bare[-1] in ":：" and look.attribution(self._lines, index)[0]:
                return True
            count += len(bare) // _LONG_LINE + 1
            if count > most:
                return False
        return True

    def _take_attribution(self, at: int) -> int:
        """ "On … Ann wrote:", which may have begun in lines above this one."""
        lines = self._lines
        self._looks -= 1
        length, sure = look.attribution(lines, at) if self._looks > 0 else (0, False)
        if not length:
            return 0
        below = _next(lines, at + 1)
        snipped = below < len(lines) and look.is_snip(lines[below])
        marked = snipped or (below < len(lines) and look.is_marked(lines, below))
        if not marked and (own := look.own_mark(lines, below)):
            marked, self._own_mark = True, own
        if not marked and not (sure and lines[at].rstrip()[-1] in ":："):
            return 0
        start = at - length + 1
        for index in range(start, at):
            self._new -= len(lines[index]) if self._kinds[index] is Kind.PARAGRAPH else 0
        self._attributed = True
        self._here = Kind.PARAGRAPH
        if marked or self._new <= 0 or below == len(lines):
            end = below + 1 if snipped else at + 1
            self._label(start, end, Kind.QUOTED)
            return end - at
        elif self._forward:
            self._label(start, at + 1, Kind.FORWARDED)
        else:
            self._label(start, len(lines), Kind.QUOTED)
            return len(lines) - at
        return 1

    def _take_earlier(self, at: int, length: int, *, certain: bool = False, forwarded: bool = False) -> int:
        """The header of an earlier message, unmarked: what is below is quoted, or new where it is forwarded.

        With nothing written above it, and in a mail that is no reply, it is new to the reader too.
        """
        lines = self._lines
        self._forward = self._forward or forwarded
        below = _next(lines, at + length)
        if not self._forward and below < len(lines) and look.is_marked(lines, below):
            self._label(at, at + length, Kind.QUOTED)
            return length
        if not self._forward and self._new > 0 and (certain or self._reply):
            self._label(at, len(lines), Kind.QUOTED)
            return len(lines) - at
        end = at + length
        below = _next(lines, end)
        if below < len(lines) and look.field(lines[below].strip()):
            end = below + look.header_block(lines, below, least=1)
        self._label(at, end, Kind.FORWARDED)
        self._here = Kind.PARAGRAPH
        return end - at


def _next(lines: list[str], at: int) -> int:
    """The next line that is not blank, or the end."""
    while at < len(lines) and (not lines[at] or lines[at].isspace()):
        at += 1
    return at


def _forwarded_head(lines: list[str], at: int, end: int) -> int:
    """Where the header ends of the message that is forwarded between quote marks; 0 for none."""
    bare = [line.lstrip(" >＞") for line in lines[at : min(end, at + 70)]]
    first = _next(bare, 0)
    start = first
    if first < len(bare) and look.separator(bare[first].strip()):
        start = _next(bare, first + 1)
    length = look.header_block(bare, start) if start < len(bare) else 0
    return at + start + length if length else 0
