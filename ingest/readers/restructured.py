"""reStructuredText and Org, by the marks that lines begin with: headings, lists, tables, code. What is meant
for programs only is left out.
"""

from __future__ import annotations

import re

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.paragraphs import Paragraphs
from ingest.readers.text import decoded, words

_UNDERLINE = re.compile(r"([!-/:-@\[-`{-~])\1{1,400}[ \t]*$")
_ITEM = re.compile(r"([ \t]*)(?:([-*+•])|(\(?(?:\d{1,9}|[A-Za-z#]|[ivxlcdm]{1,8})[.)]))[ \t]+(?=\S)")
_DIRECTIVE = re.compile(
    r"([ \t]*)\.\.[ \t]+(?:\|[^|]{1,80}\|[ \t]+)?([A-Za-z][\w:.-]{0,60})::[ \t]*(.*)$", re.DOTALL
)
_COMMENT = re.compile(r"[ \t]*\.\.(?:[ \t]|$)")
_NOTE = re.compile(r"[ \t]*\.\.[ \t]+\[([^\]]{1,80})\][ \t]+")
_TARGET = re.compile(r"[ \t]*(?:\.\.[ \t]+_|__[ \t])")
_FIELD = re.compile(r"[ \t]*:([A-Za-z][^:\n`]{0,80}):(?:[ \t]+|$)")
_GRID = re.compile(r"[ \t]*\+[-=+]{3,}\+[ \t]*$")
_TABLE_LINES = 1_000
_DEPTH = 20  # of directives within directives
_EQUALS = re.compile("=+")
_SIMPLE = re.compile(r"[ \t]*=+(?:[ \t]+=+)+[ \t]*$")
_CODE = words("code code-block sourcecode literalinclude parsed-literal highlight math prompt")
_SILENT = words(
    "toctree include contents index default-role raw only automodule autoclass autofunction meta"
    " currentmodule module role highlight"
)
_ROLE = re.compile(r":[A-Za-z][\w:.+-]{0,60}:`([^`\n]{1,500})`|`([^`\n]{1,500})`:[A-Za-z][\w-]{0,40}:")
_TICKS = re.compile(r"``([^`\n]{1,1000})``|`([^`\n]{1,1000})`_{0,2}")
_STARS = re.compile(
    r"(?<![\w*])\*{1,2}(?=[^\s*])|(?<=[^\s*])\*{1,2}(?![\w*])|(?<=\w)_{1,2}(?![\w])|\|(?=\w)|(?<=\w)\|"
)
_ORG_HEADING = re.compile(r"(\*{1,20})[ \t]+(?:(?:TODO|DONE|NEXT|WAITING)[ \t]+)?(?:\[#\w\][ \t]+)?")
_ORG_TAGS = re.compile(r"(?<![ \t])[ \t]+(?::[\w@#%]{1,40}){1,20}:[ \t]*$")
_ORG_LINK = re.compile(r"\[\[([^\[\]\n]{1,1000})\](?:\[([^\[\]\n]{1,1000})\])?\]")
_ORG_MARKS = re.compile(r"(?<![\w*/_=~+])[*/_=~+](?=[^\s*/_=~+])|(?<=[^\s*/_=~+])[*/_=~+](?![\w*/_=~+])")
_ORG_BLOCK = re.compile(r"[ \t]*#\+begin_?(\w{0,40})", re.IGNORECASE)
_ORG_KEY = re.compile(r"[ \t]*#\+(\w{1,40}):[ \t]*(.*)$", re.DOTALL)
_BOXES = {"[ ]": "\u2610", "[X]": "\u2611", "[x]": "\u2611", "[-]": "\u2610"}


def read_rst(document: Document, draft: Draft) -> None:
    """A page of documentation."""
    _Rst(decoded(document, draft).removeprefix("\ufeff").expandtabs(8).split("\n"), draft).read()


def read_org(document: Document, draft: Draft) -> None:
    """A file of notes and tasks."""
    _Org(decoded(document, draft).removeprefix("\ufeff").split("\n"), draft).read()


