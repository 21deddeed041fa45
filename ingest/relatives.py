"""Saves readings, each compared with its relatives in the store first, so that what a mail repeats of its
parents is embedded once: its parents', and its replies', since the newest mail usually comes first.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ingest.mail.novelty import Fresh, Memory, relabel
from store.catalog import Catalog
from store.errors import IllegalStep, NoSuchItem
from store.records import Element, MailHeader, Reading

_MOST_KIN = 50  # of a mail on either side
_TRACES = 500  # kept at hand, about 15 kB each

_Saved = Sequence[tuple[str, Reading]]


class _Trace(NamedTuple):
    """What is kept of a mail to see that another has nothing in common with it: hashes, never words."""

    whole: frozenset[int]
    fresh: frozenset[int]


class _Mail(NamedTuple):
    text: str
    elements: Sequence[Element]


class Relatives:
    """Thread-safe: threads that save take turns, so that of two relatives one sees the other."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._traces: OrderedDict[str, _Trace] = OrderedDict()

    def save(self, readings: _Saved) -> None:
        """`Catalog.save_readings`; what the mails among them, and their stored replies, repeat is quoted.

        Raises:
            NoSuchItem, IllegalStep: as `save_readings`.
        """
        headers = [(item, reading.mail) for item, reading in readings if reading.mail is not None]
        if not headers:
            self._catalog.save_readings(readings)
            return
        with self._lock:
            turn = _Turn(self._catalog, self._traces, readings)
            turn.compare(headers)
            self._catalog.save_readings(turn.readings())
            for item, elements in turn.replies.items():
                with contextlib.suppress(NoSuchItem, IllegalStep):  # gone, or waiting to be read anew
                    self._catalog.relabel(item, elements)
            while len(self._traces) > _TRACES:
                self._traces.popitem(last=False)


class _Turn:
    """One saving: the mails that come with it, and what has changed."""

    def __init__(self, catalog: Catalog, traces: OrderedDict[str, _Trace], readings: _Saved) -> None:
        self._catalog = catalog
        self._traces = traces
        self._readings = readings
        self._new = {item: _Mail(reading.text, reading.elements) for item, reading in readings}
        self.replies: dict[str, Sequence[Element]] = {}  # stored ones that repeat a new mail
        for item in self._new:
            traces.pop(item, None)  # it may be a second reading

    def compare(self, headers: Sequence[tuple[str, MailHeader]]) -> None:
        """Compare the new mails with one another and with the stored ones."""
        own = {header.message_id: item for item, header in headers if header.message_id}
        for (item, header), kin in zip(headers, self._catalog.kin_of_mails(headers, _MOST_KIN), strict=True):
            named = [own.get(name) for name in (header.in_reply_to, *reversed(header.references)) if name]
            self._tell(item, list(dict.fromkeys([*(name for name in named if name), *kin.parents])))
            for reply in kin.replies:
                self._tell(reply, [item])

    def readings(self) -> list[tuple[str, Reading]]:
        """What is to be saved."""
        return [
            (item, msgspec.structs.replace(reading, elements=tuple(self._new[item].elements)))
            for item, reading in self._readings
        ]

    def _tell(self, item: str, parents: Sequence[str]) -> None:
        """Make quoted what a mail repeats of others, one after the other: the nearest mostly says it all."""
        trace = self._trace(item) if parents else None
        if trace is None:
            return
        for parent in parents:
            other = self._trace(parent) if parent != item else None
            if other is not None and not trace.fresh.isdisjoint(other.whole):
                trace = self._compare(item, parent, trace)

    def _compare(self, item: str, parent: str, trace: _Trace) -> _Trace:
        mail, earlier = self._mail(item), self._mail(parent)
        elements = relabel(mail.text, mail.elements, [earlier.text]) if mail and earlier else None
        if mail is None or elements is None:
            return trace
        if item in self._new:
            self._new[item] = _Mail(mail.text, elements)
        else:
            self.replies[item] = elements
        self._traces[item] = trace._replace(fresh=Fresh(mail.text, elements).hashes)
        return self._traces[item]

    def _trace(self, item: str) -> _Trace | None:
        if item in self._traces:
            self._traces.move_to_end(item)
            return self._traces[item]
        mail = self._mail(item)
        if mail is None:
            return None
        trace = _Trace(frozenset(Memory(mail.text).anchors), Fresh(mail.text, mail.elements).hashes)
        self._traces[item] = trace
        return trace

    def _mail(self, item: str) -> _Mail | None:
        if item in self._new:
            return self._new[item]
        try:
            text = self._catalog.text(item)
            return _Mail(text, self.replies.get(item) or self._catalog.elements(item))
        except NoSuchItem:
            return None
