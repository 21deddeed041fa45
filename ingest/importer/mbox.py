"""Takes an mbox of any dialect apart, at the speed of the disk and in memory that does not grow with it.

What separates two messages and what is no part of one is decided in `postmark.py`. A message ends where its
Content-Length says, if a separating line (or the end) is there; else before the next separating line.
"""

from __future__ import annotations

from zlib import crc32

from ingest.importer.messages import SMALL_BYTES
from ingest.importer.pieces import CHUNK, Broken, End, Lost, Part, Piece, Pieces, Start, Stream, Whole
from ingest.importer.postmark import (
    LOOK_BYTES,
    announced_length,
    clean_header,
    header_end,
    is_leftover,
    is_unquoted,
    postmark,
    unquote,
)

_HEADER_BYTES = 256 << 10  # longer headers are taken for body
_SAMPLE_BYTES = 1 << 20
_BEFORE = 3  # bytes that tell whether a line was blank
_BOM = b"\xef\xbb\xbf"


def split_mbox(stream: Stream, start: int) -> Pieces:
    """The messages from a position (the offset of a separating line; or any, then from the next one on)."""
    window = _Window(stream)
    plain = _Window(_Memory(window.look(0, _SAMPLE_BYTES))).writes_plainly()
    window.go(start)
    begin = window.at
    if not window.begin():
        if begin == 0:
            yield Lost("0", "no message begins in it", window.at)
        return
    if begin == 0 and window.at > LOOK_BYTES:
        yield Lost("0", f"the first {window.at} bytes are no message", window.at)
    while window.data:
        yield from window.message(plain)
    if window.failure is not None:
        raise window.failure