class _Rst(Paragraphs):
    """reStructuredText."""

    def __init__(self, lines: list[str], draft: Draft, depth: int = 0) -> None:
        super().__init__(lines, draft)
        self._depth = depth
        self._styles: list[str] = []  # of headings, in the order in which they first came
        self._searched = 0  # up to this line no table ends

    def _take(self, line: str) -> None:
        following = self._lines[self._at] if self._at < len(self._lines) else ""
        if _GRID.match(line):
            self._grid_table()
        elif _SIMPLE.match(line) and following.strip() and (end := self._table_end()):
            self._simple_table(line, end)
        elif self._heading(line, following):
            return
        elif note := _NOTE.match(line):
            self._end()
            self._paragraph.append(f"[{note[1]}] {line[note.end() :]}")
        elif directive := _DIRECTIVE.match(line):
            self._end()
            self._directive(len(directive[1]), directive[2].lower(), directive[3])
        elif _TARGET.match(line):
            self._end()
        elif _COMMENT.match(line):
            self._end()
            self._indented(len(line) - len(line.lstrip()))
        elif entry := _ITEM.match(line):
            number = f"{entry[3]} " if entry[3] and entry[3] != "#." else ""
            self._entry(entry[1], number + line[entry.end() :])
        elif field := _FIELD.match(line):
            self._end()
            self._paragraph.append(f"{field[1]}: {line[field.end() :]}")
        else:
            self._text(line)

    def _heading(self, line: str, following: str) -> bool:
        """Take a title with a line of marks below it, or one above it as well."""
        if self._paragraph:
            return False
        over = _UNDERLINE.match(line)
        if over and not following.strip():
            return True  # a rule
        if over and self._at + 1 < len(self._lines) and self._lines[self._at + 1].rstrip() == line.rstrip():
            self._at += 2
            self._title(following, self._style(over[1] * 2))
            return True
        under = _UNDERLINE.match(following)
        if over or not under or line[0].isspace():
            return False
        if len(following.rstrip()) < min(len(line.rstrip()), 4):
            return False
        self._at += 1
        self._title(line, self._style(under[1]))
        return True

    def _style(self, style: str) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return self._styles.index(style) + 1

    def _directive(self, indent: int, name: str, argument: str) -> None:
        if name in _SILENT:
            self._indented(indent)
            return
        body = self._indented(indent)
        options = 0
        while options < len(body) and _FIELD.match(body[options]):
            if _FIELD.match(body[options])[1].strip() == "alt":  # type: ignore[index]  # it has just matched
                self._draft.add(Kind.CAPTION, body[options].split(":", 2)[2])
            options += 1
        if name in _CODE:
            self._draft.add(Kind.CODE, _dedented(body[options:]))
        elif name in ("csv-table", "list-table"):
            self._draft.add(Kind.CAPTION, self._plain(argument))
            self._inner(body[options:])
        elif name in ("image", "figure"):
            self._inner(body[options:])
        else:
            self._paragraph.append(argument)
            self._end()
            self._inner(body[options:])

    def _indented(self, indent: int) -> list[str]:
        """Take the lines that stand further to the right than a column."""
        start = self._at
        last = start
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.strip():
                if len(line) - len(line.lstrip()) <= indent:
                    break
                last = self._at + 1
            self._at += 1
        self._at = last
        return self._lines[start:last]

    def _inner(self, body: list[str]) -> None:
        """Read the body of a directive as the text that it is."""
        if self._depth >= _DEPTH:
            self._draft.add(Kind.PARAGRAPH, _dedented(body))
            return
        inner = _Rst(_dedented(body).split("\n"), self._draft, self._depth + 1)
        inner._styles = self._styles
        inner.read()

    def _text(self, line: str) -> None:
        if line.rstrip().endswith("::"):
            text = line.rstrip()[:-2].rstrip()
            indent = len(line) - len(line.lstrip())
            self._paragraph.append(f"{text.strip()}:" if text else "")
            self._end()
            code = self._indented(indent)
            self._draft.add(Kind.CODE, _dedented(code))
        elif line.strip() != "|":
            self._paragraph.append(line.strip().removeprefix("| "))

    def _grid_table(self) -> None:
        """Cells between bars; a rule of equal signs ends the header."""
        self._end()
        rows: list[list[str]] = []
        cells: list[str] = []
        header = 0
        while self._at < len(self._lines) and self._lines[self._at].strip()[:1] in ("|", "+"):
            line = self._lines[self._at].strip()
            self._at += 1
            if line[0] == "+":
                if cells:
                    rows.append(cells)
                cells = []
                header = len(rows) if "=" in line and not header else header
                continue
            parts = [part.strip() for part in line.strip("|").split("|")]
            cells += [""] * (len(parts) - len(cells))
            cells = [
                f"{cell} {part}".strip()
                for cell, part in zip(cells, [*parts, *cells[len(parts) :]], strict=False)
            ]
        rows += [cells] if cells else []
        self._draft.add_table([list(map(self._plain, row)) for row in rows], header_rows=header)

    def _simple_table(self, rule: str, end: int) -> None:
        """Columns below runs of equal signs."""
        self._end()
        starts = [found.start() for found in _EQUALS.finditer(rule)]
        ends = [*starts[1:], None]
        rows: list[list[str]] = []
        header = 0
        for line in self._lines[self._at : end]:
            if _SIMPLE.match(line):
                header = header or len(rows)
            elif line.strip() and not set(line) <= set(" -"):
                rows.append(
                    [self._plain(line[begin:stop].strip()) for begin, stop in zip(starts, ends, strict=True)]
                )
        self._at = end
        self._draft.add_table(rows, header_rows=header if header < len(rows) else 0)

    def _table_end(self) -> int | None:
        """Where a simple table ends: at a rule that nothing follows."""
        if self._at < self._searched:
            return None
        for at in range(self._at, min(self._at + _TABLE_LINES, len(self._lines))):
            last = at + 1 == len(self._lines) or not self._lines[at + 1].strip()
            if last and _SIMPLE.match(self._lines[at]):
                return at + 1
        self._searched = self._at + _TABLE_LINES
        return None

    def _plain(self, text: str) -> str:
        if "`" in text:
            text = _ROLE.sub(lambda found: _shown(found[1] or found[2]), text)
            text = _TICKS.sub(lambda found: found[1] or _shown(found[2]), text)
        return _STARS.sub("", text).replace("\\ ", "").replace("\\", "")


