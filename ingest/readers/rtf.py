r"""Rich Text Format: one pass over its tokens, to paragraphs, lists, tables, running heads and notes.

What RTF wraps for mail (`\fromhtml1`) is undone in `ingest/mail/rtfbody.py`, with the tables of this module.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.errors import UnreadableDocument, Why

ERRORS = (ValueError, LookupError)
TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_BIN = re.compile(rb"\\bin(\d+) ?")
_FONT = re.compile(rb"\\f(\d{1,5})\b[^{};]{0,200}?\\fcharset(\d{1,3})")
_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_PAGES = {b"mac": "mac_roman", b"pc": "cp437", b"pca": "cp850"}
CHARACTERS = {
    b"tab": "\t", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•",
    b"endash": "–", b"emdash": "—", b"enspace": " ", b"emspace": " ", b"qmspace": " ",
}  # fmt: skip
_SYMBOLS = {b"\\": b"\\", b"{": b"{", b"}": b"}", b"~": b"\xa0", b"_": b"-"}
_DEPTH = 10_000  # of groups within groups
_PAUSE = 50_000  # tokens

_HIDDEN = frozenset(
    b"fonttbl colortbl info pict fldinst themedata colorschememapping datastore xmlnstbl listtable"
    b" listoverridetable rsidtbl generator pgptbl latentstyles filetbl revtbl template bkmkstart bkmkend"
    b" nonshppict objdata objclass objname objalias pn pntxta pntxtb atnid atnref atndate atntime atnicn"
    b" atrfstart atrfend xe tc nonesttables sn sv sp mmathPr mathPr wgrffmtfilter operator userprops"
    b" docvar levelnumbers leveltext ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn falt panose mctrlPr"
    b" mrPr mfPr mnaryPr mdPr mradPr maccPr msSupPr msSubPr msSubSupPr mfuncPr mlimLowPr mlimUppPr mmPr"
    b" mborderBoxPr mbarPr mboxPr mgroupChrPr mphantPr meqArrPr msPrePr factoidname formfield"
    b" blipuid stylesheet atnauthor".split()
)
_SHOWN = frozenset(  # of those that a reader may pass over: they hold text all the same
    b"shpinst shptxt shprslt ud annotation mmath moMath moMathPara docpart dptxbxtext".split()
)
_APART = {
    **dict.fromkeys((b"header", b"headerl", b"headerr", b"headerf"), Kind.HEADER),
    **dict.fromkeys((b"footer", b"footerl", b"footerr", b"footerf"), Kind.FOOTER),
    **dict.fromkeys((b"footnote", b"annotation", b"shptxt", b"dptxbxtext"), Kind.PARAGRAPH),
}
_LISTED = frozenset((b"listtext", b"pntext"))
_TITLE = re.compile(rb"\{\\(title|author)\s([^{}]{0,500})\}")
_CREATED = re.compile(
    rb"\{\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})(?:\\hr(\d{1,2}))?(?:\\min(\d{1,2}))?"
)
_STYLES = re.compile(rb"\{(?:\\\*)?\\s(\d{1,5})\b[^{};]{0,2000}?[ ]?(heading [1-9]|Title|Subtitle|caption);")
_STYLE_KINDS = {b"Title": (Kind.TITLE, 1), b"Subtitle": (Kind.TITLE, 2), b"caption": (Kind.CAPTION, None)}
_HEAD_BYTES = 200_000


@dataclass(frozen=True)
class Block:
    """A paragraph, or the rows of a table."""

    kind: Kind
    text: str = ""
    level: int | None = None
    rows: list[list[str]] = field(default_factory=list)
    header_rows: int = 0


def read_rtf(document: Document, draft: Draft) -> None:
    """Everything that is shown; running heads that repeat are taken once."""
    data = document.content()
    for name, value in _TITLE.findall(data[:_HEAD_BYTES]):
        text = rtf_text(b"{\\rtf1 " + value + b"}")
        draft.describe(title=text if name == b"title" else None, author=text if name == b"author" else None)
    draft.describe(created_at=_created(data[:_HEAD_BYTES]))
    seen: set[str] = set()
    for block in blocks(data, lambda: draft.tick(len(draft.elements) // 1000)):
        if block.kind in (Kind.HEADER, Kind.FOOTER):
            if block.text in seen:
                continue
            seen.add(block.text)
        if block.rows:
            draft.add_table(block.rows, header_rows=block.header_rows)
        else:
            draft.add(block.kind, block.text, level=block.level)


def rtf_text(data: bytes) -> str:
    """RTF as text, a line for each paragraph and each row of a table."""
    lines: list[str] = []
    with suppress(UnreadableDocument):  # what comes before the damage is better than nothing
        for block in blocks(data):
            lines.extend(" | ".join(row) for row in block.rows)
            if not block.rows:
                lines.append(block.text)
    return "\n".join(lines)


def blocks(data: bytes, pause: Callable[[], None] | None = None) -> Iterator[Block]:
    """The blocks of a document in its order; what stands apart comes where it is anchored.

    Args:
        data: the document.
        pause: called now and then; what it raises ends the reading.

    Raises:
        UnreadableDocument: it is nested beyond what any program writes, or ends amid what is not shown.
    """
    return _Pass(data).run(_without_binary(data), pause)


def code_page(data: bytes) -> str:
    """The encoding that a document says it is in."""
    head = data[:4096]
    found = re.search(rb"\\ansicpg(\d{3,5})", head)
    if found:
        return _codec(f"cp{int(found[1])}")
    other = re.search(rb"\\(mac|pca?)\b", head)
    return _PAGES[other[1]] if other else "cp1252"


def fonts(data: bytes, page: str) -> dict[int, str]:
    """The encoding of each font."""
    return {
        int(number): _CHARSETS.get(int(charset), "symbol" if int(charset) == 2 else page)
        for number, charset in _FONT.findall(data)
    }


def decoded(data: bytes | bytearray, encoding: str) -> str:
    """Bytes as text; of a font of symbols only its bullets are known."""
    if encoding == "symbol":
        return data.decode("latin-1").replace("\xb7", "•").replace("\xa7", "▪")
    return data.decode(encoding, "replace")


def whole(text: str) -> str:
    """Text whose characters above 0xFFFF came as two halves, as it should be."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8" if name == "cp65001" else "mac_roman" if name == "cp10000" else "cp1252"


