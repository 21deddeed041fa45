"""A source that lives in memory, and what every source must do: the contract suite, run on each of them."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Protocol

import pytest

from ingest.errors import NotWhole
from ingest.source import Arrival, Departure, News, Source
from store.records import Origin

PATIENCE_S = 20.0


class MemoryFolder:
    """What a memory source watches: names and bytes that tests change."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, int]] = {}
        self.changed = threading.Condition()

    def write(self, locator: str, content: bytes) -> None:
        with self.changed:
            self.files[locator] = (content, time.time_ns())
            self.changed.notify_all()

    def remove(self, locator: str) -> None:
        with self.changed:
            self.files.pop(locator, None)
            self.changed.notify_all()


class MemorySource:
    """A real source whose place is a dictionary. Nothing in it is ever half there."""

    def __init__(
        self, name: str, folder: MemoryFolder, *, consume: bool, known: Callable[[], Iterable[Origin]] = tuple
    ) -> None:
        self.name = name
        self._folder = folder
        self._consume = consume
        self._origins = known
        self._known: dict[str, int] = {}  # locator -> mtime_ns
        self._told: dict[str, int | None] = {}
        self._again: dict[str, float] = {}

    def arrivals(self, stop: threading.Event) -> Iterator[News]:
        if not self._consume:
            self._known = {origin.locator: origin.mtime_ns or 0 for origin in self._origins()}
        while not stop.is_set():
            for locator in self._news():
                yield self._tell(locator)
            with self._folder.changed:
                self._folder.changed.wait(0.01)

    def open(self, arrival: Arrival) -> BinaryIO:
        content, mtime_ns = self._folder.files.get(arrival.origin.locator, (b"", 0))
        if mtime_ns != arrival.origin.mtime_ns:
            raise NotWhole("it changed")
        return io.BytesIO(content)

    def acknowledge(self, news: News) -> None:
        if isinstance(news, Departure):
            self._known.pop(news.locator, None)
            return
        locator = news.origin.locator
        if not self._consume:
            self._known[locator] = news.origin.mtime_ns or 0
        elif self._folder.files.get(locator, (b"", 0))[1] == news.origin.mtime_ns:
            self._folder.remove(locator)
        del self._told[locator]

    def defer(self, news: News) -> None:
        locator = news.locator if isinstance(news, Departure) else news.origin.locator
        self._again[locator] = time.monotonic() + 0.05

    def _news(self) -> list[str]:
        with self._folder.changed:
            now = {locator: mtime for locator, (_, mtime) in self._folder.files.items()}
        ready = {locator for locator, due in self._again.items() if due <= time.monotonic()}
        changed = {
            locator
            for locator in now.keys() | self._known.keys()
            if now.get(locator) not in (self._known.get(locator), self._told.get(locator, -1))
            or locator in ready
        }
        return sorted(changed, key=lambda locator: now.get(locator, 0), reverse=True)

    def _tell(self, locator: str) -> News:
        self._again.pop(locator, None)
        content, mtime_ns = self._folder.files.get(locator, (None, None))
        self._told[locator] = mtime_ns
        if content is None:
            return Departure(locator=locator)
        name = locator.rpartition("/")[2]
        origin = Origin(source=self.name, locator=locator, name=name, mtime_ns=mtime_ns, size=len(content))
        return Arrival(origin=origin, new_version=locator in self._known)


class Place(Protocol):
    """A source and the place behind it, as the contract suite needs them."""

    def write(self, locator: str, content: bytes) -> None: ...

    def remove(self, locator: str) -> None: ...

    def source(self, known: Iterable[Origin] = ()) -> Source:
        """A new source on the same place, as after a restart."""
        ...


def told(source: Source, count: int, answer: Callable[[News], object] | None = None) -> list[News]:
    """The first `count` pieces of news, each acknowledged, or answered by `answer`. All must come."""
    stop, found = threading.Event(), []
    timer = threading.Timer(PATIENCE_S, stop.set)
    timer.start()
    try:
        for news in source.arrivals(stop):
            found.append(news)
            (answer or source.acknowledge)(news)
            if len(found) == count:
                stop.set()
    finally:
        timer.cancel()
    assert len(found) == count, f"{len(found)} of {count} pieces of news came: {found}"
    return found


def silence(source: Source, seconds: float = 0.8) -> list[News]:
    """What comes within some seconds (nothing, one hopes)."""
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    found = []
    for news in source.arrivals(stop):
        found.append(news)
        source.acknowledge(news)
    timer.join()
    return found


def locators(news: Iterable[News]) -> list[str]:
    return [one.locator if isinstance(one, Departure) else one.origin.locator for one in news]


