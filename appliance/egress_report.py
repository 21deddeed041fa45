"""The observed run of `strongroom doctor --egress`: one document of every format through the real service, in
a throw-away home, with idling after it, and all that was seen of it.

Libraries that talk do so at the import, at the use, or a while later: hence the idling.
"""

from __future__ import annotations

import os
import platform
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from appliance import living
from appliance.errors import RequestRefused
from appliance.observation import (
    AttemptsFound,
    DocumentFound,
    IntentionsFound,
    Machine,
    Observation,
    ProcessFound,
    RowFound,
)
from appliance.report import VERSION
from appliance.throwaway import Standing, Throwaway, over, progress
from ingest.converter import libreoffice
from ingest.converter.messages import CONVERSIONS
from ingest.readers import samples
from policy import intentions, landlock, mode, trial
from policy.children import SWITCHES

BY_WORD, BY_MEANING = "quick brown fox", "a nimble animal leaps across a sleepy pet"

_PATIENCE_S = 180.0  # without any progress: these are small documents
_ALIKE = 50  # kinds of attempts that are listed; all are counted
_NAMED = 60  # processes that are listed; all fits into one request to the service
_WORD_PERFECT = b"\xffWPC\x10\0\0\0\x01\x0a\0\x01\0\0\0\0"  # a document of version 5.1: text begins at 16
_PICTURES = (".png", ".jpg", ".tif")

Json = dict[str, Any]


class ObservedRun:
    """One run.

    Args:
        workplace: an empty folder of the caller's, who removes it.
        idle: seconds to wait at the end.
        reads_pictures: this machine can recognise text in them.
    """

    def __init__(self, workplace: Path, idle: int, *, reads_pictures: bool) -> None:
        # Some libraries hold their tongue where this variable says that they are being tested.
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        self._place = Throwaway(workplace, environment | {intentions.VARIABLE: "1"})
        self._idle = idle
        self._reads_pictures = reads_pictures
        self._processes: dict[tuple[str, int], ProcessFound] = {}

    def run(self, rows: tuple[RowFound, ...]) -> Observation:
        """Do it, with progress on the terminal.

        Args:
            rows: the table of confinement, tried before.

        Raises:
            ServiceUnavailable: the service did not start, or ended.
        """
        began, start = datetime.now(UTC), time.monotonic()
        self._place.prepare()
        with self._place.service():
            for name, content in documents(pictures=self._reads_pictures):
                _drop(self._place.home / "drop" / name, content)
            self._place.wait(self._look, patience=_PATIENCE_S)
            hits = [self._search(BY_WORD, "keyword"), self._search(BY_MEANING, "semantic")]
            self._idling()
            status = self._place.client.call("GET", "/v1/status")
            self._notice(status)
            items = list(self._place.items())
        return Observation(
            version=VERSION,
            began=began.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - start),
            idled=self._idle,
            machine=machine(),
            rows=rows,
            layers=status["layers"],
            processes=tuple(list(self._processes.values())[:_NAMED]),
            documents=tuple(
                DocumentFound(name=one["name"], state=one["state"], reason=one["reason"])
                for one in sorted(items, key=lambda one: str(one["name"]))
            ),
            found_by_word=hits[0],
            found_by_meaning=hits[1],
            self_tests=status["egress"]["self_tests"] if status["egress"] else 0,
            attempts=attempts(status["egress"]["attempts"] if status["egress"] else ()),
            refused=status["egress"]["total"] if status["egress"] else 0,
            intentions=meant(self._place.log.read_bytes()),
            degraded=tuple(status["degraded"]),
        )

    def _search(self, query: str, how: str) -> int:
        try:
            found = self._place.client.call("POST", "/v1/search", {"query": query, "mode": how})
        except RequestRefused:  # there is no model, which the status will say
            return 0
        return len(found["hits"])

    def _look(self, standing: Standing) -> None:
        self._notice(standing.status)
        progress(standing)

    def _idling(self) -> None:
        start = time.monotonic()
        while (left := self._idle - (time.monotonic() - start)) > 0:
            over(f"nothing more is asked of it for {left:.0f} s", self._idle - left)
            self._notice(self._place.client.call("GET", "/v1/status"))
            time.sleep(min(1.0, left))

    def _notice(self, status: Mapping[str, Any]) -> None:
        """Keep what the kernel says of each confined process that lives now; the latest counts."""
        for one in status["processes"]:
            seen = living.look(one["pid"])
            if seen is not None and seen.row is not None:
                self._processes[seen.row, one["pid"]] = ProcessFound(
                    row=seen.row,
                    no_new_privs=seen.no_new_privs,
                    filters=seen.filters,
                    capabilities=seen.capabilities,
                    core_dumps=seen.core_dumps,
                    own_network=seen.own_network,
                    interfaces=seen.interfaces,
                    sent=seen.sent,
                )