class _Group(NamedTuple):
    """What a group inherits and gives back at its end."""

    encoding: str
    hidden: bool = False
    substitutes: int = 1  # bytes that stand for a character, beside its number
    apart: bool = False  # it has a text of its own, which ends with it
    label: bool = False  # it holds the number of an item


@dataclass
class _Text:
    """A text that is being gathered: the body, or what stands apart from it."""

    kind: Kind = Kind.PARAGRAPH
    parts: list[str] = field(default_factory=list)
    in_table: bool = False
    listed: int | None = None
    outline: int | None = None
    style: int | None = None
    cell: list[str] = field(default_factory=list)  # paragraphs of the cell that is being gathered
    row: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    heads: int = 0
    in_head: bool = False
    label_at: int = 0  # where in `parts` the number of an item begins

    def begin_label(self) -> None:
        """What follows is the number of an item, or its bullet."""
        self.listed = self.listed or 0
        self.label_at = len(self.parts)

    def end_label(self) -> None:
        """A number stays, a bullet says nothing."""
        label = "".join(self.parts[self.label_at :]).strip()
        shown = any(char.isalnum() for char in label) and label != "o"  # Word's round bullet of Courier
        self.parts[self.label_at :] = [f"{label} "] if shown else []


class _Pass:
    """The state of one pass."""

    def __init__(self, data: bytes) -> None:
        page = code_page(data)
        self._fonts = fonts(data[: 4 * _HEAD_BYTES], page)
        self._styles = {int(number): name for number, name in _STYLES.findall(data[: 4 * _HEAD_BYTES])}
        self._group = _Group(page)
        self._groups: list[_Group] = []
        self._page = page
        self._texts = [_Text()]
        self._bytes = bytearray()
        self._owed = 0  # substitutes still to be passed over
        self._star = False
        self._out: list[Block] = []
        self._shown = False

    def run(self, data: bytes, pause: Callable[[], None] | None) -> Iterator[Block]:
        """All tokens; blocks as they are complete."""
        for count, match in enumerate(TOKEN.finditer(data)):
            if pause and count % _PAUSE == 0:
                pause()
            word, number, octet, symbol, brace, text = match.groups()
            if text:
                self._write(text)
            elif word:
                self._control(word, int(number) if number else None)
            elif octet:
                self._write(bytes.fromhex(octet.decode()))
            elif brace == b"{":
                self._open()
            elif brace:
                self._close()
            elif symbol == b"*":
                self._star = True
                continue
            elif symbol in (b"\r", b"\n"):
                self._end_paragraph()
            elif symbol:
                self._write(_SYMBOLS.get(symbol, b""))
            else:
                continue  # a line's end means nothing
            self._star = False
            if self._out:
                yield from self._out
                self._out.clear()
                self._shown = True
        while len(self._texts) > 1:
            self._end_text()
        self._end_paragraph()
        self._end_table()
        yield from self._out
        self._shown = self._shown or bool(self._out)
        if self._group.hidden or (self._groups and not self._shown):
            raise UnreadableDocument(Why.TRUNCATED, "the file is damaged or cut off")

    def _open(self) -> None:
        self._flush()
        if len(self._groups) >= _DEPTH:
            raise UnreadableDocument(Why.UNSUPPORTED, "it is nested too deeply to be read")
        self._groups.append(self._group)
        if self._group.apart:
            self._group = self._group._replace(apart=False)
        self._owed = 0

    def _close(self) -> None:
        if not self._groups:
            return
        self._flush()
        ended, self._group = self._group, self._groups.pop()
        if ended.apart:
            self._end_text()
        elif ended.label and not self._group.label:
            self._texts[-1].end_label()
        self._owed = 0

    def _control(self, word: bytes, number: int | None) -> None:
        if self._owed and word not in (b"u", b"uc"):
            self._owed -= 1
        if word in _HIDDEN or (self._star and word not in _SHOWN):
            self._flush()
            self._group = self._group._replace(hidden=True)
        elif word in _APART:
            self._begin_text(_APART[word])
        elif word in _LISTED:
            self._flush()
            self._texts[-1].begin_label()
            self._group = self._group._replace(label=True)
        elif word in CHARACTERS:
            self._show(CHARACTERS[word])
        elif word == b"u" and number is not None:
            self._show(chr(number & 0xFFFF))
            self._owed = self._group.substitutes
        elif word == b"uc" and number is not None:
            self._group = self._group._replace(substitutes=min(max(number, 0), 8))
        elif word == b"f" and number is not None:
            self._flush()
            self._group = self._group._replace(encoding=self._fonts.get(number, self._page))
        elif word in (b"v", b"deleted"):
            self._flush()
            self._group = self._group._replace(hidden=number != 0)
        elif word == b"ud":  # the same again in Unicode: what went before it was for old readers
            self._group = self._group._replace(hidden=False)
        elif word == b"upr":
            self._group = self._group._replace(hidden=True)
        elif not self._group.hidden and (act := _ACTS.get(word)):
            self._flush()
            act(self, number)

    def _write(self, data: bytes) -> None:
        if self._owed:  # the substitute of a character already written
            passed = min(self._owed, len(data))
            self._owed -= passed
            data = data[passed:]
        if data and not self._group.hidden:
            self._bytes += data

    def _show(self, text: str) -> None:
        self._flush()
        if not self._group.hidden:
            self._texts[-1].parts.append(text)

    def _flush(self) -> None:
        if self._bytes:
            text = decoded(self._bytes, self._group.encoding)
            self._texts[-1].parts.append(text)
            self._bytes.clear()

    def _begin_text(self, kind: Kind) -> None:
        self._flush()
        if not self._group.hidden:
            self._group = self._group._replace(apart=True)
            self._texts.append(_Text(kind))

    def _end_text(self) -> None:
        self._end_paragraph()
        self._end_table()
        self._texts.pop()

    def _end_paragraph(self, _number: int | None = None) -> None:
        self._flush()
        text = self._texts[-1]
        words, text.parts = whole("".join(text.parts)), []
        if text.in_table:
            text.cell.append(words)
            return
        self._end_table()
        if not words.strip():
            return
        kind, level = self._kind(text)
        self._out.append(Block(kind, words, level))

    def _kind(self, text: _Text) -> tuple[Kind, int | None]:
        if text.kind is not Kind.PARAGRAPH:
            return text.kind, None
        style = self._styles.get(text.style) if text.style is not None else None
        if text.outline is not None and text.outline < 9:
            return Kind.TITLE, text.outline + 1
        if style in _STYLE_KINDS:
            return _STYLE_KINDS[style]
        if style:
            return Kind.TITLE, int(style[-1:])
        return (Kind.PARAGRAPH, None) if text.listed is None else (Kind.LIST_ITEM, text.listed + 1)

    def _end_table(self) -> None:
        text = self._texts[-1]
        if text.row or any(part.strip() for part in text.cell):
            self._end_row(None)
        if text.rows and text.kind is Kind.PARAGRAPH:
            self._out.append(Block(Kind.TABLE, rows=text.rows, header_rows=text.heads))
        elif text.rows:  # of running heads and feet a table is only the layout
            self._out.append(Block(text.kind, "\n".join(" | ".join(filter(None, row)) for row in text.rows)))
        text.rows, text.heads = [], 0

    def _reset(self, _number: int | None) -> None:
        text = self._texts[-1]
        text.in_table, text.listed, text.outline, text.style = False, None, None, None

    def _in_table(self, number: int | None) -> None:
        self._texts[-1].in_table = number != 0

    def _set_style(self, number: int | None) -> None:
        self._texts[-1].style = number

    def _set_outline(self, number: int | None) -> None:
        self._texts[-1].outline = number

    def _set_list(self, number: int | None) -> None:
        self._texts[-1].listed = self._texts[-1].listed or 0 if number else None

    def _set_level(self, number: int | None) -> None:
        if self._texts[-1].listed is not None or number:
            self._texts[-1].listed = min(max(number or 0, 0), 8)

    def _end_cell(self, _number: int | None) -> None:
        text = self._texts[-1]
        words, text.parts = whole("".join(text.parts)), []
        text.row.append("\n".join([*text.cell, words]))
        text.cell = []

    def _end_inner_cell(self, _number: int | None) -> None:
        """A cell of a table inside a cell: its text becomes the outer's."""
        text = self._texts[-1]
        text.cell.append(whole("".join(text.parts)))
        text.parts = []

    def _begin_row(self, _number: int | None) -> None:
        self._texts[-1].in_head = False

    def _mark_head(self, _number: int | None) -> None:
        self._texts[-1].in_head = True

    def _end_row(self, _number: int | None) -> None:
        text = self._texts[-1]
        if any(part.strip() for part in (*text.cell, *text.parts)):
            self._end_cell(None)
        text.cell = []
        if text.row:
            if text.in_head and text.heads == len(text.rows):
                text.heads += 1
            text.rows.append(text.row)
        text.row = []

    def _break_line(self, _number: int | None) -> None:
        self._texts[-1].parts.append("\n")


_ACTS = {
    **dict.fromkeys((b"par", b"sect", b"page"), _Pass._end_paragraph),
    **dict.fromkeys((b"line", b"lbr", b"softline"), _Pass._break_line),
    b"pard": _Pass._reset,
    b"intbl": _Pass._in_table,
    b"s": _Pass._set_style,
    b"outlinelevel": _Pass._set_outline,
    b"ls": _Pass._set_list,
    b"ilvl": _Pass._set_level,
    b"cell": _Pass._end_cell,
    b"nestcell": _Pass._end_inner_cell,
    b"trowd": _Pass._begin_row,
    b"trhdr": _Pass._mark_head,
    b"row": _Pass._end_row,
}


def _without_binary(data: bytes) -> bytes:
    r"""Cut out what `\binN` announces: N raw bytes that may look like anything."""
    parts: list[bytes] = []
    at = 0
    while match := _BIN.search(data, at):
        parts.append(data[at : match.start()])
        at = match.end() + int(match[1][:9])
    return b"".join(parts) + data[at:] if parts else data


def _created(head: bytes) -> float | None:
    match = _CREATED.search(head)
    if not match:
        return None
    year, month, day, hour, minute = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()
    except ValueError:
        return None
