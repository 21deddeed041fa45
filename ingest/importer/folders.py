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
from ingest.importer.loose import is_message, place_of, unwrapped
from ingest.importer.messages import BATCH_BYTES, BATCH_COUNT, SMALL_BYTES
from ingest.importer.source import NAMED_MOST, Progress
from ingest.source import Arrival, Batch, Document, News, offered
from ingest.sources.tree import Tree
from ingest.sources.whole import Stamp, readable
from policy.limits import Limits
from store.records import Origin

_ROUNDS = 3  # a mail program may rename its files while they are read


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
        self._acknowledged: set[str] = set()  # of the news just told

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
        self._acknowledged.update(origin.locator for origin in offered(news))

    def defer(self, news: News) -> None:
        """See Source. What is not acknowledged is named as skipped; the next import offers it again."""

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
                yield from self._news(document, [document.origin.locator])
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
        locator = readable(place_of(path))
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
        text = unwrapped(text, name)
        return Document(origin, text)

    def _all(self, documents: list[Document]) -> Iterator[News]:
        if documents:
            yield from self._news(Batch(tuple(documents)), [each.origin.locator for each in documents])

    def _news(self, news: Arrival | Batch, locators: list[str]) -> Iterator[News]:
        self._acknowledged.clear()
        yield news
        for locator in locators:
            if locator in self._acknowledged:
                self.progress.messages += 1
            else:
                self._skip(locator, "it could not be stored")
        self._offered.clear()

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
