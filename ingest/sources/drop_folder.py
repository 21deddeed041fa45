"""Folders as sources: the drop folder, which is emptied as its files are stored, and watched folders, which
are never touched. What happens below is only a hint; each look compares what is there with what is known.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingest.errors import ImportFailed, NotWhole, SourceError
from ingest.importer.handover import Importer, Outcome
from ingest.importer.kinds import HEAD_BYTES, Kind, container_kind
from ingest.source import Arrival, Departure, News
from ingest.sources.tree import Tree
from ingest.sources.watcher import Watcher
from ingest.sources.whole import GONE_S, Settling, Stamp, Writers, is_passing, readable
from store.records import Origin

_BURST_S = 0.25  # after this much taking, look whether something newer came
_TIDY_S = 10.0  # a folder that we emptied is removed when nobody used it for so long

# A look through everything costs about 10 µs a file. These keep it under 0.025 % of a core where events come
# (it only catches what they missed) and under 0.5 % where it is all there is.
_SAFETY_S, _SAFETY_FACTOR = 120.0, 4_000
_POLL_S, _POLL_FACTOR = 2.0, 200

log = logging.getLogger("strongroom.ingest")


@dataclass(slots=True)
class _Offer:
    path: str
    stamp: Stamp
    attempts: int = 0


class FolderSource:
    """One folder and everything below it.

    Args:
        name: as in Origin.source.
        root: need not exist yet, and may vanish for a while.
        consume: remove each original once it is stored.
        known: the current origins of this source in the store, asked for at the start (a folder that is not
            consumed is compared with them, so that only what changed meanwhile is read).
        poll: look through the folder every few seconds. None: only where the kernel sends no events.
        importer: gets the files that hold messages. None: they are documents like any other.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        *,
        consume: bool,
        known: Callable[[], Iterable[Origin]] = tuple,
        poll: bool | None = None,
        importer: Importer | None = None,
    ) -> None:
        self.name = name
        self._consume = consume
        self._importer = importer
        self._origins = known
        self._tree = Tree(root)
        self._watcher = Watcher(self._tree.root, poll=poll)
        self._settling = Settling()
        self._known: dict[str, tuple[int | None, int | None]] = {}  # locator -> size, mtime_ns
        self._offers: dict[str, _Offer] = {}  # locator -> offered, and not acknowledged
        self._folders: set[str] = set()
        self._unread: set[str] = set()  # folders that may not be read: what was in them is not gone
        self._emptied: dict[str, float] = {}  # folder -> when to remove it
        self._next_scan = 0.0
        self._lived_in: tuple[int, int] | None = None  # the root in which something was seen

    def arrivals(self, stop: threading.Event) -> Iterator[News]:
        """See Source."""
        if not self._consume:
            self._known = {origin.locator: (origin.size, origin.mtime_ns) for origin in self._origins()}
        self._next_scan = 0.0
        try:
            while not stop.is_set():
                if time.monotonic() >= self._next_scan:
                    self._scan()
                self._tidy()
                yield from self._settled()
                changed = self._watcher.changes(self._patience(), stop)
                if changed is None:
                    self._next_scan = 0.0
                for path in changed or ():
                    self._notice(path)
        finally:
            self._watcher.close()

    def open(self, arrival: Arrival) -> BinaryIO:
        """See Source."""
        offer = self._offers[arrival.origin.locator]
        return self._tree.open(offer.path, offer.stamp)

    def acknowledge(self, news: News) -> None:
        """See Source."""
        if isinstance(news, Departure):
            self._known.pop(news.locator, None)
            return
        assert isinstance(news, Arrival), "a folder offers its files one by one"
        offer = self._offers[news.origin.locator]
        if not self._consume:
            self._known[news.origin.locator] = (news.origin.size, news.origin.mtime_ns)
        else:
            self._take_away(offer)
        del self._offers[news.origin.locator]
        self._notice(offer.path)  # it may be another file by now

    def defer(self, news: News) -> None:
        """See Source."""
        now = time.monotonic()
        if isinstance(news, Departure):
            self._settling.see(news.locator, None, now)
            return
        assert isinstance(news, Arrival), "a folder offers its files one by one"
        offer = self._offers[news.origin.locator]
        offer.attempts += 1
        self._settling.put_off(offer.path, offer.stamp, now, offer.attempts)

    def _settled(self) -> Iterator[News]:
        until = time.monotonic() + _BURST_S
        for path in self._settling.due(time.monotonic()):
            news = self._judge(path, time.monotonic())
            if news is not None:
                yield news
            if time.monotonic() > until:
                return

    def _judge(self, path: str, now: float) -> News | None:
        status = self._tree.status(path)
        stamp = Stamp.of(status) if status is not None and stat.S_ISREG(status.st_mode) else None
        if not self._settling.see(path, stamp, now):
            return None
        writers = Writers.UNKNOWN if stamp is None else self._tree.writers(path)
        if not self._settling.is_settled(path, writers, now):
            return None
        self._settling.forget(path)
        locator = readable(path)
        if stamp is None:
            refused = self._offers.pop(locator, None)
            return Departure(locator=locator) if refused or locator in self._known else None
        offered = self._offers.get(locator)
        attempts = offered.attempts if offered and offered.stamp == stamp else 0
        offer = _Offer(path, stamp, attempts)
        if (kind := self._kind(offer)) is not None and self._hand_over(offer, kind, now):
            return None
        self._offers[locator] = offer
        name = locator.rpartition("/")[2]
        size, mtime_ns = stamp.size, stamp.mtime_ns
        origin = Origin(source=self.name, locator=locator, name=name, size=size, mtime_ns=mtime_ns)
        return Arrival(origin=origin, new_version=locator in self._known)

    def _kind(self, offer: _Offer) -> Kind | None:
        """How messages are kept in a file; None for a document."""
        if self._importer is None:
            return None
        try:
            head = self._tree.head(offer.path, HEAD_BYTES)
        except SourceError:  # who takes it will find out
            return None
        return container_kind(head, offer.path.rpartition("/")[2])

    def _hand_over(self, offer: _Offer, kind: Kind, now: float) -> bool:
        """Have the importer take it, or go on with it; False if it is a document, whatever mail is in it.

        It is asked again whenever the file is due, and the file stays until all that is in it is stored.
        """
        assert self._importer is not None, "only with an importer is anything of a kind"
        path, stamp, locator = offer.path, offer.stamp, readable(offer.path)
        try:
            place = f"{self._tree.root}/{path}"
            outcome = self._importer.offer(place, kind, lambda: self._tree.descriptor(path))
            if outcome is Outcome.STORED and self._consume:
                self._take_away(offer)
        except NotWhole:
            self._settling.see(path, None, now)
        except (ImportFailed, SourceError):  # the status says why
            offer.attempts += 1
            self._offers[locator] = offer
            self._settling.put_off(path, stamp, now, offer.attempts)
        else:
            if outcome is Outcome.DOCUMENT:
                return False
            if outcome is Outcome.PENDING:
                self._settling.put_off(path, stamp, now, 1)
            elif not self._consume:
                self._known[locator] = (stamp.size, stamp.mtime_ns)
            elif outcome is Outcome.INCOMPLETE:
                self._offers[locator] = offer  # it stays; another one of its name is news
        return True

    def _take_away(self, offer: _Offer) -> None:
        if self._tree.take_away(offer.path, offer.stamp):
            self._emptied[_folder_of(offer.path)] = time.monotonic() + _TIDY_S

    def _notice(self, path: str) -> None:
        """Something happened at a path."""
        status = self._tree.status(path) if path else None
        if status is None and (not path or (path in self._folders and not self._consume)):
            self._next_scan = min(self._next_scan, time.monotonic() + GONE_S)
        elif status is not None and stat.S_ISDIR(status.st_mode):
            if not is_passing(path):
                self._scan_below(path)  # a folder that was moved in, or filled before it was watched
        else:
            now = time.monotonic()
            self._consider(path, status, now)
            self._settling.hasten(path, now)

    def _consider(self, path: str, status: os.stat_result | None, now: float) -> None:
        """Compare what is at a path with what is known of it; what differs has to settle."""
        locator = readable(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            if locator in self._known or locator in self._offers:
                self._settling.see(path, None, now)
            else:
                self._settling.forget(path)
            return
        if is_passing(path):
            return
        stamp = Stamp.of(status)
        offer = self._offers.get(locator)
        if self._known.get(locator) == (stamp.size, stamp.mtime_ns):
            self._settling.forget(path)
        elif offer is None or offer.stamp != stamp:
            self._settling.see(path, stamp, now)

    def _scan(self) -> None:
        """Look through everything: at the start, for what events have missed, and where none come."""
        began = time.monotonic()
        self._watcher.renew()
        self._folders.clear()
        found = self._scan_below("")
        root = self._tree.identity()
        if found:
            self._lived_in = root
        if root is not None and (found or root == self._lived_in):
            self._compare(found)
        # Otherwise the root is missing, or it is empty and was never seen otherwise: an unmounted disk looks
        # like that, and what was in it is not gone.
        took = time.monotonic() - began
        if self._watcher.polls:
            self._next_scan = began + max(_POLL_S, took * _POLL_FACTOR)
        else:
            self._next_scan = began + max(_SAFETY_S, took * _SAFETY_FACTOR)

    def _scan_below(self, top: str) -> set[str]:
        """Consider every file below a folder; return their locators."""
        found, folders = [], [top]
        while folders:
            folder = folders.pop()
            try:
                entries = self._tree.entries(folder)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                if folder not in self._unread:
                    log.warning("a folder of %s cannot be read: %s", self.name, error.strerror)
                self._unread.add(folder)
                continue
            self._unread.discard(folder)
            self._folders.add(folder)
            for path, status in entries:
                if stat.S_ISDIR(status.st_mode):
                    if not is_passing(path):
                        folders.append(path)
                elif not (self._consume and self._tree.bring_back(path)):
                    found.append((path, status))
        now = time.monotonic()  # of the last look: a file rests at least as long as is said of it
        for path, status in found:
            self._consider(path, status, now)
        return {readable(path) for path, _ in found}

    def _compare(self, found: set[str]) -> None:
        unread = tuple(f"{readable(folder)}/" if folder else "" for folder in self._unread)
        for locator in (self._known.keys() | self._offers.keys()) - found:
            if not locator.startswith(unread):
                self._settling.see(locator, None, time.monotonic())

    def _tidy(self) -> None:
        """Remove the folders that consuming has left empty, once nobody has used them for a while."""
        now = time.monotonic()
        for folder in [folder for folder, due in self._emptied.items() if due <= now]:
            del self._emptied[folder]
            if folder and self._tree.remove_folder(folder):
                self._emptied[_folder_of(folder)] = now + _TIDY_S

    def _patience(self) -> float:
        due = self._settling.next_due()
        soonest = min(self._next_scan, *self._emptied.values(), due if due is not None else self._next_scan)
        return max(0.0, soonest - time.monotonic())


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]
