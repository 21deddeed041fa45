"""LaTeX without its commands: headings, lists, tables, captions, code, and formulas as they are written."""

from __future__ import annotations

import re
from array import array
from unicodedata import normalize

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.text import add_paragraphs, decoded, words

_MOST_CHARS = 4_000_000
_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_TOKEN = re.compile(
    r"\\([A-Za-z@]+)\*?[ \t]*(?:\n(?![ \t]*\n)[ \t]*)?|\\(.)|(\n[ \t]*\n)|(\$\$?)|([{}~&])", re.DOTALL
)
_OPTION = re.compile(r"\s?\[[^\[\]\n]{0,300}\]")
_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_CODE = words("verbatim lstlisting minted Verbatim alltt")
_TABLES = words("tabular tabular* tabularx longtable tabulary supertabular")
_MATH = words(
    "equation equation* align align* gather gather* displaymath eqnarray eqnarray* math multline multline*"
)
_SKIPPED = words("comment tikzpicture pgfpicture")
_LISTS = words("itemize enumerate description compactitem compactenum")
_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|(?:cline|cmidrule)(?:\([^()]{0,20}\))?\{[^{}]{0,40}\})"
)
# Commands whose arguments are no text.
_SILENT = words(
    "label usepackage documentclass documentstyle bibliographystyle pagestyle thispagestyle vspace hspace"
    " includegraphics input include bibliography cline RequirePackage setlength addtolength newcommand"
    " renewcommand providecommand newenvironment DeclareMathOperator definecolor hypersetup geometry"
    " graphicspath theoremstyle newtheorem setcounter addtocounter pagenumbering fontsize color phantom"
    " vphantom hphantom lstset tikzset usetikzlibrary special rule resizebox scalebox rotatebox def let"
)
_SIGNS = {
    "ss": "ß",
    "ae": "æ",
    "AE": "Æ",
    "o": "ø",
    "O": "Ø",
    "aa": "å",
    "AA": "Å",
    "l": "ł",
    "L": "Ł",
    "oe": "œ",
    "OE": "Œ",
    "i": "i",
    "j": "j",
    "ldots": "…",
    "dots": "…",
    "LaTeX": "LaTeX",
    "TeX": "TeX",
    "S": "§",
    "textemdash": "—",
    "textendash": "–",
    "copyright": "©",
    "euro": "€",
    "EUR": "€",
    "pounds": "£",
    "textbackslash": "\\",
    "quad": " ",
    "qquad": " ",
    "newline": "\n",
    "textasciitilde": "~",
    "par": "\n",
}
_ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    '"': "\u0308",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
    "c": "\u0327",
    "v": "\u030c",
    "u": "\u0306",
    "H": "\u030b",
    "r": "\u030a",
    "k": "\u0328",
}


def read_latex(document: Document, draft: Draft) -> None:
    """A paper, or one of its parts."""
    text = decoded(document, draft)
    if len(text) > _MOST_CHARS:
        add_paragraphs(text, draft)
        return
    paper = _Paper(_COMMENT.sub("", text), draft)
    paper.read()