def observe(idle: int, rows: tuple[RowFound, ...], *, reads_pictures: bool) -> Observation:
    """An observed run in a temporary folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="strongroom-observed-") as folder:
        return ObservedRun(Path(folder), idle, reads_pictures=reads_pictures).run(rows)


def rows() -> tuple[RowFound, ...]:
    """The table of confinement, tried here.

    Raises:
        ConfinementError: a layer that is required is missing; nothing would be read.
    """
    trials = trial.run_all()
    for tried in trials:
        if (refusal := tried.refusal()) is not None:
            raise refusal
    return tuple(
        RowFound(
            row=tried.row,
            layers=tried.layers,
            missing=tuple(f"{layer}: {why}" for layer, why in tried.degraded.items()),
            refused=tried.refused,
            let_through=tried.let_through,
        )
        for tried in trials
    )


def documents(*, pictures: bool) -> Iterable[tuple[str, bytes]]:
    """(name, bytes) of a document of each format that this machine reads, of our own making."""
    letters = []
    for name, content in samples.documents():
        if pictures or not name.endswith(_PICTURES):
            yield name, content
        if name.endswith(".eml"):
            letters.append(content)
    yield "a.zip", samples.pack({"in a zip.txt": "A lantern hangs above the harbour."})
    # More than one, so that it is an import, in a process of its own.
    yield (
        "a.mbox",
        b"".join(
            b"From a@b.example Thu Jan  1 00:00:00 2026\n"
            + letter.replace(b"<1@b>", b"<%d@b>" % number)
            + b"\n"
            for letter in letters
            for number in (2, 3)
        ),
    )
    if libreoffice.installed(CONVERSIONS["wpd"]):
        yield "a.wpd", _WORD_PERFECT + b"A kite rises over the dunes.\n"


def machine() -> Machine:
    """This machine and what is installed in our environment."""
    return Machine(
        mode=mode.here(),
        kernel=platform.release(),
        architecture=platform.machine(),
        landlock=landlock.version(),
        python=platform.python_version(),
        versions={each.name.lower(): each.version for each in metadata.distributions()},
        switches={switch.name: switch.value for switch in SWITCHES},
    )


def attempts(seen: Iterable[Mapping[str, Any]]) -> tuple[AttemptsFound, ...]:
    """Those that are alike as one, the most frequent first."""
    counted = Counter(
        (
            one["process"],
            one["call"],
            _named(socket.AddressFamily, one["family"]),
            _named(socket.SocketKind, one["kind"]),
            one["protocol"],
            one["destination"],
        )
        for one in seen
    )
    return tuple(
        AttemptsFound(
            process=process,
            call=call,
            family=family,
            kind=kind,
            protocol=protocol,
            destination=destination,
            times=times,
        )
        for (process, call, family, kind, protocol, destination), times in counted.most_common(_ALIKE)
    )


def meant(log: bytes) -> tuple[IntentionsFound, ...]:
    """The intentions in a log, those that are alike as one."""
    counted = Counter(intentions.told(log))
    return tuple(IntentionsFound(meant=one, times=times) for one, times in counted.most_common(_ALIKE))


def _named(kinds: Any, number: int) -> str:
    """As Python names it; empty for none."""
    if number < 0:
        return ""
    try:
        return str(kinds(number).name)
    except ValueError:
        return str(number)


def _drop(path: Path, content: bytes) -> None:
    """As a person's program would: complete, at once."""
    begun = path.parent.with_name(path.name)
    begun.write_bytes(content)
    begun.rename(path)