class _Org(Paragraphs):
    """Org."""

    def _take(self, line: str) -> None:
        if heading := _ORG_HEADING.match(line):
            self._title(_ORG_TAGS.sub("", line[heading.end() :]), len(heading[1]))
        elif block := _ORG_BLOCK.match(line):
            self._block(block[1].lower())
        elif key := _ORG_KEY.match(line):
            self._key(key[1].lower(), key[2])
        elif line.lstrip().startswith(("# ", "#+")) or line.strip() in ("#", "-----"):
            self._end()
        elif line.strip().upper() in (":PROPERTIES:", ":LOGBOOK:"):
            self._end()
            while self._at < len(self._lines) and self._lines[self._at].strip().upper() != ":END:":
                self._paragraph.append(self._lines[self._at].strip().lstrip(":"))
                self._at += 1
            self._at += 1
            self._end()
        elif line.lstrip().startswith("|"):
            self._table()
        elif (entry := _ITEM.match(line)) and (entry[2] != "*" or entry[1]):
            text = line[entry.end() :]
            text = f"{_BOXES[text[:3]]}{text[3:]}" if text[:3] in _BOXES else text
            self._entry(entry[1], f"{entry[3]} {text}" if entry[3] else text)
        else:
            self._paragraph.append(line.strip().removeprefix(": "))

    def _key(self, name: str, value: str) -> None:
        self._end()
        if name == "title":
            self._title(value, 1)
        elif name == "author":
            self._draft.describe(author=value)
            self._draft.add(Kind.PARAGRAPH, value)
        elif name in ("caption", "description", "subtitle", "filetags", "date"):
            self._draft.add(Kind.CAPTION if name == "caption" else Kind.PARAGRAPH, self._plain(value))

    def _block(self, name: str) -> None:
        """Code as it is; the text in any other block as text."""
        self._end()
        if name not in ("src", "example", "export", "comment"):
            return
        start = self._at
        while self._at < len(self._lines) and not self._lines[self._at].lstrip().lower().startswith("#+end"):
            self._at += 1
        if name in ("src", "example"):
            self._draft.add(Kind.CODE, _dedented(self._lines[start : self._at]))
        self._at += 1

    def _table(self) -> None:
        self._end()
        start = self._at - 1
        while self._at < len(self._lines) and self._lines[self._at].lstrip().startswith("|"):
            self._at += 1
        lines = [line.strip() for line in self._lines[start : self._at]]
        rows = [
            [self._plain(c.strip()) for c in line.strip("|").split("|")] for line in lines if line[:2] != "|-"
        ]
        ruled = len(lines) > 2 and lines[1][:2] == "|-"
        self._draft.add_table(rows, header_rows=int(ruled))

    def _plain(self, text: str) -> str:
        return _ORG_MARKS.sub("", _ORG_LINK.sub(lambda found: found[2] or found[1], text))


def _dedented(lines: list[str]) -> str:
    """Lines moved to the left edge."""
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:].rstrip() for line in lines)


def _shown(text: str) -> str:
    """What is shown of a reference: its text, not its target."""
    shown = text[: text.rindex("<")].strip() if text.endswith(">") and "<" in text else ""
    return shown or text.removeprefix("~")