class _Paper:
    """The source, and the paragraph that is being gathered."""

    def __init__(self, text: str, draft: Draft) -> None:
        self._text = text
        self._draft = draft
        self._closings = _closings(text)
        self._endless: set[str] = set()  # environments of which none ends behind this place
        self._parts: list[str] = []
        self._kind = Kind.PARAGRAPH
        self._lists: list[int] = []  # of each open list the number of its last entry, or -1

    def read(self) -> None:
        """Add all that is text."""
        begin = self._text.find("\\begin{document}")
        for name in ("title", "author", "date"):
            at = self._text.find(f"\\{name}{{")
            if at >= 0 and name == "title":
                self._title(self._argument(at + len(name) + 1)[0], 1)
            elif 0 <= at < begin:
                self._draft.add(Kind.PARAGRAPH, self._argument(at + len(name) + 1)[0])
        at = max(begin, 0)
        while at < len(self._text):
            at = self._step(at)
        self._end()

    def _step(self, at: int) -> int:
        """Take what comes next; returns the place behind it."""
        found = _TOKEN.search(self._text, at)
        if found is None:
            self._parts.append(self._text[at:])
            return len(self._text)
        self._parts.append(self._text[at : found.start()])
        word, sign, empty, dollar, mark = found.groups()
        if word:
            return self._command(word, found.end())
        if sign:
            return self._sign(sign, found.end())
        if dollar:
            end = self._text.find(dollar, found.end(), found.end() + 5_000)
            self._parts.append(self._text[found.end() : max(end, found.end())])
            return end + len(dollar) if end >= 0 else found.end()
        if empty:
            self._end()
        elif mark in "~&":
            self._parts.append(" ")
        return found.end()

    def _command(self, word: str, at: int) -> int:
        if word == "begin":
            return self._environment(at)
        if word == "end":
            name, at = self._argument(at)
            self._end()
            if name in _LISTS and self._lists:
                self._lists.pop()
            return at
        if word in _LEVELS or word in ("caption", "title", "author", "date"):
            at = self._without_options(at)
            text, at = self._argument(at)
            self._end()
            if word in _LEVELS:
                self._title(text, _LEVELS[word])
            elif word == "caption":
                self._draft.add(Kind.CAPTION, text)
        elif word in ("item", "bibitem"):
            self._end()
            self._kind = Kind.LIST_ITEM
            at = self._argument(at)[1] if word == "bibitem" else at
            if self._lists and self._lists[-1] >= 0 and word == "item":
                self._lists[-1] += 1
                self._parts.append(f"{self._lists[-1]}. ")
        elif word in _SILENT:
            return self._silent(at)
        elif word in ("cite", "citep", "citet", "footnote", "thanks"):
            text, at = self._argument(self._without_options(at))
            self._parts.append(f" [{text}] ")
        elif word == "href":
            at = self._argument(at)[1]
        elif word in _ACCENTS and len(word) == 1 and self._text[at : at + 1] == "{":
            return self._sign(word, at)
        else:
            self._parts.append(_SIGNS.get(word, ""))
            at = self._without_options(at)
        return at

    def _environment(self, at: int) -> int:
        name, at = self._argument(at)
        self._end()
        if name in _LISTS:
            self._lists.append(0 if "enum" in name else -1)
            return self._without_options(at)
        if not (name in _CODE or name in _TABLES or name in _MATH or name in _SKIPPED):
            return self._without_options(at)
        close = f"\\end{{{name}}}"
        end = -1 if name in self._endless else self._text.find(close, at)
        if end < 0:
            self._endless.add(name)
            return at
        if name in _CODE:
            self._draft.add(Kind.CODE, self._text[self._without_options(at) : end])
        elif name in _MATH:
            self._draft.add(Kind.PARAGRAPH, self._text[at:end])
        elif name in _TABLES:
            self._table(self._silent(at), end)
        return end + len(close)

    def _table(self, at: int, end: int) -> None:
        """Rows end with two backslashes, cells with an ampersand."""
        source = self._text[at:end].replace("\\&", "\ue000").replace("\\tabularnewline", "\\\\")
        lines = source.split("\\\\")
        rows = [
            [plain(cell).replace("\ue000", "&") for cell in _RULE.sub("", line).split("&")] for line in lines
        ]
        ruled = len(lines) > 2 and _RULE.search(lines[1]) is not None
        self._draft.add_table(rows, header_rows=int(ruled))

    def _sign(self, sign: str, at: int) -> int:
        """A command that is one sign, or an accent over the next letter."""
        if sign in "[(":
            end = self._text.find("\\" + "])"["[(".index(sign)], at, at + 5_000)
            self._parts.append(self._text[at:end] if end >= 0 else "")
            return end + 2 if end >= 0 else at
        if sign in _ACCENTS:
            letter, at = (
                self._argument(at) if self._text[at : at + 1] == "{" else (self._text[at : at + 1], at + 1)
            )
            self._parts.append(normalize("NFC", letter.removeprefix("\\")[:1] + _ACCENTS[sign] + letter[1:]))
            return at
        self._parts.append(
            "\n" if sign == "\\" else sign if sign in "{}%$#&_" else " " if sign.isspace() else ""
        )
        return self._without_options(at) if sign == "\\" else at

    def _argument(self, at: int) -> tuple[str, int]:
        """The text in the braces at a place, and the place behind them."""
        if self._text[at : at + 1] != "{" or not (end := self._closings[at]):
            return "", at
        return plain(self._text[at + 1 : end]), end + 1

    def _silent(self, at: int) -> int:
        """The place behind arguments that are no text."""
        while True:
            at = self._without_options(at)
            if self._text[at : at + 1] != "{" or not (end := self._closings[at]):
                return at
            at = end + 1

    def _without_options(self, at: int) -> int:
        option = _OPTION.match(self._text, at)
        return option.end() if option else at

    def _title(self, text: str, level: int) -> None:
        self._draft.describe(title=text)
        self._draft.add(Kind.TITLE, " ".join(text.split()), level=level)

    def _end(self) -> None:
        """Add the paragraph so far."""
        text = "".join(self._parts)
        self._parts.clear()
        kind, self._kind = self._kind, Kind.PARAGRAPH
        self._draft.add(kind, "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip()))


def plain(text: str) -> str:
    """A short text without commands."""
    if "\\" not in text and "{" not in text and "$" not in text:
        return text.replace("~", " ").strip()

    def shown(found: re.Match[str]) -> str:
        word, sign, empty, _, _ = found.groups()
        if word:
            return _SIGNS.get(word, "")
        if sign:
            return _ACCENTS.get(sign) or (sign if sign in "{}%$#&_" else " ")
        return "\n" if empty else " " if found[5] in ("~", "&") else ""

    text = _TOKEN.sub(shown, text)
    return normalize("NFC", _BEFORE.sub(r"\2\1", text)).strip()


_BEFORE = re.compile("([\u0300-\u030c\u0327\u0328])(\\w)")  # TeX writes an accent before its letter


def _closings(text: str) -> array[int]:
    """Of each brace that opens, where it is closed; 0 where it is not."""
    closings = array("i", bytes(4 * len(text)))
    opened: list[int] = []
    for found in _BRACE.finditer(text):
        if found[0] == "{":
            opened.append(found.start())
        elif found[0] == "}" and opened:
            closings[opened.pop()] = found.start()
    return closings
