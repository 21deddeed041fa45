"""Folders of messages as a source: Maildir and Maildir++, MH, folders of .eml, .msg and .emlx files.

The files are only looked at from outside; mailboxes found among them are left to splitters.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ingest.errors import ImportFailed, NotWhole, SourceError
from ingest.importer.kinds import HEAD_BYTES, Kind, container_kind
from ingest.importer.messages import BATCH_BYTES, BATCH_COUNT, SMALL_BYTES
from ingest.importer.source import NAMED_MOST, Progress
from ingest.source import Arrival, Batch, Document, News
from ingest.sources.tree import Tree
from ingest.sources.whole import Stamp
from policy.limits import Limits
from store.records import Origin

_ROUNDS = 3  # a mail program may rename its files while they are read
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIELD = re.compile(rb"([!-9;-~]{1,76})[ \t]*:|[ \t]+\S")
_KNOWN = frozenset(
    b"message-id received mime-version return-path delivered-to from to subject date cc reply-to sender"
    b" content-type x-mailer".split()
)
_FLAGS = re.compile(r"[:;!]2,[A-Za-z]*$")
_EMLX = re.compile(rb"\s*(\d{1,10})[ \t]*\r?\n")


def is_message(head: bytes, name: str) -> bool:
    """Whether a file is one message: of a known name, or it begins with the header of one."""
    lower = name.lower()
    if lower.endswith(".msg"):
        return head.startswith(_OLE)
    if lower.endswith(".emlx"):
        return _EMLX.match(head) is not None
    fields = set()
    for number, line in enumerate(head.removeprefix(b"\xef\xbb\xbf").splitlines()):
        if number == 0 and line.startswith((b"From ", b">From ")):
            continue
        field = _FIELD.match(line)
        if field is None:
            break
        if field[1]:
            fields.add(field[1].lower())
    return len(fields & _KNOWN) >= (1 if lower.endswith(".eml") else 2)


class MailFolder:
    """One folder, with all below it, or one message.

    Args:
        known: what the store holds of a place of this source.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        known: Callable[[str, str], tuple[str, Origin] | None],
        limits: Limits,
    ) -> None:
        self.name = name
        self.cancelled = threading.Event()
        self.progress = Progress()
        self.containers: list[tuple[str, Kind]] = []  # absolute paths of the mailboxes met
        self._only = root.name if root.is_file() else None
        self._tree = Tree(root.parent if self._only else root)
        self._known = known
        self._limits = limits
        self._offered: dict[str, tuple[str, Stamp]] = {}
        self._seen: set[str] = set()
        self._moved = False
        self._taken = False

    def arrivals(self, stop: threading.Event) -> Iterator[News]:
        """See Source. Ends when everything was offered."""
        for _ in range(_ROUNDS):
            self._moved = False
            self.progress.size = self.progress.read = self.progress.messages = 0
            for folder, names in self._folders():
                for names_ in _portions(names):
                    if stop.is_set() or self.cancelled.is_set():
                        return
                    yield from self._offer(folder, names_)
            if not self._moved:
                break
        self.progress.finished = True

    def open(self, arrival: Arrival) -> BinaryIO:
        """See Source."""
        return self._open(*self._offered[arrival.origin.locator])

    def acknowledge(self, news: News) -> None:
        """See Source."""
        self._taken = True

    def defer(self, news: News) -> None:
        """See Source. What could not be stored is offered alone, and then named."""

    def _folders(self) -> Iterator[tuple[str, list[str]]]:
        """Every folder and the files in it, newest first as far as names tell."""
        if self._only:
            self.progress.size = 1
            yield "", [self._only]
            return
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                files, below = self._tree.names(folder)
            except OSError as error:
                if not folder:
                    raise ImportFailed(f"the folder cannot be read ({error.strerror})") from error
                self._skip(folder, f"the folder cannot be read ({error.strerror})")
                continue
            if {"cur", "new"} <= set(below):
                below.remove("tmp") if "tmp" in below else None
            elif folder.rpartition("/")[2].startswith("."):
                continue  # nobody's mail: the program's own
            self.progress.size += len(files)
            folders += [f"{folder}/{name}" if folder else name for name in sorted(below, reverse=True)]
            yield folder, sorted((name for name in files if name[0] != "."), key=_age, reverse=True)

    def _offer(self, folder: str, names: list[str]) -> Iterator[News]:
        small: list[Document] = []
        for name in names:
            path = f"{folder}/{name}" if folder else name
            self.progress.read += 1
            try:
                document = self._look(path, name)
            except NotWhole:
                self._moved = True
                continue
            except SourceError as error:
                self._skip(path, error.what)
                continue
            if isinstance(document, Arrival):
                yield from self._one(document)
            elif document is not None:
                small.append(document)
            if sum(len(each.content) for each in small) > BATCH_BYTES:
                yield from self._all(small)
                small = []
        yield from self._all(small)

    def _look(self, path: str, name: str) -> Document | Arrival | None:
        """The message in a file; None if it is none, or stored."""
        status = self._tree.status(path)
        if status is None:
            raise NotWhole("it vanished")
        stamp = Stamp.of(status)
        key = _FLAGS.sub("", path.replace("/cur/", "/").replace("/new/", "/").removeprefix("cur/"))
        locator = _text(key.removeprefix("new/"))
        shown = locator.rpartition("/")[2]
        origin = Origin(
            source=self.name,
            locator=locator,
            name=shown if shown.lower().endswith((".eml", ".msg")) else f"{shown}.eml",
            size=stamp.size,
            mtime_ns=stamp.mtime_ns,
        )
        known = self._known(self.name, locator)
        if known is not None and known[1].mtime_ns == stamp.mtime_ns:
            self.progress.messages += 1
            return None
        with self._open(path, stamp) as content:
            head = content.read(HEAD_BYTES)
            if (kind := container_kind(head, name)) is not None:
                if (absolute := f"{self._tree.root}/{path}") not in self._seen:
                    self._seen.add(absolute)
                    self.containers.append((absolute, kind))
                return None
            if not is_message(head, name):
                self.progress.foreign += 1
                return None
            if stamp.size > SMALL_BYTES and not name.endswith(".emlx"):
                self._offered[locator] = (path, stamp)
                return Arrival(origin=origin)
            text = head + content.read(self._limits.item_bytes)
        if name.endswith(".emlx") and (length := _EMLX.match(text)):
            text = text[length.end() : length.end() + int(length[1])]
        return Document(origin, text)

    def _all(self, documents: list[Document]) -> Iterator[News]:
        if not documents:
            return
        self._taken = False
        yield Batch(tuple(documents))
        if self._taken:
            self.progress.messages += len(documents)
            return
        for document in documents:
            yield from self._one(Batch((document,)))

    def _one(self, news: Arrival | Batch) -> Iterator[News]:
        self._taken = False
        yield news
        if self._taken:
            self.progress.messages += 1
        else:
            origin = news.origin if isinstance(news, Arrival) else news.documents[0].origin
            self._skip(origin.locator, "it could not be stored")
        if isinstance(news, Arrival):
            self._offered.pop(news.origin.locator, None)

    def _open(self, path: str, stamp: Stamp) -> io.BufferedReader:
        return self._tree.open(path, stamp)

    def _skip(self, key: str, why: str) -> None:
        self.progress.missed += 1
        if len(self.progress.skipped) < NAMED_MOST:
            self.progress.skipped[key] = why


def _portions(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), BATCH_COUNT):
        yield names[start : start + BATCH_COUNT]


def _age(name: str) -> tuple[int, str]:
    """Maildir names begin with the time, MH names are numbers."""
    number = re.match(r"\d{1,20}", name)
    return int(number[0]) if number else 0, name


def _text(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