class SourceContract:
    """What holds for every source. Subclasses give the fixture `place`; `keeps`: it is not consumed."""

    keeps: bool

    def test_offers_what_is_there_newest_first(self, place: Place) -> None:
        for name in ("old", "middle", "new"):
            place.write(name, name.encode())
            time.sleep(0.02)
        assert locators(told(place.source(), 3)) == ["new", "middle", "old"]

    def test_offers_what_comes_with_its_bytes_and_name(self, place: Place) -> None:
        source = place.source()
        contents = []

        def read(news: News) -> None:
            assert isinstance(news, Arrival)
            with source.open(news) as content:
                contents.append(content.read())
            source.acknowledge(news)

        threading.Timer(0.3, place.write, ("sub/report.txt", b"quarterly")).start()
        (news,) = told(source, 1, read)
        assert isinstance(news, Arrival)
        assert contents == [b"quarterly"]
        assert (news.origin.source, news.origin.locator) == (source.name, "sub/report.txt")
        assert (news.origin.name, news.origin.size) == ("report.txt", 9)
        assert news.origin.mtime_ns
        assert not news.new_version

    def test_what_was_acknowledged_is_not_offered_again(self, place: Place) -> None:
        place.write("a", b"1")
        source = place.source()
        (news,) = told(source, 1)
        assert silence(place.source([news.origin])) == []  # type: ignore[union-attr]

    def test_what_was_not_acknowledged_is_offered_after_a_restart(self, place: Place) -> None:
        place.write("a", b"1")
        told(place.source(), 1, lambda news: None)
        assert locators(told(place.source(), 1)) == ["a"]

    def test_what_was_deferred_is_offered_again(self, place: Place) -> None:
        place.write("a", b"1")
        source = place.source()
        answers = [source.defer, source.acknowledge]
        assert locators(told(source, 2, lambda news: answers.pop(0)(news))) == ["a", "a"]

    def test_what_changed_or_vanished_before_it_was_opened_is_refused(self, place: Place) -> None:
        place.write("a", b"1")
        place.write("b", b"1")
        source = place.source()

        def change(news: News) -> None:
            assert isinstance(news, Arrival)
            if news.origin.locator == "a":
                place.remove("a")
            else:
                place.write("b", b"22")
            with pytest.raises(NotWhole), source.open(news) as content:
                content.read()

        told(source, 2, change)

    def test_what_changes_between_reading_and_acknowledging_is_offered_again(self, place: Place) -> None:
        place.write("a", b"first")
        source = place.source()
        contents = []

        def read(news: News) -> None:
            assert isinstance(news, Arrival)
            with source.open(news) as content:
                contents.append(content.read())
            if len(contents) == 1:
                place.write("a", b"second")
            source.acknowledge(news)

        second = told(source, 2, read)[1]
        assert contents == [b"first", b"second"]
        assert isinstance(second, Arrival)
        assert second.new_version == self.keeps

    def test_a_change_is_a_new_version_only_where_originals_are_kept(self, place: Place) -> None:
        place.write("a", b"first")
        source = place.source()
        threading.Timer(0.7, place.write, ("a", b"second")).start()
        first, second = told(source, 2)
        assert isinstance(first, Arrival)
        assert isinstance(second, Arrival)
        assert (first.new_version, second.new_version) == (False, self.keeps)

    def test_a_restart_catches_up(self, place: Place) -> None:
        for name in ("same", "changed", "gone"):
            place.write(name, name.encode())
        before = told(place.source(), 3)
        place.write("changed", b"changed since")
        place.remove("gone")
        place.write("new", b"new")
        known = [news.origin for news in before if isinstance(news, Arrival)] if self.keeps else []
        after = told(place.source(known), 3 if self.keeps else 2)
        kinds = {locator: type(news) for locator, news in zip(locators(after), after, strict=True)}
        assert kinds.pop("changed") is Arrival
        assert kinds.pop("new") is Arrival
        assert kinds == ({"gone": Departure} if self.keeps else {})

    def test_what_vanishes_is_told_where_originals_are_kept(self, place: Place) -> None:
        place.write("a", b"first")
        place.write("b", b"second")
        source = place.source()
        threading.Timer(0.7, place.remove, ("a",)).start()
        if self.keeps:
            assert told(source, 3)[2] == Departure(locator="a")
        else:
            assert len(silence(source, 1.0)) == 2

    def test_stops_soon(self, place: Place) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=lambda: list(place.source().arrivals(stop)))
        thread.start()
        time.sleep(0.2)
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