class _Window:
    """The stretch of a stream that is looked at: it grows at its end and is cut at its beginning.

    Between two messages it begins with a separating line.
    """

    def __init__(self, stream: Stream) -> None:
        self.at = 0  # the offset of what it begins with
        self.failure: Broken | None = None  # why it ends before its time
        self.data = bytearray()
        self._stream = stream
        self._before = b"\n\n"  # the last bytes that were cut
        self._ended = False

    def go(self, offset: int) -> None:
        """Go on from an offset."""
        if offset <= len(self.data):
            self.cut(offset)
        else:
            self.data.clear()
            self._stream.seek(offset)
            self.at = offset

    def begin(self) -> bool:
        """Go to the first separating line; False if there is none."""
        self.look(0, LOOK_BYTES)
        self.cut(len(_BOM) if self.data.startswith(_BOM) and self.at == 0 else 0)
        self._before = b"\n\n"
        self.cut(len(self.data) - len(self.data.lstrip(b"\r\n")))
        self._before = b"\n\n"
        if postmark(self.look(0, LOOK_BYTES), after_blank=True):
            return True
        while (found := self._next_mark(0)) is None:
            self.cut(max(0, len(self.data) - LOOK_BYTES))
            if not self._grow():
                self.cut(len(self.data))
                return False
        self.cut(found)
        return True

    def message(self, plain: bool) -> Pieces:
        """Take the message off that comes next.

        Args:
            plain: the writer of this file quotes nothing.
        """
        offset = self.at
        self.cut(postmark(self.look(0, LOOK_BYTES), after_blank=True))
        body = self._header()
        measured = self._measure(body)
        end, after = measured or self._search()
        if end is None or end > SMALL_BYTES + LOOK_BYTES:
            yield from self._in_parts(offset, body, end, after, plain=plain, measured=measured is not None)
            return
        content = self._copy(0, end)
        self.cut(after)
        if self.failure is not None and not self.data and measured is None:
            return  # the file was cut off in it
        if content:
            yield _finished(offset, content, body, self.at, plain=plain, measured=measured is not None)

    def writes_plainly(self) -> bool:
        """Whether what is here was written by a program that gives true lengths and quotes nothing."""
        while self.begin():
            self.cut(postmark(self.look(0, LOOK_BYTES), after_blank=True))
            body = self._header()
            if (measured := self._measure(body)) is None:
                continue
            end, after = measured
            if is_unquoted(self.data[body:end]):
                return True
            self.cut(after)
        return False

    def look(self, index: int, count: int) -> bytes:
        """Some of it, as far as there is any."""
        while len(self.data) < index + count and self._grow():
            pass
        return self._copy(index, index + count)

    def cut(self, count: int) -> None:
        """Let go of the beginning."""
        if count:
            self._before = (self._before + self.data[max(0, count - _BEFORE) : count])[-_BEFORE:]
            del self.data[:count]
            self.at += count

    def _copy(self, start: int, end: int) -> bytes:
        with memoryview(self.data) as view:  # or it would be copied twice
            return bytes(view[start:end])

    def _grow(self) -> bool:
        try:
            chunk = b"" if self._ended else self._stream.read(CHUNK)
        except Broken as failure:  # what came before holds
            self.failure, chunk = failure, b""
        self._ended = not chunk
        self.data += chunk
        return bool(chunk)

    def _header(self) -> int:
        """Where the body begins; 0 where no end of the header is in sight."""
        while (body := header_end(self.data, _HEADER_BYTES)) < 0 and len(self.data) < _HEADER_BYTES:
            if not self._grow():
                return 0
        return max(body, 0)

    def _measure(self, body: int) -> tuple[int, int] | None:
        """The end of the message by its announced length, and the start of the next; None if it has lied."""
        length = announced_length(self.data[:body])
        if length is None:
            return None
        end = body + length
        if length <= SMALL_BYTES:
            look = self.look(end, LOOK_BYTES)
            short = len(self.data) < end
        else:
            far = self._stream.peek(self.at + end - 1, LOOK_BYTES + 1)
            if far is None:
                return None
            short, look = not far, far[1:]
        if short:
            return None
        for gap in (b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b""):
            rest = look[len(gap) :]
            if look.startswith(gap) and (not rest or postmark(rest, after_blank=True)):
                return end, end + len(gap)
        return None

    def _search(self) -> tuple[int | None, int]:
        """The end of the message and the start of the next; None if it is larger than may be held here."""
        index = 0
        while (found := self._next_mark(index)) is None:
            index = max(0, len(self.data) - LOOK_BYTES)
            if len(self.data) > SMALL_BYTES + LOOK_BYTES:
                return None, 0
            if not self._grow():
                found = len(self.data)
                break
        return self._without_blank(found), found

    def _next_mark(self, index: int) -> int | None:
        """Where the next separating line begins; None if none is in sight as a whole."""
        while (index := self.data.find(b"\nFrom ", index) + 1) > 0:
            if len(self.data) - index < LOOK_BYTES and not self._ended:
                self.look(index, LOOK_BYTES)
            look = self._copy(index, index + LOOK_BYTES)
            if postmark(look, after_blank=self._is_blank_before(index)):
                return index
        return None

    def _is_blank_before(self, index: int) -> bool:
        before = (self._before + self.data[max(0, index - _BEFORE) : index])[-_BEFORE:]
        return before.endswith((b"\n\n", b"\n\r\n"))

    def _without_blank(self, end: int) -> int:
        """The blank line before a separating line belongs to it."""
        if end and self._is_blank_before(end):
            return max(0, end - (2 if self.data[end - 2 : end] == b"\r\n" else 1))
        return end

    def _in_parts(
        self, offset: int, body: int, end: int | None, after: int, *, plain: bool, measured: bool
    ) -> Pieces:
        """A large message: its header, then its body as it comes."""
        header = self._copy(0, body)
        why = is_leftover(header)
        quoted = not plain and not is_unquoted(self.data[body:end])
        header = clean_header(header, measured=measured)
        key = _key(offset, header)
        if why is None:
            yield Start(key)
            yield Part(header)
        self.cut(body)
        rest, gap = (None, 0) if end is None else (end - body, after - end)
        last = False
        while not last:
            if rest is None and (found := self._next_mark(0)) is not None:
                rest = self._without_blank(found)
                gap = found - rest
            elif self._ended and (rest is None or rest > len(self.data)):
                if self.failure is not None:
                    raise self.failure
                rest = self._without_blank(len(self.data))
                gap = len(self.data) - rest
            last = rest is not None and rest <= len(self.data)
            count = rest if last and rest is not None else self._safe_count()
            if why is None and count:
                part = self._copy(0, count)
                yield Part(unquote(part) if quoted else part)
            rest = None if rest is None else rest - count
            self.cut(count + (gap if last else 0))
            self._grow()
        yield End(self.at) if why is None else Lost(key, why, self.at, missed=False)

    def _safe_count(self) -> int:
        """How much of the window may go: whole lines, and never what could begin a separating line."""
        reach = max(0, len(self.data) - LOOK_BYTES - _BEFORE)
        line = self.data.rfind(b"\n", 0, reach) + 1
        return line or (reach if reach > CHUNK // 2 else 0)


class _Memory:
    """Bytes as a stream."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, count: int) -> bytes:
        data = self._data[self._at : self._at + count]
        self._at += len(data)
        return data

    def seek(self, offset: int) -> None:
        self._at = offset

    def peek(self, offset: int, count: int) -> bytes | None:
        return self._data[offset : offset + count]


def _finished(offset: int, content: bytes, body: int, position: int, *, plain: bool, measured: bool) -> Piece:
    header, text = (content[:body], content[body:]) if body else (content, b"")
    why = is_leftover(header)
    header = clean_header(header, measured=measured)
    key = _key(offset, header)
    if why:
        return Lost(key, why, position, missed=False)
    if not plain and not is_unquoted(text):
        text = unquote(text)
    return Whole(key, header + text, position)


def _key(offset: int, header: bytes) -> str:
    """The offset alone would give the place of a message to whichever comes to stand there later."""
    return f"{offset}-{crc32(header):08x}"
